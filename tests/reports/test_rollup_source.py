"""Reports from rollups against the same reports from the rows, on the real engine."""

import random
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from collector.billing.rows import write_facts
from collector.catalog.rollups import COST_DAILY, ROLLUPS, WORKFLOW_HOURLY, Rollup
from collector.core.cost.billing_days import day_of
from collector.core.facts.bills import Period, PodCost
from collector.reports.cost import cost
from collector.reports.report import Query, Report, Span
from collector.reports.rollup_source import has_whole_hours, rollup_source
from collector.reports.success import success
from collector.store.clickhouse import Store
from collector.store.rollup import roll_up
from collector.store.schema.migrate import migrate
from tests.builders import DAY, HOUR, NOON, SECOND, a_pod_run, version
from tests.core.cost.charged import charge
from tests.reports.stored import a_run
from tests.store.running import start

SPAN = Span(date(2026, 11, 20), date(2026, 11, 25))
ONE_DAY, DECEMBER = Span(date(2026, 11, 21), date(2026, 11, 22)), Span(date(2026, 12, 1), date(2027, 1, 1))
YEAR = Span(date(2026, 1, 1), date(2027, 1, 1), "Asia/Shanghai")
REPORTS: list[tuple[Callable[[Query, Span, str], Report], Span, str]] = [
    (cost, SPAN, "day,department"), (cost, ONE_DAY, "cluster,class,region"),
    (cost, YEAR, "template,product,purchase,project,namespace"), (success, SPAN, "cluster,queue"),
    (success, DECEMBER, "department,template,project,namespace"),
]  # fmt: skip
NOVEMBER = day_of(date(2026, 11, 1))
Ask = tuple[Store, Query, Query]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """A writer, a reader, and a reader to whom every day is stale."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer, reader = running.writer(), running.reader()
    migrate(writer)

    def from_rollups(sql: str, parameters: Any) -> Any:
        return reader.query_rows(sql, dict(parameters))

    def from_rows(sql: str, parameters: Any) -> Any:
        if "rollup_state" in sql:
            return [(day,) for (day,) in reader.query_rows("SELECT arrayJoin(range(20000, 21000))::Date")]
        return from_rollups(sql, parameters)

    yield writer, from_rollups, from_rows
    writer.close()
    reader.close()
    running.stop()


def charges(count: int, seed: int) -> list[PodCost]:
    """What pods of four days cost, some over midnight, some that run, some without a price."""
    chance, found = random.Random(seed), []
    for i in range(count):
        begin = NOON + chance.randrange(-2 * DAY, 2 * DAY) // SECOND * SECOND
        end = begin + chance.choice([0, 60, 40_000, 90_000]) * SECOND
        pod = a_pod_run(
            uid=f"p{seed}-{i}", workflow_uid=f"w{chance.randrange(count // 3)}", cluster=f"c{chance.randrange(3)}",
            created_at=begin, scheduled_at=begin, instance_created_at=begin, main_started_at=min(begin + 9000, end),
            finished_at=chance.choice([end, end, end, None]),
        )  # fmt: skip
        unpriced = (
            {} if chance.random() > 0.1 else {"cost": None, "cost_pending": None, "list_cost": None, "rule": "none"}
        )
        priced = charge(pod, until=end + HOUR)
        department, kind = chance.choice(["maps", "slam", "unallocated"]), chance.choice(["useful", "failed"])
        found += [replace(one, department=department, class_=kind, template="t", **unpriced) for one in priced]
    return found


def same(ask: Ask) -> None:
    """All reports are what they are from the rows alone, and not empty."""
    _, rollups, rows = ask
    found = [make(rollups, span, by) for make, span, by in REPORTS]

    assert found == [make(rows, span, by) for make, span, by in REPORTS]
    assert found[0].rows[0][0] is not None


def rebuild(store: Store) -> None:
    for rollup in ROLLUPS:
        roll_up(store, rollup)


def stale(query: Query, rollup: Rollup) -> list[Any]:
    return [day for day, _ in query(rollup.stale(), {})]


def test_a_report_is_the_same_from_rollups_and_from_rows(ask: Ask) -> None:
    """Digit for digit through late facts, other owners, corrections and a repriced month, rebuilt or not yet."""
    writer, rollups, _ = ask
    first = charges(150, 1)
    write_facts(writer, first)
    write_facts(
        writer, [a_run(f"w{i}", finished_at=NOON + i * HOUR, outcome=["succeeded", "failed"][i % 2]) for i in range(50)]
    )
    rebuild(writer)
    assert writer.query_rows("SELECT sum(cost) FROM lynceus.cost_daily") == [
        (sum((one.cost for one in first if one.cost is not None), Decimal(0)),)
    ]

    age(writer)
    assert stale(rollups, COST_DAILY) == stale(rollups, WORKFLOW_HOURLY) == []
    same(ask)

    moved = [replace(one, department="other", version=one.version + 1) for one in first[:40]]
    entry = [replace(one, entry=1, cost=-one.cost, corrects=one.day) for one in first[40:60] if one.cost is not None]
    for late in (charges(30, 2), moved, entry):
        write_facts(writer, late)
    write_facts(
        writer, [a_run("w3", finished_at=NOON + 40 * DAY, version=version(200)), a_run("late", created_at=NOON - DAY)]
    )
    assert set(stale(rollups, COST_DAILY)) >= {date(2026, 11, 20), date(2026, 11, 24)}
    assert stale(rollups, WORKFLOW_HOURLY) == [date(2026, 11, 22), date(2026, 11, 21)]
    same(ask)

    rebuild(writer)
    age(writer)
    same_after_a_repricing(ask, first)


def same_after_a_repricing(ask: Ask, first: list[PodCost]) -> None:
    """Activates another run of the month: the reports follow at once, rebuilt or not yet."""
    writer, rollups, _ = ask
    write_facts(writer, [replace(one, run=2, cost=one.cost and 2 * one.cost) for one in first])
    age(writer)
    rebuild(writer)
    age(writer)
    turned = Period(month=NOVEMBER, version=2, active_run=2, state="open", total=None, hash="")
    before = exact_cost(rollups)
    write_facts(writer, [turned])
    assert len(stale(rollups, COST_DAILY)) >= 5
    same(ask)
    assert exact_cost(rollups) > before
    rebuild(writer)
    assert not set(stale(rollups, COST_DAILY))
    same(ask)


def exact_cost(query: Query) -> Decimal:
    report = cost(query, SPAN, "")
    (found,) = (row[report.columns.index("exact")] for row in report.rows)
    return found  # type: ignore[no-any-return]


def age(writer: Store) -> None:
    """As if all that is in the store had been there for a day."""
    for table in ("pod_cost", "workflow_run"):
        writer.command(
            f"ALTER TABLE lynceus.{table} UPDATE inserted_at = inserted_at - INTERVAL 1 DAY WHERE 1 SETTINGS mutations_sync = 1"
        )


def test_what_is_not_at_full_hours_is_read_from_rows() -> None:
    """A day of Kolkata begins half an hour after a full hour of UTC."""
    assert has_whole_hours(YEAR)
    assert not has_whole_hours(Span(SPAN.begin, SPAN.end, "Asia/Kolkata"))


def test_a_rollup_that_is_up_to_date_is_all_that_is_read() -> None:
    """No row of pods is touched for a period that was rebuilt."""
    source, parameters = rollup_source(
        lambda *_: [], COST_DAILY, SPAN, in_rollup="a", in_rows="b", keys=["day"], sums=["cost"]
    )

    assert "pod_cost" not in source
    assert "cost_current" not in source
    assert parameters == SPAN.parameters()
