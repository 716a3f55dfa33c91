"""Locks by the status of the workflows that hold them or wait for them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.live_view import LockUse
from collector.core.model import TERMINAL_PHASES, Instant
from collector.core.objects import kubernetes
from collector.core.queue import locks, waiting
from collector.core.queue.locks import LockHold
from collector.core.queue.waiting import Reason
from collector.core.workflow.steps import StepHold
from tests.builders import MINUTE, NOON, a_workflow, read_nodes
from tests.replay import observations

GPU, TILE, DB = "team/ConfigMap/locks/gpu", "team/Mutex/tile", "team/Database/db"


@dataclass
class User:
    """A live workflow, as far as locks are concerned."""

    namespace: str = "team"
    name: str = "w1"
    finished: bool = False
    reason: str = "running"
    reason_on: str = ""
    reason_since: Instant = NOON
    held_locks: tuple[LockHold, ...] = ()
    held_since: Mapping[str, Instant] | None = None
    starting_pods: int = 0
    step_holds: Mapping[str, StepHold] | None = field(default=None)

    @property
    def attempt(self) -> "User":
        return self


def holder(*held: LockHold, **more: Any) -> User:
    return User(held_locks=held, **more)


def waiter(lock: str, since: Instant = NOON, **more: Any) -> User:
    return User(reason="lock", reason_on=lock, reason_since=since, **more)


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


# All of them.


def test_a_lock_counts_holders_and_waiters() -> None:
    """Workflows and steps count alike; steps that no longer wait and finished workflows do not count."""
    steps = {
        "a": StepHold("step_lock", GPU, NOON - MINUTE, 0),
        "b": StepHold("step_lock", GPU, 0, 5),
        "c": StepHold("quota", GPU, NOON, 0),
        "d": StepHold("step_lock", "", NOON, 0),
    }
    lives = [
        holder(LockHold(GPU, "semaphore", 2), name="h1"),
        holder(LockHold(GPU, "semaphore", 1), name="h2", step_holds=steps),
        waiter(GPU, NOON),
        waiter(GPU, NOON + MINUTE),
        waiter(""),
        waiter(GPU, finished=True),
        holder(LockHold(GPU, "semaphore", 1), finished=True),
    ]

    assert locks.locks("c1", lives, {GPU: 3}) == [
        LockUse(
            cluster="c1",
            name=GPU,
            kind="semaphore",
            limit=3,
            held=3,
            waiting=3,
            oldest_since=NOON - MINUTE,
            holders=("team/h1", "team/h2"),
        ),
    ]


def test_a_mutex_admits_one_and_a_semaphore_nobody_waited_for_is_not_known() -> None:
    """The name of a database lock does not show its kind: its holders do, in any order."""
    lives = [
        waiter(DB),
        waiter(TILE),
        holder(LockHold(DB, "mutex", 1)),
        holder(LockHold(GPU, "semaphore", 1)),
        waiter("a/Database/b"),
    ]

    assert [(lock.name, lock.kind, lock.limit) for lock in locks.locks("c1", lives, {})] == [
        ("a/Database/b", "database", None),
        (GPU, "semaphore", None),
        (DB, "mutex", 1),
        (TILE, "mutex", 1),
    ]


def test_a_few_holders_are_named() -> None:
    """A semaphore may have hundreds."""
    (lock,) = locks.locks("c1", [holder(LockHold(GPU, "semaphore", 1), name=f"w{i}") for i in range(9)], {})

    assert (lock.held, lock.holders) == (9, tuple(f"team/w{i}" for i in range(5)))


@pytest.mark.parametrize(
    ("reason", "starting", "idle"),
    [("suspended", 0, 2), ("lock", 0, 2), ("step_lock", 0, 2), ("step_lock", 1, 0), ("running", 0, 0), ("quota", 0, 0)],
)
def test_a_holder_that_runs_no_pod_and_waits_for_others_is_idle(reason: str, starting: int, idle: int) -> None:
    """A suspended workflow, or one that waits for a lock, releases nothing by itself; a pod that starts will run."""
    held = holder(LockHold(GPU, "semaphore", 2), reason=reason, starting_pods=starting)
    (lock,) = locks.locks("c1", [held, holder(LockHold(GPU, "semaphore", 1))], {})

    assert (lock.held, lock.idle) == (3, idle)


def test_two_workflows_that_wait_for_each_other_are_a_deadlock() -> None:
    """Each holds what the other one's step waits for, and a third has waited for a lock that no workflow holds."""
    lives = [
        holder(LockHold(own, "mutex", 1), reason="step_lock", step_holds={"s": StepHold("step_lock", other, NOON, 0)})
        for own, other in ((TILE, "team/Mutex/b"), ("team/Mutex/b", TILE))
    ]

    shown = [(x.waiting, x.held, x.idle) for x in locks.locks("c1", [*lives, waiter("team/Mutex/c")], {})]
    assert shown == [(1, 1, 1), (1, 0, 0), (1, 1, 1)]


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
        found = locks.locks("c1", [holder(LockHold(GPU, "semaphore", 1), held_since=since), waiter(TILE)], {})
        oldest.append([lock.held_since for lock in found])

    assert oldest == [[NOON, None], [NOON, None], [NOON + 1, None], [None, None]]
    assert since is None
    assert locks.held_since({"a": NOON}, None, NOON) is None


