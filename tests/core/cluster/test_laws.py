"""
Laws of a recording: they hold in any order between kinds, for repeated observations, and over a restart.

The columns that may differ are those that the catalogue calls observed; a version may differ, and must only ever rise.
"""

import random
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.catalog.tables import TABLE_OF
from collector.core.argo import controller
from collector.core.cluster.state import Cluster
from collector.core.facts.bills import PodCost, PodRun
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Observation
from collector.core.model import Fact, version_of
from collector.core.pod.lifecycle import NODE_ID
from collector.core.pod.state import PodState
from collector.core.workflow.state import WorkflowState
from tests.builders import (
    ECI_2C4G,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_pod,
    a_step,
    a_workflow,
    an_observation,
    ended_pod,
    iso,
)
from tests.core.settled import Settled, facts_of, settled
from tests.examples import examples
from tests.replay import KINDS, RULES, observations

MOVING = ("workflows", "pods")


@cache
def recorded(folder: str) -> dict[str, list[Observation]]:
    """A recording by kind, each in its own order."""
    seen = observations(folder)
    return {kind: [o for o in seen if o.kind == kind] for kind in KINDS}


def merged(streams: dict[str, list[Observation]], chance: random.Random, bias: float) -> list[Observation]:
    """Machines and namespaces first, as they are watched first; then the moving kinds, each in its own order."""
    out = [*streams["namespaces"], *streams["nodes"]]
    left = {kind: iter(streams[kind]) for kind in MOVING}
    while left:
        kind = MOVING[chance.random() < bias]
        stream = left.get(kind) or next(iter(left.values()))
        one = next(stream, None)
        if one is None:
            left = {k: s for k, s in left.items() if s is not stream}
        else:
            out.append(one)
    return out


@cache
def reported_in_order(folder: str) -> Settled:
    """What a recording leads to in the order in which it arrived."""
    return settled(facts_of(Cluster("c1", RULES), observations(folder)))


BIAS = st.sampled_from([0.0, 0.02, 0.3, 0.5, 0.8, 0.98, 1.0])


@settings(max_examples=examples(40))
@given(st.integers(0, 2**32), BIAS)
def test_the_order_between_kinds_changes_no_fact(seed: int, bias: float) -> None:
    """Kinds are watched on connections of their own; after a restart one kind may be minutes ahead of another."""
    seen = merged(recorded("basics"), random.Random(seed), bias)

    assert settled(facts_of(Cluster("c1", RULES), seen)) == reported_in_order("basics")


@pytest.mark.parametrize("folder", ["throttled", "packed"])
@pytest.mark.parametrize("bias", [0.0, 0.5, 1.0])
def test_the_order_between_kinds_changes_no_fact_of_a_large_workflow(folder: str, bias: float) -> None:
    """All pods before all workflows, mixed, and after them."""
    seen = merged(recorded(folder), random.Random(1), bias)

    assert settled(facts_of(Cluster("c1", RULES), seen)) == reported_in_order(folder)


def repeated(seen: list[Observation], chance: random.Random) -> Iterator[Observation]:
    """A stream in which stretches come again, as after a watch that resumes from before."""
    at = 0
    while at < len(seen):
        yield seen[at]
        at += 1
        if chance.random() < 0.1:
            yield from seen[max(0, at - chance.randrange(60)) : at]


def guarded(seen: Iterable[Observation]) -> Iterator[Observation]:
    """What the watch lets through: of each uid only what is newer, and nothing of what was deleted."""
    last: dict[str, int] = {}
    for one in seen:
        if one.version > last.get(one.uid, -1):
            last[one.uid] = one.version
            yield one


@settings(max_examples=examples(25))
@given(st.integers(0, 2**32), BIAS)
def test_what_is_reported_twice_changes_no_fact(seed: int, bias: float) -> None:
    """A watch may resume from an older position; its guard and the keys make that harmless."""
    chance = random.Random(seed)
    again = {kind: list(guarded(repeated(stream, chance))) for kind, stream in recorded("basics").items()}

    assert settled(facts_of(Cluster("c1", RULES), merged(again, chance, bias))) == reported_in_order("basics")


def test_the_same_sight_twice_in_a_row_changes_no_fact_even_without_the_guard() -> None:
    """No state counts observations; only what is deleted and forgotten cannot be recognised again."""
    twice = [one for one in observations("basics") for _ in range(1 if one.change == "deleted" else 2)]

    assert settled(facts_of(Cluster("c1", RULES), twice)) == reported_in_order("basics")


