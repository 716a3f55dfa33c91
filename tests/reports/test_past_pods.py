"""What a replay is fed: pods and charges in the real engine."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from collector.core.facts.bills import PodRun
from collector.core.model import Fact
from collector.core.savings.pool import PoolWindow
from collector.core.savings.replay import Need
from collector.reports import past_pods
from collector.reports.filters import parse_filters
from collector.reports.past_pods import CHOSEN_BY, PodsBill, Selection, bills, by_size, for_node, read_pods, selection
from collector.reports.report import Query, ReportError
from tests.billing.stored import charges_of
from tests.builders import DAY, HOUR, NOON, SECOND, a_pod_run
from tests.reports.engine import holding

WINDOW = PoolWindow(NOON - 12 * HOUR, NOON + 12 * HOUR)
CHOSEN = Selection(WINDOW, "USD")
GIB = 2**30
SMALL = Need(2 * 10**9, 4 * GIB)


def a_past_pod(uid: str, after_s: int = 0, **changes: Any) -> PodRun:
    """A pod of 2 vCPU and 4 GiB that was created some seconds after noon, pulled for 10 s and ran for 60."""
    at = NOON + after_s * SECOND
    times = {
        "created_at": at,
        "scheduled_at": at,
        "instance_created_at": at,
        "main_started_at": at + 10 * SECOND,
        "finished_at": at + 70 * SECOND,
    }
    return a_pod_run(**{"uid": uid, "node_id": uid, **times, **changes})


def charged(pod: PodRun, **changes: Any) -> list[Fact]:
    """A pod with its charges."""
    return [pod, *(replace(charge, **{"department": "maps", **changes}) for charge in charges_of(pod, None))]


LARGEST = {"cpu": Decimal(1000), "memory_bytes": 4096 * GIB, "gpu": Decimal(16)}
BILLED = {"billed_vcpu": Decimal(1000), "billed_memory_gib": Decimal(4096), "gpu": Decimal(16), "cost": Decimal(1)}
NO_PRICE = {"cost": None, "cost_pending": None, "list_cost": None, "rounded_cost": None, "rule": "no_price_book"}
POD = Decimal("0.0013468")
"""2 vCPU and 4 GiB on ECI for 70 s."""
FACTS: list[Fact] = [
    *charged(a_past_pod("late", 4000, cpu=Decimal("0.5"), memory_bytes=GIB)),
    *charged(a_past_pod("first")),
    *charged(a_past_pod("same")),
    *charged(a_past_pod("midnight", 12 * 3600 - 30), department="sim"),
    *charged(a_past_pod("asks nothing", 1, cpu=Decimal(0), memory_bytes=0)),
    *charged(a_past_pod("rounded", 2), rounded_cost=Decimal("0.01")),
    *charged(a_past_pod("gpu", 3, gpu=Decimal(1))),
    *charged(a_past_pod("other month", 40 * 24 * 3600)),
    *charged(a_past_pod("yuan"), currency="CNY"),
    *charged(a_past_pod("dear"), **NO_PRICE),
    *charged(a_past_pod("own"), product="plain-node", node_name="n-1"),
    *charged(a_past_pod("no main", main_started_at=None)),
    *charged(a_past_pod("backwards", main_started_at=NOON + 99 * SECOND)),
    *charged(
        a_past_pod("by type", cpu=Decimal(0), memory_bytes=0), billed_vcpu=Decimal(0), billed_memory_gib=Decimal(0)
    ),
    *charged(a_past_pod("withdrawn"), rule="withdrawn", cost=Decimal(0)),
    *charged(a_past_pod("runs"))[1:],
    *charged(a_past_pod("largest", 50 * 86_400, **LARGEST), cost=POD, gpu=Decimal(0)),
    *charged(a_past_pod("largest billed", 50 * 86_400, cpu=Decimal(0), memory_bytes=0), **BILLED),
]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    with holding(tmp_path_factory.mktemp("engine"), FACTS) as query:
        yield query


def test_pods_are_counted_by_size_and_reason(ask: Query) -> None:
    """Each pod once, whatever number of days it was billed on, with its bill; and why one is not replayed."""
    found = bills(by_size(ask, CHOSEN))

    assert found[""].pods == 7
    assert found[""].exact == 7 * POD
    assert found[""].to_pay > found[""].exact
    assert {reason: bill.pods for reason, bill in found.items()} == {
        "": 7,
        "foreign": 1,
        "on_nodes": 1,
        "unpriced": 1,
        "unfinished": 3,
        "sizeless": 1,
    }
    assert found["unpriced"] == PodsBill(1)


def test_pods_are_read_by_arrival_with_what_they_requested(ask: Query) -> None:
    """Run time is that of main; without a request the billed size is taken; a tie is decided by the uid."""
    pods = read_pods(ask, CHOSEN, by_size(ask, CHOSEN))
    rows = [
        (at - NOON, run, pods.needs[size]) for at, run, size in zip(pods.arrivals, pods.runs, pods.sizes, strict=True)
    ]

    assert rows == [
        (0, 60 * SECOND, SMALL),
        (0, 60 * SECOND, SMALL),
        (SECOND, 60 * SECOND, SMALL),
        (2 * SECOND, 60 * SECOND, SMALL),
        (3 * SECOND, 60 * SECOND, SMALL._replace(gpu=10**9)),
        (4000 * SECOND, 60 * SECOND, Need(5 * 10**8, GIB)),
        (12 * HOUR - 30 * SECOND, 60 * SECOND, SMALL),
    ]


def test_slices_change_nothing(ask: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour at a time gives the same pods in the same order."""
    found = by_size(ask, CHOSEN)
    whole = read_pods(ask, CHOSEN, found)
    monkeypatch.setattr(past_pods, "SLICE", 1)

    assert read_pods(ask, CHOSEN, found) == whole


