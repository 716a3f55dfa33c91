"""
A finished workflow that nobody watched, from its copy in Argo's archive: its attempt as if a list had shown it.

The copy is the workflow's own object, and takes the same way as a listed one; its pods are those that the store has, and
estimates of the others (estimates.py). What it leads to has a version below all that the API server counts: whatever was
seen stands, in whichever order the two arrive. Only a row that says `unknown` is replaced.
"""

from collections.abc import Mapping, Sequence

import msgspec

from collector.core.archive.pod_estimates import (
    ESTIMATED,
    WorkflowRef,
    decoded,
    estimates,
    same_pod,
    steps_of,
    with_step_end,
)
from collector.core.cluster.effects import Effect
from collector.core.cluster.owners import NOTHING
from collector.core.cluster.state import Cluster
from collector.core.cost.changed_charges import WrittenCharges
from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Observation
from collector.core.model import TERMINAL_PHASES, Instant
from collector.core.objects import kubernetes
from collector.core.pod.state import PodState
from collector.core.rules import Rules
from collector.core.workflow.lifecycle import new_workflow
from collector.core.workflow.state import WorkflowState

AS_SEEN = (
    "first_seen_at", "picked_up_at", "first_pod_at", "queue_latency_ms", "latency_source", "start_latency_ms",
    "start_latency_source", "waited_on",
)  # fmt: skip
"""What a row closed as `unknown` knows better than the archive, if work had begun before our eyes."""


class ClusterContext(msgspec.Struct, frozen=True):
    """What else is known of a cluster: labels of its namespaces and of its machines, by name."""

    namespaces: Mapping[str, dict[str, str]] = {}
    machines: Mapping[str, dict[str, str]] = {}


class Charged(msgspec.Struct, frozen=True):
    """A pod that the store has charges of, with or without a row of its own."""

    uid: str
    created_at: Instant
    step: str
    written: WrittenCharges


class StoredRows(msgspec.Struct, frozen=True):
    """What the store has of one workflow."""

    runs: Sequence[WorkflowRun] = ()
    pods: Sequence[PodRun] = ()
    charged: Sequence[Charged] = ()


class ArchivedAttempt(msgspec.Struct, frozen=True):
    """Which attempt of a workflow a copy shows."""

    attempt: int = 1
    version: int = ESTIMATED
    unknown: WorkflowRun | None = None
    """The row that told of this attempt until now."""
    before: WorkflowRun | None = None
    """The attempt before it."""


def read(body: bytes) -> kubernetes.Workflow | None:
    """A copy as the archive gave it; None: it is no finished workflow that could be told from others."""
    workflow = decoded(body, kubernetes.Workflow)
    if workflow is None or not (workflow.metadata.uid and workflow.metadata.name and workflow.status):
        return None
    return workflow if workflow.status.phase in TERMINAL_PHASES else None


def place_of(workflow: kubernetes.Workflow, runs: Sequence[WorkflowRun]) -> ArchivedAttempt | None:
    """Where a copy stands among the attempts that the store has; None: it is one of them."""
    started_at = kubernetes.parse_time(workflow.status.startedAt) if workflow.status else None
    for run in runs:
        if run.outcome != "unknown" and run.started_at == started_at:
            return None
    last = max(runs, key=lambda run: run.attempt, default=None)
    if last is None:
        return ArchivedAttempt()
    if last.outcome == "unknown" and last.started_at in (None, started_at):
        return ArchivedAttempt(last.attempt, last.version + 1, unknown=last)
    return ArchivedAttempt(last.attempt + 1, before=last)


def rows_of(
    name: str, rules: Rules, around: ClusterContext, body: bytes, held: StoredRows, at: Instant
) -> tuple[Cluster, list[Effect]] | None:
    """All that follows from a copy, pods that nobody saw included; None: nothing, the store has it or it is none."""
    workflow = read(body)
    place = place_of(workflow, held.runs) if workflow else None
    if workflow is None or place is None:
        return None
    steps, whose = steps_of(body), _whose(name, workflow, place, rules, at)
    found = _with_keys(estimates(steps, whose, held.pods, around.machines), held)
    ended = {run.uid: run for pod in held.pods if (run := with_step_end(steps, whose, pod))}
    cluster = Cluster(name, rules)
    cluster.namespaces.update(around.namespaces)
    seen = Observation("workflows", "listed", workflow.metadata.uid or "", workflow, place.version, at, live=False)
    labels = cluster.namespaces.get(workflow.metadata.namespace or "", NOTHING)
    earlier = [_earlier(seen, place.before, rules, labels)] if place.before else []
    written = {charged.uid: charged.written for charged in held.charged}
    # Their own versions would lift the workflow's row above what is yet to be seen of it.
    known = [msgspec.structs.replace(ended.get(run.uid, run), version=ESTIMATED) for run in held.pods]
    cluster.adopt(earlier, [_ended_pod(run, written.get(run.uid)) for run in (*known, *found)])
    happened = [_as_seen(h, place, bool(found)) for h in cluster.observe(seen)]
    return cluster, [*found, *ended.values(), *happened]


def _whose(name: str, workflow: kubernetes.Workflow, place: ArchivedAttempt, rules: Rules, at: Instant) -> WorkflowRef:
    meta, spec = workflow.metadata, workflow.spec or kubernetes.WorkflowSpec()
    status = workflow.status or kubernetes.WorkflowStatus()
    return WorkflowRef(
        name, meta.namespace or "", meta.uid or "", meta.name or "", place.attempt,
        kubernetes.parse_time(status.startedAt), kubernetes.parse_time(status.finishedAt) or at,
        spec.serviceAccountName or "", rules.region,
    )  # fmt: skip


def _with_keys(found: Sequence[PodRun], held: StoredRows) -> list[PodRun]:
    """A pod that was charged while it ran, and whose end nobody saw, keeps its key: its charges are replaced, not doubled."""
    rows = {run.uid for run in held.pods}
    open_ones = [charged for charged in held.charged if charged.uid not in rows]
    return [_with_key(run, open_ones) for run in found]


def _with_key(run: PodRun, open_ones: Sequence[Charged]) -> PodRun:
    for one in open_ones:
        if one.step == run.step and same_pod(one.created_at, run.created_at, run.finished_at or run.created_at):
            return msgspec.structs.replace(run, uid=one.uid, created_at=one.created_at)
    return run


def _ended_pod(run: PodRun, written: WrittenCharges | None) -> PodState:
    return PodState(run, "finished", run.created_at, live=False, historic=True, written=written)


def _earlier(seen: Observation, before: WorkflowRun, rules: Rules, labels: Mapping[str, str]) -> WorkflowState:
    """The workflow as it stood after its attempt before, so that the copy takes it up again."""
    state = new_workflow(seen, rules, labels)
    state.attempt.number, state.attempt.finished, state.attempt.started_at = before.attempt, True, before.started_at
    return state


def _as_seen(happening: Effect, place: ArchivedAttempt, estimated: bool) -> Effect:
    """A workflow's row with what was seen of it before the break; no start of a container is known from estimates."""
    if not isinstance(happening, WorkflowRun):
        return happening
    row = msgspec.structs.replace(happening, start_latency_ms=None, start_latency_source="") if estimated else happening
    if place.unknown is None or place.unknown.picked_up_at is None:
        return row
    return msgspec.structs.replace(row, **{field: getattr(place.unknown, field) for field in AS_SEEN})
