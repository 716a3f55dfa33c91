"""What the packed steps of a large workflow wait for, seen while its pods run."""

import base64
import gzip
from typing import Any

import msgspec
import pytest

from collector.core.facts.workflows import StepRun, WorkflowRun
from collector.core.messages import Observation
from tests.builders import MINUTE, NOON, SECOND, a_step, a_workflow, an_observation, ended_pod, running_pod
from tests.core.observed import a_cluster, depth, feed, only, submitted

LOCK = "team/Mutex/tile"
WAITS = a_step("Pending", synchronizationStatus={"waiting": LOCK}, message=f"Waiting for {LOCK} lock. Lock status: 0/1")
HELD: dict[str, tuple[dict[str, Any], str]] = {
    "step_lock": (WAITS, LOCK),
    "quota": (a_step("Pending", message='pods "b" is forbidden: exceeded quota: team, requested: pods=1'), "team"),
    "suspended": (a_step("Running", kind="Suspend", displayName="approve"), "approve"),
}


def packed(nodes: dict[str, Any], when: int, phase: str = "Running", **more: Any) -> Observation:
    """A sight of a workflow whose steps are too many to stand there plainly."""
    text = base64.b64encode(gzip.compress(msgspec.json.encode(nodes))).decode()
    return an_observation(a_workflow(phase=phase, started=NOON, compressedNodes=text, **more), when=when)


@pytest.mark.parametrize(("reason", "held"), HELD.items())
def test_a_wait_is_known_before_the_last_pod_ends(reason: str, held: tuple[dict[str, Any], str]) -> None:
    """Its end shows the wait at once, though the workflow has no newer word."""
    cluster = a_cluster()
    step, waits_for = held
    nodes = {"a": a_step("Running"), "b": step}
    feed(
        cluster, submitted(), an_observation(running_pod(), "added", when=NOON + SECOND),
        packed(nodes, NOON + 2 * SECOND),
    )  # fmt: skip
    assert depth(cluster) == {"running": 1}

    feed(cluster, an_observation(ended_pod(), when=NOON + 5 * SECOND))
    attempt = cluster.workflows["w1"].attempt

    assert (attempt.reason, attempt.reason_on, attempt.reason_since) == (reason, waits_for, NOON + 5 * SECOND)


def test_a_lock_counts_the_waiting_step_while_pods_run() -> None:
    """The gauge and the step's row have the time from the first word of the wait to the first without it."""
    cluster = a_cluster()
    feed(cluster, submitted(), an_observation(running_pod(), "added", when=NOON + SECOND))
    feed(cluster, packed({"a": a_step("Running"), "b": WAITS}, NOON + 2 * SECOND))
    (use,) = cluster.locks()
    assert (use.name, use.waiting, use.oldest_since, use.limit) == (LOCK, 1, NOON + 2 * SECOND, 1)

    feed(cluster, packed({"a": a_step("Running"), "b": a_step("Running")}, NOON + 9 * SECOND))
    assert cluster.locks() == []

    nodes = {"a": a_step(), "b": a_step()}
    effects = feed(cluster, packed(nodes, NOON + MINUTE, "Succeeded", finished=NOON + MINUTE))
    (row,) = [row for row in only(StepRun, effects) if row.node_id == "b"]

    assert (row.waiting_reason, row.waiting_on, row.waiting_ms) == ("step_lock", LOCK, 7 * SECOND)
    assert only(WorkflowRun, effects)[0].step_lock_ms == 0  # a pod ran all the time


def test_a_missing_result_is_found_in_packed_steps_too() -> None:
    """All steps are done, and the workflow cannot end: this is a cause of its own."""
    cluster = a_cluster()
    feed(cluster, submitted(), packed({"a": a_step(taskResultSynced=False)}, NOON + SECOND))

    assert cluster.workflows["w1"].attempt.awaits_results
