"""
What was paid beyond the requests of pods: products sell only some sizes, and a request in between is billed as the next one.

A request of the billed size would have cost the same and had more room. Whether a smaller one would have been enough only
the peak of a pod's use shows. Nothing stores such peaks, so a smaller request is never advised.
"""

from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import NamedTuple

from collector.catalog.schema import DATABASE
from collector.core.cost.meters import CONTEXT, PLACES, total
from collector.reports.past_pods import CREATED, Selection
from collector.reports.report import Query, Report
from collector.reports.sentences import money, places

COLUMNS = ("requested", "billed", "currency", "pods", "bill", "beyond request")
TOP = 5
GIB = 2**30


class BilledSizes(NamedTuple):
    """Pods of one request that were billed as one size."""

    vcpu: Decimal
    memory_gib: Decimal
    cpu: Decimal
    memory_bytes: int
    pods: int
    vcpu_cost: Decimal
    memory_cost: Decimal
    cost: Decimal
    killed: int
    """Pods that were killed for lack of memory."""

    @property
    def stated(self) -> bool:
        """Whether both were requested."""
        return bool(self.cpu and self.memory_bytes)

    @property
    def beyond(self) -> Decimal:
        """The part of the costs of vCPU and memory that was not requested, rounded down to 18 places."""
        vcpu = Fraction(self.vcpu_cost) * _unrequested(Fraction(self.cpu), self.vcpu)
        memory = Fraction(self.memory_cost) * _unrequested(Fraction(self.memory_bytes, GIB), self.memory_gib)
        both = vcpu + memory
        return CONTEXT.divide(Decimal(both.numerator), Decimal(both.denominator)).quantize(PLACES, ROUND_FLOOR, CONTEXT)


def _unrequested(requested: Fraction, billed: Decimal) -> Fraction:
    return max(Fraction(0), 1 - requested / Fraction(billed)) if billed else Fraction(0)


def beyond_request(query: Query, chosen: Selection) -> tuple[list[Report], list[str]]:
    """Reports the requests beyond which most was paid; and the notes on what no report can advise."""
    found = _sizes(query, chosen)
    dearest = sorted((one for one in found if one.stated and one.beyond), key=lambda one: (-one.beyond, one))
    rows = [
        (
            _size(Fraction(one.cpu), Fraction(one.memory_bytes, GIB)),
            _size(Fraction(one.vcpu), Fraction(one.memory_gib)),
            chosen.currency,
            one.pods,
            one.cost,
            one.beyond,
        )
        for one in dearest[:TOP]
    ]
    table = Report("Paid beyond the requests", COLUMNS, rows, money=frozenset({"bill", "beyond request"}), keys=2)
    return [table] if rows else [], _notes(found, dearest, chosen.currency)


def _notes(found: list[BilledSizes], dearest: list[BilledSizes], currency: str) -> list[str]:
    pods, without = sum(one.pods for one in found), sum(one.pods for one in found if not one.stated)
    killed = sum(one.killed for one in found)
    beyond = money(total(one.beyond for one in dearest), currency)
    lines = {
        f"{beyond} were paid beyond the requests of {sum(one.pods for one in dearest)} pods, because the product sells only "
        "some sizes; a request of the billed size costs the same": bool(dearest),
        f"{without} pods request no vCPU or no memory, and are billed a size by default": bool(without),
        f"no smaller request is advised for {pods} pods: how much they used at their peak is not stored": bool(pods),
        f"{killed} of them were killed for lack of memory: their request is too small": bool(killed),
    }
    return [line for line, applies in lines.items() if applies]


def _sizes(query: Query, chosen: Selection) -> list[BilledSizes]:
    """Reads the pods that are billed by vCPU and memory, by request and size."""
    of_meter = "arraySum(line -> line.cost, arrayFilter(line -> line.meter = '{}', meters))".format
    sql = f"""
        SELECT billed_vcpu, billed_memory_gib, cpu, memory_bytes, uniqExact(charge.cluster, pod_uid),
               sum(of_vcpu), sum(of_memory), sum(cost), uniqExactIf((charge.cluster, pod_uid), reason = 'OOMKilled')
        FROM (
            SELECT cluster, pod_uid, billed_vcpu, billed_memory_gib, cost, {of_meter("vcpu")} AS of_vcpu,
                   {of_meter("memory")} AS of_memory
            FROM {DATABASE}.cost_current
            WHERE {CREATED} AND rule != 'withdrawn' AND currency = {{currency:String}} AND product != {{plain:String}}
              AND cost IS NOT NULL AND billed_vcpu > 0 AND {chosen.condition}
        ) AS charge
        INNER JOIN (SELECT cluster, uid, cpu, memory_bytes, reason FROM {DATABASE}.pod_run FINAL WHERE {CREATED}) AS pod
            ON charge.cluster = pod.cluster AND charge.pod_uid = pod.uid
        GROUP BY billed_vcpu, billed_memory_gib, cpu, memory_bytes
        ORDER BY billed_vcpu, billed_memory_gib, cpu, memory_bytes
    """
    return [BilledSizes(*row) for row in query(sql, chosen.parameters())]


def _size(vcpu: Fraction, gib: Fraction) -> str:
    """Formats a size as providers write it: 2-4Gi."""
    return f"{places(vcpu, 3).normalize():f}-{places(gib, 3).normalize():f}Gi"
