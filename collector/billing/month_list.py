"""
Lists months: their states, what is to pay, and whether a locked month is as it was locked.

Of a locked month the hashes of its charges and of its lines are computed again and compared with those of the lock. A month
that a release without statements locked has the first of the two alone.
"""

from collections.abc import Iterator

from collector.billing.lock import Seal, seal_of
from collector.billing.rows import read_facts
from collector.billing.runs import default_period
from collector.billing.statement import stored_lines
from collector.core.cost.billing_days import date_of
from collector.core.cost.statement import exact, to_pay
from collector.core.facts.bills import MonthStatement, Period, StatementLine
from collector.reports.report import Report, amount
from collector.store.clickhouse import StoreRows

COLUMNS = ("month", "state", "run", "to pay", "exact", "currency", "as locked", "accepted", "billed", "hash")
OPTIONAL = frozenset({"accepted", "billed"})
SHORT = 12
"""Digits of a hash that are shown; `period lock` prints all of them."""
MOST_LINES = 5
"""Lines that are named one by one."""


def list_months(store: StoreRows) -> Report:
    """Reports every month that has a period or a statement."""
    periods = {period.month: period for period in read_facts(store, Period, "FINAL")}
    statements = {(row.month, row.run): row for row in read_facts(store, MonthStatement, "FINAL")}
    rows, notes = list[tuple[object, ...]](), list[str]()
    for month in sorted({*periods, *(month for month, _ in statements)}):
        period = periods.get(month) or default_period(month)
        statement = statements.get((month, period.active_run))
        seal = seal_of(store, period) if period.hash else None
        lines = seal.lines if seal else stored_lines(store, month, period.active_run)
        problems = differences(period, seal, statement) if seal else []
        as_locked = None if seal is None else "NO" if problems else "yes"
        rows += _rows(period, lines, as_locked)
        name = f"{date_of(month):%Y-%m}"
        notes += [f"{name}: {problem}" for problem in problems]
        notes += [f"{name}: accepted: {what}: {reason}" for what, reason in sorted(period.accepted.items())]
        notes += [] if statement else [f"{name}: no statement was computed yet"]
    return Report("Months", COLUMNS, rows, notes, nothing="", money=frozenset({"to pay"}), optional=OPTIONAL)


def differences(period: Period, seal: Seal, statement: MonthStatement | None) -> list[str]:
    """Describes what differs from what was locked."""
    found = list[str]()
    if (seal.totals, seal.hash) != (period.totals, period.hash):
        found.append("the charges are not those that were locked")
    if period.statement_hash and seal.statement_hash != period.statement_hash:
        later = [line for line in seal.lines if statement is None or line.version != statement.version]
        named = "; ".join(_name(line) for line in later[:MOST_LINES])
        more = f" and {len(later) - MOST_LINES} more" if len(later) > MOST_LINES else ""
        found.append(f"the lines are not those that were locked{named and f'; written since: {named}{more}'}")
    return found


def _name(line: StatementLine) -> str:
    place = " ".join(filter(None, (line.department, line.kind, line.what, line.cluster)))
    return f"{place} {amount(line.amount)} {line.currency}"


def _rows(period: Period, lines: list[StatementLine], as_locked: str | None) -> Iterator[tuple[object, ...]]:
    """Yields a row for each currency of a month, or one without amounts."""
    pay, before_rounding = to_pay(lines), exact(lines)
    billed = ", ".join(f"{product} {cost}".strip() for product, cost in sorted(period.billed.items())) or None
    month, digest = f"{date_of(period.month):%Y-%m}", (period.statement_hash or period.hash)[:SHORT] or None
    for currency in sorted(pay) or [""]:
        yield (
            month,
            period.state,
            period.active_run,
            pay.get(currency),
            before_rounding.get(currency),
            currency,
            as_locked,
            len(period.accepted) or None,
            billed,
            digest,
        )
