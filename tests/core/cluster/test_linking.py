"""What a workflow and its pods show about each other, in any order."""

from itertools import chain
from typing import Any

import pytest

from collector.core.argo.cron import NEVER
from collector.core.cluster.effects import Clamped, Ended, FirstRan, PodEnded, PodRan
from collector.core.cluster.state import Cluster
from collector.core.cost.charge import class_of
from collector.core.facts.workflows import CronRun, StepRun, WorkflowRun
from collector.core.messages import ControllerSettings, Lease, Observation, Reading
from collector.core.objects import kubernetes
from collector.core.pod.lifecycle import NODE_NAME
from collector.core.workflow.payer import payer_of
from collector.core.workflow.steps import HOLDS_LIMIT
from collector.pipeline import argo_schedule
from tests.builders import (
    ECI_2C4G,
    HOUR,
    MINUTE,
    NOON,
    RULES,
    SECOND,
    a_container,
    a_pod,
    a_state,
    a_step,
    a_workflow,
    an_observation,
    ended_pod,
    iso,
    running_pod,
)
from tests.core.argo.crons import a_cron, sight
from tests.core.observed import a_cluster, feed, finished, only, running, submitted

LATER = NOON + 2 * MINUTE


def at(when: int, pod: kubernetes.Pod, change: Any = "modified") -> Observation:
    return an_observation(pod, change, when=when)


def failed_pod(uid: str = "p1", **more: Any) -> kubernetes.Pod:
    """A pod that the kubelet says was killed from outside."""
    ends = a_container(started=NOON + 10 * SECOND, ended=NOON + 70 * SECOND, exit_code=137, reason="Error")
    return a_pod(uid, phase="Failed", containers=[ends], **more)


# Latencies.


def test_a_first_main_container_is_reported_once_with_its_latency() -> None:
    """From the first sight of the workflow, and of the pod, to the first sight of main running."""
    cluster = a_cluster()
    effects = feed(
        cluster,
        submitted(),
        at(NOON + SECOND, a_pod(), "added"),
        at(NOON + 3 * SECOND, running_pod()),
        at(NOON + 4 * SECOND, running_pod()),
        at(NOON + 5 * SECOND, running_pod("p2"), "added"),
    )

    assert [h.latency_ms for h in only(FirstRan, effects)] == [3 * SECOND]
    assert [h.latency_ms for h in only(PodRan, effects)] == [2 * SECOND]


def test_a_latency_below_nothing_is_nothing_and_is_counted() -> None:
    """Our own clock may be set back between two sights."""
    cluster = a_cluster()
    effects = feed(
        cluster,
        submitted(when=NOON + HOUR),
        at(NOON + HOUR + SECOND, a_pod(), "added"),
        an_observation(running_pod(), when=NOON + SECOND, rv=1 << 30),
    )

    assert [h.latency_ms for h in only(FirstRan, effects)] == [0]
    assert {h.figure for h in only(Clamped, effects)} == {"start_latency", "pod_start_latency"}


def test_what_a_controller_took_to_notice_is_from_the_last_container_to_its_word() -> None:
    """Of two pods the later one; a daemon that was killed after the end delayed nothing."""
    cluster = a_cluster()
    effects = feed(
        cluster,
        submitted(),
        at(NOON + 80 * SECOND, ended_pod("p1"), "added"),
        at(NOON + 90 * SECOND, ended_pod("p2", ended=NOON + 100 * SECOND), "added"),
        at(NOON + 91 * SECOND, ended_pod("p3", ended=NOON + HOUR), "added"),
        finished(nodes={}),
    )

    assert [h.delay_ms for h in only(Ended, effects)] == [20 * SECOND]


def test_a_delay_below_nothing_is_nothing_and_is_counted() -> None:
    """The kubelet's clock runs ahead of the controller's."""
    effects = feed(
        a_cluster(), submitted(), at(LATER - 1, ended_pod(ended=LATER + 3 * SECOND), "added"), finished(nodes={})
    )

    assert [h.delay_ms for h in only(Ended, effects)] == [0]
    assert [h.figure for h in only(Clamped, effects)] == ["completion_delay"]


def test_a_container_that_ends_after_its_pods_workflow_was_reported_corrects_the_row() -> None:
    """The watch of pods may be behind; the row is written again with a higher version."""
    cluster = a_cluster()
    effects = feed(
        cluster, submitted(), at(NOON, running_pod(), "added"), finished(nodes={}), at(LATER + SECOND, ended_pod())
    )
    first, last = only(WorkflowRun, effects)

    assert (first.completion_delay_ms, last.completion_delay_ms) == (None, 50 * SECOND)
    assert last.version > first.version


