"""Pods that the platform took away: preempted, drained, tainted, evicted. No failure of these is the user's."""

from typing import Any

import pytest

from collector.core.cluster.effects import Ended, PodEnded
from collector.core.cost.charge import class_of
from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Change, Observation
from collector.core.workflow.payer import payer_of
from tests.builders import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_condition,
    a_container,
    a_pod,
    a_step,
    a_vanishing,
    a_workflow,
    an_observation,
    running_pod,
)
from tests.core.observed import a_cluster, feed, finished, only, submitted

LATER = NOON + 2 * MINUTE
REASONS = [
    ("PreemptionByScheduler", "preempted"),
    ("EvictionByEvictionAPI", "drained"),
    ("DeletionByTaintManager", "tainted"),
    ("TerminationByKubelet", "evicted"),
]


def marked(reason: str, when: int = NOON + 69 * SECOND) -> dict[str, Any]:
    """The conditions of a pod that is about to be taken away."""
    return {"conditions": [a_condition("PodScheduled", NOON), a_condition("DisruptionTarget", when, reason=reason)]}


def killed(reason: str, uid: str = "p1", exit_code: int = 143, **more: Any) -> Any:
    """Its last word: the container was killed a second after the condition was set."""
    ends = a_container(started=NOON + 10 * SECOND, ended=NOON + 70 * SECOND, exit_code=exit_code, reason="Error")
    return a_pod(uid, phase="Failed", containers=[ends], **marked(reason), **more)


def at(when: int, pod: Any, change: Change = "modified", live: bool | None = None) -> Observation:
    return an_observation(pod, change, when=when, live=live)


def failed(message: str = "main: Error (exit code 143)", phase: str = "Failed", when: int = LATER) -> Observation:
    nodes = {"p1": a_step(phase, message=message)}
    return finished(nodes=nodes, phase=phase, when=when)


@pytest.mark.parametrize(("condition", "reason"), REASONS)
@pytest.mark.parametrize("exit_code", [143, 137, 1])
@pytest.mark.parametrize("pod_first", [True, False])
def test_what_was_taken_away_is_the_platforms(condition: str, reason: str, exit_code: int, pod_first: bool) -> None:
    """By the condition, whatever the exit code, in either order of pod and workflow; its cost was not the user's waste."""
    cluster = a_cluster()
    pod = at(NOON + 71 * SECOND, killed(condition, exit_code=exit_code), "added")
    end = failed(f"main: Error (exit code {exit_code})")
    effects = feed(cluster, submitted(), *((pod, end) if pod_first else (end, pod)))
    run, (*_, ended) = only(WorkflowRun, effects)[-1], only(PodEnded, effects)

    assert (run.outcome, run.reason, run.deciding_node) == ("platform", reason, "p1")
    assert class_of(ended.pod.run, payer_of(cluster.workflows["w1"])) == "reclaimed"
    assert only(PodRun, effects)[-1].disruption == condition


def test_the_counters_count_it_so() -> None:
    """The pod's word comes before its workflow's."""
    effects = feed(a_cluster(), submitted(), at(NOON + 71 * SECOND, killed("PreemptionByScheduler"), "added"), failed())

    assert [(e.outcome, e.reason) for e in only(Ended, effects)] == [("platform", "preempted")]


def test_a_pod_that_is_deleted_before_its_container_ended_was_drained() -> None:
    """Nothing shows an end but the deletion; Argo says that the pod is gone."""
    pod = running_pod(**marked("EvictionByEvictionAPI"))
    effects = feed(
        a_cluster(), submitted(), at(NOON + 11 * SECOND, running_pod(), "added"), at(NOON + 69 * SECOND, pod),
        at(NOON + 99 * SECOND, pod, "deleted"), failed("pod deleted", "Error"),
    )  # fmt: skip
    run = only(WorkflowRun, effects)[-1]

    assert (run.outcome, run.reason) == ("platform", "drained")
    assert [r.disruption for r in only(PodRun, effects)] == ["EvictionByEvictionAPI"]


def test_a_pod_that_vanished_in_a_gap_after_its_condition_was_tainted() -> None:
    """The last sight of it had the condition."""
    effects = feed(
        a_cluster(), submitted(), at(NOON + 69 * SECOND, running_pod(**marked("DeletionByTaintManager")), "added"),
        a_vanishing("pods", "p1", when=NOON + 100 * SECOND), failed("pod deleted during operation", "Error"),
    )  # fmt: skip
    run = only(WorkflowRun, effects)[-1]

    assert (run.outcome, run.reason) == ("platform", "tainted")


