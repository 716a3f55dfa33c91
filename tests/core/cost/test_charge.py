"""Cost of a pod: the provider's own numbers, its product, and its class."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from collector.core.cost import charge as billing
from collector.core.cost.changed_charges import WrittenCharges
from collector.core.cost.charge import class_of
from collector.core.cost.meters import Rate, Rates
from collector.core.model import Instant
from tests.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_payer,
    a_pod_run,
    at,
    version,
)
from tests.core.cost.charged import UTC, Fixed, acs, charge, eci, only, pod, shipped

# The providers' own examples.


@pytest.mark.parametrize(
    ("pricing", "seconds", "region", "expected"),
    [
        (eci("2.0-4.0Gi"), 3600, "cn-hangzhou", "0.069264"),
        (eci("ecs.c6.large"), 3600, "cn-hangzhou", "0.06"),
        (eci("2-4Gi", **{"instance-compute-category": "economy"}), 3600, "ap-southeast-1", "0.044352"),
        (acs(), 3300, "cn-hangzhou", "0.050952"),
        (acs(qos="best-effort"), 3300, "cn-hangzhou", "0.010032"),
        (acs("performance"), 3300, "cn-hangzhou", "0.066528"),
        (acs("performance", "best-effort"), 3300, "cn-hangzhou", "0.0133056"),
        (acs(), 3300, "cn-hongkong", "0.075834"),
    ],
    ids=["7.1 ECI", "7.2 ECI by type", "7.4 ECI economy", "7.8 ACS", "7.8b best effort", "7.8b performance",
         "7.8b performance best effort", "7.8b Hong Kong"],
)  # fmt: skip
def test_charges_reproduce_the_providers_examples(
    pricing: dict[str, str], seconds: int, region: str, expected: str
) -> None:
    """Oracles 7.1, 7.2, 7.4, 7.8 and 7.8b of the field notes, to the last digit."""
    assert only(pod(seconds, pricing=pricing, region=region)).cost == Decimal(expected)


def test_each_meter_is_a_line_of_its_own() -> None:
    """Quantity times unit price is the cost of a line, and the lines sum to the charge."""
    charged = only(pod(3600))

    assert [(m.meter, m.quantity, m.unit, m.unit_price, m.cost) for m in charged.meters] == [
        ("vcpu", Decimal(7200), "vCPU-Seconds", Decimal("0.0000077"), Decimal("0.05544")),
        ("memory", Decimal(14400), "GiB-Seconds", Decimal("0.00000096"), Decimal("0.013824")),
    ]


def test_a_charge_names_its_sources() -> None:
    """Each amount has its book, rule, spec and interval."""
    charged = only(pod(90))

    assert (charged.price_book, charged.currency, charged.rule) == (
        "alibaba-eci@2026.11.3",
        "USD",
        "*/general-purpose/on_demand; unconfirmed",
    )
    assert (charged.billed_from, charged.billed_to, charged.billed_seconds) == (NOON, NOON + 90 * SECOND, 90)
    assert (charged.billed_vcpu, charged.billed_memory_gib, charged.spec_source) == (
        Decimal(2),
        Decimal(4),
        "annotation",
    )
    assert (charged.status, charged.confidence, charged.entry, charged.run) == ("final", "low", 0, 1)


# Billed time and amounts.


def test_pulling_an_image_is_billed() -> None:
    """ECI bills from the instance's creation, so a pod that never starts has a cost too, all of it pending."""
    charged = only(pod(main_started_at=None, finished_at=None), until=NOON + 10 * MINUTE)

    assert (charged.cost, charged.cost_pending, charged.status) == (
        Decimal("0.011544"),
        Decimal("0.011544"),
        "accruing",
    )


def test_the_cost_before_the_start_of_main_is_a_separate_figure() -> None:
    """This cost is avoidable."""
    charged = only(pod(3600, pending=60))

    assert charged.cost_pending == Decimal("0.0011544")


@pytest.mark.parametrize(
    ("pricing", "reason"),
    [
        (eci("ecs.c6.large", **{"spot-strategy": "SpotWithPriceLimit"}), "no_spot_price"),
        (eci("ecs.g8.large"), "no_on_demand_price"),
        (acs("gpu"), "no_on_demand_price"),
    ],
)
def test_a_charge_without_a_price_has_a_reason_and_no_amount(pricing: dict[str, str], reason: str) -> None:
    """An unknown cost is never 0."""
    charged = only(pod(pricing=pricing))

    assert (charged.cost, charged.cost_pending, charged.list_cost, charged.rounded_cost) == (None, None, None, None)
    assert (charged.rule, charged.confidence, charged.meters) == (reason, "unpriced", ())


