"""
Why a period cost more than another: the difference of each template's cost, split into parts that sum to it exactly.

The order is fixed, and each step keeps what the steps before it changed:

1. ownership: where a department no longer appears for the workflows of a template in a namespace and another one does, what
   they cost before is moved from one to the other.
2. volume: as many good runs as now, each at what a run cost before; all of a template that had none before or has none now.
3. work: seconds and size of a good run, in the markets (product, purchase, region, class of price) that it is bought in.
4. mix: other markets, at the prices before. Of a market that a template was not in before, its present price counts.
5. waste: more or less lost beside good work: failed, retried, reclaimed and cancelled pods as a share of good work, and the
   time before pods began as an amount a run.
6. price: what now costs more or less for the same size in the same market.
7. shared: fees, idle capacity, unused commitments and items of the bill, from the statement.
8. corrections: of locked months, and what the provider's bill rounds.

Pure: exact fractions, then amounts of 18 places; the largest part takes the remainder of the last place.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import msgspec

from collector.core.cost.allocation import UNITS
from collector.core.cost.meters import CONTEXT, total
from collector.core.units import ZERO

PartName = Literal["ownership", "volume", "work", "mix", "waste", "price", "shared", "corrections"]
PARTS: tuple[PartName, ...] = ("volume", "work", "price", "mix", "waste", "shared", "ownership", "corrections")
"""In the order in which they are shown."""
NOTHING = Fraction(0)
SHORT = 10**36


class ComparedWorkload(NamedTuple):
    """Workflows that are the same work in two periods, whichever department pays."""

    cluster: str
    namespace: str
    template: str


class PriceMarket(NamedTuple):
    """Where a pod's seconds are bought."""

    product: str
    purchase: str
    region: str
    price_class: str


class Size(NamedTuple):
    """What one second of a pod is, as far as its price depends on it."""

    market: PriceMarket
    size: tuple[Any, ...]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a department's workflows of one workload used of one size in a period."""

    size: Size
    seconds: int
    good_seconds: int
    """Of pods whose work was of use."""
    good: Decimal
    """Cost of pods whose work was of use, without the time before they began."""
    pending: Decimal
    """Cost of the same pods before they began."""
    waste: Decimal
    """Cost of the other pods."""


class WorkloadCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a department spent on one workload in a period."""

    runs: int = 0
    """Workflows with any work that was of use."""
    usage: tuple[Usage, ...] = ()
    corrections: Decimal = ZERO

    @property
    def cost(self) -> Decimal:
        """Without corrections."""
        return total(amount for line in self.usage for amount in (line.good, line.pending, line.waste))


class Row(NamedTuple):
    """Whose part of the difference it is."""

    department: str
    template: str


class PeriodCost(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared of a period, in one currency."""

    spent: Mapping[ComparedWorkload, Mapping[str, WorkloadCost]] = {}
    """By workload and department."""
    shared: Mapping[Row, Decimal] = {}
    """Parts of shared costs."""
    rounding: Mapping[Row, Decimal] = {}
    """What the provider's bill adds when it rounds."""


class DifferenceSplit(msgspec.Struct, frozen=True, kw_only=True):
    """The difference of one row between two periods, and its parts."""

    row: Row
    before: Decimal
    after: Decimal
    parts: Mapping[PartName, Decimal]

    @property
    def difference(self) -> Decimal:
        """The sum of the parts."""
        return CONTEXT.subtract(self.after, self.before)


Parts = dict[PartName, Fraction]