def test_a_try_that_was_preempted_and_tried_again_decides_nothing() -> None:
    """The later try's failure does, which was the user's own."""
    nodes = {
        "r": a_step("Failed", kind="Retry", children=["p1", "p2"]),
        "p1": a_step("Failed", message="main: Error (exit code 143)"),
        "p2": a_step("Failed", message="main: Error (exit code 3)"),
    }
    effects = feed(
        a_cluster(), submitted(), at(NOON + 71 * SECOND, killed("PreemptionByScheduler"), "added"),
        finished(nodes=nodes, phase="Failed"),
    )  # fmt: skip
    run = only(WorkflowRun, effects)[-1]

    assert (run.outcome, run.reason, run.deciding_node, run.retries) == ("failed", "exit_3", "p2", 1)


def test_each_attempt_of_a_workflow_has_the_pod_of_its_own() -> None:
    """`argo retry` keeps the node's id: the drained pod of the first attempt excuses nothing in the second."""
    cluster = a_cluster()
    feed(cluster, submitted(), at(NOON + 71 * SECOND, killed("EvictionByEvictionAPI"), "added"), failed())
    ends = a_container(started=LATER + MINUTE, ended=LATER + 2 * MINUTE, exit_code=1, reason="Error")
    again = a_pod("p9", phase="Failed", created=LATER + MINUTE, containers=[ends])
    again.metadata.annotations = {"workflows.argoproj.io/node-id": "p1"}
    reopened = an_observation(a_workflow(phase="Running", started=LATER + MINUTE), when=LATER + MINUTE)
    last = an_observation(
        a_workflow(
            phase="Failed", started=LATER + MINUTE, finished=LATER + 3 * MINUTE,
            nodes={"p1": a_step("Failed", message="main: Error (exit code 1)")},
        ),
        when=LATER + 3 * MINUTE,
    )  # fmt: skip
    runs = only(WorkflowRun, feed(cluster, reopened, at(LATER + 2 * MINUTE, again, "added"), last))

    assert [(run.attempt, run.outcome, run.reason) for run in runs][-1] == (2, "failed", "exit_1")


def test_where_the_steps_are_offloaded_a_drained_pod_decides() -> None:
    """Also one that was deleted while it ran: its phase never says Failed."""
    away: dict[str, Any] = {"offloadNodeStatusVersion": "fnv:1", "nodes": {}}
    pod = running_pod(**marked("EvictionByEvictionAPI"))
    effects = feed(a_cluster(), submitted(), at(NOON + 99 * SECOND, pod, "deleted"), finished(phase="Failed", **away))
    run = only(WorkflowRun, effects)[-1]

    assert (run.outcome, run.reason, run.deciding_node) == ("platform", "drained", "p1")


def test_a_pod_that_failed_before_its_node_was_drained_is_the_users() -> None:
    """An hour later somebody drains the node, and the pod that has ended is deleted with it."""
    ends = a_container(started=NOON + 10 * SECOND, ended=NOON + 70 * SECOND, exit_code=1, reason="Error")
    cluster = a_cluster()
    feed(cluster, submitted(), at(NOON + 71 * SECOND, a_pod(phase="Failed", containers=[ends]), "added"))
    feed(cluster, failed("main: Error (exit code 1)"))
    pod = a_pod(phase="Failed", containers=[ends], **marked("EvictionByEvictionAPI", NOON + HOUR))
    effects = feed(cluster, at(NOON + HOUR, pod), at(NOON + HOUR + SECOND, pod, "deleted"))

    assert [effect for effect in effects if isinstance(effect, WorkflowRun | PodRun)] == []
    assert cluster.workflows["w1"].attempt.outcome_reason == "exit_1"


def test_kubernetes_own_condition_goes_before_that_of_a_queue_manager() -> None:
    """Kueue stops a pod whose node is being drained; in whichever order the two stand."""
    both = [
        a_condition("TerminationTarget", NOON + 69 * SECOND, reason="WorkloadEvicted"),
        a_condition("DisruptionTarget", NOON + 69 * SECOND, reason="EvictionByEvictionAPI"),
    ]
    for conditions in (both, both[::-1]):
        cluster = a_cluster()
        feed(cluster, submitted(), at(NOON + 99 * SECOND, running_pod(conditions=conditions), "deleted"))

        assert cluster.pods["p1"].run.disruption == "EvictionByEvictionAPI"
