"""Workflows that end while they wait: they have not begun, though Argo gives them a start and a step."""

from typing import Any

import pytest

from collector.core.cluster.effects import Began, Ended
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Change, Observation
from collector.core.model import REASONS
from tests.builders import HOUR, MINUTE, NOON, POSTPONED, SECOND, a_pod, a_step, a_workflow, an_observation, iso
from tests.core.observed import a_cluster, feed, only, submitted

LATER = NOON + MINUTE
SHUTDOWN = "workflow shutdown with strategy: Terminate"


def waits(when: int = NOON + SECOND, change: Change = "modified") -> Observation:
    return an_observation(a_workflow(phase="Pending", message=POSTPONED), change, when=when)


def ended(phase: str = "Failed", message: str = "", change: Change = "modified", **more: Any) -> Observation:
    """Its end in one pass of the controller: start, end and the times of its step are one second."""
    step = {"startedAt": iso(LATER), "finishedAt": iso(LATER), "message": message, **more.pop("step", {})}
    nodes = more.pop("nodes", {"w1": {**a_step(phase), **step}})
    spec = {"shutdown": more.pop("shutdown", "")}
    workflow = a_workflow(
        phase=phase, message=message, started=LATER, finished=LATER, nodes=nodes, spec=spec, **more
    )  # fmt: skip
    return an_observation(workflow, change, when=LATER + SECOND)


@pytest.mark.parametrize("change", ["modified", "listed"])
@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        ({"message": SHUTDOWN, "shutdown": "Terminate"}, "cancelled"),
        ({"message": "Stopped with strategy 'Stop'", "shutdown": "Stop"}, "cancelled"),
        ({"message": "template nope not found", "phase": "Error", "step": {"type": "Skipped"}}, "invalid"),
        ({"message": "Error applying PodSpecPatch", "phase": "Error"}, "invalid"),
        ({"message": "Invalid 'when' expression 'x'", "phase": "Error", "step": {"type": "Skipped"}}, "failed"),
        ({"message": "boom", "phase": "Error"}, "platform"),
        ({"message": "boom", "phase": "Error", "nodes": {}}, "platform"),
    ],
)
def test_what_ended_while_it_waited_never_began(last: dict[str, Any], outcome: str, change: Change) -> None:
    """It was never Running and no pod of it existed: no latency, and it is not counted as started."""
    effects = feed(a_cluster(), submitted(), waits(), ended(**last, change=change))
    (run,) = only(WorkflowRun, effects)

    assert (run.outcome, run.picked_up_at, run.queue_latency_ms, run.latency_source) == (outcome, None, None, "")
    assert only(Began, effects) == []
    assert [e.outcome for e in only(Ended, effects)] == [outcome]
    assert run.throttled_ms > 0


WORKED: list[dict[str, Any]] = [
    {"hostNodeName": "n1"},
    {"outputs": {"exitCode": "1"}},
    {"phase": "Succeeded", "type": "HTTP"},
    {"phase": "Succeeded", "type": "Suspend"},
]


@pytest.mark.parametrize("step", WORKED)
@pytest.mark.parametrize("change", ["modified", "listed"])
def test_a_step_that_worked_began_its_workflow(step: dict[str, Any], change: Change) -> None:
    """Running was missed, and the pods' watch is behind."""
    effects = feed(a_cluster(), submitted(), waits(), ended(step=step, change=change))
    (run,) = only(WorkflowRun, effects)

    assert (run.picked_up_at, run.queue_latency_ms, run.latency_source) == (LATER, MINUTE, "object")
    assert len(only(Began, effects)) == 1


@pytest.mark.parametrize(("change", "began"), [("modified", False), ("listed", True)])
def test_a_step_that_lasted_shows_work_where_something_was_missed(change: Change, began: bool) -> None:
    """Its workflow was Running meanwhile. If nothing was missed, it was not: one pass of the controller took so long."""
    step = {"startedAt": iso(LATER - 5 * SECOND)}
    effects = feed(a_cluster(), submitted(), waits(), ended("Error", "boom", step=step, change=change))

    assert bool(only(Began, effects)) == (only(WorkflowRun, effects)[0].picked_up_at is not None) == began


def test_what_succeeded_in_one_pass_began_with_it() -> None:
    """All its steps were skipped or cached: the controller took it from the queue and was done."""
    nodes = {"w1": a_step(kind="DAG"), "a": a_step("Skipped", kind="Skipped", boundaryID="w1")}
    (run,) = only(WorkflowRun, feed(a_cluster(), submitted(), waits(), ended("Succeeded", nodes=nodes)))

    assert (run.outcome, run.queue_latency_ms, run.latency_source) == ("succeeded", MINUTE, "object")


