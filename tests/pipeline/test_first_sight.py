"""Counters stand at 0 for every label set that is known, so that the first increase of each is an increase."""

from collections.abc import Iterable
from typing import Any, get_args

import msgspec
import pytest

from collector.catalog import metrics
from collector.catalog.metrics import Metric
from collector.core.cost.charge import UNPRICED
from collector.core.facts.workflows import SkipReason
from collector.core.messages import Outcome, Synced
from collector.core.model import OUTCOMES
from collector.core.objects import kubernetes
from collector.core.workflow.outcome import PLATFORM_REASONS
from collector.pipeline import first_sight
from collector.pipeline.pipeline import Pipeline
from tests.builders import NOON, RULES, a_namespace, a_vanishing, a_workflow, an_observation, decoded
from tests.flow import SUBMITTED, WHOLE, a_pipeline, drained, position
from tests.pipeline.test_over_time import restarted
from tests.slices import whole

Key = tuple[str, ...]


def series(flow: Pipeline, metric: Metric) -> dict[Key, Any]:
    return dict(flow.counters.series.get(metric.name, {}))


def all_series(flow: Pipeline) -> dict[tuple[str, Key], Any]:
    return {(name, key): value for name, found in flow.counters.series.items() for key, value in found.items()}


def appeared(flow: Pipeline, outcomes: Iterable[Outcome]) -> set[str]:
    """The counters with a series that appeared above 0 with one of these outcomes."""
    found: set[str] = set()
    for outcome in outcomes:
        before = all_series(flow)
        flow.take("c1", [outcome])
        found |= {name for (name, key), value in all_series(flow).items() if value and (name, key) not in before}
    return found


def a_cron(name: str = "nightly") -> kubernetes.CronWorkflow:
    meta = {"name": name, "namespace": "team", "uid": f"cron-{name}", "resourceVersion": "1"}
    return decoded({"metadata": meta, "spec": {"schedule": "0 1 * * *"}}, kubernetes.CronWorkflow)


def test_each_failure_of_a_watch_or_an_object_is_known_from_the_start() -> None:
    """A gap, a bad object or a clamped duration is the first of its kind for ever after a start."""
    flow = a_pipeline("c1", "c2")

    assert set(series(flow, metrics.QUARANTINED)) >= {("c1", "pods", "no_uid"), ("c2", "events", "unforeseen")}
    assert set(series(flow, metrics.CLOCK_CLAMPS)) >= {("c1", "queue_latency"), ("c2", "completion_delay")}
    assert set(series(flow, metrics.UNPRICED_PODS)) >= {("c1", reason) for reason in UNPRICED}
    assert series(flow, metrics.WATCH_EVENTS)["c2", "nodes"] == 0
    assert series(flow, metrics.LABEL_OVERFLOW)[metrics.QUEUE_DEPTH.name,] == 0
    assert not any(all_series(flow).values())


def test_a_namespace_object_brings_every_outcome() -> None:
    """Its first workflow may begin and end between two scrapes."""
    flow = a_pipeline()
    flow.take("c1", [an_observation(a_namespace("team"), "listed")])

    assert series(flow, metrics.FINISHED) == {("c1", "team", outcome): 0 for outcome in OUTCOMES}
    assert series(flow, metrics.RETRIES) == series(flow, metrics.UNREADABLE_UNITS) == {("c1", "team"): 0}
    assert series(flow, metrics.SUBMITTED) == series(flow, metrics.STARTED) == {("c1", "team", "team"): 0}
    assert series(flow, metrics.PLATFORM_FAILURES) == {}


def test_a_namespace_names_no_queue_where_a_label_does() -> None:
    """A queue of the namespace's name may never exist there."""
    flow = a_pipeline(rules=msgspec.structs.replace(RULES, queue_label="queue"))
    flow.take("c1", [an_observation(a_namespace("team"), "listed")])

    assert series(flow, metrics.SUBMITTED) == {}
    assert ("c1", "team", "failed") in series(flow, metrics.FINISHED)


def test_a_namespace_of_kubernetes_itself_brings_nothing() -> None:
    """No workflow runs in kube-system, and each cluster has three or four of these."""
    flow = a_pipeline()
    flow.take("c1", [an_observation(a_namespace("kube-system"), "listed")])

    assert series(flow, metrics.FINISHED) == {}


