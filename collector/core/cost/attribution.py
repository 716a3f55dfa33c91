"""
Decides who pays for a workflow: the first rule that matches; without a match the owner is `unallocated`, never hidden.

1. Rules read the workflow, not its pods: a pod has the labels of its template, a workflow those of its owner.
2. Rules read only what the workflow's row keeps. So new rules can be applied to old rows, with the result that they
   would have had at the time.
3. The date that counts is the workflow's creation. A run has one owner from its first pod to its last and through every
   retry. By the day of each pod, a run over midnight would belong to two departments, and neither would see all of it.
"""

import hashlib
from collections.abc import Mapping
from typing import assert_never

import msgspec

from collector.core.cost.payer import Payer
from collector.core.facts.bills import PodRun
from collector.core.model import Instant
from collector.core.rules import AttributionRule, Rules

UNALLOCATED = "unallocated"
ALWAYS_KEPT = ("workflow_label", "template", "namespace")
"""Sources that every row keeps, of any release and rules; other sources are kept only if a rule of that time read them."""
ANNOTATION, NAMESPACE = "annotation:", "namespace:"
"""Prefixes of kept annotations and namespace labels; label names contain no colon, so they cannot collide."""
TEXT_LIMIT = 256
"""Longest kept annotation; a department or a name is shorter, while an annotation may have 256 KiB."""


class AttributionInput(msgspec.Struct, frozen=True):
    """Inputs of the rules, as a row of workflow_run keeps them."""

    labels: Mapping[str, str]
    namespace: str
    template: str
    service_account: str
    created_at: Instant


def evidence(
    rules: Rules, labels: Mapping[str, str], annotations: Mapping[str, str], namespace_labels: Mapping[str, str]
) -> dict[str, str]:
    """Labels and annotations of a workflow, and labels of its namespace, that the rules read and a row keeps."""
    evidence = {key: text for key, text in labels.items() if key in rules.kept_labels}
    for key in rules.kept_annotations:
        if text := annotations.get(key):
            evidence[ANNOTATION + key] = text[:TEXT_LIMIT]
    for key in rules.kept_namespace_labels:
        if text := namespace_labels.get(key):
            evidence[NAMESPACE + key] = text
    return evidence


def owner_of_row(
    rules: Rules,
    *,
    row_labels: Mapping[str, str],
    namespace: str,
    template: str,
    service_account: str,
    created_at: Instant,
) -> tuple[str, str, str]:
    """Department, project and creator of a workflow, from its row alone."""
    row = AttributionInput(row_labels, namespace, template, service_account, created_at)
    return (
        owner(rules.department, row),
        owner(rules.project, row, otherwise=""),
        owner(rules.creator, row, otherwise=""),
    )


def owner(rules: tuple[AttributionRule, ...], row: AttributionInput, otherwise: str = UNALLOCATED) -> str:
    """Owner by the first rule that is valid on the workflow's day and matches."""
    for rule in rules:
        value = _value_of(rule, row) if rule.holds(row.created_at) else ""
        if rule.map is not None:
            value = rule.map.get(value, "")
        if value:
            return value
    return otherwise


def payer_of_orphan(rules: Rules, run: PodRun, namespace_labels: Mapping[str, str]) -> Payer:
    """
    Payer of a pod whose workflow was never seen, since it existed only inside a gap, or has not been seen yet.

    The rules that read the workflow's own labels cannot match; those of its namespace can.
    """
    row = AttributionInput(
        evidence(rules, {}, {}, namespace_labels), run.namespace, "", run.service_account, run.created_at
    )
    return Payer(
        version=0, template="", template_version="", department=owner(rules.department, row),
        project=owner(rules.project, row, otherwise=""), creator=owner(rules.creator, row, otherwise=""),
        attempt=run.attempt, finished=False, outcome="unknown",
    )  # fmt: skip


def reattribute(
    rules: tuple[AttributionRule, ...], row: AttributionInput, former: str, otherwise: str = UNALLOCATED
) -> str:
    """
    Attribute a stored workflow again, by the present rules and from its row alone.

    The former owner stays if no rule matches and a rule reads a source that the row may not have kept.
    """
    present = owner(rules, row, "")
    unread = any(rule.source not in ALWAYS_KEPT for rule in rules)
    return present or (former if unread and former else otherwise)


def _value_of(rule: AttributionRule, row: AttributionInput) -> str:
    """Value that a rule reads from a row; empty: the row has none."""
    match rule.source:
        case "workflow_label":
            return row.labels.get(rule.key, "")
        case "workflow_annotation":
            return row.labels.get(ANNOTATION + rule.key, "")
        case "namespace_label":
            return row.labels.get(NAMESPACE + rule.key, "")
        case "template":
            return row.template
        case "service_account":
            return row.service_account
        case "namespace":
            return row.namespace
        case _:
            assert_never(rule.source)


def version(rules: Rules) -> str:
    """Hash of the rules in their order; a different hash means that some workflow may have a different owner."""
    encoded = msgspec.json.encode([rules.department, rules.project, rules.creator], order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:16]
