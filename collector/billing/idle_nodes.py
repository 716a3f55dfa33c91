"""
Idle cost of plain nodes: the price of each node while it existed, minus what its pods were charged.

Both sides are at the books' own prices, before commitments, so the pods' charges and the idle cost sum to the price.
A node costs what one pod of the node's size would be charged, to the second. Only nodes that ran a pod of a workflow in
the period are counted; other nodes may serve other purposes, so a note states their number and price.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from collector.catalog.schema import DATABASE
from collector.core.cost import charge as billing
from collector.core.cost.meters import CONTEXT, total
from collector.core.cost.product import PLAIN, product_of
from collector.core.cost.statement_notes import (
    CHARGED_BEYOND,
    IDLE_ALLOCATED,
    IDLE_IN_NO_SUM,
    IDLE_WITHOUT_BOOK,
    MORE_NAMES,
    NODES_UNSEEN,
    NODES_WITHOUT_PRICE,
    NODES_WITHOUT_WORKFLOWS,
)
from collector.core.facts.bills import PodCost, PodRun
from collector.core.model import Instant
from collector.core.objects.quantity import GIB
from collector.core.units import ZERO
from collector.prices.lookup import Books
from collector.prices.node_split import Weights, idle_cost, node_sizes, shares_idle
from collector.reports.report import Query, Span
from collector.reports.sentences import money
from collector.reports.sources import BEGIN, END, IN_PERIOD, charges, parameters

ON_NODES = "node_name != '' AND product = {product:String}"
CLUSTERS = f"SELECT cluster FROM {DATABASE}.pod_cost WHERE {IN_PERIOD} AND {ON_NODES}"
"""Includes replaced rows: it finds the clusters without plain nodes quickly, and their rows need not be merged."""
NODES = f"""
    SELECT cluster, name, uid, toUnixTimestamp64Milli(greatest(created_at, first_seen_at, {BEGIN})),
           toUnixTimestamp64Milli(least(ifNull(gone_at, last_seen_at), {END})),
           instance_type, region, zone, cpu, memory_bytes, gpu, pricing
    FROM {DATABASE}.node_run FINAL
    WHERE cluster IN {{clusters:Array(String)}} AND created_at < {END} AND first_seen_at < {END}
      AND ifNull(gone_at, last_seen_at) > {BEGIN}
    ORDER BY cluster, name, created_at, uid
"""
"""Selects the fields of StoredNode, in their order."""
NAMES_SHOWN = 3


class StoredNode(NamedTuple):
    """A plain node as stored, with the part of its life that lies in the period."""

    cluster: str
    name: str
    uid: str
    begin: Instant
    end: Instant
    instance_type: str
    region: str
    zone: str
    cpu: Decimal
    memory_bytes: int
    gpu: Decimal
    pricing: Mapping[str, str]


class NodeDay(NamedTuple):
    """A billing day of a node."""

    cluster: str
    node: str
    day: date


class NodePrice(NamedTuple):
    """The price of a node on a billing day; None: not known."""

    node: PodRun
    day: date
    price: Decimal | None


class IdleDay(NamedTuple):
    """The plain nodes of a cluster on a billing day."""

    cluster: str
    day: date
    nodes: int
    price: Decimal
    charged: Decimal
    idle: Decimal
    beyond: Decimal
    """What pods were charged above the price of their nodes."""
    currency: str


@dataclass(frozen=True, slots=True)
class Idle:
    """Idle cost by cluster and day, and the notes on it."""

    rows: list[IdleDay] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    shared: bool = False
    """Whether departments pay for it, as the price book declares."""

    def by_cluster(self) -> dict[str, Decimal]:
        """Sums up the idle cost of each cluster."""
        sums: dict[str, Decimal] = {}
        for row in self.rows:
            sums[row.cluster] = CONTEXT.add(sums.get(row.cluster, ZERO), row.idle)
        return sums


def idle_nodes(query: Query, span: Span, books: Books, run: int) -> Idle:
    """Computes the idle cost of plain nodes in a period under a pricing run."""
    charged = _charged(query, span, run)
    if not charged:
        return Idle()
    if PLAIN not in books.layers:
        return Idle(notes=[IDLE_WITHOUT_BOOK])
    clusters = sorted({key.cluster for key in charged})
    nodes = [StoredNode(*row) for row in query(NODES, parameters(span, clusters=clusters))]
    prices = _prices(nodes, books, ZoneInfo(span.zone))
    used_nodes = {(key.cluster, key.node) for key in charged}
    used = [price for price in prices if (price.node.cluster, price.node.name) in used_nodes]
    unused = [price for price in prices if (price.node.cluster, price.node.name) not in used_nodes]
    shared = shares_idle(layer.book for layer in books.layers[PLAIN])
    rows, notes = sum_idle(used, charged, books.currency, shared=shared)
    return Idle(rows, [*notes, *_unused(unused, books.currency)], shared)


def _charged(query: Query, span: Span, run: int) -> dict[NodeDay, Decimal]:
    """Sums up what the pods of each plain node were charged on each day."""
    sql = f"""
        SELECT cluster, node_name, day, sum(arraySum(meter -> tupleElement(meter, 'cost'), meters))
        FROM {charges(run, f"cluster IN ({CLUSTERS}) AND {ON_NODES}")}
        GROUP BY cluster, node_name, day
    """
    rows = query(sql, parameters(span, run, product=PLAIN))
    return {NodeDay(cluster, node, day): cost for cluster, node, day, cost in rows}


def _prices(nodes: Iterable[StoredNode], books: Books, zone: ZoneInfo) -> list[NodePrice]:
    """Prices every billing day of the nodes that are plain."""
    sold = node_sizes(layer.book for layer in books.layers[PLAIN])
    runs = [whole_node_pod(node, sold.get(node.instance_type)) for node in nodes if node.end > node.begin]
    plain = [run for run in runs if product_of(run, books.products.values()) == PLAIN]
    return [NodePrice(run, day, price) for run in plain for day, price in prices_of(run, books, zone)]


def whole_node_pod(node: StoredNode, sold: Weights | None) -> PodRun:
    """Makes a pod that takes a node whole for all its time: of the size in the price book, else of the node's capacity."""
    cpu, memory_bytes, gpu = node.cpu, node.memory_bytes, node.gpu
    if sold is not None:
        cpu, memory_bytes, gpu = sold.vcpu, int(sold.memory * GIB), sold.gpu
    return PodRun(
        cluster=node.cluster,
        namespace="",
        created_at=node.begin,
        uid=node.uid,
        version=0,
        name=node.name,
        workflow_uid="",
        workflow_name="",
        attempt=0,
        step="",
        node_id="",
        template="",
        owner_kind="",
        service_account="",
        node_name=node.name,
        region=node.region,
        zone=node.zone,
        cpu=cpu,
        memory_bytes=memory_bytes,
        gpu=gpu,
        ephemeral_bytes=0,
        pricing=dict(node.pricing),
        scheduled_at=node.begin,
        instance_created_at=None,
        main_started_at=node.begin,
        finished_at=node.end,
        phase="",
        reason="",
        exit_code=None,
    )