def test_a_condition_chooses_among_charges(ask: Query) -> None:
    """Only the pods whose charges fulfil it, with bound values."""
    of_sim = selection(WINDOW, "USD", parse_filters(["department=sim", "step!=nothing"], CHOSEN_BY))

    assert bills(by_size(ask, of_sim)) == {"": PodsBill(1, POD, POD)}
    assert len(read_pods(ask, of_sim, by_size(ask, of_sim)).runs) == 1


def test_pods_larger_than_a_node_are_not_replayed(ask: Query) -> None:
    """They are counted with their bill, and are not among the pods."""
    found = for_node(by_size(ask, CHOSEN), Need(10**9, 2 * GIB))

    assert bills(found)["too_large"].pods == 6
    assert bills(found)[""] == PodsBill(1, POD, POD)
    assert len(read_pods(ask, CHOSEN, found).runs) == 1


def test_the_largest_sizes_are_read(ask: Query) -> None:
    """1,000 vCPU, 4 TiB and 16 GPUs, requested or only billed."""
    largest = Need(1000 * 10**9, 4096 * GIB, 16 * 10**9)
    found = by_size(ask, CHOSEN._replace(window=PoolWindow(NOON + 50 * DAY, NOON + 51 * DAY)))

    assert [(one.reason, one.need, one.pods) for one in found] == [("", largest, 2)]


def test_too_many_pods_are_refused(ask: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the options that make them fewer."""
    monkeypatch.setattr(past_pods, "MOST_PODS", 3)
    with pytest.raises(ReportError, match=r"7 pods are too many.*--from, --to or --where"):
        read_pods(ask, CHOSEN, by_size(ask, CHOSEN))


def test_a_period_without_pods_is_empty(ask: Query) -> None:
    """No rows, no sums."""
    nothing = CHOSEN._replace(window=PoolWindow(NOON - 9 * DAY, NOON - 8 * DAY))

    assert bills(by_size(ask, nothing)) == {"": PodsBill()}
    assert len(read_pods(ask, nothing, []).runs) == 0