# Steps.


def test_a_step_is_reported_again_when_its_pod_arrives() -> None:
    """Kinds are watched on connections of their own."""
    cluster = a_cluster()
    reported = feed(cluster, submitted("p1"), finished("p1", nodes={"p1": a_step()}))
    (early,) = only(StepRun, reported)
    (late,) = only(StepRun, feed(cluster, at(LATER + SECOND, ended_pod("p1", owner="p1"), "added")))

    assert (early.pod_uid, late.pod_uid) == ("", "p1")
    assert late.version > early.version


def test_a_pod_that_never_comes_is_waited_for_no_longer_than_its_watch_has_come() -> None:
    """Its object may have been deleted before anybody looked."""
    cluster = a_cluster()
    feed(cluster, submitted(), finished())
    workflow_state = cluster.workflows["w1"]
    assert set(workflow_state.attempt.podless_steps or ()) == {"w1"}

    cluster.tracked.release_until("pods", workflow_state.version - 1)
    assert workflow_state.attempt.podless_steps is not None
    cluster.tracked.release_until("pods", workflow_state.version)
    assert workflow_state.attempt.podless_steps is None


def test_a_workflow_that_was_forgotten_waits_for_no_pod() -> None:
    """Its deletion may come before the pods' watch does."""
    cluster = a_cluster()
    feed(cluster, submitted(), finished())
    del cluster.workflows["w1"]

    cluster.tracked.release_until("pods", 1 << 62)


def test_of_too_many_that_wait_for_pods_the_oldest_gives_up() -> None:
    """Memory is bounded; the row stays without its pod."""
    cluster = a_cluster()
    cluster.tracked.podless.at_most = 1
    feed(cluster, submitted("w1"), finished("w1"), submitted("w2"), finished("w2", when=LATER + SECOND))

    assert [workflow_state.attempt.podless_steps is None for workflow_state in cluster.workflows.values()] == [
        True,
        False,
    ]


def test_the_times_of_a_thousand_held_steps_are_kept_and_no_more() -> None:
    """A fan-out of a hundred thousand behind one lock is one workflow."""
    cluster = a_cluster()
    held = {"type": "Pod", "phase": "Pending", "synchronizationStatus": {"waiting": "team/Mutex/m"}}
    first = {f"a{i}": held for i in range(HOLDS_LIMIT)}
    second = {f"b{i}": held for i in range(3)}
    for number, nodes in enumerate((first, first | second, second)):
        feed(cluster, an_observation(a_workflow(phase="Running", nodes=nodes), when=NOON + number * SECOND))

    assert set(cluster.workflows["w1"].attempt.step_holds or ()) == set(first)


# Whose fault it was.


DEADLINE = {"p1": a_step("Failed", message="Pod was active on the node longer than the specified deadline")}


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize("pod_first", [True, False])
def test_a_deadline_that_was_spent_waiting_is_the_platforms(started: bool, pod_first: bool) -> None:
    """In either order of pod and workflow; if a pod ran for long, its own code is to blame."""
    cluster = a_cluster()
    stay: dict[str, Any] = {"started": NOON + SECOND, "ended": LATER} if started else {"containers": []}
    pod = at(LATER, a_pod("p1", phase="Failed", reason="DeadlineExceeded", **stay), "added")
    end = finished(nodes=DEADLINE, phase="Failed", when=LATER + SECOND)
    reported = feed(cluster, submitted(), *((pod, end) if pod_first else (end, pod)))
    run = only(WorkflowRun, reported)[-1]

    assert (run.outcome, run.reason) == (("failed", "deadline") if started else ("platform", "deadline_waiting"))
    assert run.deciding_node == "p1"
    assert (decider := cluster.workflows["w1"].attempt.decider)
    assert decider.main_started == started


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (failed_pod(), ("failed", "exit_137", "p1")),
        (a_pod(phase="Failed", reason="Evicted"), ("platform", "evicted", "p1")),
        (ended_pod(), ("failed", "step_failed", "")),
    ],
)
def test_where_the_steps_are_offloaded_the_pod_that_failed_first_decides(
    pod: kubernetes.Pod, expected: tuple[str, str, str]
) -> None:
    """They lie in the controller's database; without a failed pod the message is all there is."""
    cluster = a_cluster()
    away: dict[str, Any] = {"offloadNodeStatusVersion": "fnv:1", "nodes": {}}
    reported = feed(cluster, submitted(), finished(phase="Failed", **away), at(LATER + SECOND, pod, "added"))
    run = only(WorkflowRun, reported)[-1]

    assert (run.outcome, run.reason, run.deciding_node) == expected
    assert run.node_status == "offloaded"


