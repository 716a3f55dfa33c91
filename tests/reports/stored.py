"""
The least rows that a report needs, with what it is about given by name.
"""

from typing import Any

from msgspec.structs import replace

from collector.core.facts.workflows import StepRun, WorkflowLive, WorkflowRun
from collector.core.model import REASONS, WaitReason
from tests.builders import NOON, SECOND, version

NO_TIMES: dict[str, Any] = {f"{reason}_ms": 0 for reason in REASONS}


def a_run(uid: str = "w1", **changes: Any) -> WorkflowRun:
    """An attempt that was created at noon, queued 2 s, and succeeded after 100 s."""
    run = WorkflowRun(
        cluster="c1", namespace="team", created_at=NOON, uid=uid, attempt=1, version=version(100), name=uid,
        template="train", queue="nightly", priority=0, labels={}, department="maps", project="", creator="",
        first_seen_at=NOON, picked_up_at=NOON, first_pod_at=None, started_at=NOON, finished_at=NOON + 100 * SECOND,
        phase="Succeeded", outcome="succeeded", reason="", message="", queue_latency_ms=2000, latency_source="watch",
        pods=1, failed_pods=0, retries=0, complete=True, start_latency_ms=5000, start_latency_source="watch",
        node_status="plain", **NO_TIMES,
    )  # fmt: skip
    return replace(run, **changes)


def a_step_run(node_id: str, *, workflow: str = "w1", **changes: Any) -> StepRun:
    """A pod's step that took 30 s from noon on and decided nothing."""
    step = StepRun(
        cluster="c1", namespace="team", workflow_created_at=NOON, workflow_uid=workflow, attempt=1, node_id=node_id,
        version=version(100), workflow_name=workflow, step=node_id, template="main", type="Pod", phase="Succeeded",
        started_at=NOON, finished_at=NOON + 30 * SECOND, pod_uid="", message="", boundary_id="", try_number=1,
        retried=False, hook=False, memoized=False, exit_code=None, critical=False, critical_ms=0, waiting_reason="",
        waiting_on="", waiting_ms=0,
    )  # fmt: skip
    return replace(step, **changes)


def a_live_row(uid: str, reason: WaitReason, waiting_on: str, **changes: Any) -> WorkflowLive:
    """A workflow that waits."""
    row = WorkflowLive(
        cluster="c1", uid=uid, version=version(100), is_deleted=0, namespace="team", name=uid, created_at=NOON,
        attempt=1, template="train", queue="nightly", department="maps", phase="Pending", waiting_reason=reason,
        waiting_since=NOON, waiting_on=waiting_on, first_seen_at=NOON, **NO_TIMES,
    )  # fmt: skip
    return replace(row, **changes)
