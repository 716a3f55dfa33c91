"""Whatever queue managers do, in whatever order it arrives: times add up, counts equal a walk, and persons are not blamed."""

import random
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.cluster.effects import Began, Ended
from collector.core.cluster.state import Cluster
from collector.core.facts.workflows import WorkflowRun
from collector.core.model import REASONS
from collector.core.pod.state import PodState
from collector.core.rules import Rules
from collector.core.workflow.rows import duration, queue_latency
from collector.core.workflow.state import WorkflowState
from tests.builders import HOUR, MINUTE, NOON, SECOND, a_step, a_workflow, an_observation, ended_pod, running_pod
from tests.core.observed import a_cluster, feed, only
from tests.core.queue import walked
from tests.core.queue.managers.objects import (
    TOPOLOGY,
    a_gated,
    a_group,
    a_managed,
    a_suspended,
    a_unit,
    a_volcano_pod,
    a_workload,
    saw,
    waits_for_quota,
)
from tests.examples import examples

PENDING = {"w1": a_step("Pending")}
MOVES: dict[str, Callable[[], object]] = {
    "new": a_workflow,
    "held": a_managed,
    "released": lambda: a_managed(suspend=False),
    "held again": lambda: a_managed(nodes={"w1": a_step("Running")}),
    "suspended": a_suspended,
    "running": lambda: a_workflow(phase="Running", started=NOON, nodes=PENDING),
    "asking": lambda: a_workflow(phase="Running", started=NOON, nodes=PENDING, spec={"schedulerName": "volcano"}),
    "unit": a_unit,
    "unit of none": lambda: a_unit(""),
    "unit out": lambda: a_unit("Dequeued"),
    "unit runs": lambda: a_unit("Running"),
    "gated": a_gated,
    "gated too": lambda: a_gated("p2"),
    "let in": lambda: a_gated("p1", "w1", TOPOLOGY),
    "workload": lambda: a_workload("p1", waits_for_quota()),
    "workload of none": lambda: a_workload("p2"),
    "volcano": lambda: a_volcano_pod("p3"),
    "group": a_group,
    "group in": lambda: a_group("Inqueue"),
    "pod runs": running_pod,
    "pod over": ended_pod,
}


def restarted(cluster: Cluster) -> Cluster:
    """The cluster from its saved states; the managers' objects are listed again, or not."""
    after = Cluster("c1", Rules())
    after.adopt(
        [msgspec.convert(msgspec.to_builtins(one), WorkflowState) for one in cluster.workflows.values()],
        [msgspec.convert(msgspec.to_builtins(one), PodState) for one in cluster.pods.values()],
    )
    return after


@given(st.lists(st.sampled_from([*MOVES, "restart", "listed"]), max_size=25), st.integers(0, 2**32), st.booleans())
@settings(max_examples=examples(400))
def test_times_add_up_and_counts_equal_a_walk(moves: list[str], seed: int, readable: bool) -> None:
    """Also over restarts, and where the managers' objects cannot be read."""
    chance, cluster = random.Random(seed), a_cluster()
    if readable:
        cluster.gap_ended("podgroups")
    at = NOON
    feed(cluster, an_observation(a_workflow(), "added", when=at))
    change = "modified"
    for move in moves:
        at += chance.choice([5, 900, 61_000])
        if move == "restart":
            cluster = restarted(cluster)
        elif move == "listed":
            change = "listed"
        elif readable or ("unit" not in move and "workload" not in move and "group" not in move):
            feed(cluster, saw(MOVES[move](), at, change))  # type: ignore[arg-type]  # `modified` or `listed`
            change = "modified"
        attempt = cluster.workflows["w1"].attempt
        assert cluster.waiting() == walked.waiting_rows("c1", cluster.workflows.values())
        assert sum(attempt.spent or ()) == attempt.reason_since - NOON
        assert 0 <= attempt.unadmitted <= attempt.pods
        assert attempt.picked_up_at is not None or attempt.reason in ("unseen", "queued")
    done = a_workflow(phase="Succeeded", started=NOON, finished=at + MINUTE, nodes={"w1": a_step()})
    effects = feed(cluster, saw(done, at + MINUTE))
    (run,) = only(WorkflowRun, effects)

    assert sum(getattr(run, f"{reason}_ms") for reason in REASONS) == at + MINUTE - NOON
    assert len(only(Ended, effects)) == 1


@given(
    st.lists(
        st.sampled_from(["suspended", "running", "pod runs", "unit", "workload", "group", "unit of none"]), max_size=12
    )
)
@settings(max_examples=examples(100))
def test_without_a_managers_mark_nothing_is_ever_queued(moves: list[str]) -> None:
    """A person's suspension and pods without a gate, beside any objects of managers of the same names."""
    cluster = a_cluster()
    feed(cluster, an_observation(a_workflow(), "added", when=NOON))
    for number, move in enumerate(moves, 1):
        feed(cluster, saw(MOVES[move](), NOON + number * SECOND))
        assert cluster.workflows["w1"].attempt.reason != "queued"


@given(st.permutations(["held", "unit", "unit", "held"]), st.booleans())
@settings(max_examples=examples(40))
def test_a_held_workflow_begins_once_and_not_before_it_is_released(order: list[str], by_list: bool) -> None:
    """The counter of starts moves with the release."""
    cluster = a_cluster()
    effects = feed(cluster, *(saw(MOVES[move](), NOON + number) for number, move in enumerate(order)))
    change = "listed" if by_list else "modified"
    begun = feed(cluster, saw(a_managed(suspend=False), NOON + HOUR, change), saw(running_pod(), NOON + HOUR))  # type: ignore[arg-type]

    assert only(Began, effects) == []
    assert len(only(Began, begun)) == 1


@pytest.mark.parametrize("live", [True, False])
def test_the_object_of_a_held_workflow_measures_neither_latency_nor_duration(live: bool) -> None:
    """Its startedAt is when Argo saw it suspended: the queue would count as work."""
    cluster, change = a_cluster(), "modified" if live else "listed"
    feed(cluster, saw(a_managed(), NOON + SECOND, change), saw(a_managed(suspend=False), NOON + HOUR, change))  # type: ignore[arg-type]
    done = a_managed(suspend=False, phase="Succeeded", finished=NOON + HOUR + MINUTE, nodes={"w1": a_step()})
    feed(cluster, saw(done, NOON + HOUR + MINUTE))
    state = cluster.workflows["w1"]

    assert queue_latency(state, state.attempt).ms == (HOUR - SECOND if live else None)
    assert duration(state.attempt).ms == MINUTE
