"""Attribution: the source of each rule, its validity and precedence, and equal results from row and workflow."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.cluster.state import Cluster
from collector.core.cost.attribution import (
    TEXT_LIMIT,
    UNALLOCATED,
    AttributionInput,
    evidence,
    owner,
    owner_of_row,
    reattribute,
)
from collector.core.facts.workflows import WorkflowRun
from collector.core.rules import ACTOR_LABEL, ARGO_LABELS, CREATOR_LABEL, AttributionRule, Rules
from tests.builders import DAY, HOUR, NOON, a_namespace, a_workflow, an_observation

OWNED = AttributionInput(
    labels={
        "department": "by-label",
        "annotation:paid-by": "by-annotation",
        "namespace:department": "by-namespace-label",
    },
    namespace="team",
    template="train",
    service_account="robot",
    created_at=NOON,
)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (AttributionRule("workflow_label", "department"), "by-label"),
        (AttributionRule("workflow_label", "department", {"by-label": "mapped"}), "mapped"),
        (AttributionRule("workflow_annotation", "paid-by"), "by-annotation"),
        (AttributionRule("namespace_label", "department"), "by-namespace-label"),
        (AttributionRule("template", map={"train": "ml"}), "ml"),
        (AttributionRule("service_account", map={"robot": "automation"}), "automation"),
        (AttributionRule("namespace", map={"team": "t"}), "t"),
        (AttributionRule("namespace"), "team"),
        (AttributionRule("namespace", begin=NOON, end=NOON + 1), "team"),
    ],
)
def test_each_source_is_read(rule: AttributionRule, expected: str) -> None:
    """A rule reads the source that it names."""
    assert owner((rule,), OWNED) == expected


@pytest.mark.parametrize(
    "rule",
    [
        AttributionRule("workflow_label", "other"),
        AttributionRule("workflow_label", "empty"),
        AttributionRule("workflow_annotation", "other"),
        AttributionRule("namespace_label", "other"),
        AttributionRule("namespace", map={"elsewhere": "x"}),
        AttributionRule("workflow_label", "department", begin=NOON + 1),
        AttributionRule("workflow_label", "department", end=NOON),
    ],
)
def test_a_rule_that_finds_nothing_leaves_it_to_the_next(rule: AttributionRule) -> None:
    """A rule does not match on empty text, on a value missing in its map, or on a day outside its validity."""
    assert owner((rule, AttributionRule("namespace")), OWNED) == "team"


def test_the_first_rule_that_matches_decides() -> None:
    """The operator decides their order."""
    rules = (AttributionRule("namespace_label", "department"), AttributionRule("workflow_label", "department"))

    assert owner(rules, OWNED) == "by-namespace-label"


@pytest.mark.parametrize(("more", "expected"), [({}, UNALLOCATED), ({"otherwise": ""}, "")])
def test_a_workflow_without_a_matching_rule_is_unallocated(more: dict[str, Any], expected: str) -> None:
    """Unallocated cost is a separate figure."""
    assert owner((), OWNED, **more) == expected


READS = Rules(
    queue_label="queue",
    department=(AttributionRule("workflow_label", "dep"), AttributionRule("workflow_annotation", "note")),
    project=(AttributionRule("namespace_label", "x"),),
    creator=(AttributionRule("workflow_label", "by"),),
)


def test_only_labels_that_a_rule_reads_are_kept() -> None:
    """Labels may hold anything; Argo's own few name what ran."""
    assert READS.kept_labels == {*ARGO_LABELS, "queue", "dep", "by"}


def test_without_a_queue_label_none_is_kept() -> None:
    """An empty name is not a label."""
    assert Rules().kept_labels == {*ARGO_LABELS, ACTOR_LABEL}


def test_a_row_keeps_only_the_inputs_of_rules() -> None:
    """Annotations and the namespace's labels are kept beside the labels, with a prefix that no label name can have."""
    texts = {"dep": "a", "other": "b", "note": "c" * 300, "x": "d"}

    assert evidence(READS, texts, texts, texts) == {"dep": "a", "annotation:note": "c" * TEXT_LIMIT, "namespace:x": "d"}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({CREATOR_LABEL: "ann", ACTOR_LABEL: "bob"}, "ann"),
        ({ACTOR_LABEL: "bob"}, "bob"),
        ({}, ""),
    ],
)
def test_the_creator_is_who_submitted_it_else_who_acted_on_it(labels: dict[str, str], expected: str) -> None:
    """Without either annotation there is no creator."""
    owners = owner_of_row(
        Rules(), row_labels=labels, namespace="team", template="", service_account="", created_at=NOON
    )

    assert owners == (UNALLOCATED, "", expected)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({}, {}, True),
        ({}, {"key": "b"}, False),
        ({}, {"source": "namespace_label"}, False),
        ({}, {"map": {"x": "y"}}, True),
        ({"map": {"x": "y"}}, {}, False),
        ({"map": {"x": "y"}}, {"map": {"x": "w"}}, True),
        ({"map": {"x": "y"}}, {"map": {"x": "w", "z": "w"}}, False),
        ({"begin": NOON}, {}, False),
        ({"end": NOON}, {}, False),
        ({}, {"begin": NOON, "end": NOON + 1}, True),
        ({"begin": NOON}, {"begin": NOON}, True),
        ({"begin": NOON}, {"begin": NOON - 1}, False),
        ({"end": NOON}, {"end": NOON}, True),
        ({"end": NOON}, {"end": NOON + 1}, False),
    ],
)
def test_a_rule_forestalls_what_it_always_matches_before(
    first: dict[str, Any], second: dict[str, Any], expected: bool
) -> None:
    """Same place, no day and no text less."""
    rule = {"source": "workflow_label", "key": "a"}

    assert AttributionRule(**rule | first).shadows(AttributionRule(**rule | second)) is expected