# Retries.


def test_a_failed_pod_is_kept_for_a_retry_that_gives_its_charge_another_class() -> None:
    """`argo retry` deletes the failed pods before it takes the workflow up again."""
    cluster = a_cluster()
    feed(cluster, submitted(), at(NOON + 71 * SECOND, failed_pod(), "added"), finished(phase="Failed", nodes={}))
    feed(cluster, at(LATER + SECOND, failed_pod(), "deleted"))
    assert set(cluster.pods) == {"p1"}

    again = an_observation(a_workflow(phase="Running", started=LATER + MINUTE), when=LATER + MINUTE)
    done = finished(when=LATER + 2 * MINUTE, started=LATER + MINUTE, finished=LATER + 2 * MINUTE, nodes={})
    ended = only(PodEnded, feed(cluster, again, done))

    assert [e.pod.run.attempt for e in ended] == [1]
    assert cluster.pods == {}


def test_a_pod_that_succeeded_is_kept_for_a_retry_that_makes_it_useful() -> None:
    """What had succeeded serves the next attempt, though it was deleted before: its class is none of who looked when."""
    cluster = a_cluster()
    feed(cluster, submitted(), at(NOON + 71 * SECOND, ended_pod(), "added"), finished(phase="Failed", nodes={}))
    feed(cluster, at(LATER + SECOND, ended_pod(), "deleted"))

    again = an_observation(a_workflow(phase="Running", started=LATER + MINUTE), when=LATER + MINUTE)
    done = finished(when=LATER + 2 * MINUTE, started=LATER + MINUTE, finished=LATER + 2 * MINUTE, nodes={})
    (ended,) = only(PodEnded, feed(cluster, again, done))

    assert ended.workflow is not None
    assert class_of(ended.pod.run, payer_of(ended.workflow)) == "useful"
    assert cluster.pods == {}


def test_a_handler_and_a_step_that_a_retry_runs_again_were_no_use() -> None:
    """Both succeeded in the first attempt; `--restart-successful` runs a step again, and every retry runs the handler again."""
    cluster = a_cluster()
    first = {"w1": a_step(startedAt=iso(NOON)), "p1": a_step(startedAt=iso(NOON)), "p2": a_step(startedAt=iso(NOON))}
    handler = ended_pod("p3", annotations=ECI_2C4G | {NODE_NAME: "w1.onExit"})
    pods = [at(NOON + 71 * SECOND, pod, "added") for pod in (ended_pod("p1"), ended_pod("p2"), handler)]
    feed(cluster, submitted(), *pods, finished(phase="Failed", nodes=first))

    again = LATER + MINUTE
    second = first | {"p1": a_step(startedAt=iso(again + SECOND))}
    reopened = an_observation(a_workflow(phase="Running", started=again), when=again)
    done = finished(when=again + MINUTE, started=again, finished=again + MINUTE, nodes=second)
    ended = only(PodEnded, feed(cluster, reopened, done))

    assert {e.pod.run.uid: class_of(e.pod.run, payer_of(e.workflow)) for e in ended} == {
        "p1": "retried", "p2": "useful", "p3": "retried",
    }  # fmt: skip


# What is asked for and what time alone leads to.


def test_what_was_read_is_kept_until_it_is_read_again() -> None:
    """A ConfigMap that cannot be read for a while does not lift the limits."""
    cluster = a_cluster()
    limits = ControllerSettings(parallelism=10)
    for value in (limits, None):
        assert cluster.read(Reading("settings", "", NOON, value)) == []
    for holder in ("a", "b"):
        lease = Lease("workflow-controller", holder, NOON, 15, acquired_at=NOON)
        effects = cluster.read(Reading("lease", "", NOON, lease))

    assert cluster.settings == limits
    assert [h.kind for h in effects] == ["leader_change"]  # type: ignore[union-attr]
    assert ("controller", "") in cluster.changes.drain()


