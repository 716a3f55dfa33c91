"""Work over all objects is done in slices: each is small, and what happens between two of them is counted once."""

import random
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.cost.pricing_runs import Runs
from collector.core.facts.bills import NodeRun, PodCost
from collector.core.facts.workflows import QueueSample
from collector.core.messages import Checkpoint, Commit, Gone, Outcome
from collector.core.model import Fact
from collector.core.slices import Slices
from collector.core.workflow.state import WorkflowState
from collector.pipeline import checkpoints, pipeline
from collector.pipeline.pipeline import Pipeline
from collector.pipeline.recorder import Recorder
from tests.builders import (
    HOUR,
    MINUTE,
    NOON,
    POSTPONED,
    a_plain_node,
    a_step,
    a_workflow,
    an_observation,
    ended_pod,
    running_pod,
)
from tests.examples import examples
from tests.flow import HEALTHY, a_pipeline, drained, only, position
from tests.slices import whole

PODS = [f"p{number}" for number in range(5)]


def a_busy_pipeline() -> Pipeline:
    """Two clusters with a running workflow, five running pods and a plain node each."""
    flow = a_pipeline("c1", "c2")
    for cluster in ("c1", "c2"):
        flow.take(cluster, [an_observation(a_plain_node("n1"), "listed")])
        flow.take(cluster, [an_observation(a_workflow(phase="Running", started=NOON), "added")])
        flow.take(cluster, [an_observation(running_pod(uid)) for uid in PODS])
    drained(flow)
    return flow


