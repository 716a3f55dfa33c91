"""Locked months on the real engine: what they hold stays, and what comes later is booked elsewhere."""

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from collector.billing import corrections, runs
from collector.billing.lock import LockOrder, lock, unlock
from collector.billing.month_list import list_months
from collector.billing.reprice import activate, prepare
from collector.billing.rows import read_facts, write_facts
from collector.billing.runs import RepricingError
from collector.billing.shared import MonthOfRun, StatementTerms
from collector.billing.statement import compute, write
from collector.core.cost.billing_days import day_of
from collector.core.cost.pricing_runs import Runs
from collector.core.facts.bills import Period, PodCost
from collector.core.model import Fact
from collector.store.clickhouse import Store
from tests.billing.stored import a_past, a_preparation, charges_of, write_all
from tests.builders import DAY, NOON, SECOND, a_pod_run, version
from tests.core.cost.charged import shipped
from tests.reports.stored import a_run

TODAY = date(2026, 11, 22)
OCTOBER, NOVEMBER = day_of(date(2026, 10, 1)), day_of(date(2026, 11, 1))
THEN = NOON - 30 * DAY
TERMS = StatementTerms(books=shipped(), zone=ZoneInfo("UTC"), rules="rules")


def october(number: int = 2, **changes: Any) -> list[Fact]:
    """Returns the facts of October."""
    return a_past(number, **{"created_at": THEN, "instance_created_at": THEN, "scheduled_at": THEN,
                             "main_started_at": THEN, "finished_at": THEN + 60 * SECOND, **changes})  # fmt: skip


def stated(store: Store, terms: StatementTerms = TERMS) -> None:
    """October with the statement that a collector's round writes."""
    write(store, compute(store, MonthOfRun(month=OCTOBER, run=1, now=NOON - SECOND), terms))


def locked(store: Store, **changes: Any) -> Period:
    """October, stated and locked."""
    stated(store)
    return lock_now(store, **changes)


def lock_now(store: Store, **changes: Any) -> Period:
    """October, locked as it is."""
    order = {"month": OCTOBER, "today": TODAY, "now": NOON, "terms": TERMS, **changes}
    return lock(store, LockOrder(**order), lambda _: None)


def sums(store: Store) -> dict[tuple[int, str], Decimal]:
    """What is billed, by month and department."""
    rows = store.query_rows(
        "SELECT toMonth(day), department, sum(cost) FROM lynceus.cost_current GROUP BY 1, 2 HAVING sum(cost) != 0"
    )
    return {(month, department): cost for month, department, cost in rows}


def late(store: Store, *, seconds: int = 120, department: str = "maps") -> list[PodCost]:
    """A later word on October's first pod, as a collector writes it that knows of the lock."""
    pod = a_pod_run(uid="p-maps-0", node_id="p-maps-0", workflow_uid="maps-0", version=version(200), created_at=THEN,
                    instance_created_at=THEN, scheduled_at=THEN, main_started_at=THEN,
                    finished_at=THEN + seconds * SECOND)  # fmt: skip
    charges = charges_of(pod, a_run("maps-0", department=department))
    [run] = runs.current_runs(store).of(charges[0].day)
    new = [replace(charge, run=run) for charge in charges]
    write_facts(store, new)
    return new


def test_a_lock_takes_the_sum_and_a_hash(store: Store) -> None:
    """Exact, by currency; the list shows at any later time whether the month is unchanged."""
    write_all(store, october())
    before = sums(store)[10, "maps"]

    period = locked(store)

    assert period.totals == {"USD": f"{before:f}".rstrip("0")}
    assert period.total == before
    assert list_months(store).rows == [
        ("2026-10", "locked", 1, before, before, "USD", "yes", None, None, period.statement_hash[:12])
    ]


def test_a_locked_month_that_was_changed_by_force_shows(store: Store) -> None:
    """The hash is of every charge, not of the sum."""
    write_all(store, october())
    locked(store)
    [one, *_] = read_facts(store, PodCost, "FINAL")
    write_facts(store, [replace(one, department="other", version=one.version + 1)])

    found = list_months(store)
    assert [row[6] for row in found.rows] == ["NO"]
    assert found.notes == ["2026-10: the charges are not those that were locked"]


def test_late_facts_are_booked_in_the_open_month(store: Store) -> None:
    """October's sums stay; corrections and locked rows together are what is known now; booking twice books once."""
    write_all(store, october())
    locked(store)
    before = sums(store)
    [known] = late(store)
    assert sums(store) == before

    assert corrections.book(store, TODAY) == 1
    assert corrections.book(store, TODAY) == 0

    after = sums(store)
    assert after[10, "maps"] == before[10, "maps"]
    [entry] = read_facts(store, PodCost, "WHERE entry > 0", source="cost_current")
    assert (entry.day, entry.entry, entry.corrects) == (NOVEMBER, 1, known.day)
    [paid] = read_facts(store, PodCost, "FINAL WHERE run = 1 AND entry = 0 AND pod_uid = 'p-maps-0'")
    assert paid.cost + entry.cost == known.cost  # type: ignore[operator]


