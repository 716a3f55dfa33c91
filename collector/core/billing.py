"""
What a pod cost: the specification of a charge.

1. The product is told by the provider's marks on the pod (ACS before ECI: its pods run on the same virtual nodes).
2. The billed spec is the provider's own word, an annotation; requests are not what a cloud bills.
3. The billed interval runs from the instance's creation (ECI bills pulling the image) to the last container's end, in
   whole seconds rounded up. A pod that never got an instance or a node costs nothing and has no charge.
4. A meter's cost is quantity x unit price, quantised once to 18 places, half-even. Where midnight of the billing zone
   cuts a charge, the last day takes the remainder, so the parts sum to the whole exactly.
5. What has no price is a charge without amounts that says why; it is never 0.

Money is Decimal from the book to the table; a test proves that no float takes part.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import reduce

import msgspec

from collector.core.model import Instant, Meter, PodCost, PodRun
from collector.core.pod_life import Told
from collector.core.workflow_life import WorkflowLife

ECI, ACS, PLAIN = PRODUCTS = "alibaba-eci", "alibaba-acs", "plain-node"
"""What a pod can be billed as."""
PLACES = Decimal(1).scaleb(-18)
_CONTEXT = Context(prec=76, rounding=ROUND_HALF_EVEN)
ZERO = Decimal(0)
EPOCH_DAY = date(1970, 1, 1)


class Spec(msgspec.Struct, frozen=True):
    """What is billed of a pod, as the provider says it."""

    product: str
    purchase: str
    price_class: str
    """Provider's class: ECI general or economy, ACS general-purpose, performance, gpu."""
    region: str
    vcpu: Decimal = ZERO
    memory_gib: Decimal = ZERO
    instance_type: str = ""
    source: str = "annotation"
    missing: str = ""
    """Why nothing can be priced; empty when it can."""


class Rate(msgspec.Struct, frozen=True):
    """The unit price of one meter."""

    meter: str
    unit: str
    unit_price: Decimal
    per_seconds: int = 1
    """Seconds in the unit: 1 for vCPU-Seconds, 3600 for Hours."""


class Rates(msgspec.Struct, frozen=True):
    """The prices that apply to a spec at an instant, or why there are none."""

    book: str
    rule: str
    currency: str
    rates: tuple[Rate, ...] = ()
    missing: str = ""


LookUp = Callable[[Spec, Instant], Rates]
"""prices.book gives one; core only asks."""

ECI_INSTANCE = "k8s.aliyun.com/eci-instance-id"
_CPU_MEMORY = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)-(\d{1,5}(?:\.\d{1,3})?)Gi", re.ASCII)
_INSTANCE_TYPE = re.compile(r"ecs\.[a-z0-9][a-z0-9.-]{1,60}")


def spec_of(run: PodRun, otherwise: str = "") -> Spec:
    """The billed spec of a pod by its provider's annotations; `otherwise` is the product of a pod without marks."""
    marks = run.pricing
    if (
        marks.get("alibabacloud.com/acs") == "true"
        or "alibabacloud.com/pod-use-spec" in marks
        or (otherwise == ACS and not _is_eci(run))
    ):
        return _acs(run)
    if _is_eci(run) or otherwise == ECI:
        return _eci(run)
    instance = marks.get("node:node.kubernetes.io/instance-type", "")
    return Spec(PLAIN, "on_demand", "", run.region, instance_type=instance, source="node", missing="no_price_book")


def _is_eci(run: PodRun) -> bool:
    return (
        ECI_INSTANCE in run.pricing
        or run.node_name.startswith("virtual-kubelet")
        or run.pricing.get("node:type") == "virtual-kubelet"
    )


def _acs(run: PodRun) -> Spec:
    purchase = "best_effort" if run.pricing.get("alibabacloud.com/compute-qos") == "best-effort" else "on_demand"
    price_class = run.pricing.get("alibabacloud.com/compute-class", "general-purpose")
    spec = Spec(ACS, purchase, price_class, run.region)
    return sized(spec, run.pricing.get("alibabacloud.com/pod-use-spec", ""))