def test_a_pod_without_a_possible_interval_has_no_amount() -> None:
    """A row on the day of the pod's creation gives the reason and has no seconds."""
    charged = only(pod(finished_at=NOON - HOUR))

    assert (charged.cost, charged.rule, charged.confidence) == (None, "absurd_end", "unpriced")
    assert (charged.billed_seconds, charged.price_book) == (0, "alibaba-eci@2026.11.3")


def test_a_doubt_goes_with_the_source_of_the_size() -> None:
    """A malformed annotation lowers the confidence; the next source is priced."""
    marks = (eci("two"), eci("2-4Gi", **{"max-pending-minute": "soon"}), eci("2-4Gi"))
    charged = [only(pod(pricing=p), books=shipped().in_currency("CNY")) for p in marks]

    assert [(c.spec_source, c.confidence, billing.doubt_of(c)) for c in charged] == [
        ("requests:malformed_spec", "low", "malformed_spec"),
        ("annotation:malformed_limit", "low", "malformed_limit"),
        ("annotation", "high", ""),
    ]
    assert {c.cost for c in charged} == {Decimal("0.441072")}


def test_a_product_without_a_book_has_a_reason() -> None:
    """Without a book, the price of a plain node is unknown."""
    charged = only(pod(pricing={}, node_name="n1"))

    assert (charged.cost, charged.rule, charged.currency) == (None, "no_price_book", "USD")


def test_a_price_before_the_books_first_day_is_unknown() -> None:
    """Prices are valid from a day on."""
    charged = only(pod(begin=at("2020-01-01T00:00:00")))

    assert (charged.cost, charged.rule) == (None, "no_on_demand_price")


# Prices that change, and bills that round.


CHANGE = NOON + 1000 * SECOND
D = Decimal


def rates(price: str, until: Instant | None = None, **more: Any) -> Rates:
    """The price of an instance type by the second; the list price is twice as high."""
    rate = Rate("instance_type", "Seconds", Decimal(price), list_price=2 * Decimal(price))
    return Rates("b", f"r{price}", "USD", (rate,), until=until, **more)


def test_a_price_that_changes_cuts_the_charge_at_that_instant() -> None:
    """Each stretch is a separate line at its own price; quantity times unit price is still exact."""
    (charged,) = billing.charges(pod(3600), None, Fixed(rates("1", CHANGE), rates("3")), UTC, NOON + DAY)

    assert [(m.quantity, m.unit_price, m.cost) for m in charged.meters] == [
        (D(1000), D(1), D(1000)),
        (D(2600), D(3), D(7800)),
    ]
    assert (charged.cost, charged.list_cost, charged.rule) == (D(8800), D(17600), "r1; r3")


def test_the_seconds_before_main_are_priced_at_the_price_of_that_time() -> None:
    """Pending over a change of price."""
    run = pod(3600, pending=1001)
    (charged,) = billing.charges(run, None, Fixed(rates("1", CHANGE), rates("3")), UTC, NOON + DAY)

    assert charged.cost_pending == 1003


def test_a_price_stays_valid_through_its_protection_whatever_the_market_does() -> None:
    """The market price is looked up for the first instant, and again when the hour is over."""
    market = Fixed(rates("1", CHANGE), rates("3"))
    run = pod(2 * 3600, pricing=eci("ecs.c6.large", **{"spot-strategy": "SpotAsPriceGo"}))
    (charged,) = billing.charges(run, None, market, UTC, NOON + DAY)

    assert [(m.quantity, m.unit_price) for m in charged.meters] == [(D(3600), D(1)), (D(3600), D(3))]
    assert [at for _, at in market.lookups] == [NOON, NOON + HOUR]


