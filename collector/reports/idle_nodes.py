"""
What of plain nodes nobody's pods took: each node's price for as long as it was there, less what its pods were charged.

Both sides are at the books' own prices, before commitments, so that a node's pods and what is idle of it sum to its price.
A node costs what one pod as large as the node would be charged, to the second. Counted are nodes that ran a pod of a
workflow in the period; others may serve something else, and are only told of.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from collector.core.cost import charge as billing
from collector.core.cost.meters import CONTEXT, total
from collector.core.cost.product import PLAIN, product_of
from collector.core.facts.bills import PodCost, PodRun
from collector.core.model import Instant
from collector.core.objects.quantity import GIB
from collector.core.units import ZERO
from collector.prices.lookup import Books
from collector.prices.node_split import Weights, idle_cost, node_sizes, shares_idle
from collector.reports.report import BEGIN, END, Query, Report, Span, amount

_TAKEN = """
    SELECT cluster, node_name, day, sum(arraySum(meter -> tupleElement(meter, 'cost'), meters))
    FROM {source} cluster IN (SELECT cluster FROM pod_cost WHERE {on_nodes}) AND {on_nodes}
    GROUP BY cluster, node_name, day
"""
_ON_NODES = "day >= {begin:Date} AND day < {end:Date} AND node_name != '' AND product = {product:String}"
"""Also of rows that a later one replaced: clusters without any, which are told quickly, need not be merged."""
_NODES = f"""
    SELECT cluster, name, uid, toUnixTimestamp64Milli(greatest(created_at, first_seen_at, {BEGIN})),
           toUnixTimestamp64Milli(least(ifNull(gone_at, last_seen_at), {END})),
           instance_type, region, zone, cpu, memory_bytes, gpu, pricing
    FROM node_run FINAL
    WHERE cluster IN {{clusters:Array(String)}} AND created_at < {END} AND first_seen_at < {END}
      AND ifNull(gone_at, last_seen_at) > {BEGIN}
    ORDER BY cluster, name, created_at, uid
"""
COLUMNS = ("cluster", "day", "nodes", "price", "charged to pods", "idle", "beyond capacity", "currency")

NodeDay = tuple[str, str, date]
"""A cluster, the name of a node of it, and a billing day."""


@dataclass(frozen=True, slots=True)
class Idle:
    """What was idle, one row a cluster and day, and what is to be said of it."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    shared: bool = False
    """Whether departments bear it, as the book says."""

    def by_cluster(self) -> dict[str, Decimal]:
        """What is idle in each cluster."""
        sums: dict[str, Decimal] = {}
        for row in self.rows:
            sums[row[0]] = CONTEXT.add(sums.get(row[0], ZERO), row[5])
        return sums

    def report(self) -> Report:
        """The rows as a table."""
        return Report("Idle of plain nodes", COLUMNS, self.rows)


def idle_nodes(query: Query, span: Span, books: Books, run: int = 0) -> Idle:
    """What was idle of plain nodes in a period, under a pricing run or the bill."""
    source = "pod_cost FINAL WHERE run = {run:UInt32} AND" if run else "cost_current WHERE"
    asked = {**span.parameters(), "product": PLAIN, **({"run": run} if run else {})}
    taken = {
        (cluster, node, day): cost
        for cluster, node, day, cost in query(_TAKEN.format(source=source, on_nodes=_ON_NODES), asked)
    }
    if not taken:
        return Idle()
    if PLAIN not in books.layers:
        return Idle(notes=["what is idle of plain nodes is not known; add `plain-node` to the settings' `prices`"])
    nodes = query(_NODES, {**span.parameters(), "clusters": sorted({cluster for cluster, _, _ in taken})})
    used = {key[:2] for key in taken}
    sold = node_sizes(layer.book for layer in books.layers[PLAIN])
    runs = [a_whole(row, sold.get(row[5])) for row in nodes if row[4] > row[3]]
    plain = [run for run in runs if product_of(run, books.products.values()) == PLAIN]
    days = [(run, *priced) for run in plain for priced in prices_of(run, books, ZoneInfo(span.zone))]
    counted = [one for one in days if (one[0].cluster, one[0].name) in used]
    others = [one for one in days if (one[0].cluster, one[0].name) not in used]
    shared = shares_idle(layer.book for layer in books.layers[PLAIN])
    rows, notes = summed(counted, taken, books.currency, shared=shared)
    return Idle(rows, [*notes, *_unused(others, books.currency)], shared)


