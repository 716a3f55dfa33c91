"""Savings plans over stored pods, through a repricing and a report on the real engine."""

from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from collector.billing import commitments, evidence, reprice, runs
from collector.billing.commitments import AppliedCommitments
from collector.billing.reprice import activate, commitments_of, prepare, price_pods
from collector.billing.rows import read_facts
from collector.billing.shared import MonthOfRun, StatementTerms
from collector.billing.statement import compute, stored_lines
from collector.clock import now_ms
from collector.core.cost.billing_days import day_of
from collector.core.cost.meters import total
from collector.core.facts.bills import CommitmentHour, PodCost
from collector.core.model import Fact
from collector.prices import book
from collector.prices.lookup import Books
from collector.store.clickhouse import Store
from tests.billing.stored import NOVEMBER, a_preparation, changed, charges_of, write_all
from tests.builders import HOUR, NOON, a_pod_run, at
from tests.reports.stored import a_run

OWN = """
id: ours
version: "1"
extends: alibaba-eci
currency: USD
sources: {s: contract}
prices:
- {per: hour, region: "*", vcpu: "2", memory: "0.25", from: 2020-01-01, source: s}
"""
PLAN = """
commitments:
- {id: sp-1, hourly: "4.55", discount: "0.545", from: 2026-11-22T12:00:00Z, to: 2026-11-22T14:00:00Z, source: s}
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process queries this store: a run can be activated without waiting for earlier queries."""
    monkeypatch.setattr(reprice, "SETTLE_S", 0)


def ours(folder: Path, plan: str = PLAN) -> Books:
    """ECI at 5 an hour for 2 vCPU and 4 GiB, under a plan."""
    (folder / "ours.yaml").write_text(OWN + plan, encoding="utf-8")
    return book.load(["alibaba-eci", "ours.yaml"], folder)


def an_hour_each(number: int, department: str, begin: int = NOON, seconds: int = 3600) -> list[Fact]:
    """Pods of 2 vCPU and 4 GiB, and their workflow."""
    past: list[Fact] = [a_run(department, department=department)]
    for i in range(number):
        uid = f"{department}-{i}"
        past.append(
            a_pod_run(uid=uid, node_id=uid, workflow_uid=department, created_at=begin, scheduled_at=begin,
                      instance_created_at=begin, main_started_at=begin, finished_at=begin + seconds * 1000)
        )  # fmt: skip
    return past


def repriced(store: Store, books: Books) -> AppliedCommitments:
    """Reprices a month, and returns its applied commitments."""
    work = a_preparation(store, books)
    work.now = lambda: max(now_ms(), at("2026-11-30"))
    prepare(work)
    activate(work)
    assert work.commitments is not None
    return work.commitments


class Unused(NamedTuple):
    """What commitments cost beyond their use: the sum, the part of each department, and the statement's notes."""

    total: Decimal
    parts: dict[str, Decimal]
    notes: list[str]


def shared(store: Store, books: Books, run: int = 0) -> Unused:
    """Computes the month's statement, of a run or of the active one (run 0)."""
    month = day_of(NOVEMBER.begin)
    [period] = runs.periods_of(store, [month])
    terms = StatementTerms(books=books, zone=ZoneInfo("UTC"), rules="")
    bill = compute(store, MonthOfRun(month=month, run=run or period.active_run, now=at("2026-11-30")), terms)
    lines = [line for line in bill.lines if line.kind == "commitment"]
    return Unused(
        total(line.amount for line in lines), {line.department: line.amount for line in lines}, bill.row.notes
    )


