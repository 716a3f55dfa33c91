"""
Cost of a pod: the specification of a charge.

1. The provider's marks on the pod select the product (product.py). The billed spec comes from the annotation, else from
   the requests (billed_spec.py), the billed seconds from the product's rule (billed_interval.py). All three rules are data
   in a price book.
2. A meter's cost is quantity x unit price (meters.py). Where a price changes, the interval is cut at that instant, and
   each stretch is priced with its own prices. A spot price stays valid through its protection period.
3. Where midnight of the billing zone cuts a charge, the last day takes the remainder, the minimum and the rounding, so
   the parts sum to the whole exactly.
4. A pod without a price has a charge without amounts that gives the reason; unknown is never 0. A pod that never got an
   instance or a node has no charge.

Money is Decimal from the book to the table; a test proves that no float takes part.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Literal, Protocol

import msgspec

from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.billed_interval import Interval, billed_interval
from collector.core.cost.billed_spec import Spec, spec_of
from collector.core.cost.changed_charges import WrittenCharges
from collector.core.cost.meters import Rate, Rates, amount, at_list_price, cut_meter, round_parts, total
from collector.core.cost.payer import Payer
from collector.core.cost.pricing_runs import FIRST_RUN
from collector.core.cost.product import PLAIN, Product, product_of
from collector.core.facts.bills import Meter, PodCost, PodRun
from collector.core.model import Instant
from collector.core.units import QUARTER_MS

EPOCH_DAY = date(1970, 1, 1)

UNPRICED = (
    "no_price_book", "no_on_demand_price", "no_spot_price", "no_best_effort_price", "no_reserved_price", "no_gpu_price",
    "no_ephemeral_price", "no_fx_rate", "no_requests",
    "no_instance_type", "larger_than_any_size", "unknown_gpu_share", "absurd_begin", "absurd_end",
)  # fmt: skip
"""Reasons why a charge has no amount: the label values of lynceus_cost_unpriced_pods_total."""

NO_REPEATS: Mapping[str, int] = {}
CostClass = Literal["useful", "retried", "reclaimed", "cancelled", "failed", "unknown"]
"""`unknown`: how the workflow ended was not observed, or the workflow itself was not."""


class Prices(Protocol):
    """Price books as core uses them; prices/lookup.py implements this."""

    @property
    def products(self) -> Mapping[str, Product]:
        """Billing rules of each product, in the order in which their marks are checked."""
        ...

    def look_up(self, spec: Spec, at: Instant) -> Rates:
        """Find the rates of a spec from an instant on."""
        ...


class BilledDay(msgspec.Struct, frozen=True):
    """Part of a billed interval on one billing day."""

    day: int
    begin: Instant
    first: int
    """Seconds of the interval before this day."""
    seconds: int


class Stretch(msgspec.Struct, frozen=True):
    """Part of a billed interval with one set of prices."""

    first: int
    """Seconds of the interval before this stretch."""
    seconds: int
    rates: Rates


class DayPart(msgspec.Struct, frozen=True):
    """Meters and sums of one day; meaningless if its rates are missing."""

    rates: Rates
    meters: tuple[Meter, ...]
    cost: Decimal
    pending: Decimal
    list_cost: Decimal | None


def charges(
    run: PodRun,
    payer: Payer | None,
    prices: Prices,
    zone: tzinfo,
    until: Instant,
    *,
    product: str = "",
    pricing_run: int = FIRST_RUN,
    written: WrittenCharges | None = None,
) -> list[PodCost]:
    """Price a pod: one charge per billing day, `accruing` up to `until` while it runs; they replace the written ones."""
    billed_as = prices.products[product_of(run, prices.products.values(), product)]
    spec = spec_of(run, billed_as)
    interval = billed_interval(run, billed_as.interval, until, spec.price_class)
    if interval is None:
        return []
    days = _split_by_day(interval, zone)
    if written:
        days = _with_written_days(days, written)
    parts = bill(interval, spec, prices, days)
    version = max(run.version, payer.version if payer else 0, written.version + 1 if written else 0)
    return [
        _charge(
            run,
            payer,
            spec,
            interval,
            day=day,
            part=part,
            rounded_cost=rounded_cost,
            pricing_run=pricing_run,
            version=version,
        )
        for day, part, rounded_cost in zip(days, parts, round_costs(parts), strict=True)
    ]


def bill(interval: Interval, spec: Spec, prices: Prices, days: list[BilledDay]) -> list[DayPart]:
    """Price an interval: one part for each of the given days."""
    stretches = _split_by_price(interval, spec, prices)
    parts = [_parts_of_stretch(days, stretch, spec, interval.pending_seconds) for stretch in stretches]
    return parts[0] if len(parts) == 1 else [_merge_stretches(days, stretches, parts, i) for i in range(len(days))]


def round_costs(parts: list[DayPart]) -> list[Decimal | None]:
    """Round the cost of each part as the bill rounds an instance; all are unknown if one of them is."""
    if any(part.rates.missing for part in parts):
        return [None] * len(parts)
    return [*round_parts([part.cost for part in parts], parts[-1].rates.rounding)]


@lru_cache(maxsize=8192)
def _day_and_midnight(quarter: int, zone: tzinfo) -> tuple[int, Instant]:
    """Billing day of a quarter of an hour, and the begin of the next day."""
    local = datetime.fromtimestamp(quarter * QUARTER_MS / 1000, zone).date()
    midnight = datetime.combine(local + timedelta(days=1), time(), zone).astimezone(UTC)
    return (local - EPOCH_DAY).days, int(midnight.timestamp() * 1000)


def _split_by_day(interval: Interval, zone: tzinfo) -> list[BilledDay]:
    """Cut an interval at each midnight of the billing zone; a minimum falls in the last day."""
    days: list[BilledDay] = []
    begin, first, ran = interval.begin, 0, interval.ran_seconds
    while True:
        day, midnight = _day_and_midnight(begin // QUARTER_MS, zone)
        seconds = -(-(midnight - begin) // 1000)
        if first + seconds >= ran:
            return [*days, BilledDay(day, begin, first, interval.seconds - first)]
        days.append(BilledDay(day, begin, first, seconds))
        begin, first = begin + seconds * 1000, first + seconds


def _with_written_days(days: list[BilledDay], written: WrittenCharges) -> list[BilledDay]:
    """Add the written days that no longer have any seconds: a pod's end may turn out to lie before midnight."""
    first, last = days[0], days[-1]
    end = last.first + last.seconds
    earlier = [BilledDay(day, first.begin, 0, 0) for day in range(written.first_day, first.day)]
    later = [BilledDay(day, last.begin, end, 0) for day in range(last.day + 1, written.last_day + 1)]
    return [*earlier, *days, *later]


