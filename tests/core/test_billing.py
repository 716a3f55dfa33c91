"""What a pod cost: the provider's own numbers, who bills it, and what it was spent on."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from collector.core import billing
from collector.core.billing import Rates, Spec, billed_interval, class_of
from collector.core.model import PodRun
from collector.core.pod_life import Told
from tests.builders import (
    ACS_2C8G,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_life,
    a_pod_run,
    at,
    version,
)
from tests.core.charged import ACS, UTC, acs, charge, eci, only, pod

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
def test_the_providers_examples_come_out(pricing: dict[str, str], seconds: int, region: str, expected: str) -> None:
    """Oracles 7.1, 7.2, 7.4, 7.8 and 7.8b of the field notes, to the last digit."""
    assert only(pod(seconds, pricing=pricing, region=region)).cost == Decimal(expected)


def test_each_meter_is_a_line_of_its_own() -> None:
    """A reader can multiply: quantity times unit price is the line's cost, lines sum to the charge's."""
    charged = only(pod(3600))

    assert [(m.meter, m.quantity, m.unit, m.unit_price, m.cost) for m in charged.meters] == [
        ("vcpu", Decimal(7200), "vCPU-Seconds", Decimal("0.0000077"), Decimal("0.05544")),
        ("memory", Decimal(14400), "GiB-Seconds", Decimal("0.00000096"), Decimal("0.013824")),
    ]


def test_a_charge_says_what_it_rests_on() -> None:
    """Book, rule, spec and interval go with every amount."""
    charged = only(pod(90))

    assert (charged.price_book, charged.currency, charged.rule) == (
        "alibaba-eci@2026.11.1",
        "USD",
        "*/general/on_demand",
    )
    assert (charged.billed_from, charged.billed_to, charged.billed_seconds) == (NOON, NOON + 90 * SECOND, 90)
    assert (charged.billed_vcpu, charged.billed_memory_gib, charged.spec_source) == (
        Decimal(2),
        Decimal(4),
        "annotation",
    )
    assert (charged.status, charged.confidence, charged.entry, charged.run) == ("final", "high", 0, 1)


# What is billed.


def test_a_second_begun_is_a_second_billed() -> None:
    """Whole seconds, rounded up."""
    assert only(pod(pending=0, finished_at=NOON + 1)).billed_seconds == 1


def test_pulling_an_image_is_billed() -> None:
    """ECI bills from the instance's creation, so a pod that never starts costs all the same, all of it pending."""
    charged = only(pod(main_started_at=None, finished_at=None), until=NOON + 10 * MINUTE)

    assert (charged.cost, charged.cost_pending, charged.status) == (
        Decimal("0.011544"),
        Decimal("0.011544"),
        "accruing",
    )


def test_the_time_before_main_started_is_told_apart() -> None:
    """It is waste that somebody can shorten."""
    charged = only(pod(3600, pending=60))

    assert charged.cost_pending == Decimal("0.0011544")


@pytest.mark.parametrize(
    "instants",
    [
        {"instance_created_at": None, "scheduled_at": NOON + SECOND},
        {"instance_created_at": None, "scheduled_at": None, "main_started_at": NOON + SECOND},
    ],
)
def test_without_the_clouds_word_the_next_best_instant_begins_the_bill(instants: dict[str, Any]) -> None:
    """Bound to its node, or main's start."""
    interval = billed_interval(a_pod_run(**instants), NOON)

    assert interval is not None
    assert interval.begin == NOON + SECOND


@pytest.mark.parametrize(
    "run",
    [
        a_pod_run(instance_created_at=None, scheduled_at=None, main_started_at=None),
        a_pod_run(instance_created_at=None, main_started_at=None, pricing={}),
    ],
    ids=["no node took it", "the virtual node found no stock"],
)
def test_a_pod_that_got_no_instance_has_no_charge(run: PodRun) -> None:
    """Providers bill no instance that could not be made, however long it was asked for."""
    assert charge(run) == []


def test_a_scheduled_pod_on_a_real_node_is_there() -> None:
    """A node of one's own has it from then on."""
    run = a_pod_run(instance_created_at=None, main_started_at=None, pricing={}, node_name="n1")

    assert [c.product for c in charge(run)] == ["plain-node"]


