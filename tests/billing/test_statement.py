"""Statements of months on the real engine: what the collectors' round writes, and when it writes nothing."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.billing import runs, statement
from collector.billing.rows import read_facts, write_facts
from collector.billing.shared import MonthOfRun, StatementTerms
from collector.billing.statement import (
    compute,
    stored_lines,
    stored_statement,
    write,
    write_due,
)
from collector.catalog.rollups import COST_DAILY
from collector.core.cost.billing_days import day_of
from collector.core.cost.statement import exact, to_pay
from collector.core.cost.statement_notes import BEFORE_STATEMENTS
from collector.core.facts.bills import MonthStatement, PodCost, StatementLine
from collector.prices import book
from collector.store.clickhouse import Store
from collector.store.rollup import roll_up
from tests.billing.stored import a_past, changed, write_all
from tests.builders import DAY, HOUR, NOON, SECOND, at

TODAY = date(2026, 11, 22)
SEPTEMBER, OCTOBER, NOVEMBER = (day_of(date(2026, month, 1)) for month in (9, 10, 11))
NOW = at("2026-11-22T13:00:00")
OURS = """
id: ours
version: "1"
currency: USD
sources: {s: contract}
"""
A_FEE = '- {id: nat, amount: "1", per: hour, from: 2026-10-01, source: s}'


def terms(folder: Path, *fees: str, extends: str = "", also: Iterable[str] = ()) -> StatementTerms:
    """Books with own fees."""
    text = OURS + (f"extends: {extends}\n" if extends else "") + ("fees:\n" + "\n".join(fees) if fees else "")
    (folder / "ours.yaml").write_text(text, encoding="utf-8")
    books = book.load(["alibaba-eci", *also, "ours.yaml"], folder)
    return StatementTerms(books=books, zone=ZoneInfo("UTC"), rules="rules")


def october(number: int = 2, **changes: Any) -> list[Any]:
    """Pods of a minute on the 23rd of October."""
    return past(NOON - 30 * DAY, number, **changes)


def past(then: int, number: int = 1, **changes: Any) -> list[Any]:
    """Pods of a minute at some time."""
    times: dict[str, Any] = dict.fromkeys(
        ("created_at", "instance_created_at", "scheduled_at", "main_started_at"), then
    )
    return a_past(number, **times, finished_at=then + 60 * SECOND, **changes)


def a_round(store: Store, in_force: StatementTerms, now: int = NOW) -> int:
    """What a collector does each minute."""
    roll_up(store, COST_DAILY)
    return len(list(write_due(store, in_force, TODAY, now)))


def paid(store: Store, month: int, run: int = 1) -> dict[tuple[str, str], Decimal]:
    """What is to pay, by department and kind."""
    sums: dict[tuple[str, str], Decimal] = {}
    for line in stored_lines(store, month, run):
        if line.amount:
            key = line.department, line.kind
            sums[key] = sums.get(key, Decimal(0)) + line.amount
    return sums


def test_a_round_writes_what_is_owed(store: Store, tmp_path: Path) -> None:
    """Usage as the charges have it; the fee until now, by what each department spent; the row states from what."""
    write_all(store, [*a_past(3), *a_past(1, department="vision")])
    in_force = terms(tmp_path, A_FEE)

    assert a_round(store, in_force) == 1

    hours = Decimal(21 * 24 + 13)
    found = paid(store, NOVEMBER)
    assert found == {
        ("maps", "usage"): Decimal("0.0040404"),
        ("vision", "usage"): Decimal("0.0013468"),
        ("maps", "fee"): hours * 3 / 4,
        ("vision", "fee"): hours / 4,
    }
    row = stored_statement(store, NOVEMBER, 1)
    assert row is not None
    assert (row.unpriced, row.accruing, row.rules) == (0, 0, "rules")
    assert [name.partition(" ")[0].partition("@")[0] for name in row.books] == ["alibaba-eci", "ours"]


def test_the_rollup_and_the_charges_give_the_same_statement(store: Store, tmp_path: Path) -> None:
    """Also where a day was written to after it was rolled up, with charges that have no price, and by pods."""
    fee = '- {id: slb, amount: "7", per: month, from: 2026-10-01, source: s, basis: metric, metric: pods}'
    of, in_force = MonthOfRun(month=NOVEMBER, run=1, now=NOW), terms(tmp_path, A_FEE, fee)
    first, second = a_past(3), a_past(2, department="vision")
    write_all(store, first)
    roll_up(store, COST_DAILY)
    [unpriced, *_] = [fact for fact in second if isinstance(fact, PodCost)]
    write_all(store, [*second, changed(unpriced, cost=None, rounded_cost=None, version=unpriced.version + 1)])

    fast, slow = (compute(store, of, in_force, rolled_up=rolled_up) for rolled_up in (True, False))

    assert fast.lines == slow.lines
    assert {line.department: line.weight for line in fast.lines if line.what == "slb"} == {"maps": 3, "vision": 2}
    assert (fast.row.unpriced, slow.row.unpriced) == (1, 1)


def test_a_rounded_bill_and_corrections_are_lines(store: Store, tmp_path: Path) -> None:
    """What is to pay is the rounded cost; what corrects a locked month has a line of its own."""
    facts: list[Any] = a_past(1)
    charge = facts.pop()
    rounded = changed(charge, rounded_cost=Decimal("0.01"))
    correction = changed(rounded, entry=1, cost=Decimal(-1), rounded_cost=Decimal(-1), corrects=OCTOBER)
    write_all(store, [*facts, rounded, correction])

    a_round(store, terms(tmp_path))

    assert paid(store, NOVEMBER) == {
        ("maps", "usage"): charge.cost,
        ("maps", "correction"): Decimal(-1),
        ("maps", "rounding"): Decimal("0.01") - charge.cost,
    }
    lines = stored_lines(store, NOVEMBER, 1)
    assert (to_pay(lines)["USD"], exact(lines)["USD"]) == (Decimal("-0.99"), charge.cost - 1)


@pytest.mark.parametrize(
    ("fee", "extends", "expected"),
    [
        ("clusters: [prod-hz]", "", "14.88"),
        ("", "alibaba-acs", "14.88"),
        ("clusters: [a, b]", "alibaba-acs", "29.76"),
        ("basis: even", "", "14.88"),
    ],
)
def test_a_fee_of_an_unused_month_is_unallocated(
    store: Store, tmp_path: Path, fee: str, extends: str, expected: str
) -> None:
    """It is due whether its product was used or not: no amount is in no line."""
    row = f'- {{id: ack, amount: "0.02", per: hour, from: 2026-10-01, source: s, {fee}}}'
    write_all(store, a_past(1))
    in_force = terms(tmp_path, row, extends=extends, also=[extends] if extends else [])
    write(store, compute(store, MonthOfRun(month=OCTOBER, run=1, now=NOW), in_force))

    assert paid(store, OCTOBER) == {("unallocated", "fee"): Decimal(expected)}


def test_a_fee_of_a_shipped_book_is_due_from_its_product_s_first_use(store: Store, tmp_path: Path) -> None:
    """The settings' defaults hold the books of all clouds: a cloud that is not used costs nothing."""
    write_all(store, october(1))
    in_force = terms(tmp_path, also=["aws-fargate-eks"])
    a_round(store, in_force)
    assert {kind for _, kind in paid(store, NOVEMBER)} == set()

    write_all(store, [changed(fact, product="aws-fargate-eks") for fact in october(1) if isinstance(fact, PodCost)])
    a_round(store, in_force, NOW + HOUR)

    assert {(department, kind) for department, kind in paid(store, NOVEMBER)} == {("unallocated", "fee")}
    assert {(department, kind) for department, kind in paid(store, SEPTEMBER)} == set()
    row = stored_statement(store, NOVEMBER, 1)
    assert row is not None
    assert "no cluster used aws-fargate-eks, so it is due once" in row.notes[0]