def compare(before: PeriodCost, after: PeriodCost) -> list[DifferenceSplit]:
    """Splits the difference between two periods by department and template."""
    parts: dict[Row, Parts] = defaultdict(lambda: defaultdict(Fraction))
    sums: dict[Row, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    ratios = price_ratios(before, after)
    for workload in dict.fromkeys([*before.spent, *after.spent]):
        pair = before.spent.get(workload, {}), after.spent.get(workload, {})
        for department, found in _of_workload(*pair, ratios):
            _add(parts[Row(department, workload.template)], found)
    for place, period in enumerate((before, after)):
        for row, part, amount in _amounts(period):
            sums[row][place] = CONTEXT.add(sums[row][place], amount)
            if part:
                parts[row][part] += Fraction(amount) * (1 if place else -1)
    return [_split(row, before, after, parts[row]) for row, (before, after) in sorted(sums.items())]


def _amounts(period: PeriodCost) -> Iterator[tuple[Row, PartName | None, Decimal]]:
    """Yields every amount of a period; those of usage are split by what made them, the others are a part by themselves."""
    for workload, by_department in period.spent.items():
        for department, spent in by_department.items():
            row = Row(department, workload.template)
            yield row, None, spent.cost
            yield row, "corrections", spent.corrections
    for row, amount in period.shared.items():
        yield row, "shared", amount
    for row, amount in period.rounding.items():
        yield row, "corrections", amount


def _add(parts: Parts, more: Parts) -> None:
    for name, amount in more.items():
        parts[name] += amount


def _split(row: Row, before: Decimal, after: Decimal, parts: Parts) -> DifferenceSplit:
    """Rounds the parts to 18 places; the largest takes the remainder, so that what is 0 stays 0."""
    rounded = {name: _decimal(parts.get(name, NOTHING)) for name in PARTS}
    remainder = CONTEXT.subtract(CONTEXT.subtract(after, before), total(rounded.values()))
    largest = max(PARTS, key=lambda name: abs(rounded[name]))
    rounded[largest] = CONTEXT.add(rounded[largest], remainder)
    return DifferenceSplit(row=row, before=before, after=after, parts=rounded)


def _decimal(amount: Fraction) -> Decimal:
    return Decimal(round(amount * UNITS)).scaleb(-18, CONTEXT)


def _of_workload(
    before: Mapping[str, WorkloadCost], after: Mapping[str, WorkloadCost], ratios: Mapping[Size, Fraction]
) -> Iterator[tuple[str, Parts]]:
    """Yields the parts of each department's difference in one workload."""
    moved_from, moved_to = renamed(before, after)
    for department in dict.fromkeys([*before, *after]):
        if department not in moved_from and department not in moved_to:
            yield (
                department,
                usage_parts([before.get(department, WorkloadCost())], [after.get(department, WorkloadCost())], ratios),
            )
    if not moved_to:
        return
    old = [before[name] for name in before if name in moved_from or name in moved_to]
    parts = usage_parts(old, [after[name] for name in moved_to], ratios)
    cost = sum((Fraction(spent.cost) for spent in old), NOTHING)
    shares = _shares({name: after[name] for name in moved_to})
    for department in dict.fromkeys([*moved_from, *moved_to]):
        own = Fraction(before[department].cost) if department in before else NOTHING
        part = shares.get(department, NOTHING)
        yield department, {name: amount * part for name, amount in parts.items()} | {"ownership": cost * part - own}


def _shares(spent: Mapping[str, WorkloadCost]) -> dict[str, Fraction]:
    """What each department has of the cost; without any cost, equal shares."""
    costs = {name: Fraction(of.cost) for name, of in spent.items()}
    whole = sum(costs.values())
    return {name: cost / whole if whole else Fraction(1, len(costs)) for name, cost in costs.items()}


def renamed(before: Mapping[str, WorkloadCost], after: Mapping[str, WorkloadCost]) -> tuple[list[str], list[str]]:
    """
    Returns the departments from which a workload was moved, and those that it was moved to; none, if it was not moved.

    It was moved from each that has none of it now, to those that had none before; else to those that had some, if they have
    so many more runs that at least half of those that are missing must have gone there.
    """
    vanished = [name for name in before if name not in after]
    new = [name for name in after if name not in before]
    if vanished and new:
        return vanished, new
    both = [name for name in before if name in after]
    more = sum(after[name].runs - before[name].runs for name in both)
    missing = sum(before[name].runs for name in vanished)
    return (vanished, both) if vanished and both and 2 * more >= missing > 0 else ([], [])


class UsageTotals(NamedTuple):
    """What some departments spent on a workload, added up, at the prices before."""

    runs: int
    good: Fraction
    pending: Fraction
    waste: Fraction
    markets: Mapping[PriceMarket, tuple[Fraction, Fraction]]
    """Seconds and cost of the good work in each market."""

    @property
    def cost(self) -> Fraction:
        """All of it."""
        return self.good + self.pending + self.waste


def usage_parts(
    before: Sequence[WorkloadCost], after: Sequence[WorkloadCost], ratios: Mapping[Size, Fraction]
) -> Parts:
    """Splits the difference of usage, in the order that the module states."""
    old, new = _totals(before, {}), _totals(after, ratios)
    now = sum((Fraction(spent.cost) for spent in after), NOTHING)
    price = now - new.cost
    if not old.runs or not new.runs:
        return _without_runs(old, new, price)
    more = Fraction(new.runs, old.runs)
    grown, lost = old.good * more, old.waste / old.good if old.good else NOTHING
    mix = _mix(old, new)
    work = new.good - grown - mix
    volume, mix, work = old.cost * (more - 1), mix * (1 + lost), work * (1 + lost)
    waste = new.cost - old.cost - volume - mix - work
    return {"volume": volume, "work": work, "mix": mix, "waste": waste, "price": price}


def _without_runs(old: UsageTotals, new: UsageTotals, price: Fraction) -> Parts:
    """Of a template that begins or ends, all good work and its waste is volume; what never was of use is waste."""
    difference = new.cost - old.cost
    if not old.runs and not new.runs:
        return {"waste": difference, "price": price}
    if old.runs:
        return {"volume": -old.cost, "waste": new.cost, "price": price}
    return {"volume": new.cost, "waste": -old.cost, "price": price}


def _mix(old: UsageTotals, new: UsageTotals) -> Fraction:
    """What other shares of the markets make of the same seconds."""
    then = sum((seconds for seconds, _ in old.markets.values()), NOTHING)
    now = sum((seconds for seconds, _ in new.markets.values()), NOTHING)
    if not then or not now:
        return NOTHING
    mix = NOTHING
    for market in dict.fromkeys([*old.markets, *new.markets]):
        old_seconds, old_cost = old.markets.get(market, (NOTHING, NOTHING))
        new_seconds, new_cost = new.markets.get(market, (NOTHING, NOTHING))
        rate = old_cost / old_seconds if old_seconds else new_cost / new_seconds if new_seconds else NOTHING
        mix += (new_seconds - old_seconds * now / then) * rate
    return mix


def _totals(spent: Iterable[WorkloadCost], ratios: Mapping[Size, Fraction]) -> UsageTotals:
    """Adds up, at the prices that the ratios lead back to."""
    runs, good, pending, waste = 0, NOTHING, NOTHING, NOTHING
    markets: dict[PriceMarket, tuple[Fraction, Fraction]] = {}
    for of in spent:
        runs += of.runs
        for line in of.usage:
            ratio = ratios.get(line.size, Fraction(1))
            own_good = _short(Fraction(line.good) / ratio)
            good, pending = good + own_good, pending + _short(Fraction(line.pending) / ratio)
            waste += _short(Fraction(line.waste) / ratio)
            seconds, cost = markets.get(line.size.market, (NOTHING, NOTHING))
            markets[line.size.market] = (seconds + line.good_seconds, cost + own_good)
    return UsageTotals(runs=runs, good=good, pending=pending, waste=waste, markets=markets)


def price_ratios(before: PeriodCost, after: PeriodCost) -> dict[Size, Fraction]:
    """
    Returns by how much the price of a second of each size that is used now has changed: 1 is the same price.

    A size that was not used before has the ratio of its market's other sizes, and of a market that was not used before, 1.
    """
    old, new = _by_size(before), _by_size(after)
    own = {size: _short(_rate(new[size]) / _rate(old[size])) for size in new if size in old and _rate(old[size])}
    own = {size: ratio for size, ratio in own.items() if ratio}
    then: dict[PriceMarket, Fraction] = defaultdict(Fraction)
    now: dict[PriceMarket, Fraction] = defaultdict(Fraction)
    for size, ratio in own.items():
        now[size.market] += new[size][1]
        then[size.market] += _short(new[size][1] / ratio)
    of_market = {market: _short(now[market] / cost) for market, cost in then.items() if cost}
    return {size: own.get(size) or of_market.get(size.market) or Fraction(1) for size in new}


def _short(number: Fraction) -> Fraction:
    """Rounds far below the last place of money, so that sums of thousands of fractions stay short."""
    return Fraction(round(number * SHORT), SHORT)


def _by_size(period: PeriodCost) -> dict[Size, tuple[int, Fraction]]:
    """Seconds and cost of each size, of all workloads."""
    sums: dict[Size, tuple[int, Fraction]] = {}
    for by_department in period.spent.values():
        for of in by_department.values():
            for line in of.usage:
                seconds, cost = sums.get(line.size, (0, NOTHING))
                spent = Fraction(line.good) + Fraction(line.pending) + Fraction(line.waste)
                sums[line.size] = (seconds + line.seconds, cost + spent)
    return sums


def _rate(sums: tuple[int, Fraction]) -> Fraction:
    seconds, cost = sums
    return cost / seconds if seconds else NOTHING


def whole(splits: Iterable[DifferenceSplit]) -> DifferenceSplit:
    """Adds everything up."""
    found = summed(splits, ())
    return found[0] if found else _split(Row("", ""), ZERO, ZERO, {})


def summed(splits: Iterable[DifferenceSplit], by: Sequence[str]) -> list[DifferenceSplit]:
    """Adds up the splits that are the same in some fields of their row, the largest differences first."""
    groups: dict[Row, list[DifferenceSplit]] = defaultdict(list)
    for split in splits:
        groups[Row(**{name: getattr(split.row, name) if name in by else "" for name in Row._fields})].append(split)
    sums = [
        DifferenceSplit(
            row=row,
            before=total(split.before for split in group),
            after=total(split.after for split in group),
            parts={part: total(split.parts[part] for split in group) for part in PARTS},
        )
        for row, group in groups.items()
    ]
    return sorted(sums, key=lambda split: (-abs(split.difference), split.row))
