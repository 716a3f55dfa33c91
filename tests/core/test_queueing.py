"""Why a workflow waits, by the controller's words."""

from typing import Any

import pytest

from collector.core import queueing
from collector.core.model import AFTER_WORK
from collector.core.nodes import read_nodes
from collector.core.queueing import Reason
from tests.builders import HOUR, MINUTE, NOON, POSTPONED, a_life, a_step, a_workflow

LOCK = "team/ConfigMap/locks/gpu"


def why(phase: str, message: str = "", **synchronization: Any) -> Reason:
    status = a_workflow(phase=phase, synchronization=synchronization or None).status
    assert status is not None
    return queueing.before_work(phase, message, status.synchronization)


def semaphore(*names: str | None) -> dict[str, Any]:
    return {"waiting": [{"semaphore": name, "holders": ["team/other"]} for name in names]}


@pytest.mark.parametrize("phase", ["", "Running", "Succeeded", "Weird"])
def test_what_the_controller_has_not_put_off_is_unseen(phase: str) -> None:
    """Only Pending is the controller's word for waiting."""
    assert why(phase, POSTPONED, semaphore=semaphore(LOCK)) == Reason("unseen")


def test_a_postponed_workflow_is_throttled() -> None:
    """One text for the global and the namespace limit, from 3.5 to 4.1."""
    assert why("Pending", POSTPONED) == Reason("throttled")


@pytest.mark.parametrize(
    "message",
    [
        f"Waiting for {LOCK} lock. Lock status: 0/2",
        "Failed to get semaphore limit for team/ConfigMap/locks/gpu",
        "Waiting to acquire the synchronization lock. timeout",
        "failed to lock()",
    ],
)
def test_lock_messages_tell_a_lock(message: str) -> None:
    """Without a lock entry the message is all there is to say which."""
    assert why("Pending", message) == Reason("lock", message)


@pytest.mark.parametrize(
    "entries",
    [
        {"semaphore": semaphore(LOCK)},
        {"semaphore": semaphore(None, LOCK)},
        {"mutex": {"waiting": [{"mutex": None}, {"mutex": LOCK, "holder": "team/other"}]}},
        {"semaphore": {"waiting": None}, "mutex": {"waiting": [{"mutex": LOCK}]}},
    ],
)
def test_the_lock_entry_names_the_lock(entries: dict[str, Any]) -> None:
    """Its holders are those who hold it, not those who wait."""
    assert why("Pending", f"Waiting for {LOCK} lock. Lock status: 0/2", **entries) == Reason("lock", LOCK)


@pytest.mark.parametrize("entries", [{}, {"semaphore": None}, {"mutex": {"waiting": []}}, {"semaphore": {}}])
def test_no_lock_entry_is_no_lock(entries: dict[str, Any]) -> None:
    """Pending without a word is a workflow on its way."""
    assert why("Pending", "", **entries) == Reason("unseen")


def test_a_stale_lock_entry_does_not_overrule_the_throttle() -> None:
    """Entries survive admission and release in most versions."""
    assert why("Pending", POSTPONED, semaphore=semaphore(LOCK)) == Reason("throttled")


def test_a_volume_that_is_not_there_yet_is_waited_for() -> None:
    """Its message begins like a lock's."""
    message = "Waiting for a PVC to be created. quota"

    assert why("Pending", message) == Reason("volume", message)


def test_pending_for_words_nobody_knows_is_throttled() -> None:
    """A later version may put it in other words; that it was put off is sure."""
    assert why("Pending", "Workflow is queued") == Reason("throttled")


# After work began.


