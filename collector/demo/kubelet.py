"""
The writes of a scheduler, a cloud's virtual node and a kubelet on a pod, one after the other.

Pure: each stage changes one pod in place, and the instant is an argument. plan.py draws the order and delays of stages.
"""

from random import Random

from collector.demo import shapes
from collector.demo.objects import Obj
from collector.demo.plan import PodPlan
from collector.demo.recipes import PRODUCTS, Recipe
from collector.demo.scenario import SimulatedCluster
from collector.demo.shapes import rfc3339

NO_STOCK = "Create ECI failed because the specified instance is out of stock."
EVICTED = "The node was low on resource: memory."
PAST_DEADLINE = "Pod was active on the node longer than the specified deadline"


def event_of_stage(stage: str, pod: Obj) -> tuple[str, str, str] | None:
    """The event of a stage: reason, message and source; None for a stage without an event."""
    match stage:
        case "unschedulable":
            return "FailedScheduling", _no_node(pod), "default-scheduler"
        case "no_stock":
            return "ProviderCreateFailed", NO_STOCK, "eci"
        case "image_failed":
            return "Failed", f'Failed to pull image "{_image(pod)}": dial tcp 10.0.0.5:443: i/o timeout', "kubelet"
        case "release_announced":
            # ECI and ACS announce the release three minutes before; the reason on the pod differs between them.
            return "SpotToBeReleased", "Preemptible instance will be released soon.", "eci"
        case "evicted":
            return "Evicted", EVICTED, "kubelet"
    return None


class Kubelet:
    """Every node of one cluster."""

    def __init__(self, cluster: SimulatedCluster, rng: Random) -> None:
        self._cluster = cluster
        self._rng = rng

    def write(self, stage: str, pod: Obj, recipe: Recipe, attempt: PodPlan, now: float) -> None:
        """Changes a pod to its state after a stage."""
        match stage:
            case "unschedulable":
                _condition(pod, "PodScheduled", "False", now, reason="Unschedulable", message=_no_node(pod))
            case "scheduled":
                self._schedule(pod, recipe, now)
            case "no_stock":
                _condition(pod, "ContainerInstanceCreated", "False", now, reason="NoStock", message=NO_STOCK)
            case "restocked":
                _condition(pod, "ContainerInstanceCreated", "False", now, reason="Creating")
            case "annotated":
                instance = f"bp1{self._rng.getrandbits(64):016x}"
                pod["metadata"]["annotations"] |= shapes.billed_annotations(recipe, instance, self._cluster)
            case "creating":
                _create(pod, recipe, now)
            case "image_failed":
                waiting = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{_image(pod)}"'}
                _status(pod, "main")["state"] = {"waiting": waiting}
            case "running":
                self._run(pod, now)
            case _:
                _end(stage, pod, attempt, now)

    def _schedule(self, pod: Obj, recipe: Recipe, now: float) -> None:
        cluster, virtual = self._cluster, bool(PRODUCTS[recipe.product].spec_annotation)
        pod["spec"]["nodeName"] = cluster.virtual_node if virtual else self._rng.choice(cluster.plain_nodes)
        labels = pod["metadata"]["labels"]
        labels["topology.kubernetes.io/region"] = cluster.region
        labels["topology.kubernetes.io/zone"] = f"{cluster.region}-{cluster.zone}"
        _condition(pod, "PodScheduled", "True", now)

    def _run(self, pod: Obj, now: float) -> None:
        stamp = rfc3339(now)
        for kind in ("Initialized", "Ready", "ContainersReady"):
            _condition(pod, kind, "True", now)
        ip = f"10.2.{self._rng.randrange(256)}.{self._rng.randrange(1, 255)}"
        _containers(pod, {"running": {"startedAt": stamp}})
        done = {"exitCode": 0, "reason": "Completed", "startedAt": stamp, "finishedAt": stamp}
        init = pod["status"]["initContainerStatuses"][0]
        init |= {"state": {"terminated": done}, "ready": True, "started": False}
        pod["status"] |= {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}


