"""
Savings plans against usage: what each hour of them covers, which charge that is, and what of them nobody used.

A plan is paid for whether used or not, and covers usage at its discount until its hourly amount is spent. The plan with the
highest discount goes first, as providers apply them. Of what is covered in an hour every charge has its part in proportion
to its list price; charges go by in the order of their key, in a stream, so a part is cut from the running sum: at most one
18th place from the exact one, and all of them together are the whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import msgspec

from collector.core.cost.billing_days import EPOCH
from collector.core.cost.meters import CONTEXT, PLACES
from collector.core.facts.bills import PodCost
from collector.core.model import Instant
from collector.core.units import HOUR_MS, MINUTE_MS, ONE, QUARTER_MS


class Covered(msgspec.Struct, frozen=True):
    """One hour under a plan; used + overflow is what usage costs, used + unused what the plan does."""

    covered: Decimal
    """Of the usage, at list price."""
    used: Decimal
    """Of the plan's hourly amount."""
    unused: Decimal
    overflow: Decimal
    """Of the usage, at list price: what the plan had no room for."""


class UsageKind(NamedTuple):
    """What plans choose usage by."""

    product: str
    region: str
    purchase: str
    price_class: str


class Plan(msgspec.Struct, frozen=True):
    """What a plan covers and since when; an empty tuple is any."""

    id: str
    book: str
    currency: str
    hourly: Decimal
    discount: Decimal
    begin: Instant
    end: Instant | None
    products: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    """Names, or how they begin: `cn-*`."""
    classes: tuple[str, ...] = ()
    purchases: tuple[str, ...] = ()

    def covers(self, kind: UsageKind) -> bool:
        """Whether usage of a kind is eligible."""
        named = (self.products, kind.product), (self.classes, kind.price_class), (self.purchases, kind.purchase)
        return all(not some or one in some for some, one in named) and (
            not self.regions or any(_region_matches(region, kind.region) for region in self.regions)
        )

    def holds(self, hour: Instant) -> bool:
        """Whether an hour is paid for: the plan holds when it begins."""
        return self.begin <= hour and (self.end is None or hour < self.end)


class PlanHour(NamedTuple):
    """What an hour did to a plan."""

    hour: Instant
    plan: Plan
    committed: Decimal
    listed: Decimal
    """Eligible usage that plans before it left."""
    covered: Decimal
    used: Decimal
    unused: Decimal


class CoveredUsage(NamedTuple):
    """Of a kind's usage in an hour, in units of the 18th place: at list price, what of it is covered, what for that is paid."""

    listed: int
    covered: int
    used: int


Usage = dict[tuple[Instant, UsageKind], int]
"""Eligible usage at list price by hour and kind, in units of the 18th place."""
Uses = Mapping[tuple[Instant, UsageKind], CoveredUsage]


def cover(listed: Decimal, hourly: Decimal, discount: Decimal) -> Covered:
    """What a plan of so much an hour, at a discount, does to an hour's usage at list price."""
    paid = CONTEXT.subtract(ONE, discount)
    room = listed if not paid else CONTEXT.quantize(CONTEXT.divide(hourly, paid), PLACES)
    covered = min(listed, room)
    # Where the plan is full it is used to the last place, whatever the division rounded.
    used = hourly if paid and room <= listed else CONTEXT.quantize(CONTEXT.multiply(covered, paid), PLACES)
    return Covered(covered, used, CONTEXT.subtract(hourly, used), CONTEXT.subtract(listed, covered))


def order_plans(plans: Iterable[Plan]) -> list[Plan]:
    """The order in which plans are used up: the highest discount first, then the older one."""
    return sorted(plans, key=lambda plan: (-plan.discount, plan.begin, plan.book, plan.id))


def add_usage(usage: Usage, charges: Iterable[PodCost], plans: Sequence[Plan], zone: tzinfo) -> None:
    """Add what plans may cover of some charges."""
    for charge in charges:
        if eligible(charge, plans):
            kind = kind_of(charge)
            for hour, units in _units_by_hour(charge, zone):
                usage[hour, kind] = usage.get((hour, kind), 0) + units


def eligible(charge: PodCost, plans: Sequence[Plan]) -> bool:
    """Whether any plan may cover a charge; what accrues and what corrects stays at its own price."""
    priced = charge.cost is not None and bool(charge.list_cost) and not charge.entry
    return priced and charge.status == "final" and any(plan.covers(kind_of(charge)) for plan in plans)


def kind_of(charge: PodCost) -> UsageKind:
    """What plans choose a charge by."""
    return UsageKind(charge.product, charge.region, charge.purchase, charge.price_class)


