"""
Estimates that evidence has overtaken: a pod's own row arrived after its workflow had been taken from the archive.

Its key is another than the estimate's, so that nothing replaces the estimate by itself. It is withdrawn: its charges become
0, which is no guess here, since the pod's own charge stands beside them; its row keeps no instant that could be billed.
"""

from collections import defaultdict
from decimal import Decimal

from msgspec.structs import replace

from collector.backfill.importer import REACH_MS
from collector.billing.rows import read_facts, write_facts
from collector.core.archive.pod_estimates import ESTIMATED, UID, same_pod
from collector.core.facts.bills import PodCost, PodRun
from collector.core.model import Instant
from collector.store.clickhouse import Store

WITHDRAWN = "withdrawn"
"""The rule of a charge, and the reason of a pod's row, that another one stands for."""
NOUGHT = Decimal(0)


def withdraw(store: Store, cluster: str, begin: Instant, end: Instant) -> int:
    """Withdraw what was estimated of a period and has been seen since; how many pods that were."""
    estimated = read_facts(
        store, PodRun,
        "FINAL WHERE cluster = {cluster:String} AND created_at >= fromUnixTimestamp64Milli({begin:Int64}) "
        "AND created_at < fromUnixTimestamp64Milli({end:Int64}) AND startsWith(uid, {sign:String}) AND reason != {why:String}",
        {"cluster": cluster, "begin": begin - REACH_MS, "end": end, "sign": UID, "why": WITHDRAWN},
    )  # fmt: skip
    gone = _overtaken(store, cluster, estimated) if estimated else []
    if gone:
        charges = read_facts(
            store, PodCost, "FINAL WHERE cluster = {cluster:String} AND pod_uid IN {uids:Array(String)} AND entry = 0",
            {"cluster": cluster, "uids": [run.uid for run in gone]},
        )  # fmt: skip
        write_facts(store, [_no_charge(charge) for charge in charges])
        write_facts(store, [_no_pod(run) for run in gone])
    return len(gone)


def _overtaken(store: Store, cluster: str, estimated: list[PodRun]) -> list[PodRun]:
    """Those of which a row of their own is there."""
    rows = store.query_rows(
        "SELECT workflow_uid, node_id, toUnixTimestamp64Milli(created_at) FROM lynceus.pod_run "
        "WHERE cluster = {cluster:String} AND workflow_uid IN {uids:Array(String)} AND NOT startsWith(uid, {sign:String})",
        {"cluster": cluster, "uids": sorted({run.workflow_uid for run in estimated}), "sign": UID},
    )
    seen: defaultdict[tuple[str, str], list[Instant]] = defaultdict(list)
    for workflow_uid, node_id, created_at in rows:
        seen[workflow_uid, node_id].append(created_at)
    return [
        run
        for run in estimated
        if any(same_pod(at, run.created_at, run.finished_at or at) for at in seen[run.workflow_uid, run.node_id])
    ]


def _no_charge(charge: PodCost) -> PodCost:
    return replace(
        charge, version=charge.version + 1, cost=NOUGHT, cost_pending=NOUGHT, list_cost=NOUGHT, rounded_cost=NOUGHT,
        billed_seconds=0, meters=(), rule=WITHDRAWN,
    )  # fmt: skip


def _no_pod(run: PodRun) -> PodRun:
    return replace(
        run, version=ESTIMATED + 1, reason=WITHDRAWN, scheduled_at=None, main_started_at=None, exit_code=None
    )  # fmt: skip
