"""A pod's stay: when it began and ended, why, and whose it is, as evidence."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.facts.bills import PodRun
from collector.core.messages import Change
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.pod import lifecycle as pod_lifecycle
from collector.core.pod.state import PodState
from tests.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_condition,
    a_container,
    a_place,
    a_pod,
    an_observation,
    decoded,
    ended_pod,
    pod_json,
    running_pod,
)

PLACE = a_place()
GIB = 1024**3


def lived(
    *pods: kubernetes.Pod | tuple[kubernetes.Pod, Change], when: Instant = NOON + HOUR, live: bool = True
) -> PodState:
    """The state of a pod after these observations, one second apart."""
    pod_state: PodState | None = None
    for i, seen in enumerate(pods):
        pod, change = seen if isinstance(seen, tuple) else (seen, "modified")
        pod_state = pod_lifecycle.observe(
            pod_state, an_observation(pod, change, when=when + i * SECOND, live=live), PLACE
        )
    assert pod_state is not None
    return pod_state


def run_of(
    *pods: kubernetes.Pod | tuple[kubernetes.Pod, Change], when: Instant = NOON + HOUR, live: bool = True
) -> PodRun:
    return lived(*pods, when=when, live=live).run


def hanging(reason: str, **more: Any) -> dict[str, Any]:
    message = more.pop("message", "")
    return {"name": "main", "state": {"waiting": {"reason": reason, "message": message}}, **more}


# When it ended.


def test_a_pod_ends_with_its_last_container() -> None:
    """A sidecar may outlive main; the instance is billed until it ends."""
    main, wait = (a_container(name, started=NOON, ended=NOON + s * SECOND) for name, s in (("main", 60), ("wait", 65)))

    assert run_of(ended_pod(containers=[main, wait])).finished_at == NOON + 65 * SECOND


def test_a_pod_that_runs_has_no_end() -> None:
    """Its first containers may have ended already."""
    containers = [a_container("init-like", started=NOON, ended=NOON + SECOND), a_container(started=NOON)]

    assert run_of(running_pod(containers=containers)).finished_at is None


def test_a_pod_that_never_got_past_its_init_container_ends_with_it() -> None:
    """Main waits for ever when init failed."""
    init = a_container("init", started=NOON, ended=NOON + 5 * SECOND, exit_code=1)
    pod = a_pod(phase="Failed", containers=[a_container(waits="PodInitializing")], initContainerStatuses=[init])

    assert run_of(pod).finished_at == NOON + 5 * SECOND


def test_a_pod_killed_while_main_ran_does_not_end_with_its_init_container() -> None:
    """The status of an evicted pod shows main running for ever: earlier ends of other containers mean nothing."""
    init = a_container("init", started=NOON, ended=NOON + 5 * SECOND)
    pod = a_pod(
        phase="Failed", reason="Evicted", containers=[a_container(started=NOON + 6 * SECOND)],
        initContainerStatuses=[init],
    )  # fmt: skip

    assert run_of(pod, when=NOON + HOUR).finished_at == NOON + HOUR


def test_an_evicted_pod_ended_when_it_ceased_to_be_ready() -> None:
    """The only word of its end in the object is a condition that went back."""
    conditions = [a_condition("PodScheduled", NOON), a_condition("Ready", NOON + 30 * SECOND, "False")]
    pod = a_pod(phase="Failed", reason="Evicted", containers=[a_container(started=NOON)], conditions=conditions)

    assert run_of(pod, when=NOON + HOUR).finished_at == NOON + 30 * SECOND


def test_a_condition_that_was_false_before_main_started_is_no_end() -> None:
    """Most are, for a while."""
    conditions = [a_condition("PodScheduled", NOON), a_condition("Ready", NOON, "False")]
    containers = [a_container(started=NOON + 6 * SECOND)]
    pod = a_pod(phase="Failed", reason="Evicted", containers=containers, conditions=conditions)

    assert run_of(pod, when=NOON + HOUR).finished_at == NOON + HOUR


def test_an_end_none_wrote_down_stays_where_it_was_first_seen() -> None:
    """Later sights of an evicted pod must not make it longer."""
    pod = a_pod(phase="Failed", reason="Evicted", containers=[a_container(started=NOON)], conditions=[])

    assert run_of(pod, pod, pod, when=NOON + HOUR).finished_at == NOON + HOUR


def test_an_end_that_is_written_down_later_corrects_the_guess() -> None:
    """The last word wins."""
    evicted = a_pod(phase="Failed", reason="Evicted", containers=[a_container(started=NOON)], conditions=[])

    assert run_of(evicted, ended_pod(phase="Failed")).finished_at == NOON + 70 * SECOND


def test_a_pod_deleted_while_it_pulled_its_image_lived_until_then() -> None:
    """ECI bills pulling: conditions that were false from the start do not show an end."""
    never = [a_condition("PodScheduled", NOON), a_condition("ContainersReady", NOON, "False")]
    pod = a_pod(conditions=never, containers=[a_container(waits="ImagePullBackOff")])

    assert run_of(pod, (pod, "deleted"), when=NOON + HOUR).finished_at == NOON + HOUR + SECOND


def test_a_pod_deleted_while_main_waited_does_not_end_with_its_init_container() -> None:
    """The instance is there until the pod is taken away."""
    init = a_container("init", started=NOON, ended=NOON + 5 * SECOND)
    pod = a_pod(containers=[a_container(waits="ImagePullBackOff")], initContainerStatuses=[init])

    assert run_of((pod, "deleted"), when=NOON + HOUR).finished_at == NOON + HOUR


def test_a_deletion_states_itself_when_it_was_requested_for() -> None:
    """The server's instant outweighs the instant of arrival."""
    reported = pod_json(started=NOON, phase="Running")
    reported["metadata"]["deletionTimestamp"] = "2026-11-22T12:00:40Z"

    pod = decoded(reported, kubernetes.Pod)

    assert run_of((pod, "deleted"), when=NOON + MINUTE).finished_at == NOON + 40 * SECOND
    assert run_of((pod, "deleted"), when=NOON + 9 * SECOND).finished_at == NOON + 9 * SECOND, "it is gone before"
    assert run_of((pod, "deleted"), when=NOON - MINUTE).finished_at == NOON + 40 * SECOND, "our clock is behind"


