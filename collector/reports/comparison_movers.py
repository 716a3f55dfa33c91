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
RUNS = f"""
    SELECT template_version, uniqExactIf(workflow_uid, {IS_GOOD}) AS runs, sumIf(billed_seconds, {IS_GOOD}), min(day)
    FROM {{charges}} AND entry = 0 AND {TEMPLATE} = {{template:String}} AND currency = {{currency:String}}
    GROUP BY template_version ORDER BY runs DESC, template_version LIMIT 20
"""
MARKETS = f"""
    SELECT product, purchase, region, sumIf(billed_seconds, {IS_GOOD}) AS seconds, {GOOD}
    FROM {{charges}} AND entry = 0 AND {TEMPLATE} = {{template:String}} AND currency = {{currency:String}} AND cost IS NOT NULL
    GROUP BY product, purchase, region ORDER BY seconds DESC, product, purchase, region LIMIT 20
"""
LOST = f"""
    SELECT class, lost, workflow, of_workflow FROM (
        SELECT if({IS_GOOD}, 'pending', class) AS class, workflow_name AS workflow,
               sum(if({IS_GOOD}, ifNull(cost_pending, 0), cost)) AS of_workflow,
               sum(of_workflow) OVER (PARTITION BY class) AS lost
        FROM {{charges}} AND entry = 0 AND {TEMPLATE} = {{template:String}} AND currency = {{currency:String}}
            AND cost IS NOT NULL
        GROUP BY class, workflow
    ) ORDER BY class, of_workflow DESC, workflow LIMIT 1 BY class
"""
ITEMS = f"""
    SELECT kind, what, sum(amount) FROM {statement_lines(0, IS_SHARED)}
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


class Pair(NamedTuple):
    """What is asked of both periods."""

    query: Query
    before: ComparedPeriod
    after: ComparedPeriod
    filters: Sequence[Filter]
    currency: str

    def read(self, sql: str, **parameters: Any) -> tuple[list[Sequence[Any]], list[Sequence[Any]]]:
        """Reads the same of both periods."""
        charges, more = charges_where(self.filters)
        bound = more | parameters | {"currency": self.currency}
        lines = condition([one for one in self.filters if one.column in LINE_COLUMNS], "`{}`".format)
        bound |= lines.parameters
        text = sql.replace("{charges}", charges).replace("{lines}", lines.sql)
        found = (self.query(text, bound | period.span.parameters()) for period in (self.before, self.after))
        before, after = (list(rows) for rows in found)
        return before, after


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
    return [ExplainedMover(mover, _cause(pair, mover)) for mover in movers(splits, most)]


def _cause(pair: Pair, mover: Mover) -> Cause | None:
    find = CAUSES.get(mover.part)
    return find(pair, mover) if find else None


def _volume(pair: Pair, mover: Mover) -> RunsChanged:
    before, after = (sum(row[1] for row in rows) for rows in pair.read(RUNS, template=mover.template))
    return RunsChanged(after, before)


def _work(pair: Pair, mover: Mover) -> RunLengthChanged:
    before, after = pair.read(RUNS, template=mover.template)
    known = {row[0] for row in before}
    new = [row for row in after if row[0] and row[0] not in known and row[1]]
    lengths = _length(after), _length(before)
    if not new:
        return RunLengthChanged(*lengths)
    return RunLengthChanged(*lengths, version=new[0][0], since=new[0][3], version_s=_length(new[:1]))


def _length(rows: Sequence[Sequence[Any]]) -> float | None:
    """Returns the pods' seconds of a good run."""
    runs, seconds = sum(row[1] for row in rows), sum(row[2] for row in rows)
    return seconds / runs if runs else None


def _rate(rows: Iterable[Sequence[Any]]) -> dict[tuple[str, ...], Decimal]:
    """Returns what a second costs in each market."""
    return {tuple(row[:3]): CONTEXT.divide(row[4], Decimal(row[3])) for row in rows if row[3] and row[4]}


def _price(pair: Pair, mover: Mover) -> RateChanged | None:
    before, after = (_rate(rows) for rows in pair.read(MARKETS, template=mover.template))
    changed = [(abs(after[market] / before[market] - 1), market) for market in after if before.get(market)]
    if not changed:
        return None
    _, market = max(changed)
    return RateChanged(" ".join(market), after[market] / before[market] - 1)


def _mix(pair: Pair, mover: Mover) -> MarketShareChanged:
    before, after = (_share(rows) for rows in pair.read(MARKETS, template=mover.template))
    market = max({**before, **after}, key=lambda one: (abs(after.get(one, 0) - before.get(one, 0)), one))
    return MarketShareChanged(" ".join(market), after.get(market, 0), before.get(market, 0))


def _share(rows: Sequence[Sequence[Any]]) -> dict[tuple[str, ...], float]:
    whole = sum(row[3] for row in rows) or 1
    return {tuple(row[:3]): 100 * row[3] / whole for row in rows}


def _waste(pair: Pair, mover: Mover) -> WasteChanged:
    before, after = pair.read(LOST, template=mover.template)
    then, now = ({row[0]: row[1] for row in rows} for rows in (before, after))
    name = max({**then, **now}, key=lambda one: (abs(now.get(one, ZERO) - then.get(one, ZERO)), one))
    changed = now.get(name, ZERO), then.get(name, ZERO)
    most = [(row[2], row[3]) for row in after if row[0] == name]
    return WasteChanged(name, *changed, *(most[0] if most else ()))


def _shared(pair: Pair, mover: Mover) -> SharedItemChanged | None:
    """The item that changed most in the direction of the whole."""
    before, after = ({(row[0], row[1]): row[2] for row in rows} for rows in pair.read(ITEMS))
    if not {**before, **after}:
        return None
    up = 1 if mover.amount > 0 else -1
    kind, what = max({**before, **after}, key=lambda one: (up * (after.get(one, ZERO) - before.get(one, ZERO)), one))
    return SharedItemChanged(kind, what, after.get((kind, what), ZERO), before.get((kind, what), ZERO))


CAUSES: Mapping[PartName, Callable[[Pair, Mover], Cause | None]] = {
    "volume": _volume,
    "work": _work,
    "price": _price,
    "mix": _mix,
    "waste": _waste,
    "shared": _shared,
}


def gained(splits: Sequence[DifferenceSplit], most: int = MOST) -> list[GainedWorkflows]:
    """Returns the departments that gained workflows of others, those with the dearest first."""
    sums: dict[str, Decimal] = {}
    for split in splits:
        sums[split.row.department] = CONTEXT.add(sums.get(split.row.department, ZERO), split.parts["ownership"])
    more = sorted(((name, amount) for name, amount in sums.items() if amount > 0), key=lambda one: (-one[1], one[0]))
    gave = tuple(sorted(name for name, amount in sums.items() if amount < 0))
    return [GainedWorkflows(name, amount, gave) for name, amount in more[:most]]
