"""Locks by the status of the workflows that hold them or wait for them."""

from collections.abc import Mapping
from typing import Any

import pytest

from collector.core.model import Instant
from collector.core.queue import locks, waiting
from collector.core.queue.locks import LockHold
from collector.core.queue.waiting import Reason
from tests.builders import NOON, a_workflow

GPU, TILE, DB = "team/ConfigMap/locks/gpu", "team/Mutex/tile", "team/Database/db"


def holds_of(**synchronization: Any) -> tuple[LockHold, ...]:
    status = a_workflow(synchronization=synchronization).status
    assert status is not None
    return locks.lock_holds(status.synchronization)


# What one workflow holds.


def test_a_workflow_holds_what_its_entries_say() -> None:
    """Steps hold each for itself, and may hold what others hold; a name is as good as a key (before 3.6)."""
    semaphores = [
        {"semaphore": GPU, "holders": ["team/w1/w1-1", "team/w1/w1-2"]},
        {"semaphore": GPU, "holders": ["team/w1/w1-3"]},
        {"semaphore": DB, "holders": ["team/w1"]},
    ]

    assert holds_of(semaphore={"holding": semaphores}, mutex={"holding": [{"mutex": TILE, "holder": "w1"}]}) == (
        LockHold(GPU, "semaphore", 3),
        LockHold(DB, "semaphore", 1),
        LockHold(TILE, "mutex", 1),
    )


@pytest.mark.parametrize(
    "synchronization",
    [
        {},
        {"semaphore": {"holding": [{"semaphore": GPU, "holders": []}, {"semaphore": GPU}]}},
        {"mutex": {"holding": [{"mutex": TILE, "holder": ""}, {"mutex": None, "holder": "team/w1"}]}},
        {"semaphore": {"waiting": [{"semaphore": GPU, "holders": ["team/other"]}]}},
    ],
)
def test_an_entry_without_holders_or_for_waiting_holds_nothing(synchronization: dict[str, Any]) -> None:
    """Holders may be empty after a release; those of a waiting entry are others."""
    assert holds_of(**synchronization) == locks.lock_holds(None) == ()


def test_equal_holdings_are_one_value() -> None:
    """Thousands of workflows hold the same semaphore once."""
    entry = {"holding": [{"semaphore": GPU, "holders": ["team/a"]}]}

    assert holds_of(semaphore=entry) is holds_of(semaphore=entry)
    assert locks.shared_holds((LockHold(GPU, "semaphore", 1),)) is holds_of(semaphore=entry)


# Limits.


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        (f"Waiting for {GPU} lock. Lock status: 0/2", 2),
        (f"Waiting for {DB} lock (sem/team/db). Lock status: 3/3", 3),
        (f"Failed to get semaphore limit for {GPU}", None),
        ("", None),
    ],
)
def test_both_forms_of_the_message_contain_the_limit(message: str, limit: int | None) -> None:
    """The limit is the number after the slash."""
    assert waiting.parse_lock_message(waiting.one_line(message)).limit == limit


def test_the_limit_of_the_last_message_is_remembered() -> None:
    """A limit may change while it is in use; a message without a limit changes nothing."""
    limits: dict[str, int] = {}
    for reason in (
        Reason("lock", GPU, "limit 2, held by 2"),
        Reason("step_lock", GPU, "limit 4, held by 4"),
        Reason("lock", GPU, "failed to lock()"),
        Reason("lock", "", "limit 9"),
        Reason("quota", DB, "limit 9"),
    ):
        locks.remember_limit(limits, reason)

    assert limits == {GPU: 4}


def test_limits_are_bounded_and_the_ones_heard_of_longest_ago_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock may be named after each workflow."""
    monkeypatch.setattr(locks, "LOCKS_LIMIT", 2)
    limits: dict[str, int] = {}
    for lock in ("a", "b", "a", "c"):
        locks.remember_limit(limits, Reason("lock", lock, "limit 1"))

    assert set(limits) == {"a", "c"}


def held_since(before: Mapping[str, Instant] | None, at: Instant, **synchronization: Any) -> Any:
    status = a_workflow(synchronization=synchronization).status
    assert status is not None
    return locks.held_since(before, status.synchronization, at)


def test_a_hold_is_as_old_as_its_first_sight() -> None:
    """Of each holder by itself: a workflow whose steps take turns holds no lock for long."""
    turns = [["w1-1"], ["w1-1", "w1-2"], ["w1-2"], []]
    since = None
    oldest = []
    for second, holders in enumerate(turns):
        since = held_since(since, NOON + second, semaphore={"holding": [{"semaphore": GPU, "holders": holders}]})
        oldest.append(min((since or {}).values(), default=None))

    assert oldest == [NOON, NOON, NOON + 1, None]
    assert locks.held_since({"a": NOON}, None, NOON) is None


def test_timed_holders_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step is a holder, and a workflow may have thousands."""
    monkeypatch.setattr(locks, "HOLDERS_TIMED", 2)
    since = held_since(None, NOON, semaphore={"holding": [{"semaphore": GPU, "holders": ["a", "b", "c"]}]})

    assert len(since) == 2
