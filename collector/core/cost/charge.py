"""
What a pod cost: the specification of a charge.

1. The product is told by the provider's marks on the pod (product.py), the billed spec by its annotation before its
   requests (spec.py), the billed seconds by the product's rule (interval.py); all three rules are data in a price book.
2. A meter's cost is quantity x unit price (meters.py). Where a price changes, the interval is cut at that instant: each
   stretch is priced by what held in it. A spot price holds through its protection period.
3. Where midnight of the billing zone cuts a charge, the last day takes the remainder, the minimum and the rounding, so
   the parts sum to the whole exactly.
4. What has no price is a charge without amounts that says why; it is never 0. A pod that never got an instance or a node
   has no charge.

Money is Decimal from the book to the table; a test proves that no float takes part.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Protocol

import msgspec

from collector.core.cost.billed_interval import Interval, billed_interval
from collector.core.cost.billed_spec import Spec, spec_of
from collector.core.cost.changed_charges import WrittenCharges
from collector.core.cost.meters import Rate, Rates, amount, at_list_price, cut_meter, round_parts, total
from collector.core.cost.product import PLAIN, Product, product_of
from collector.core.facts.bills import Meter, PodCost, PodRun
from collector.core.model import Instant
from collector.core.units import QUARTER_MS

EPOCH_DAY = date(1970, 1, 1)

UNPRICED = (
    "no_price_book", "no_on_demand_price", "no_spot_price", "no_best_effort_price", "no_reserved_price", "no_gpu_price",
    "no_ephemeral_price", "no_fx_rate", "no_requests",
    "no_instance_type", "larger_than_any_size", "absurd_begin", "absurd_end",
)  # fmt: skip
"""Why a charge has no amount: the label values of lynceus_cost_unpriced_pods_total."""


class Prices(Protocol):
    """What core asks of the price books; prices/lookup.py is one."""

    @property
    def products(self) -> Mapping[str, Product]:
        """How each product bills, those that are to be recognised first before others."""
        ...

    def look_up(self, spec: Spec, at: Instant) -> Rates:
        """The rates of a spec from an instant on."""
        ...


class Payer(Protocol):
    """What a charge asks of the workflow that bears it: its life, or the row that was kept of it (repricing/bearers.py)."""

    @property
    def version(self) -> int: ...
    @property
    def template(self) -> str: ...
    @property
    def template_version(self) -> str: ...
    @property
    def department(self) -> str: ...
    @property
    def project(self) -> str: ...
    @property
    def creator(self) -> str: ...
    @property
    def attempt(self) -> int:
        """The newest one."""
        ...

    @property
    def finished(self) -> bool: ...
    @property
    def outcome(self) -> str: ...
    @property
    def retried_nodes(self) -> Collection[str] | None:
        """Node ids of step attempts that a later one replaced."""
        ...


class BilledDay(msgspec.Struct, frozen=True):
    """The part of a billed interval that falls on one billing day: so many seconds after so many others."""

    day: int
    begin: Instant
    first: int
    seconds: int


class Stretch(msgspec.Struct, frozen=True):
    """The part of a billed interval through which one set of prices holds."""

    first: int
    seconds: int
    rates: Rates


class DayPart(msgspec.Struct, frozen=True):
    """One day's meters and sums; without meaning where its rates are missing."""

    rates: Rates
    meters: tuple[Meter, ...]
    cost: Decimal
    pending: Decimal
    list_cost: Decimal | None


def charges(
    run: PodRun,
    life: Payer | None,
    prices: Prices,
    zone: tzinfo,
    until: Instant,
    product: str = "",
    pricing_run: int = 1,
    told: WrittenCharges | None = None,
) -> list[PodCost]:
    """The charges of a pod, one a billing day, `accruing` up to `until` while it has no end; they replace those told."""
    billed_as = prices.products[product_of(run, prices.products.values(), product)]
    spec = spec_of(run, billed_as)
    interval = billed_interval(run, billed_as.interval, until, spec.price_class)
    if interval is None:
        return []
    days = _with_written_days(_split_by_day(interval, zone), told) if told else _split_by_day(interval, zone)
    parts = bill(interval, spec, prices, days)
    version = max(run.version, life.version if life else 0, told.version + 1 if told else 0)
    return [
        _charge(run, life, spec, interval, day, part, as_billed, pricing_run, version)
        for day, part, as_billed in zip(days, parts, round_costs(parts), strict=True)
    ]