@pytest.mark.parametrize(
    "run",
    [
        pod(finished_at=NOON - HOUR),
        pod(finished_at=NOON - 20 * 365 * DAY),
        pod(main_started_at=NOON - 20 * 365 * DAY, finished_at=NOON),
        pod(finished_at=NOON, main_started_at=NOON + 365 * DAY),
    ],
)
def test_absurd_instants_cost_nothing(run: PodRun) -> None:
    """An end before the beginning bills no second, and gives nothing back."""
    charged = only(run)

    assert (charged.cost, charged.cost_pending, charged.billed_seconds) == (Decimal(0), Decimal(0), 0)


# Who bills it, and how much of it.


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pricing": eci("2-4Gi")}, Spec("alibaba-eci", "on_demand", "general", "r", Decimal(2), Decimal(4))),
        (
            {"pricing": eci("0.25-0.5Gi", **{"instance-compute-category": "economy"})},
            Spec("alibaba-eci", "on_demand", "economy", "r", Decimal("0.25"), Decimal("0.5")),
        ),
        (
            {"pricing": eci("ecs.c6.large", **{"spot-strategy": "SpotAsPriceGo"})},
            Spec("alibaba-eci", "spot", "general", "r", instance_type="ecs.c6.large"),
        ),
        (
            {"pricing": eci("2-4Gi", **{"spot-strategy": "NoSpot"})},
            Spec("alibaba-eci", "on_demand", "general", "r", Decimal(2), Decimal(4)),
        ),
        (
            {"pricing": {}, "node_name": "virtual-kubelet-x"},
            Spec("alibaba-eci", "on_demand", "general", "r", source="none", missing="no_spec"),
        ),
        (
            {"pricing": {"node:type": "virtual-kubelet"}, "node_name": "x"},
            Spec("alibaba-eci", "on_demand", "general", "r", source="none", missing="no_spec"),
        ),
        (
            {"pricing": acs("performance", "best-effort")},
            Spec("alibaba-acs", "best_effort", "performance", "r", Decimal(2), Decimal(8)),
        ),
        ({"pricing": ACS_2C8G}, Spec("alibaba-acs", "on_demand", "general-purpose", "r", Decimal(2), Decimal(8))),
        (
            {"pricing": {ACS + "acs": "true"}},
            Spec("alibaba-acs", "on_demand", "general-purpose", "r", source="none", missing="no_spec"),
        ),
        (
            {"pricing": {"node:node.kubernetes.io/instance-type": "ecs.c7.large"}, "node_name": "n1"},
            Spec(
                "plain-node", "on_demand", "", "r", instance_type="ecs.c7.large", source="node", missing="no_price_book"
            ),
        ),
    ],
)
def test_the_provider_says_what_is_billed(changes: dict[str, Any], expected: Spec) -> None:
    """By its marks on the pod, ACS before ECI since both run on virtual nodes; requests bill nothing."""
    assert billing.spec_of(a_pod_run(region="r", **changes)) == expected


@pytest.mark.parametrize(
    ("otherwise", "node", "product"),
    [
        ("alibaba-acs", "n1", "alibaba-acs"),
        ("alibaba-eci", "n1", "alibaba-eci"),
        ("", "n1", "plain-node"),
        ("alibaba-acs", "virtual-kubelet-x", "alibaba-eci"),
        ("plain-node", "n1", "plain-node"),
    ],
)
def test_a_pod_without_marks_is_billed_by_what_its_cluster_runs_on(otherwise: str, node: str, product: str) -> None:
    """The settings say it; a mark says it better."""
    assert billing.spec_of(a_pod_run(pricing={}, node_name=node), otherwise).product == product


@pytest.mark.parametrize(
    "text",
    [
        "2-4",
        "2.0-4.0gi",
        "-4Gi",
        "2-Gi",
        "2 - 4Gi",
        "２-４Gi",
        "ecs.",
        "ecs.C6.LARGE",
        "NaN-4Gi",
        "1e3-4Gi",
        "0-0Gi",
        "2-0Gi",
    ],
)
def test_a_spec_of_another_form_has_no_price(text: str) -> None:
    """What nobody understands costs an unknown amount, not nothing."""
    charged = only(pod(pricing=eci(text)))

    assert (charged.cost, charged.rule, charged.spec_source) == (None, "malformed_spec", "none")


@pytest.mark.parametrize(
    ("pricing", "why"),
    [
        ({}, "no_spec"),
        (eci("two"), "malformed_spec"),
        (eci("ecs.c6.large", **{"spot-strategy": "SpotWithPriceLimit"}), "no_spot_price"),
        (eci("ecs.g8.large"), "no_on_demand_price"),
        (acs("gpu"), "no_on_demand_price"),
    ],
)
def test_what_has_no_price_says_why_and_has_no_amount(pricing: dict[str, str], why: str) -> None:
    """Unknown is never 0."""
    charged = only(pod(pricing=pricing))

    assert (charged.cost, charged.cost_pending, charged.list_cost, charged.rounded_cost) == (None, None, None, None)
    assert (charged.rule, charged.confidence, charged.meters) == (why, "unpriced", ())