def _eci(run: PodRun) -> Spec:
    strategy = run.pricing.get("k8s.aliyun.com/eci-spot-strategy", "")
    purchase = "spot" if strategy.startswith("Spot") else "on_demand"
    price_class = run.pricing.get("k8s.aliyun.com/eci-instance-compute-category", "general")
    spec = Spec(ECI, purchase, price_class, run.region)
    return sized(spec, run.pricing.get("k8s.aliyun.com/eci-instance-spec", ""))


def sized(spec: Spec, text: str) -> Spec:
    """The spec with what the annotation bills: vCPU and GiB, or a machine type."""
    match = _CPU_MEMORY.fullmatch(text)
    if match and Decimal(match[1]) and Decimal(match[2]):
        return msgspec.structs.replace(spec, vcpu=Decimal(match[1]), memory_gib=Decimal(match[2]))
    if _INSTANCE_TYPE.fullmatch(text):
        return msgspec.structs.replace(spec, instance_type=text)
    return msgspec.structs.replace(spec, source="none", missing="malformed_spec" if text else "no_spec")


class Interval(msgspec.Struct, frozen=True):
    """The billed seconds of a pod, and how many of them passed before its main container started."""

    begin: Instant
    seconds: int
    pending_seconds: int


def billed_interval(run: PodRun, until: Instant) -> Interval | None:
    """From the instance's creation to the pod's end, or to `until` while it runs; None before it had an instance."""
    begin = run.instance_created_at or run.scheduled_at or run.main_started_at
    if begin is None or not _got_instance(run):
        return None
    end = max(begin, run.finished_at or until)
    seconds = -(-(end - begin) // 1000)
    pending_end = min(end, max(begin, run.main_started_at or end))
    return Interval(begin, seconds, min(seconds, -(-(pending_end - begin) // 1000)))


def _got_instance(run: PodRun) -> bool:
    """A virtual node takes every pod; one that it finds no stock for gets no instance, and no bill."""
    return bool(run.instance_created_at or run.main_started_at or not _is_eci(run) or ECI_INSTANCE in run.pricing)


def charges(
    run: PodRun,
    life: WorkflowLife | None,
    look_up: LookUp,
    zone: tzinfo,
    until: Instant,
    product: str = "",
    pricing_run: int = 1,
    told: Told | None = None,
) -> list[PodCost]:
    """The charges of a pod, one a billing day, `accruing` up to `until` while it has no end; they replace those told."""
    interval = billed_interval(run, until)
    if interval is None:
        return []
    spec = spec_of(run, product)
    prices = look_up(spec, interval.begin)
    days = _and_told(_days(interval, zone), told) if told else _days(interval, zone)
    parts = _shares([d.seconds for d in days], [d.pending_seconds for d in days], spec, prices)
    version = max(run.version, life.version if life else 0, told.version + 1 if told else 0)
    return [
        _charge(run, life, spec, prices, day, part, pricing_run, version) for day, part in zip(days, parts, strict=True)
    ]


class Day(msgspec.Struct, frozen=True):
    """The part of a billed interval that falls on one billing day."""

    day: int
    begin: Instant
    seconds: int
    pending_seconds: int


def _days(interval: Interval, zone: tzinfo) -> list[Day]:
    """The interval cut at each midnight of the billing zone."""
    days: list[Day] = []
    begin, left, pending = interval.begin, interval.seconds, interval.pending_seconds
    while True:
        local = datetime.fromtimestamp(begin / 1000, zone)
        midnight = datetime.combine(local.date() + timedelta(days=1), time(), zone).astimezone(UTC)
        here = min(left, -(-(int(midnight.timestamp() * 1000) - begin) // 1000))
        days.append(Day((local.date() - EPOCH_DAY).days, begin, here, min(pending, here)))
        left, pending = left - here, pending - min(pending, here)
        if left <= 0:
            return days
        begin += here * 1000


def _and_told(days: list[Day], told: Told) -> list[Day]:
    """The days, and those told before on which nothing falls any more: an end may turn out to lie before midnight."""
    first, last = days[0], days[-1]
    before = [Day(day, first.begin, 0, 0) for day in range(told.first_day, first.day)]
    return [*before, *days, *(Day(day, last.begin, 0, 0) for day in range(last.day + 1, told.last_day + 1))]


class Part(msgspec.Struct, frozen=True):
    """One day's meters, and the cost of its pending seconds."""

    meters: tuple[Meter, ...]
    cost: Decimal
    pending: Decimal


def _shares(seconds: list[int], pending: list[int], spec: Spec, prices: Rates) -> list[Part]:
    """Each day's meters; the last day of each takes the remainder of the whole's one quantisation."""
    by_meter = [_cut(amount(rate, spec), rate, seconds) for rate in prices.rates]
    waits = [_cut(amount(rate, spec), rate, pending) for rate in prices.rates]
    return [
        Part(
            meters := tuple(days[i] for days in by_meter),
            total(m.cost for m in meters),
            total(days[i].cost for days in waits),
        )
        for i in range(len(seconds))
    ]


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum; Python's own would round beyond 28 digits."""
    return reduce(_CONTEXT.add, amounts, ZERO)


def amount(rate: Rate, spec: Spec) -> Decimal:
    """How much of a meter one second of the pod uses."""
    return {"vcpu": spec.vcpu, "memory": spec.memory_gib}.get(rate.meter, Decimal(1))


def line(amount: Decimal, rate: Rate, seconds: int) -> Meter:
    """One meter for some seconds: quantity x unit price, quantised once."""
    quantity = _CONTEXT.divide(_CONTEXT.multiply(amount, Decimal(seconds)), Decimal(rate.per_seconds))
    cost = _CONTEXT.multiply(quantity, rate.unit_price).quantize(PLACES, context=_CONTEXT)
    return Meter(rate.meter, quantity.quantize(PLACES, context=_CONTEXT), rate.unit, rate.unit_price, cost)


def _cut(amount: Decimal, rate: Rate, seconds: list[int]) -> list[Meter]:
    """A meter's lines by day; the last day that has any seconds takes the remainder."""
    whole, parts = line(amount, rate, sum(seconds)), [line(amount, rate, s) for s in seconds]
    last = max((i for i, s in enumerate(seconds) if s), default=0)
    remainder = _CONTEXT.subtract(whole.cost, total(m.cost for m in parts[:last]))
    return [*parts[:last], msgspec.structs.replace(parts[last], cost=remainder), *parts[last + 1 :]]


def class_of(run: PodRun, life: WorkflowLife | None) -> str:
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


def _confidence(run: PodRun) -> str:
    """An end that is only known to lie before a list is no end that a bill would show."""
    return "low" if run.reason == "vanished" else "high"


def _charge(
    run: PodRun,
    life: WorkflowLife | None,
    spec: Spec,
    prices: Rates,
    day: Day,
    part: Part,
    pricing_run: int,
    version: int,
) -> PodCost:
    missing = prices.missing
    cost = None if missing else part.cost
    return PodCost(
        cluster=run.cluster, namespace=run.namespace, created_at=run.created_at, pod_uid=run.uid, run=pricing_run,
        day=day.day, entry=0, version=version, workflow_uid=run.workflow_uid,
        workflow_name=run.workflow_name, attempt=run.attempt, step=run.step, template=life.template if life else "",
        department=life.department if life else "unallocated", project=life.project if life else "",
        creator=life.creator if life else "", product=spec.product, region=spec.region, purchase=spec.purchase,
        class_=class_of(run, life), currency=prices.currency, cost=cost, cost_pending=None if missing else part.pending,
        list_cost=cost, rounded_cost=cost, billed_from=day.begin, billed_to=day.begin + day.seconds * 1000,
        billed_seconds=day.seconds, billed_vcpu=spec.vcpu, billed_memory_gib=spec.memory_gib,
        instance_type=spec.instance_type, gpu=run.gpu, meters=part.meters, price_book=prices.book,
        rule=missing or prices.rule, spec_source=spec.source, confidence="unpriced" if missing else _confidence(run),
        status="final" if run.finished_at else "accruing",
    )  # fmt: skip