def test_the_end_of_a_pod_that_a_list_shows_is_not_now() -> None:
    """A pod without a recorded end that a list shows as over ended with its last change, not at the list."""
    changes = [a_condition("PodScheduled", NOON), a_condition("ContainersReady", NOON + SECOND, "False")]
    pod = a_pod(phase="Failed", containers=[a_container(waits="ErrImagePull")], conditions=changes)

    assert run_of((pod, "listed"), when=NOON + DAY, live=False).finished_at == NOON + SECOND


def test_an_end_far_ahead_of_our_clock_is_no_end() -> None:
    """A kubelet whose clock is years ahead must not bill years."""
    pod = ended_pod(ended=NOON + 3650 * DAY)

    assert run_of(pod, when=NOON + HOUR).finished_at == NOON + HOUR


def test_a_pod_without_any_instant_ended_when_we_saw_it() -> None:
    """Everything in an object may be missing."""
    pod = a_pod(phase="Failed", conditions=[], containers=[])

    assert run_of((pod, "listed"), when=NOON + HOUR, live=False).finished_at == NOON + HOUR


def test_a_vanished_pod_ends_now_and_keeps_what_it_stated_last() -> None:
    """What a relist lacks ended in between; the reason we saw is better than `vanished`."""
    pod_state = lived(a_pod(containers=[a_container(waits="ImagePullBackOff")]))

    closed = pod_lifecycle.close(pod_state, NOON + DAY, 7, "vanished", over_by=NOON + DAY)

    assert (closed.run.finished_at, closed.run.reason, closed.run.version, closed.stage, closed.gone) == (
        NOON + DAY, "ImagePullBackOff", 7, "finished", True,
    )  # fmt: skip


