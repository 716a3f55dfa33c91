"""
Control totals of a FOCUS file: what its rows sum to, and where the statement of a whole month has other figures.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from collector.catalog.bills import IS_SHARED
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of, day_of, month_after
from collector.core.cost.meters import CONTEXT, total
from collector.core.units import ZERO
from collector.store.clickhouse import Store
from collector.store.focus import IN_PERIOD, FocusFile

CHARGES = f"""
    SELECT toStartOfMonth(day) AS month, toString(currency), sum(cost), sum(ifNull(rounded_cost, cost)), countIf(cost IS NULL)
    FROM {DATABASE}.cost_current WHERE {IN_PERIOD} GROUP BY month, currency ORDER BY month, currency
"""
STATED = f"""
    SELECT month, toString(currency), sumIf(amount, {IS_SHARED}), sumIf(amount, NOT {IS_SHARED})
    FROM {DATABASE}.statement_current WHERE month >= {{begin:Date}} AND month < {{end:Date}}
    GROUP BY month, currency ORDER BY month, currency
"""


class Sum(NamedTuple):
    """A month of charges in one currency."""

    month: date
    currency: str
    exact: Decimal | None
    to_pay: Decimal | None
    unpriced: int


class Stated(NamedTuple):
    """A month of the statement in one currency."""

    month: date
    currency: str
    shared: Decimal
    of_pods: Decimal


def totals(store: Store, wanted: FocusFile) -> list[str]:
    """Returns lines for the user: the sums of each currency, then what is missing or differs."""
    bound = {"begin": wanted.begin, "end": wanted.end}
    sums = [Sum(*row) for row in store.query_rows(CHARGES, bound)]
    stated = [Stated(*row) for row in store.query_rows(STATED, bound)]
    return [*_sums(sums, stated), *_notes(sums, stated, wanted)]


def _sums(sums: list[Sum], stated: list[Stated]) -> Iterator[str]:
    currencies = sorted({*(row.currency for row in sums), *(row.currency for row in stated)} - {""})
    for currency in currencies:
        shared = total(row.shared for row in stated if row.currency == currency)
        exact = total(row.exact or ZERO for row in sums if row.currency == currency)
        to_pay = total(row.to_pay or ZERO for row in sums if row.currency == currency)
        yield (
            f"BilledCost sums to {_shown(CONTEXT.add(to_pay, shared))} {currency}, "
            f"EffectiveCost to {_shown(CONTEXT.add(exact, shared))} {currency}"
        )


def _notes(sums: list[Sum], stated: list[Stated], wanted: FocusFile) -> Iterator[str]:
    if unpriced := sum(row.unpriced for row in sums):
        yield f"{unpriced} charges have no known price and are in no row; `lynceus report cost` names the reasons"
    has_statement = {row.month for row in stated}
    of_pods = {(row.month, row.currency): row.of_pods for row in stated}
    for row in sums:
        is_whole = row.month >= wanted.begin and date_of(month_after(day_of(row.month))) <= wanted.end
        differs = CONTEXT.subtract(row.to_pay or ZERO, of_pods.get((row.month, row.currency), ZERO))
        if row.month not in has_statement and row.month >= wanted.begin:
            yield f"{row.month:%Y-%m} has no statement yet: fees, idle nodes and unused commitments are missing"
        elif is_whole and differs:
            yield (
                f"{row.month:%Y-%m}: pods cost {_shown(differs)} {row.currency} more than in the statement, "
                "which is of an earlier time; write the file again after the next round"
            )


def _shown(amount: Decimal) -> str:
    return format(amount.normalize(CONTEXT), "f")