def test_a_due_time_that_passes_without_a_run_is_reported() -> None:
    """By the clock alone: no object changes when nothing happens. The neighbour's run is known from the workflow."""
    cluster = Cluster("c1", RULES, argo_schedule)
    feed(cluster, sight(a_cron("*/5 * * * *", created=NOON - MINUTE), NOON - SECOND, "added"))
    labels = {"workflows.argoproj.io/cron-workflow": "nightly"}
    due = {"workflows.argoproj.io/scheduled-time": iso(NOON)}
    name = f"nightly-{NOON // SECOND}"
    run = a_workflow(name=name, labels=labels, annotations=due, created=NOON + SECOND)
    reported = only(CronRun, feed(cluster, an_observation(run, "added", when=NOON + SECOND)))
    late = only(CronRun, chain.from_iterable(cluster.tick(NOON + 5 * MINUTE + 90 * SECOND)))

    assert reported == []  # it is judged with the others of its minute
    assert [(row.due_at, row.outcome, row.workflow_name) for row in late] == [
        (NOON, "started", name),
        (NOON + 5 * MINUTE, "missed", ""),
    ]


def test_a_list_moves_no_counter_of_clamps() -> None:
    """A kubelet's clock that ran behind when the pod started is the past; each start of the collector would count it."""
    cluster = a_cluster()
    early = running_pod(started=NOON - MINUTE)
    effects = feed(
        cluster,
        an_observation(a_workflow(phase="Running", started=NOON), "listed", when=NOON + HOUR),
        at(NOON + HOUR, early, "listed"),
    )

    assert only(Clamped, effects) == []


def test_the_same_lock_is_named_for_each_reason_it_was_waited_for() -> None:
    """First by the workflow, then by one of its steps."""
    lock = "team/Mutex/m"
    step = {"type": "Pod", "phase": "Pending", "synchronizationStatus": {"waiting": lock}}
    cluster = a_cluster()
    feed(
        cluster,
        an_observation(a_workflow(phase="Pending", message=f"Waiting for {lock} lock. Lock status: 0/1"), when=NOON),
        an_observation(a_workflow(phase="Running", nodes={"a": step}), when=NOON + SECOND),
    )

    assert cluster.workflows["w1"].attempt.waited_on == {"lock": lock, "step_lock": lock}


def test_a_lifes_waits_are_named_by_what_it_waited_for() -> None:
    """By reason, the last of each; another attempt begins without."""
    cluster = a_cluster()
    for number, lock in enumerate("ab"):
        message = f"Waiting for team/Mutex/{lock} lock. Lock status: 0/1"
        feed(cluster, an_observation(a_workflow(phase="Pending", message=message), when=NOON + number))
    feed(cluster, running(when=NOON + SECOND))
    (run,) = only(WorkflowRun, feed(cluster, finished(nodes={})))

    assert run.waited_on == {"lock": "team/Mutex/b"}
    assert a_state().attempt.waited_on is None


def test_a_cluster_without_a_calendar_judges_no_due_time() -> None:
    """A replay of objects needs no calendar of cron expressions."""
    cluster = a_cluster()
    feed(cluster, sight(a_cron(), NOON, "added"))

    assert [*chain.from_iterable(cluster.tick(NOON + HOUR))] == []
    assert [cron.next_at for cron in cluster.crons.view()] == [None]
    assert NEVER.due("* * * * *", "UTC", NOON, NOON + HOUR, 9) == []


def test_of_two_pods_that_are_held_one_may_go_on() -> None:
    """The message of the remaining pod stays the workflow's."""
    cluster = a_cluster()
    stuck: dict[str, Any] = {"containers": [a_container(waits="ImagePullBackOff")]}
    feed(cluster, submitted(), at(NOON, a_pod("p1", **stuck), "added"), at(NOON, a_pod("p2", **stuck), "added"))
    feed(cluster, at(NOON + SECOND, running_pod("p1")), at(NOON + 2 * SECOND, ended_pod("p1")))
    held = cluster.workflows["w1"].held_pods

    assert held is not None
    assert (held["image"].count, cluster.workflows["w1"].attempt.reason) == (1, "image")


def test_of_too_many_deleted_workflows_the_oldest_goes() -> None:
    """Their pods' watch may never come as far; that of nodes says nothing of either."""
    cluster = a_cluster()
    cluster.tracked.gone_workflows.at_most = 1
    for number, uid in enumerate(("w1", "w2")):
        gone = an_observation(a_workflow(uid, phase="Running"), "deleted", when=NOON + (number + 1) * SECOND)
        feed(cluster, submitted(uid), gone)
    cluster.tracked.release_until("nodes", 1 << 62)

    assert set(cluster.workflows) == {"w2"}
