"""
Writes the statements of months: the lines of what each department pays, and a row with what they were computed from.

Readers print these lines and compute nothing: all of them see the same bill, whatever their own price books are. The
collectors' round keeps the statements of months that are not locked up to date, a repricing writes the one of its run, and
the lock freezes it. Only lines that changed are written; a line that vanished is written with the amount 0.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from msgspec.structs import replace

from collector.billing.bill_shared import bills_by_month
from collector.billing.rows import read_facts, store_clock, write_facts
from collector.billing.runs import default_period
from collector.billing.shared import MonthOfRun, MonthShared, StatementTerms, counts_pods, month_shared
from collector.billing.usage import month_usage
from collector.catalog.rollups import SLOW_S
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import day_of, month_after, month_of
from collector.core.cost.statement import Edition, changed_lines, statement_lines
from collector.core.cost.statement_notes import BEFORE_STATEMENTS
from collector.core.facts.bills import MonthStatement, Period, StatementLine
from collector.core.model import Instant
from collector.prices import book
from collector.settings.bill import BillRule
from collector.store.clickhouse import Store, StoreRows
from collector.store.replicas import wait_for_replicas

SLOW_MS = SLOW_S * 1000
TABLES = ("statement_line", "month_statement")
PAGE = 5_000
"""Lines that are written in one insert."""
OF_MONTH = "FINAL WHERE month = toDate({month:UInt16}) AND run = {run:UInt32}"
NEWEST = f"""
    SELECT toUInt16(toStartOfMonth(day)) AS of_month, run, toUnixTimestamp64Milli(max(inserted_at))
    FROM {DATABASE}.pod_cost WHERE inserted_at >= fromUnixTimestamp64Milli({{since:Int64}}) GROUP BY of_month, run
"""


@dataclass(frozen=True, slots=True)
class MonthBill:
    """The lines of a month under a pricing run, and what they were computed from."""

    row: MonthStatement
    lines: list[StatementLine]


class RunMonth(NamedTuple):
    """A month under a pricing run."""

    month: int
    run: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the store holds when a round begins."""

    at: Instant
    """The store's clock."""
    periods: dict[int, Period]
    statements: dict[RunMonth, MonthStatement]
    newest: dict[RunMonth, Instant]
    """When the store received the newest charge, where that may be later than the statements."""
    bills: dict[int, list[str]]
    """Names of the imported bills by month."""


def compute(store: Store, of: MonthOfRun, terms: StatementTerms, *, rolled_up: bool = False) -> MonthBill:
    """Computes the statement of a month under a run; `rolled_up`: the run is active, so its sums are in the rollup."""
    at = store_clock(store)
    used = month_usage(store, of.month, of.run, rolled_up=rolled_up, pods=counts_pods(terms.books))
    shared = month_shared(store, of, terms, used.sums)
    row = MonthStatement(
        month=of.month,
        run=of.run,
        version=of.now,
        complete_until=at,
        books=[*book.hashed_names(terms.books), *shared.bills],
        rules=terms.rules,
        unpriced=used.unpriced,
        accruing=used.accruing,
        notes=shared.notes,
    )
    return MonthBill(row, statement_lines(used.sums, shared.costs, Edition(of.month, of.run, of.now)))


def write(store: Store, new: MonthBill, *, every: bool = False) -> None:
    """Writes the lines that differ from those of the store, or every line, and then the row."""
    changed = changed_lines(stored_lines(store, new.row.month, new.row.run), new.lines, every=every)
    for i in range(0, len(changed), PAGE):
        write_facts(store, changed[i : i + PAGE])
    write_facts(store, [replace(new.row, version=max([new.row.version, *(line.version for line in changed)]))])


def stored_lines(store: StoreRows, month: int, run: int) -> list[StatementLine]:
    """Reads the lines of a month under a run, those of 0 included."""
    return read_facts(store, StatementLine, OF_MONTH, {"month": month, "run": run})


def stored_statement(store: Store, month: int, run: int) -> MonthStatement | None:
    """Reads the row of a month's statement; None: it was not written yet."""
    rows = read_facts(store, MonthStatement, OF_MONTH, {"month": month, "run": run})
    return rows[0] if rows else None


