"""
The largest movers of a comparison, as facts: which template, by how much, and the version or the workflow behind it.

The command line says them in English (comparison_words.py), pages in the language of their reader.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from collector.catalog.bills import IS_SHARED
from collector.core.cost.comparison import PARTS, DifferenceSplit, PartName, summed
from collector.core.cost.meters import CONTEXT
from collector.core.units import ZERO
from collector.reports.comparison_source import GOOD, IS_GOOD, TEMPLATE, ComparedPeriod, charges_where
from collector.reports.filters import Filter, condition
from collector.reports.report import Query
from collector.reports.shared_parts import statement_lines

MOST = 5
LINE_COLUMNS = ("department", "cluster", "product")
"""Columns that lines of the statement have."""
OF_TEMPLATES = f"entry = 0 AND {TEMPLATE} IN {{templates:Array(String)}} AND currency = {{currency:String}}"
RUNS = f"""
    SELECT {TEMPLATE} AS of_template, template_version, uniqExactIf(workflow_uid, {IS_GOOD}) AS runs,
           sumIf(billed_seconds, {IS_GOOD}), min(day)
    FROM {{charges}} AND {OF_TEMPLATES}
    GROUP BY of_template, template_version ORDER BY runs DESC, template_version LIMIT 20 BY of_template
"""
MARKETS = f"""
    SELECT {TEMPLATE} AS of_template, product, purchase, region, sumIf(billed_seconds, {IS_GOOD}) AS seconds, {GOOD}
    FROM {{charges}} AND {OF_TEMPLATES} AND cost IS NOT NULL
    GROUP BY of_template, product, purchase, region
    ORDER BY seconds DESC, product, purchase, region LIMIT 20 BY of_template
"""
LOST = f"""
    SELECT of_template, class, lost, workflow, of_workflow FROM (
        SELECT {TEMPLATE} AS of_template, if({IS_GOOD}, 'pending', class) AS class, workflow_name AS workflow,
               sum(if({IS_GOOD}, ifNull(cost_pending, 0), cost)) AS of_workflow,
               sum(of_workflow) OVER (PARTITION BY of_template, class) AS lost
        FROM {{charges}} AND {OF_TEMPLATES} AND cost IS NOT NULL
        GROUP BY of_template, class, workflow
    ) ORDER BY of_template, class, of_workflow DESC, workflow LIMIT 1 BY of_template, class
"""
ITEMS = f"""
    SELECT '' AS of_template, kind, what, sum(amount) FROM {statement_lines(0, IS_SHARED)}
    WHERE currency = {{currency:String}} AND {{lines}}
    GROUP BY kind, what
"""


class Mover(NamedTuple):
    """A part of one template's difference."""

    template: str
    part: PartName
    amount: Decimal


@dataclass(frozen=True, slots=True)
class RunsChanged:
    """Behind volume: good runs, now and before."""

    after: int
    before: int


@dataclass(frozen=True, slots=True)
class RunLengthChanged:
    """Behind work: the pods' seconds of a good run, now and before; None: there was none."""

    after_s: float | None
    before_s: float | None
    version: str = ""
    """A version of the template that is new; empty: none is."""
    since: date | None = None
    version_s: float | None = None


@dataclass(frozen=True, slots=True)
class RateChanged:
    """Behind price: the market whose price of a second changed most, and by how much of it (0.1: 10 % more)."""

    market: str
    share: Decimal


@dataclass(frozen=True, slots=True)
class MarketShareChanged:
    """Behind mix: the market whose part of the seconds changed most; its percent, now and before."""

    market: str
    after: float
    before: float


@dataclass(frozen=True, slots=True)
class WasteChanged:
    """Behind waste: the class of money that changed most, now and before, and the workflow with most of it now."""

    money_class: str
    after: Decimal
    before: Decimal
    workflow: str = ""
    """Empty: there is none now."""
    of_workflow: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class SharedItemChanged:
    """Behind shared costs: the item that changed most, now and before."""

    kind: str
    what: str
    after: Decimal
    before: Decimal


Cause = RunsChanged | RunLengthChanged | RateChanged | MarketShareChanged | WasteChanged | SharedItemChanged


@dataclass(frozen=True, slots=True)
class ExplainedMover:
    """A mover, and what is behind it; None: nothing more is known than its part says."""

    mover: Mover
    cause: Cause | None


@dataclass(frozen=True, slots=True)
class GainedWorkflows:
    """A department that has workflows of others now, what they cost before, and who paid for them then."""

    department: str
    amount: Decimal
    gave: tuple[str, ...]


FactRows = Sequence[Sequence[Any]]
"""What one of the statements above has of one template in one period, without the template."""
RowsOfTemplates = Mapping[str, tuple[FactRows, FactRows]]
"""By template, of the period before and of the one that is compared with it."""


class Pair(NamedTuple):
    """What is asked of both periods."""

    query: Query
    before: ComparedPeriod
    after: ComparedPeriod
    filters: Sequence[Filter]
    currency: str

    def read(self, sql: str, templates: Sequence[str]) -> RowsOfTemplates:
        """Reads the same of both periods for some templates at once: each statement goes through all charges."""
        charges, more = charges_where(self.filters)
        lines = condition([one for one in self.filters if one.column in LINE_COLUMNS], "`{}`".format)
        bound = more | lines.parameters | {"templates": list(templates), "currency": self.currency}
        text = sql.replace("{charges}", charges).replace("{lines}", lines.sql)
        found: dict[str, tuple[list[Sequence[Any]], list[Sequence[Any]]]] = {name: ([], []) for name in templates}
        for place, period in enumerate((self.before, self.after)):
            for template, *row in self.query(text, bound | period.span.parameters()):
                found[template][place].append(row)
        return found


