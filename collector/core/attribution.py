"""
Who pays for a workflow: the first rule that matches decides, and what matches none is `unallocated`, never hidden.

Judged from the workflow, not from its pods: a pod carries labels of its template, its workflow those of its owner.
"""

from collections.abc import Mapping

import msgspec

from collector.core.rules import AttributionRule

UNALLOCATED = "unallocated"
KEPT = ("workflow_label", "template", "namespace")
"""Sources that a workflow's row keeps; its annotations, service account and namespace's labels it does not."""


class Owned(msgspec.Struct, frozen=True):
    """What a rule may look at."""

    namespace: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    namespace_labels: Mapping[str, str]
    template: str
    service_account: str


def owner(rules: tuple[AttributionRule, ...], owned: Owned, otherwise: str = UNALLOCATED) -> str:
    """The department or project that the first matching rule names."""
    for rule in rules:
        found = _found(rule, owned)
        if rule.map is not None:
            found = rule.map.get(found, "")
        if found:
            return found
    return otherwise


def owner_again(rules: tuple[AttributionRule, ...], owned: Owned, concluded: str, otherwise: str = UNALLOCATED) -> str:
    """
    The department or project by the rules in force, of a workflow of which only its row is left.

    A rule that reads what no row keeps is taken at its word of then: what was concluded stands, if anything was.
    """
    for rule in rules:
        if rule.source not in KEPT and concluded != otherwise:
            return concluded
        if rule.source in KEPT and (found := owner((rule,), owned, "")):
            return found
    return otherwise


def _found(rule: AttributionRule, owned: Owned) -> str:
    match rule.source:
        case "workflow_label":
            return owned.labels.get(rule.key, "")
        case "workflow_annotation":
            return owned.annotations.get(rule.key, "")
        case "namespace_label":
            return owned.namespace_labels.get(rule.key, "")
        case "template":
            return owned.template
        case "service_account":
            return owned.service_account
    return owned.namespace
