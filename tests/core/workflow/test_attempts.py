"""When work on a workflow begins, how each attempt of it ends, and which pods are whose."""

from collector.core.cluster.effects import Began, Clamped, Ended, EndSeen, PodEnded, Submitted
from collector.core.cluster.state import Cluster
from collector.core.cost import charge
from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import StepRun, WorkflowRun
from collector.core.messages import Observation
from collector.core.model import Fact
from collector.core.workflow.payer import payer_of
from tests.builders import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_pod,
    a_step,
    a_vanishing,
    a_workflow,
    an_observation,
    ended_pod,
    running_pod,
)
from tests.core.observed import a_cluster, depth, feed, finished, only, running, submitted

# When work begins.


def test_work_begins_with_the_first_pod_though_the_phase_lags() -> None:
    """A large workflow's status turned Running 12 s after its first 400 pods."""
    cluster = a_cluster()
    pod = an_observation(a_pod(), "added", when=NOON + 80)

    (began,) = only(Began, feed(cluster, submitted(), pod, running(when=NOON + 12 * SECOND)))

    assert began.latency_ms == 80


def test_work_begins_with_the_phase_where_no_pod_is_made() -> None:
    """A workflow that starts with a suspend step has begun."""
    (began,) = only(Began, feed(a_cluster(), submitted(), running(when=NOON + 43)))

    assert began.latency_ms == 43


def test_a_pod_that_arrives_before_its_workflow_begins_it() -> None:
    """Kinds are watched on connections of their own: the counter of started work must not lose these."""
    cluster = a_cluster()

    effects = feed(cluster, an_observation(a_pod(), "added"), submitted(when=NOON + 20), running())

    assert [type(h) for h in effects] == [Submitted, Began, Clamped]


def test_what_began_before_we_arrived_moves_no_counter() -> None:
    """A list shows the past: counting it would show a burst at each start of the collector."""
    cluster = a_cluster()
    work = a_workflow(phase="Running", started=NOON + SECOND)

    effects = feed(
        cluster,
        an_observation(work, "listed", when=NOON + HOUR),
        an_observation(running_pod(), "listed", when=NOON + HOUR),
    )

    assert effects == []


def test_a_pod_that_a_list_shows_begins_its_listed_workflow_without_being_counted() -> None:
    """The phase may lag behind the pods in a list too."""
    cluster = a_cluster()
    effects = feed(
        cluster,
        an_observation(a_workflow(), "listed", when=NOON + HOUR),
        an_observation(running_pod(), "listed", when=NOON + HOUR),
    )

    assert (effects, depth(cluster)) == ([], {"running": 1})


def test_what_a_relist_shows_to_have_begun_is_counted() -> None:
    """It was submitted before our eyes and began while we could not look."""
    cluster = a_cluster()
    pod = an_observation(a_pod(), "listed", when=NOON + HOUR)

    (began,) = only(Began, feed(cluster, submitted(), pod))

    assert began.latency_ms is None


def test_what_ended_before_we_arrived_is_recorded_and_moves_no_counter() -> None:
    """The row is the bill's; the counter is the present's."""
    done = a_workflow(phase="Failed", started=NOON + SECOND, finished=NOON + MINUTE, nodes={"w1": a_step("Failed")})

    effects = feed(a_cluster(), an_observation(done, "listed", when=NOON + HOUR))

    assert [type(h) for h in effects] == [WorkflowRun, StepRun]


# How an attempt ends.


def test_an_end_is_reported_once() -> None:
    """Later writes of a finished workflow are labels, archiving, deletion."""
    cluster = a_cluster()
    feed(cluster, submitted(), running(), finished())

    effects = feed(cluster, finished(when=NOON + 3 * MINUTE), finished(when=NOON + 4 * MINUTE))

    assert effects == []


def test_a_corrected_end_is_recorded_and_not_counted_again() -> None:
    """A terminal fact may be corrected: same key, higher version."""
    cluster = a_cluster()
    first = only(WorkflowRun, feed(cluster, submitted(), running(), finished()))
    effects = feed(cluster, finished(when=NOON + 3 * MINUTE, finished=NOON + 121 * SECOND))

    (corrected,) = only(WorkflowRun, effects)

    assert (corrected.finished_at, corrected.version > first[0].version) == (NOON + 121 * SECOND, True)
    assert only(Ended, effects) == []


