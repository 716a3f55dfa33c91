"""What happens to the Argo controller, each once."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.argo import controller
from collector.core.argo.controller import ControllerState
from collector.core.facts.workflows import ControllerIncident
from collector.core.objects import kubernetes
from tests.builders import NOON, SECOND, an_observation, iso
from tests.core.argo.controllers import (
    BACK_OFF,
    a_controller,
    controller_lease,
    deleting,
    emitted,
    ended,
    health,
    names,
    ran,
    runs,
    watch,
)
from tests.replay import observations


def test_a_kill_is_emitted_once_however_often_it_is_observed() -> None:
    """The kubelet keeps it in lastState until the next one."""
    pod = a_controller({"state": {"running": {}}, "lastState": ended(1)})

    (incident,) = emitted(pod, pod, pod)

    assert incident == ControllerIncident(
        cluster="c1", pod_uid="ctl", container="workflow-controller", at=NOON + SECOND,
        version=an_observation(pod).version, namespace="argo", pod="ctl", kind="oom_kill", reason="OOMKilled",
        exit_code=137, memory_limit_bytes=1024**3,
    )  # fmt: skip


def test_a_kill_that_moves_from_state_to_last_state_is_the_same() -> None:
    """First the container is down, then it runs again."""
    down = a_controller({"state": ended(1)})
    up = a_controller({"state": {"running": {}}, "lastState": ended(1)})

    assert len(emitted(down, up)) == 1


def test_two_kills_in_one_status_are_two() -> None:
    """A container that is down again after it was killed before."""
    pod = a_controller({"state": ended(9), "lastState": ended(1)})

    assert [i.at for i in emitted(pod)] == [NOON + SECOND, NOON + 9 * SECOND]


def test_an_end_for_another_reason_is_a_restart() -> None:
    """A crash is not a kill."""
    (incident,) = emitted(a_controller({"lastState": ended(1, "Error", 2)}))

    assert (incident.kind, incident.reason, incident.exit_code) == ("restart", "Error", 2)


@pytest.mark.parametrize(
    ("pod_reason", "reason", "expected", "word"),
    [
        (None, "OOMKilled", "OOMKilled", "oom"),
        (None, "Error", "Error", "error"),
        (None, "Completed", "Completed", "completed"),
        (None, "ContainerCannotRun", "ContainerCannotRun", "other"),
        ("Evicted", "Error", "Evicted", "evicted"),
        ("Evicted", "OOMKilled", "OOMKilled", "oom"),
        ("NodeShutdown", "Error", "NodeShutdown", "other"),
    ],
)
def test_a_restart_has_one_of_few_reasons(pod_reason: str | None, reason: str, expected: str, word: str) -> None:
    """A pod that failed as a whole gives the reason, unless the container ran out of memory; older ends keep theirs."""
    pod = a_controller({"state": ended(9, reason), "lastState": ended(1, "Error")})
    assert pod.status
    pod.status.reason = pod_reason
    first, second = emitted(pod)

    assert (first.reason, second.reason) == ("Error", expected)
    assert controller.restart_reason(second) == word


def test_a_restart_that_nobody_saw_has_an_unknown_reason() -> None:
    """Only its start is known."""
    sights = ((0, {"state": runs(0), "restartCount": 0}), (9, {"state": runs(8), "restartCount": 1}))
    (unseen,) = watch(ControllerState(), *sights)

    assert controller.restart_reason(unseen) == "unknown"


def test_two_pods_may_die_in_the_same_second() -> None:
    """The key names the pod."""
    assert len(emitted(a_controller({"state": ended(1)}, uid="a"), a_controller({"state": ended(1)}, uid="b"))) == 2


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"state": {}, "lastState": {}},
        {"state": {"terminated": {"reason": "OOMKilled"}}},
        {"state": {"terminated": {"reason": "OOMKilled", "finishedAt": "1970-01-01T00:00:00Z"}}},
    ],
)
def test_an_end_without_an_instant_is_ignored(status: dict[str, Any]) -> None:
    """The instant is its key."""
    assert emitted(a_controller(status)) == []


def test_other_containers_of_the_pod_do_not_count() -> None:
    """A mesh's sidecar is restarted all the time."""
    pod = a_controller({"name": "istio-proxy", "state": ended(1)})

    assert emitted(pod) == []


