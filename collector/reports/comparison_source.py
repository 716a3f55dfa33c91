"""
Reads what is compared of a period: usage by size and market, runs, and parts of shared costs, as `report cost` has them.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from collector.catalog.schema import DATABASE
from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.comparison import ComparedWorkload, PeriodCost, PriceMarket, Row, Size, Usage, WorkloadCost
from collector.core.units import ZERO
from collector.reports.cost_columns import beyond_rollup
from collector.reports.cost_figures import CURRENCY, ROUNDING, SHARED
from collector.reports.cost_rows import cost_rows
from collector.reports.cost_source import CostView, charges_with, outer
from collector.reports.filters import Filter, condition
from collector.reports.report import Query, Span
from collector.reports.sources import IN_PERIOD

TEMPLATE = f"if(template = '', '{UNALLOCATED}', template)"
"""As `report cost` shows it."""
OF = f"currency, department, cluster, namespace, {TEMPLATE} AS of_template"
KEYS = "currency, department, cluster, namespace, of_template"
MARKET = "product, purchase, region, price_class"
SIZE = "instance_type, billed_vcpu, billed_memory_gib, gpu, arrayMap(meter -> meter.meter, meters)"
"""What decides the price of a second within a market: a pod with storage beyond the free part has a meter more."""
IS_GOOD = "class IN ('useful', 'unknown')"
GOOD = f"ifNull(sumIf(cost - ifNull(cost_pending, 0), {IS_GOOD}), 0)"
"""A sum of amounts that may be NULL is NULL where no pod is good."""
PENDING = f"sumIf(ifNull(cost_pending, 0), {IS_GOOD})"
USAGE = f"""
    SELECT {OF}, {MARKET}, ({SIZE}) AS size, sum(billed_seconds), sumIf(billed_seconds, {IS_GOOD}), {GOOD}, {PENDING},
           sum(cost) - {GOOD} - {PENDING}
    FROM {{charges}} AND entry = 0 AND cost IS NOT NULL GROUP BY {KEYS}, {MARKET}, size
"""
RUNS = f"""
    SELECT {OF}, uniqExactIf(workflow_uid, {IS_GOOD} AND entry = 0 AND cost IS NOT NULL),
           sumIf(ifNull(cost, 0), entry > 0), countIf(cost IS NULL)
    FROM {{charges}} GROUP BY {KEYS}
"""
BY_ROW = ("department", "template")


class ComparedPeriod(NamedTuple):
    """One of two periods that are compared, by currency."""

    span: Span
    costs: Mapping[str, PeriodCost]
    unpriced: int
    """Charges without a price; they are in no sum."""


def charges_where(filters: Sequence[Filter]) -> tuple[str, dict[str, Any]]:
    """Returns SQL of the charges of a period that pass filters, to be followed by AND, and the filters' parameters."""
    extras = beyond_rollup(one.column for one in filters)
    chosen = condition(filters, outer)
    charges = charges_with(extras, f"{DATABASE}.cost_current", IN_PERIOD)
    return f"{charges} WHERE {chosen.sql}", chosen.parameters


def read_period(query: Query, span: Span, filters: Sequence[Filter] = ()) -> ComparedPeriod:
    """Reads a period of the bill."""
    charges, more = charges_where(filters)
    bound = span.parameters() | more
    usage: dict[tuple[str, ComparedWorkload, str], list[Usage]] = defaultdict(list)
    for key, line in _usage(query(USAGE.replace("{charges}", charges), bound)):
        usage[key].append(line)
    spent: dict[str, dict[ComparedWorkload, dict[str, WorkloadCost]]] = defaultdict(lambda: defaultdict(dict))
    unpriced = 0
    for currency, department, *workload, runs, corrections, without in query(RUNS.replace("{charges}", charges), bound):
        key = (currency, ComparedWorkload(*workload), department)
        lines = tuple(sorted(usage[key], key=lambda line: repr(line.size)))
        spent[currency][key[1]][department] = WorkloadCost(runs=runs, usage=lines, corrections=corrections)
        unpriced += without
    shared, rounding = _rest(query, span, filters)
    currencies = sorted({*spent, *shared, *rounding})
    return ComparedPeriod(
        span,
        {
            currency: PeriodCost(spent=spent[currency], shared=shared[currency], rounding=rounding[currency])
            for currency in currencies
        },
        unpriced,
    )


def _usage(rows: Sequence[Sequence[Any]]) -> Iterator[tuple[tuple[str, ComparedWorkload, str], Usage]]:
    for currency, department, *rest in rows:
        workload, market = ComparedWorkload(*rest[:3]), PriceMarket(*rest[3:7])
        (*size, meters), seconds, good_seconds, *costs = rest[7:]
        good, pending, waste = costs
        line = Usage(
            size=Size(market, (*size, *meters)),
            seconds=seconds,
            good_seconds=good_seconds,
            good=good,
            pending=pending,
            waste=waste,
        )
        yield (currency, workload, department), line


AmountsOfRows = dict[str, dict[Row, Decimal]]


def _rest(query: Query, span: Span, filters: Sequence[Filter]) -> tuple[AmountsOfRows, AmountsOfRows]:
    """Reads the parts of shared costs and the provider's rounding, by currency."""
    shared: AmountsOfRows = defaultdict(dict)
    rounding: AmountsOfRows = defaultdict(dict)
    view = CostView(span=span, columns=BY_ROW, filters=tuple(filters))
    for line in cost_rows(query, view, (CURRENCY, SHARED, ROUNDING), ""):
        currency, row = line.figures[CURRENCY], Row(*line.keys)
        for figure, amounts in ((SHARED, shared), (ROUNDING, rounding)):
            if amount := line.figures[figure] or ZERO:
                amounts[currency][row] = amount
    return shared, rounding
