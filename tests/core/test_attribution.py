"""Who pays: the first rule that matches."""

from typing import Any

import pytest

from collector.core.attribution import UNALLOCATED, Owned, owner
from collector.core.rules import ARGO_LABELS, AttributionRule, Rules

OWNED = Owned(
    namespace="team",
    labels={"department": "by-label", "empty": ""},
    annotations={"paid-by": "by-annotation"},
    namespace_labels={"department": "by-namespace-label"},
    template="train",
    service_account="robot",
)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (AttributionRule("workflow_label", "department"), "by-label"),
        (AttributionRule("workflow_annotation", "paid-by"), "by-annotation"),
        (AttributionRule("namespace_label", "department"), "by-namespace-label"),
        (AttributionRule("template", map={"train": "ml"}), "ml"),
        (AttributionRule("service_account", map={"robot": "automation"}), "automation"),
        (AttributionRule("namespace", map={"team": "t"}), "t"),
        (AttributionRule("namespace"), "team"),
    ],
)
def test_each_source_is_read(rule: AttributionRule, expected: str) -> None:
    """Where a rule says to look, there it looks."""
    assert owner((rule,), OWNED) == expected


@pytest.mark.parametrize(
    "rule",
    [
        AttributionRule("workflow_label", "other"),
        AttributionRule("workflow_label", "empty"),
        AttributionRule("workflow_annotation", "other"),
        AttributionRule("namespace_label", "other"),
        AttributionRule("namespace", map={"elsewhere": "x"}),
    ],
)
def test_a_rule_that_finds_nothing_leaves_it_to_the_next(rule: AttributionRule) -> None:
    """Empty text is nothing, and so is what a map lacks."""
    assert owner((rule, AttributionRule("namespace")), OWNED) == "team"


def test_the_first_rule_that_matches_decides() -> None:
    """Their order is the operator's word."""
    rules = (AttributionRule("namespace_label", "department"), AttributionRule("workflow_label", "department"))

    assert owner(rules, OWNED) == "by-namespace-label"


@pytest.mark.parametrize(("more", "expected"), [({}, UNALLOCATED), ({"otherwise": ""}, "")])
def test_what_matches_none_is_said(more: dict[str, Any], expected: str) -> None:
    """Cost that nobody owns is a figure of its own."""
    assert owner((), OWNED, **more) == expected


def test_only_labels_that_a_rule_reads_are_kept() -> None:
    """Labels may hold anything; Argo's own few name what ran."""
    rules = Rules(
        queue_label="queue",
        department=(AttributionRule("workflow_label", "dep"), AttributionRule("workflow_annotation", "note")),
        project=(AttributionRule("namespace_label", "x"),),
    )

    assert rules.kept_labels == {*ARGO_LABELS, "queue", "dep"}


def test_without_a_queue_label_none_is_kept() -> None:
    """An empty name is no label."""
    assert Rules().kept_labels == set(ARGO_LABELS)
