"""One workflow as it is read for its page from the real engine: its own rows only, bounded, with what it cost."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from collector.core.facts.workflows import WorkflowLive, WorkflowRun
from collector.core.history.workflow import StoredWorkflow
from collector.core.model import Fact
from collector.core.units import DAY_MS
from collector.reports import workflow
from collector.reports.report import Query
from collector.reports.workflow import read_workflow
from collector.reports.workflow_names import find_workflows
from tests.billing.stored import charges_of
from tests.builders import HOUR, NOON, SECOND, a_pod_run, version
from tests.reports.engine import holding
from tests.reports.stored import a_live_row, a_run, a_step_run

W1 = a_run("w1", pods=2)
RETRIED = replace(
    W1,
    attempt=2,
    version=version(200),
    outcome="failed",
    reason="exit_1",
    started_at=NOON + HOUR,
    finished_at=NOON + HOUR + 50 * SECOND,
)
PODS = [
    a_pod_run(uid="p1", node_id="load"),
    a_pod_run(uid="p2", node_id="fit", phase="Failed", attempt=2, created_at=NOON + HOUR),
    a_pod_run(uid="p3", node_id="odd", pricing={}, node_name="", region=""),
]
ROWS: list[Fact] = [
    W1,
    RETRIED,
    replace(W1, version=version(1), outcome="failed"),
    *PODS,
    *(charge for pod in PODS for charge in charges_of(pod, W1)),
    a_step_run("root", type="DAG"),
    a_step_run("load", pod_uid="p1", critical=True),
    a_step_run("side", finished_at=NOON + 90 * SECOND),
    a_step_run("fit", attempt=2, phase="Failed", pod_uid="p2"),
    a_step_run("theirs", workflow="w2"),
    a_run("before", created_at=NOON - 3 * DAY_MS, finished_at=NOON - 3 * DAY_MS + 7 * SECOND, template="train"),
    a_run("after", created_at=NOON + DAY_MS, template="train"),
    a_run("foreign", created_at=NOON - HOUR, template="train", namespace="other"),
    a_run("plain", created_at=NOON - HOUR, template=""),
    a_live_row("l1", "lock", "team/Mutex/gpu"),
    a_live_row("w2", "running", ""),
    a_run("w2", template="dag"),
    replace(a_live_row("w3", "running", ""), attempt=2),
    a_run("w3", template="dag"),
]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """Questions to the engine that holds those rows."""
    with holding(tmp_path_factory.mktemp("engine"), ROWS) as query:
        yield query


def read(ask: Query, uid: str, attempt: int | None = None) -> StoredWorkflow:
    found = read_workflow(ask, uid, attempt, ["c1"])
    assert found is not None
    return found


def test_the_newest_attempt_is_shown_and_all_can_be_chosen(ask: Query) -> None:
    """Of each row the newest version; steps and pods are those of the attempt."""
    newest, first = read(ask, "w1"), read(ask, "w1", 1)

    assert (newest.shown, first.shown) == (RETRIED, W1)
    assert [(a.attempt, a.outcome) for a in newest.attempts] == [(1, "succeeded"), (2, "failed")]
    assert [step.node_id for step in newest.steps] == ["fit"]
    assert [step.node_id for step in first.steps] == ["load", "side"]
    assert ([pod.uid for pod in first.pods], first.step_count, first.pod_count) == (["p1", "p3"], 2, 2)


def test_money_is_by_attempt_and_use_and_what_has_no_price_is_counted(ask: Query) -> None:
    """NULL: the price is unknown, never 0."""
    first = read(ask, "w1", 1)
    charges = {charge.pod_uid: charge for charge in first.charges}

    assert charges.keys() == {"p1", "p3"}
    assert charges["p1"].cost == charges_of(PODS[0], W1)[0].cost
    assert (charges["p3"].cost, charges["p3"].confidence) == (None, "unpriced")
    of_first = [cost for cost in first.costs if cost.attempt == 1]
    assert sum(cost.unpriced_pods for cost in of_first) == 1
    assert sum(cost.cost for cost in of_first if cost.cost is not None) == charges["p1"].cost
    assert {cost.attempt for cost in first.costs} == {1, 2}


def test_other_runs_are_those_of_the_template_there_up_to_this_one(ask: Query) -> None:
    """Not those of another namespace, of no template, or of later; one of three days ago is looked for."""
    others = {(run.uid, run.attempt): run for run in read(ask, "w1").others}

    assert others.keys() == {("w1", 1), ("w1", 2), ("before", 1)}
    assert others["before", 1].length_ms == 7 * SECOND
    assert others["w1", 2].length_ms == 50 * SECOND
    assert isinstance(others["w1", 1].cost, Decimal)
    assert others["before", 1].cost is None


def test_a_workflow_that_has_not_finished_is_its_live_row(ask: Query) -> None:
    """It has no steps yet. One whose end is already stored is not live, whatever its live row says."""
    live, ended, again = read(ask, "l1"), read(ask, "w2"), read(ask, "w3")

    assert isinstance(live.shown, WorkflowLive)
    assert (live.live_attempt, live.steps, live.pods, live.costs) == (1, [], [], [])
    assert isinstance(ended.shown, WorkflowRun)
    assert ended.live_attempt is None
    assert isinstance(again.shown, WorkflowLive)
    assert ([a.attempt for a in again.attempts], again.live_attempt) == ([1], 2)


def test_what_the_store_does_not_have_is_none(ask: Query) -> None:
    """Neither an unknown uid, nor an attempt that never was; a live row of a cluster that is not watched is stale."""
    assert read_workflow(ask, "nope", None, ["c1"]) is None
    assert read_workflow(ask, "w1", 7, ["c1"]) is None
    assert read_workflow(ask, "l1", None, ["c9"]) is None


def test_a_large_workflow_is_read_in_part(ask: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    """The critical path first, and the number of all beside it."""
    for name in ("STEPS", "PODS"):
        monkeypatch.setattr(workflow, name, getattr(workflow, name).replace("LIMIT 1000", "LIMIT 1"))
        monkeypatch.setattr(workflow, f"{name}_READ", 1)

    first = read(ask, "w1", 1)

    assert ([step.node_id for step in first.steps], first.step_count) == (["load"], 2)
    assert ([pod.uid for pod in first.pods], first.pod_count) == (["p1"], 2)


def test_a_price_in_two_currencies_is_no_price_of_a_run() -> None:
    """They are never added up."""
    assert workflow.single_currency(
        [("u", 1, "USD", Decimal(1)), ("u", 1, "CNY", Decimal(7)), ("v", 1, "USD", Decimal(2))]
    ) == {
        ("u", 1): (None, ""),
        ("v", 1): (Decimal(2), "USD"),
    }


def test_a_name_is_found_by_how_it_begins_and_a_uid_whole(ask: Query) -> None:
    """The very name first, of each workflow once, its newest state; a uid however old the workflow is."""

    def matches(name: str, cluster: str = "", namespace: str = "") -> list[tuple[str, str, bool]]:
        rows = find_workflows(ask, name, cluster=cluster, namespace=namespace, clusters=["c1"])
        return [(row.uid, row.state, row.live) for row in rows]

    assert matches("l") == [("l1", "lock", True)]
    assert matches("w3") == [("w3", "running", True)]
    assert matches("w1") == [("w1", "failed", False)]
    assert matches("w1", cluster="c2") == []
    assert matches("l1", namespace="other") == []
    assert matches("zzz") == []
