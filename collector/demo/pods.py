"""
Steps that are pods: creates a pod unless a lock, quota or cache prevents it, and copies the pod's status to its node.

Pure: it reads and writes the cluster's objects, and each instant is an argument. operation.py decides which step is next.
"""

from collections.abc import Callable

from collector.demo import shapes
from collector.demo.locks import lock_name, wait_message
from collector.demo.nodes import ENDED, end_node, fnv32a, resources_duration
from collector.demo.objects import PODS, Obj
from collector.demo.plan import PodPlan, WorkflowPlan, draw_fate, draw_stages
from collector.demo.recipes import PRODUCTS, RECIPES, Task
from collector.demo.shapes import ARGO
from collector.demo.world import World

GPU = "requests.nvidia.com/gpu"
QUOTA = "gpu-quota"
REQUEUE_S = (1.5, 3.0)
"""Seconds until Argo retries a creation that a quota refused; the real controller waits ten."""


class Pods:
    """The pods of one cluster's workflows."""

    def __init__(self, world: World, on_created: Callable[[WorkflowPlan, PodPlan, float], None]) -> None:
        self._world, self._on_created = world, on_created
        self._objects, self._rng, self._locks = world.objects, world.rng, world.locks
        self._quotas = {
            namespace.name: namespace.gpu_quota for namespace in world.cluster.namespaces if namespace.gpu_quota
        }
        self._cached: set[tuple[str, str]] = set()

    def step(self, plan: WorkflowPlan, workflow: Obj, task: Task, node: Obj, *, now: float, number: int = 0) -> float:
        """Updates the node of a pod; the latest instant of the next reconciliation, 0 if a change of the pod triggers it."""
        attempt = plan.attempts.get(node["id"])
        if attempt is not None:
            self._mirror(plan, task, node, self._objects.get(PODS, f"{plan.namespace}/{attempt.pod}"), now)
            return 0.0
        if task.cache and self._found_in_cache(plan, task, node, now):
            return 0.0
        if task.lock and not self._locked(plan, task, node):
            return 0.0
        name = plan.owner if node["name"] == plan.owner else f"{plan.owner}-{task.name}-{fnv32a(node['name'])}"
        if refusal := self._refusal(plan, task, name):
            node["message"] = refusal
            return now + self._rng.uniform(*REQUEUE_S)
        node.pop("message", None)
        self._create(plan, workflow, task, node, name=name, number=number, now=now)
        return 0.0

    def drop(self, plan: WorkflowPlan, node_id: str) -> None:
        """Deletes the pod of a node, if it has one."""
        attempt = plan.attempts.pop(node_id, None)
        if attempt is not None:
            self._objects.remove(PODS, f"{plan.namespace}/{attempt.pod}")

    def mark_complete(self, plan: WorkflowPlan, node_id: str) -> None:
        """Labels a pod whose end is recorded in the workflow's status."""
        if (attempt := plan.attempts.get(node_id)) is not None:
            pod = self._objects.get(PODS, f"{plan.namespace}/{attempt.pod}")
            pod["metadata"]["labels"][ARGO + "completed"] = "true"
            self._objects.put(PODS, pod)

    def _found_in_cache(self, plan: WorkflowPlan, task: Task, node: Obj, now: float) -> bool:
        """Ends a step whose result an earlier workflow cached; its node has the type Pod nevertheless."""
        hit = (plan.recipe, task.name) in self._cached
        node["memoizationStatus"] = {"hit": hit, "key": task.name, "cacheName": task.cache}
        if hit:
            end_node(node, "Succeeded", "", now)
        return hit

    def _locked(self, plan: WorkflowPlan, task: Task, node: Obj) -> bool:
        assert task.lock is not None  # noqa: S101 - asked by the caller
        name = lock_name(plan.namespace, task.lock)
        if self._locks.take(name, task.lock[1], f"{plan.key}/{node['id']}"):
            node.pop("synchronizationStatus", None)
            return True
        node["message"] = wait_message(name, task.lock, len(self._locks.holders(name)))
        node["synchronizationStatus"] = {"waiting": name}
        plan.awaits = name
        return False

    def _refusal(self, plan: WorkflowPlan, task: Task, name: str) -> str:
        """The API server's refusal when a ResourceQuota is exhausted; empty: it is not."""
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
        figures = f"requested: {GPU}={task.gpu}, used: {GPU}={used}, limited: {GPU}={limit}"
        return f'pods "{name}" is forbidden: exceeded quota: {QUOTA}, {figures}'

    def _create(
        self, plan: WorkflowPlan, workflow: Obj, task: Task, node: Obj, *, name: str, number: int, now: float
    ) -> None:
        recipe = RECIPES[plan.recipe]
        fate = draw_fate(self._rng, task, number)
        attempt = PodPlan(pod=name, fate=fate, todo=draw_stages(self._rng, PRODUCTS[recipe.product], task, fate))
        self._objects.put(
            PODS, shapes.pod(workflow, recipe, task, name=name, node=node, uid=self._world.new_uid(), at=now)
        )
        plan.attempts[node["id"]] = attempt
        self._on_created(plan, attempt, now)

    def _mirror(self, plan: WorkflowPlan, task: Task, node: Obj, pod: Obj, now: float) -> None:
        """Copies a pod's status to its node."""
        phase = pod["status"]["phase"]
        if "nodeName" in pod["spec"]:
            node["hostNodeName"] = pod["spec"]["nodeName"]
        if phase in ENDED:
            self._end(plan, task, node, pod, now)
            return
        node["phase"] = phase
        node.pop("message", None)
        if phase == "Pending" and (reason := pending_reason(pod)):
            node["message"] = reason

    def _end(self, plan: WorkflowPlan, task: Task, node: Obj, pod: Obj, now: float) -> None:
        status = pod["status"]
        node["resourcesDuration"] = resources_duration(pod)
        end_node(node, status["phase"], status.get("message", ""), now)
        ended = next(box for box in status["containerStatuses"] if box["name"] == "main")["state"].get("terminated")
        if ended and "reason" not in status:
            node["outputs"] = {"exitCode": str(ended["exitCode"])}
            if ended["exitCode"]:
                node["message"] = f"main: {ended['reason']} (exit code {ended['exitCode']})"
        if task.cache and status["phase"] == "Succeeded":
            self._cached.add((plan.recipe, task.name))
        if task.lock:
            self._locks.free(lock_name(plan.namespace, task.lock), f"{plan.key}/{node['id']}")


def pending_reason(pod: Obj) -> str:
    """Argo's text for a pod that does not start; empty while the pod is simply being created."""
    status = pod["status"]
    for box in status.get("containerStatuses", ()):
        waiting = box["state"].get("waiting", {})
        if "message" in waiting:
            return f"{waiting['reason']}: {waiting['message']}"
    for condition in status.get("conditions", ()):
        if condition.get("reason") == "Unschedulable":
            return f"Unschedulable: {condition['message']}"
    return ""
