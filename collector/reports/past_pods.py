"""
Pods of a period as a replay needs them: when each arrived, how long it ran and what it requested; and what they cost.

A pod belongs to the period in which it was created, with all its charges. It is replayed if its charges are priced, its
main container ran, and its size is known; the others are counted by the reason. Rows are read in slices of whole hours,
so that no more than some hundred thousand of them are in memory at once.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from collector.catalog.schema import DATABASE
from collector.core.cost.meters import CONTEXT
from collector.core.cost.product import PLAIN
from collector.core.model import Instant
from collector.core.savings.pool import PoolWindow
from collector.core.savings.replay import Need, PastPods
from collector.core.units import HOUR_MS, ZERO
from collector.reports.cost_columns import COLUMNS
from collector.reports.filters import Filter, condition
from collector.reports.report import Query, ReportError

MOST_PODS = 3_000_000
"""Pods of one replay; more take longer than a person waits."""
SLICE = 100_000
"""Rows that are read at once, unless an hour has more."""

REPLAYED = ""
REASONS: Mapping[str, str] = {
    "foreign": "are billed in another currency",
    "on_nodes": "ran on nodes of your own",
    "unpriced": "have no known price",
    "unfinished": "have not ended, or their main container did not run",
    "sizeless": "have no known size",
    "too_large": "are larger than one node",
}
"""Why a pod is not replayed: what is counted, in words."""

CREATED = (
    "created_at >= fromUnixTimestamp64Milli({from:Int64}) AND created_at < fromUnixTimestamp64Milli({until:Int64})"
)


CHOSEN_BY = tuple(
    name
    for name, column in COLUMNS.items()
    if column.source != "attempts" and name not in ("day", "week", "month", "currency")
)
"""Columns of the cost report by which pods are chosen: those in which all charges of a pod are alike."""


class Selection(NamedTuple):
    """Which pods: those created in a window whose charges fulfil a condition, billed in a currency."""

    window: PoolWindow
    currency: str
    condition: str = "1"
    """On the columns of a charge."""
    values: Mapping[str, Any] = {}
    """Parameters of the condition."""

    def parameters(self, window: PoolWindow | None = None) -> dict[str, Any]:
        """Returns what its queries bind, for a part of the window."""
        part = window or self.window
        own = {"from": part.begin, "until": part.end, "currency": self.currency, "plain": PLAIN}
        return {**self.values, **own}


def selection(window: PoolWindow, currency: str, filters: Sequence[Filter] = ()) -> Selection:
    """Returns the pods whose charges pass filters on the columns of CHOSEN_BY."""
    where = condition(filters, lambda name: COLUMNS[name].sql)
    return Selection(window, currency, where.sql, where.parameters)


class ChargedPods(NamedTuple):
    """Pods of one size that are replayed, or not for one reason, and their bill."""

    reason: str
    need: Need
    pods: int
    exact: Decimal
    to_pay: Decimal


class PodsBill(NamedTuple):
    """What pods cost."""

    pods: int = 0
    exact: Decimal = ZERO
    to_pay: Decimal = ZERO

    def plus(self, more: ChargedPods) -> "PodsBill":
        """Returns the bill of both."""
        exact, to_pay = CONTEXT.add(self.exact, more.exact), CONTEXT.add(self.to_pay, more.to_pay)
        return PodsBill(self.pods + more.pods, exact, to_pay)


def charged_pods(chosen: Selection) -> str:
    """Returns the subquery of the charges of each pod: what it cost, and what was billed of it."""
    return f"""(
        SELECT cluster, namespace, created_at, pod_uid, any(product) AS of_product,
               countIf(currency != {{currency:String}}) > 0 AS foreign,
               sum(cost) AS exact, sum(ifNull(rounded_cost, cost)) AS to_pay, countIf(cost IS NULL) > 0 AS unpriced,
               max(billed_vcpu) AS vcpu, max(billed_memory_gib) AS memory_gib, max(gpu) AS gpus
        FROM {DATABASE}.cost_current
        WHERE {CREATED} AND rule != 'withdrawn' AND {chosen.condition}
        GROUP BY cluster, namespace, created_at, pod_uid
    )"""


def _sized(chosen: Selection) -> str:
    """Returns the subquery of pods with their size in whole units, and why each is not replayed."""
    run = "dateDiff('millisecond', main_started_at, finished_at)"
    return f"""(
        SELECT toUnixTimestamp64Milli(created_at) AS arrived, pod_uid, exact, to_pay, {run} AS ran,
               toInt64(toDecimal128(if(cpu > 0, cpu, vcpu), 9) * 1000000000) AS need_vcpu,
               if(memory_bytes > 0, toInt64(memory_bytes), toInt64(toDecimal128(memory_gib, 9) * 1073741824)) AS need_memory,
               toInt64(toDecimal128(if(gpu > 0, gpu, gpus), 9) * 1000000000) AS need_gpu,
               multiIf(foreign, 'foreign', of_product = {{plain:String}}, 'on_nodes', unpriced, 'unpriced',
                       ifNull({run}, -1) < 0, 'unfinished',
                       need_vcpu = 0 AND need_memory = 0, 'sizeless', '{REPLAYED}') AS why_not
        FROM {charged_pods(chosen)} AS charged
        LEFT JOIN (
            SELECT cluster, uid, cpu, memory_bytes, gpu, main_started_at, finished_at
            FROM {DATABASE}.pod_run FINAL WHERE {CREATED}
        ) AS pod ON charged.cluster = pod.cluster AND charged.pod_uid = pod.uid
    )"""


def by_size(query: Query, chosen: Selection) -> list[ChargedPods]:
    """Reads how many pods of each size there are, and their bill."""
    sql = f"""
        SELECT why_not, need_vcpu, need_memory, need_gpu, count(), sum(exact), sum(to_pay) FROM {_sized(chosen)}
        GROUP BY why_not, need_vcpu, need_memory, need_gpu ORDER BY why_not, need_vcpu, need_memory, need_gpu
    """
    return [
        ChargedPods(reason, Need(vcpu, memory, gpu), pods, exact or ZERO, to_pay or ZERO)
        for reason, vcpu, memory, gpu, pods, exact, to_pay in query(sql, chosen.parameters())
    ]


def for_node(found: Iterable[ChargedPods], node: Need) -> list[ChargedPods]:
    """Gives pods that are larger than a node the reason why they are not replayed on it."""
    return [one if one.reason or one.need.fits(node) else one._replace(reason="too_large") for one in found]


def bills(found: Iterable[ChargedPods]) -> dict[str, PodsBill]:
    """Sums up pods by the reason; those that are replayed have none."""
    sums: dict[str, PodsBill] = {REPLAYED: PodsBill()}
    for one in found:
        sums[one.reason] = sums.get(one.reason, PodsBill()).plus(one)
    return sums


def read_pods(query: Query, chosen: Selection, found: Iterable[ChargedPods]) -> PastPods:
    """Reads the pods that are replayed, by arrival."""
    counts = [one for one in found if one.reason == REPLAYED]
    if (pods := sum(one.pods for one in counts)) > MOST_PODS:
        raise ReportError(
            f"{pods} pods are too many for one replay, at most {MOST_PODS}; choose fewer with --from, --to or --where"
        )
    number = {one.need: at for at, one in enumerate(counts)}
    past = PastPods(array("q"), array("q"), array("q"), list(number))
    sql = f"""
        SELECT arrived, assumeNotNull(ran), need_vcpu, need_memory, need_gpu FROM {_sized(chosen)}
        WHERE why_not = '{REPLAYED}' ORDER BY arrived, pod_uid
    """
    for part in _slices(query, chosen):
        for arrived, ran, *need in query(sql, chosen.parameters(part)):
            if (size := number.get(Need(*need))) is not None:
                past.arrivals.append(arrived)
                past.runs.append(ran)
                past.sizes.append(size)
    return past


def _slices(query: Query, chosen: Selection) -> Iterator[PoolWindow]:
    """Yields stretches of whole hours with some pods each, in order; hours without pods are part of none."""
    sql = f"""
        SELECT intDiv(toUnixTimestamp64Milli(created_at), {HOUR_MS}) AS hour, count() FROM {DATABASE}.pod_run
        WHERE {CREATED} GROUP BY hour ORDER BY hour
    """
    begin: Instant | None = None
    end = pods = 0
    for hour, count in query(sql, chosen.parameters()):
        if begin is not None and pods + count > SLICE:
            yield PoolWindow(begin, end)
            begin, pods = None, 0
        begin = max(hour * HOUR_MS, chosen.window.begin) if begin is None else begin
        end, pods = min((hour + 1) * HOUR_MS, chosen.window.end), pods + count
    if begin is not None:
        yield PoolWindow(begin, end)