@pytest.mark.parametrize("how", [{"offloadNodeStatusVersion": "fnv:1"}, {"compressedNodes": "H4sI"}])
def test_steps_that_cannot_be_read_are_so_many_that_work_began(how: dict[str, Any]) -> None:
    """Only a large workflow is packed or offloaded."""
    (run,) = only(WorkflowRun, feed(a_cluster(), submitted(), waits(), ended(nodes={}, **how)))

    assert run.picked_up_at == LATER


def test_a_retried_workflow_that_is_terminated_while_it_waits_did_not_begin_again() -> None:
    """`argo retry` keeps the steps that had succeeded in the attempt before."""
    cluster = a_cluster()
    kept = {"a": a_step(startedAt=iso(NOON + SECOND), finishedAt=iso(NOON + 9 * SECOND), hostNodeName="n1")}
    first = a_workflow(phase="Failed", started=NOON + SECOND, finished=NOON + 10 * SECOND, nodes=kept)
    again = a_workflow(phase="Pending", message=POSTPONED, started=NOON + 30 * SECOND, nodes=kept)
    last = a_workflow(
        phase="Failed", message=SHUTDOWN, started=NOON + 30 * SECOND, finished=LATER, spec={"shutdown": "Terminate"},
        nodes={**kept, "b": a_step("Failed", message=SHUTDOWN, startedAt=iso(LATER), finishedAt=iso(LATER))},
    )  # fmt: skip
    feed(cluster, submitted(), an_observation(first, when=NOON + 11 * SECOND))
    effects = feed(cluster, an_observation(again, when=NOON + 30 * SECOND), an_observation(last, when=LATER))
    run = only(WorkflowRun, effects)[-1]

    assert (run.attempt, run.outcome, run.picked_up_at, only(Began, effects)) == (2, "cancelled", None, [])


def test_a_pod_that_is_seen_before_the_end_began_its_workflow() -> None:
    """The phase may lag behind the pods."""
    effects = feed(
        a_cluster(), submitted(), waits(), an_observation(a_pod(), "added", when=NOON + 5 * SECOND),
        ended(message=SHUTDOWN, shutdown="Terminate"),
    )  # fmt: skip

    assert len(only(Began, effects)) == 1


# A retried attempt that a list shows first.


def of(run: WorkflowRun) -> int:
    """Sum of the milliseconds of all reasons."""
    return sum(getattr(run, f"{reason}_ms") for reason in REASONS)


def retried(when: int, change: Change = "listed", **more: Any) -> Observation:
    return an_observation(a_workflow(started=NOON + HOUR, **more), change, when=when)


def test_the_reasons_of_an_attempt_that_a_list_shows_first_add_up_to_its_life() -> None:
    """It began and ended during a gap; it began when it was taken up again."""
    cluster = a_cluster()
    first = a_workflow(phase="Failed", started=NOON, finished=NOON + MINUTE, nodes={"w1": a_step("Failed")})
    feed(cluster, submitted(), an_observation(first, when=NOON + MINUTE))
    end = retried(NOON + 2 * HOUR, phase="Succeeded", finished=NOON + HOUR + 7 * SECOND, nodes={"w1": a_step()})
    (run,) = only(WorkflowRun, feed(cluster, end))

    assert (run.attempt, run.running_ms, of(run), run.complete) == (2, 7 * SECOND, 7 * SECOND, False)


def test_an_attempt_that_a_list_shows_running_has_run_since_it_began() -> None:
    """From then on it is seen by the arrival clock."""
    cluster = a_cluster()
    first = a_workflow(phase="Failed", started=NOON, finished=NOON + MINUTE, nodes={"w1": a_step("Failed")})
    feed(cluster, submitted(), an_observation(first, when=NOON + MINUTE))
    feed(cluster, retried(NOON + HOUR + 5 * SECOND, phase="Running"))
    end = retried(
        NOON + HOUR + 9 * SECOND,
        "modified",
        phase="Succeeded",
        finished=NOON + HOUR + 9 * SECOND,
        nodes={"w1": a_step()},
    )
    (run,) = only(WorkflowRun, feed(cluster, end))

    assert (run.running_ms, run.advancing_ms, of(run)) == (5 * SECOND, 4 * SECOND, 9 * SECOND)


def test_an_attempt_that_a_list_shows_throttled_has_waited_since_it_was_reopened() -> None:
    """With the message as the only word; without any start, since the list."""
    for started, waited in ((NOON + HOUR, 6 * SECOND), (None, 0)):
        cluster = a_cluster()
        first = a_workflow(phase="Failed", started=NOON, finished=NOON + MINUTE, nodes={"w1": a_step("Failed")})
        feed(cluster, submitted(), an_observation(first, when=NOON + MINUTE))
        again = a_workflow(phase="Pending", message=POSTPONED, started=started)
        feed(cluster, an_observation(again, "listed", when=NOON + HOUR + 6 * SECOND))
        attempt = cluster.workflows["w1"].attempt

        assert (attempt.reason, NOON + HOUR + 6 * SECOND - attempt.reason_since) == ("throttled", waited)