def write_due(store: Store, terms: StatementTerms, today: date, now: Instant) -> Iterator[int]:
    """
    Brings the statements of all months up to date that are not locked, and yields each month that it computed.

    The current month is always computed, because its fees grow with time. Any other is if it has no statement, if charges
    arrived since, or if its books or imported bills are others; otherwise only its row is written, which states until when it
    is complete.
    """
    wait_for_replicas(store, "pod_cost", "period", "month_statement")
    known, current = look(store, terms.bill), month_of(day_of(today))
    due, unchanged = sort_months(known, current, book.hashed_names(terms.books))
    write_facts(store, [replace(row, version=max(now, row.version + 1), complete_until=known.at) for row in unchanged])
    for month, run in due:
        of = MonthOfRun(month=month, run=run, now=now)
        period = known.periods.get(month) or default_period(month)
        new = before_statements(store, of) if period.state == "locked" else compute(store, of, terms, rolled_up=True)
        if _is_as_known(store, period):
            write(store, new)
            yield month


def look(store: Store, rules: Sequence[BillRule]) -> Known:
    """Reads what a round needs to know."""
    at = store_clock(store)
    periods = {period.month: period for period in read_facts(store, Period, "FINAL")}
    statements = {RunMonth(row.month, row.run): row for row in read_facts(store, MonthStatement, "FINAL")}
    open_rows = [row for of, row in statements.items() if _is_open(of, periods)]
    since = min((row.complete_until - SLOW_MS for row in open_rows), default=0)
    newest = {RunMonth(month, run): arrived for month, run, arrived in store.query_rows(NEWEST, {"since": since})}
    return Known(at, periods, statements, newest, bills_by_month(store, rules))


def sort_months(known: Known, current: int, books: list[str]) -> tuple[list[RunMonth], list[MonthStatement]]:
    """Returns the months whose statements must be computed, and the rows of the others that are not locked."""
    due, unchanged = list[RunMonth](), list[MonthStatement]()
    for month in _months(known, current):
        period = known.periods.get(month) or default_period(month)
        of = RunMonth(month, period.active_run)
        row = known.statements.get(of)
        if row is None and (period.state != "locked" or (period.hash and not period.statement_hash)):
            due.append(of)
        elif row is not None and period.state != "locked":
            changed = known.newest.get(of, 0) >= row.complete_until - SLOW_MS
            if month == current or changed or row.books != [*books, *known.bills.get(of.month, ())]:
                due.append(of)
            else:
                unchanged.append(row)
    return due, unchanged


def before_statements(store: Store, of: MonthOfRun) -> MonthBill:
    """Computes the lines of a month that was locked without them: of its charges alone, which no longer change."""
    used = month_usage(store, of.month, of.run, rolled_up=False)
    row = MonthStatement(
        month=of.month,
        run=of.run,
        version=of.now,
        complete_until=store_clock(store),
        books=[],
        rules="",
        unpriced=used.unpriced,
        accruing=used.accruing,
        notes=[BEFORE_STATEMENTS],
    )
    return MonthBill(row, statement_lines(used.sums, MonthShared().costs, Edition(of.month, of.run, of.now)))


def _months(known: Known, current: int) -> Iterable[int]:
    """Yields the months from the first one with anything in it to the current one; those without charges may have fees."""
    months = {*known.periods, *known.bills, current}
    months |= {of.month for of in (*known.statements, *known.newest)}
    month = min(months)
    while month <= max(months):
        yield month
        month = month_after(month)


def _is_open(of: RunMonth, periods: dict[int, Period]) -> bool:
    period = periods.get(of.month) or default_period(of.month)
    return period.state != "locked" and period.active_run == of.run


def _is_as_known(store: Store, period: Period) -> bool:
    """Returns whether a month was not locked, unlocked or repriced since the round began."""
    rows = read_facts(store, Period, "FINAL WHERE month = toDate({month:UInt16})", {"month": period.month})
    return not rows or (rows[0].state, rows[0].active_run) == (period.state, period.active_run)