def test_the_oldest_hold_of_several_workflows_counts() -> None:
    """Other locks that they hold do not."""
    first, second = ({f"{GPU}\nw": NOON + at, f"{TILE}\nw": NOON} for at in (5, 3))
    lives = [holder(LockHold(GPU, "semaphore", 1), held_since=since) for since in (first, second)]

    assert [lock.held_since for lock in locks.locks("c1", lives, {})] == [NOON + 3]


def test_timed_holders_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step is a holder, and a workflow may have thousands."""
    monkeypatch.setattr(locks, "HOLDERS_TIMED", 2)
    since = held_since(None, NOON, semaphore={"holding": [{"semaphore": GPU, "holders": ["a", "b", "c"]}]})

    assert len(since) == 2


USERS = st.builds(
    User,
    finished=st.booleans(),
    reason=st.sampled_from(["lock", "running"]),
    reason_on=st.sampled_from(["", GPU, TILE]),
    held_locks=st.lists(st.sampled_from([LockHold(GPU, "semaphore", 2), LockHold(TILE, "mutex", 1)]), unique=True).map(
        tuple
    ),
)


@given(st.lists(USERS, max_size=8), st.randoms())
def test_sums_do_not_depend_on_the_order_of_workflows(lives: list[User], chance: Any) -> None:
    """Only the names of a few holders may."""
    mixed = chance.sample(lives, len(lives))
    found, again = ([(x.name, x.limit, x.held, x.waiting) for x in locks.locks("c1", o, {})] for o in (lives, mixed))

    assert found == again
    assert sum(x[2] for x in found) == sum(h.count for life in lives if not life.finished for h in life.held_locks)


# Messages of a real controller; counted on the raw JSON by a separate script.


def test_recorded_locks_fill_up_and_empty() -> None:
    """(held, waiting) of each lock at every change of any workflow, from the raw JSON."""
    seen: dict[str, Counter[tuple[int, int]]] = {}
    lives: dict[str, User] = {}
    limits: dict[str, int] = {}
    for observation in observations("basics"):
        if isinstance(observation.object, kubernetes.Workflow):
            lives[observation.uid] = user(observation.object, limits)
            for lock in locks.locks("c1", lives.values(), limits):
                seen.setdefault(lock.name.rsplit("/", 1)[1], Counter())[lock.held, lock.waiting] += 1

    assert {name: set(states) for name, states in seen.items()} == {
        "gpu": {(1, 0), (1, 1), (2, 1), (0, 1)},
        "tile-7": {(0, 1), (1, 1), (1, 0)},
        "db": {(1, 3), (1, 2), (1, 1), (1, 0)},
    }
    assert limits == {"perception/ConfigMap/locks/gpu": 2, "mapping/Mutex/tile-7": 1, "mapping/ConfigMap/locks/db": 1}


def user(workflow: kubernetes.Workflow, limits: dict[str, int]) -> User:
    """A user of locks, from a workflow's status."""
    status = workflow.status or kubernetes.WorkflowStatus()
    reason = waiting.before_work(status.phase or "", status.message or "", status.synchronization)
    steps = waiting.waits_by_step(read_nodes(status), status.synchronization)
    for wait in (reason, *steps.values()):
        locks.remember_limit(limits, wait)
    return User(
        namespace=workflow.metadata.namespace or "",
        name=workflow.metadata.name or "",
        finished=status.phase in TERMINAL_PHASES,
        reason=reason.name,
        reason_on=reason.on,
        reason_since=NOON,
        held_locks=locks.lock_holds(status.synchronization),
        step_holds={key: StepHold(step.name, step.on, NOON, 0) for key, step in steps.items()},
    )