@pytest.mark.parametrize(
    ("pods", "holds", "expected"),
    [
        ((1, 3), {"suspended": "", "image": ""}, "running"),
        ((0, 0), dict.fromkeys(AFTER_WORK, ""), "suspended"),
        ((0, 2), {"step_lock": LOCK, "volume": ""}, "volume"),
        ((0, 2), {"step_lock": LOCK}, "step_lock"),
        ((0, 2), {}, "starting"),
        ((0, 0), {}, "advancing"),
    ],
)
def test_the_first_reason_that_holds_wins(pods: tuple[int, int], holds: dict[str, str], expected: str) -> None:
    """One reason at a time, in the order of the model."""
    assert queueing.after_work(*pods, holds).name == expected


@pytest.mark.parametrize("order", [(a, b) for i, a in enumerate(AFTER_WORK) for b in AFTER_WORK[i + 1 :]])
def test_the_order_of_the_reasons_is_the_models(order: tuple[str, str]) -> None:
    """Of two that hold the earlier is told."""
    assert queueing.after_work(0, 0, dict.fromkeys(order, "")).name == order[0]


def test_a_held_step_says_what_it_waits_for() -> None:
    """Steps without a pod: someone must resume, a quota must rise, a lock must be let go."""
    nodes = {
        "a": a_step("Running", kind="Suspend"),
        "b": a_step("Pending", message='pods "b" is forbidden: exceeded quota: team'),
        "c": a_step("Pending", message="Waiting", synchronizationStatus={"waiting": LOCK}),
        "d": a_step("Running", kind="DAG"),
        "e": a_step("Succeeded", synchronizationStatus={"waiting": ""}),
        "f": a_step("Succeeded", kind="Suspend"),
    }
    holds = queueing.held_steps(read_nodes(a_workflow(nodes=nodes).status))

    assert holds == {
        "suspended": "",
        "quota": 'pods "b" is forbidden: exceeded quota: team',
        "step_lock": LOCK,
    }


def test_a_held_step_shows_in_the_bytes() -> None:
    """Steps are parsed only where one of these signs is; a sign that no held step carries would hide it."""
    held = [
        a_step("Running", kind="Suspend"),
        a_step("Pending", message="exceeded quota"),
        a_step("Pending", synchronizationStatus={"waiting": LOCK}),
    ]
    raw = [bytes(status.nodes) for step in held if (status := a_workflow(nodes={"a": step}).status)]

    assert [[sign in one for sign in queueing.HOLD_SIGNS] for one in raw] == [
        [True, False, False],
        [False, False, True],
        [False, True, False],
    ]


# The queues.


def test_queues_count_and_keep_the_oldest() -> None:
    """One line a namespace, queue, reason, and whether work has begun; what is over is in none."""
    volume = {"namespace": "b", "queue": "q", "reason": "volume", "reason_since": NOON}
    lock = {"namespace": "a", "queue": "q", "reason": "lock", "picked_up_at": None}
    lives = [
        a_life(**volume),
        a_life(**volume, picked_up_at=None, created_at=NOON + 5),
        a_life(**lock),
        a_life(**lock, created_at=NOON - HOUR),
        a_life(**lock, created_at=NOON - MINUTE),
        a_life(**lock, finished=True),
    ]
    found = [(w.cluster, w.namespace, w.reason, w.count, w.since, w.begun) for w in queueing.waiting("c1", lives)]

    assert found == [
        ("c1", "a", "lock", 3, NOON - HOUR, False),
        ("c1", "b", "volume", 1, NOON + 5, False),
        ("c1", "b", "volume", 1, NOON, True),
    ]


@pytest.mark.parametrize(
    ("changes", "since"),
    [
        ({"picked_up_at": None}, NOON),
        ({"picked_up_at": None, "attempt": 2, "first_seen_at": NOON + HOUR}, NOON + HOUR),
        ({"reason_since": NOON + MINUTE}, NOON + MINUTE),
    ],
)
def test_a_wait_begins_with_its_creation_its_reopening_or_its_reason(changes: dict[str, Any], since: int) -> None:
    """An attempt of today has not waited since last week."""
    assert queueing.waited_since(a_life(**changes)) == since
