"""
Rebuilds the rows of a missed workflow from its copy in Argo's archive, as if a list had shown it.

The copy is the workflow's own object and is processed like a listed one; its pods are those in the store, and estimates of
the others (pod_estimates.py). The rows have a version below all versions of the API server, so observed rows win in
whichever order the two arrive. Only a row with the outcome `unknown` is replaced.
"""

from collections.abc import Mapping, Sequence

import msgspec

from collector.core.archive.pod_estimates import (
    ESTIMATED,
    WorkflowRef,
    decoded,
    estimates,
    same_pod,
    steps_of,
    with_step_end,
)
from collector.core.cluster.effects import Effect
from collector.core.cluster.owners import NOTHING
from collector.core.cluster.state import Cluster
from collector.core.cost.changed_charges import WrittenCharges
from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Observation
from collector.core.model import TERMINAL_PHASES, Instant
from collector.core.objects import kubernetes
from collector.core.pod.state import PodState
from collector.core.rules import Rules
from collector.core.workflow.lifecycle import new_workflow
from collector.core.workflow.state import WorkflowState

AS_SEEN = (
    "first_seen_at", "picked_up_at", "first_pod_at", "queue_latency_ms", "latency_source", "start_latency_ms",
    "start_latency_source", "waited_on",
)  # fmt: skip
"""Columns of an `unknown` row that are better than the archive's, if the beginning of work was observed."""


class ClusterContext(msgspec.Struct, frozen=True):
    """What else is needed of a cluster: labels of its namespaces and of its nodes, by name."""

    namespaces: Mapping[str, dict[str, str]] = {}
    node_labels: Mapping[str, dict[str, str]] = {}


class Charged(msgspec.Struct, frozen=True):
    """A pod with charges in the store, with or without a row of its own."""

    uid: str
    created_at: Instant
    step: str
    written: WrittenCharges


class StoredRows(msgspec.Struct, frozen=True):
    """The rows of one workflow in the store."""

    runs: Sequence[WorkflowRun] = ()
    pods: Sequence[PodRun] = ()
    charged: Sequence[Charged] = ()


class ArchivedAttempt(msgspec.Struct, frozen=True):
    """The attempt of a workflow that a copy shows."""

    attempt: int = 1
    version: int = ESTIMATED
    unknown: WorkflowRun | None = None
    """The present row of this attempt, which is replaced."""
    before: WorkflowRun | None = None
    """The attempt before it."""


def read(body: bytes) -> kubernetes.Workflow | None:
    """The workflow in a copy from the archive; None: it is not finished, or cannot be identified."""
    workflow = decoded(body, kubernetes.Workflow)
    if workflow is None or not (workflow.metadata.uid and workflow.metadata.name and workflow.status):
        return None
    return workflow if workflow.status.phase in TERMINAL_PHASES else None


def place_of(workflow: kubernetes.Workflow, runs: Sequence[WorkflowRun]) -> ArchivedAttempt | None:
    """Where a copy belongs among the attempts in the store; None: the store has it."""
    started_at = kubernetes.parse_time(workflow.status.startedAt) if workflow.status else None
    for run in runs:
        if run.outcome != "unknown" and run.started_at == started_at:
            return None
    last = max(runs, key=lambda run: run.attempt, default=None)
    if last is None:
        return ArchivedAttempt()
    if last.outcome == "unknown" and last.started_at in (None, started_at):
        return ArchivedAttempt(last.attempt, last.version + 1, unknown=last)
    return ArchivedAttempt(last.attempt + 1, before=last)


def rows_of(
    name: str, rules: Rules, around: ClusterContext, body: bytes, held: StoredRows, at: Instant
) -> tuple[Cluster, list[Effect]] | None:
    """All effects of a copy, missed pods included; None: the store has it, or it is not a finished workflow."""
    workflow = read(body)
    place = place_of(workflow, held.runs) if workflow else None
    if workflow is None or place is None:
        return None
    steps, ref = steps_of(body), _ref(name, workflow, place, rules, at)
    found = _with_keys(estimates(steps, ref, held.pods, around.node_labels), held)
    ended = {run.uid: run for pod in held.pods if (run := with_step_end(steps, ref, pod))}
    cluster = Cluster(name, rules)
    cluster.namespaces.update(around.namespaces)
    seen = Observation(
        kind="workflows", change="listed", uid=workflow.metadata.uid or "", object=workflow, version=place.version, at=at,
        live=False,
    )  # fmt: skip
    labels = cluster.namespaces.get(workflow.metadata.namespace or "", NOTHING)
    earlier = [_earlier(seen, place.before, rules, labels)] if place.before else []
    written = {charged.uid: charged.written for charged in held.charged}
    # The pods' own versions would lift the workflow's row above later observations.
    known = [msgspec.structs.replace(ended.get(run.uid, run), version=ESTIMATED) for run in held.pods]
    cluster.adopt(earlier, [_ended_pod(run, written.get(run.uid)) for run in (*known, *found)])
    effects = [_as_seen(effect, place, bool(found)) for effect in cluster.observe(seen)]
    return cluster, [*found, *ended.values(), *effects]


def _ref(name: str, workflow: kubernetes.Workflow, place: ArchivedAttempt, rules: Rules, at: Instant) -> WorkflowRef:
    meta, spec = workflow.metadata, workflow.spec or kubernetes.WorkflowSpec()
    status = workflow.status or kubernetes.WorkflowStatus()
    return WorkflowRef(
        cluster=name, namespace=meta.namespace or "", uid=meta.uid or "", name=meta.name or "", attempt=place.attempt,
        started_at=kubernetes.parse_time(status.startedAt),
        finished_at=kubernetes.parse_time(status.finishedAt) or at,
        service_account=spec.serviceAccountName or "", region=rules.region,
    )  # fmt: skip


def _with_keys(found: Sequence[PodRun], held: StoredRows) -> list[PodRun]:
    """Gives pods that were charged while they ran, and whose end was missed, their keys: charges are replaced, not doubled."""
    rows = {run.uid for run in held.pods}
    open_pods = [charged for charged in held.charged if charged.uid not in rows]
    return [_with_key(run, open_pods) for run in found]


def _with_key(run: PodRun, open_pods: Sequence[Charged]) -> PodRun:
    for pod in open_pods:
        if pod.step == run.step and same_pod(pod.created_at, run.created_at, run.finished_at or run.created_at):
            return msgspec.structs.replace(run, uid=pod.uid, created_at=pod.created_at)
    return run


def _ended_pod(run: PodRun, written: WrittenCharges | None) -> PodState:
    return PodState(run, "finished", run.created_at, live=False, historic=True, written=written)


def _earlier(seen: Observation, before: WorkflowRun, rules: Rules, labels: Mapping[str, str]) -> WorkflowState:
    """The workflow after the attempt before, so that the copy begins the next one."""
    state = new_workflow(seen, rules, labels)
    state.attempt.number, state.attempt.finished, state.attempt.started_at = before.attempt, True, before.started_at
    return state


def _as_seen(effect: Effect, place: ArchivedAttempt, estimated: bool) -> Effect:
    """Adds to a workflow's row what was observed before the gap; estimates have no start of a container."""
    if not isinstance(effect, WorkflowRun):
        return effect
    row = msgspec.structs.replace(effect, start_latency_ms=None, start_latency_source="") if estimated else effect
    if place.unknown is None or place.unknown.picked_up_at is None:
        return row
    return msgspec.structs.replace(row, **{field: getattr(place.unknown, field) for field in AS_SEEN})
