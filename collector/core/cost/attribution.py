"""
Who pays for a workflow: the first rule that matches decides, and what matches none is `unallocated`, never hidden.

Judged from the workflow, not from its pods: a pod carries labels of its template, its workflow those of its owner. And from
what its row keeps, nothing else: so rules that change can be put to old rows, and give what they would have given then.
The date that counts is the workflow's creation. A run has one owner from its first pod to its last and through every retry;
by the day of each pod, a run over midnight would be two departments' and neither would find it whole.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from collector.core.model import Instant
from collector.core.rules import AttributionRule, Rules

UNALLOCATED = "unallocated"
ALWAYS_KEPT = ("workflow_label", "template", "namespace")
"""Sources that a row of any release and under any rules keeps; others it keeps only if a rule of its day read them."""
ANNOTATION, NAMESPACE = "annotation:", "namespace:"
"""Set the kept annotations, and the labels of the namespace, apart from labels, whose names have no colon."""
TEXT_LIMIT = 256
"""An annotation may be as long as a book; who pays has a name."""


class AttributionInput(msgspec.Struct, frozen=True):
    """What a rule may look at, as a row of workflow_run holds it."""

    labels: Mapping[str, str]
    namespace: str
    template: str
    service_account: str
    created_at: Instant


def evidence(
    rules: Rules, labels: Mapping[str, str], annotations: Mapping[str, str], namespace_labels: Mapping[str, str]
) -> dict[str, str]:
    """What is kept of a workflow's labels and annotations and its namespace's labels: what a rule reads."""
    kept = {key: text for key, text in labels.items() if key in rules.kept_labels}
    for key in rules.kept_annotations:
        if text := annotations.get(key):
            kept[ANNOTATION + key] = text[:TEXT_LIMIT]
    for key in rules.kept_namespace_labels:
        if text := namespace_labels.get(key):
            kept[NAMESPACE + key] = text
    return kept


def owner_of_row(
    rules: Rules,
    row_labels: Mapping[str, str],
    namespace: str,
    template: str,
    service_account: str,
    created_at: Instant,
) -> tuple[str, str, str]:
    """Department, project and creator of a workflow, from its row alone."""
    owned = AttributionInput(row_labels, namespace, template, service_account, created_at)
    return (
        owner(rules.department, owned),
        owner(rules.project, owned, otherwise=""),
        owner(rules.creator, owned, otherwise=""),
    )


def owner(rules: tuple[AttributionRule, ...], owned: AttributionInput, otherwise: str = UNALLOCATED) -> str:
    """What the first rule names that holds on the day and matches."""
    for rule in rules:
        found = _value_of(rule, owned) if rule.holds(owned.created_at) else ""
        if rule.map is not None:
            found = rule.map.get(found, "")
        if found:
            return found
    return otherwise


def reattribute(
    rules: tuple[AttributionRule, ...], owned: AttributionInput, concluded: str, otherwise: str = UNALLOCATED
) -> str:
    """
    The owner by the rules in force, of a workflow of which only its row is left.

    Where none matches, but one reads what the row may not have kept, what was concluded then stands.
    """
    found = owner(rules, owned, "")
    unread = any(rule.source not in ALWAYS_KEPT for rule in rules)
    return found or (concluded if unread and concluded else otherwise)


def _value_of(rule: AttributionRule, owned: AttributionInput) -> str:
    match rule.source:
        case "workflow_label":
            return owned.labels.get(rule.key, "")
        case "workflow_annotation":
            return owned.labels.get(ANNOTATION + rule.key, "")
        case "namespace_label":
            return owned.labels.get(NAMESPACE + rule.key, "")
        case "template":
            return owned.template
        case "service_account":
            return owned.service_account
    return owned.namespace


def version(rules: Rules) -> str:
    """A hash of the rules in their order: another one means that something may have another owner."""
    told = msgspec.json.encode([rules.department, rules.project, rules.creator], order="deterministic")
    return hashlib.sha256(told).hexdigest()[:16]
