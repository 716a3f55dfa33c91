"""
The run rate: what all pods that are billed now cost an hour.

The size of a pod is read once, and again when its object changes or while it has not started. Pods of equal size are
priced together, so that tens of thousands of pods take a few milliseconds.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from collector.core.cost.billed_interval import billed_interval
from collector.core.cost.billed_spec import Spec, spec_of
from collector.core.cost.charge import Prices
from collector.core.cost.meters import CONTEXT, PLACES, Rates, amount, total
from collector.core.cost.product import product_of
from collector.core.facts.bills import PodRun
from collector.core.live_view import HourlyCost
from collector.core.model import Instant
from collector.core.pod.state import PodState
from collector.core.slices import Slices, in_batches

HOUR_S = Decimal(3600)
FEW = 50
"""Pods whose size is read in one slice, at 20 microseconds each if all of them are new."""
UNREAD: tuple[int, Spec | None] = (-1, None)


class RunRate:
    """The pods of one cluster that are billed now, and their sizes."""

    def __init__(self, cluster: str, prices: Prices, product: str = "") -> None:
        self.cluster, self.prices, self.product = cluster, prices, product
        self._read: dict[str, tuple[int, Spec | None]] = {}
        """By pod the version that was read and its size; None: it is not billed."""

    def now(self, pods: Sequence[PodState], at: Instant) -> Slices[list[HourlyCost]]:
        """Hourly cost by product and currency; pods without a price are counted apart, never as 0."""
        read: dict[str, tuple[int, Spec | None]] = {}
        counts = Counter[Spec]()
        for batch in in_batches(pods, FEW):
            for pod in batch:
                if pod.stage != "finished":
                    read[pod.run.uid] = _, spec = self._now(pod, at)
                    if spec is not None:
                        counts[spec] += 1
            yield
        self._read = read
        rated: list[tuple[str, int, Rates, Spec]] = []
        for spec, count in counts.items():
            rated.append((spec.product, count, self.prices.look_up(spec, at), spec))
            yield
        keys = sorted({(product, rates.currency) for product, _, rates, _ in rated})
        return [
            self._hourly_cost(
                *key, [(n, rates, spec) for product, n, rates, spec in rated if (product, rates.currency) == key]
            )
            for key in keys
        ]

    def _now(self, pod: PodState, at: Instant) -> tuple[int, Spec | None]:
        """The version and the size of a pod, read again only if they may have changed."""
        read = self._read.get(pod.run.uid, UNREAD)
        if read[0] != pod.run.version or pod.stage == "starting":
            return pod.run.version, self._spec(pod.run, at)
        return read

    def _spec(self, run: PodRun, at: Instant) -> Spec | None:
        """The billed size of a pod at an instant; None before it has an instance, or after its provider gave it up."""
        product = self.prices.products[product_of(run, self.prices.products.values(), self.product)]
        spec = spec_of(run, product)
        interval = billed_interval(run, product.interval, at, spec.price_class)
        # An abandoned pod has fewer billed seconds than have passed.
        abandoned = interval is not None and at - interval.begin > (interval.ran_seconds + 1) * 1000
        return None if interval is None or abandoned else spec

    def _hourly_cost(self, product: str, currency: str, kinds: list[tuple[int, Rates, Spec]]) -> HourlyCost:
        priced = [(count, rates, spec) for count, rates, spec in kinds if not rates.missing]
        per_hour = total(CONTEXT.multiply(an_hour(rates, spec), Decimal(count)) for count, rates, spec in priced)
        pods, known = sum(count for count, _, _ in kinds), sum(count for count, _, _ in priced)
        return HourlyCost(
            cluster=self.cluster, product=product, currency=currency, per_hour=per_hour if known else None, pods=pods,
            unpriced_pods=pods - known,
        )  # fmt: skip


def an_hour(rates: Rates, spec: Spec) -> Decimal:
    """The cost of one hour of a pod of that size at these rates."""
    return total(
        CONTEXT.quantize(
            CONTEXT.multiply(
                CONTEXT.multiply(amount(rate, spec), rate.unit_price),
                CONTEXT.divide(HOUR_S, Decimal(rate.per_seconds)),
            ),
            PLACES,
        )
        for rate in rates.rates
    )


def sum_by_currency(costs: Iterable[HourlyCost]) -> list[HourlyCost]:
    """The sum of all clusters and products, by currency."""
    found: dict[str, HourlyCost] = {}
    for cost in costs:
        so_far = found.get(cost.currency)
        if so_far is None:
            found[cost.currency] = msgspec.structs.replace(cost, cluster="", product="")
            continue
        known = [amount for amount in (so_far.per_hour, cost.per_hour) if amount is not None]
        found[cost.currency] = msgspec.structs.replace(
            so_far, per_hour=total(known) if known else None, pods=so_far.pods + cost.pods,
            unpriced_pods=so_far.unpriced_pods + cost.unpriced_pods,
        )  # fmt: skip
    return [found[currency] for currency in sorted(found)]
