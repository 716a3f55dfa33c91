"""
Withdraws estimates of pods whose own rows arrived after their workflow was imported from the archive.

The pod's own row has another key than the estimate, so it does not replace the estimate. The withdrawn estimate's charges
become 0, because the pod's own charges stand beside them, and its row loses every instant that could be billed.
"""

from collections import defaultdict

from msgspec.structs import replace

from collector.backfill.importer import REACH_MS
from collector.billing.rows import read_facts, write_facts
from collector.core.archive.pod_estimates import ESTIMATED, UID, same_pod
from collector.core.facts.bills import PodCost, PodRun
from collector.core.model import Instant
from collector.core.units import ZERO
from collector.store.clickhouse import Store

WITHDRAWN = "withdrawn"
"""The rule of a withdrawn charge, and the reason of a withdrawn pod's row."""
ESTIMATES = """FINAL
    WHERE cluster = {cluster:String} AND created_at >= fromUnixTimestamp64Milli({begin:Int64})
      AND created_at < fromUnixTimestamp64Milli({end:Int64})
      AND startsWith(uid, {sign:String}) AND reason != {withdrawn:String}
"""


def withdraw(store: Store, cluster: str, begin: Instant, end: Instant) -> int:
    """Withdraws the estimates of a period whose pods have rows of their own by now; returns the number of pods."""
    parameters = {"cluster": cluster, "begin": begin - REACH_MS, "end": end, "sign": UID, "withdrawn": WITHDRAWN}
    estimated = read_facts(store, PodRun, ESTIMATES, parameters)
    replaced = _replaced(store, cluster, estimated) if estimated else []
    if replaced:
        charges = read_facts(
            store,
            PodCost,
            "FINAL WHERE cluster = {cluster:String} AND pod_uid IN {uids:Array(String)} AND entry = 0",
            {"cluster": cluster, "uids": [run.uid for run in replaced]},
        )
        write_facts(store, [_withdrawn_charge(charge) for charge in charges])
        write_facts(store, [_withdrawn_pod(run) for run in replaced])
    return len(replaced)


def _replaced(store: Store, cluster: str, estimated: list[PodRun]) -> list[PodRun]:
    """Returns the estimates whose pods have rows of their own."""
    rows = store.query_rows(
        "SELECT workflow_uid, node_id, toUnixTimestamp64Milli(created_at) FROM lynceus.pod_run "
        "WHERE cluster = {cluster:String} AND workflow_uid IN {uids:Array(String)} AND NOT startsWith(uid, {sign:String})",
        {"cluster": cluster, "uids": sorted({run.workflow_uid for run in estimated}), "sign": UID},
    )
    created: defaultdict[tuple[str, str], list[Instant]] = defaultdict(list)
    for workflow_uid, node_id, created_at in rows:
        created[workflow_uid, node_id].append(created_at)
    return [
        run
        for run in estimated
        if any(same_pod(at, run.created_at, run.finished_at or at) for at in created[run.workflow_uid, run.node_id])
    ]


def _withdrawn_charge(charge: PodCost) -> PodCost:
    return replace(
        charge,
        version=charge.version + 1,
        cost=ZERO,
        cost_pending=ZERO,
        list_cost=ZERO,
        rounded_cost=ZERO,
        billed_seconds=0,
        meters=(),
        rule=WITHDRAWN,
    )


def _withdrawn_pod(run: PodRun) -> PodRun:
    return replace(
        run, version=ESTIMATED + 1, reason=WITHDRAWN, scheduled_at=None, main_started_at=None, exit_code=None
    )
