"""Spot, best effort and sizes: charges in the real engine, counted by hand."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.facts.bills import Meter
from collector.core.model import Fact
from collector.reports.beyond_request import BilledSizes, beyond_request
from collector.reports.report import Query
from collector.reports.savings import _memoized
from collector.reports.spot_savings import spot_savings
from tests.builders import DAY
from tests.core.cost.charged import acs, shipped
from tests.examples import examples
from tests.reports.engine import holding
from tests.reports.stored import a_step_run
from tests.reports.test_past_pods import CHOSEN, WINDOW, a_past_pod, charged

GIB = 2**30
SPOT: dict[str, Any] = {"purchase": "spot", "list_cost": Decimal(10)}
REQUEST: dict[str, Any] = {"cpu": Decimal(7), "memory_bytes": 13 * GIB}
"""Billed as 8 vCPU and 16 GiB."""
METERS = (
    Meter("vcpu", Decimal(1), "vCPU-Seconds", Decimal(8), Decimal(8)),
    Meter("memory", Decimal(1), "GiB-Seconds", Decimal(16), Decimal(16)),
)
SIZED: dict[str, Any] = {
    "billed_vcpu": Decimal(8),
    "billed_memory_gib": Decimal(16),
    "cost": Decimal(24),
    "meters": METERS,
}
DEAR = (Meter("vcpu", Decimal(1), "vCPU-Hours", Decimal(1), Decimal(1)),)
"""A vCPU for an hour at 1 USD."""
BEST_EFFORT = acs("general-purpose", "best-effort")

FACTS: list[Fact] = [
    *charged(a_past_pod("cheap"), **SPOT, cost=Decimal(4), class_="useful"),
    *charged(a_past_pod("failed"), **SPOT, cost=Decimal(3), class_="failed"),
    *charged(a_past_pod("dear"), **SPOT, cost=Decimal("10.5"), class_="useful"),
    *charged(a_past_pod("taken"), **SPOT, cost=Decimal(2), class_="reclaimed"),
    *charged(a_past_pod("unlisted"), purchase="spot", list_cost=None, cost=Decimal(2), class_="useful"),
    *charged(a_past_pod("acs", pricing=BEST_EFFORT), class_="useful"),
    *charged(a_past_pod("acs taken", pricing=BEST_EFFORT), class_="reclaimed"),
    *charged(a_past_pod("acs elsewhere", pricing=BEST_EFFORT), class_="useful", price_class="other"),
    *charged(
        a_past_pod("acs dear", pricing=BEST_EFFORT), class_="useful", region="cn-beijing", cost=Decimal(1), meters=DEAR
    ),
    *charged(a_past_pod("acs unpriced", pricing=BEST_EFFORT), cost=None, class_="useful"),
    *charged(a_past_pod("grid", 5 * 86_400, **REQUEST), **SIZED),
    *charged(a_past_pod("grid again", 5 * 86_400, reason="OOMKilled", **REQUEST), **SIZED),
    *charged(a_past_pod("exact", 5 * 86_400)),
    *charged(a_past_pod("no memory", 5 * 86_400, memory_bytes=0)),
    a_step_run("cached", memoized=True),
    a_step_run("not cached"),
]
BIG = CHOSEN._replace(window=WINDOW.__class__(WINDOW.begin + 5 * DAY, WINDOW.end + 5 * DAY))
NEVER = CHOSEN._replace(window=WINDOW.__class__(WINDOW.begin - 5 * DAY, WINDOW.end - 5 * DAY))


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    with holding(tmp_path_factory.mktemp("engine"), FACTS) as query:
        yield query


def test_spot_is_reported_gross_and_net(ask: Query) -> None:
    """Saved 6 and 7; a pod that was taken away cost 2 for nothing, one was 0.5 dearer than on demand."""
    (report,), notes = spot_savings(ask, "UTC", CHOSEN, shipped())

    assert report.rows[0] == (
        "alibaba-eci",
        "spot",
        "USD",
        5,
        Decimal(13),
        Decimal(2),
        Decimal("0.5"),
        Decimal("10.5"),
    )
    assert notes == ["4 charges of spot or best effort have no known price on demand, and saved an unknown amount"]


def test_best_effort_is_compared_with_the_price_on_demand_of_the_books(ask: Query) -> None:
    """2 vCPU and 8 GiB for 70 s: four fifths are saved; what was taken away, and what was dearer, is subtracted."""
    (report,), _ = spot_savings(ask, "UTC", CHOSEN, shipped())
    paid = 70 * (2 * Decimal("0.00000052") + 8 * Decimal("0.00000025"))
    listed = 70 * (2 * Decimal("0.0000026") + 8 * Decimal("0.00000128"))
    premium = 1 - 3600 * Decimal("0.0000026")
    net = listed - 2 * paid - premium

    assert report.rows[1] == ("alibaba-acs", "best_effort", "USD", 5, listed - paid, paid, premium, net)


def test_without_such_pods_there_is_no_table(ask: Query) -> None:
    """Nor a note."""
    assert spot_savings(ask, "UTC", BIG, shipped()) == ([], [])
    assert beyond_request(ask, NEVER) == ([], [])


def test_what_a_size_has_beyond_the_request_is_reported(ask: Query) -> None:
    """7-13Gi billed as 8-16Gi: an eighth of the vCPU's 8 and three sixteenths of the memory's 16, twice."""
    (report,), notes = beyond_request(ask, BIG)

    assert report.rows == [("7-13Gi", "8-16Gi", "USD", 2, Decimal(48), Decimal(8))]
    assert notes == [
        (
            "8.00 USD were paid beyond the requests of 2 pods, because the product sells only some sizes; a request of the "
            "billed size costs the same"
        ),
        "1 pods request no vCPU or no memory, and are billed a size by default",
        "no smaller request is advised for 4 pods: how much they used at their peak is not stored",
        "1 of them were killed for lack of memory: their request is too small",
    ]


def test_memoized_steps_are_counted(ask: Query) -> None:
    """One line; without any, none."""
    assert _memoized(ask, CHOSEN) == ["1 steps took their result from a cache (memoized) and needed no pod"]
    assert _memoized(ask, BIG) == []


AMOUNTS = st.decimals(0, 1000, places=9)


@settings(max_examples=examples(400))
@given(AMOUNTS, AMOUNTS, AMOUNTS, st.integers(0, 2**40), AMOUNTS, AMOUNTS)
def test_no_more_is_beyond_the_request_than_was_paid(
    vcpu: Decimal, gib: Decimal, cpu: Decimal, memory: int, vcpu_cost: Decimal, memory_cost: Decimal
) -> None:
    """Whatever was requested and billed: between 0 and the bill, and nothing if as much was requested."""
    found = BilledSizes(
        vcpu=vcpu,
        memory_gib=gib,
        cpu=cpu,
        memory_bytes=memory,
        pods=1,
        vcpu_cost=vcpu_cost,
        memory_cost=memory_cost,
        cost=vcpu_cost + memory_cost,
        killed=0,
    )

    assert 0 <= found.beyond <= found.cost
    assert not found.beyond or cpu < vcpu or Fraction(memory, GIB) < gib
