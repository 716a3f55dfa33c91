"""Breaks: what is a gap and where it begins, what vanished in it, and what a reconciling list says."""

import msgspec

from collector.catalog import metrics
from collector.core.argo.controller import LABELS
from collector.core.facts.bills import PodCost, PodRun
from collector.core.facts.watches import Reconciled, WatchGap
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Observation, Synced
from collector.core.objects import kubernetes
from collector.pipeline.positions import Resume
from tests.builders import HOUR, NOON, SECOND, a_workflow, an_observation, decoded, pod_json
from tests.flow import (
    BEGUN,
    STARTED_POD,
    SUBMITTED,
    a_pipeline,
    counted,
    drained,
    identity,
    only,
    position,
)
from tests.pipeline.test_over_time import restarted

CONTROLLER = dict([LABELS[0]])


def a_gap(kind: str, begin: int) -> WatchGap:
    return WatchGap(
        cluster="c1", kind=kind, from_at=begin, version=9, to_at=NOON + HOUR, cause="gone", objects_unknown=1
    )  # fmt: skip


def test_a_first_start_is_a_gap_from_the_beginning_on() -> None:
    """Nothing before it was seen; once there is a position there is none any more."""
    flow = a_pipeline()
    before = flow.positions.pending_gap("c1", "workflows")
    flow.take("c1", [position()])

    assert before == (0, "first start")
    assert flow.positions.pending_gap("c1", "workflows") is None
    assert flow.positions.pending_gap("c1", "pods") == (0, "first start")


def test_what_vanished_in_a_gap_ended_when_it_was_last_known_alive() -> None:
    """The gap's beginning, or its own later signs; its price is marked as a guess, and a later gap starts from scratch."""
    flow, later = a_pipeline(), NOON + 2 * HOUR
    gap, pods = a_gap("workflows", NOON + 60 * SECOND), a_gap("pods", NOON)
    gone = Observation("workflows", "vanished", "w1", None, version=900 << 8, at=NOON + HOUR, live=False)
    pod = msgspec.structs.replace(gone, kind="pods", uid="p1")
    other = an_observation(a_workflow("w2"), "added", when=NOON + HOUR)
    flow.take("c1", [SUBMITTED, BEGUN, STARTED_POD, gap, gone, Synced("workflows", "900")])
    flow.take("c1", [pods, pod, Synced("pods", "900")])
    flow.take("c1", [other, msgspec.structs.replace(gone, uid="w2", at=later)])
    facts = drained(flow).facts
    runs = {run.uid: run for run in only(WorkflowRun, facts)}

    assert (runs["w1"].outcome, runs["w1"].complete, runs["w1"].finished_at) == ("unknown", False, NOON + 60 * SECOND)
    assert runs["w2"].finished_at == later
    assert [(r.reason, r.finished_at) for r in only(PodRun, facts)] == [("vanished", STARTED_POD.at)]
    assert {(charge.confidence, charge.status) for charge in only(PodCost, facts)} == {("low", "final")}


def test_a_reconciled_list_is_a_row_and_counted() -> None:
    """A difference that is not there is counted as 0, so that the first one can be seen as an increase."""
    flow = a_pipeline()
    outcome = Reconciled(
        cluster="c1", kind="pods", at=NOON, version=1, objects=9, missing=2, stale=0, phantom=1, repaired=3, duration_ms=5
    )  # fmt: skip
    flow.take("c1", [outcome])

    assert only(Reconciled, drained(flow).facts) == [outcome]
    assert flow.counters.series[metrics.RECONCILE_DIFFERENCES.name] == {
        ("c1", "pods", "missing"): 2, ("c1", "pods", "stale"): 0, ("c1", "pods", "phantom"): 1,
        **{("c1", "workflows", how): 0 for how in ("missing", "stale", "phantom")},
    }  # fmt: skip


def test_only_pods_that_facts_are_made_of_concern_anybody() -> None:
    """A workflow's, the controller's; not those of others, nor those whose owner is still awaited."""
    flow = a_pipeline()
    job = [{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "j1"}]
    pods = {
        "a step": pod_json("p1"), "the controller": pod_json("c", owner="", namespace="argo", labels=CONTROLLER),
        "a stranger": pod_json("s", owner=""), "a Job's": pod_json("j", owner="") ,
    }  # fmt: skip
    pods["a Job's"]["metadata"]["ownerReferences"] = job
    concerned = {
        name for name, pod in pods.items() if flow.is_relevant("c1", "pods", decoded(pod, kubernetes.Pod).metadata)
    }

    assert concerned == {"a step", "the controller"}
    assert flow.is_relevant("c1", "workflows", a_workflow().metadata)


def test_a_kill_during_the_first_list_forgets_nobody() -> None:
    """There is no position yet, but what was listed is known: what is gone by the next list must be seen to have gone."""
    flow = a_pipeline()
    flow.take("c1", [*identity("u"), SUBMITTED])
    after = restarted([drained(flow)])

    assert after.positions.resume("c1", "workflows") == Resume("", 0, {"w1": SUBMITTED.version}, None)
    assert after.positions.resume("c1", "pods") is None
    assert after.positions.pending_gap("c1", "workflows") == (0, "first start")


def test_a_cluster_that_comes_back_goes_on_where_it_was() -> None:
    """A cluster that was not in the settings: if the break cannot be replayed, its gap begins at its last position."""
    flow = a_pipeline("c1", "c2")
    flow.take("c1", [*identity("u"), SUBMITTED, position(rv="70")])
    commit = drained(flow)
    restarted([commit], "c2")
    back = restarted([commit], "c1", "c2")
    resume = back.positions.resume("c1", "workflows")

    assert resume == Resume("70", 0, {"w1": SUBMITTED.version}, NOON)
    assert back.positions.pending_gap("c1", "workflows") is None
    assert (back.positions.clusters_without_position(), back.positions.pending_gap("c2", "pods")) == (
        ["c2"],
        (0, "first start"),
    )


def test_a_past_without_states_is_a_gap_from_its_last_position() -> None:
    """The disk is gone and the store has positions only: same cluster, same counters, and a list to start from."""
    flow = a_pipeline()
    flow.restore_identity("c1", "uid-1", {"lynceus_workflows_submitted_total\x1fc1\x1fci\x1fci": "7"}, NOON)
    flow.positions.mark_state_lost(NOON + HOUR, "the disk was lost", ["c1"])
    flow.take("c1", identity("uid-2"))

    assert (flow.positions.resume("c1", "workflows"), flow.positions.pending_gap("c1", "workflows")) == (
        None,
        (NOON, "the disk was lost"),
    )
    assert counted(flow, metrics.SUBMITTED) == {("c1", "ci", "ci"): 7}
    assert list(flow.identities.refused) == ["c1"]
