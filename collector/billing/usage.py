"""
What departments used in a month: sums of its charges under a pricing run, by department, cluster and product.

Of an active run they are read from the rollup, and where that is not up to date from the charges below it: the figures
are exactly the same. A run that is being prepared, or a month that is being locked, is read from the charges alone.
"""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import Any, NamedTuple

from collector.billing.queries import OF_RUN_MONTH, charges, run_month
from collector.catalog.rollups import COST_DAILY
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of, month_after
from collector.core.cost.statement import UsageSum
from collector.core.units import ZERO
from collector.reports.report import Query, Span
from collector.reports.rollup_source import rollup_source
from collector.reports.sources import IN_PERIOD
from collector.store.clickhouse import Store

PLACE = ("department", "cluster", "product", "currency")
_BY_PLACE = ", ".join(PLACE)
SUMS = f"""
    SELECT {_BY_PLACE}, sum(sum_cost), sum(ifNull(sum_rounded_cost, sum_cost)), sum(sum_seconds), sum(sum_unpriced),
        sum(sum_accruing)
    FROM {{source}} GROUP BY {_BY_PLACE} ORDER BY {_BY_PLACE}
"""
FROM_CHARGES = f"""(
    SELECT {_BY_PLACE}, cost AS sum_cost, rounded_cost AS sum_rounded_cost, billed_seconds AS sum_seconds,
        cost IS NULL AS sum_unpriced, status = 'accruing' AS sum_accruing
    FROM {charges()}
)"""
HAS_CORRECTIONS = f"SELECT count() FROM {DATABASE}.pod_cost WHERE {OF_RUN_MONTH} AND entry > 0"
"""Includes replaced rows: most months have none, and their rows need not be merged."""
CORRECTIONS = f"SELECT {_BY_PLACE}, sum(cost) FROM {charges('entry > 0 AND cost IS NOT NULL')} GROUP BY {_BY_PLACE}"
PODS = f"SELECT {_BY_PLACE}, uniqExact(pod_uid) FROM {charges()} GROUP BY {_BY_PLACE}"
_SUMMED = ("cost", "rounded_cost", "seconds", "unpriced", "accruing")

Place = tuple[str, ...]


class MonthUsage(NamedTuple):
    """What was used in a month, and the charges that are in no sum or not final."""

    sums: list[UsageSum]
    unpriced: int
    accruing: int


def month_usage(store: Store, month: int, run: int, *, rolled_up: bool, pods: bool = False) -> MonthUsage:
    """Sums up a month's charges under a run: from the rollup, which only an active run has; `pods`: pods are counted too."""
    source, bound = _rollup(store, month) if rolled_up else (FROM_CHARGES, run_month(run, month))
    rows = store.query_rows(SUMS.format(source=source), bound)
    of_month = run_month(run, month)
    corrections = _corrections(store, of_month)
    counted = _by_place(store.query_rows(PODS, of_month)) if pods else {}
    sums = [
        _usage_sum(tuple(row[:4]), row[4:], corrections.get(tuple(row[:4])), counted.get(tuple(row[:4]), 0))
        for row in rows
    ]
    return MonthUsage(sums, unpriced=sum(row[7] for row in rows), accruing=sum(row[8] for row in rows))


def span_of(month: int, zone: tzinfo) -> Span:
    """Returns a month as the period of a report."""
    return Span(date_of(month), date_of(month_after(month)), str(zone))


def query_of(store: Store) -> Query:
    """Returns the function by which reports read a store."""
    return lambda sql, parameters: store.query_rows(sql, dict(parameters))


def _rollup(store: Store, month: int) -> tuple[str, dict[str, Any]]:
    span = Span(date_of(month), date_of(month_after(month)))
    return rollup_source(
        query_of(store), COST_DAILY, span, in_rollup=IN_PERIOD, in_rows=IN_PERIOD, keys=PLACE, sums=_SUMMED
    )


def _corrections(store: Store, of_month: dict[str, Any]) -> Mapping[Place, Decimal]:
    ((entries,),) = store.query_rows(HAS_CORRECTIONS, of_month)
    return _by_place(store.query_rows(CORRECTIONS, of_month)) if entries else {}


def _by_place(rows: Sequence[Sequence[Any]]) -> dict[Place, Any]:
    return {tuple(row[:4]): row[4] for row in rows}


def _usage_sum(place: Place, sums: Sequence[Any], corrections: Decimal | None, pods: int) -> UsageSum:
    department, cluster, product, currency = place
    cost, rounded_cost, seconds, *_ = sums
    return UsageSum(
        department=department,
        cluster=cluster,
        product=product,
        currency=currency,
        cost=cost or ZERO,
        rounded_cost=rounded_cost or ZERO,
        corrections=corrections or ZERO,
        seconds=seconds,
        pods=pods,
    )