def test_a_second_late_word_is_a_second_entry(store: Store) -> None:
    """Each difference is booked once, on top of what was booked before."""
    write_all(store, october(1))
    locked(store)
    late(store)
    corrections.book(store, TODAY)
    [known] = [replace(charge, version=charge.version + 1) for charge in late(store, seconds=30)]
    write_facts(store, [known])

    assert corrections.book(store, TODAY) == 1

    entries = read_facts(store, PodCost, "WHERE entry > 0 ORDER BY entry", source="cost_current")
    assert [entry.entry for entry in entries] == [1, 2]
    assert sum(sums(store).values()) == known.cost


def test_money_that_moved_leaves_the_old_department(store: Store) -> None:
    """A negative entry there, a positive one here: each department's bill is right, and so is the whole."""
    write_all(store, october(1))
    locked(store)
    paid = sums(store)[10, "maps"]
    late(store, seconds=60, department="vision")

    assert corrections.book(store, TODAY) == 2

    assert sums(store) == {(10, "maps"): paid, (11, "maps"): -paid, (11, "vision"): paid}


def test_a_pod_nobody_had_seen_is_a_correction_of_its_whole(store: Store) -> None:
    """Nothing was locked for it."""
    write_all(store, october(1, department="vision"))
    locked(store)
    [known] = late(store)

    corrections.book(store, TODAY)

    assert sums(store)[11, "maps"] == known.cost


def test_corrections_are_carried_into_a_new_run_of_their_month(store: Store) -> None:
    """Repricing November keeps what was booked there for October."""
    write_all(store, [*october(), *a_past(1, department="vision")])
    locked(store)
    late(store)
    corrections.book(store, TODAY)
    before = sums(store)
    work = a_preparation(store, shipped())

    prepare(work)
    activate(work)

    assert sums(store) == before
    assert corrections.book(store, TODAY) == 0


def test_what_cannot_be_priced_any_more_corrects_nothing(store: Store) -> None:
    """Unknown is not nothing: a paid amount stands."""
    write_all(store, october(1))
    locked(store)
    write_facts(store, [replace(charge, cost=None, version=charge.version + 1) for charge in late(store)])

    assert corrections.book(store, TODAY) == 0


def test_corrections_skip_months_that_are_locked(store: Store) -> None:
    """A correction is booked where something can still change."""
    november = runs.default_period(NOVEMBER)

    assert corrections.open_month({NOVEMBER: replace(november, state="locked")}, TODAY).month == day_of(
        date(2026, 12, 1)
    )
    assert corrections.open_month({}, TODAY) == november


def test_an_unlocked_month_takes_over_its_late_charges(store: Store) -> None:
    """As if it had never been locked."""
    write_all(store, october(1))
    locked(store)
    [known] = late(store)

    unlock(store, OCTOBER, 2_000, lambda _: None)

    assert sums(store) == {(10, "maps"): known.cost}
    assert runs.current_runs(store) == Runs({OCTOBER: 1})
    assert locked(store).late_run == 3


def test_a_month_with_booked_corrections_stays_locked(store: Store) -> None:
    """Opened, it would count them twice."""
    write_all(store, october(1))
    locked(store)
    late(store)
    corrections.book(store, TODAY)

    with pytest.raises(RepricingError, match="1 corrections booked"):
        unlock(store, OCTOBER, 2_000, lambda _: None)


def test_a_refused_lock_or_unlock_names_the_reason(store: Store) -> None:
    """A month that goes on, one that is locked, one that is not."""
    write_all(store, october(1))
    for month, why in ((NOVEMBER, "has not ended"), (OCTOBER, "")):
        if why:
            with pytest.raises(RepricingError, match=why):
                lock_now(store, month=month)
    with pytest.raises(RepricingError, match="is not locked"):
        unlock(store, OCTOBER, 1_000, lambda _: None)
    locked(store)
    with pytest.raises(RepricingError, match="already locked"):
        locked(store)


def test_a_lock_that_was_cut_short_is_finished_by_the_next(store: Store) -> None:
    """It is locked from its first row on; only its sums are lacking."""
    write_all(store, october(1))
    write_facts(store, [replace(runs.default_period(OCTOBER), state="locked", late_run=2, version=5)])
    assert corrections.book(store, TODAY) == 0

    assert (locked(store).late_run, bool(locked_hash(store))) == (2, True)


def locked_hash(store: Store) -> str:
    """What October was locked with."""
    return runs.periods_of(store, [OCTOBER])[0].hash
