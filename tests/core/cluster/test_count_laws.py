"""
What is counted as things change equals a walk over all of them, whatever happened and in whatever order.

Workflows are submitted, throttled, held by locks, begun, ended, retried and deleted; their pods come, wait, run and go. In
between the collector restarts, its clock is set, and watches have gaps.
"""

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.cluster.state import Cluster
from collector.core.messages import Observation
from collector.core.workflow import lifecycle
from tests.builders import (
    MINUTE,
    NOON,
    POSTPONED,
    SECOND,
    a_container,
    a_pod,
    a_state,
    a_step,
    a_vanishing,
    a_workflow,
    an_observation,
    ended_pod,
    running_pod,
)
from tests.core.cluster.test_laws import BIAS, merged, recorded, restarted
from tests.core.observed import a_cluster, feed, running, submitted
from tests.core.queue import walked
from tests.examples import examples
from tests.replay import RULES

GPU, TILE = "team/ConfigMap/locks/gpu", "team/Mutex/tile"
HELD_STEP = a_step("Pending", synchronizationStatus={"waiting": TILE}, message=f"Waiting for {TILE} lock")


def check(cluster: Cluster) -> None:
    """Every count of the cluster equals a walk."""
    assert cluster.waiting() == walked.waiting_rows(cluster.name, cluster.workflows.values())
    found = {row.name: row for row in cluster.locks()}
    expected = walked.locks(cluster.workflows.values())
    assert {*found} == {*expected}
    for name, lock in expected.items():
        row = found[name]
        assert (row.held, row.idle, row.held_since, row.waiting, row.oldest_since) == lock[:5]
        assert {*row.holders} <= lock.holders
        assert len(row.holders) == min(5, len(lock.holders))


def semaphore(**sides: Any) -> dict[str, Any]:
    return {"semaphore": {side: [{"semaphore": GPU, "holders": holders}] for side, holders in sides.items()}}


Move = Callable[[str, int], Observation]
"""An observation of a workflow, or of a pod of it, at an instant."""

WORKFLOW: dict[str, dict[str, Any]] = {
    "unseen": {},
    "throttled": {"phase": "Pending", "message": POSTPONED},
    "locked": {
        "phase": "Pending", "message": f"Waiting for {GPU} lock. Lock status: 0/2",
        "synchronization": semaphore(waiting=["team/a"]),
    },
    "running": {"phase": "Running", "nodes": {"a": a_step("Running")}},
    "holding": {"phase": "Running", "synchronization": semaphore(holding=["team/w/a", "team/w/b"])},
    "both": {
        "phase": "Running", "nodes": {"a": HELD_STEP},
        "synchronization": semaphore(holding=["team/w/a"]) | {"mutex": {"waiting": [{"mutex": TILE}]}},
    },
    "suspended": {"phase": "Running", "spec": {"suspend": True}, "synchronization": semaphore(holding=["team/w/a"])},
    "moved": {"phase": "Pending", "labels": {"queue": "other"}},
    "succeeded": {"phase": "Succeeded", "nodes": {"a": a_step()}},
    "failed": {"phase": "Failed", "nodes": {"a": a_step("Failed")}},
}  # fmt: skip


def workflow(name: str, change: Any = "modified", live: bool = True) -> Move:
    def move(uid: str, when: int) -> Observation:
        about = WORKFLOW[name]
        begun: dict[str, Any] = {"started": when - when % MINUTE} if about.get("phase") not in (None, "Pending") else {}
        begun |= {"finished": when} if name in ("succeeded", "failed") else {}
        seen = a_workflow(uid, created=NOON - SECOND * (ord(uid) % 3), **about, **begun)
        return an_observation(seen, change, when=when, live=live)

    return move


def pod(made: Callable[..., Any], change: Any = "modified", **more: Any) -> Move:
    def move(uid: str, when: int) -> Observation:
        return an_observation(made(f"p-{uid}", owner=uid, **more), change, when=when)

    return move