def spend_hour(hour: Instant, usage: Mapping[UsageKind, int], plans: Iterable[tuple[Plan, Decimal]]) -> tuple[
    list[PlanHour], dict[UsageKind, CoveredUsage]
]:  # fmt: skip
    """One hour's plans, in the order in which they are used up and with what they cost then, against its usage."""
    uses = {kind: CoveredUsage(listed, 0, 0) for kind, listed in sorted(usage.items())}
    hours = []
    for plan, hourly in plans:
        left = {kind: use.listed - use.covered for kind, use in uses.items() if plan.covers(kind)}
        listed = _money(whole := sum(left.values()))
        found, before = cover(listed, hourly, plan.discount), 0
        of_plan = CoveredUsage(whole, _units(found.covered), _units(found.used))
        for kind, rest in left.items():
            covered, used = _share(of_plan, before, rest)
            uses[kind] = CoveredUsage(uses[kind].listed, uses[kind].covered + covered, uses[kind].used + used)
            before += rest
        hours.append(PlanHour(hour, plan, hourly, listed, found.covered, found.used, found.unused))
    return hours, uses


class CoverageShares:
    """Hands each charge its part; to be asked in the order of the charges' keys, once for each."""

    def __init__(self, uses: Uses, zone: tzinfo) -> None:
        self.uses, self.zone = uses, zone
        self._gone: dict[tuple[Instant, UsageKind], int] = {}

    def effective(self, charge: PodCost) -> PodCost:
        """The charge with its part covered, one version up; as it was where nothing of it is."""
        kind, covered, used = kind_of(charge), 0, 0
        for hour, units in _units_by_hour(charge, self.zone):
            if use := self.uses.get((hour, kind)):
                gone = self._gone.get((hour, kind), 0)
                # What came since the usage was summed up is at list price: never is more handed out than there is.
                here = min(units, use.listed - gone)
                more = _share(use, gone, here)
                covered, used = covered + more[0], used + more[1]
                self._gone[hour, kind] = gone + here
        return _with_coverage(charge, covered, used) if covered else charge


def hours_between(begin: Instant, end: Instant, zone: tzinfo) -> Iterator[Instant]:
    """The hours of a zone that begin and end between two instants."""
    hour = hour_of(begin, zone)
    while hour + HOUR_MS <= end:
        if hour >= begin:
            yield hour
        hour = hour_of(hour + HOUR_MS, zone)


def hour_of(at: Instant, zone: tzinfo) -> Instant:
    """When the hour of an instant begins by the clocks of a zone."""
    return _hour(at // QUARTER_MS, zone)[0]


def day_of(at: Instant, zone: tzinfo) -> int:
    """The billing day of an instant."""
    return _hour(at // QUARTER_MS, zone)[1]


@lru_cache(maxsize=8192)
def _hour(quarter: int, zone: tzinfo) -> tuple[Instant, int]:
    """The beginning of the hour of a quarter of an hour, and its day; clocks of all zones differ by quarters."""
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=quarter * QUARTER_MS)
    local = local.astimezone(zone)
    return quarter * QUARTER_MS - local.minute * MINUTE_MS, local.toordinal() - EPOCH


def _units_by_hour(charge: PodCost, zone: tzinfo) -> Iterator[tuple[Instant, int]]:
    """A charge's list price cut at each hour by seconds; a minimum that reaches into the next day stays in this one's."""
    listed, seconds = _units(charge.list_cost or Decimal(0)), charge.billed_seconds
    at, done = charge.billed_from, 0
    while done < seconds:
        hour = hour_of(at, zone)
        ended = hour + HOUR_MS
        here = seconds - done if day_of(ended, zone) > charge.day else min(seconds - done, -(-(ended - at) // 1000))
        yield hour, _part(listed, done, here, seconds)
        at, done = at + here * 1000, done + here


def _part(whole: int, before: int, weight: int, weights: int) -> int:
    """The part of a whole for a weight that comes after others; all parts together are the whole."""
    return whole * (before + weight) // weights - whole * before // weights if weights else 0


def _share(use: CoveredUsage, before: int, weight: int) -> tuple[int, int]:
    """
    What is covered of usage that comes after other usage, and what is paid for that.

    What is paid goes by what is covered, so that nothing is paid, to the last place, where nothing is covered.
    """
    gone, covered = _part(use.covered, 0, before, use.listed), _part(use.covered, before, weight, use.listed)
    return covered, _part(use.used, gone, covered, use.covered)


def _with_coverage(charge: PodCost, covered: int, used: int) -> PodCost:
    """A charge of which so much at list price is paid by plans instead of at its own price."""
    cost, listed = _units(charge.cost or Decimal(0)), _units(charge.list_cost or Decimal(0))
    less = cost * covered // listed - used
    pending = _units(charge.cost_pending or Decimal(0)) * (cost - less) // cost if cost else 0
    rounded = charge.rounded_cost
    return msgspec.structs.replace(
        charge, version=charge.version + 1, cost=_money(cost - less), cost_pending=_money(pending),
        rounded_cost=None if rounded is None else _money(max(0, _units(rounded) - less)),
        covered_cost=_money(covered), committed_cost=_money(used),
    )  # fmt: skip


def _region_matches(region: str, name: str) -> bool:
    return name == region or (region.endswith("*") and name.startswith(region[:-1]))


def _units(amount: Decimal) -> int:
    return int(amount.scaleb(18, CONTEXT))


def _money(units: int) -> Decimal:
    return Decimal(units).scaleb(-18, CONTEXT)
