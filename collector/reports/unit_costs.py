"""
Cost a unit: what a kilometre, a frame or a page cost, by the numbers that workflows state of what they made.

A workflow counts once, in the month in which its last attempt ended, with the exact cost of all its pods whenever they are
billed. Only workflows with a number are divided; those without one are counted beside, with their cost, and never as 0. A
quotient is rounded once, to 18 places half-even.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from collector.core.cost.meters import CONTEXT, PLACES
from collector.core.workflow.units import ONLY_UNIT
from collector.reports.completeness import completeness
from collector.reports.filters import Filter, condition, described
from collector.reports.report import Query, Report, ReportError, Span, columns_by
from collector.reports.sources import BEGIN, END, parameters

MONTH = "month"
_STATED = (
    f"if(mapContains(made, {{unit:String}}), made[{{unit:String}}], "
    f"if({{unit:String}} = '{ONLY_UNIT}' AND empty(made), units, NULL))"
)
"""The number of the unit; rows that an earlier release wrote have the only one in a column of its own."""
_OF_RUN = ("template", "template_version", "queue", "namespace", "name", "outcome", "department", "project", "creator")
_PAYER = ("department", "project", "creator")
COLUMNS: Mapping[str, str] = {
    MONTH: "formatDateTime(toTimeZone(ended, {zone:String}), '%Y-%m')",
    "cluster": "run.cluster",
    **{name: f"run.`{name}`" for name in ("template", "template_version", "queue", "namespace", "outcome")},
    "workflow": "run.name",
    **{name: f"if(spent.currency = '', run.`{name}`, spent.`{name}`)" for name in _PAYER},
}
"""By the name after `--by` and `--where`. Who pays is what the charges say, as after a repricing."""
_RUNS = f"""
    SELECT cluster, uid, min(created_at) AS created, max(finished_at) AS ended,
           argMax(tuple({_STATED}), attempt).1 AS made_units,
           {", ".join(f"argMax(`{name}`, attempt) AS `{name}`" for name in _OF_RUN)}
    FROM workflow_run FINAL WHERE finished_at >= {BEGIN} GROUP BY cluster, uid HAVING ended < {END}
"""
_SPENT = f"""
    SELECT cluster, workflow_uid, currency, sum(cost) AS all_cost, countIf(cost IS NULL) AS unpriced,
           sumIf(cost - ifNull(cost_pending, 0), class IN ('failed', 'retried', 'reclaimed')) AS lost,
           sum(cost_pending) AS waited,
           {", ".join(f"argMax(`{name}`, (entry, version)) AS `{name}`" for name in _PAYER)}
    FROM cost_current
    WHERE created_at >= (SELECT min(created) - toIntervalDay(1) FROM ({_RUNS}))
      AND (cluster, workflow_uid) GLOBAL IN (SELECT cluster, uid FROM ({_RUNS}))
    GROUP BY cluster, workflow_uid, currency
