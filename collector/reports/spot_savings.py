"""
What pods that can be taken away saved: their price on demand minus what was paid, and minus what had to be done again.

Spot charges have their price on demand as list price. Best effort has list prices of its own, so there the price on demand
is looked up in the price books, for the day on which a pod was created. A pod that fell back to on demand pays that price:
it saved nothing and lost nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from collector.catalog.schema import DATABASE
from collector.core.cost.billed_spec import Spec
from collector.core.cost.billing_days import midnight
from collector.core.cost.meters import CONTEXT, PLACES, Rate
from collector.core.units import ONE, ZERO
from collector.prices.lookup import Books
from collector.reports.past_pods import CREATED, Selection
from collector.reports.report import Query, Report

COLUMNS = ("product", "purchase", "currency", "pods", "gross", "redone", "premium", "net")
RECLAIMED = "class = 'reclaimed'"


class Discounted(NamedTuple):
    """Pods of a product that can be taken away."""

    product: str
    purchase: str
    pods: int
    gross: Decimal
    """Price on demand minus what was paid, of pods that were not taken away and cost less."""
    redone: Decimal
    """What was paid for pods that were taken away: their work was done again."""
    premium: Decimal
    """What pods cost more than on demand."""
    unknown: int
    """Charges without a known price of one kind or the other."""

    @property
    def net(self) -> Decimal:
        return CONTEXT.subtract(self.gross, CONTEXT.add(self.redone, self.premium))


def spot_savings(query: Query, zone: str, chosen: Selection, books: Books) -> tuple[list[Report], list[str]]:
    """Reports what such pods saved, gross and net; nothing if there are none. And the notes on it."""
    rows = [*_spot(query, chosen), *_best_effort(query, zone, chosen, books)]
    if not rows:
        return [], []
    table = Report(
        title="Saved by spot and best effort against on demand",
        columns=COLUMNS,
        rows=[_row(one, chosen.currency) for one in rows],
        money=frozenset({"gross", "redone", "premium", "net"}),
        keys=2,
    )
    unknown = sum(one.unknown for one in rows)
    notes = [f"{unknown} charges of spot or best effort have no known price on demand, and saved an unknown amount"]
    return [table], notes if unknown else []


def _row(one: Discounted, currency: str) -> tuple[Any, ...]:
    return (one.product, one.purchase, currency, one.pods, one.gross, one.redone, one.premium, one.net)


def _charges(chosen: Selection, purchase: str) -> str:
    return (
        f"{DATABASE}.cost_current WHERE {CREATED} AND rule != 'withdrawn' AND currency = {{currency:String}} "
        f"AND purchase = '{purchase}' AND {chosen.condition}"
    )


def _spot(query: Query, chosen: Selection) -> list[Discounted]:
    """Sums up spot charges, whose list price is that on demand."""
    known, amount = "cost IS NOT NULL AND list_cost IS NOT NULL", "ifNull({}, toDecimal128(0, 18))".format
    sql = f"""
        SELECT product, purchase, uniqExact(cluster, pod_uid),
               {amount(f"sumIf(list_cost - cost, {known} AND NOT {RECLAIMED} AND cost <= list_cost)")},
               {amount(f"sumIf(cost, {RECLAIMED})")},
               {amount(f"sumIf(cost - list_cost, {known} AND NOT {RECLAIMED} AND cost > list_cost)")},
               countIf(NOT ({known}))
        FROM {_charges(chosen, "spot")} GROUP BY product, purchase ORDER BY product
    """
    return [Discounted(*row) for row in query(sql, chosen.parameters())]


class _Metered(NamedTuple):
    """The lines of one meter on one day, at one price of the books."""

    product: str
    region: str
    price_class: str
    day: date
    reclaimed: bool
    meter: str
    unit: str
    quantity: Decimal
    cost: Decimal
    lines: int


def _best_effort(query: Query, zone: str, chosen: Selection, books: Books) -> list[Discounted]:
    """Sums up best-effort charges, with the price on demand of the same amounts."""
    charges = _charges(chosen, "best_effort")
    pods = query(
        f"SELECT product, uniqExact(cluster, pod_uid), countIf(cost IS NULL) FROM {charges} GROUP BY product ORDER BY product",
        chosen.parameters(),
    )
    sql = f"""
        SELECT product, region, price_class, toDate(created_at, {{zone:String}}) AS created, {RECLAIMED} AS again, line.meter,
               line.unit, sum(line.quantity), sum(line.cost), count()
        FROM (SELECT *, arrayJoin(meters) AS line FROM {charges} AND cost IS NOT NULL)
        GROUP BY product, region, price_class, created, again, line.meter, line.unit
    """
    lines = [_Metered(*row) for row in query(sql, chosen.parameters() | {"zone": zone})] if pods else []
    return [
        _summed(product, (count, unpriced), [line for line in lines if line.product == product], (books, zone))
        for product, count, unpriced in pods
    ]


def _summed(
    product: str, counts: tuple[int, int], lines: Sequence[_Metered], priced_by: tuple[Books, str]
) -> Discounted:
    pods, unknown = counts
    gross = redone = premium = ZERO
    for line in lines:
        listed = None if line.reclaimed else _on_demand(line, *priced_by)
        if line.reclaimed:
            redone = CONTEXT.add(redone, line.cost)
        elif listed is None:
            unknown += line.lines
        elif listed >= line.cost:
            gross = CONTEXT.add(gross, CONTEXT.subtract(listed, line.cost))
        else:
            premium = CONTEXT.add(premium, CONTEXT.subtract(line.cost, listed))
    return Discounted(
        product=product,
        purchase="best_effort",
        pods=pods,
        gross=gross,
        redone=redone,
        premium=premium,
        unknown=unknown,
    )


def _on_demand(line: _Metered, books: Books, zone: str) -> Decimal | None:
    """Price on demand of the same amount, rounded down to 18 places; None: the books have none."""
    spec = Spec(
        product=line.product,
        purchase="on_demand",
        price_class=line.price_class,
        region=line.region,
        vcpu=ONE,
        memory_gib=ONE,
        gpu=ONE if line.meter == "gpu" else ZERO,
        ephemeral_gib=ONE if line.meter == "ephemeral" else ZERO,
    )
    rate = _rate_of(line.meter, books.look_up(spec, midnight(line.day, ZoneInfo(zone))).rates)
    if rate is None:
        return None
    seconds = Fraction(line.quantity) * (3600 if line.unit.endswith("Hours") else 1)
    price = rate.unit_price if rate.list_price is None else rate.list_price
    whole = seconds * Fraction(price) / rate.per_seconds
    exact = CONTEXT.divide(Decimal(whole.numerator), Decimal(whole.denominator))
    return exact.quantize(PLACES, ROUND_FLOOR, CONTEXT)


def _rate_of(meter: str, rates: Iterable[Rate]) -> Rate | None:
    return next((rate for rate in rates if rate.meter == meter), None)