def _create(pod: Obj, recipe: Recipe, now: float) -> None:
    if PRODUCTS[recipe.product].spec_annotation:
        # The start of billing on ECI: from here on the image is pulled.
        _condition(pod, "ContainerInstanceCreated", "True", now)
    _condition(pod, "Initialized", "False", now, reason="ContainersNotInitialized")
    for kind in ("Ready", "ContainersReady"):
        _condition(pod, kind, "False", now, reason="ContainersNotReady")
    pod["status"]["startTime"] = rfc3339(now)
    pod["status"]["hostIP"] = "10.1.0.1"
    _containers(pod, {"waiting": {"reason": "PodInitializing"}})


def _end(stage: str, pod: Obj, attempt: PodPlan, now: float) -> None:
    match stage:
        case "main_ended":
            _end_main(pod, attempt, now)
        case "ended":
            _terminate(pod, "wait", 0, "Completed", now)
            pod["status"]["phase"] = "Succeeded" if attempt.fate == "ok" else "Failed"
        case "evicted":
            # A kubelet that evicts does not report how the containers ended, so their state stays `running`.
            pod["status"] |= {"phase": "Failed", "reason": "Evicted", "message": EVICTED}
        case "reclaimed":
            _kill(pod, now)
            if message := _released(pod, now):
                pod["status"] |= {"reason": "BidExpired", "message": message}
        case "deadline":
            _kill(pod, now)
            pod["status"] |= {"reason": "DeadlineExceeded", "message": PAST_DEADLINE}


def _end_main(pod: Obj, attempt: PodPlan, now: float) -> None:
    code = {"ok": 0, "oom": 137}.get(attempt.fate)
    code = int(attempt.fate.removeprefix("exit ")) if code is None else code
    reason = {"ok": "Completed", "oom": "OOMKilled"}.get(attempt.fate, "Error")
    _terminate(pod, "main", code, reason, now)
    for kind in ("Ready", "ContainersReady"):
        _condition(pod, kind, "False", now, reason="ContainersNotReady")


def _kill(pod: Obj, now: float) -> None:
    for name in ("main", "wait"):
        _terminate(pod, name, 137, "Error", now)
    pod["status"]["phase"] = "Failed"


def _released(pod: Obj, now: float) -> str:
    """ECI's message on a spot pod that was reclaimed; ACS writes none, its announcement is the only sign."""
    if "k8s.aliyun.com/eci-instance-id" not in pod["metadata"]["annotations"]:
        return ""
    return f"The pod is spot instance, and have been released at {rfc3339(now)}"


def _no_node(pod: Obj) -> str:
    wanted = "nvidia.com/gpu" if "nvidia.com/gpu" in pod["spec"]["containers"][1]["resources"]["requests"] else "cpu"
    return f"0/3 nodes are available: 3 Insufficient {wanted}."


def _image(pod: Obj) -> str:
    return str(pod["spec"]["containers"][1]["image"])


def _containers(pod: Obj, state: Obj) -> None:
    up = "running" in state
    for field, listed in (("initContainerStatuses", "initContainers"), ("containerStatuses", "containers")):
        pod["status"][field] = [
            {
                "name": container["name"],
                "state": dict(state),
                "lastState": {},
                "ready": up,
                "restartCount": 0,
                "image": container["image"],
                "imageID": "",
                "started": up,
            }
            for container in pod["spec"][listed]
        ]


def _condition(pod: Obj, kind: str, status: str, now: float, **why: str) -> None:
    """Sets a condition; its transition time moves only when its status does."""
    conditions = pod["status"].setdefault("conditions", [])
    condition = next((condition for condition in conditions if condition["type"] == kind), None)
    if condition is None:
        condition = {"type": kind, "status": "", "lastProbeTime": None, "lastTransitionTime": ""}
        conditions.append(condition)
    if condition["status"] != status:
        condition |= {"status": status, "lastTransitionTime": rfc3339(now)}
    for field in ("reason", "message"):
        condition.pop(field, None)
    condition |= why


def _terminate(pod: Obj, name: str, code: int, reason: str, now: float) -> None:
    status = _status(pod, name)
    started = status["state"]["running"]["startedAt"]
    ended = {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": rfc3339(now)}
    status |= {"state": {"terminated": ended}, "ready": False, "started": False}


def _status(pod: Obj, name: str) -> Obj:
    status: Obj = next(status for status in pod["status"]["containerStatuses"] if status["name"] == name)
    return status