def a_whole(row: Sequence[Any], sold: Weights | None) -> PodRun:
    """A pod that takes a whole node for as long as it is there: of the size that its price is of, else of its capacity."""
    cluster, name, uid, begin, end, _, region, zone, cpu, memory_bytes, gpu, pricing = row
    if sold is not None:
        cpu, memory_bytes, gpu = sold.vcpu, int(sold.memory * GIB), sold.gpu
    return PodRun(
        cluster=cluster, namespace="", created_at=begin, uid=uid, version=0, name=name, workflow_uid="",
        workflow_name="", attempt=0, step="", node_id="", template="", owner_kind="", service_account="", node_name=name,
        region=region, zone=zone, cpu=cpu, memory_bytes=memory_bytes, gpu=gpu, ephemeral_bytes=0, pricing=dict(pricing),
        scheduled_at=begin, instance_created_at=None, main_started_at=begin, finished_at=end, phase="", reason="",
        exit_code=None,
    )  # fmt: skip


def prices_of(run: PodRun, books: Books, zone: ZoneInfo) -> Iterator[tuple[date, Decimal | None]]:
    """A node's price, one a billing day; None: nobody knows it."""
    end: Instant = run.finished_at or run.created_at
    charges: list[PodCost] = billing.charges(run, None, books, zone, end, PLAIN)
    return ((billing.EPOCH_DAY + timedelta(days=charge.day), charge.cost) for charge in charges)


def summed(
    days: Iterable[tuple[PodRun, date, Decimal | None]],
    taken: Mapping[NodeDay, Decimal],
    currency: str,
    *,
    shared: bool = False,
) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Rows by cluster and day, and notes: the sum, what is beyond capacity, what has no price, what has no node."""
    by_node: dict[NodeDay, list[Decimal | None]] = {}
    for run, day, price in days:
        by_node.setdefault((run.cluster, run.name, day), []).append(price)
    unpriced = {key for key, prices in by_node.items() if None in prices}
    by_day: dict[tuple[str, date], list[tuple[Decimal, Decimal]]] = {}
    for key in sorted(by_node.keys() - unpriced):
        price = total(p for p in by_node[key] if p is not None)
        by_day.setdefault((key[0], key[2]), []).append((price, taken.get(key, ZERO)))
    rows = [_row(cluster, day, nodes, currency) for (cluster, day), nodes in sorted(by_day.items())]
    return rows, [*_lines(rows, currency, shared=shared), *_unknown(unpriced, taken.keys() - by_node.keys())]


def _row(cluster: str, day: date, nodes: Sequence[tuple[Decimal, Decimal]], currency: str) -> tuple[Any, ...]:
    prices, used = (total(amounts) for amounts in zip(*nodes, strict=True))
    left = total(idle_cost(price, [used]) for price, used in nodes)
    beyond = total(idle_cost(used, [price]) for price, used in nodes)
    return (cluster, day, len(nodes), prices, used, left, beyond, currency)


def _lines(rows: Sequence[tuple[Any, ...]], currency: str, *, shared: bool) -> list[str]:
    if not rows:
        return []
    left, beyond = (total(row[at] for row in rows) for at in (5, 6))
    where = "shared out by what was spent on them" if shared else "in no sum"
    lines = [f"idle of plain nodes {amount(left)} {currency}, what no pod of a workflow took; {where}"]
    return [*lines, f"pods were charged {amount(beyond)} {currency} more than their nodes cost"] if beyond else lines


def _unknown(unpriced: Set[NodeDay], unseen: Set[NodeDay]) -> list[str]:
    told = {"no price": unpriced, "not watched on some days": unseen}
    return [f"what is idle of {_named(keys)} is not known: {why}" for why, keys in told.items() if keys]


def _named(keys: Set[NodeDay]) -> str:
    names = sorted({f"{cluster}/{node}" for cluster, node, _ in keys})
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)} plain nodes ({', '.join(names[:3])}{more})"


def _unused(days: Sequence[tuple[PodRun, date, Decimal | None]], currency: str) -> list[str]:
    names = {(run.cluster, run.name) for run, _, _ in days}
    price = amount(total(price for _, _, price in days if price is not None))
    told = f"{len(names)} plain nodes ran no pod of a workflow; their price of {price} {currency} is in no sum"
    return [told] if names else []