WORK: dict[str, Callable[[Pipeline], Slices[None]]] = {
    "accrual": lambda flow: flow.accrue(NOON + HOUR),
    "pricing runs": lambda flow: flow.set_pricing_runs(Runs({1: 2}), NOON + HOUR),
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK.keys())
def test_a_slice_charges_one_pod(work: Callable[[Pipeline], Slices[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are: 60,000 at once would hold the event loop for seconds."""
    charged: list[str] = []
    charge = Recorder.charge

    def noted(self: Recorder, cluster: Any, pod: Any, *more: Any) -> Any:
        charged.append(pod.run.uid)
        return charge(self, cluster, pod, *more)

    flow = a_busy_pipeline()
    flow.take("c1", [an_observation(ended_pod(), when=NOON + 2 * MINUTE)])
    monkeypatch.setattr(Recorder, "charge", noted)
    slices, most, before = work(flow), 0, 0
    for _ in slices:
        most, before = max(most, len(charged) - before), len(charged)

    assert most == 1
    assert len(charged) >= 2 * len(PODS) - 1


def newest(facts: Iterable[Fact]) -> dict[str, PodCost]:
    """The last charge of each pod of the first cluster."""
    rows = sorted((row for row in only(PodCost, facts) if row.cluster == "c1"), key=lambda row: row.version)
    return {row.pod_uid: row for row in rows}


@pytest.mark.parametrize("after", range(12))
def test_a_pod_that_ends_between_slices_is_charged_to_its_end(after: int) -> None:
    """Before its slice or after it; one that appears is charged with its end, and a node that is gone keeps its end."""
    flow = a_busy_pipeline()
    ends: list[Outcome] = [
        an_observation(ended_pod("p3"), when=NOON + 2 * MINUTE),
        an_observation(running_pod("p9"), when=NOON + 2 * MINUTE),
        an_observation(a_plain_node("n1"), "deleted", when=NOON + 3 * MINUTE),
    ]
    for number, _ in enumerate(flow.accrue(NOON + HOUR)):
        if number == after:
            flow.take("c1", ends)
    facts = drained(flow).facts
    found = newest(facts)
    (node,) = [row for row in sorted(only(NodeRun, facts), key=lambda row: row.version) if row.cluster == "c1"][-1:]

    assert {uid for uid, row in found.items() if row.status == "accruing"} - {"p9"} == {*PODS} - {"p3"}
    assert found["p3"].status == "final"
    assert found["p3"].cost == newest(drained_whole(ends[0]).facts)["p3"].cost
    assert node.gone_at == NOON + 3 * MINUTE


def drained_whole(end: Outcome) -> Any:
    """The commit of a pipeline in which nothing but this happened."""
    flow = a_busy_pipeline()
    flow.take("c1", [end])
    return drained(flow)


@pytest.mark.parametrize("after", range(12))
def test_figures_that_are_counted_in_slices_count_each_object_once(after: int) -> None:
    """A pod that ends meanwhile is in one phase, and the last figures are shown until the new ones are complete."""
    flow = a_busy_pipeline()
    whole(flow.tick(NOON + MINUTE, ()))
    for number, _ in enumerate(flow.tick(NOON + 2 * MINUTE, ())):
        if number == after:
            flow.take("c1", [an_observation(ended_pod("p3"), when=NOON + 2 * MINUTE)])
        view = flow.view(NOON + 2 * MINUTE, {}, HEALTHY)
        assert sum(number for (cluster, _, _), number in view.pods.items() if cluster == "c1") == len(PODS)
        assert {cost.pods for cost in view.burning} <= {4, 5}


@pytest.mark.parametrize("after", range(6))
@pytest.mark.parametrize("work", ["accrual", "pricing runs", "tick"])
def test_a_cluster_that_is_removed_between_slices_is_left(work: str, after: int) -> None:
    """Nothing of it is written or counted any more, and the others go on."""
    flow = a_busy_pipeline()
    flow.take("c1", [an_observation(ended_pod(), when=NOON + 2 * MINUTE)])
    drained(flow)
    works: dict[str, Callable[[Pipeline], Slices[None]]] = {
        **WORK,
        "tick": lambda flow: flow.tick(NOON + HOUR, {"c1", "c2"}),
    }
    for number, _ in enumerate(works[work](flow)):
        if number == after:
            flow.remove_cluster("c1", NOON + HOUR)
            flow.drain(NOON + HOUR)
    commit = flow.drain(NOON + HOUR)
    view = flow.view(NOON + HOUR, {}, HEALTHY)

    assert {row.cluster for row in only(PodCost, commit.facts if commit else [])} <= {"c2"}
    assert {cost.cluster for cost in view.burning} == ({"c2"} if work == "tick" else set())
    assert not [key for family in flow.counters.series.values() for key in family if key[0] == "c1"]


def test_a_slice_samples_one_cluster() -> None:
    """Its rows bear the instant at which sampling began."""
    flow = a_pipeline("c1", "c2", "c3")
    for name in flow.clusters:
        flow.take(name, [an_observation(a_workflow(), "added")])
    drained(flow)
    slices = flow.sample_queues(NOON + MINUTE, {"c1", "c3"})
    found = []
    for _ in slices:
        commit = flow.drain(NOON)
        found.append([(row.cluster, row.at) for row in only(QueueSample, commit.facts if commit else [])])

    assert found == [[("c1", NOON + MINUTE)], [("c3", NOON + MINUTE)]]


def events(chance: random.Random) -> list[Outcome]:
    """Something that happens, and how far the watch of it is then."""
    uid, when = f"w{chance.randrange(4)}", NOON + chance.randrange(HOUR)
    seen: Any = chance.choice(
        [
            a_workflow(uid, phase="Pending", message=POSTPONED),
            a_workflow(uid, phase="Running", started=NOON),
            a_workflow(uid, phase="Succeeded", started=NOON, finished=when, nodes={"a": a_step()}),
            running_pod(f"p-{uid}", owner=uid),
            ended_pod(f"p-{uid}", owner=uid),
        ]
    )
    change: Any = chance.choice(["added", "modified", "modified", "deleted"])
    one = an_observation(seen, change, when=when)
    return [one, position(one.kind, str(when))]


@settings(max_examples=examples(100))
@given(st.integers(0, 2**32))
def test_a_commit_has_states_of_one_instant_however_they_were_packed(seed: int) -> None:
    """Packed ahead in slices, with events between any two of them, or all at once: each commit is the same."""
    chance = random.Random(seed)
    sliced, at_once = a_pipeline(), a_pipeline()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pipeline, "DRAINED_AT_ONCE", 0)
        _commit_both(sliced, at_once, chance)


def _commit_both(sliced: Pipeline, at_once: Pipeline, chance: random.Random) -> None:
    for _ in range(6):
        for _ in range(chance.randrange(6)):
            one = events(chance)
            for flow in (sliced, at_once):
                flow.take("c1", one)
        for _ in sliced.pack():
            if chance.random() < 0.3:
                one = events(chance)
                for flow in (sliced, at_once):
                    flow.take("c1", one)
            if chance.random() < 0.1:
                break
        commits = [flow.drain(NOON) for flow in (sliced, at_once)]
        assert parts(commits[0]) == parts(commits[1])


def without_pods_version(change: Checkpoint) -> Checkpoint:
    """
    A state without the version of the newest pod, which does not mark its workflow as changed.

    Each event of a pod raises it; it is written with the next change of the workflow that is one.
    """
    if change.kind != "workflows":
        return change
    state = msgspec.msgpack.decode(checkpoints._decompressed(change.state), type=WorkflowState)
    for attempt in (state.attempt, *state.former):
        attempt.pods_version = 0
    return msgspec.structs.replace(change, state=msgspec.msgpack.encode(state))


def parts(commit: Commit | None) -> Any:
    """What a commit holds; the order of states is nothing that anything depends on."""
    if commit is None:
        return None
    changes: list[Checkpoint | Gone] = [*map(without_pods_version, commit.upserts), *commit.deletes]
    return commit.facts, commit.cursors, {(change.kind, change.uid): change for change in changes}, len(changes)


def test_what_was_packed_ahead_is_not_packed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain has left what changed since; a slice packs one state."""
    packed: list[str] = []
    change = checkpoints._change

    def noted(cluster: Any, kind: Any, key: str) -> Any:
        packed.append(key)
        return change(cluster, kind, key)

    flow = a_busy_pipeline()
    ends: list[Outcome] = [an_observation(ended_pod(uid), when=NOON + 2 * MINUTE) for uid in PODS]
    flow.take("c1", ends)
    monkeypatch.setattr(checkpoints, "_change", noted)
    monkeypatch.setattr(pipeline, "DRAINED_AT_ONCE", 3)
    most, before = 0, 0
    for _ in flow.pack():
        most, before = max(most, len(packed) - before), len(packed)
    ahead = len(packed)
    flow.take("c2", ends[:1])
    commit = drained(flow)

    assert (most, ahead) == (1, len(PODS) + 1)
    assert sorted(packed[ahead:]) == ["p0", "w1"]
    assert len(commit.upserts) == len(packed)


def test_a_cluster_that_is_being_restored_shows_nothing() -> None:
    """Half of its workflows would look like a queue that drains; a slice takes up one state."""
    flow = a_busy_pipeline()
    flow.take("c2", [position()])
    commits = [drained(flow)]
    whole_flow = a_pipeline("c1", "c2")
    states = [(c.cluster, c.kind, c.uid, c.state) for c in a_commit_of_all().upserts]
    shown = []
    for _ in whole_flow.restore(commits[0].cursors, [row for row in states if row[0] == "c1"]):
        view = whole_flow.view(NOON, {}, HEALTHY)
        shown.append((len(view.queues), len(view.clusters)))
    view = whole_flow.view(NOON, {}, HEALTHY)

    assert {*shown} == {(0, 2)}
    assert len(shown) == len([row for row in states if row[0] == "c1"]) + 2
    assert {row.cluster for row in view.queues} == {"c1"}


def a_commit_of_all() -> Commit:
    """The first commit of the busy pipeline, with every state."""
    flow = a_pipeline("c1", "c2")
    for cluster in ("c1", "c2"):
        flow.take(cluster, [an_observation(a_workflow(phase="Running", started=NOON), "added")])
        flow.take(cluster, [an_observation(running_pod(uid)) for uid in PODS])
    return drained(flow)
