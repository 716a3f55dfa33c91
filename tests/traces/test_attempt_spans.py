"""What the spans of a finished attempt are: their tree, times, names and attributes."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from collector.traces.attempt import Cost, StoredAttempt
from collector.traces.attempt_spans import pipeline, spans
from collector.traces.span import trace_id
from tests.builders import NOON, SECOND, a_pod_run
from tests.reports.stored import a_run, a_step_run
from tests.traces.attempts import a_tree, an_attempt, by_name

ALL = 5000


def parents(attempt: StoredAttempt) -> dict[str, str]:
    """The name of the span around each span; empty: none."""
    made = spans(attempt, ALL)
    names = {span.place: span.name for span in made}
    return {span.name: names[span.parent] if span.parent else "" for span in made}


def test_spans_nest_as_the_controller_nests_the_steps() -> None:
    """A try stands in its Retry, a step in its DAG, a pod in its step, and a wait in what waited."""
    assert parents(a_tree()) == {
        "RUN w": "",
        "wait: lock": "RUN w",
        "dag": "RUN w",
        "flaky": "flaky",  # both tries have the name of their Retry
        "shard": "dag",
        "pod": "shard",
        "wait: unschedulable": "pod",
        "wait: starting": "pod",
    }


def test_the_attempt_is_a_run_of_a_pipeline() -> None:
    """Semantic conventions for CI/CD: kind SERVER, `RUN` and the pipeline's name, a result, an error type."""
    run = a_run(outcome="failed", reason="oom", message="no memory", department="maps")
    root = spans(an_attempt(run), ALL)[0]

    assert (root.name, root.kind, root.failed, root.message) == ("RUN train", "server", True, "no memory")
    assert (root.start, root.end) == (NOON, NOON + 100 * SECOND)
    assert dict(root.attributes) == {
        "cicd.pipeline.name": "train",
        "cicd.pipeline.action.name": "RUN",
        "cicd.pipeline.run.id": "w1",
        "cicd.pipeline.result": "failure",
        "error.type": "oom",
        "k8s.namespace.name": "team",
        "lynceus.workflow": "w1",
        "lynceus.attempt": 1,
        "lynceus.outcome": "failed",
        "lynceus.reason": "oom",
        "lynceus.queue": "nightly",
        "lynceus.template": "train",
        "lynceus.department": "maps",
        "lynceus.complete": True,
        "lynceus.pods": 1,
        "lynceus.retries": 0,
        "lynceus.steps.left_out": 0,
        "lynceus.pods.left_out": 1,
        "lynceus.cost": 1.5,
        "lynceus.cost.exact": "1.5",
        "lynceus.currency": "USD",
        "lynceus.cost.complete": True,
    }


@pytest.mark.parametrize(
    ("outcome", "reason", "result", "error", "failed"),
    [
        ("succeeded", "", "success", None, False),
        ("platform", "evicted", "error", "evicted", True),
        ("failed", "", "failure", "_OTHER", True),
        ("failed", "deadline", "timeout", "deadline", True),
        ("platform", "deadline_waiting", "timeout", "deadline_waiting", True),
        ("cancelled", "stop", "cancellation", None, False),
        ("invalid", "invalid_spec", "error", "invalid_spec", True),
        ("unknown", "vanished", None, None, False),
    ],
)
def test_each_outcome_has_a_result(
    outcome: str, reason: str, result: str | None, error: str | None, failed: bool
) -> None:
    """An error type goes with a failure only, and an end that was not seen has no result."""
    root = spans(an_attempt(a_run(outcome=outcome, reason=reason)), ALL)[0]

    assert (root.attributes.get("cicd.pipeline.result"), root.attributes.get("error.type")) == (result, error)
    assert root.failed is failed


@pytest.mark.parametrize(
    ("name", "template", "pipe"),
    [
        ("nightly-x7k2p", "", "nightly"),
        ("nightly-x7k2p", "train", "train"),
        ("data-pipeline", "", "data-pipeline"),  # no generated end: Kubernetes uses no vowels
        ("x7k2p", "", "x7k2p"),
        ("my-report-2024", "", "my-report-2024"),
    ],
)
def test_a_name_is_never_that_of_one_run(name: str, template: str, pipe: str) -> None:
    """Receivers count spans by name."""
    assert pipeline(a_run(name=name, template=template)) == pipe


def test_a_second_export_is_the_same_trace() -> None:
    """Whatever order the store gives rows in; another attempt has other spans in the same trace, and names the first."""
    tree = a_tree()
    turned = replace(tree, steps=tree.steps[::-1])
    first, again = spans(tree, ALL), spans(turned, ALL)

    assert first == again
    assert len({span.place for span in first}) == len(first)
    second = spans(replace(tree, run=replace(tree.run, attempt=2)), ALL)
    assert {span.place.trace_id for span in (*first, *second)} == {trace_id("w1")}
    assert not {span.place for span in first} & {span.place for span in second}
    assert second[0].links == (first[0].place,)


