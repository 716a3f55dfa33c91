"""
Who bears the charges of pods whose objects are long gone: their workflows, as the store kept them.

A workflow that has not finished has no row yet; what its charges said of it so far stands in until its end, which the
collector will tell of. Every question is bounded by the pods of one page.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from collector.core.cost.attribution import AttributionInput, reattribute
from collector.core.cost.payer import Payer
from collector.core.facts.bills import PodRun
from collector.core.rules import Rules
from collector.store.clickhouse import Store

NONE: frozenset[str] = frozenset()


RUNS = """
    SELECT uid, version, template, department, project, creator, attempt, outcome, namespace, labels,
           service_account, toUnixTimestamp64Milli(created_at), template_version
    FROM lynceus.workflow_run
    WHERE cluster = {cluster:String} AND namespace = {namespace:String} AND uid IN {uids:Array(String)}
    ORDER BY uid, attempt DESC, version DESC LIMIT 1 BY uid
"""
TOLD = """
    SELECT workflow_uid, max(version), argMax(template, version), argMax(department, version),
           argMax(project, version), argMax(creator, version), max(attempt), argMax(template_version, version)
    FROM lynceus.pod_cost
    WHERE cluster = {cluster:String} AND namespace = {namespace:String} AND pod_uid IN {pods:Array(String)}
      AND created_at >= fromUnixTimestamp64Milli({first:Int64})
      AND created_at <= fromUnixTimestamp64Milli({last:Int64}) AND workflow_uid IN {uids:Array(String)} AND entry = 0
    GROUP BY workflow_uid
"""
LIVE = """
    SELECT uid, version, attempt FROM lynceus.workflow_live FINAL
    WHERE cluster = {cluster:String} AND uid IN {uids:Array(String)}
"""
RETRIED = """
    SELECT workflow_uid, attempt, groupArray(node_id) FROM (
        SELECT workflow_uid, attempt, node_id, retried FROM lynceus.step_run
        WHERE cluster = {cluster:String} AND namespace = {namespace:String} AND workflow_uid IN {uids:Array(String)}
        ORDER BY version DESC LIMIT 1 BY workflow_uid, attempt, node_id
    ) WHERE retried GROUP BY workflow_uid, attempt
"""


def payers_of(store: Store, page: Sequence[PodRun], rules: Rules) -> dict[str, Payer]:
    """The workflows of pods of one cluster and namespace, by uid; those of which nothing is known are not there."""
    asked = _asked(page)
    known = {str(row[0]): _kept(row, rules) for row in store.query_rows(RUNS, asked)}
    if missing := [uid for uid in asked["uids"] if uid not in known]:
        told = store.query_rows(TOLD, {**asked, "uids": missing})
        known |= {str(row[0]): _as_told(row) for row in told}
    retried = {(uid, attempt): frozenset(nodes) for uid, attempt, nodes in store.query_rows(RETRIED, asked)}
    live = {uid: (version, attempt) for uid, version, attempt in store.query_rows(LIVE, asked)}
    return {
        uid: _as_of_now(
            msgspec.structs.replace(kept, retried_nodes=retried.get((uid, kept.attempt), NONE)), live.get(uid)
        )
        for uid, kept in known.items()
    }


def _asked(page: Sequence[PodRun]) -> dict[str, Any]:
    created = [pod.created_at for pod in page]
    return {
        "cluster": page[0].cluster,
        "namespace": page[0].namespace,
        "pods": [pod.uid for pod in page],
        "first": min(created),
        "last": max(created),
        "uids": sorted({pod.workflow_uid for pod in page if pod.workflow_uid}),
    }


def _as_told(row: Sequence[Any]) -> Payer:
    _, version, template, department, project, creator, attempt, template_version = row
    return Payer(
        version=version, template=template, template_version=template_version, department=department, project=project,
        creator=creator, attempt=attempt, finished=False, outcome="",
    )  # fmt: skip


def _kept(row: Sequence[Any], rules: Rules) -> Payer:
    (
        _,
        version,
        template,
        department,
        project,
        creator,
        attempt,
        outcome,
        namespace,
        labels,
        account,
        created_at,
        told,
    ) = row
    owned = AttributionInput(labels, namespace, template, account, created_at)
    return Payer(
        version=version,
        template=template,
        template_version=told,
        department=reattribute(rules.department, owned, department),
        project=reattribute(rules.project, owned, project, otherwise=""),
        creator=reattribute(rules.creator, owned, creator, otherwise=""),
        attempt=attempt,
        finished=True,
        outcome=outcome,
    )


def _as_of_now(kept: Payer, live: tuple[int, int] | None) -> Payer:
    """A workflow that was taken up again after its row: its newest attempt runs."""
    if live is None or live[1] <= kept.attempt:
        return kept
    version, attempt = live
    return msgspec.structs.replace(
        kept, version=max(version, kept.version), attempt=attempt, finished=False, outcome="", retried_nodes=NONE
    )
