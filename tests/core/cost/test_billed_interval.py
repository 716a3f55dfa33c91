"""From when to when a pod is billed, by its product's rule."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.cost.billed_interval import EARLIEST, Interval, billed_interval
from collector.core.cost.product import Begin, IntervalRule
from collector.core.facts.bills import PodRun
from tests.builders import DAY, ECI_2C4G, HOUR, MINUTE, NOON, SECOND, a_pod_run
from tests.core.cost.charged import charge, eci, only, pod, shipped

NEVER: dict[str, Any] = {"instance_created_at": None, "scheduled_at": None, "main_started_at": None}
LIMIT = "k8s.aliyun.com/eci-max-pending-minute"


def interval(product: str = "alibaba-eci", until: int = NOON + 10 * DAY, **changes: Any) -> Interval:
    """The billed interval of a pod that ran for an hour from noon."""
    found = billed_interval(pod(**changes), shipped().products[product].interval, until)
    assert found is not None
    return found


# How it begins.


def test_a_second_begun_is_a_second_billed() -> None:
    """Whole seconds, rounded up."""
    assert interval(finished_at=NOON + 1).seconds == 1


def test_pulling_an_image_is_billed_from_the_instances_creation() -> None:
    """The seconds before main are part of the bill."""
    found = interval(pending=60)

    assert (found.begin, found.seconds, found.pending_seconds, found.confidence) == (NOON, 3600, 60, "high")


@pytest.mark.parametrize(
    "instants",
    [
        {"instance_created_at": None, "scheduled_at": NOON + SECOND, "main_started_at": NOON + MINUTE},
        {"instance_created_at": None, "scheduled_at": None, "main_started_at": NOON + SECOND},
    ],
)
def test_without_the_clouds_word_the_next_best_instant_begins_the_bill(instants: dict[str, Any]) -> None:
    """The binding to its node, or main's start; on ECI the bill uses neither."""
    found = interval(**instants)

    assert (found.begin, found.confidence) == (NOON + SECOND, "low")


def test_where_a_pod_is_bound_to_a_machine_of_its_own_that_begins_the_bill() -> None:
    """Fargate, Autopilot and plain nodes exist when the pod is bound, so this instant is exact."""
    found = [interval(p, scheduled_at=NOON - SECOND) for p in ("aws-fargate-eks", "gke-autopilot", "plain-node")]

    assert [(f.begin, f.confidence) for f in found] == [(NOON - SECOND, "high")] * 3


def test_a_pod_of_which_only_the_end_is_known_is_billed_from_its_creation() -> None:
    """A container ended, so it had run; with low confidence."""
    found = interval(**NEVER, exit_code=1)

    assert (found.begin, found.seconds, found.confidence) == (NOON, 3600, "low")


@pytest.mark.parametrize(
    "run",
    [
        a_pod_run(**NEVER, exit_code=None),
        a_pod_run(**NEVER, finished_at=None),
        a_pod_run(instance_created_at=None, main_started_at=None, pricing={}, exit_code=None),
    ],
    ids=["no node took it", "not yet", "the virtual node found no stock"],
)
def test_a_pod_that_got_no_instance_has_no_charge(run: PodRun) -> None:
    """Providers do not bill an instance that could not be created, however long the pod waited."""
    assert charge(run) == []


def test_the_id_of_an_instance_of_acs_proves_it() -> None:
    """Such a pod is billed although nothing of it ever ran."""
    requested = {"alibabacloud.com/acs": "true"}
    runs = [
        a_pod_run(instance_created_at=None, main_started_at=None, exit_code=None, pricing=marks)
        for marks in (requested, requested | {"alibabacloud.com/instance-id": "acs-1"})
    ]

    assert [[c.product for c in charge(run)] for run in runs] == [[], ["alibaba-acs"]]


def test_a_scheduled_pod_on_a_real_node_is_there() -> None:
    """On a plain node the pod has its instance from then on."""
    run = a_pod_run(instance_created_at=None, main_started_at=None, pricing={}, node_name="n1")

    assert [c.product for c in charge(run)] == ["plain-node"]


def test_a_rewritten_creation_does_not_shorten_the_bill() -> None:
    """A container runs inside an instance, so main's start an hour earlier is the better evidence."""
    found = interval(instance_created_at=NOON + HOUR, main_started_at=NOON, finished_at=NOON + 2 * HOUR)

    assert (found.begin, found.seconds, found.confidence) == (NOON, 7200, "low")


@pytest.mark.parametrize("late_s", [1, 4, 59, 61])
@pytest.mark.parametrize("product", sorted(shipped().products))
def test_main_is_billed_from_its_start_by_every_rule(product: str, late_s: int) -> None:
    """A creation or a binding that is written again after the start, even after the end, bills all of main's run."""
    late = NOON + late_s * SECOND
    found = interval(
        product, instance_created_at=late, scheduled_at=late, main_started_at=NOON, finished_at=NOON + 3 * SECOND
    )

    assert (found.begin, found.ran_seconds, found.pending_seconds, found.confidence) == (NOON, 3, 0, "low")


# What cannot be.


@pytest.mark.parametrize("absurd", [0, 1, EARLIEST - 1, NOON - 2 * DAY, NOON + 3650 * DAY])
def test_an_absurd_beginning_gives_way_to_the_next_best(absurd: int) -> None:
    """1970, long before the pod's creation, ten years ahead: none may cause a 56-year bill."""
    found = interval(instance_created_at=absurd)

    assert (found.begin, found.seconds, found.confidence) == (NOON, 3600, "low")