def test_a_pod_of_end_is_known_keeps_it_when_it_vanishes() -> None:
    """Finished pods are collected; a list without one has no news of it."""
    pod_state = lived(ended_pod())
    closed = pod_lifecycle.close(pod_state, NOON + DAY, 7, "vanished", over_by=NOON + DAY)

    assert (closed.run, closed.gone) == (pod_state.run, True)


# When it began.


def test_main_is_found_by_name() -> None:
    """containerStatuses[0] is Argo's own `wait`."""
    containers = [
        a_container("wait", started=NOON, ended=NOON + 5 * SECOND),
        a_container("main", started=NOON + SECOND, ended=NOON + 4 * SECOND, exit_code=3, reason="Error"),
    ]
    run = run_of(a_pod(phase="Failed", containers=containers))

    assert (run.main_started_at, run.exit_code, run.reason) == (NOON + SECOND, 3, "Error")


def test_without_a_main_the_first_container_stands_in() -> None:
    """A Job's pod has none of that name."""
    pod = running_pod(containers=[a_container("worker", started=NOON + SECOND)])

    assert (run_of(pod).main_started_at, lived(pod).stage) == (NOON + SECOND, "running")


def test_instants_that_vanish_in_a_later_write_are_kept() -> None:
    """Conditions and container states do vanish from the objects of real clusters."""
    bare = a_pod(phase="Succeeded", conditions=[], containers=[])
    run = run_of(running_pod(), ended_pod(), bare)

    assert (run.scheduled_at, run.instance_created_at, run.main_started_at, run.finished_at) == (
        NOON, NOON, NOON + 10 * SECOND, NOON + 70 * SECOND,
    )  # fmt: skip


def test_annotations_may_come_after_the_end() -> None:
    """The provider's word is never on the first event, and often on the last."""
    run = run_of(ended_pod(annotations={}), ended_pod())

    assert run.pricing["k8s.aliyun.com/eci-instance-spec"] == "2.0-4.0Gi"


def test_a_condition_that_is_not_true_states_no_instant() -> None:
    """An instance that could not be made was not made."""
    pod = a_pod(conditions=[a_condition("ContainerInstanceCreated", NOON, "False", reason="NoStock")])

    assert run_of(pod).instance_created_at is None


def test_a_container_without_a_state_states_nothing() -> None:
    """Nothing in a status is sure to be there."""
    run = run_of(a_pod(containers=[{"name": "main"}, {"name": "other", "lastState": {}}]))

    assert (run.main_started_at, run.reason, run.exit_code) == (None, "", None)


# Why it ended.


def test_what_a_pod_waited_for_on_its_way_is_no_reason_of_its_end() -> None:
    """Every pod of a real cluster was ContainerCreating once."""
    waiting = a_pod(containers=[a_container(waits="ContainerCreating")])

    assert run_of(waiting, running_pod(), ended_pod()).reason == ""


def test_an_oom_kill_may_be_in_the_last_state_alone() -> None:
    """The present state of a container that was killed and waits says nothing of the kill."""
    killed = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-22T12:00:30Z"}}
    reported = a_container(waits="CrashLoopBackOff") | {"lastState": killed}
    run = run_of(a_pod(phase="Failed", containers=[reported]))

    assert (run.reason, run.exit_code) == ("OOMKilled", 137)


def test_the_pods_own_reason_goes_first() -> None:
    """`Evicted` says more than what the kubelet did to the container."""
    pod = ended_pod(phase="Failed", reason="Evicted")

    assert run_of(pod).reason == "Evicted"


def test_a_reason_that_vanishes_after_the_end_is_kept() -> None:
    """A later write may drop the status it was in."""
    pod = ended_pod(phase="Failed", reason="Evicted")

    assert run_of(pod, ended_pod(phase="Failed")).reason == "Evicted"


# How long it took to start.


