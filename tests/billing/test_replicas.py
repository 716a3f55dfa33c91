"""What must be on the replicas of a cluster before money is read from them, or a pointer to it is written."""

from collections.abc import Callable
from typing import Any

import pytest

from collector.billing import corrections, lock, reconcile, reprice, runs
from collector.billing.queries import BILL, POINTERS, PRICED_FROM
from collector.billing.reconcile import Bill
from collector.core.units import ZERO
from collector.store.clickhouse import Store
from collector.store.replicas import ReplicasBehindError
from tests.billing.stored import a_past, a_preparation, write_all
from tests.billing.test_lock import OCTOBER, TODAY, locked, october
from tests.core.cost.charged import shipped

EVERYWHERE = "everywhere"
Steps = list[tuple[str, ...]]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """What is waited for, and what is written to the tables that choose a run, in their order."""
    noted: Steps = []
    save = runs.save_periods

    def wait(_: Store, *tables: str, everywhere: bool = False) -> None:
        noted.append((*tables, EVERYWHERE) if everywhere else tables)

    def save_periods(*arguments: Any) -> None:
        noted.append(("the months are written",))
        save(*arguments)

    for module in (corrections, lock, reconcile, reprice):
        monkeypatch.setattr(module, "wait_for_replicas", wait)
    monkeypatch.setattr(runs, "save_periods", save_periods)
    monkeypatch.setattr(reprice, "SETTLE_S", 0.0)
    return noted


def test_a_run_is_prepared_from_whole_replicas_and_activated_when_all_have_it(store: Store, steps: Steps) -> None:
    """Collectors must find the announcement, prices need all evidence, and readers the whole new bill."""
    write_all(store, a_past())
    work = a_preparation(store, shipped())

    reprice.prepare(work)
    prepared = len(steps)
    reprice.activate(work)

    assert steps[:prepared] == [
        ("the months are written",),
        (*POINTERS, EVERYWHERE),
        PRICED_FROM,
        PRICED_FROM,
        ("pod_cost",),
        ("pod_cost",),
        BILL,
    ]
    assert steps[prepared:] == [(*BILL, EVERYWHERE), ("the months are written",)]


def test_a_month_is_locked_with_what_whole_replicas_hold(store: Store, steps: Steps) -> None:
    """Every collector must find the lock, and the sums need all charges; so does what an unlocked month takes over."""
    write_all(store, october())

    locked(store)
    assert steps == [
        ("pod_cost", "statement_line", "month_statement"),
        ("the months are written",),
        (*POINTERS, EVERYWHERE),
        ("pod_cost",),
        ("the months are written",),
    ]

    steps.clear()
    lock.unlock(store, OCTOBER, 2_000, lambda _: None)
    assert steps == [("pod_cost",), ("the months are written",), (*POINTERS, EVERYWHERE), ("pod_cost",)]


def test_corrections_and_bills_are_compared_with_whole_replicas(store: Store, steps: Steps) -> None:
    """A charge that a replica lacks would be booked again, or missed in a bill."""
    write_all(store, october())

    corrections.book(store, TODAY)
    bill = Bill(billed={"": ZERO}, shared=ZERO, currency="USD", tolerance=ZERO)
    reconcile.reconcile(store, OCTOBER, bill, today=TODAY, now=1_000)

    assert steps == [("pod_cost",), ("pod_cost",), ("the months are written",)]


@pytest.mark.parametrize("step", [locked, lambda store: corrections.book(store, TODAY)])
def test_nothing_is_summed_while_a_replica_lacks_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch, step: Callable[[Store], object]
) -> None:
    """The error names the server; the month has no sums."""

    def behind(*_: Any, **__: Any) -> None:
        raise ReplicasBehindError("h2:9000 lacks rows")

    for module in (corrections, lock):
        monkeypatch.setattr(module, "wait_for_replicas", behind)
    write_all(store, october())

    with pytest.raises(ReplicasBehindError):
        step(store)
    assert [period.hash for period in runs.periods_of(store, [OCTOBER])] == [""]