def bill(interval: Interval, spec: Spec, prices: Prices, days: list[BilledDay]) -> list[DayPart]:
    """What an interval costs, one part a day."""
    stretches = _split_by_price(interval, spec, prices)
    sheets = [_parts_of_stretch(days, stretch, spec, interval.pending_seconds) for stretch in stretches]
    return sheets[0] if len(sheets) == 1 else [_merge_stretches(days, stretches, sheets, i) for i in range(len(days))]


def round_costs(parts: list[DayPart]) -> list[Decimal | None]:
    """Each part of the cost as the bill rounds an instance's; unknown where a part of it is."""
    if any(part.rates.missing for part in parts):
        return [None] * len(parts)
    return [*round_parts([part.cost for part in parts], parts[-1].rates.rounding)]


@lru_cache(maxsize=8192)
def _day_and_midnight(quarter: int, zone: tzinfo) -> tuple[int, Instant]:
    """The billing day of a quarter of an hour, and the instant at which the next begins."""
    local = datetime.fromtimestamp(quarter * QUARTER_MS / 1000, zone).date()
    midnight = datetime.combine(local + timedelta(days=1), time(), zone).astimezone(UTC)
    return (local - EPOCH_DAY).days, int(midnight.timestamp() * 1000)


def _split_by_day(interval: Interval, zone: tzinfo) -> list[BilledDay]:
    """The interval cut at each midnight of the billing zone; a minimum falls in the last day."""
    days: list[BilledDay] = []
    begin, first, ran = interval.begin, 0, interval.ran_seconds
    while True:
        day, midnight = _day_and_midnight(begin // QUARTER_MS, zone)
        here = -(-(midnight - begin) // 1000)
        if first + here >= ran:
            return [*days, BilledDay(day, begin, first, interval.seconds - first)]
        days.append(BilledDay(day, begin, first, here))
        begin, first = begin + here * 1000, first + here


def _with_written_days(days: list[BilledDay], told: WrittenCharges) -> list[BilledDay]:
    """The days, and those told before on which nothing falls any more: an end may turn out to lie before midnight."""
    first, last = days[0], days[-1]
    after = last.first + last.seconds
    before = [BilledDay(day, first.begin, 0, 0) for day in range(told.first_day, first.day)]
    return [*before, *days, *(BilledDay(day, last.begin, after, 0) for day in range(last.day + 1, told.last_day + 1))]


def _split_by_price(interval: Interval, spec: Spec, prices: Prices) -> list[Stretch]:
    """The interval cut at each change of a price; a minimum falls in the last stretch."""
    if missing := interval.missing or spec.missing:
        unpriced = prices.look_up(msgspec.structs.replace(spec, missing=missing), interval.begin)
        return [Stretch(0, interval.seconds, unpriced)]
    found: list[Stretch] = []
    first, ran = 0, interval.ran_seconds
    while True:
        at, frozen = interval.begin + first * 1000, first < spec.frozen_s
        rates = prices.look_up(spec, at)
        change = interval.begin + spec.frozen_s * 1000 if frozen else rates.until
        here = ran - first if change is None else -(-(change - at) // 1000)
        if first + here >= ran:
            return [*found, Stretch(first, interval.seconds - first, rates)]
        found.append(Stretch(first, here, rates))
        first += here


def _common_seconds(day: BilledDay, stretch: Stretch, limit: int | None = None) -> int:
    """The seconds that a day and a stretch have in common, of those before a limit."""
    end = min(day.first + day.seconds, stretch.first + stretch.seconds)
    return max(0, (end if limit is None else min(end, limit)) - max(day.first, stretch.first))


def _parts_of_stretch(days: list[BilledDay], stretch: Stretch, spec: Spec, pending_seconds: int) -> list[DayPart]:
    """A stretch's lines and sums, day by day."""
    seconds = [_common_seconds(day, stretch) for day in days]
    waited = [_common_seconds(day, stretch, pending_seconds) for day in days]
    rates = stretch.rates.rates
    lines = [cut_meter(amount(rate, spec), rate, seconds) for rate in rates]
    waits = [cut_meter(amount(rate, spec), rate, waited) for rate in rates] if any(waited) else []
    before = _before_discounts(rates, spec, seconds, lines)
    return [
        DayPart(
            stretch.rates,
            tuple([by_day[i] for by_day in lines]),
            total([by_day[i].cost for by_day in lines]),
            total([by_day[i].cost for by_day in waits]),
            None if before is None else total([by_day[i].cost for by_day in before]),
        )
        for i in range(len(days))
    ]


def _before_discounts(
    rates: tuple[Rate, ...], spec: Spec, seconds: list[int], lines: list[list[Meter]]
) -> list[list[Meter]] | None:
    """The lines at list prices; None where one of these is not known."""
    if all(rate.list_price == rate.unit_price for rate in rates):
        return lines
    known = [at_list_price(rate) for rate in rates]
    return None if None in known else [cut_meter(amount(rate, spec), rate, seconds) for rate in known if rate]


def _merge_stretches(days: list[BilledDay], stretches: list[Stretch], sheets: list[list[DayPart]], i: int) -> DayPart:
    """One day of several stretches; without a price for one of them it has none."""
    here = [sheet[i] for stretch, sheet in zip(stretches, sheets, strict=True) if _common_seconds(days[i], stretch)]
    here = here or [sheets[-1 if days[i].first else 0][i]]
    known = [part.list_cost for part in here if part.list_cost is not None]
    return DayPart(
        next((part.rates for part in here if part.rates.missing), _merge_rates([part.rates for part in here])),
        tuple([meter for part in here for meter in part.meters]),
        total([part.cost for part in here]),
        total([part.pending for part in here]),
        total(known) if len(known) == len(here) else None,
    )


def _merge_rates(rates: list[Rates]) -> Rates:
    """What a day of several stretches cites: every book and rule once, the lowest confidence."""
    books, rules = ("; ".join(dict.fromkeys(texts)) for texts in zip(*((r.book, r.rule) for r in rates), strict=True))
    confidence = next((r.confidence for r in rates if r.confidence == "low"), "high")
    return msgspec.structs.replace(rates[-1], book=books, rule=rules, confidence=confidence)


def class_of(run: PodRun, life: Payer | None) -> str:
    """What the money was spent on; provisional until the workflow's attempt has ended."""
    if any(sign in run.reason for sign in ("Spot", "BidExpired")):
        return "reclaimed"
    if life is None:
        return "useful"
    # `argo retry` runs again what failed; what had succeeded serves the next attempt.
    again = run.attempt < life.attempt and run.phase != "Succeeded"
    if again or run.node_id in (life.retried_nodes or ()):
        return "retried"
    if life.outcome == "cancelled":
        return "cancelled"
    return "failed" if life.finished and life.outcome != "succeeded" else "useful"


def doubt_of(charge: PodCost) -> str:
    """What was malformed or unknown about a charge that was priced all the same, one of spec.DOUBTS; empty: nothing."""
    return charge.spec_source.partition(":")[2]


def _confidence(spec: Spec, interval: Interval, rates: Rates) -> str:
    """`unpriced`, or the least of what size, interval and price rest on."""
    if rates.missing:
        return "unpriced"
    return "low" if "low" in (spec.confidence, interval.confidence, rates.confidence) else "high"


def _charge(
    run: PodRun,
    life: Payer | None,
    spec: Spec,
    interval: Interval,
    day: BilledDay,
    part: DayPart,
    rounded_cost: Decimal | None,
    pricing_run: int,
    version: int,
) -> PodCost:
    rates = part.rates
    missing, doubt = rates.missing, spec.doubt or interval.doubt
    return PodCost(
        cluster=run.cluster, namespace=run.namespace, created_at=run.created_at, pod_uid=run.uid, run=pricing_run,
        day=day.day, entry=0, version=version, workflow_uid=run.workflow_uid,
        workflow_name=run.workflow_name, attempt=run.attempt, step=run.step, template=life.template if life else "",
        department=life.department if life else "unallocated", project=life.project if life else "",
        creator=life.creator if life else "", product=spec.product, region=spec.region, purchase=spec.purchase,
        class_=class_of(run, life), currency=rates.currency, cost=None if missing else part.cost,
        cost_pending=None if missing else part.pending, list_cost=None if missing else part.list_cost,
        rounded_cost=rounded_cost, billed_from=day.begin, billed_to=day.begin + day.seconds * 1000,
        billed_seconds=day.seconds, billed_vcpu=spec.vcpu, billed_memory_gib=spec.memory_gib,
        instance_type=spec.instance_type, gpu=run.gpu, meters=() if missing else part.meters, price_book=rates.book,
        rule=missing or rates.rule, spec_source=f"{spec.source}:{doubt}" if doubt else spec.source,
        confidence=_confidence(spec, interval, rates), status="final" if run.finished_at else "accruing",
        price_class=spec.price_class, template_version=life.template_version if life else "",
        node_name=run.node_name if spec.product == PLAIN else "",
    )  # fmt: skip