"""


class UnitSums(NamedTuple):
    """What the workflows of a row made and cost."""

    currency: str
    """Empty: none of them has a charge."""
    cost: Decimal
    """Of the workflows with a number."""
    waste: Decimal
    units: Decimal
    runs: int
    without: int
    """Workflows without a number."""
    other_cost: Decimal
    """Of the workflows without a number."""
    unpriced: int

    def plus(self, other: "UnitSums") -> "UnitSums":
        """Both together."""
        return UnitSums(
            currency=self.currency or other.currency,
            cost=CONTEXT.add(self.cost, other.cost),
            waste=CONTEXT.add(self.waste, other.waste),
            units=CONTEXT.add(self.units, other.units),
            runs=self.runs + other.runs,
            without=self.without + other.without,
            other_cost=CONTEXT.add(self.other_cost, other.other_cost),
            unpriced=self.unpriced + other.unpriced,
        )

    def a_unit(self, amount: Decimal) -> Decimal | None:
        """Divides an amount by the units; None: nothing was made."""
        return CONTEXT.quantize(CONTEXT.divide(amount, self.units), PLACES) if self.units else None

    def values(self) -> tuple[Any, ...]:
        """The row of the report, after its keys."""
        made = self.units if self.runs else None
        amounts = (None, None) if self.unpriced and not self.cost else (self.cost, self.waste)
        per_unit = (None if amount is None or made is None else self.a_unit(amount) for amount in amounts)
        return (made, *per_unit, *amounts, *self[4:7], self.unpriced, self.currency)


TITLES = (
    "units",
    "cost a unit",
    "waste a unit",
    "cost",
    "waste",
    "runs",
    "without number",
    "their cost",
    "unpriced pods",
    "currency",
)


def refuse_beside_unit(*, other: bool) -> None:
    """Raises ReportError for options that do not go with a unit."""
    if other:
        raise ReportError("--unit goes with --by, --where and a period: leave out --run, --top and --sort")


def check_unit(unit: str, known: Iterable[str]) -> None:
    """Raises ReportError for a unit that the settings do not name."""
    names = list(known)
    if names and unit not in names:
        raise ReportError(f"--unit {unit}: no such unit in `attribution.units`; there are {', '.join(names)}")


def unit_costs(query: Query, span: Span, by: str, unit: str, filters: Sequence[Filter] = ()) -> Report:
    """Reports what a unit cost, by columns and month."""
    names = [*(name for name in columns_by(by, COLUMNS) if name != MONTH), MONTH]
    found = _rows(query, span, names, unit=unit, filters=filters)
    chosen = f", where {described(filters)}" if filters else ""
    return Report(
        title=f"Cost a unit of {unit}, {span}{chosen}",
        columns=(*names, *TITLES),
        rows=[(*keys, *sums.values()) for keys, sums in found],
        notes=[*_notes(unit, [sums for _, sums in found]), completeness(query, span)],
        totals=[("total", *[""] * (len(names) - 1), *sums.values()) for sums in _totals(sums for _, sums in found)],
        money=frozenset(("cost", "waste", "their cost")),
        rates=frozenset(("cost a unit", "waste a unit")),
        optional=frozenset(("unpriced pods",)),
        keys=len(names),
    )


def _rows(
    query: Query, span: Span, names: Sequence[str], *, unit: str, filters: Sequence[Filter]
) -> list[tuple[tuple[Any, ...], UnitSums]]:
    """The sums by keys and currency, month by month, the dearest first."""
    chosen = condition(filters, COLUMNS.__getitem__)
    keys = ", ".join(f"{COLUMNS[name]} AS k{place}" for place, name in enumerate(names))
    counted = "made_units IS NOT NULL"
    sql = f"""
        SELECT {keys}, spent.currency AS in_currency, ifNull(sumIf(all_cost, {counted}), 0),
               ifNull(sumIf(ifNull(lost, 0) + ifNull(waited, 0), {counted}), 0), ifNull(sum(made_units), 0),
               countIf({counted}), countIf(NOT {counted}), ifNull(sumIf(all_cost, NOT {counted}), 0), sum(unpriced)
        FROM ({_RUNS}) AS run LEFT JOIN ({_SPENT}) AS spent ON run.cluster = spent.cluster AND run.uid = spent.workflow_uid
        WHERE {chosen.sql} GROUP BY {", ".join(f"k{place}" for place in range(len(names)))}, in_currency
    """
    sums: dict[tuple[Any, ...], dict[str, UnitSums]] = {}
    for row in query(sql, parameters(span, unit=unit, **chosen.parameters)):
        made = UnitSums(*row[len(names) :])
        sums.setdefault(tuple(row[: len(names)]), {})[made.currency] = made
    rows = [(keys, each) for keys, of_currency in sums.items() for each in _together(of_currency)]
    return sorted(rows, key=lambda row: (row[0][-1], -row[1].cost, row[0]))


def _together(of_currency: Mapping[str, UnitSums]) -> Iterable[UnitSums]:
    """The sums by currency; workflows without any charge are with the others, if those are in one currency."""
    charged = {currency: sums for currency, sums in of_currency.items() if currency}
    if len(charged) == 1 and "" in of_currency:
        return [one.plus(of_currency[""]) for one in charged.values()]
    return of_currency.values()


def _totals(rows: Iterable[UnitSums]) -> list[UnitSums]:
    """The sums of all rows by currency."""
    sums: dict[str, UnitSums] = {}
    for row in rows:
        sums[row.currency] = sums[row.currency].plus(row) if row.currency in sums else row
    return list(_together(sums))


def _notes(unit: str, rows: Sequence[UnitSums]) -> list[str]:
    """States what is divided by what, and what is missing."""
    without, unpriced = sum(row.without for row in rows), sum(row.unpriced for row in rows)
    notes = [
        "a workflow counts in the month of its end, with the exact cost of all its pods; shared costs are not in it"
    ]
    if not any(row.runs for row in rows):
        notes.append(f"no workflow states a number of {unit}; `attribution.units` in the settings names its annotation")
    elif without:
        notes.append(f"{without} workflows state no number of {unit}: they and their cost are in no quotient")
    if unpriced:
        notes.append(f"{unpriced} charges have no known price: a unit costs more than is shown")
    return notes