def test_a_product_without_a_book_says_so() -> None:
    """A plain node has a price that nobody told us."""
    charged = only(pod(pricing={}, node_name="n1"))

    assert (charged.cost, charged.rule, charged.currency) == (None, "no_price_book", "USD")


def test_a_price_before_the_books_first_day_is_unknown() -> None:
    """Prices hold from a day on."""
    charged = only(pod(begin=at("2020-01-01T00:00:00")))

    assert (charged.cost, charged.rule) == (None, "no_on_demand_price")


# Charges told again.


def test_a_charge_told_again_goes_above_the_one_before() -> None:
    """A pod that runs on is charged hourly under one key: the later row must stay."""
    first = only(pod(finished_at=None), until=NOON + HOUR)
    told = Told(first.version, first.day, first.day)
    second = only(pod(finished_at=None), until=NOON + 2 * HOUR, told=told)

    assert second.version == first.version + 1


def test_the_version_of_a_charge_is_the_newest_of_what_it_rests_on() -> None:
    """A later sight of the workflow may change its class."""
    versions = [only(pod(), life=a_life(version=version(v))).version for v in (1, 500)]

    assert versions == [version(100), version(500)]


def test_days_that_were_told_and_have_nothing_left_are_told_as_nothing() -> None:
    """A pod that accrued past midnight may turn out to have ended before it."""
    today = (NOON // DAY) - 1
    charged = charge(pod(3600), told=Told(1, today, today + 2))

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


def test_an_end_that_nobody_saw_is_of_low_confidence() -> None:
    """It lies somewhere before the list that lacked the pod."""
    assert only(pod(reason="vanished")).confidence == "low"


# What it was spent on.


@pytest.mark.parametrize(
    ("run", "life", "expected"),
    [
        ({}, None, "useful"),
        ({}, {}, "useful"),
        ({}, {"finished": True, "outcome": "succeeded"}, "useful"),
        ({}, {"finished": True, "outcome": "failed"}, "failed"),
        ({}, {"finished": True, "outcome": "platform"}, "failed"),
        ({}, {"finished": True, "outcome": "unknown"}, "failed"),
        ({}, {"finished": True, "outcome": "cancelled"}, "cancelled"),
        ({"phase": "Failed"}, {"attempt": 2}, "retried"),
        ({"phase": "Succeeded"}, {"attempt": 2, "finished": True, "outcome": "succeeded"}, "useful"),
        (
            {"node_id": "n-0"},
            {"retried_nodes": frozenset({"n-0"}), "finished": True, "outcome": "succeeded"},
            "retried",
        ),
        ({"node_id": "n-1"}, {"retried_nodes": frozenset({"n-0"})}, "useful"),
        ({"reason": "SpotReleased"}, {"attempt": 2}, "reclaimed"),
        ({"reason": "BidExpired"}, None, "reclaimed"),
    ],
)
def test_a_charge_has_the_first_class_that_holds(
    run: dict[str, Any], life: dict[str, Any] | None, expected: str
) -> None:
    """Reclaimed, retried, cancelled, failed, useful; provisional until the attempt ends."""
    assert class_of(a_pod_run(**run), None if life is None else a_life(**life)) == expected


def test_a_charge_is_paid_by_its_workflows_department() -> None:
    """Without its workflow it is unallocated, a figure of its own."""
    known = only(pod(), life=a_life(department="maps", project="tiles", creator="wei", template="render"))
    unknown = only(pod())

    assert (known.department, known.project, known.creator, known.template) == ("maps", "tiles", "wei", "render")
    assert (unknown.department, unknown.project, unknown.creator, unknown.template) == ("unallocated", "", "", "")


def test_a_look_up_without_rates_costs_nothing_only_if_it_says_so() -> None:
    """`missing` decides, not the number of rates."""
    free = billing.charges(pod(), None, lambda _spec, _at: Rates("b", "r", "USD"), UTC, NOON)

    assert [(c.cost, c.confidence) for c in free] == [(Decimal(0), "high")]


def test_the_day_is_counted_from_1970() -> None:
    """As ClickHouse's Date counts."""
    assert only(pod()).day == (datetime(2026, 11, 22, tzinfo=UTC).date() - billing.EPOCH_DAY).days
