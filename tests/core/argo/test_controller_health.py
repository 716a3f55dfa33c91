"""How the Argo controller does now: its pods, its Lease, its memory and its own words."""

import pytest

from collector.core.argo import controller, controller_health
from collector.core.argo.controller import ControllerState
from collector.core.argo.controller_health import FRESH_MS
from collector.core.facts.workflows import ControllerIncident
from collector.core.live_view import ControllerHealth, LeaseHealth
from collector.core.messages import ControllerCounters, ControllerMetrics, ControllerSettings
from tests.builders import NOON, SECOND, an_observation
from tests.core.argo.controllers import (
    BACK_OFF,
    a_controller,
    a_state,
    controller_lease,
    emitted,
    ended,
    health,
    names,
    ran,
    runs,
    take,
    watch,
)

MINUTE = 60 * SECOND


def test_each_replica_has_its_health() -> None:
    """By name; a standby is ready too."""
    state = ControllerState()
    for uid, ready in (("b", True), ("a", None)):
        emitted(a_controller({"state": runs(0), "ready": ready, "restartCount": 3}, uid=uid), seen=state)

    assert controller_health.health(state, "c1", NOON) == [
        ControllerHealth(
            cluster="c1",
            namespace="argo",
            pod=pod,
            container="workflow-controller",
            ready=ready,
            leader=None,
            restarts=3,
            crash_loop=False,
            memory_bytes=None,
            memory_limit_bytes=1024**3,
            metrics=None,
            detail="",
        )
        for pod, ready in (("a", False), ("b", True))
    ]


def test_a_pod_that_has_just_been_made_is_not_ready() -> None:
    """It has a container and no status."""
    pod = a_controller({})
    pod.status = None
    state = ControllerState()

    assert emitted(pod, seen=state) == []
    assert not health(state).ready


def test_a_controller_loops_only_while_the_kubelet_delays_its_start() -> None:
    """One that runs again may lead; the incident of the loop lasts longer."""
    state = ControllerState()
    crashed, back = {"lastState": ran(0, 5)}, {"state": BACK_OFF, "lastState": ran(0, 5)}
    sights = ((0, {"state": runs(0)}), (6, back), (16, {"state": runs(16), "ready": True, **crashed}), (25, back))
    shown = []
    for sight in sights:
        watch(state, sight)
        shown.append(health(controller.unpack(controller.pack(state)), NOON + sight[0] * SECOND).crash_loop)

    assert shown == [False, True, False, True]


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_an_evicted_pod_is_no_controller_any_more(phase: str) -> None:
    """Its object stays, another takes its place."""
    pod = a_controller({"state": runs(0)})
    state = ControllerState()
    emitted(pod, seen=state)
    assert pod.status
    pod.status.phase = phase
    emitted(pod, seen=state)

    assert state.pods == {}


def test_a_deleted_pod_is_gone_with_its_last_words() -> None:
    """By a deletion, or by its absence after a gap; unknown uids are ignored."""
    state = ControllerState()
    pod = a_controller({"state": runs(0)})
    last = a_controller({"state": runs(5), "lastState": ran(0, 4)})
    emitted(pod, seen=state)
    words = list(controller.incidents("c1", last, an_observation(last, "deleted"), state))
    deleted = dict(state.pods)
    emitted(pod, seen=state)
    controller.forget_pod(state, "ctl")
    controller.forget_pod(state, "other")

    assert names(words) == [("restart", "Error", 4)]
    assert deleted == {}
    assert state.pods == {}


def test_a_pod_without_the_controllers_container_is_not_a_controller() -> None:
    """Whatever its labels say."""
    pod = a_controller({"name": "argo-server", "state": ended(1)}, containers=[{"name": "argo-server"}])
    state = ControllerState()

    assert emitted(pod, seen=state) == []
    assert state.pods == {}


def test_pods_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something may label a thousand."""
    monkeypatch.setattr(controller, "PODS", 2)
    state = ControllerState()
    emitted(*(a_controller({}, uid=uid) for uid in "abc"), seen=state)

    assert list(state.pods) == ["b", "c"]


def test_a_new_holder_of_the_lease_is_an_incident() -> None:
    """At the instant in the Lease, with the holder as reason; the first holder is not a change."""
    state = ControllerState()
    first = controller_lease(state, "ctl")
    same = controller_lease(state, "ctl")
    (incident,) = controller_lease(state, "other")

    assert first == same == []
    assert incident == ControllerIncident(
        cluster="c1",
        pod_uid="",
        container="lease",
        at=NOON + 1234,
        version=NOON + 1234,
        namespace="argo",
        pod="other",
        kind="leader_change",
        reason="other",
        exit_code=None,
        memory_limit_bytes=0,
    )


def test_a_lease_that_was_given_back_is_no_change_until_another_takes_it() -> None:
    """A controller that stops in order releases it; a change without an instant is not emitted."""
    state = ControllerState()
    controller_lease(state, "ctl")
    freed = controller_lease(state, "")
    back = controller_lease(state, "ctl")
    unknown = controller_lease(state, "other", acquired_at=None)

    assert freed == back == unknown == []
    assert state.leader == "other"


def test_the_leader_is_who_holds_the_lease() -> None:
    """Argo writes the pod's name into it."""
    state = a_state()
    controller_lease(state, "ctl")
    leads = health(state).leader
    controller_lease(state, "other")

    assert (leads, health(state).leader) == (True, False)