def test_a_pod_without_a_status_has_no_incidents() -> None:
    """It has just been made."""
    assert emitted(kubernetes.Pod(kubernetes.Meta(uid="ctl"))) == []


def test_the_memory_limit_is_0_if_there_is_none() -> None:
    """Helm's default sets none."""
    bare = a_controller({"state": ended(1)}, containers=None)
    other = a_controller({"state": ended(1)}, uid="b", containers=[{"name": "workflow-controller"}])
    bad = a_controller(
        {"state": ended(1)},
        uid="c",
        containers=[{"name": "workflow-controller", "resources": {"limits": {"cpu": "1"}}}],
    )

    assert [i.memory_limit_bytes for i in emitted(bare, other, bad)] == [0, 0, 0]


def test_remembered_incidents_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten first."""
    monkeypatch.setattr(controller, "REMEMBERED", 2)
    seen = ControllerState()
    emitted(*(a_controller({"state": ended(i)}) for i in range(3)), seen=seen)

    assert [at for _, _, at in seen.keys] == [NOON + SECOND, NOON + 2 * SECOND]


@pytest.mark.parametrize(
    ("namespace", "labels", "expected"),
    [
        ("argo", {"app": "workflow-controller"}, True),
        ("argo", {"app.kubernetes.io/component": "workflow-controller"}, True),
        ("argo", {"app.kubernetes.io/name": "argo-workflows-workflow-controller"}, True),
        ("argo", {"app": "argo-server"}, False),
        ("argo", {"app.kubernetes.io/name": "argo-workflows-server"}, False),
        ("argo", None, False),
        ("other", {"app": "workflow-controller"}, False),
    ],
)
def test_a_controller_is_recognised_by_its_label_in_its_namespace(namespace: str, labels: Any, expected: bool) -> None:
    """The manifests and the Helm chart label it differently."""
    pod = kubernetes.Pod(kubernetes.Meta(namespace=namespace, labels=labels))

    assert controller.is_controller(pod, "argo") is expected


def test_a_kill_that_the_kubelet_does_not_call_oom_is_a_restart() -> None:
    """A kill by a node without memory looks the same as any kill -9; the exit code is kept too."""
    (incident,) = emitted(a_controller({"lastState": ended(1, "Error", 137)}))

    assert (incident.kind, incident.reason, incident.exit_code) == ("restart", "Error", 137)


@pytest.mark.parametrize(("reason", "exit_code"), [("Completed", 0), ("Error", 143), ("Error", 2), ("Error", 137)])
def test_an_end_caused_by_a_roll_out_is_not_a_restart(reason: str, exit_code: int) -> None:
    """Nothing starts again in a pod that is being deleted; nor is its end one that was missed."""
    state = ControllerState()
    up = a_controller({"state": runs(5), "restartCount": 0})
    down = deleting(a_controller({"state": ran(5, 20, reason, exit_code), "restartCount": 0}))

    assert emitted(up, down, down, seen=state) == []


def test_an_oom_kill_during_a_roll_out_is_emitted() -> None:
    """The roll-out did not cause it; a crash before the deletion counts as a restart."""
    pod = deleting(a_controller({"state": ended(20), "lastState": ended(1, "Error", 2)}))

    assert [i.kind for i in emitted(pod)] == ["restart", "oom_kill"]


def test_a_restart_between_two_observations_has_the_instant_of_the_next_start() -> None:
    """restartCount grew by two and one end is shown: of the other only the next start is known."""
    state = ControllerState()
    first = watch(state, (5, {"state": runs(0), "restartCount": 0}))
    jump = {"state": runs(30), "lastState": ran(20, 29), "restartCount": 2}
    then = watch(state, (31, jump), (40, jump))

    assert first == []
    assert names(then) == [("restart", "Error", 29), ("restart", "unseen", 20)]
    assert then[1].exit_code is None
    assert health(state).restarts == 2


def test_of_several_missed_restarts_the_last_is_emitted() -> None:
    """The others have no instant; health counts them."""
    state = ControllerState()
    watch(state, (5, {"state": runs(0), "restartCount": 0}))
    then = watch(state, (99, {"state": runs(30), "lastState": ran(20, 29), "restartCount": 7}))

    assert names(then) == [("restart", "Error", 29), ("restart", "unseen", 20)]
    assert health(state).restarts == 7


@pytest.mark.parametrize(
    "status",
    [
        {"state": runs(3), "lastState": {}, "restartCount": 1},
        {"state": runs(3), "lastState": {"terminated": {"startedAt": iso(NOON)}}, "restartCount": 1},
    ],
)
def test_an_end_that_is_not_shown_is_emitted_at_the_next_start(status: dict[str, Any]) -> None:
    """A runtime may forget a dead container, or when it died."""
    state = ControllerState()
    watch(state, (1, {"state": runs(0), "restartCount": 0}))

    assert names(watch(state, (9, status))) == [("restart", "unseen", 3)]


@pytest.mark.parametrize(
    "status",
    [
        {"state": {"waiting": {"reason": "ContainerCreating"}}, "restartCount": 2},
        {"state": {}, "lastState": ran(1, 2), "restartCount": 9},
    ],
)
def test_a_missed_restart_without_an_honest_instant_is_only_counted(status: dict[str, Any]) -> None:
    """No start is shown, or none after the emitted incidents."""
    state = ControllerState()
    watch(state, (6, {"state": runs(5), "lastState": ran(1, 5), "restartCount": 1}))
    watch(state, (7, {"state": ended(6), "lastState": ran(1, 5), "restartCount": 1}))

    assert [kind for kind, reason, _ in names(watch(state, (9, status))) if reason == "unseen"] == []
    assert health(state).restarts == status["restartCount"]


def test_restarts_before_the_first_observation_are_not_missed() -> None:
    """A pod that has restarted for weeks."""
    assert names(watch(ControllerState(), (9, {"state": runs(5), "lastState": ran(1, 4), "restartCount": 50}))) == [
        ("restart", "Error", 4)
    ]


def test_a_kill_seen_on_the_way_is_not_missed_later() -> None:
    """Down, backing off, up again: one end each time, whatever restartCount says meanwhile."""
    sights = [
        (0, {"state": runs(0), "restartCount": 0}),
        (3, {"state": ran(0, 3), "restartCount": 0}),
        (4, {"state": runs(4), "lastState": ran(0, 3), "restartCount": 1}),
        (8, {"state": BACK_OFF, "lastState": ran(4, 7), "restartCount": 1}),
        (9, {"state": runs(9), "lastState": ran(4, 7), "restartCount": 2}),
        (12, {"state": runs(12), "lastState": ran(9, 12), "restartCount": 3}),
    ]

    assert names(watch(ControllerState(), *sights)) == [
        ("restart", "Error", 3),
        ("restart", "Error", 7),
        ("crash_loop", "CrashLoopBackOff", 7),
        ("restart", "Error", 12),
    ]


def loop(at: int) -> tuple[int, dict[str, Any]]:
    """Backs off after a run of five seconds."""
    return at, {"state": BACK_OFF, "lastState": ran(at - 6, at - 1)}


def test_a_crash_loop_is_emitted_once() -> None:
    """However often it crashes in it, and beside the end it began with: their rows have one key but for a millisecond."""
    state = ControllerState()
    incidents = watch(state, loop(10), loop(30), (40, {"state": runs(40), "lastState": ran(24, 29)}), loop(60))
    loops = [i for i in incidents if i.kind == "crash_loop"]

    assert [i.at for i in loops] == [NOON + 9 * SECOND + 1]
    assert len({(i.pod_uid, i.container, i.at) for i in incidents}) == len(incidents) == 4


def test_a_loop_that_begins_after_a_long_run_is_one_loop() -> None:
    """The long run stays in lastState while the next one is under way."""
    incidents = watch(
        ControllerState(),
        (901, {"state": BACK_OFF, "lastState": ran(0, 900)}),
        (911, {"state": runs(911), "lastState": ran(0, 900)}),
        loop(920),
    )

    assert [i.kind for i in incidents] == ["restart", "crash_loop", "restart"]


def test_a_start_that_fails_is_no_missed_restart() -> None:
    """The end is shown while restartCount lags behind."""
    incidents = watch(
        ControllerState(),
        (0, {"state": runs(0), "restartCount": 0}),
        (9, {"state": {"waiting": {"reason": "CreateContainerError"}}, "lastState": ran(0, 8), "restartCount": 0}),
        (12, {"state": runs(11), "lastState": {}, "restartCount": 1}),
    )

    assert names(incidents) == [("restart", "Error", 8)]


def test_a_crash_loop_ends_when_the_container_has_run_ten_minutes() -> None:
    """Shown by a long run, observed or derived from the next end; after it a new loop is emitted."""
    state = ControllerState()
    watch(state, loop(10), (20, {"state": runs(20), "lastState": ran(4, 9)}))
    again = watch(state, (800, {"state": BACK_OFF, "lastState": ran(20, 799)}))
    state = ControllerState()
    watch(state, loop(10), (700, {"state": runs(20), "lastState": ran(4, 9)}))

    assert names(again) == [("restart", "Error", 799), ("crash_loop", "CrashLoopBackOff", 799)]
    assert not state.pods["ctl"].loop_at


def test_a_crash_loop_without_an_end_begins_when_it_is_seen() -> None:
    """Some runtimes show none."""
    assert names(watch(ControllerState(), (7, {"state": BACK_OFF}))) == [("crash_loop", "CrashLoopBackOff", 7)]


def test_a_list_after_a_restart_emits_nothing_again() -> None:
    """The state is a checkpoint's."""
    state = ControllerState()
    looping = {"state": BACK_OFF, "lastState": ran(20, 29), "restartCount": 1}
    sights = ((5, {"state": runs(0), "restartCount": 0}), (31, looping))
    watch(state, *sights)
    controller_lease(state, "ctl")
    restored = controller.unpack(controller.pack(state))

    assert restored == state
    assert watch(restored, sights[1]) == []
    assert controller_lease(restored, "ctl") == []