def test_a_workflow_brings_every_reason_of_a_platform_failure() -> None:
    """The alert on platform failures must see the first one."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED])

    assert series(flow, metrics.PLATFORM_FAILURES) == {("c1", "team", reason): 0 for reason in PLATFORM_REASONS}


def test_nothing_of_a_workflow_appears_above_0_but_what_is_named() -> None:
    """From its namespace to its end; the exceptions are data, each with its reason."""
    flow = a_pipeline()
    whole = [an_observation(a_namespace("team"), "listed"), *WHOLE, an_observation(a_workflow("w2"), "added")]

    assert appeared(flow, whole) == {metrics.COST.name}
    assert appeared(a_pipeline(), WHOLE) == {metrics.COST.name, metrics.SUBMITTED.name}
    assert {metrics.COST.name, metrics.SUBMITTED.name} <= first_sight.UNKNOWN_BEFORE.keys()


def test_a_list_brings_what_exists_though_it_counts_nothing() -> None:
    """Workflows that a first list shows were submitted before, but end in front of us."""
    flow = a_pipeline()
    flow.take("c1", [an_observation(a_workflow(), "listed"), Synced("workflows", "5")])

    assert series(flow, metrics.STARTED) == series(flow, metrics.SUBMITTED) == {("c1", "team", "team"): 0}
    assert ("c1", "team", "evicted") in series(flow, metrics.PLATFORM_FAILURES)


@pytest.mark.parametrize("by", ["list", "tick"])
def test_a_cron_brings_its_misses_and_every_reason_to_skip(by: str) -> None:
    """After its list, or by the next tick: a run is judged a minute after its due time."""
    flow = a_pipeline()
    flow.take("c1", [an_observation(a_cron(), "listed")])
    if by == "list":
        flow.take("c1", [Synced("cronworkflows", "5")])
    else:
        whole(flow.tick(NOON, {"c1"}))

    assert series(flow, metrics.CRON_MISSED) == {("c1", "team", "nightly"): 0}
    assert set(series(flow, metrics.CRON_SKIPPED)) == {("c1", "team", "nightly", why) for why in get_args(SkipReason)}
    assert ("c1", "team", "failed") in series(flow, metrics.FINISHED)


def test_a_product_brings_its_cost_to_every_namespace_in_use() -> None:
    """Namespaces that were seen before it and after it: the next pod is an increase there."""
    flow = a_pipeline()
    flow.take("c1", [an_observation(a_workflow("w2", namespace="early"), "added")])
    flow.take("c1", WHOLE)
    flow.take("c1", [an_observation(a_workflow("w3", namespace="late"), "added")])
    found = series(flow, metrics.COST)

    assert {key[1] for key in found} == {"early", "team", "late"}
    assert [bool(value) for key, value in sorted(found.items())] == [False, False, True]


def test_after_a_restart_everything_known_stands_at_0_again() -> None:
    """Totals of 0 are not stored; states and the restored counters have what was there."""
    flow = a_pipeline()
    gone = an_observation(a_workflow("w2", namespace="quiet"), "added"), a_vanishing("workflows", "w2")
    flow.take("c1", [*WHOLE, *gone, position(), position("pods")])
    before = all_series(flow)
    after = restarted([drained(flow)])

    assert all_series(after) == before
    after.take("c1", [an_observation(a_workflow("w3", namespace="late"), "added")])
    assert {key[1] for key in series(after, metrics.COST)} == {"team", "quiet", "late"}


def test_what_other_releases_or_overflows_left_in_the_totals_is_no_queue() -> None:
    """A namespace is never named `_other`, and a series with other labels means something else."""
    flow = a_pipeline()
    names = (("c1", "_other", "_other"), ("c1", "_gone 3", "_gone 3"), ("c1", "old"), ("c9", "n", "q"))
    flow.restore_identity("c1", "", {"\x1f".join((metrics.SUBMITTED.name, *key)): "7" for key in names}, NOON)
    whole(flow.restore((), ()))

    assert series(flow, metrics.STARTED) == {}


def test_a_bomb_of_queues_is_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Further queues are counted, but get no series at 0."""
    monkeypatch.setattr(first_sight, "REMEMBERED", 2)
    flow = a_pipeline()
    for name in ("a", "b", "c"):
        flow.take("c1", [an_observation(a_workflow(name, namespace=name), "added")])

    assert set(series(flow, metrics.SUBMITTED)) == {("c1", name, name) for name in "abc"}
    assert {key[1] for key in series(flow, metrics.FINISHED)} == {"a"}