def movers(splits: Iterable[DifferenceSplit], most: int = MOST) -> list[Mover]:
    """Returns the largest parts of templates, and of shared costs as a whole."""
    found, shared = list[Mover](), ZERO
    # What moved from one department to another is none of the sum of a template.
    for split in summed(splits, ("template",)):
        for part in PARTS:
            if part == "shared":
                shared = CONTEXT.add(shared, split.parts[part])
            elif split.parts[part]:
                found.append(Mover(split.row.template, part, split.parts[part]))
    if shared:
        found.append(Mover("", "shared", shared))
    return sorted(found, key=lambda mover: (-abs(mover.amount), mover.template, mover.part))[:most]


def explained(pair: Pair, splits: Sequence[DifferenceSplit], most: int = MOST) -> list[ExplainedMover]:
    """Returns the largest movers, each with what is behind it."""
    found = movers(splits, most)
    needed: dict[str, list[str]] = {}
    for mover in found:
        if mover.part in BEHIND:
            needed.setdefault(BEHIND[mover.part].sql, []).append(mover.template)
    read = {sql: pair.read(sql, list(dict.fromkeys(templates))) for sql, templates in needed.items()}
    return [ExplainedMover(mover, _cause(mover, read)) for mover in found]


def _cause(mover: Mover, read: Mapping[str, RowsOfTemplates]) -> Cause | None:
    behind = BEHIND.get(mover.part)
    return behind.find(mover, *read[behind.sql][mover.template]) if behind else None


def _volume(_: Mover, before: FactRows, after: FactRows) -> RunsChanged:
    return RunsChanged(*(sum(row[1] for row in rows) for rows in (after, before)))


def _work(_: Mover, before: FactRows, after: FactRows) -> RunLengthChanged:
    known = {row[0] for row in before}
    new = [row for row in after if row[0] and row[0] not in known and row[1]]
    lengths = _length(after), _length(before)
    if not new:
        return RunLengthChanged(*lengths)
    return RunLengthChanged(*lengths, version=new[0][0], since=new[0][3], version_s=_length(new[:1]))


def _length(rows: FactRows) -> float | None:
    """Returns the pods' seconds of a good run."""
    runs, seconds = sum(row[1] for row in rows), sum(row[2] for row in rows)
    return seconds / runs if runs else None


def _rate(rows: FactRows) -> dict[tuple[str, ...], Decimal]:
    """Returns what a second costs in each market."""
    return {tuple(row[:3]): CONTEXT.divide(row[4], Decimal(row[3])) for row in rows if row[3] and row[4]}


def _price(_: Mover, before: FactRows, after: FactRows) -> RateChanged | None:
    then, now = _rate(before), _rate(after)
    changed = [(abs(now[market] / then[market] - 1), market) for market in now if then.get(market)]
    if not changed:
        return None
    market = max(changed)[1]
    return RateChanged(" ".join(market), now[market] / then[market] - 1)


def _mix(_: Mover, before: FactRows, after: FactRows) -> MarketShareChanged:
    then, now = _share(before), _share(after)
    market = max({**then, **now}, key=lambda one: (abs(now.get(one, 0) - then.get(one, 0)), one))
    return MarketShareChanged(" ".join(market), now.get(market, 0), then.get(market, 0))


def _share(rows: FactRows) -> dict[tuple[str, ...], float]:
    whole = sum(row[3] for row in rows) or 1
    return {tuple(row[:3]): 100 * row[3] / whole for row in rows}


def _waste(_: Mover, before: FactRows, after: FactRows) -> WasteChanged:
    then, now = ({row[0]: row[1] for row in rows} for rows in (before, after))
    name = max({**then, **now}, key=lambda one: (abs(now.get(one, ZERO) - then.get(one, ZERO)), one))
    changed = now.get(name, ZERO), then.get(name, ZERO)
    most = [(row[2], row[3]) for row in after if row[0] == name]
    return WasteChanged(name, *changed, *(most[0] if most else ()))


def _shared(mover: Mover, before: FactRows, after: FactRows) -> SharedItemChanged | None:
    """The item that changed most in the direction of the whole."""
    then, now = ({(row[0], row[1]): row[2] for row in rows} for rows in (before, after))
    if not {**then, **now}:
        return None
    up = 1 if mover.amount > 0 else -1
    kind, what = max({**then, **now}, key=lambda one: (up * (now.get(one, ZERO) - then.get(one, ZERO)), one))
    return SharedItemChanged(kind, what, now.get((kind, what), ZERO), then.get((kind, what), ZERO))


class Behind(NamedTuple):
    """How what is behind a part is read and found, by the rows of both periods."""

    sql: str
    find: Callable[[Mover, FactRows, FactRows], Cause | None]


BEHIND: Mapping[PartName, Behind] = {
    "volume": Behind(RUNS, _volume),
    "work": Behind(RUNS, _work),
    "price": Behind(MARKETS, _price),
    "mix": Behind(MARKETS, _mix),
    "waste": Behind(LOST, _waste),
    "shared": Behind(ITEMS, _shared),
}


def gained(splits: Sequence[DifferenceSplit], most: int = MOST) -> list[GainedWorkflows]:
    """Returns the departments that gained workflows of others, those with the dearest first."""
    sums: dict[str, Decimal] = {}
    for split in splits:
        sums[split.row.department] = CONTEXT.add(sums.get(split.row.department, ZERO), split.parts["ownership"])
    more = sorted(((name, amount) for name, amount in sums.items() if amount > 0), key=lambda one: (-one[1], one[0]))
    gave = tuple(sorted(name for name, amount in sums.items() if amount < 0))
    return [GainedWorkflows(name, amount, gave) for name, amount in more[:most]]
