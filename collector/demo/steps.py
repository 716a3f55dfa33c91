"""
A workflow that runs: how it begins, goes on, ends and is opened again, and what its status says meanwhile.

Pure: it reads and writes the cluster's objects as of the instants it is given. Who may run is controller.py's matter.
"""

import msgspec

from collector.demo.locks import ENTRY, Locks, lock_entry, lock_kind, lock_name
from collector.demo.nodes import ENDED, Nodes, close, keep, opened, seconds
from collector.demo.objects import WORKFLOWS, Obj, Objects
from collector.demo.operation import Operation
from collector.demo.plan import Plan
from collector.demo.pods import Pods
from collector.demo.recipes import RECIPES, Lock, Recipe
from collector.demo.shapes import ARGO, effective_spec, rfc3339

PAST_DEADLINE = "Step exceeded its deadline"


class Steps:
    """Leads the workflows of one cluster from step to step."""

    def __init__(self, objects: Objects, pods: Pods, locks: Locks) -> None:
        self._objects, self._pods, self._locks = objects, pods, locks

    def begin(self, plan: Plan, workflow: Obj, now: float) -> bool:
        """Turns a workflow Running and makes the pods of its first steps; True if it ended with that."""
        recipe = RECIPES[plan.recipe]
        status = defaults() | (workflow.get("status") or {}) | {"phase": "Running"}
        status.pop("message", None)
        status["startedAt"] = status["startedAt"] or rfc3339(now)
        status["storedWorkflowTemplateSpec"] = effective_spec(recipe)
        workflow["status"], plan.state, plan.awaits = status, "running", ""
        if recipe.lock:
            note_lock(status, recipe.lock, plan.namespace, "holding", [plan.key])
        label(workflow, "Running")
        return self.advance(plan, workflow, now)

    def advance(self, plan: Plan, workflow: Obj, now: float) -> bool:
        """Takes in what the pods did, and retries, goes on or finishes; True when the workflow has ended."""
        recipe, status = RECIPES[plan.recipe], workflow["status"]
        before, nodes = msgspec.json.encode(status), opened(status)
        plan.look_at, plan.awaits = 0.0, ""
        operation = Operation(self._pods, plan, workflow, nodes, now)
        top = operation.run(recipe.entry, plan.owner)
        if recipe.deadline_s and top["phase"] not in ENDED:
            self._mind_deadline(plan, recipe, status, nodes, now)
            top = operation.run(recipe.entry, plan.owner)
        left = recipe.on_exit if top["phase"] in ENDED else None
        if top["phase"] in ENDED and (left is None or operation.on_exit(left)["phase"] in ENDED):
            self._finish(plan, workflow, top, now)
        self._note_step_locks(plan, recipe, nodes, status)
        keep(status, nodes)
        if msgspec.json.encode(status) != before:
            # Pods first: a watcher of both kinds sees a pod before the status that tells of it.
            self._objects.put(WORKFLOWS, workflow)
        for node_id in operation.ended:
            self._pods.mark_complete(plan, node_id)
        return plan.state == "done"

    def reopen(self, plan: Plan, workflow: Obj, now: float) -> None:
        """`argo retry`: what failed is deleted with its pods, what held it runs again; the phase's label stays as it was."""
        status = workflow["status"]
        nodes = opened(status)
        for key in [key for key, it in nodes.items() if _is_undone(it)]:
            del nodes[key]
            self._pods.drop(plan, key)
        for it in nodes.values():
            if "children" in it:
                it["children"] = [child for child in it["children"] if child in nodes]
            if it["phase"] == "Failed":
                it |= {"phase": "Running", "startedAt": rfc3339(now), "finishedAt": None}
                it.pop("message", None)
                it.pop("outboundNodes", None)
        status |= {"phase": "", "startedAt": rfc3339(now), "finishedAt": None}
        status.pop("message", None)
        keep(status, nodes)
        del workflow["metadata"]["labels"][ARGO + "completed"]
        plan.state, plan.reopened = "unseen", True
        self._objects.put(WORKFLOWS, workflow)

    def _finish(self, plan: Plan, workflow: Obj, top: Obj, now: float) -> None:
        status = workflow["status"]
        status |= {"phase": top["phase"], "finishedAt": rfc3339(now)}
        if "message" in top:
            status["message"] = top["message"]
        status.pop("synchronization", None)
        label(workflow, top["phase"])
        plan.state = "done"

    def _mind_deadline(self, plan: Plan, recipe: Recipe, status: Obj, nodes: Nodes, now: float) -> None:
        """Gives up the pods that are still pending when the workflow's time is over."""
        until = seconds(status["startedAt"]) + recipe.deadline_s
        if now < until:
            plan.look_at = min(until, plan.look_at or until)
            return
        for key, it in nodes.items():
            if it["type"] == "Pod" and it["phase"] == "Pending":
                close(it, "Failed", PAST_DEADLINE, now)
                self._pods.drop(plan, key)

    def _note_step_locks(self, plan: Plan, recipe: Recipe, nodes: Nodes, status: Obj) -> None:
        """Who of the steps holds and who holds what they wait for; a wait stays written down after its end."""
        locks = {one.lock for group in recipe.entry.steps for one in group if one.lock}
        for lock in locks if plan.state == "running" else ():
            name = lock_name(plan.namespace, lock)
            holders = self._locks.holders(name)
            note_lock(status, lock, plan.namespace, "holding", [it for it in holders if it.startswith(plan.key + "/")])
            if any(it.get("synchronizationStatus", {}).get("waiting") == name for it in nodes.values()):
                note_lock(status, lock, plan.namespace, "waiting", holders)


def note_lock(status: Obj, lock: Lock, namespace: str, side: str, holders: list[str]) -> None:
    """Writes one side of status.synchronization; `waiting` stays beside `holding`, as recorded from 4.1.2."""
    kind = lock_kind(lock)
    entry = lock_entry(lock, lock_name(namespace, lock), holders)
    sides = status.setdefault("synchronization", {}).setdefault(kind, {})
    if entry[ENTRY[kind]] or side == "waiting":
        sides[side] = [entry]
    else:
        sides.pop(side, None)


def defaults() -> Obj:
    """The part of a status that operate() fills in for every workflow it takes up."""
    return {
        "artifactGCStatus": {"notSpecified": True},
        "artifactRepositoryRef": {"artifactRepository": {}, "default": True},
        "startedAt": None,
        "finishedAt": None,
    }


def label(workflow: Obj, phase: str) -> None:
    """Writes the labels that follow the phase."""
    workflow["metadata"]["labels"][ARGO + "phase"] = phase
    workflow["metadata"]["labels"][ARGO + "completed"] = "true" if phase in ENDED else "false"


def _is_undone(it: Obj) -> bool:
    """Whether `argo retry` deletes a node: failed pods, what was omitted for them, and the exit handler."""
    failed = it["type"] in ("Pod", "Skipped") and it["phase"] in ("Failed", "Omitted")
    return failed or bool(it.get("nodeFlag", {}).get("hooked"))
