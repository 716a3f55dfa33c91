"""Locks as they are counted while workflows change."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.live_view import LockUse
from collector.core.model import TERMINAL_PHASES, Instant, WaitReason
from collector.core.objects import kubernetes
from collector.core.queue import locks, waiting
from collector.core.queue.lock_uses import LockUses
from collector.core.queue.locks import LockHold
from collector.core.queue.waiting import Reason
from collector.core.workflow.steps import StepHold
from tests.builders import MINUTE, NOON, read_nodes
from tests.replay import observations

GPU, TILE, DB = "team/ConfigMap/locks/gpu", "team/Mutex/tile", "team/Database/db"


@dataclass
class User:
    """A live workflow, as far as locks are concerned."""

    namespace: str = "team"
    name: str = "w1"
    finished: bool = False
    reason: WaitReason = "running"
    reason_on: str = ""
    reason_since: Instant = NOON
    held_locks: tuple[LockHold, ...] = ()
    held_since: Mapping[str, Instant] | None = None
    starting_pods: int = 0
    step_holds: Mapping[str, StepHold] | None = None
    reason_words: str = ""
    holds: Mapping[WaitReason, Reason] | None = None

    @property
    def attempt(self) -> "User":
        return self


def holder(*held: LockHold, **more: Any) -> User:
    return User(held_locks=held, **more)


def waiter(lock: str, since: Instant = NOON, **more: Any) -> User:
    return User(reason="lock", reason_on=lock, reason_since=since, **more)


def in_use(users: Iterable[User]) -> list[LockUse]:
    """The locks of some workflows, each seen once."""
    uses = LockUses()
    for number, user in enumerate(users):
        uses.update(f"u{number}", user)
    return uses.rows("c1")


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
        waiter(GPU, NOON, reason_words="limit 3, held by 3"),
        waiter(GPU, NOON + MINUTE),
        waiter(""),
        waiter(GPU, finished=True),
        holder(LockHold(GPU, "semaphore", 1), finished=True),
    ]

    assert in_use(lives) == [
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

    assert [(lock.name, lock.kind, lock.limit) for lock in in_use(lives)] == [
        ("a/Database/b", "database", None),
        (GPU, "semaphore", None),
        (DB, "mutex", 1),
        (TILE, "mutex", 1),
    ]


def test_a_few_holders_are_named() -> None:
    """A semaphore may have hundreds."""
    (lock,) = in_use([holder(LockHold(GPU, "semaphore", 1), name=f"w{i}") for i in range(9)])

    assert (lock.held, lock.holders) == (9, tuple(f"team/w{i}" for i in range(5)))


@pytest.mark.parametrize(
    ("reason", "starting", "idle"),
    [("suspended", 0, 2), ("lock", 0, 2), ("step_lock", 0, 2), ("step_lock", 1, 0), ("running", 0, 0), ("quota", 0, 0)],
)
def test_a_holder_that_runs_no_pod_and_waits_for_others_is_idle(reason: str, starting: int, idle: int) -> None:
    """A suspended workflow, or one that waits for a lock, releases nothing by itself; a pod that starts will run."""
    held = holder(LockHold(GPU, "semaphore", 2), reason=reason, starting_pods=starting)
    (lock,) = in_use([held, holder(LockHold(GPU, "semaphore", 1))])

    assert (lock.held, lock.idle) == (3, idle)


def test_two_workflows_that_wait_for_each_other_are_a_deadlock() -> None:
    """Each holds what the other one's step waits for, and a third has waited for a lock that no workflow holds."""
    lives = [
        holder(LockHold(own, "mutex", 1), reason="step_lock", step_holds={"s": StepHold("step_lock", other, NOON, 0)})
        for own, other in ((TILE, "team/Mutex/b"), ("team/Mutex/b", TILE))
    ]

    shown = [(x.waiting, x.held, x.idle) for x in in_use([*lives, waiter("team/Mutex/c")])]
    assert shown == [(1, 1, 1), (1, 0, 0), (1, 1, 1)]


def test_the_oldest_hold_of_several_workflows_counts() -> None:
    """Other locks that they hold do not."""
    first, second = ({f"{GPU}\nw": NOON + at, f"{TILE}\nw": NOON} for at in (5, 3))
    lives = [holder(LockHold(GPU, "semaphore", 1), held_since=since) for since in (first, second)]

    assert [lock.held_since for lock in in_use(lives)] == [NOON + 3]


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
    found, again = ([(x.name, x.limit, x.held, x.waiting) for x in in_use(o)] for o in (lives, mixed))

    assert found == again
    assert sum(x[2] for x in found) == sum(h.count for life in lives if not life.finished for h in life.held_locks)


# Messages of a real controller; counted on the raw JSON by a separate script.


def test_recorded_locks_fill_up_and_empty() -> None:
    """(held, waiting) of each lock at every change of any workflow, from the raw JSON."""
    seen: dict[str, Counter[tuple[int, int]]] = {}
    limits: dict[str, int | None] = {}
    uses = LockUses()
    for observation in observations("basics"):
        if isinstance(observation.object, kubernetes.Workflow):
            uses.update(observation.uid, user(observation.object))
            for lock in uses.rows("c1"):
                seen.setdefault(lock.name.rsplit("/", 1)[1], Counter())[lock.held, lock.waiting] += 1
                limits[lock.name] = lock.limit

    assert {name: set(states) for name, states in seen.items()} == {
        "gpu": {(1, 0), (1, 1), (2, 1), (0, 1)},
        "tile-7": {(0, 1), (1, 1), (1, 0)},
        "db": {(1, 3), (1, 2), (1, 1), (1, 0)},
    }
    assert limits == {"perception/ConfigMap/locks/gpu": 2, "mapping/Mutex/tile-7": 1, "mapping/ConfigMap/locks/db": 1}


def user(workflow: kubernetes.Workflow) -> User:
    """A user of locks, from a workflow's status."""
    status = workflow.status or kubernetes.WorkflowStatus()
    reason = waiting.before_work(status.phase or "", status.message or "", status.synchronization)
    steps = waiting.waits_by_step(read_nodes(status), status.synchronization)
    return User(
        namespace=workflow.metadata.namespace or "",
        name=workflow.metadata.name or "",
        finished=status.phase in TERMINAL_PHASES,
        reason=reason.name,
        reason_on=reason.on,
        reason_words=reason.words,
        holds=waiting.waits_by_reason(read_nodes(status), status.synchronization),
        reason_since=NOON,
        held_locks=locks.lock_holds(status.synchronization),
        step_holds={key: StepHold(step.name, step.on, NOON, 0) for key, step in steps.items()},
    )
