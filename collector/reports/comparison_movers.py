"""
The largest movers of a comparison, a sentence each: which template, by how much, and the version or the workflow behind it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from collector.catalog.bills import IS_SHARED
from collector.core.cost.comparison import PARTS, DifferenceSplit, PartName, summed
from collector.core.cost.meters import CONTEXT
from collector.core.cost.minor_units import minor_unit
from collector.core.units import ZERO
from collector.reports.comparison_source import GOOD, IS_GOOD, TEMPLATE, ComparedPeriod, charges_where
from collector.reports.filters import Filter
from collector.reports.report import Query
from collector.reports.shared_parts import statement_lines

MOST = 5
WORDS: Mapping[PartName, str] = {
    "volume": "number of runs",
    "work": "time x size of a run",
    "price": "unit prices",
    "mix": "where it was bought",
    "waste": "lost beside work",
    "shared": "fees, idle nodes",
    "ownership": "who pays",
    "corrections": "locked months",
}
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
    SELECT kind, what, sum(amount) FROM {statement_lines(0, IS_SHARED)} WHERE currency = {{currency:String}}
    GROUP BY kind, what
"""


class Mover(NamedTuple):
    """A part of one template's difference."""

    template: str
    part: PartName
    amount: Decimal


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
        text = sql.replace("{charges}", charges)
        found = (self.query(text, bound | period.span.parameters()) for period in (self.before, self.after))
        before, after = (list(rows) for rows in found)
        return before, after

    def money(self, value: Decimal) -> str:
        """Returns an amount in minor units."""
        return f"{CONTEXT.quantize(abs(value), minor_unit(self.currency)):,f} {self.currency}"


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


def sentences(pair: Pair, splits: Sequence[DifferenceSplit]) -> list[str]:
    """Returns a sentence for each of the largest movers, and for each department that has the workflows of another."""
    found = [f"{_subject(pair, mover)}: {EXPLAINED[mover.part](pair, mover)}" for mover in movers(splits)]
    return [*found, *_moved(pair, splits)]


def _subject(pair: Pair, mover: Mover) -> str:
    """Returns whose money it is, and how much."""
    more = "more" if mover.amount > 0 else "less"
    if mover.part == "shared":
        return f"shared costs {pair.money(mover.amount)} {more}"
    return f"{mover.template} {pair.money(mover.amount)} {more} by {mover.part}"


def _volume(pair: Pair, mover: Mover) -> str:
    before, after = (sum(row[1] for row in rows) for rows in pair.read(RUNS, template=mover.template))
    return f"{after:,} good runs, {before:,} before"


def _work(pair: Pair, mover: Mover) -> str:
    before, after = pair.read(RUNS, template=mover.template)
    text = f"{_length(after)} a run, {_length(before)} before"
    known = {row[0] for row in before}
    new = [row for row in after if row[0] and row[0] not in known and row[1]]
    if new:
        version, _, _, since = new[0]
        text += f"; version {version}, since {_day(since)}, takes {_length(new[:1])}"
    return text


def _length(rows: Sequence[Sequence[Any]]) -> str:
    """Returns the pods' time a good run."""
    runs, seconds = sum(row[1] for row in rows), sum(row[2] for row in rows)
    return duration(seconds / runs) if runs else "no time"


def duration(seconds: float) -> str:
    """Returns a length for people: 41 s, 12.5 min, 3.2 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _day(day: date) -> str:
    return f"{day:%Y-%m-%d}"


def _rate(rows: Iterable[Sequence[Any]]) -> dict[tuple[str, ...], Decimal]:
    """Returns what a second costs in each market."""
    return {tuple(row[:3]): CONTEXT.divide(row[4], Decimal(row[3])) for row in rows if row[3] and row[4]}


def _price(pair: Pair, mover: Mover) -> str:
    before, after = (_rate(rows) for rows in pair.read(MARKETS, template=mover.template))
    changed = [(abs(after[market] / before[market] - 1), market) for market in after if before.get(market)]
    if not changed:
        return "its markets have other prices"
    _, market = max(changed)
    ratio = (after[market] / before[market] - 1) * 100
    return f"a second on {' '.join(market)} costs {ratio:+.1f} %"


def _mix(pair: Pair, mover: Mover) -> str:
    before, after = (_share(rows) for rows in pair.read(MARKETS, template=mover.template))
    market = max({**before, **after}, key=lambda one: (abs(after.get(one, 0) - before.get(one, 0)), one))
    return f"{' '.join(market)} has {after.get(market, 0):.0f} % of its seconds, {before.get(market, 0):.0f} % before"


def _share(rows: Sequence[Sequence[Any]]) -> dict[tuple[str, ...], float]:
    whole = sum(row[3] for row in rows) or 1
    return {tuple(row[:3]): 100 * row[3] / whole for row in rows}


def _waste(pair: Pair, mover: Mover) -> str:
    before, after = pair.read(LOST, template=mover.template)
    then, now = ({row[0]: row[1] for row in rows} for rows in (before, after))
    name = max({**then, **now}, key=lambda one: (abs(now.get(one, ZERO) - then.get(one, ZERO)), one))
    text = f"{name} pods cost {pair.money(now.get(name, ZERO))}, {pair.money(then.get(name, ZERO))} before"
    if name == "pending":
        text = text.replace("pending pods", "pods that had not begun")
    most = [row for row in after if row[0] == name]
    return text + (f"; most in {most[0][2]}, {pair.money(most[0][3])}" if most else "")


def _shared(pair: Pair, mover: Mover) -> str:
    del mover
    before, after = ({(row[0], row[1]): row[2] for row in rows} for rows in pair.read(ITEMS))
    if not {**before, **after}:
        return "see `report cost`"
    kind, what = max({**before, **after}, key=lambda one: (abs(after.get(one, ZERO) - before.get(one, ZERO)), one))
    now, then = after.get((kind, what), ZERO), before.get((kind, what), ZERO)
    return f"{kind} {what} is {pair.money(now)}, {pair.money(then)} before"


def _corrections(pair: Pair, mover: Mover) -> str:
    del pair, mover
    return "corrections of locked months, and what the provider's bill rounds"


def _ownership(pair: Pair, mover: Mover) -> str:
    del pair, mover
    return "its workflows belong to other departments now, and filters hide some of them"


EXPLAINED: Mapping[PartName, Callable[[Pair, Mover], str]] = {
    "volume": _volume,
    "work": _work,
    "price": _price,
    "mix": _mix,
    "waste": _waste,
    "shared": _shared,
    "ownership": _ownership,
    "corrections": _corrections,
}


def _moved(pair: Pair, splits: Sequence[DifferenceSplit]) -> list[str]:
    """Returns a sentence for each department that gained workflows of others, or has none of its own any more."""
    sums: dict[str, Decimal] = {}
    for split in splits:
        sums[split.row.department] = CONTEXT.add(sums.get(split.row.department, ZERO), split.parts["ownership"])
    gained = [(name, amount) for name, amount in sums.items() if amount > 0]
    gave = ", ".join(sorted(name for name, amount in sums.items() if amount < 0))
    return [
        f"{name} has workflows that cost {pair.money(amount)} before" + (f", when {gave} paid for them" if gave else "")
        for name, amount in sorted(gained, key=lambda one: (-one[1], one[0]))[:MOST]
    ]
