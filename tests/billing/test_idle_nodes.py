"""Idle cost of plain nodes: as a law, by hand, and through the real engine."""

from collections.abc import Iterator
from datetime import UTC, date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from collector.billing.idle_nodes import (
    Idle,
    NodeDay,
    NodePrice,
    StoredNode,
    idle_nodes,
    prices_of,
    sum_idle,
    whole_node_pod,
)
from collector.billing.shared import MonthOfRun, StatementTerms
from collector.billing.statement import MonthBill, compute
from collector.billing.usage import query_of
from collector.core.change_log import ChangeLog
from collector.core.cluster.plain_nodes import PlainNodes
from collector.core.cost import charge as billing
from collector.core.cost.billing_days import day_of
from collector.core.cost.meters import total
from collector.core.facts.bills import Period, PodRun
from collector.core.model import Fact
from collector.prices import book
from collector.prices.lookup import Books
from collector.prices.node_split import node_sizes
from collector.reports.report import Span
from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from tests.billing.stored import write_all
from tests.builders import HOUR, NOON, SECOND, a_payer, a_plain_node, a_pod_run, an_observation, at
from tests.store.running import start

D = Decimal
SPAN = Span(date(2026, 11, 1), date(2026, 12, 1))
TODAY = date(2026, 11, 22)
TYPE = "node.kubernetes.io/instance-type"
OWN = """
id: ours
version: "1"
extends: plain-node
currency: USD
sources: {s: contract}
split: {vcpu: "3", memory: "1", gpu: "10", idle: SHARED}
nodes:
  - {type: m.large, vcpu: "4", memory_gib: "16", price: "0.4", from: 2026-01-01, source: s}
  - {type: m.large, vcpu: "4", memory_gib: "16", price: "0.1", purchase: spot, from: 2026-01-01, source: s}
"""


