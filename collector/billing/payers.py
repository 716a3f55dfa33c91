"""
Payers of pods whose objects no longer exist: their workflows, from stored rows.

A workflow that has not finished has no row yet. Until the collector writes its end, the workflow's earlier charges stand
in. A workflow that has no row and does not run was never seen, or its end was not. Every query is bounded by the pods of
one page.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from collector.billing.rows import read_rows
from collector.core.cost.attribution import AttributionInput, payer_of_orphan, reattribute
from collector.core.cost.payer import Payer
from collector.core.facts.bills import PodRun
from collector.core.model import Instant
from collector.core.rules import Rules
from collector.store.clickhouse import Store

NONE: frozenset[str] = frozenset()


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """The newest row of a workflow's newest finished attempt."""

    uid: str
    version: int
    template: str
    department: str
    project: str
    creator: str
    attempt: int
    outcome: str
    namespace: str
    labels: dict[str, str]
    service_account: str
    created_ms: Instant
    template_version: str


class ChargesRow(msgspec.Struct, frozen=True, kw_only=True):
    """The latest values in a workflow's charges."""

    workflow_uid: str
    last_version: int
    last_template: str
    last_department: str
    last_project: str
    last_creator: str
    last_attempt: int
    last_template_version: str


class LiveRow(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow that runs now."""

    uid: str
    version: int
    attempt: int


class RetriedRow(msgspec.Struct, frozen=True, kw_only=True):
    """The retried nodes of an attempt."""

    workflow_uid: str
    attempt: int
    nodes: list[str]


class RepeatedRow(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of a workflow that a later attempt ran again, and the newest such attempt of each."""

    workflow_uid: str
    nodes: list[tuple[str, int]]


RUNS = """
    SELECT uid, version, template, department, project, creator, attempt, outcome, namespace, labels,
           service_account, toUnixTimestamp64Milli(created_at) AS created_ms, template_version
    FROM lynceus.workflow_run
    WHERE cluster = {cluster:String} AND namespace = {namespace:String} AND uid IN {uids:Array(String)}
    ORDER BY uid, attempt DESC, version DESC LIMIT 1 BY uid
"""
CHARGES = """
    SELECT workflow_uid, max(version) AS last_version, argMax(template, version) AS last_template,
           argMax(department, version) AS last_department, argMax(project, version) AS last_project,
           argMax(creator, version) AS last_creator, max(attempt) AS last_attempt,
           argMax(template_version, version) AS last_template_version
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
    SELECT workflow_uid, attempt, groupArray(node_id) AS nodes FROM (
        SELECT workflow_uid, attempt, node_id, retried FROM lynceus.step_run
        WHERE cluster = {cluster:String} AND namespace = {namespace:String} AND workflow_uid IN {uids:Array(String)}
        ORDER BY version DESC LIMIT 1 BY workflow_uid, attempt, node_id
    ) WHERE retried GROUP BY workflow_uid, attempt
"""
REPEATED = """
    SELECT workflow_uid, groupArray((node_id, newest)) AS nodes FROM (
        SELECT workflow_uid, node_id, max(attempt) AS newest FROM lynceus.step_run
        WHERE cluster = {cluster:String} AND namespace = {namespace:String} AND workflow_uid IN {uids:Array(String)}
          AND attempt > 1 AND pod_uid != ''
        GROUP BY workflow_uid, node_id
    ) GROUP BY workflow_uid
"""


def payers_of(store: Store, page: Sequence[PodRun], rules: Rules) -> dict[str, Payer]:
    """Returns the workflows of pods of one cluster and namespace by uid."""
    parameters = _parameters(page)
    live = {row.uid: row for row in read_rows(store, LiveRow, LIVE, parameters)}
    workflows = {row.uid: _from_run(row, rules) for row in read_rows(store, RunRow, RUNS, parameters)}
    if missing := [uid for uid in parameters["uids"] if uid not in workflows]:
        rows = read_rows(store, ChargesRow, CHARGES, {**parameters, "uids": missing})
        charged = {row.workflow_uid: row for row in rows}
        orphans = {run.workflow_uid: run for run in reversed(page) if run.workflow_uid in missing}
        workflows |= {uid: _from_charges(charged.get(uid), run, rules, uid in live) for uid, run in orphans.items()}
    retried = {(row.workflow_uid, row.attempt): row for row in read_rows(store, RetriedRow, RETRIED, parameters)}
    repeated = {row.workflow_uid: row for row in read_rows(store, RepeatedRow, REPEATED, parameters)}
    return {
        uid: _reopened(_with_retried(workflow, retried.get((uid, workflow.attempt)), repeated.get(uid)), live.get(uid))
        for uid, workflow in workflows.items()
    }


def _parameters(page: Sequence[PodRun]) -> dict[str, Any]:
    created = [pod.created_at for pod in page]
    return {
        "cluster": page[0].cluster,
        "namespace": page[0].namespace,
        "pods": [pod.uid for pod in page],
        "first": min(created),
        "last": max(created),
        "uids": sorted({pod.workflow_uid for pod in page if pod.workflow_uid}),
    }


def _from_charges(row: ChargesRow | None, run: PodRun, rules: Rules, runs_now: bool) -> Payer:
    """The payer of a workflow without a row: by its earlier charges, and by the rules as far as they read its namespace."""
    orphan = payer_of_orphan(rules, run, {})
    if row is None:
        return orphan
    owned = AttributionInput({}, run.namespace, row.last_template, run.service_account, run.created_at)
    return Payer(
        version=row.last_version,
        template=row.last_template,
        department=reattribute(rules.department, owned, row.last_department),
        project=reattribute(rules.project, owned, row.last_project, otherwise=""),
        creator=reattribute(rules.creator, owned, row.last_creator, otherwise=""),
        attempt=row.last_attempt,
        finished=False,
        outcome="" if runs_now else orphan.outcome,
        template_version=row.last_template_version,
    )


def _from_run(row: RunRow, rules: Rules) -> Payer:
    """Applies the attribution rules that are now in force to a stored workflow."""
    owned = AttributionInput(row.labels, row.namespace, row.template, row.service_account, row.created_ms)
    return Payer(
        version=row.version,
        template=row.template,
        department=reattribute(rules.department, owned, row.department),
        project=reattribute(rules.project, owned, row.project, otherwise=""),
        creator=reattribute(rules.creator, owned, row.creator, otherwise=""),
        attempt=row.attempt,
        finished=True,
        outcome=row.outcome,
        template_version=row.template_version,
    )


def _with_retried(workflow: Payer, retried: RetriedRow | None, repeated: RepeatedRow | None) -> Payer:
    return msgspec.structs.replace(
        workflow,
        retried_nodes=frozenset(retried.nodes) if retried else NONE,
        repeated=dict(repeated.nodes) if repeated else None,
    )


def _reopened(workflow: Payer, live: LiveRow | None) -> Payer:
    """Replaces the finished attempt of a workflow that was retried since: its newest attempt is running."""
    if live is None or live.attempt <= workflow.attempt:
        return workflow
    return msgspec.structs.replace(
        workflow,
        version=max(live.version, workflow.version),
        attempt=live.attempt,
        finished=False,
        outcome="",
        retried_nodes=NONE,
    )