@settings(max_examples=examples(20))
@given(st.integers(0, 2**32), BIAS)
def test_the_queue_is_the_workflows_of_work_has_not_begun(seed: int, bias: float) -> None:
    """At every instant; no workflow is counted twice or forgotten."""
    cluster = Cluster("c1", RULES)
    for one in merged(recorded("basics"), random.Random(seed), bias):
        cluster.observe(one)
        living = [
            workflow_state for workflow_state in cluster.workflows.values() if not workflow_state.attempt.finished
        ]

        assert sum(w.count for w in cluster.waiting() if not w.begun) == sum(
            1 for x in living if x.attempt.picked_up_at is None
        )
        assert sum(w.count for w in cluster.waiting()) == len(living)


@settings(max_examples=examples(20))
@given(st.integers(0, 2**32), BIAS)
def test_every_millisecond_is_accounted_for(seed: int, bias: float) -> None:
    """At every instant the reasons are not negative and sum to the time from first sight to the last change of reason."""
    cluster = Cluster("c1", RULES)
    for one in merged(recorded("basics"), random.Random(seed), bias):
        cluster.observe(one)
        workflow_state = cluster.workflows.get(one.uid)
        if workflow_state is not None:
            attempt = workflow_state.attempt
            assert min(attempt.spent or [0]) >= 0
            assert sum(attempt.spent or [0]) == attempt.reason_since - attempt.first_seen_at


@settings(max_examples=examples(20))
@given(st.integers(0, 2**32), BIAS)
def test_pods_are_counted_as_they_are(seed: int, bias: float) -> None:
    """The counts of a workflow are those of its pods at every instant."""
    cluster = Cluster("c1", RULES)
    for one in merged(recorded("basics"), random.Random(seed), bias):
        cluster.observe(one)
    for workflow_state in cluster.workflows.values():
        pods = [cluster.pods[uid] for uid in cluster.tracked.pods_of.get(workflow_state.uid, ())]

        assert workflow_state.running_pods == sum(pod.stage == "running" for pod in pods)
        assert workflow_state.starting_pods == sum(pod.stage == "starting" for pod in pods)
        assert sum(held.count for held in (workflow_state.held_pods or {}).values()) == sum(
            bool(pod.waits) for pod in pods
        )


def restarted(cluster: Cluster) -> Cluster:
    """A cluster taken up from the checkpoints of another, in whatever order they lie on disk."""
    fresh = Cluster(cluster.name, cluster.rules)
    pack, unpack = msgspec.msgpack.encode, msgspec.msgpack.decode
    for pod in cluster.pods.values():
        fresh.adopt([], [unpack(pack(pod), type=PodState)])
    for workflow_state in cluster.workflows.values():
        fresh.adopt([unpack(pack(workflow_state), type=WorkflowState)], [])
    fresh.controllers = controller.unpack(controller.pack(cluster.controllers))
    return fresh


@settings(max_examples=examples(25))
@given(st.integers(0, 2**32), BIAS, st.lists(st.integers(0, 475), max_size=4))
def test_a_restart_changes_no_fact(seed: int, bias: float, points: list[int]) -> None:
    """Checkpoints hold all that a state needs, observed columns included; the rest is listed again."""
    seen = merged(recorded("basics"), random.Random(seed), bias)
    first = [*recorded("basics")["namespaces"], *recorded("basics")["nodes"]]
    cluster, facts = Cluster("c1", RULES), list[Fact]()
    for begin, end in zip([0, *sorted(points)], [*sorted(points), len(seen)], strict=True):
        facts += facts_of(cluster, seen[begin:end])
        cluster = restarted(cluster)
        for one in first:
            cluster.observe(one)

    assert every_column(facts) == every_column(facts_of(Cluster("c1", RULES), seen))


def every_column(facts: Iterable[Fact]) -> dict[tuple[Any, ...], Fact]:
    """The rows that stay, with all their columns."""
    rows: dict[tuple[Any, ...], Fact] = {}
    for fact in facts:
        match fact:
            case WorkflowRun():
                rows["run", fact.uid, fact.attempt] = fact
            case PodRun():
                rows["pod", fact.uid] = fact
            case PodCost():
                rows["cost", fact.pod_uid, fact.day] = fact
    return rows


