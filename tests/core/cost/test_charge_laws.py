"""Laws of every charge: midnights cut it exactly, no amount is negative, no float takes part."""

from bisect import bisect_right
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.cost import charge as billing
from collector.core.cost import meters
from collector.core.cost.billed_interval import billed_interval
from collector.core.cost.billed_spec import DOUBTS, spec_of
from collector.core.cost.charge import Prices
from collector.core.cost.meters import Rate, Rates
from collector.core.cost.product import product_of
from collector.core.facts.bills import PodCost, PodRun
from collector.core.pod.price_marks import NODE_KEYS, PRICING_KEYS
from tests.builders import (
    DAY,
    NOON,
    SECOND,
    at,
)
from tests.core.cost.charged import Fixed, acs, charge, eci, only, pod, shipped

# Midnight.


@pytest.mark.parametrize(
    ("zone", "begin", "hours"),
    [
        ("UTC", "2026-11-22T12:00:00", [12, 24, 12]),
        ("Asia/Shanghai", "2026-11-22T12:00:00", [4, 24, 20]),
        ("Europe/Berlin", "2026-03-28T12:00:00+01:00", [12, 23, 13]),
        ("Europe/Berlin", "2026-10-24T12:00:00+02:00", [12, 25, 11]),
        ("Africa/Cairo", "2026-04-23T12:00:00+02:00", [12, 23, 13]),
        ("Africa/Cairo", "2026-10-29T12:00:00+03:00", [13, 24, 11]),
        ("America/Havana", "2026-11-01T12:00:00-05:00", [12, 24, 12]),
        ("America/Havana", "2026-10-31T12:00:00-04:00", [12, 25, 11]),
        ("Australia/Lord_Howe", "2026-04-04T12:00:00+11:00", [12, 24, 12]),
    ],
)
def test_days_are_those_of_the_billing_zone(zone: str, begin: str, hours: list[int]) -> None:
    """Including the hour of summer time, also where midnight itself is skipped or occurs twice."""
    charged = charge(pod(48 * 3600, begin=at(begin)), zone=zone)

    if zone == "Australia/Lord_Howe":
        assert [c.billed_seconds for c in charged] == [12 * 3600, 24 * 3600 + 1800, 12 * 3600 - 1800]
    else:
        assert [c.billed_seconds for c in charged] == [h * 3600 for h in hours]


def test_a_day_that_a_zone_left_out_has_no_charge() -> None:
    """Samoa had no 30 December 2011."""
    whole = pod(48 * 3600, begin=at("2011-12-29T12:00:00-10:00"))
    days = [c.day for c in charge(whole, zone="Pacific/Apia")]

    assert [str(billing.EPOCH_DAY + timedelta(days=d)) for d in days] == ["2011-12-29", "2011-12-31", "2012-01-01"]


def test_each_part_begins_where_the_one_before_ended() -> None:
    """No second is lost at midnight, and none is billed twice."""
    charged = charge(pod(3 * 86_400, begin=NOON + 1))

    assert [a.billed_to for a in charged[:-1]] == [b.billed_from for b in charged[1:]]
    assert charged[-1].billed_to == NOON + 1 + 3 * DAY


ZONES = st.sampled_from(
    [
        "UTC",
        "Asia/Shanghai",
        "Europe/Berlin",
        "America/Sao_Paulo",
        "Africa/Cairo",
        "Asia/Kolkata",
        "America/Havana",
        "Pacific/Apia",
        "Australia/Lord_Howe",
        "America/St_Johns",
    ]
)
BEGINS = st.integers(at("2024-02-01T00:00:00"), at("2027-12-31T00:00:00"))
SECONDS = st.integers(0, 4 * 86_400)
FARGATE = {"CapacityProvisioned": "0.25vCPU 0.5GB"}
SPECS = st.sampled_from(
    [eci("2.0-4.0Gi"), eci("0.25-0.5Gi"), eci("ecs.c6.large"), acs(), acs("performance", "best-effort"), FARGATE, {}]
)
CURRENCIES = st.sampled_from(["USD", "CNY"])


@given(
    zone=ZONES,
    begin=BEGINS,
    seconds=SECONDS,
    pending=st.integers(-86_400, 5 * 86_400),
    pricing=SPECS,
    ms=st.integers(0, 999),
    currency=CURRENCIES,
)
def test_the_parts_sum_to_the_whole_exactly(
    zone: str, begin: int, seconds: int, pending: int, pricing: Any, ms: int, currency: str
) -> None:
    """Whatever midnights cut a charge: cost, pending cost, rounded cost, each meter and the seconds."""
    run = pod(seconds, begin + ms, pending, pricing=pricing)
    books = shipped().in_currency(currency)
    parts, (whole,) = charge(run, zone=zone, books=books), charges_uncut(run, books)

    assert sum(p.billed_seconds for p in parts) == whole.billed_seconds
    for name in ("cost", "cost_pending", "list_cost", "rounded_cost"):
        amounts = [getattr(p, name) for p in parts]
        assert (sum(amounts) if None not in amounts else None) == getattr(whole, name)
    for i, meter in enumerate(whole.meters):
        assert sum(p.meters[i].cost for p in parts) == meter.cost


