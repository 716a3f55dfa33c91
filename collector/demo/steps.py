"""
The run of a workflow: begin, progress, end and reopening, and its status in each.

Pure: it reads and writes the cluster's objects, and each instant is an argument. controller.py decides which workflow runs.
"""

import msgspec

from collector.demo.locks import ENTRY, Locks, lock_entry, lock_kind, lock_name
from collector.demo.nodes import ENDED, Nodes, end_node, read_nodes, seconds, write_nodes
from collector.demo.objects import WORKFLOWS, Obj, Objects
from collector.demo.operation import Operation
from collector.demo.plan import WorkflowPlan
from collector.demo.pods import Pods
from collector.demo.recipes import RECIPES, Lock, Recipe
from collector.demo.shapes import ARGO, effective_spec, rfc3339

PAST_DEADLINE = "Step exceeded its deadline"


class StepRunner:
    """Advances the workflows of one cluster from step to step."""

    def __init__(self, objects: Objects, pods: Pods, locks: Locks) -> None:
        self._objects, self._pods, self._locks = objects, pods, locks

    def begin(self, plan: WorkflowPlan, workflow: Obj, now: float) -> bool:
        """Sets a workflow Running and creates the pods of its first steps; True if the workflow ended at once."""
        recipe = RECIPES[plan.recipe]
        status = default_status() | (workflow.get("status") or {}) | {"phase": "Running"}
        status.pop("message", None)
        status["startedAt"] = status["startedAt"] or rfc3339(now)
        status["storedWorkflowTemplateSpec"] = effective_spec(recipe)
        workflow["status"], plan.state, plan.awaits = status, "running", ""
        if recipe.lock:
            write_lock(status, recipe.lock, plan.namespace, "holding", [plan.key])
        write_labels(workflow, "Running")
        return self.advance(plan, workflow, now)

    def advance(self, plan: WorkflowPlan, workflow: Obj, now: float) -> bool:
        """Reads the pods, and retries, continues or finishes; True when the workflow has ended."""
        recipe, status = RECIPES[plan.recipe], workflow["status"]
        before, nodes = msgspec.json.encode(status), read_nodes(status)
        plan.look_at, plan.awaits = 0.0, ""
        operation = Operation(self._pods, plan, workflow, nodes, now)
        top = operation.run(recipe.entry, plan.owner)
        if recipe.deadline_s and top["phase"] not in ENDED:
            self._enforce_deadline(plan, recipe, status, nodes, now)
            top = operation.run(recipe.entry, plan.owner)
        exit_task = recipe.on_exit if top["phase"] in ENDED else None
        if top["phase"] in ENDED and (exit_task is None or operation.on_exit(exit_task)["phase"] in ENDED):
            self._finish(plan, workflow, top, now)
        self._write_step_locks(plan, recipe, nodes, status)
        write_nodes(status, nodes)
        if msgspec.json.encode(status) != before:
            # Pods first: a watcher of both kinds sees a pod before the status that names the pod.
            self._objects.put(WORKFLOWS, workflow)
        for node_id in operation.ended:
            self._pods.mark_complete(plan, node_id)
        return plan.state == "done"

    def reopen(self, plan: WorkflowPlan, workflow: Obj, now: float) -> None:
        """
        Reopens a workflow as `argo retry` does.

        Failed nodes are deleted with their pods, the nodes around them run again; the label of the phase does not change.
        """
        status = workflow["status"]
        nodes = read_nodes(status)
        for key in [key for key, node in nodes.items() if _is_undone(node)]:
            del nodes[key]
            self._pods.drop(plan, key)
        for node in nodes.values():
            if "children" in node:
                node["children"] = [child for child in node["children"] if child in nodes]
            if node["phase"] == "Failed":
                node |= {"phase": "Running", "startedAt": rfc3339(now), "finishedAt": None}
                node.pop("message", None)
                node.pop("outboundNodes", None)
        status |= {"phase": "", "startedAt": rfc3339(now), "finishedAt": None}
        status.pop("message", None)
        write_nodes(status, nodes)
        del workflow["metadata"]["labels"][ARGO + "completed"]
        plan.state, plan.reopened = "unseen", True
        self._objects.put(WORKFLOWS, workflow)

    def _finish(self, plan: WorkflowPlan, workflow: Obj, top: Obj, now: float) -> None:
        status = workflow["status"]
        status |= {"phase": top["phase"], "finishedAt": rfc3339(now)}
        if "message" in top:
            status["message"] = top["message"]
        status.pop("synchronization", None)
        write_labels(workflow, top["phase"])
        plan.state = "done"

    def _enforce_deadline(self, plan: WorkflowPlan, recipe: Recipe, status: Obj, nodes: Nodes, now: float) -> None:
        """Fails the pods that are still pending at the workflow's deadline."""
        until = seconds(status["startedAt"]) + recipe.deadline_s
        if now < until:
            plan.look_at = min(until, plan.look_at or until)
            return
        for key, node in nodes.items():
            if node["type"] == "Pod" and node["phase"] == "Pending":
                end_node(node, "Failed", PAST_DEADLINE, now)
                self._pods.drop(plan, key)

    def _write_step_locks(self, plan: WorkflowPlan, recipe: Recipe, nodes: Nodes, status: Obj) -> None:
        """Writes the locks that steps hold or wait for; a wait stays in the status after its end."""
        locks = {step.lock for group in recipe.entry.steps for step in group if step.lock}
        for lock in locks if plan.state == "running" else ():
            name = lock_name(plan.namespace, lock)
            holders = self._locks.holders(name)
            own = [holder for holder in holders if holder.startswith(plan.key + "/")]
            write_lock(status, lock, plan.namespace, "holding", own)
            if any(node.get("synchronizationStatus", {}).get("waiting") == name for node in nodes.values()):
                write_lock(status, lock, plan.namespace, "waiting", holders)


def write_lock(status: Obj, lock: Lock, namespace: str, side: str, holders: list[str]) -> None:
    """Writes one side of status.synchronization; `waiting` stays with `holding`, as recorded from 4.1.2."""
    kind = lock_kind(lock)
    entry = lock_entry(lock, lock_name(namespace, lock), holders)
    sides = status.setdefault("synchronization", {}).setdefault(kind, {})
    if entry[ENTRY[kind]] or side == "waiting":
        sides[side] = [entry]
    else:
        sides.pop(side, None)


def default_status() -> Obj:
    """The part of a status that Argo's operate() fills in for every workflow."""
    return {
        "artifactGCStatus": {"notSpecified": True},
        "artifactRepositoryRef": {"artifactRepository": {}, "default": True},
        "startedAt": None,
        "finishedAt": None,
    }


def write_labels(workflow: Obj, phase: str) -> None:
    """Writes the labels that depend on the phase."""
    workflow["metadata"]["labels"][ARGO + "phase"] = phase
    workflow["metadata"]["labels"][ARGO + "completed"] = "true" if phase in ENDED else "false"


def _is_undone(node: Obj) -> bool:
    """Whether `argo retry` deletes a node: failed pods, the steps omitted because of them, and the exit handler."""
    failed = node["type"] in ("Pod", "Skipped") and node["phase"] in ("Failed", "Omitted")
    return failed or bool(node.get("nodeFlag", {}).get("hooked"))