TEXTS = st.sampled_from(["a", "b", "c"])
LABELS = st.dictionaries(TEXTS, TEXTS, max_size=2)
SPANS = st.none() | st.sampled_from([NOON - 1, NOON, NOON + 1])
RULE = st.builds(
    AttributionRule,
    source=st.sampled_from(
        ["workflow_label", "workflow_annotation", "template", "service_account", "namespace_label", "namespace"]
    ),
    key=TEXTS,
    map=st.none() | st.dictionaries(TEXTS, TEXTS, min_size=1),
    begin=SPANS,
    end=SPANS,
)
LISTS = st.lists(RULE, max_size=4).map(tuple)
RULES = st.builds(Rules, department=LISTS, project=LISTS, creator=LISTS)


@given(RULE, RULE, LABELS, TEXTS)
def test_a_forestalled_rule_changes_nothing(
    first: AttributionRule, second: AttributionRule, kept: Any, name: str
) -> None:
    """A rule that is refused as unreachable is unreachable for every workflow."""
    labels = kept | {f"annotation:{k}": v for k, v in kept.items()} | {f"namespace:{k}": v for k, v in kept.items()}
    owned = AttributionInput(labels, name, name, name, NOON)

    assert not first.shadows(second) or owner((first, second), owned) == owner((first,), owned)


def rows_of(rules: Rules, seen: Any, labels: dict[str, str]) -> list[WorkflowRun]:
    """The rows of a workflow that ends in a namespace with labels."""
    cluster = Cluster("c1", rules)
    cluster.observe(an_observation(a_namespace(labels=labels)))
    return [fact for fact in cluster.observe(an_observation(seen)) if isinstance(fact, WorkflowRun)]


@given(RULES, LABELS, LABELS, LABELS, TEXTS)
def test_the_row_alone_names_the_owner_that_the_workflow_did(
    rules: Rules, labels: dict[str, str], annotations: dict[str, str], namespace: dict[str, str], name: str
) -> None:
    """The objects are long gone when a month is attributed again; the same rules must give the same bill."""
    spec = {"serviceAccountName": name, "workflowTemplateRef": {"name": name}}
    seen = a_workflow(
        phase="Succeeded", started=NOON, finished=NOON + HOUR, labels=labels, annotations=annotations, spec=spec
    )
    (row,) = rows_of(rules, seen, namespace)
    owners = owner_of_row(
        rules,
        row_labels=row.labels,
        namespace=row.namespace,
        template=row.template,
        service_account=row.service_account,
        created_at=row.created_at,
    )

    assert owners == (row.department, row.project, row.creator)


def test_a_run_keeps_its_owner_when_a_rule_ends_while_it_runs() -> None:
    """The workflow's creation counts: a run over the day of a change belongs to one department."""
    rules = Rules(
        department=(
            AttributionRule("namespace", map={"team": "before"}, end=NOON + 1),
            AttributionRule("namespace", map={"team": "after"}, begin=NOON + 1),
        )
    )
    seen = a_workflow(phase="Succeeded", started=NOON, finished=NOON + DAY)
    later = a_workflow("w2", created=NOON + DAY, phase="Succeeded", started=NOON + DAY, finished=NOON + DAY)

    assert [row.department for one in (seen, later) for row in rows_of(rules, one, {})] == ["before", "after"]


def test_changed_rules_apply_to_workflows_from_a_checkpoint() -> None:
    """After a restart with other rules, the new rules apply to running workflows too."""
    cluster = Cluster("c1", Rules(department=(AttributionRule("namespace", map={"team": "a"}),)))
    cluster.observe(an_observation(a_workflow(phase="Running", started=NOON)))
    life = msgspec.convert(msgspec.to_builtins(cluster.workflows["w1"]), type(cluster.workflows["w1"]))
    restarted = Cluster("c1", Rules(department=(AttributionRule("namespace", map={"team": "b"}),)))
    restarted.adopt([life], [])
    restarted.observe(an_observation(a_workflow(phase="Running", started=NOON), when=NOON + 10_000))

    assert restarted.workflows["w1"].department == "b"


@pytest.mark.parametrize(
    ("rules", "concluded", "expected"),
    [
        ((AttributionRule("workflow_label", "department"),), "then", "autonomy"),
        ((AttributionRule("workflow_label", "team"),), "then", "unallocated"),
        (
            (AttributionRule("workflow_label", "team"), AttributionRule("service_account", map={"x": "y"})),
            "then",
            "then",
        ),
        ((AttributionRule("workflow_annotation", "team"),), "", "unallocated"),
    ],
)
def test_the_former_owner_stays_if_a_row_may_lack_the_input_of_a_rule(
    rules: tuple[AttributionRule, ...], concluded: str, expected: str
) -> None:
    """Sources that every row keeps are evaluated again; an annotation that no rule read was never kept."""
    owned = AttributionInput({"department": "autonomy"}, "team", "", "", NOON)

    assert reattribute(rules, owned, concluded) == expected