def charges_uncut(run: PodRun, books: Prices) -> list[PodCost]:
    """The charge as if no midnight fell into it."""
    product = books.products[product_of(run, books.products.values())]
    spec = spec_of(run, product)
    interval = billed_interval(run, product.interval, NOON + 1000 * DAY)
    assert interval is not None
    (part,) = billing.bill(interval, spec, books, [billing.BilledDay(0, interval.begin, 0, interval.seconds)])
    (rounded,) = billing.round_costs([part])
    one = charge(run, books=books)[0]
    missing = bool(part.rates.missing)
    return [
        msgspec.structs.replace(
            one,
            billed_seconds=interval.seconds,
            cost=None if missing else part.cost,
            list_cost=None if missing else part.list_cost,
            rounded_cost=rounded,
            cost_pending=None if missing else part.pending,
            meters=part.meters,
        )
    ]


@given(ZONES, BEGINS, SECONDS, st.integers(-86_400, 5 * 86_400), SPECS)
def test_no_amount_is_negative_and_pending_is_part_of_the_cost(
    zone: str, begin: int, seconds: int, pending: int, pricing: Any
) -> None:
    """On no day, for no meter."""
    for part in charge(pod(seconds, begin, pending, pricing=pricing), zone=zone):
        assert part.billed_seconds >= 0
        assert all(m.cost >= 0 and m.quantity >= 0 for m in part.meters)
        if part.cost is not None and part.cost_pending is not None:
            assert 0 <= part.cost_pending <= part.cost


def test_a_day_without_pending_seconds_has_no_pending_cost() -> None:
    """Parts are rounded; the remainder belongs to a day with pending seconds."""
    # A second costs a sixty-thousandth: one on either side of a day rounds up twice, both together round down.
    run = pod(3 * 86_400, at("2026-11-22T23:59:59"), pending=1 + 86_400 + 1, pricing=eci("ecs.c6.large"))

    assert [p.cost_pending for p in charge(run)] == [
        Decimal("0.000016666666666667"),
        Decimal("1.44"),
        Decimal("0.000016666666666666"),
        Decimal(0),
    ]


@given(SECONDS, SECONDS, SPECS)
def test_cost_never_falls_as_time_passes(a: int, b: int, pricing: Any) -> None:
    """Looking later never shows a smaller bill."""
    running = pod(pricing=pricing, finished_at=None)
    early, late = ([c.cost or Decimal(0) for c in charge(running, until=NOON + s * SECOND)] for s in sorted([a, b]))

    assert sum(early) <= sum(late)


@given(SECONDS, SECONDS, st.sampled_from(["0.25-0.5Gi", "2-4Gi", "64-512Gi"]))
def test_cost_is_additive(a: int, b: int, spec: str) -> None:
    """Two pods for a while each cost what one costs for both, since a meter's price is linear."""
    costs = [sum(c.cost or Decimal(0) for c in charge(pod(s, pricing=eci(spec)))) for s in (a, b, a + b)]

    assert costs[0] + costs[1] == costs[2]


@given(st.integers(0, 10**6), st.integers(1, 3600), st.integers(0, 10**12))
def test_a_line_is_the_exact_product_rounded_once(seconds: int, per: int, price: int) -> None:
    """Against exact fractions: half a unit of the eighteenth place at most."""
    rate = Rate("instance_type", "Hours", Decimal(price).scaleb(-12), per)
    exact = Fraction(seconds, per) * Fraction(price, 10**12)
    cost = meters.meter_line(Decimal(1), rate, seconds).cost

    assert abs(Fraction(cost) - exact) <= Fraction(1, 2 * 10**18)


def test_a_line_is_rounded_half_even() -> None:
    """Bankers' rounding: no drift over millions of lines."""
    rate = Rate("vcpu", "vCPU-Seconds", Decimal("5e-19"))

    assert [meters.meter_line(Decimal(1), rate, s).cost * 10**18 for s in (1, 3, 5)] == [0, 2, 2]