def test_a_round_computes_what_changed_and_no_more(store: Store, tmp_path: Path) -> None:
    """The current month always, another one if it has charges since or other books; the rest states until when it is whole."""
    in_force = terms(tmp_path, A_FEE)
    write_all(store, [*october(1), *a_past(1)])
    assert a_round(store, in_force) == 2
    _as_if_long_ago(store)

    assert a_round(store, in_force, NOW + HOUR) == 1
    before, after = (stored_statement(store, OCTOBER, 1), stored_lines(store, OCTOBER, 1))
    assert before is not None
    assert before.version == NOW + HOUR
    assert {line.version for line in after} == {NOW}

    _as_if_long_ago(store)
    write_all(store, october(1, department="vision"))
    assert a_round(store, in_force, NOW + 2 * HOUR) == 2
    assert ("vision", "usage") in paid(store, OCTOBER)

    _as_if_long_ago(store)
    assert a_round(store, terms(tmp_path, A_FEE.replace('"1"', '"2"')), NOW + 3 * HOUR) == 2
    assert sum(line.amount for line in stored_lines(store, OCTOBER, 1) if line.kind == "fee") == 2 * 31 * 24


def test_a_line_that_vanished_is_0(store: Store, tmp_path: Path) -> None:
    """A fee that was taken out of the book."""
    write_all(store, a_past(1))
    a_round(store, terms(tmp_path, A_FEE))

    a_round(store, terms(tmp_path), NOW + HOUR)

    assert {kind for _, kind in paid(store, NOVEMBER)} == {"usage"}
    assert {line.amount for line in stored_lines(store, NOVEMBER, 1) if line.kind == "fee"} == {Decimal(0)}
    current = read_facts(store, StatementLine, source="statement_current", where="")
    assert [line.kind for line in current] == ["usage"]