def test_pods_that_went_before_their_workflow_ended_are_counted() -> None:
    """With podGC most pods of a long workflow are gone by its end."""
    cluster = a_cluster()
    pod = an_observation(ended_pod(phase="Failed"), when=NOON + 80 * SECOND)
    gone = an_observation(ended_pod(phase="Failed"), "deleted", when=NOON + 90 * SECOND)
    effects = feed(cluster, submitted(), running(), pod, gone, finished(), finished(message="m", when=NOON + HOUR))

    runs = only(WorkflowRun, effects)

    assert [(run.pods, run.failed_pods) for run in runs] == [(1, 1), (1, 1)]


def test_a_pod_that_shows_up_after_the_end_is_counted_in_a_newer_row() -> None:
    """Kinds may run minutes apart after a restart; the row of the attempt is written again."""
    cluster = a_cluster()
    (first,) = only(WorkflowRun, feed(cluster, submitted(), running(), finished()))

    (second,) = only(WorkflowRun, feed(cluster, an_observation(ended_pod(phase="Failed"), when=NOON + HOUR)))

    assert (first.pods, second.pods, second.failed_pods) == (0, 1, 1)
    assert second.version > first.version


def test_a_workflow_deleted_while_it_ran_was_cancelled() -> None:
    """A user deleted it, which is not a failure."""
    cluster = a_cluster()
    gone = an_observation(a_workflow(phase="Running", started=NOON + SECOND), "deleted", when=NOON + MINUTE)

    (run,) = only(WorkflowRun, feed(cluster, submitted(), running(), gone))

    assert (run.outcome, run.reason, run.finished_at) == ("cancelled", "deleted", NOON + MINUTE)


def test_a_workflow_that_vanished_ended_in_a_way_none_saw() -> None:
    """The outcome is unknown, not guessed."""
    cluster = a_cluster()

    (run,) = only(WorkflowRun, feed(cluster, submitted(), running(), a_vanishing("workflows", "w1", when=NOON + HOUR)))

    assert (run.outcome, run.reason, run.complete) == ("unknown", "vanished", False)


def test_a_finished_workflow_that_vanished_shows_nothing_new() -> None:
    """Its end was seen; its object went with the TTL during a break."""
    cluster = a_cluster()
    feed(cluster, submitted(), running(), finished())

    assert feed(cluster, a_vanishing("workflows", "w1", when=NOON + HOUR)) == []


def test_a_break_makes_living_workflows_incomplete_and_no_others() -> None:
    """Changes of live workflows may have been missed; finished ones are reported already."""
    cluster = a_cluster()
    feed(cluster, submitted("w1"), submitted("w2"), running("w2"), finished("w2"))
    cluster.changes.drain()
    cluster.gap_started("workflows", 0)

    assert {uid: workflow_state.attempt.complete for uid, workflow_state in cluster.workflows.items()} == {
        "w1": False,
        "w2": True,
    }
    assert cluster.changes.drain() == [("workflows", "w1")]


# Attempts.


def reopened(when: int = NOON + 10 * MINUTE) -> Observation:
    """`argo retry` has taken the workflow up again."""
    return an_observation(a_workflow(started=when, nodes={}), when=when)


def test_a_retried_workflow_is_a_new_attempt_that_queues_from_its_reopening() -> None:
    """`argo retry` keeps uid and creation; counting from creation would call its first run a wait."""
    cluster = a_cluster()
    again = NOON + 10 * MINUTE
    feed(cluster, submitted(), running(), finished(phase="Failed"))
    begun = an_observation(a_workflow(phase="Running", started=again), when=again + 900)
    end = finished(started=again, finished=again + MINUTE, when=again + MINUTE)
    effects = feed(cluster, reopened(again), begun, end)

    (run,) = only(WorkflowRun, effects)

    assert (run.attempt, run.queue_latency_ms, run.latency_source, run.outcome) == (2, 900, "watch", "succeeded")
    assert [type(h) for h in effects if not isinstance(h, Fact)] == [Submitted, Began, EndSeen, Ended]