def test_a_day_with_a_stretch_of_no_price_has_no_amount_and_others_do() -> None:
    """A partial price would be wrong."""
    unknown = Rates("b", "", "USD", missing="no_spot_price")
    days = billing.charges(
        pod(2 * DAY // 1000), None, Fixed(rates("1", NOON + 13 * HOUR), unknown), UTC, NOON + 9 * DAY
    )

    assert [(c.cost, c.rule, c.rounded_cost) for c in days] == [
        (D(43200), "r1", None), (None, "no_spot_price", None), (None, "no_spot_price", None),
    ]  # fmt: skip


def test_a_missing_list_price_is_unknown() -> None:
    """It is neither the paid price nor 0."""
    unlisted = Rates("b", "r", "USD", (Rate("vcpu", "vCPU-Seconds", Decimal(1)),))
    (one,) = billing.charges(pod(1), None, Fixed(unlisted), UTC, NOON + DAY)
    (both,) = billing.charges(pod(3600), None, Fixed(rates("1", CHANGE), unlisted), UTC, NOON + DAY)

    assert (one.cost, one.list_cost, both.list_cost) == (D(2), None, None)


def test_written_days_around_a_changed_price_are_written_as_zero() -> None:
    """Each with the book of the nearest stretch."""
    today = NOON // DAY
    written = WrittenCharges(1, today - 1, today + 1)
    charged = billing.charges(pod(3600), None, Fixed(rates("1", CHANGE), rates("3")), UTC, NOON + DAY, written=written)

    assert [(c.cost, c.rule) for c in charged] == [(D(0), "r1"), (D(8800), "r1; r3"), (D(0), "r3")]


@pytest.mark.parametrize(
    ("seconds", "exact", "billed"),
    [(40, "0.0049008", "0"), (41, "0.00502332", "0.01"), (3600, "0.441072", "0.44")],
)
def test_the_mainland_site_bills_an_instance_to_the_cent(seconds: int, exact: str, billed: str) -> None:
    """Oracle 7.7: half a cent is rounded up, less is rounded to 0; the exact cost is a separate figure."""
    (charged,) = billing.charges(pod(seconds), None, shipped().in_currency("CNY"), UTC, NOON + DAY)

    assert (charged.cost, charged.rounded_cost, charged.currency) == (Decimal(exact), Decimal(billed), "CNY")


def test_a_bill_over_midnight_is_rounded_once_and_never_below_nothing() -> None:
    """Earlier days are rounded down, the last takes what is left of the instance's rounding."""
    begin = at("2026-11-22T23:59:20")
    days = billing.charges(pod(80, begin), None, shipped().in_currency("CNY"), UTC, begin + DAY)

    assert [(c.billed_seconds, c.cost, c.rounded_cost) for c in days] == [
        (40, Decimal("0.0049008"), Decimal(0)), (40, Decimal("0.0049008"), Decimal("0.01")),
    ]  # fmt: skip


def test_a_day_that_is_written_as_zero_takes_no_rounding() -> None:
    """The remainder falls on the last day with a cost."""
    today = NOON // DAY
    days = billing.charges(
        pod(3600), None, shipped().in_currency("CNY"), UTC, NOON + DAY, written=WrittenCharges(1, today, today + 1)
    )

    assert [c.rounded_cost for c in days] == [Decimal("0.44"), Decimal(0)]


def test_the_least_time_falls_in_the_last_day() -> None:
    """Fargate bills a minute: a pod of 30 s that midnight cuts has 10 s and 50."""
    begin = at("2026-11-22T23:59:50")
    marks = {"CapacityProvisioned": "0.25vCPU 0.5GB"}
    days = charge(pod(30, begin, pricing=marks, region="us-east-1", node_name="fargate-1"))

    assert [c.billed_seconds for c in days] == [10, 50]
    minute = (Decimal("0.25") * Decimal("0.04048") + Decimal("0.5") * Decimal("0.004445")) / 60
    assert abs(sum(c.cost or 0 for c in days) - minute) < Decimal("1e-17")


def test_the_least_time_is_no_reason_for_another_day() -> None:
    """A pod that ended before midnight is billed on its own day."""
    begin = at("2026-11-22T23:59:20")
    marks = {"CapacityProvisioned": "0.25vCPU 0.5GB"}
    days = charge(pod(30, begin, pricing=marks, region="us-east-1", node_name="fargate-1"))

    assert [(c.billed_seconds, c.confidence) for c in days] == [(60, "high")]


# Charges written again.


def test_a_charge_written_again_has_a_higher_version() -> None:
    """A pod that runs on is charged hourly under one key: the later row must stay."""
    first = only(pod(finished_at=None), until=NOON + HOUR)
    written = WrittenCharges(first.version, first.day, first.day)
    second = only(pod(finished_at=None), until=NOON + 2 * HOUR, written=written)

    assert second.version == first.version + 1


def test_the_version_of_a_charge_is_the_newest_of_its_inputs() -> None:
    """A later observation of the workflow may change the class."""
    versions = [only(pod(), payer=a_payer(version=version(v))).version for v in (1, 500)]

    assert versions == [version(100), version(500)]


def test_written_days_without_seconds_are_written_as_zero() -> None:
    """A pod that accrued past midnight may turn out to have ended before it."""
    today = (NOON // DAY) - 1
    charged = charge(pod(3600), written=WrittenCharges(1, today, today + 2))

    assert [(c.day - today, c.billed_seconds, c.cost) for c in charged] == [
        (0, 0, 0),
        (1, 3600, Decimal("0.069264")),
        (2, 0, 0),
    ]


def test_a_running_pods_charge_accrues() -> None:
    """Final once it has an end."""
    assert [only(pod(finished_at=end), until=NOON + HOUR).status for end in (None, NOON + HOUR)] == [
        "accruing",
        "final",
    ]


def test_an_unobserved_end_has_low_confidence() -> None:
    """The end is at some time before the list without the pod."""
    assert only(pod(reason="vanished")).confidence == "low"


# Class and payer.


@pytest.mark.parametrize(
    ("run", "payer", "expected"),
    [
        ({}, None, "unknown"),
        ({}, {}, "useful"),
        ({}, {"finished": True, "outcome": "succeeded"}, "useful"),
        ({}, {"finished": True, "outcome": "failed"}, "failed"),
        ({}, {"finished": True, "outcome": "platform"}, "failed"),
        ({}, {"finished": True, "outcome": "unknown"}, "unknown"),
        ({"phase": "Failed"}, {"outcome": "unknown"}, "unknown"),
        ({"phase": "Failed"}, {"attempt": 2, "outcome": "unknown"}, "retried"),
        ({}, {"finished": True, "outcome": "cancelled"}, "cancelled"),
        ({"phase": "Failed"}, {"attempt": 2}, "retried"),
        ({"phase": "Succeeded"}, {"attempt": 2, "finished": True, "outcome": "succeeded"}, "useful"),
        (
            {"node_id": "n-0"},
            {"retried_nodes": frozenset({"n-0"}), "finished": True, "outcome": "succeeded"},
            "retried",
        ),
        ({"node_id": "n-1"}, {"retried_nodes": frozenset({"n-0"})}, "useful"),
        ({"step": "w1.onExit"}, {"attempt": 2, "finished": True, "outcome": "succeeded"}, "retried"),
        ({"step": "w1.onExit[0].notify"}, {"attempt": 3}, "retried"),
        ({"step": "w1.onExit.notify"}, {"attempt": 2}, "retried"),
        ({"step": "w1.onExit(0)"}, {"attempt": 2}, "retried"),
        ({"step": "w1.onExitPoll"}, {"attempt": 2}, "useful"),
        ({"step": "w1[0].load.onExit"}, {"attempt": 2}, "useful"),
        ({"step": "w1.onExit"}, {"finished": True, "outcome": "succeeded"}, "useful"),
        ({"node_id": "n-2"}, {"attempt": 2, "repeated": {"n-2": 2}}, "retried"),
        ({"node_id": "n-2", "attempt": 2}, {"attempt": 3, "repeated": {"n-2": 2}}, "useful"),
        ({"reason": "SpotReleased"}, {"attempt": 2}, "reclaimed"),
        ({"reason": "BidExpired"}, None, "reclaimed"),
    ],
)
def test_a_charge_has_the_first_class_that_holds(
    run: dict[str, Any], payer: dict[str, Any] | None, expected: str
) -> None:
    """Reclaimed, retried, cancelled, unknown, failed, useful; provisional until the attempt ends."""
    assert class_of(a_pod_run(**run), None if payer is None else a_payer(**payer)) == expected


def test_a_charge_is_paid_by_its_workflows_department() -> None:
    """Without its workflow it is unallocated, a figure of its own."""
    known = only(pod(), payer=a_payer(department="maps", project="tiles", creator="wei", template="render"))
    unknown = only(pod())

    assert (known.department, known.project, known.creator, known.template) == ("maps", "tiles", "wei", "render")
    assert (unknown.department, unknown.project, unknown.creator, unknown.template) == ("unallocated", "", "", "")


def test_rates_without_meters_cost_0_only_if_nothing_is_missing() -> None:
    """`missing` decides, not the number of rates."""
    free = billing.charges(pod(), None, Fixed(Rates("b", "r", "USD")), UTC, NOON + DAY)

    assert [(c.cost, c.list_cost, c.confidence) for c in free] == [(Decimal(0), Decimal(0), "high")]


def test_the_day_is_counted_from_1970() -> None:
    """As ClickHouse's Date counts."""
    assert only(pod()).day == (datetime(2026, 11, 22, tzinfo=UTC).date() - billing.EPOCH_DAY).days


def test_a_spot_pod_of_autopilot_has_a_price() -> None:
    """The node's label marks it; its list price is that on demand."""
    marks = {"node:cloud.google.com/gke-spot": "true"}
    found = only(pod(pricing=marks, node_name="gk3-prod-1", region="us-central1"))

    assert (found.purchase, found.cost, found.list_cost) == ("spot", Decimal("0.0325068"), Decimal("0.10869"))
