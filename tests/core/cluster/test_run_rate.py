"""What runs now costs an hour."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.core.cluster.run_rate import RunRate, sum_by_currency
from collector.core.facts.bills import PodRun
from collector.core.live_view import HourlyCost
from collector.core.model import PodStage
from collector.core.pod.state import PodState
from tests.builders import HOUR, MINUTE, NOON, a_pod_run
from tests.core.cost.charged import acs, only, shipped
from tests.slices import whole


def hourly(
    cluster: str, product: str, currency: str, per_hour: Decimal | None, *, pods: int, unpriced: int
) -> HourlyCost:
    return HourlyCost(
        cluster=cluster, product=product, currency=currency, per_hour=per_hour, pods=pods, unpriced_pods=unpriced
    )


def living(uid: str = "p1", stage: PodStage = "running", **changes: Any) -> PodState:
    """A pod that is not at its end."""
    return PodState(a_pod_run(**{"uid": uid, "finished_at": None, "exit_code": None, **changes}), stage, NOON, True)


def burn(*pods: PodState, at: int = NOON + MINUTE) -> list[HourlyCost]:
    """What they cost an hour."""
    return whole(RunRate("c1", shipped()).now(pods, at))


def test_an_hour_of_a_pod_is_what_an_hour_is_billed_at() -> None:
    """2 vCPU and 4 GiB on ECI cost 0.069264 an hour, by Alibaba's own example."""
    assert burn(living()) == [hourly("c1", "alibaba-eci", "USD", Decimal("0.069264"), pods=1, unpriced=0)]


@given(st.lists(st.sampled_from(["1.0-2.0Gi", "2.0-4.0Gi", "8.0-64.0Gi"]), min_size=1, max_size=8))
def test_pods_of_one_product_sum_exactly(sizes: list[str]) -> None:
    """An hour of all is the sum of an hour of each, to the last digit."""
    marks = [{**a_pod_run().pricing, "k8s.aliyun.com/eci-instance-spec": size} for size in sizes]
    runs: list[PodRun] = [a_pod_run(pricing=mark, main_started_at=NOON, finished_at=NOON + HOUR) for mark in marks]

    [burning] = burn(*(living(str(i), pricing=mark) for i, mark in enumerate(marks)))

    assert burning.per_hour == sum(only(run).cost or 0 for run in runs)
    assert burning.pods == len(sizes)


def test_products_are_reported_apart_and_what_ended_costs_nothing() -> None:
    """One row a product; a finished pod is in none, and a pod without an instance is not billed yet."""
    waiting = living("w", "starting", instance_created_at=None, main_started_at=None, scheduled_at=None, pricing={})
    rows = burn(living(), living("a", pricing=acs()), living("e", "finished"), waiting)

    assert [(row.product, row.pods) for row in rows] == [("alibaba-acs", 1), ("alibaba-eci", 1)]


def test_a_pod_without_a_price_is_counted_and_not_added() -> None:
    """Unknown is never 0: where no pod has a price there is no amount."""
    unknown = living("u", pricing={**a_pod_run().pricing, "k8s.aliyun.com/eci-instance-spec": "ecs.unheard.large"})

    assert burn(unknown)[0].per_hour is None
    assert burn(unknown, living())[0] == hourly("c1", "alibaba-eci", "USD", Decimal("0.069264"), pods=2, unpriced=1)


def test_a_pod_that_its_provider_gave_up_is_not_billed_any_more() -> None:
    """ECI ends a pod that does not start after four hours, and its bill."""
    stuck = living(stage="starting", main_started_at=None)

    assert len(burn(stuck, at=NOON + HOUR)) == 1
    assert burn(stuck, at=NOON + 5 * HOUR) == []


def test_a_pod_is_read_again_when_it_changes() -> None:
    """The size may be known late; a new version shows it."""
    pods, meter = [living()], RunRate("c1", shipped())
    first = whole(meter.now(pods, NOON + MINUTE))
    assert whole(meter.now(pods, NOON + 2 * MINUTE)) == first

    larger = {**a_pod_run().pricing, "k8s.aliyun.com/eci-instance-spec": "4.0-8.0Gi"}
    again = whole(meter.now([living(pricing=larger, version=1)], NOON + 3 * MINUTE))

    assert again[0].per_hour == 2 * (first[0].per_hour or 0)


def test_currencies_are_never_added_up() -> None:
    """Clusters and products of one currency are; what has no amount adds only its pods."""
    rows = [
        hourly("a", "x", "USD", Decimal("1.5"), pods=2, unpriced=0), hourly("b", "y", "USD", None, pods=1, unpriced=1),
        hourly("b", "x", "USD", Decimal(1), pods=1, unpriced=0), hourly("a", "x", "CNY", None, pods=3, unpriced=3),
    ]  # fmt: skip

    assert sum_by_currency(rows) == [
        hourly("", "", "CNY", None, pods=3, unpriced=3),
        hourly("", "", "USD", Decimal("2.5"), pods=4, unpriced=1),
    ]