def test_without_any_beginning_that_can_be_there_is_no_amount() -> None:
    """A flagged row on the day of the pod's creation."""
    found = interval(instance_created_at=0, scheduled_at=0, main_started_at=0)

    assert (found.missing, found.begin, found.seconds) == ("absurd_begin", NOON, 0)


def test_a_pod_created_in_1970_is_billed_by_its_other_instants() -> None:
    """It is booked today if no instant is known."""
    assert interval(created_at=0).begin == NOON
    lost = interval(created_at=0, instance_created_at=0, scheduled_at=0, main_started_at=0, until=NOON + DAY)
    assert (lost.begin, lost.missing) == (NOON + DAY, "absurd_begin")


@pytest.mark.parametrize("end", [0, NOON - HOUR, NOON + 3650 * DAY])
def test_an_absurd_end_has_no_amount(end: int) -> None:
    """The cost is unknown, neither 0 nor that of ten years."""
    charged = only(pod(finished_at=end), until=NOON + DAY)

    assert (charged.cost, charged.rule, charged.billed_seconds) == (None, "absurd_end", 0)


@pytest.mark.parametrize(("end", "confidence"), [(NOON, "high"), (NOON - SECOND, "low"), (NOON - MINUTE, "low")])
def test_clocks_that_disagree_a_little_bill_nothing(end: int, confidence: str) -> None:
    """An end shortly before the begin gives 0 seconds and no negative amount."""
    found = interval(finished_at=end)

    assert (found.seconds, found.missing, found.confidence) == (0, "", confidence)


def test_a_start_of_main_that_cannot_be_leaves_no_pending_beyond_the_end() -> None:
    """Pending lies inside the bill."""
    assert interval(finished_at=NOON, main_started_at=NOON + 365 * DAY).pending_seconds == 0


def test_an_end_that_nobody_saw_is_of_low_confidence() -> None:
    """The end is at some time before the list without the pod."""
    assert interval(reason="vanished").confidence == "low"


# How it ends.


def test_a_pod_that_runs_is_billed_until_now() -> None:
    """Before its begin nothing is billed."""
    found = [interval(finished_at=None, until=NOON + s) for s in (90 * SECOND, -90 * SECOND)]

    assert [f.seconds for f in found] == [90, 0]


@pytest.mark.parametrize(
    ("text", "hours", "confidence"),
    [(None, 4, "low"), ("10", 1 / 6, "low"), ("1440", 9, "high"), ("9", 4, "low"), ("1441", 4, "low"), ("soon", 4, "low"),
     ("１０", 4, "low"), ("", 4, "low")],
)  # fmt: skip
def test_a_pod_that_never_starts_is_given_up_after_four_hours(text: str | None, hours: float, confidence: str) -> None:
    """Or after the minutes of its annotation, of 10 to 1440; its bill ends there."""
    marks = ECI_2C4G | ({} if text is None else {LIMIT: text})
    found = interval(main_started_at=None, finished_at=NOON + 9 * HOUR, pricing=marks)

    assert (found.seconds, found.pending_seconds, found.confidence) == (hours * 3600, hours * 3600, confidence)


def test_a_stuck_pod_costs_as_much_as_four_hours() -> None:
    """The notes' worst case: 0.277 for 2 vCPU and 4 GiB."""
    assert str(only(pod(main_started_at=None, finished_at=None)).cost).startswith("0.277056")


def test_a_pod_that_started_was_not_given_up() -> None:
    """An init container stops that clock."""
    assert interval(pending=5 * 3600, seconds=6 * 3600).seconds == 6 * 3600


def test_a_malformed_limit_is_named() -> None:
    """It is counted as a doubt."""
    assert interval(pricing=eci("2-4Gi", **{"max-pending-minute": "x"})).doubt == "malformed_limit"


@pytest.mark.parametrize(
    ("price_class", "seconds", "billed"),
    [("general-purpose", 1, 60), ("general-purpose", 60, 60), ("general-purpose", 61, 61), ("own", 61, 300)],
)
def test_fargate_bills_a_minute_at_least(price_class: str, seconds: int, billed: int) -> None:
    """A class of your own book may have another minimum."""
    rule = msgspec.structs.replace(shipped().products["aws-fargate-eks"].interval, minimum_by_class={"own": 300})
    found = billed_interval(pod(seconds), rule, NOON + DAY, price_class)

    assert found is not None
    assert (found.seconds, found.ran_seconds) == (billed, seconds)


TIMES = st.one_of(st.none(), st.integers(0, 2 * NOON), st.integers(NOON - 2 * DAY, NOON + 2 * DAY))


@given(
    created=TIMES, bound=TIMES, main=TIMES, end=TIMES, code=st.sampled_from([None, 0]), least=st.sampled_from([0, 60])
)
def test_no_interval_is_negative_or_absurd(
    created: int | None, bound: int | None, main: int | None, end: int | None, code: int | None, least: int
) -> None:
    """Whatever the instants are: pending is inside, and no interval is longer than the pod can have existed."""
    rule = IntervalRule(
        (Begin("instance_created"), Begin("scheduled", "low"), Begin("main_started", "low")), minimum_s=least
    )
    run = a_pod_run(
        instance_created_at=created, scheduled_at=bound, main_started_at=main, finished_at=end, exit_code=code
    )
    found = billed_interval(run, rule, NOON + DAY)

    if found is not None and main and end and NOON - DAY <= main <= end <= NOON and found.missing == "":
        assert found.begin <= main, "main's own run is billed"
        assert end <= found.begin + found.seconds * 1000
    if found is not None:
        assert 0 <= found.pending_seconds <= found.ran_seconds <= max(found.seconds, 0)
        assert found.seconds <= 3 * DAY // 1000
        assert NOON - DAY <= found.begin <= NOON + 2 * DAY