@cache
def books(shared: str = "none") -> Books:
    """A node of 4 cores and 16 GiB for 0.40 USD an hour, 0.10 as spot; any other type has the shipped example price."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "ours.yaml").write_text(OWN.replace("SHARED", shared))
        return book.load(["plain-node", "ours.yaml"], Path(folder))


def a_pod_on(node: str, begin: int, end: int, cpu: Decimal, gib: Decimal, **more: Any) -> PodRun:
    """A pod of a plain node."""
    pricing = {f"node:{TYPE}": "m.large"}
    return a_pod_run(
        node_name=node, cpu=cpu, memory_bytes=int(gib * 1024**3), scheduled_at=begin, instance_created_at=None,
        created_at=begin, main_started_at=begin, finished_at=end, **{"pricing": pricing, **more},
    )  # fmt: skip


def a_row(begin: int, end: int, node: str = "n1") -> StoredNode:
    """A node as stored, with the memory that its kernel leaves."""
    pricing = {f"node:{TYPE}": "m.large"}
    return StoredNode(
        cluster="c1", name=node, uid=node, begin=begin, end=end, instance_type="m.large", region="cn-x", zone="",
        cpu=D(4), memory_bytes=15 * 1024**3, gpu=D(0), pricing=pricing,
    )  # fmt: skip


def of_a_day(row: StoredNode, pods: list[PodRun], **more: Any) -> tuple[list[Any], list[str]]:
    """What is idle of one node, its pods charged as they would be."""
    charged: dict[NodeDay, Decimal] = {}
    for pod in pods:
        for charge in billing.charges(pod, None, books(), UTC, NOON + 100 * HOUR):
            key = NodeDay(charge.cluster, charge.node_name, billing.EPOCH_DAY + timedelta(days=charge.day))
            charged[key] = total((charged.get(key, D(0)), *(meter.cost for meter in charge.meters)))
    sold = node_sizes(layer.book for layer in books().layers["plain-node"])
    run = whole_node_pod(row, sold["m.large"])
    return sum_idle([NodePrice(run, *one) for one in prices_of(run, books(), ZoneInfo("UTC"))], charged, "USD", **more)


SHARES = st.lists(st.tuples(st.integers(0, 999), st.integers(0, 16_384), st.integers(1, 30)), min_size=1, max_size=6)


@given(SHARES, st.integers(0, 20))
def test_pods_and_idle_are_the_nodes_price_for_its_time(parts: list[tuple[int, int, int]], hours: int) -> None:
    """Where no more is asked of a node than it has; to the last place, over any midnight."""
    length = max(hours, *(h for _, _, h in parts)) * HOUR
    pods = [
        a_pod_on("n1", NOON, NOON + h * HOUR, D(cpu) * 4 / 1000 / len(parts), D(mib) / 1024 / len(parts), uid=f"p{i}")
        for i, (cpu, mib, h) in enumerate(parts)
    ]
    rows, _ = of_a_day(a_row(NOON, NOON + length), [pod for pod in pods if pod.cpu or pod.memory_bytes])

    for _, _, _, price, used, idle, beyond, _ in rows:
        assert (used + idle, beyond) == (price, 0)
    whole = total(row[3] for row in rows)
    assert abs(whole - D("0.4") * length / HOUR) < D("1e-14")


@given(st.integers(1, 3), st.integers(1, 15), st.integers(1, 90_000))
def test_pods_that_fill_a_node_leave_nothing(cpu: int, gib: int, seconds: int) -> None:
    """Though its kernel keeps a part of the memory that it is sold with."""
    end = NOON + seconds * SECOND
    pods = [a_pod_on("n1", NOON, end, D(cpu), D(gib)), a_pod_on("n1", NOON, end, D(4 - cpu), D(16 - gib), uid="p2")]
    rows, _ = of_a_day(a_row(NOON, end), pods)

    assert total(abs(row[5]) + abs(row[6]) for row in rows) < D("1e-15")


def test_a_day_by_hand() -> None:
    """Twelve hours of a node, half of it taken for three."""
    (row,), notes = of_a_day(a_row(NOON, NOON + 12 * HOUR), [a_pod_on("n1", NOON, NOON + 3 * HOUR, D(2), D(8))])

    assert [round(amount, 12) for amount in row[3:7]] == [D("4.8"), D("0.6"), D("4.2"), 0]
    assert notes[0].endswith("USD, not used by any pod of a workflow; in no sum")


def test_charges_beyond_a_node_have_a_note_and_its_idle_cost_is_0() -> None:
    """Requests may exceed capacity where somebody lies; the node costs no more for it."""
    pods = [a_pod_on("n1", NOON, NOON + HOUR, D(4), D(16), uid=uid) for uid in ("p1", "p2")]
    (row,), notes = of_a_day(a_row(NOON, NOON + HOUR), pods)

    assert (row[5], round(row[6], 12)) == (0, D("0.4"))
    assert "more than their nodes cost" in notes[1]


def test_a_name_that_two_nodes_had_in_a_day_is_one_node() -> None:
    """Clouds give a new machine the old one's address."""
    runs = [whole_node_pod(a_row(NOON, NOON + HOUR), None), whole_node_pod(a_row(NOON + HOUR, NOON + 3 * HOUR), None)]
    days = [NodePrice(run, *one) for run in runs for one in prices_of(run, books(), ZoneInfo("UTC"))]
    rows, notes = sum_idle(days, {NodeDay("c1", "n1", TODAY): D("0.5")}, "USD", shared=True)

    assert [(row[2], row[3]) for row in rows] == [(1, total(price for _, _, price in days if price))]
    assert notes[0].endswith("allocated to departments by what they spent on the nodes")


def test_a_node_without_a_price_or_a_row_is_named_and_in_no_sum() -> None:
    """Unknown is never 0."""
    run = whole_node_pod(a_row(NOON, NOON + HOUR), None)
    charged = {NodeDay("c1", name, TODAY): D(1) for name in ("n2", "n3", "n4", "n5")}
    rows, notes = sum_idle([NodePrice(run, TODAY, None)], charged, "USD")

    assert rows == []
    assert notes == [
        "idle cost of 1 plain nodes (c1/n1) is unknown: no price",
        "idle cost of 4 plain nodes (c1/n2, c1/n3, c1/n4 and 1 more) is unknown: not watched on some days",
    ]


# Through the engine.


PODS = [("a", "maps", "n1", 1), ("b", "sre", "n1", 3), ("c", "maps", "n2", 2)]
"""Uid, department, node, hours of half a node."""