def test_a_leader_that_does_not_run_leads_no_longer() -> None:
    """Its name stays in the Lease for up to 20 s; the kubelet's word comes at once."""
    state = ControllerState()
    controller_lease(state, "ctl")
    unseen = controller_health.is_led(state)
    leads, led = [], []
    for sight in (
        (0, {"state": runs(0)}),
        (6, {"state": ended(5)}),
        (8, {"state": BACK_OFF}),
        (16, {"state": runs(16)}),
    ):
        watch(state, sight)
        leads.append(health(state).leader)
        led.append(controller_health.is_led(state))

    assert leads == led == [True, False, False, True]
    assert not unseen
    assert not controller_health.is_led(a_state())


def test_the_last_renewal_of_the_lease_is_shown_while_it_is_read() -> None:
    """A Lease that cannot be read any more has no known renewal."""
    state = a_state()
    none = controller_health.leases(state, "c1", NOON)
    controller_lease(state, "ctl", NOON + MINUTE, renewed_at=NOON + 55 * SECOND)
    fresh, old = (controller_health.leases(state, "c1", NOON + MINUTE + FRESH_MS + later) for later in (0, 1))

    assert none == old == []
    assert fresh == [LeaseHealth("c1", NOON + 55 * SECOND)]


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("quay.io/argoproj/workflow-controller:v4.1.2", "v4.1.2"),
        ("registry:5000/workflow-controller:v3.5.15@sha256:0f", "v3.5.15"),
        ("registry:5000/workflow-controller@sha256:0f", ""),
        ("sha256:0f", ""),
        ("", ""),
    ],
)
def test_the_version_is_its_own_word_else_the_tag_of_its_image(image: str, tag: str) -> None:
    """Argo says it from 3.6 on, and a standby says nothing; an image may be named without a tag."""
    state = ControllerState()
    emitted(a_controller({"state": runs(0), "image": image}), seen=state)
    shown = health(state)
    take(state, "metrics", ControllerMetrics(version="v4.1.3"))

    assert (shown.version, shown.image) == (tag, image)
    assert health(state).version == "v4.1.3"


def test_what_a_controller_counts_is_counted_once() -> None:
    """By each pod for itself, also over a restart of the collector and a failed reading; a first reading counts nothing."""
    state = ControllerState()
    emitted(a_controller({"state": runs(0)}, uid="a"), a_controller({"state": runs(0)}, uid="b"), seen=state)
    counted = []
    for pod, errors in (("a", 5), ("b", 7), ("a", None), ("a", 6), ("b", 7), ("a", 6), ("gone", 9)):
        value = (
            None if errors is None else ControllerMetrics(counters=ControllerCounters(1.0, {"OperationPanic": errors}))
        )
        counted += [effect.errors["OperationPanic"] for effect in take(state, "metrics", value, subject=pod)]
        state = controller.unpack(controller.pack(state))

    assert counted == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(("late", "leads"), [(75, True), (76, False)])
def test_a_lease_that_nobody_renews_has_no_leader(late: int, leads: bool) -> None:
    """Its duration, and a minute for two clocks."""
    state = a_state()
    controller_lease(state, "ctl", NOON + late * SECOND, renewed_at=NOON)

    assert health(state, NOON + late * SECOND).leader is leads


def test_without_a_renewal_the_holder_is_believed() -> None:
    """It is optional in the API."""
    state = a_state()
    controller_lease(state, "ctl", renewed_at=None)

    assert health(state).leader is True


def test_without_a_lease_its_metrics_say_who_leads() -> None:
    """The Helm chart's single replica has no Lease; a Lease that was read long ago does not count either."""
    state = a_state()
    unknown = health(state).leader
    take(state, "metrics", ControllerMetrics(is_leader=True))
    by_metrics = health(state).leader
    controller_lease(state, "other")
    lease = health(state).leader
    take(state, "lease", None, subject="")

    assert (unknown, by_metrics, lease, health(state).leader) == (None, True, False, True)


def test_memory_is_the_metrics_api_s_else_its_own() -> None:
    """Each as long as it is fresh; unknown is never 0."""
    state = a_state()
    take(state, "metrics", ControllerMetrics(memory_bytes=5), at=NOON + MINUTE)
    own = health(state, NOON + MINUTE).memory_bytes
    take(state, "memory", 7)
    both = health(state, NOON + MINUTE).memory_bytes
    later = [health(state, NOON + at).memory_bytes for at in (FRESH_MS + 1, FRESH_MS + MINUTE + 1)]
    take(state, "memory", None)

    assert (own, both, later) == (5, 7, [5, None])
    assert health(state, NOON + MINUTE).memory_bytes == 5


def test_metrics_and_why_they_are_not_read_are_shown() -> None:
    """The latest reading counts."""
    state = a_state()
    metrics = ControllerMetrics(scheme="4.0")
    take(state, "metrics", metrics)
    shown = health(state)
    take(state, "metrics", None, detail="no right")

    assert (shown.metrics, shown.detail) == (metrics, "")
    assert (health(state).metrics, health(state).detail) == (None, "no right")


def test_readings_of_others_are_dropped() -> None:
    """A pod that is gone, or settings, which are not the pods'."""
    state = a_state()
    take(state, "memory", 7, subject="gone")
    take(state, "settings", ControllerSettings(5), subject="")
    take(state, "settings", ControllerSettings(5))

    assert state == a_state()