MOVES: list[Move] = [
    *(workflow(name) for name in WORKFLOW),
    *(workflow(name) for name in ("throttled", "locked", "both")),
    workflow("running", "listed", live=False),
    workflow("succeeded", "deleted"),
    workflow("throttled", "deleted"),
    lambda uid, when: a_vanishing("workflows", uid, when=when),
    pod(a_pod),
    pod(a_pod, containers=[a_container(waits="ImagePullBackOff")]),
    pod(running_pod),
    pod(ended_pod),
    pod(ended_pod, phase="Failed"),
    pod(ended_pod, "deleted"),
    lambda uid, when: a_vanishing("pods", f"p-{uid}", when=when),
]


def disturb(cluster: Cluster, how: str, when: int) -> Cluster:
    """What happens to a collector rather than to what it watches."""
    if how == "restart":
        return restarted(cluster)
    if how == "gap":
        cluster.gap_started("workflows", when)
    elif how == "clock":
        cluster.step_clock(-7 * MINUTE)
    elif how == "clock ahead":
        cluster.step_clock(1234)
    elif how == "reached":
        cluster.tracked.release_until("pods", when << 20)
        cluster.tracked.release_until("workflows", when << 20)
    return cluster


DISTURBED = st.sampled_from(["", "", "", "", "restart", "gap", "clock", "clock ahead", "reached"])
STEPS = st.lists(
    st.tuples(st.integers(0, len(MOVES) - 1), st.sampled_from("abcdefg"), st.integers(1, 90 * SECOND), DISTURBED),
    max_size=40,
)


@settings(max_examples=examples(400))
@given(STEPS)
def test_counts_equal_a_walk_whatever_happens(steps: list[tuple[int, str, int, str]]) -> None:
    """After each step, so that two faults do not hide each other."""
    cluster, now = Cluster("c1", msgspec.structs.replace(RULES, queue_label="queue")), NOON
    for number, uid, later, how in steps:
        now += later
        cluster.observe(MOVES[number](uid, now))
        check(cluster)
        cluster = disturb(cluster, how, now)
        check(cluster)


@settings(max_examples=examples(20))
@given(st.integers(0, 2**32), BIAS)
def test_counts_of_a_recording_equal_a_walk(seed: int, bias: float) -> None:
    """Real objects, in any order between kinds, with now and then a restart."""
    chance = random.Random(seed)
    cluster = Cluster("c1", RULES)
    for one in merged(recorded("basics"), chance, bias):
        cluster.observe(one)
        if chance.random() < 0.05:
            check(cluster)
        if chance.random() < 0.01:
            cluster = restarted(cluster)
    check(cluster)


def test_an_unforeseen_error_leaves_no_workflow_out_of_the_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What changed before the error is kept, counted and in the next checkpoint."""
    cluster = a_cluster()

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(lifecycle, "observe", fail)
        with pytest.raises(ZeroDivisionError):
            cluster.observe(submitted())
    feed(cluster, running("w2"))
    with monkeypatch.context() as broken:
        broken.setattr(lifecycle, "set_reason", fail)
        with pytest.raises(ZeroDivisionError):
            cluster.observe(an_observation(a_pod("p1", owner="w2"), "added"))
    with monkeypatch.context() as broken:
        broken.setattr(lifecycle, "new_workflow", fail)
        with pytest.raises(ZeroDivisionError):
            cluster.observe(submitted("w3"))

    check(cluster)
    assert [(row.reason, row.count) for row in cluster.waiting()] == [("advancing", 1), ("unseen", 1)]
    assert ("workflows", "w1") in cluster.changes.drain()


def test_locks_are_known_again_after_a_restart() -> None:
    """A watch that resumes shows no workflow that did not change: its locks come from its checkpoint, limit included."""
    cluster = a_cluster()
    feed(cluster, workflow("locked")("a", NOON), workflow("holding")("b", NOON))
    again = restarted(cluster)

    assert again.locks() == cluster.locks()
    assert [(row.name, row.limit, row.waiting, row.held) for row in again.locks()] == [(GPU, 2, 1, 2)]


def test_a_state_without_any_lock_leaves_no_lock() -> None:
    """A lock is forgotten with the last workflow that uses it."""
    cluster = a_cluster()
    feed(cluster, workflow("both")("a", NOON), workflow("succeeded")("a", NOON + MINUTE))

    assert (cluster.locks(), cluster.waiting()) == ([], [])
    cluster.tracked.waiting.update("b", a_state(finished=True))
    assert cluster.waiting() == []