def _split_by_price(interval: Interval, spec: Spec, prices: Prices) -> list[Stretch]:
    """Cut an interval at each change of a price; a minimum falls in the last stretch."""
    if missing := interval.missing or spec.missing:
        unpriced = prices.look_up(msgspec.structs.replace(spec, missing=missing), interval.begin)
        return [Stretch(0, interval.seconds, unpriced)]
    stretches: list[Stretch] = []
    first, ran = 0, interval.ran_seconds
    while True:
        at, frozen = interval.begin + first * 1000, first < spec.frozen_s
        rates = prices.look_up(spec, at)
        change = interval.begin + spec.frozen_s * 1000 if frozen else rates.until
        seconds = ran - first if change is None else -(-(change - at) // 1000)
        if first + seconds >= ran:
            return [*stretches, Stretch(first, interval.seconds - first, rates)]
        stretches.append(Stretch(first, seconds, rates))
        first += seconds


def _common_seconds(day: BilledDay, stretch: Stretch, limit: int | None = None) -> int:
    """Seconds that a day and a stretch have in common, before an optional limit."""
    end = min(day.first + day.seconds, stretch.first + stretch.seconds)
    return max(0, (end if limit is None else min(end, limit)) - max(day.first, stretch.first))


def _parts_of_stretch(days: list[BilledDay], stretch: Stretch, spec: Spec, pending_seconds: int) -> list[DayPart]:
    """Price a stretch: lines and sums for each day."""
    seconds = [_common_seconds(day, stretch) for day in days]
    pending = [_common_seconds(day, stretch, pending_seconds) for day in days]
    rates = stretch.rates.rates
    lines = [cut_meter(amount(rate, spec), rate, seconds) for rate in rates]
    pending_lines = [cut_meter(amount(rate, spec), rate, pending) for rate in rates] if any(pending) else []
    listed = _at_list_prices(rates, spec, seconds, lines)
    return [
        DayPart(
            stretch.rates,
            tuple([by_day[i] for by_day in lines]),
            total([by_day[i].cost for by_day in lines]),
            total([by_day[i].cost for by_day in pending_lines]),
            None if listed is None else total([by_day[i].cost for by_day in listed]),
        )
        for i in range(len(days))
    ]


def _at_list_prices(
    rates: tuple[Rate, ...], spec: Spec, seconds: list[int], lines: list[list[Meter]]
) -> list[list[Meter]] | None:
    """Lines at list prices; None if a list price is unknown."""
    if all(rate.list_price == rate.unit_price for rate in rates):
        return lines
    listed = [at_list_price(rate) for rate in rates]
    return None if None in listed else [cut_meter(amount(rate, spec), rate, seconds) for rate in listed if rate]


def _merge_stretches(days: list[BilledDay], stretches: list[Stretch], parts: list[list[DayPart]], i: int) -> DayPart:
    """Merge one day's parts of all stretches; if one of them has no price, the day has none."""
    of_day = [part[i] for stretch, part in zip(stretches, parts, strict=True) if _common_seconds(days[i], stretch)]
    of_day = of_day or [parts[-1 if days[i].first else 0][i]]
    list_costs = [part.list_cost for part in of_day if part.list_cost is not None]
    return DayPart(
        next((part.rates for part in of_day if part.rates.missing), _merge_rates([part.rates for part in of_day])),
        tuple([meter for part in of_day for meter in part.meters]),
        total([part.cost for part in of_day]),
        total([part.pending for part in of_day]),
        total(list_costs) if len(list_costs) == len(of_day) else None,
    )


def _merge_rates(rates: list[Rates]) -> Rates:
    """Rates that a day of several stretches cites: each book and rule once, the lowest confidence."""
    books, rules = ("; ".join(dict.fromkeys(texts)) for texts in zip(*((r.book, r.rule) for r in rates), strict=True))
    confidence = next((r.confidence for r in rates if r.confidence == "low"), "high")
    return msgspec.structs.replace(rates[-1], book=books, rule=rules, confidence=confidence)


def class_of(run: PodRun, payer: Payer | None) -> CostClass:
    """Class of a pod's cost; provisional until the workflow's attempt has ended."""
    if run.disruption or any(sign in run.reason for sign in ("Spot", "BidExpired")):
        return "reclaimed"
    if payer is None:
        return "unknown"
    if run.node_id in (payer.retried_nodes or ()) or _is_repeated(run, payer):
        return "retried"
    if payer.outcome == "cancelled":
        return "cancelled"
    if payer.outcome == "unknown":
        return "unknown"
    return "failed" if payer.finished and payer.outcome != "succeeded" else "useful"


def _is_repeated(run: PodRun, payer: Payer) -> bool:
    """Whether a later attempt of the workflow ran this step again: it uses the results of succeeded steps otherwise."""
    if run.attempt >= payer.attempt:
        return False
    # `argo retry` repeats what did not succeed and the exit handler, and of succeeded steps those that it is asked to.
    handler = f"{run.workflow_name}.onExit"
    is_handler = run.step == handler or run.step.startswith((f"{handler}.", f"{handler}[", f"{handler}("))
    return run.phase != "Succeeded" or is_handler or run.attempt < (payer.repeated or NO_REPEATS).get(run.node_id, 0)


def doubt_of(charge: PodCost) -> str:
    """Malformed or unknown input of a priced charge, one of billed_spec.DOUBTS; empty: none."""
    return charge.spec_source.partition(":")[2]


def _confidence(spec: Spec, interval: Interval, rates: Rates) -> Literal["high", "low", "unpriced"]:
    """Lowest confidence of size, interval and price, or `unpriced`."""
    if rates.missing:
        return "unpriced"
    return "low" if "low" in (spec.confidence, interval.confidence, rates.confidence) else "high"


def _charge(
    run: PodRun,
    payer: Payer | None,
    spec: Spec,
    interval: Interval,
    *,
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
        workflow_name=run.workflow_name, attempt=run.attempt, step=run.step, template=payer.template if payer else "",
        department=payer.department if payer else UNALLOCATED, project=payer.project if payer else "",
        creator=payer.creator if payer else "", product=spec.product, region=spec.region, purchase=spec.purchase,
        class_=class_of(run, payer), currency=rates.currency, cost=None if missing else part.cost,
        cost_pending=None if missing else part.pending, list_cost=None if missing else part.list_cost,
        rounded_cost=rounded_cost, billed_from=day.begin, billed_to=day.begin + day.seconds * 1000,
        billed_seconds=day.seconds, billed_vcpu=spec.vcpu, billed_memory_gib=spec.memory_gib,
        instance_type=spec.instance_type, gpu=spec.gpu or run.gpu, meters=() if missing else part.meters, price_book=rates.book,
        rule=missing or rates.rule, spec_source=f"{spec.source}:{doubt}" if doubt else spec.source,
        confidence=_confidence(spec, interval, rates), status="final" if run.finished_at else "accruing",
        price_class=spec.price_class, template_version=payer.template_version if payer else "",
        node_name=run.node_name if spec.product == PLAIN else "",
    )  # fmt: skip
