"""A step's own time on the critical path: none of its waits for a lock, a quota or its pod."""

from typing import Any

import pytest

from collector.core.facts.workflows import StepRun
from collector.core.workflow.steps import Owner, StepHold, step_runs
from tests.builders import MINUTE, NOON, SECOND, a_step, a_workflow, an_observation, ended_pod, iso, read_nodes
from tests.core.observed import a_cluster, feed, only, submitted

OWNER = Owner(
    cluster="c1", namespace="team", workflow_created_at=NOON, workflow_uid="w1", workflow_name="wf", attempt=1,
    started_at=NOON, finished_at=NOON + MINUTE,
)  # fmt: skip
LOCK = "team/Mutex/m"


def of(start: int, end: int) -> dict[str, Any]:
    """The record of a step, in seconds after noon."""
    return {"startedAt": iso(NOON + start * SECOND), "finishedAt": iso(NOON + end * SECOND)}


@pytest.mark.parametrize(
    ("kind", "hold", "made", "expected"),
    [
        ("Pod", None, None, 13_000),
        ("Pod", StepHold("step_lock", LOCK, 0, 11_351), None, 1649),
        ("Pod", StepHold("quota", "team", 0, 11_351), None, 1649),
        ("Pod", StepHold("step_lock", LOCK, 0, 99_000), None, 0),
        ("Pod", None, 14, 1000),
        ("Pod", None, 3, 13_000),
        ("Pod", StepHold("step_lock", LOCK, 0, 11_351), 14, 1000),
        ("Suspend", StepHold("suspended", "approve", 0, 12_500), None, 13_000),
    ],
)
def test_what_a_step_waited_before_its_work_is_no_time_of_its_own(
    kind: str, hold: StepHold | None, made: int | None, expected: int
) -> None:
    """Its record begins with the wait, as was seen or as its pod shows; a person is what a suspended step works with."""
    nodes = {
        "wf": a_step(kind="DAG", children=["a"], **of(0, 15)),
        "a": a_step(boundaryID="wf", children=["b"], **of(0, 2)),
        "b": a_step(kind=kind, boundaryID="wf", **of(2, 15)),
    }
    reported = step_runs(
        OWNER, read_nodes(a_workflow(nodes=nodes).status), pods={}, holds={"b": hold} if hold else {}, version=7,
        made={} if made is None else {"b": NOON + made * SECOND},
    )  # fmt: skip

    assert {row.node_id: row.critical_ms for row in reported} == {"a": 2000, "b": expected}


def test_a_step_behind_a_lock_has_the_time_of_its_pod() -> None:
    """Two of one template take a mutex one after the other; both records begin at once."""
    cluster = a_cluster()
    first: dict[str, Any] = {"boundaryID": "w1", "hostNodeName": "n1"}
    waits = a_step("Pending", boundaryID="w1", startedAt=iso(NOON), synchronizationStatus={"waiting": LOCK})
    root = a_step("Running", kind="DAG", children=["a", "b"], startedAt=iso(NOON))
    begun = a_workflow(phase="Running", started=NOON, nodes={
        "w1": root, "a": a_step("Running", startedAt=iso(NOON), **first), "b": waits,
    })  # fmt: skip
    went_on = a_workflow(phase="Running", started=NOON, nodes={
        "w1": root, "a": a_step(**first, **of(0, 11)), "b": a_step("Running", boundaryID="w1", startedAt=iso(NOON)),
    })  # fmt: skip
    last = a_workflow(phase="Succeeded", started=NOON, finished=NOON + 13 * SECOND, nodes={
        "w1": a_step(kind="DAG", children=["a", "b"], **of(0, 13)),
        "a": a_step(**first, **of(0, 11)), "b": a_step(boundaryID="w1", **of(0, 13)),
    })  # fmt: skip
    pod = ended_pod("b", created=NOON + 11 * SECOND, started=NOON + 12 * SECOND, ended=NOON + 13 * SECOND)
    feed(cluster, submitted(), an_observation(begun, when=NOON + 20), an_observation(went_on, when=NOON + 11_371))
    feed(cluster, an_observation(pod, "added", when=NOON + 13 * SECOND))
    rows = {row.node_id: row for row in only(StepRun, feed(cluster, an_observation(last, when=NOON + 13_500)))}

    assert (rows["b"].critical_ms, rows["b"].waiting_ms, rows["b"].critical) == (1649, 11_351, True)
    assert (rows["a"].critical_ms, rows["a"].waiting_ms, rows["a"].critical) == (0, 0, False)