def test_a_restart_shows_no_incident_again() -> None:
    """What was written is part of the checkpoint."""
    seen = observations("throttled")
    cluster = Cluster("c1", RULES)
    before = list(facts_of(cluster, seen[: len(seen) // 2]))
    after = list(facts_of(restarted(cluster), seen))
    again = [fact for fact in (*before, *after) if TABLE_OF[type(fact)].name == "controller_incident"]

    assert len(again) == len(set(again)) == 4


def test_a_version_grows_with_object_cluster_and_derivation() -> None:
    """Epoch before resource version before revision."""
    assert version_of(0, 5) < version_of(0, 5, 1) < version_of(0, 6) < version_of(1, 1)


AGAIN = NOON + 10 * MINUTE
"""When `argo retry` takes the workflow up again, and once more an hour later."""


def retried(step: str = "") -> dict[str, list[Observation]]:
    """Two attempts that fail and a third, each with a pod of its own step or of one; each kind in its own order."""
    work = [an_observation(a_workflow(), "added")]
    pods = []
    for number, begin in enumerate((NOON + SECOND, AGAIN, AGAIN + HOUR), 1):
        end, phase = begin + MINUTE, "Succeeded" if number == 3 else "Failed"
        node_id = step or f"p{number}"
        node = {node_id: a_step(phase, startedAt=iso(begin), finishedAt=iso(end - SECOND))}
        states = (
            a_workflow(started=begin),
            a_workflow(phase="Running", started=begin),
            a_workflow(phase=phase, started=begin, finished=end, nodes=node),
        )
        work += [an_observation(state, when=begin + i * 30 * SECOND) for i, state in enumerate(states)]
        made: dict[str, Any] = {"created": begin + SECOND, "annotations": ECI_2C4G | {NODE_ID: node_id}}
        ended = ended_pod(f"p{number}", phase=phase, started=begin + 2 * SECOND, ended=end - 2 * SECOND, **made)
        pods += [
            an_observation(a_pod(f"p{number}", **made), "added", when=begin + SECOND),
            an_observation(ended, when=end - SECOND),
            an_observation(ended, "deleted", when=end + 9 * SECOND),
        ]
    return {"workflows": work, "pods": pods, "namespaces": [], "nodes": []}


@given(st.sampled_from(["", "s1"]), st.integers(-2 * HOUR, 2 * HOUR), st.lists(st.integers(0, 19), max_size=4))
def test_a_retry_takes_nothing_from_the_attempt_before(step: str, lag: int, points: list[int]) -> None:
    """Pods may be watched attempts behind their workflow, or attempts ahead of it, over any restart."""
    streams = retried(step)
    reported = [(one.at, one) for one in streams["workflows"]] + [(one.at + lag, one) for one in streams["pods"]]
    seen = [one for _, one in sorted(reported, key=lambda at_and_one: at_and_one[0])]
    in_time = sorted(streams["workflows"] + streams["pods"], key=lambda one: one.at)
    cluster, facts = Cluster("c1", RULES), list[Fact]()
    for begin, end in zip([0, *sorted(points)], [*sorted(points), len(seen)], strict=True):
        facts += facts_of(cluster, seen[begin:end])
        cluster = restarted(cluster)

    assert settled(facts) == settled(facts_of(Cluster("c1", RULES), in_time))


@given(st.sampled_from(["", "s1"]), st.integers(0, 2**32), BIAS)
def test_the_order_between_kinds_changes_no_fact_of_a_retried_workflow(step: str, seed: int, bias: float) -> None:
    """Every step of the one kind may fall between any two of the other."""
    streams = retried(step)
    in_time = sorted(streams["workflows"] + streams["pods"], key=lambda one: one.at)
    seen = merged(streams, random.Random(seed), bias)

    assert settled(facts_of(Cluster("c1", RULES), seen)) == settled(facts_of(Cluster("c1", RULES), in_time))


def test_a_finished_attempt_is_let_go_once_the_pods_have_come_as_far() -> None:
    """What is kept for late pods is bounded: by how far they lag, and by attempts and workflows."""
    streams = retried()
    cluster = Cluster("c1", RULES)
    for one in streams["workflows"]:
        cluster.observe(one)
    kept = [former.number for former in cluster.workflows["w1"].former]
    cluster.tracked.release_until("pods", streams["workflows"][-1].version)

    assert (kept, cluster.workflows["w1"].former) == ([2, 1], ())
