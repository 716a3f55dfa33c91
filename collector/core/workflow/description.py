"""
What labels and spec say of a workflow: template, queue, owners. Any version of the object may change them.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from sys import intern

from collector.core.cost import attribution
from collector.core.objects import kubernetes
from collector.core.queue import locks
from collector.core.rules import Rules
from collector.core.workflow import template_version, units
from collector.core.workflow.state import WorkflowState, with_added_reasons

TEMPLATE_LABELS = (
    "workflows.argoproj.io/workflow-template",
    "workflows.argoproj.io/cluster-workflow-template",
    "workflows.argoproj.io/cron-workflow",
)
"""What a workflow was made from; the first label that is set counts."""
WORKFLOW_TEXTS = (
    "namespace", "template", "template_version", "queue", "department", "project", "creator", "service_account",
    "progress",
)  # fmt: skip
ATTEMPT_TEXTS = ("phase", "message", "reason_on", "reason_words")
TRACE_ID = "workflows.argoproj.io/trace-id"
"""Annotation of Argo 4.1 and later, if its controller exports traces: the trace of the workflow, in hex."""
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")


def describe(
    state: WorkflowState, workflow: kubernetes.Workflow, rules: Rules, namespace_labels: Mapping[str, str]
) -> None:
    """Takes over labels and spec, and what is concluded from them."""
    meta, spec = workflow.metadata, workflow.spec or kubernetes.WorkflowSpec()
    labels = meta.labels or {}
    state.priority = spec.priority or 0
    account = intern(spec.serviceAccountName or "")
    evidence = attribution.evidence(rules, labels, meta.annotations or {}, namespace_labels) or None
    if evidence != state.labels or account != state.service_account or not state.version:
        # Each status is an event, but the evidence seldom changes: labels of the controller are not part of it.
        reference = spec.workflowTemplateRef.name if spec.workflowTemplateRef else None
        named = (labels[k] for k in TEMPLATE_LABELS if k in labels)
        state.template = intern(reference or next(named, ""))
        state.labels = _shared(frozenset(evidence.items())) if evidence else None
        state.queue = intern(labels.get(rules.queue_label) or state.namespace)
        state.service_account = account
        _attribute(state, rules)
    if rules.units or state.stated_units:
        state.stated_units = units.stated(rules.units, meta.annotations or {})
    if meta.annotations and TRACE_ID in meta.annotations and _TRACE_ID.fullmatch(meta.annotations[TRACE_ID]):
        state.trace_id = meta.annotations[TRACE_ID]
    version = template_version.version_of_label(rules.version_label, labels, meta.annotations or {})
    if not version and not state.template_version and workflow.status:  # a workflow's stored spec never changes
        version = template_version.version_of_spec(workflow.status.storedWorkflowTemplateSpec)
    state.template_version = intern(version) or state.template_version


def restored(state: WorkflowState, rules: Rules) -> WorkflowState:
    """A state from a checkpoint: it shares its texts with others again, and its owners follow the rules in force."""
    for name in WORKFLOW_TEXTS:
        setattr(state, name, intern(getattr(state, name)))
    attempt = state.attempt
    for name in ATTEMPT_TEXTS:
        setattr(attempt, name, intern(getattr(attempt, name)))
    for one in (attempt, *(state.former or ())):
        one.spent = with_added_reasons(one.spent)
    attempt.held_locks = locks.shared_holds(attempt.held_locks)
    state.labels = _shared(frozenset(state.labels.items())) if state.labels else None
    if state.units:
        state.stated_units, state.units = {units.ONLY_UNIT: state.units}, ""
    _attribute(state, rules)
    return state


def _attribute(state: WorkflowState, rules: Rules) -> None:
    owners = attribution.owner_of_row(
        rules,
        row_labels=state.labels or {},
        namespace=state.namespace,
        template=state.template,
        service_account=state.service_account,
        created_at=state.created_at,
    )
    state.department, state.project, state.creator = map(intern, owners)


@lru_cache(maxsize=10_000)
def _shared(labels: frozenset[tuple[str, str]]) -> dict[str, str]:
    """One dict for all equal labels, never to be changed: a queue of a hundred thousand workflows has a few dozen."""
    return {intern(k): intern(v) for k, v in labels}