def test_an_attempt_that_ended_and_was_retried_during_a_break_is_reported_as_unknown() -> None:
    """A list shows the next attempt: the one before ended in the gap, no later than the next began."""
    cluster = a_cluster()
    again = NOON + 10 * MINUTE
    feed(cluster, submitted(), running(), an_observation(running_pod("p1"), when=NOON + MINUTE))
    cluster.gap_started("workflows", NOON + 5 * MINUTE)
    listed = an_observation(a_workflow(phase="Running", started=again), "listed", when=NOON + HOUR)
    reported = feed(cluster, listed, finished(started=again, when=NOON + 2 * HOUR, finished=NOON + 2 * HOUR))

    first, second = only(WorkflowRun, reported)

    assert (first.attempt, first.outcome, first.reason, first.complete) == (1, "unknown", "unwatched", False)
    assert (first.finished_at, first.started_at, first.pods) == (NOON + 5 * MINUTE, NOON + SECOND, 1)
    assert (second.attempt, second.outcome, second.complete) == (2, "succeeded", False)
    assert [type(h) for h in reported if not isinstance(h, Fact)] == [Ended, Submitted, Began, EndSeen, Ended]


def test_pods_are_counted_by_attempt() -> None:
    """Attempt 2 has one pod of its own, whatever attempt 1 had."""
    cluster = a_cluster()
    again = NOON + 10 * MINUTE
    feed(cluster, submitted(), an_observation(ended_pod("p1", phase="Failed")), finished(phase="Failed"))
    second = an_observation(ended_pod("p2", created=again + SECOND), when=again + MINUTE)
    end = finished(started=again, when=again + 2 * MINUTE, finished=again + 2 * MINUTE)

    (run,) = only(WorkflowRun, feed(cluster, reopened(again), second, end))

    assert (run.pods, run.failed_pods) == (1, 0)


def test_a_pod_of_the_next_attempt_may_arrive_before_the_reopening() -> None:
    """Kinds are not ordered among each other: a pod made after the end belongs to the attempt that comes."""
    cluster = a_cluster()
    again = NOON + 10 * MINUTE
    feed(cluster, submitted(), running(), finished(phase="Failed"))
    early = an_observation(running_pod("p2", created=again + SECOND), when=again + 2 * SECOND)
    feed(cluster, early, reopened(again))

    workflow_state = cluster.workflows["w1"]

    assert (
        cluster.pods["p2"].run.attempt,
        workflow_state.attempt.number,
        workflow_state.attempt.pods,
        workflow_state.attempt.reason,
    ) == (
        2,
        2,
        1,
        "running",
    )


def test_a_pod_made_in_the_second_in_which_its_workflow_ended_is_of_that_attempt() -> None:
    """Instants have whole seconds; a retry within the same second does not occur."""
    cluster = a_cluster()
    feed(cluster, submitted(), running(), finished())
    feed(cluster, an_observation(ended_pod("p1", created=NOON + 2 * MINUTE), when=NOON + HOUR))

    assert cluster.pods["p1"].run.attempt == 1


def test_a_pod_made_after_the_end_by_another_clock_is_of_no_attempt_that_none_saw() -> None:
    """The API server stamps pods, the controller ends: where their clocks differ, no retry is made up."""
    cluster = a_cluster()
    feed(cluster, submitted(), running(), finished())
    feed(cluster, an_observation(ended_pod("p1", created=NOON + HOUR), when=NOON + HOUR))

    assert (cluster.pods["p1"].run.attempt, cluster.workflows["w1"].attempt.pods) == (1, 1)


def test_a_pod_of_the_next_attempt_is_given_back_by_the_attempt_before() -> None:
    """It was counted there for want of a better word: both rows are written again."""
    cluster = a_cluster()
    again = NOON + 10 * MINUTE
    pods = [
        an_observation(ended_pod("p1", phase="Failed")),
        an_observation(ended_pod("p2", phase="Failed", created=again)),
    ]
    reported = feed(cluster, submitted(), running(), *pods, finished(phase="Failed"), reopened(again))
    rows = {(r.attempt, r.version): (r.pods, r.failed_pods) for r in only(WorkflowRun, reported)}
    moved = {r.uid: r.attempt for r in only(PodRun, reported)}

    assert rows[max(rows)] == (1, 1)
    assert moved == {"p1": 1, "p2": 2}
    assert cluster.workflows["w1"].attempt.pods == 1