def facts() -> Iterator[Fact]:
    """Three nodes, one of them never used; three pods on nodes, and one on ECI."""
    month = (SPAN.begin - billing.EPOCH_DAY).days
    yield Period(month=month, version=1, active_run=1, state="open", total=None, hash="")
    machines = PlainNodes("c1", ChangeLog())
    for name, hours in (("n1", 10), ("n2", 24), ("n3", 5)):
        seen = an_observation(a_plain_node(name, labels={TYPE: "m.large"}), "added")
        yield from machines.observe(seen)
        yield from machines.accrue(NOON + hours * HOUR)
        if name == "n1":
            yield from machines.observe(replace(seen, change="deleted", at=NOON + hours * HOUR))
    for uid, department, node, hours in PODS:
        run = a_pod_on(node, NOON, NOON + hours * HOUR, D(2), D(8), uid=uid)
        yield from billing.charges(run, a_payer(department=department), books(), UTC, NOON + 30 * HOUR)
    yield from billing.charges(a_pod_run(uid="eci"), a_payer(), book.load(["alibaba-eci"], Path()), UTC, NOON + HOUR)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that holds those rows."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    for fact in facts():
        write_all(writer, [fact])
    yield writer
    writer.close()
    running.stop()


def bill_of(stored: Store, books: Books) -> MonthBill:
    """The statement of November."""
    terms = StatementTerms(books=books, zone=ZoneInfo("UTC"), rules="")
    return compute(stored, MonthOfRun(month=day_of(SPAN.begin), run=1, now=at("2026-12-01")), terms)


def idle_of(stored: Store) -> Idle:
    """What is idle in November."""
    return idle_nodes(query_of(stored), SPAN, books(), 1)


def test_idle_has_rows_and_notes(stored: Store) -> None:
    """By cluster and day; a node that ran nothing has a note, and idle cost is in no line unless the book shares it."""
    found, bill = idle_of(stored), bill_of(stored, books())

    assert [(row[0], str(row[1]), row[2]) for row in found.rows] == [("c1", "2026-11-22", 2), ("c1", "2026-11-23", 1)]
    assert [[round(amount, 12) for amount in row[3:7]] for row in found.rows] == [
        [D("8.8"), D("1.2"), D("7.6"), 0],
        [D("4.8"), 0, D("4.8"), 0],
    ]
    assert bill.row.notes[0].startswith("idle of plain nodes 12.40 USD")
    assert bill.row.notes[0].endswith("in no sum")
    assert bill.row.notes[1].startswith("plain nodes that ran no pod of a workflow: 1; their price of 2.0")
    assert {line.kind for line in bill.lines} == {"usage"}


def test_shared_idle_departments_and_unallocated_are_the_total(stored: Store) -> None:
    """To the last place, by what was spent on the nodes: maps 0.6 and sre 0.6, half each; ECI's bear nothing."""
    lines = [line for line in bill_of(stored, books("proportional")).lines if line.kind == "idle"]

    assert total(line.amount for line in lines) == total(row.idle for row in idle_of(stored).rows)
    assert {line.department: round(line.amount, 9) for line in lines} == {"maps": D("6.2"), "sre": D("6.2")}
    assert {(line.what, line.cluster, line.product) for line in lines} == {("idle of plain nodes", "c1", "plain-node")}


def test_without_a_book_of_plain_nodes_idle_is_not_known(stored: Store) -> None:
    """And the remedy is named."""
    notes = bill_of(stored, book.load(["alibaba-eci"], Path())).row.notes

    assert notes[0].endswith("add `plain-node` to the settings' `prices`")


def test_without_pods_on_plain_nodes_there_is_no_idle_cost(stored: Store) -> None:
    """A serverless fleet has no idle."""
    october = Span(date(2026, 10, 1), date(2026, 11, 1))

    assert idle_nodes(query_of(stored), october, books(), 1) == Idle()


def test_the_last_word_of_a_node_stands(stored: Store) -> None:
    """Its hourly rows have one version; the store keeps the latest row."""
    rows = stored.query_rows(
        "SELECT name, toUnixTimestamp64Milli(last_seen_at), gone_at IS NULL FROM lynceus.node_run FINAL ORDER BY name",
        {},
    )

    assert [tuple(row) for row in rows] == [
        ("n1", NOON + 10 * HOUR, 0), ("n2", NOON + 24 * HOUR, 1), ("n3", NOON + 5 * HOUR, 1),
    ]  # fmt: skip