def test_steps_and_pods_say_how_they_went() -> None:
    """Turns of a loop share a name; the pod has its own cost, which is not added to the step's."""
    made = by_name(spans(a_tree(), ALL))

    assert dict(made["shard"].attributes) == {
        "cicd.pipeline.task.name": "main",
        "cicd.pipeline.task.run.id": "shard",
        "lynceus.step.exit_code": 0,
        "cicd.pipeline.task.run.result": "success",
        "lynceus.step": 'shard(7:{"n":7})',
        "lynceus.step.type": "Pod",
        "lynceus.step.phase": "Succeeded",
        "lynceus.step.critical": False,
        "lynceus.step.try": 1,
    }
    assert dict(made["pod"].attributes) == {
        "k8s.pod.name": "p1",
        "k8s.pod.uid": "p1",
        "k8s.namespace.name": "team",
        "cloud.region": "cn-hangzhou",
        "k8s.node.name": "virtual-kubelet-cn-hangzhou-h",
        "lynceus.pod.phase": "Succeeded",
        "lynceus.pod.exit_code": 0,
        "lynceus.cost": 0.02,
        "lynceus.cost.exact": "0.02",
        "lynceus.currency": "USD",
    }
    tried = next(span for span in spans(a_tree(), ALL) if span.attributes.get("lynceus.step") == "flaky(0)")
    assert (tried.failed, tried.message, tried.attributes["error.type"]) == (
        True,
        "OOMKilled (exit code 137)",
        "_OTHER",
    )


def test_a_step_that_waited_without_a_pod_has_a_wait() -> None:
    """How long is known; that it was at the begin of the step is not."""
    step = a_step_run("s", waiting_reason="step_lock", waiting_on="team/gpu", waiting_ms=5000)
    wait = by_name(spans(an_attempt(steps=(step,)), ALL))["wait: step_lock"]

    assert (wait.start, wait.end) == (NOON, NOON + 5000)
    assert dict(wait.attributes) == {
        "lynceus.wait.reason": "step_lock",
        "lynceus.wait.exact": False,
        "lynceus.wait.on": "team/gpu",
    }


def test_of_many_steps_the_critical_the_failed_and_the_longest_are_taken() -> None:
    """The number of the omitted ones stands at the attempt, those that were not even read among them."""
    steps = tuple(
        a_step_run(f"s{i:03}", finished_at=NOON + i, phase="Failed" if i == 5 else "Succeeded", critical=i in (3, 4))
        for i in range(300)
    )
    made = spans(an_attempt(steps=steps, step_count=20_000), 100)

    assert len(made) == 100
    assert {span.name for span in made[1:4]} == {"s003", "s004", "s005"}
    assert {span.name for span in made[4:]} == {f"s{i:03}" for i in range(300 - 96, 300)}
    assert made[0].attributes["lynceus.steps.left_out"] == 20_000 - 99


def test_a_step_is_taken_with_the_steps_around_it() -> None:
    """A span whose parent is missing looks broken in every viewer; a status that nests in a circle ends too."""
    outer = a_step_run("outer", type="DAG", finished_at=NOON + 1, boundary_id="inner")
    inner = a_step_run("inner", boundary_id="outer", critical=True)
    others = [a_step_run(f"s{i}", phase="Failed") for i in range(10)]
    made = spans(an_attempt(steps=(*others, outer, inner)), 4)

    assert {span.name for span in made} >= {"RUN train", "outer", "inner"}
    places = {span.place for span in made}
    assert all(span.parent in places for span in made[1:])


def test_pods_of_no_step_stand_below_the_attempt() -> None:
    """Those of Jobs, and all where Argo keeps the steps in its own database; within the limit."""
    pods = tuple(a_pod_run(uid=f"p{i}", node_id="", phase="Failed", reason="Evicted") for i in range(200))
    made = spans(an_attempt(a_run(node_status="offloaded", pods=200), pods=pods), 100)

    assert len(made) == 100
    assert made[0].attributes["lynceus.pods.left_out"] == 200 - sum(span.name == "pod" for span in made)
    assert {span.parent for span in made if span.name == "pod"} == {made[0].place}
    assert made[1].failed


def test_a_cost_that_is_not_whole_is_marked() -> None:
    """A pod without a price, two currencies, or charges that are not there yet; no pods at all cost nothing."""
    known, unknown = Cost(Decimal(2), "USD"), Cost(None, "USD")

    def about(costs: list[Cost], pods: int = 1) -> tuple[object, object]:
        attributes = spans(an_attempt(a_run(pods=pods), costs=costs), ALL)[0].attributes
        return attributes.get("lynceus.cost"), attributes["lynceus.cost.complete"]

    assert about([known]) == (2.0, True)
    assert about([known, unknown]) == (2.0, False)
    assert about([unknown]) == (None, False)
    assert about([known, Cost(Decimal(1), "CNY")]) == (None, False)
    assert about([]) == (None, False)
    assert about([], pods=0) == (None, True)


def test_texts_of_users_are_cut() -> None:
    """A message may be as long as an object."""
    step = a_step_run("s", phase="Failed", message="m" * 9000, step="s" * 9000)
    made = spans(an_attempt(a_run(outcome="failed", message="m" * 9000), (step,)), ALL)

    assert (
        max(len(str(value)) for span in made for value in (*span.attributes.values(), span.name, span.message)) == 500
    )


def test_a_step_without_times_is_an_instant_of_its_attempt() -> None:
    """A step that was omitted never began."""
    step = a_step_run("s", started_at=None, finished_at=None, phase="Omitted")
    span = spans(an_attempt(a_run(started_at=NOON + 7), (step,)), ALL)[1]

    assert (span.start, span.end, span.attributes["cicd.pipeline.task.run.result"]) == (NOON + 7, NOON + 7, "skip")


def test_an_unknown_end_is_that_of_the_last_span() -> None:
    """It vanished unobserved."""
    step = a_step_run("s")
    assert spans(an_attempt(a_run(finished_at=None), (step,)), ALL)[0].end == NOON + 30 * SECOND
    assert spans(an_attempt(a_run(finished_at=None)), ALL)[0].end == NOON