@pytest.mark.parametrize("page", [2, 5_000])
def test_oracle_7_22_through_a_repricing(
    store: Store, tmp_path: Path, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10 an hour at list costs 4.55 where the plan holds; 15 cost 9.55; who used 5 of 15 bears a third of that."""
    for module in (evidence, commitments):
        monkeypatch.setattr(module, "PAGE", page)
    write_all(store, [*an_hour_each(2, "maps"), *an_hour_each(2, "vision", NOON + HOUR),
                     *an_hour_each(1, "sea", NOON + HOUR), *an_hour_each(1, "late", NOON + 2 * HOUR)])  # fmt: skip

    repriced(store, books := ours(tmp_path))

    rows = store.query_rows(
        "SELECT department, sum(cost), sum(list_cost), sum(covered_cost), sum(committed_cost), any(purchase) "
        "FROM lynceus.cost_current GROUP BY department ORDER BY department"
    )
    assert [(name, listed, covered) for name, _, listed, covered, *_ in rows] == [
        ("late", 5, None), ("maps", 10, 10), ("sea", 5, Decimal("3.333333333333333333")),
        ("vision", 10, Decimal("6.666666666666666667")),
    ]  # fmt: skip
    assert total(row[1] for row in rows) == 5 + Decimal("4.55") + Decimal("9.55")
    assert {row[0]: row[1] for row in rows}["maps"] == Decimal("4.55")
    assert shared(store, books).total == Decimal(0)
    assert len(read_facts(store, CommitmentHour, "FINAL WHERE run = 2")) == 2


def test_what_nobody_used_is_shared_and_shown(store: Store, tmp_path: Path) -> None:
    """An hour of 5 uses 2.275 of the plan; the rest of it and the idle second hour are a line that departments bear."""
    write_all(store, an_hour_each(1, "maps"))

    notes = commitments.notes(repriced(store, books := ours(tmp_path)))

    found = shared(store, books)
    assert found.total == Decimal("6.825")
    assert found.parts == {"maps": Decimal("6.825")}
    assert found.notes == [
        (
            "commitment sp-1 of ours@1: 9.10 USD cover 5.00 at list price; applied until 2026-11-22 14:00, "
            "later charges are at their own price"
        )
    ]
    assert notes == ["commitment sp-1: 2 hours for 9.10 USD cover 5.00 at list price; unused 6.825"]
    written = {line.kind: line.amount for line in stored_lines(store, day_of(NOVEMBER.begin), 2)}
    assert written == {"usage": Decimal("2.275"), "commitment": Decimal("6.825")}


def test_before_a_repricing_a_plan_is_in_no_sum(store: Store, tmp_path: Path) -> None:
    """Charges are at list, and the report says what is to be done."""
    write_all(store, an_hour_each(1, "maps"))

    found = shared(store, ours(tmp_path))

    assert not found.total
    assert found.notes == ["commitment sp-1 is not applied in this month; run `lynceus reprice` to apply it"]


def test_a_charge_written_again_at_its_own_price_leaves_the_plan_whole(store: Store, tmp_path: Path) -> None:
    """What charges cost and what is unused are at any time the uncovered usage and the committed amount."""
    write_all(store, an_hour_each(2, "maps"))
    repriced(store, books := ours(tmp_path))
    [one, two] = read_facts(store, PodCost, "FINAL WHERE run = 2 ORDER BY pod_uid")
    own = changed(one, version=one.version + 256, cost=one.list_cost, covered_cost=None, committed_cost=None)
    write_all(store, [own])

    assert two.cost == two.committed_cost == Decimal("2.275")
    assert shared(store, books).total == Decimal("9.10") - Decimal("2.275")


def test_runs_are_computed_alike(store: Store, tmp_path: Path) -> None:
    """The same evidence gives the same parts, in whichever order it was stored; without the plan it is at list again."""
    past = [*an_hour_each(3, "maps", seconds=777), *an_hour_each(4, "vision", NOON + 1, 901)]
    write_all(store, past)
    repriced(store, books := ours(tmp_path))
    write_all(store, [*reversed(past)])
    repriced(store, books)
    repriced(store, ours(tmp_path, ""))

    costs = {run: store.query_rows(f"SELECT pod_uid, cost, cost_pending FROM lynceus.pod_cost FINAL WHERE run = {run} "
                                   "ORDER BY pod_uid") for run in (2, 3, 4)}  # fmt: skip
    assert costs[2] == costs[3] != costs[4]
    assert shared(store, books).notes[0].startswith("commitment sp-1 is not applied")
    assert shared(store, books, run=2).total > 0
    (again,) = store.query_rows("SELECT sum(cost) FROM lynceus.cost_current")
    (listed,) = store.query_rows("SELECT sum(list_cost) FROM lynceus.pod_cost FINAL WHERE run = 2")
    assert again == listed


def test_a_dry_run_shows_what_a_run_would_hold(store: Store, tmp_path: Path) -> None:
    """To the last place, without a row written."""
    write_all(store, [*an_hour_each(3, "maps", seconds=777), *an_hour_each(4, "vision", NOON + 1, 901)])
    work = a_preparation(store, ours(tmp_path))
    work.now = lambda: at("2026-11-30")
    trying = commitments_of(work)

    would = [c for page in trying.apply_to(lambda: price_pods(work, None)) for c in page]
    assert read_facts(store, CommitmentHour, "FINAL") == []

    repriced(store, ours(tmp_path))
    assert {c.pod_uid: c.cost for c in would} == {
        c.pod_uid: c.cost for c in read_facts(store, PodCost, "FINAL WHERE run = 2")
    }


def test_a_plan_without_a_rate_of_exchange_is_named_and_not_applied(store: Store, tmp_path: Path) -> None:
    """Unknown is never 0."""
    write_all(store, [*an_hour_each(1, "maps"), *charges_of(*an_hour_each(1, "maps")[::-1])])  # type: ignore[arg-type]
    books = ours(tmp_path, PLAN.replace("source: s}", "source: s, currency: EUR}"))

    notes = commitments.notes(repriced(store, books))

    assert notes == ["no exchange rate for commitment sp-1: it was not applied"]
    assert read_facts(store, CommitmentHour, "FINAL") == []
    assert {c.covered_cost for c in read_facts(store, PodCost, "FINAL WHERE run = 2")} == {None}


def test_a_plan_that_never_applied_has_a_note(store: Store, tmp_path: Path) -> None:
    """No hours, nothing paid."""
    write_all(store, an_hour_each(1, "maps"))
    plan: Any = PLAN.replace("2026-11-22T12", "2027-11-22T12").replace("2026-11-22T14", "2027-11-22T14")

    assert commitments.notes(repriced(store, ours(tmp_path, plan))) == [
        "commitment sp-1: 0 hours for 0 USD cover 0 at list price; unused 0"
    ]