@given(st.lists(st.tuples(st.integers(1, 7200), st.integers(0, 10**9)), min_size=1, max_size=6), st.integers(0, 9000))
def test_a_price_integral_is_the_same_however_it_is_cut(changes: list[tuple[int, int]], seconds: int) -> None:
    """Stretches of changing prices against exact fractions: half a unit of the eighteenth place a line at most."""
    ends = list(accumulate(seconds for seconds, _ in changes))
    prices = [Decimal(price).scaleb(-9) for _, price in changes]
    held = [
        Rates("b", "r", "USD", (Rate("instance_type", "Seconds", price),), until=NOON + end * SECOND)
        for end, price in zip(ends, prices, strict=True)
    ]
    last = Rates("b", "r", "USD", (Rate("instance_type", "Seconds", prices[-1]),))
    (charged,) = billing.charges(pod(seconds), None, Fixed(*held, last), ZoneInfo("UTC"), NOON + DAY)
    exact = sum(
        (
            Fraction(price)
            for second in range(seconds)
            for price in [prices[min(bisect_right(ends, second), len(prices) - 1)]]
        ),
        Fraction(0),
    )

    assert Fraction(charged.cost or 0) == exact
    assert sum(m.cost for m in charged.meters) == charged.cost


@given(
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.sampled_from(["0.25-0.5Gi", "1-2Gi", "8-16Gi", "64-512Gi"]),
    CURRENCIES,
)
def test_cost_grows_with_seconds_and_with_the_spec(a: int, b: int, spec: str, currency: str) -> None:
    """A longer or larger pod never costs less, exact or as billed."""
    short, long = (
        only(pod(s % 40_000, pricing=eci(spec)), books=shipped().in_currency(currency))
        for s in sorted([a % 40_000, b % 40_000])
    )
    small = only(pod(b % 40_000, pricing=eci("0.25-0.5Gi")), books=shipped().in_currency(currency))
    large = only(pod(b % 40_000, pricing=eci(spec)), books=shipped().in_currency(currency))

    assert (short.cost or 0) <= (long.cost or 0)
    assert (short.rounded_cost or 0) <= (long.rounded_cost or 0)
    assert (small.cost or 0) <= (large.cost or 0)


def values(struct: Any) -> list[Any]:
    """Every value inside a fact, at any depth."""
    if isinstance(struct, msgspec.Struct):
        return [v for f in struct.__struct_fields__ for v in values(getattr(struct, f))]
    return [v for item in struct for v in values(item)] if isinstance(struct, (tuple, list)) else [struct]


@given(ZONES, BEGINS, SECONDS, SPECS)
def test_no_float_takes_part(zone: str, begin: int, seconds: int, pricing: Any) -> None:
    """Money and quantities are Decimal from the book to the table; a float loses cents."""
    for part in charge(pod(seconds, begin, pricing=pricing), zone=zone):
        amounts = [part.cost, part.cost_pending, part.list_cost, part.rounded_cost, part.billed_vcpu, part.gpu]
        amounts += [part.billed_memory_gib, *(v for m in part.meters for v in (m.quantity, m.unit_price, m.cost))]
        assert {type(v) for v in values(part)} <= {str, int, Decimal, type(None)}
        assert {type(v) for v in amounts} <= {Decimal, type(None)}


WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "2-4Gi",
            "ecs.c6.large",
            "SpotAsPriceGo",
            "true",
            "gpu",
            "economy",
            "best-effort",
            "50Gi",
            "240",
            "NaN",
            "-1",
            "1e999999",
            "\ud800",
            "２",
            "0.25vCPU 0.5GB",
            "9" * 400,
        ]
    ),
)
MARKS = st.dictionaries(
    st.sampled_from(sorted(PRICING_KEYS) + [f"node:{key}" for key in sorted(NODE_KEYS)]), WORDS, max_size=8
)
MAYBE = st.one_of(st.none(), st.integers(NOON - 9 * DAY, NOON + 9 * DAY), st.integers(-(2**62), 2**62))


@given(MARKS, st.tuples(MAYBE, MAYBE, MAYBE, MAYBE), st.integers(0, 2**63 - 1), st.integers(0, 10**9 - 1), CURRENCIES)
def test_nothing_that_a_pod_may_say_breaks_pricing_or_makes_it_free(
    marks: dict[str, str], instants: tuple[Any, ...], memory: int, cpu: int, currency: str
) -> None:
    """Hostile annotations, instants and quantities: a charge has an amount, or a reason why it has none."""
    names = ("scheduled_at", "instance_created_at", "main_started_at", "finished_at")
    run = pod(pricing=marks, memory_bytes=memory, cpu=Decimal(cpu) / 1000, ephemeral_bytes=memory, gpu=Decimal(cpu))
    run = msgspec.structs.replace(run, **dict(zip(names, instants, strict=True)))
    books = shipped().in_currency(currency)

    for part in charge(run, until=NOON + 30 * DAY, books=books):
        assert part.confidence in ("high", "low", "unpriced")
        assert (part.cost is None) == (part.confidence == "unpriced")
        assert part.cost is not None or part.rule in billing.UNPRICED
        assert part.cost is None or part.billed_seconds == 0 or part.cost > 0
        assert billing.doubt_of(part) in ("", *DOUBTS)
        assert max(part.billed_vcpu, part.billed_memory_gib, part.gpu) < 10**9
        assert 0 <= part.billed_seconds <= 86_400