def prices_of(run: PodRun, books: Books, zone: ZoneInfo) -> Iterator[tuple[date, Decimal | None]]:
    """Yields the price of a node for each billing day; None: not known."""
    end: Instant = run.finished_at or run.created_at
    days: list[PodCost] = billing.charges(run, None, books, zone, end, product=PLAIN)
    return ((billing.EPOCH_DAY + timedelta(days=charge.day), charge.cost) for charge in days)


def sum_idle(
    prices: Iterable[NodePrice], charged: Mapping[NodeDay, Decimal], currency: str, *, shared: bool = False
) -> tuple[list[IdleDay], list[str]]:
    """Sums up by cluster and day; the notes state the sum, what exceeds capacity, and what is not known."""
    by_node: dict[NodeDay, list[Decimal | None]] = {}
    for run, day, price in prices:
        by_node.setdefault(NodeDay(run.cluster, run.name, day), []).append(price)
    unpriced = {key for key, amounts in by_node.items() if None in amounts}
    by_day: dict[tuple[str, date], list[tuple[Decimal, Decimal]]] = {}
    for key in sorted(by_node.keys() - unpriced):
        price = total(known for known in by_node[key] if known is not None)
        by_day.setdefault((key.cluster, key.day), []).append((price, charged.get(key, ZERO)))
    rows = [_idle_day(cluster, day, nodes, currency) for (cluster, day), nodes in sorted(by_day.items())]
    return rows, [*_notes(rows, currency, shared=shared), *_unknown(unpriced, charged.keys() - by_node.keys())]


def _idle_day(cluster: str, day: date, nodes: Sequence[tuple[Decimal, Decimal]], currency: str) -> IdleDay:
    price, charged = (total(amounts) for amounts in zip(*nodes, strict=True))
    return IdleDay(
        cluster=cluster,
        day=day,
        nodes=len(nodes),
        price=price,
        charged=charged,
        idle=total(idle_cost(price, [used]) for price, used in nodes),
        beyond=total(idle_cost(used, [price]) for price, used in nodes),
        currency=currency,
    )


def _notes(rows: Sequence[IdleDay], currency: str, *, shared: bool) -> list[str]:
    if not rows:
        return []
    idle, beyond = total(row.idle for row in rows), total(row.beyond for row in rows)
    notes = [(IDLE_ALLOCATED if shared else IDLE_IN_NO_SUM).format(amount=money(idle, currency))]
    return [*notes, CHARGED_BEYOND.format(amount=money(beyond, currency))] if beyond else notes


def _unknown(unpriced: Set[NodeDay], unseen: Set[NodeDay]) -> list[str]:
    causes = {NODES_WITHOUT_PRICE: unpriced, NODES_UNSEEN: unseen}
    return [_of_nodes(message, keys) for message, keys in causes.items() if keys]


def _of_nodes(message: str, keys: Set[NodeDay]) -> str:
    names = sorted({f"{key.cluster}/{key.node}" for key in keys})
    shown = ", ".join(names[:NAMES_SHOWN])
    if len(names) > NAMES_SHOWN:
        shown = MORE_NAMES.format(names=shown, number=len(names) - NAMES_SHOWN)
    return message.format(number=len(names), names=shown)


def _unused(prices: Sequence[NodePrice], currency: str) -> list[str]:
    names = {(price.node.cluster, price.node.name) for price in prices}
    cost = money(total(price.price for price in prices if price.price is not None), currency)
    note = NODES_WITHOUT_WORKFLOWS.format(number=len(names), amount=cost)
    return [note] if names else []