def test_months_between_have_their_fees(store: Store, tmp_path: Path) -> None:
    """A month without a single pod, between two that had some."""
    write_all(store, [*past(NOON - 61 * DAY), *a_past(1)])

    assert a_round(store, terms(tmp_path, A_FEE)) == 3

    assert paid(store, OCTOBER) == {("unallocated", "fee"): Decimal(31 * 24)}


def test_an_unknown_exchange_rate_is_a_note(store: Store, tmp_path: Path) -> None:
    """The fee is in no line, and no other one is missing."""
    write_all(store, a_past(1))
    yen = '- {id: yen, amount: "1", currency: JPY, per: hour, from: 2026-10-01, source: s}'

    a_round(store, terms(tmp_path, A_FEE, yen))

    assert {line.what for line in stored_lines(store, NOVEMBER, 1) if line.kind == "fee"} == {"nat"}
    row = stored_statement(store, NOVEMBER, 1)
    assert row is not None
    assert row.notes == ["no exchange rate for yen of ours@1: it is in no sum"]


def test_a_locked_month_is_not_written(store: Store, tmp_path: Path) -> None:
    """Its lines stay, and a month that was locked without any gets those of its charges alone, once."""
    write_all(store, [*october(1), *a_past(1)])
    a_round(store, terms(tmp_path, A_FEE))
    before = read_facts(store, StatementLine, "FINAL WHERE month = toDate({month:UInt16})", {"month": OCTOBER})
    period = changed(runs.default_period(OCTOBER), version=2, state="locked", hash="h", statement_hash="s")
    write_facts(store, [period])

    assert a_round(store, terms(tmp_path), NOW + HOUR) == 1
    assert read_facts(store, StatementLine, "FINAL WHERE month = toDate({month:UInt16})", {"month": OCTOBER}) == before


def test_a_month_locked_by_the_release_before_has_lines_of_its_charges(store: Store, tmp_path: Path) -> None:
    """Shared costs were part of no lock: they are not added to a bill that was paid. A lock that is under way is left alone."""
    write_all(store, [*october(1), *a_past(1)])
    period = changed(runs.default_period(OCTOBER), version=2, state="locked")
    write_facts(store, [period])
    assert a_round(store, terms(tmp_path, A_FEE)) == 1
    write_facts(store, [changed(period, version=3, hash="h")])

    assert a_round(store, terms(tmp_path, A_FEE), NOW + HOUR) == 2
    assert a_round(store, terms(tmp_path, A_FEE), NOW + 2 * HOUR) == 1

    assert {kind for _, kind in paid(store, OCTOBER)} == {"usage"}
    row = stored_statement(store, OCTOBER, 1)
    assert row is not None
    assert (row.notes, row.books) == ([BEFORE_STATEMENTS], [])


def test_a_month_that_is_locked_during_the_round_is_not_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock has its lines by then; those of the round are of charges that may not be in it."""
    write_all(store, a_past(1))
    known = statement.look(store, ())
    write_facts(store, [changed(runs.default_period(NOVEMBER), version=2, state="locked")])
    monkeypatch.setattr(statement, "look", lambda *_: known)

    assert a_round(store, terms(tmp_path, A_FEE)) == 0
    assert stored_lines(store, NOVEMBER, 1) == []


def _as_if_long_ago(store: Store) -> None:
    """Lets all statements and charges be older than what a slow insert may take."""
    for table in ("pod_cost", "month_statement"):
        store.command(
            f"ALTER TABLE lynceus.{table} UPDATE inserted_at = inserted_at - 3600 WHERE 1 SETTINGS mutations_sync = 1"
        )
    rows = read_facts(store, MonthStatement, "FINAL")
    assert rows