def started(*live: bool, when: tuple[int, ...] = (5, 16, 80), main: Instant = NOON + 10 * SECOND) -> PodState:
    """A pod that was seen starting, then running, then ended; each sight live or not, so many seconds after noon."""
    pods = (a_pod(), running_pod(started=main), ended_pod(started=main, ended=main + SECOND))
    pod_state: PodState | None = None
    for pod, is_live, second in zip(pods, live, when, strict=False):
        seen = an_observation(pod, when=NOON + second * SECOND, live=is_live)
        pod_state = pod_lifecycle.observe(pod_state, seen, PLACE)
    assert pod_state is not None
    return pod_state


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ((True, True, True), (11 * SECOND, "watch")),
        ((True, True), (11 * SECOND, "watch")),
        ((False, True, True), (10 * SECOND, "object")),
        ((True, False, True), (10 * SECOND, "object")),
        ((True,), (None, "")),
    ],
)
def test_a_start_is_timed_by_our_clock_where_both_ends_were_live(
    live: tuple[bool, ...], expected: tuple[Any, str]
) -> None:
    """Else by the object's whole seconds, from creation; the sight of the end changes nothing."""
    pod_state = started(*live)

    assert (
        (pod_state.run.start_latency_ms, pod_state.run.start_latency_source)
        == pod_lifecycle.start_latency(pod_state)
        == expected
    )


def test_a_pod_that_runs_at_first_sight_is_timed_by_its_own_instants() -> None:
    """It started before anybody looked; our clock would say 0."""
    pod_state = lived(running_pod(), ended_pod())

    assert pod_lifecycle.start_latency(pod_state) == (10 * SECOND, "object")


def test_a_pod_that_ended_between_two_sights_is_timed_by_its_own_instants() -> None:
    """Its start was not observed."""
    pod_state = lived(a_pod(), ended_pod())

    assert (pod_state.running_at, pod_lifecycle.start_latency(pod_state)) == (None, (10 * SECOND, "object"))


@pytest.mark.parametrize(
    ("pod_state", "expected"),
    [
        (lambda: started(False, False, main=NOON - SECOND), (True, (0, "object"))),
        (lambda: started(True, True, when=(9, 5)), (True, (0, "watch"))),
        (lambda: started(True, True), (False, (11 * SECOND, "watch"))),
        (lambda: started(True), (False, (None, ""))),
    ],
)
def test_two_clocks_that_disagree_make_no_negative_start(
    pod_state: Any, expected: tuple[bool, tuple[Any, str]]
) -> None:
    """The latency is set to 0, and the caller can find out."""
    assert (pod_lifecycle.clamped(pod_state()), pod_lifecycle.start_latency(pod_state())) == expected


@given(st.lists(st.integers(0, 2), max_size=6), st.integers(0, 100))
def test_a_sight_that_comes_twice_changes_nothing(order: list[int], later: int) -> None:
    """Watches replay; only the first sight of each state counts."""
    pods = (a_pod(containers=[hanging("ErrImagePull", image="a:1")]), running_pod(), ended_pod())
    once: PodState | None = None
    twice: PodState | None = None
    for i, which in enumerate(sorted(order)):
        seen = an_observation(pods[which], when=NOON + i * SECOND, rv=i + 1)
        once = pod_lifecycle.observe(once, seen, PLACE)
        again = an_observation(pods[which], when=NOON + i * SECOND + later, rv=i + 1)
        twice = pod_lifecycle.observe(pod_lifecycle.observe(twice, seen, PLACE), again, PLACE)

    assert once == twice


def test_what_an_event_noted_at_stays_with_the_evidence() -> None:
    """Events come before the pod's end, and are gone within the hour."""
    pod_state = lived(a_pod())
    pod_state.hint = "FailedMount: secret not found"
    after = pod_lifecycle.observe(pod_state, an_observation(ended_pod(), when=NOON + HOUR), PLACE)

    assert (after.hint, after.run.hint) == ("FailedMount: secret not found",) * 2