def test_the_state_of_an_older_release_is_taken_up() -> None:
    """It packed the keys of incidents, and nothing else."""
    key = ("ctl", "workflow-controller", NOON)

    assert controller.unpack(msgspec.msgpack.encode([key])) == ControllerState({key: None})
    assert controller.unpack(msgspec.msgpack.encode([])) == ControllerState()


def test_the_recorded_controller_dies_as_was_counted() -> None:
    """throttled: two OOM kills, the second one beginning a crash loop, a restart with Error, a roll-out. Counted by hand."""
    state = ControllerState()
    incidents: list[ControllerIncident] = []
    for sight in observations("throttled"):
        pod = sight.object
        if isinstance(pod, kubernetes.Pod) and controller.is_controller(pod, "argo"):
            incidents += controller.incidents("c1", pod, sight, state)

    assert [(i.kind, i.exit_code, iso(i.at)) for i in incidents] == [
        ("oom_kill", 137, "2026-11-22T13:25:23Z"),
        ("oom_kill", 137, "2026-11-22T13:25:27Z"),
        ("crash_loop", None, iso(incidents[1].at + 1)),
        ("restart", 1, "2026-11-22T13:25:32Z"),
    ]
    assert state.pods == {}


STATES = st.sampled_from([{}, BACK_OFF, runs(0), runs(700), ran(0, 5), ran(5, 700), ended(3), {"terminated": {}}])
STATUSES = st.fixed_dictionaries({"state": STATES, "lastState": STATES, "restartCount": st.integers(0, 5)})


@given(st.lists(st.tuples(STATUSES, st.booleans()), max_size=6))
def test_every_incident_is_emitted_once(seen: list[tuple[dict[str, Any], bool]]) -> None:
    """Each incident has its own key, and the last observation emits nothing the second time."""
    state = ControllerState()
    pods = [deleting(a_controller(status)) if over else a_controller(status) for status, over in seen]
    first = emitted(*pods, seen=state)
    again = emitted(*pods[-1:], seen=state)

    assert len({(i.pod_uid, i.container, i.at) for i in first}) == len(first)
    assert again == []


def test_an_older_sight_again_is_no_restart() -> None:
    """A watch that resumes from before shows restart counts that were passed long ago."""
    state = ControllerState()
    early = a_controller({"state": runs(0), "restartCount": 0})
    late = a_controller({"state": runs(9), "lastState": ran(0, 8), "restartCount": 1})
    for pod, when in ((late, NOON + 10 * SECOND), (early, NOON), (late, NOON + 10 * SECOND)):
        last = list(controller.incidents("c1", pod, an_observation(pod, when=when), state))

    assert last == []
    assert len(state.keys) == 1