def test_a_first_container_of_the_next_attempt_is_given_back_too() -> None:
    """An attempt whose pods never ran started nothing, whatever the one after it did."""
    cluster = a_cluster()
    again = NOON + 10 * MINUTE
    late = ended_pod("p2", created=again, started=again + SECOND, ended=again + MINUTE)
    reported = feed(cluster, submitted(), running(), an_observation(late), finished(phase="Failed"), reopened(again))
    latencies = [(r.start_latency_ms, r.completion_delay_ms) for r in only(WorkflowRun, reported)]

    assert latencies == [(10 * MINUTE + SECOND, 0), (None, None)]


def test_a_terminated_workflow_may_be_retried_and_its_pods_are_kept_for_that() -> None:
    """`argo retry` takes up whatever is Failed: what such a pod cost was spent on an attempt that was done again."""
    cluster = a_cluster()
    again = NOON + 10 * MINUTE
    gone = an_observation(ended_pod("p1", phase="Failed"), "deleted", when=NOON + 80 * SECOND)
    end = finished(phase="Failed", spec={"shutdown": "Terminate"})
    feed(cluster, submitted(), running(), an_observation(ended_pod("p1", phase="Failed")), gone, end)
    reported = feed(cluster, reopened(again), finished(started=again, when=again + MINUTE))

    assert [(h.pod.run.uid, charge.class_of(h.pod.run, payer_of(h.workflow))) for h in only(PodEnded, reported)] == [
        ("p1", "retried")
    ]


def test_a_pod_of_the_attempt_before_may_arrive_after_the_reopening() -> None:
    """And one made before the retry belongs to the attempt that is over."""
    cluster = a_cluster()
    feed(cluster, submitted(), running(), finished(phase="Failed"), reopened())
    feed(cluster, an_observation(ended_pod("p1"), when=NOON + 11 * MINUTE))

    assert cluster.pods["p1"].run.attempt == 1


def test_a_pod_that_collects_artifacts_after_the_end_is_no_new_attempt() -> None:
    """The controller makes it when the workflow is over."""
    cluster = a_cluster()
    feed(cluster, submitted(), running(), finished())
    labels = {"workflows.argoproj.io/component": "artifact-gc"}
    feed(cluster, an_observation(a_pod("gc", created=NOON + HOUR, labels=labels), when=NOON + HOUR))

    assert cluster.pods["gc"].run.attempt == 1


def retried() -> Cluster:
    """A cluster that saw an attempt fail and `argo retry` take it up again, and no pods yet."""
    cluster = a_cluster()
    feed(cluster, submitted(), running(), finished(phase="Failed"), reopened())
    return cluster


def test_a_pod_of_an_attempt_that_was_let_go_is_still_of_that_attempt() -> None:
    """It is older than the retry, whatever else is known."""
    cluster = retried()
    cluster.tracked.release_until("pods", cluster.workflows["w1"].version)
    feed(cluster, an_observation(ended_pod("p1"), when=NOON + 11 * MINUTE))

    assert (cluster.pods["p1"].run.attempt, cluster.workflows["w1"].former) == (1, ())


def test_too_many_attempts_that_wait_for_their_pods_are_let_go_early() -> None:
    """Memory is bounded, also where pods may not be watched at all."""
    cluster = a_cluster()
    cluster.tracked.reopened.at_most = 0
    feed(cluster, submitted(), running(), finished(phase="Failed"), reopened())

    assert cluster.workflows["w1"].former == ()


def test_a_workflow_may_go_before_its_finished_attempt_is_let_go() -> None:
    """Too many deleted workflows are forgotten early."""
    cluster = retried()
    cluster.tracked.gone_workflows.at_most = 0
    feed(cluster, an_observation(a_workflow(), "deleted", when=NOON + 20 * MINUTE))
    cluster.tracked.release_until("pods", 2**60)

    assert cluster.workflows == {}
