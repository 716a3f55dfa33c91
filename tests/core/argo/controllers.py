"""A controller's pod at some seconds past noon, and the incidents that it causes; the rules are in the tests."""

from typing import Any

import msgspec

from collector.core.argo import controller, controller_health
from collector.core.argo.controller import ControllerState
from collector.core.facts.workflows import ControllerIncident
from collector.core.live_view import ControllerHealth
from collector.core.messages import Lease, Reading
from collector.core.objects import kubernetes
from tests.builders import NOON, SECOND, an_observation, decoded, iso, pod_json


def ended(at: int, reason: str = "OOMKilled", exit_code: int = 137) -> dict[str, Any]:
    return {"terminated": {"exitCode": exit_code, "reason": reason, "finishedAt": iso(NOON + at * SECOND)}}


def a_controller(*statuses: dict[str, Any], uid: str = "ctl", **spec: Any) -> kubernetes.Pod:
    raw = pod_json(uid, owner="", namespace="argo", labels={"app": "workflow-controller"})
    limit = {"name": "workflow-controller", "resources": {"limits": {"memory": "1Gi"}}}
    raw["spec"] = {"containers": [{"name": "istio", "resources": None}, limit], **spec}
    raw["status"]["containerStatuses"] = [{"name": "workflow-controller", **status} for status in statuses]
    return decoded(raw, kubernetes.Pod)


def emitted(*pods: kubernetes.Pod, seen: ControllerState | None = None) -> list[ControllerIncident]:
    seen = ControllerState() if seen is None else seen
    return [i for pod in pods for i in controller.incidents("c1", pod, an_observation(pod), seen)]


BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff"}}


def runs(since: int) -> dict[str, Any]:
    return {"running": {"startedAt": iso(NOON + since * SECOND)}}


def ran(since: int, until: int, reason: str = "Error", exit_code: int = 1) -> dict[str, Any]:
    end = ended(until, reason, exit_code)
    return {"terminated": end["terminated"] | {"startedAt": iso(NOON + since * SECOND)}}


def deleting(pod: kubernetes.Pod) -> kubernetes.Pod:
    pod.metadata.deletionTimestamp = "2026-11-22T12:00:30Z"
    return pod


def watch(state: ControllerState, *sights: tuple[int, dict[str, Any]]) -> list[ControllerIncident]:
    """Incidents of one pod that is observed at these seconds with these statuses."""
    incidents: list[ControllerIncident] = []
    for at, status in sights:
        pod = a_controller(status)
        incidents += controller.incidents("c1", pod, an_observation(pod, when=NOON + at * SECOND), state)
    return incidents


def names(incidents: list[ControllerIncident]) -> list[tuple[str, str, int]]:
    return [(i.kind, i.reason, (i.at - NOON) // SECOND) for i in incidents]


def health(state: ControllerState, now: int = NOON) -> ControllerHealth:
    (row,) = controller_health.health(state, "c1", now)
    return row


def take(
    state: ControllerState, kind: Any, value: Any, subject: str = "ctl", at: int = NOON, detail: str = ""
) -> list[Any]:
    return list(controller_health.take_reading("c1", "argo", Reading(kind, subject, at, value, detail), state))


def controller_lease(state: ControllerState, holder: str, at: int = NOON, **changes: Any) -> list[ControllerIncident]:
    lease = Lease("workflow-controller", holder, at, 15, acquired_at=NOON + 1234)
    return take(state, "lease", msgspec.structs.replace(lease, **changes), subject="", at=at)


def a_state() -> ControllerState:
    state = ControllerState()
    emitted(a_controller({"state": runs(0), "ready": True}), seen=state)
    return state
