"""OOM kills and restarts of the Argo controller, each once."""

from typing import Any

import pytest

from collector.core import controller, decode
from collector.core.controller import Seen
from collector.core.model import ControllerIncident
from tests.builders import NOON, SECOND, an_observation, decoded, iso, pod_json


def ended(at: int, reason: str = "OOMKilled", exit_code: int = 137) -> dict[str, Any]:
    return {"terminated": {"exitCode": exit_code, "reason": reason, "finishedAt": iso(NOON + at * SECOND)}}


def a_controller(*statuses: dict[str, Any], uid: str = "ctl", **spec: Any) -> decode.Pod:
    told = pod_json(uid, owner="", namespace="argo", labels={"app": "workflow-controller"})
    limit = {"name": "workflow-controller", "resources": {"limits": {"memory": "1Gi"}}}
    told["spec"] = {"containers": [{"name": "istio", "resources": None}, limit], **spec}
    told["status"]["containerStatuses"] = [{"name": "workflow-controller", **status} for status in statuses]
    return decoded(told, decode.Pod)


def told(*pods: decode.Pod, seen: Seen | None = None) -> list[ControllerIncident]:
    seen = Seen() if seen is None else seen
    return [i for pod in pods for i in controller.incidents("c1", pod, an_observation(pod), seen)]


def test_a_kill_is_told_once_however_often_it_is_seen() -> None:
    """The kubelet keeps it in lastState until the next one."""
    pod = a_controller({"state": {"running": {}}, "lastState": ended(1)})

    (incident,) = told(pod, pod, pod)

    assert incident == ControllerIncident(
        cluster="c1", pod_uid="ctl", container="workflow-controller", at=NOON + SECOND,
        version=an_observation(pod).version, namespace="argo", pod="ctl", kind="oom_kill", reason="OOMKilled",
        exit_code=137, memory_limit_bytes=1024**3,
    )  # fmt: skip


def test_a_kill_that_moves_from_state_to_last_state_is_the_same() -> None:
    """First the container is down, then it runs again."""
    down = a_controller({"state": ended(1)})
    up = a_controller({"state": {"running": {}}, "lastState": ended(1)})

    assert len(told(down, up)) == 1


def test_two_kills_in_one_status_are_two() -> None:
    """A container that is down again after it was killed before."""
    pod = a_controller({"state": ended(9), "lastState": ended(1)})

    assert [i.at for i in told(pod)] == [NOON + SECOND, NOON + 9 * SECOND]


def test_an_end_for_another_reason_is_a_restart() -> None:
    """A crash is no kill."""
    (incident,) = told(a_controller({"lastState": ended(1, "Error", 2)}))

    assert (incident.kind, incident.reason, incident.exit_code) == ("restart", "Error", 2)


def test_two_pods_may_die_in_the_same_second() -> None:
    """The key names the pod."""
    assert len(told(a_controller({"state": ended(1)}, uid="a"), a_controller({"state": ended(1)}, uid="b"))) == 2


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"state": {}, "lastState": {}},
        {"state": {"terminated": {"reason": "OOMKilled"}}},
        {"state": {"terminated": {"reason": "OOMKilled", "finishedAt": "1970-01-01T00:00:00Z"}}},
    ],
)
def test_an_end_without_an_instant_cannot_be_told_from_another(status: dict[str, Any]) -> None:
    """The instant is its key."""
    assert told(a_controller(status)) == []


def test_other_containers_of_the_pod_do_not_count() -> None:
    """A mesh's sidecar is restarted all the time."""
    pod = a_controller({"name": "istio-proxy", "state": ended(1)})

    assert told(pod) == []


def test_a_pod_without_a_status_tells_nothing() -> None:
    """It has just been made."""
    assert told(decode.Pod(decode.Meta(uid="ctl"))) == []


def test_the_limit_is_zero_where_there_is_none() -> None:
    """Helm's default sets none."""
    bare = a_controller({"state": ended(1)}, containers=None)
    other = a_controller({"state": ended(1)}, uid="b", containers=[{"name": "workflow-controller"}])
    bad = a_controller(
        {"state": ended(1)},
        uid="c",
        containers=[{"name": "workflow-controller", "resources": {"limits": {"cpu": "1"}}}],
    )

    assert [i.memory_limit_bytes for i in told(bare, other, bad)] == [0, 0, 0]


def test_what_was_told_is_remembered_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten first."""
    monkeypatch.setattr(controller, "REMEMBERED", 2)
    seen = Seen()
    told(*(a_controller({"state": ended(i)}) for i in range(3)), seen=seen)

    assert [at for _, _, at in seen.keys] == [NOON + SECOND, NOON + 2 * SECOND]


@pytest.mark.parametrize(
    ("namespace", "labels", "expected"),
    [
        ("argo", {"app": "workflow-controller"}, True),
        ("argo", {"app.kubernetes.io/component": "workflow-controller"}, True),
        ("argo", {"app": "argo-server"}, False),
        ("argo", None, False),
        ("other", {"app": "workflow-controller"}, False),
    ],
)
def test_a_controller_is_told_by_its_label_in_its_namespace(namespace: str, labels: Any, expected: bool) -> None:
    """The manifests and the Helm chart label it differently."""
    pod = decode.Pod(decode.Meta(namespace=namespace, labels=labels))

    assert controller.is_controller(pod, "argo") is expected
