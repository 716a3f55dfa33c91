"""Pods whose workflow was never seen: who pays for them, and which class their cost has."""

import msgspec

from collector.core.facts.bills import PodCost
from collector.core.messages import Observation, Synced
from collector.core.rules import AttributionRule
from tests.builders import HOUR, NOON, RULES, SECOND, a_namespace, a_vanishing, an_observation, ended_pod
from tests.flow import BEGUN, DONE, ENDED_POD, STARTED_POD, SUBMITTED, a_pipeline, drained, only, position

BY_LABEL = msgspec.structs.replace(
    RULES,
    department=(AttributionRule("workflow_label", "department"), AttributionRule("namespace_label", "department")),
)
FINANCE = an_observation(a_namespace("team", labels={"department": "finance"}), "listed")


def owners(flow_facts: object) -> set[tuple[str, str]]:
    """Department and class of the newest charge."""
    charge = only(PodCost, flow_facts)[-1]  # type: ignore[arg-type]
    return {(charge.department, charge.class_)}


def test_a_pod_of_a_workflow_that_existed_only_in_a_gap_is_paid_by_its_namespace() -> None:
    """The rules that read the workflow's own labels cannot match; how it ended is not known."""
    flow = a_pipeline(rules=BY_LABEL)
    listed = an_observation(ended_pod(), "listed", when=NOON + HOUR)
    flow.take(
        "c1", [FINANCE, listed, Synced("pods", "9"), Synced("workflows", "9"), position("workflows", "999999999")]
    )

    assert owners(drained(flow).facts) == {("finance", "unknown")}


def test_without_a_rule_that_matches_it_is_unallocated() -> None:
    """A figure of its own, never hidden."""
    flow = a_pipeline(rules=BY_LABEL)
    flow.take("c1", [ENDED_POD])

    assert owners(drained(flow).facts) == {("unallocated", "unknown")}


def test_a_workflow_that_is_seen_later_makes_the_class_known() -> None:
    """The watch of pods was ahead."""
    flow = a_pipeline(rules=BY_LABEL)
    flow.take("c1", [FINANCE, ENDED_POD, SUBMITTED, BEGUN, DONE])

    assert owners(drained(flow).facts) == {("finance", "useful")}


def test_an_end_that_was_not_seen_is_neither_useful_nor_failed() -> None:
    """The workflow vanished in a gap, and with it how it ended."""
    flow = a_pipeline(rules=BY_LABEL)
    gone: Observation = a_vanishing("workflows", "w1", when=NOON + 90 * SECOND)
    flow.take("c1", [FINANCE, SUBMITTED, BEGUN, STARTED_POD, ENDED_POD, gone])

    assert owners(drained(flow).facts) == {("finance", "unknown")}
