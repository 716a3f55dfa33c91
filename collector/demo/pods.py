"""
The steps that are pods: makes a pod where no lock, quota or cache forbids it, and mirrors what became of it.

Pure: it reads and writes the cluster's objects as of the instants it is given. Which step's turn it is operation.py knows.
"""

from collections.abc import Callable
from random import Random
from uuid import UUID

from collector.demo import shapes
from collector.demo.locks import Locks, lock_name, wait_message
from collector.demo.nodes import ENDED, close, fnv32a, resources_duration
from collector.demo.objects import PODS, Obj, Objects
from collector.demo.plan import Attempt, Plan, fate_of, future
from collector.demo.recipes import PRODUCTS, RECIPES, Task
from collector.demo.scenario import Cluster
from collector.demo.shapes import ARGO

GPU = "requests.nvidia.com/gpu"
QUOTA = "gpu-quota"
REQUEUE_S = (1.5, 3.0)
"""Until Argo tries again what a quota refused; the real one's pause is ten seconds."""


class Pods:
    """The pods of one cluster's workflows."""

    def __init__(
        self,
        cluster: Cluster,
        objects: Objects,
        rng: Random,
        ids: Random,
        locks: Locks,
        born: Callable[[Plan, Attempt, float], None],
    ) -> None:
        self._objects, self._rng, self._ids, self._locks, self._born = objects, rng, ids, locks, born
        self._quotas = {it.name: it.gpu_quota for it in cluster.namespaces if it.gpu_quota}
        self._cached: set[tuple[str, str]] = set()

    def step(self, plan: Plan, workflow: Obj, task: Task, it: Obj, now: float, number: int = 0) -> float:
        """Brings the node of a pod up to date; when to look again at the latest, 0 if the pod will tell."""
        attempt = plan.attempts.get(it["id"])
        if attempt is not None:
            self._mirror(plan, task, it, self._objects.get(PODS, f"{plan.namespace}/{attempt.pod}"), now)
            return 0.0
        if task.cache and self._found_in_cache(plan, task, it, now):
            return 0.0
        if task.lock and not self._locked(plan, task, it):
            return 0.0
        name = plan.owner if it["name"] == plan.owner else f"{plan.owner}-{task.name}-{fnv32a(it['name'])}"
        if refusal := self._refusal(plan, task, name):
            it["message"] = refusal
            return now + self._rng.uniform(*REQUEUE_S)
        it.pop("message", None)
        self._create(plan, workflow, task, name, it, number, now)
        return 0.0

    def drop(self, plan: Plan, node_id: str) -> None:
        """Deletes the pod of a node, if it has one."""
        attempt = plan.attempts.pop(node_id, None)
        if attempt is not None:
            self._objects.remove(PODS, f"{plan.namespace}/{attempt.pod}")

    def mark_complete(self, plan: Plan, node_id: str) -> None:
        """Labels a pod whose end is safe in the workflow's status."""
        if (attempt := plan.attempts.get(node_id)) is not None:
            pod = self._objects.get(PODS, f"{plan.namespace}/{attempt.pod}")
            pod["metadata"]["labels"][ARGO + "completed"] = "true"
            self._objects.put(PODS, pod)

    def _found_in_cache(self, plan: Plan, task: Task, it: Obj, now: float) -> bool:
        """Ends a step whose result an earlier workflow left; it has the type Pod all the same."""
        hit = (plan.recipe, task.name) in self._cached
        it["memoizationStatus"] = {"hit": hit, "key": task.name, "cacheName": task.cache}
        if hit:
            close(it, "Succeeded", "", now)
        return hit

    def _locked(self, plan: Plan, task: Task, it: Obj) -> bool:
        assert task.lock is not None  # noqa: S101 - asked by the caller
        name = lock_name(plan.namespace, task.lock)
        if self._locks.take(name, task.lock[1], f"{plan.key}/{it['id']}"):
            it.pop("synchronizationStatus", None)
            return True
        it["message"] = wait_message(name, task.lock, len(self._locks.holders(name)))
        it["synchronizationStatus"] = {"waiting": name}
        plan.awaits = name
        return False

    def _refusal(self, plan: Plan, task: Task, name: str) -> str:
        """The API server's words where a ResourceQuota is used up; empty: it is not."""
        limit = self._quotas.get(plan.namespace, 0)
        if not limit or not task.gpu:
            return ""
        used = sum(
            int(box["resources"]["requests"].get("nvidia.com/gpu", 0))
            for pod in self._objects.of(PODS).values()
            if pod["metadata"]["namespace"] == plan.namespace and pod["status"]["phase"] in ("Pending", "Running")
            for box in pod["spec"]["containers"]
            if box["name"] == "main"
        )
        if used + task.gpu <= limit:
            return ""
        asked = f"requested: {GPU}={task.gpu}, used: {GPU}={used}, limited: {GPU}={limit}"
        return f'pods "{name}" is forbidden: exceeded quota: {QUOTA}, {asked}'

    def _create(self, plan: Plan, workflow: Obj, task: Task, name: str, it: Obj, number: int, now: float) -> None:
        recipe = RECIPES[plan.recipe]
        fate = fate_of(self._rng, task, number)
        attempt = Attempt(pod=name, fate=fate, todo=future(self._rng, PRODUCTS[recipe.product], task, fate))
        uid = str(UUID(int=self._ids.getrandbits(128), version=4))
        self._objects.put(PODS, shapes.pod(workflow, recipe, task, name, it, uid, now))
        plan.attempts[it["id"]] = attempt
        self._born(plan, attempt, now)

    def _mirror(self, plan: Plan, task: Task, it: Obj, pod: Obj, now: float) -> None:
        """Copies what a pod says to its node."""
        phase = pod["status"]["phase"]
        if "nodeName" in pod["spec"]:
            it["hostNodeName"] = pod["spec"]["nodeName"]
        if phase in ENDED:
            self._end(plan, task, it, pod, now)
            return
        it["phase"] = phase
        it.pop("message", None)
        if phase == "Pending" and (reason := pending_reason(pod)):
            it["message"] = reason

    def _end(self, plan: Plan, task: Task, it: Obj, pod: Obj, now: float) -> None:
        status = pod["status"]
        it["resourcesDuration"] = resources_duration(pod)
        close(it, status["phase"], status.get("message", ""), now)
        ended = next(box for box in status["containerStatuses"] if box["name"] == "main")["state"].get("terminated")
        if ended and "reason" not in status:
            it["outputs"] = {"exitCode": str(ended["exitCode"])}
            if ended["exitCode"]:
                it["message"] = f"main: {ended['reason']} (exit code {ended['exitCode']})"
        if task.cache and status["phase"] == "Succeeded":
            self._cached.add((plan.recipe, task.name))
        if task.lock:
            self._locks.free(lock_name(plan.namespace, task.lock), f"{plan.key}/{it['id']}")


def pending_reason(pod: Obj) -> str:
    """Why a pod does not start, as Argo puts it; empty where nobody says more than that it is being made."""
    status = pod["status"]
    for box in status.get("containerStatuses", ()):
        waiting = box["state"].get("waiting", {})
        if "message" in waiting:
            return f"{waiting['reason']}: {waiting['message']}"
    for condition in status.get("conditions", ()):
        if condition.get("reason") == "Unschedulable":
            return f"Unschedulable: {condition['message']}"
    return ""
