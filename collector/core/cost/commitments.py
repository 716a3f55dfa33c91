"""
Applies savings plans to usage: covered usage of each hour, its distribution over charges, and the unused part of a plan.

A plan is paid whether used or not. It covers usage at its discount until its hourly amount is spent. The plan with the
highest discount is applied first, as providers do. Each charge of an hour is covered in proportion to its list price.
Charges arrive as a stream, in the order of their key, so each part is cut from the running sum: it differs from the exact
part by at most one 18th place, and all parts sum to the whole.
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
    """One hour under a plan; used + overflow is the cost of usage, used + unused is the cost of the plan."""

    covered: Decimal
    """Covered usage at list price."""
    used: Decimal
    """Used part of the plan's hourly amount."""
    unused: Decimal
    overflow: Decimal
    """Usage at list price beyond the plan's amount."""


class UsageKind(NamedTuple):
    """Properties by which plans select usage."""

    product: str
    region: str
    purchase: str
    price_class: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Coverage, price and validity of a plan; an empty tuple means any."""

    id: str
    book: str
    currency: str
    hourly: Decimal
    discount: Decimal
    begin: Instant
    end: Instant | None
    products: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    """Names or prefixes such as `cn-*`."""
    classes: tuple[str, ...] = ()
    purchases: tuple[str, ...] = ()

    def covers(self, kind: UsageKind) -> bool:
        """Whether usage of a kind is eligible."""
        return (
            (not self.products or kind.product in self.products)
            and (not self.classes or kind.price_class in self.classes)
            and (not self.purchases or kind.purchase in self.purchases)
            and (not self.regions or any(_region_matches(region, kind.region) for region in self.regions))
        )

    def holds(self, hour: Instant) -> bool:
        """Whether the plan is paid for an hour: it must be valid when the hour begins."""
        return self.begin <= hour and (self.end is None or hour < self.end)


class PlanHour(NamedTuple):
    """Use of a plan in one hour."""

    hour: Instant
    plan: Plan
    committed: Decimal
    listed: Decimal
    """Eligible usage at list price that earlier plans did not cover."""
    covered: Decimal
    used: Decimal
    unused: Decimal


class CoveredUsage(NamedTuple):
    """Usage of a kind in an hour, in units of the 18th place: at list price, its covered part, and the payment for that."""

    listed: int
    covered: int
    used: int


Usage = dict[tuple[Instant, UsageKind], int]
"""Eligible usage at list price by hour and kind, in units of the 18th place."""
Uses = Mapping[tuple[Instant, UsageKind], CoveredUsage]


def cover(listed: Decimal, hourly: Decimal, discount: Decimal) -> Covered:
    """Apply a plan's hourly amount and discount to an hour's usage at list price."""
    paid_ratio = CONTEXT.subtract(ONE, discount)
    room = listed if not paid_ratio else CONTEXT.quantize(CONTEXT.divide(hourly, paid_ratio), PLACES)
    covered = min(listed, room)
    # A full plan is used to the last place, whatever the division rounded.
    full = paid_ratio and room <= listed
    used = hourly if full else CONTEXT.quantize(CONTEXT.multiply(covered, paid_ratio), PLACES)
    return Covered(covered, used, CONTEXT.subtract(hourly, used), CONTEXT.subtract(listed, covered))


def order_plans(plans: Iterable[Plan]) -> list[Plan]:
    """Sort plans into the order of their use: the highest discount first, then the older one."""
    return sorted(plans, key=lambda plan: (-plan.discount, plan.begin, plan.book, plan.id))


def add_usage(usage: Usage, charges: Iterable[PodCost], plans: Sequence[Plan], zone: tzinfo) -> None:
    """Add the eligible usage of charges."""
    for charge in charges:
        if eligible(charge, plans):
            kind = kind_of(charge)
            for hour, units in _units_by_hour(charge, zone):
                usage[hour, kind] = usage.get((hour, kind), 0) + units


def eligible(charge: PodCost, plans: Sequence[Plan]) -> bool:
    """Whether any plan may cover a charge; accruing charges and corrections keep their own price."""
    priced = charge.cost is not None and bool(charge.list_cost) and not charge.entry
    return priced and charge.status == "final" and any(plan.covers(kind_of(charge)) for plan in plans)


def kind_of(charge: PodCost) -> UsageKind:
    """Kind of a charge's usage."""
    return UsageKind(charge.product, charge.region, charge.purchase, charge.price_class)


def spend_hour(
    hour: Instant, usage: Mapping[UsageKind, int], plans: Iterable[tuple[Plan, Decimal]]
) -> tuple[list[PlanHour], dict[UsageKind, CoveredUsage]]:
    """Apply an hour's plans to its usage; plans are in the order of their use, each with its cost in that hour."""
    uses = {kind: CoveredUsage(listed, 0, 0) for kind, listed in sorted(usage.items())}
    hours = []
    for plan, hourly in plans:
        left = {kind: use.listed - use.covered for kind, use in uses.items() if plan.covers(kind)}
        listed = _money(whole := sum(left.values()))
        result, before = cover(listed, hourly, plan.discount), 0
        of_plan = CoveredUsage(whole, _units(result.covered), _units(result.used))
        for kind, rest in left.items():
            covered, used = _share(of_plan, before, rest)
            uses[kind] = CoveredUsage(uses[kind].listed, uses[kind].covered + covered, uses[kind].used + used)
            before += rest
        hours.append(
            PlanHour(
                hour=hour,
                plan=plan,
                committed=hourly,
                listed=listed,
                covered=result.covered,
                used=result.used,
                unused=result.unused,
            )
        )
    return hours, uses


class CoverageShares:
    """Distributes covered usage over charges; call `effective` once for each charge, in the order of their keys."""

    def __init__(self, uses: Uses, zone: tzinfo) -> None:
        self.uses, self.zone = uses, zone
        self._distributed: dict[tuple[Instant, UsageKind], int] = {}

    def effective(self, charge: PodCost) -> PodCost:
        """The charge with its covered part, one version higher; unchanged if no part of it is covered."""
        kind, covered, used = kind_of(charge), 0, 0
        for hour, units in _units_by_hour(charge, self.zone):
            if use := self.uses.get((hour, kind)):
                before = self._distributed.get((hour, kind), 0)
                # Charges that arrived after the usage was summed up stay at list price, so the sum is never exceeded.
                share = min(units, use.listed - before)
                more = _share(use, before, share)
                covered, used = covered + more[0], used + more[1]
                self._distributed[hour, kind] = before + share
        return _with_coverage(charge, covered, used) if covered else charge


def hours_between(begin: Instant, end: Instant, zone: tzinfo) -> Iterator[Instant]:
    """Hours of a zone that begin and end between two instants."""
    hour = hour_of(begin, zone)
    while hour + HOUR_MS <= end:
        if hour >= begin:
            yield hour
        hour = hour_of(hour + HOUR_MS, zone)


def hour_of(at: Instant, zone: tzinfo) -> Instant:
    """Begin of an instant's hour by the clocks of a zone."""
    return _hour(at // QUARTER_MS, zone)[0]


def day_of(at: Instant, zone: tzinfo) -> int:
    """Billing day of an instant."""
    return _hour(at // QUARTER_MS, zone)[1]


@lru_cache(maxsize=8192)
def _hour(quarter: int, zone: tzinfo) -> tuple[Instant, int]:
    """Begin of the hour of a quarter of an hour, and its day; the clocks of all zones differ by quarters."""
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=quarter * QUARTER_MS)
    local = local.astimezone(zone)
    return quarter * QUARTER_MS - local.minute * MINUTE_MS, local.toordinal() - EPOCH


def _units_by_hour(charge: PodCost, zone: tzinfo) -> Iterator[tuple[Instant, int]]:
    """Cut a charge's list price at each hour, by seconds; a minimum that reaches into the next day stays in its own day."""
    listed, seconds = _units(charge.list_cost or Decimal(0)), charge.billed_seconds
    at, done = charge.billed_from, 0
    while done < seconds:
        hour = hour_of(at, zone)
        ended = hour + HOUR_MS
        part = seconds - done if day_of(ended, zone) > charge.day else min(seconds - done, -(-(ended - at) // 1000))
        yield hour, _part(listed, done, part, seconds)
        at, done = at + part * 1000, done + part


def _part(whole: int, before: int, weight: int, weights: int) -> int:
    """Part of a whole for a weight that follows other weights; all parts sum to the whole."""
    return whole * (before + weight) // weights - whole * before // weights if weights else 0


def _share(use: CoveredUsage, before: int, weight: int) -> tuple[int, int]:
    """
    Covered part of usage that follows other usage, and the payment for it.

    The payment is in proportion to the covered part, so that it is exactly 0 where nothing is covered.
    """
    earlier, covered = _part(use.covered, 0, before, use.listed), _part(use.covered, before, weight, use.listed)
    return covered, _part(use.used, earlier, covered, use.covered)


def _with_coverage(charge: PodCost, covered: int, used: int) -> PodCost:
    """A charge whose covered part is paid by plans instead of at its own price."""
    cost, listed = _units(charge.cost or Decimal(0)), _units(charge.list_cost or Decimal(0))
    reduction = cost * covered // listed - used
    pending = _units(charge.cost_pending or Decimal(0)) * (cost - reduction) // cost if cost else 0
    rounded = charge.rounded_cost
    return msgspec.structs.replace(
        charge,
        version=charge.version + 1,
        cost=_money(cost - reduction),
        cost_pending=_money(pending),
        rounded_cost=None if rounded is None else _money(max(0, _units(rounded) - reduction)),
        covered_cost=_money(covered),
        committed_cost=_money(used),
    )


def _region_matches(region: str, name: str) -> bool:
    return name == region or (region.endswith("*") and name.startswith(region[:-1]))


def _units(amount: Decimal) -> int:
    return int(amount.scaleb(18, CONTEXT))


def _money(units: int) -> Decimal:
    return Decimal(units).scaleb(-18, CONTEXT)
