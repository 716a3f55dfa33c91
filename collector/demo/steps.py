"""
A workflow that runs: its nodes, the attempts of its steps, and what became of their pods.

Pure: it reads and writes the cluster's objects as of the instants it is given. Who may run is controller.py's matter.
"""

from collections.abc import Callable
from random import Random
from typing import Literal
from uuid import UUID

import msgspec

from collector.demo import shapes
from collector.demo.objects import PODS, WORKFLOWS, Obj, Objects
from collector.demo.scenario import PRODUCTS, RECIPES, Attempt, Task, fate_of, future
from collector.demo.shapes import ARGO, TERMINAL, node, node_id, rfc3339

TTL_S = (70.0, 100.0)


class Plan(msgspec.Struct):
    """A workflow as the controller thinks of it; kept across restarts beside the objects."""

    key: str
    recipe: str
    priority: int
    created: float
    state: Literal["unseen", "throttled", "admitted", "locked", "running", "done"] = "unseen"
    step: int = 0
    resume_at: float = 0.0
    delete_at: float = 0.0
    attempts: list[Attempt] = msgspec.field(default_factory=list)

    @property
    def namespace(self) -> str:
        """Where it runs."""
        return self.key.split("/")[0]

    @property
    def order(self) -> tuple[int, int, str]:
        """Who is admitted first: priority, then the creation time of which Argo sees whole seconds."""
        return (-self.priority, int(self.created), self.key)


class Steps:
    """Leads the workflows of one cluster from step to step."""

    def __init__(
        self, objects: Objects, rng: Random, ids: Random, born: Callable[[Plan, Attempt, float], None]
    ) -> None:
        self._objects, self._rng, self._ids, self._born = objects, rng, ids, born

    def begin(self, plan: Plan, workflow: Obj, synchronization: Obj, now: float) -> None:
        """Turns a workflow Running and creates the pods of its first step."""
        recipe, owner = RECIPES[plan.recipe], workflow["metadata"]["name"]
        status = defaults() | {"nodes": {}, "phase": "Running", "progress": "0/1", "startedAt": rfc3339(now)}
        status["storedWorkflowTemplateSpec"] = shapes.effective_spec(recipe)
        if synchronization:
            status["synchronization"] = synchronization
        workflow["status"] = status
        plan.state, plan.step = "running", 0
        if not recipe.single:
            status["nodes"][owner] = node(owner, owner, "Steps", "main", now, children=[node_id(owner, f"{owner}[0]")])
        self._open_step(plan, workflow, now)
        status["progress"] = _progress(status["nodes"])
        label(workflow, "Running")
        # Pods first: a watcher of both kinds sees a pod before the status that tells of it.
        self._objects.put(WORKFLOWS, workflow)

    def advance(self, plan: Plan, workflow: Obj, now: float) -> bool:
        """Takes in what the pods did, and retries, goes on or finishes; True when the workflow has ended."""
        nodes = workflow["status"]["nodes"]
        moved = [attempt for attempt in plan.attempts if self._mirror(plan, attempt, nodes, now)]
        resumed = self._resume(plan, nodes, now)
        failure = self._settle(plan, workflow, now)
        if failure is not None:
            self._close_step(plan, workflow, failure, now)
        if moved or resumed or failure is not None:
            _refresh(workflow["status"])
            self._objects.put(WORKFLOWS, workflow)
        for attempt in moved:
            self._mark_complete(plan, attempt, nodes)
        return plan.state == "done"

    def _resume(self, plan: Plan, nodes: dict[str, Obj], now: float) -> bool:
        if not plan.resume_at or now < plan.resume_at:
            return False
        plan.resume_at = 0.0
        for it in nodes.values():
            if it["type"] == "Suspend" and it["phase"] == "Running":
                _close(it, "Succeeded", "", now)
        return True

    def _open_step(self, plan: Plan, workflow: Obj, now: float) -> None:
        recipe, owner = RECIPES[plan.recipe], workflow["metadata"]["name"]
        nodes, group = workflow["status"]["nodes"], f"{owner}[{plan.step}]"
        bases: list[str] = []
        for index, task in enumerate(recipe.steps[plan.step]):
            for copy in range(task.width):
                number = f"({copy}:{copy})" if task.width > 1 else ""
                base = owner if recipe.single else f"{group}.{task.name}{number}"
                bases.append(node_id(owner, base))
                self._open_task(plan, workflow, index, base, now)
        if not recipe.single:
            more = {"boundaryID": owner, "children": bases, "nodeFlag": {}}
            nodes[node_id(owner, group)] = node(owner, group, "StepGroup", "", now, **more)

    def _open_task(self, plan: Plan, workflow: Obj, index: int, base: str, now: float) -> None:
        recipe, owner = RECIPES[plan.recipe], workflow["metadata"]["name"]
        task, nodes = recipe.steps[plan.step][index], workflow["status"]["nodes"]
        if task.suspend_s:
            nodes[node_id(owner, base)] = node(owner, base, "Suspend", task.name, now, boundaryID=owner)
            plan.resume_at = now + task.suspend_s
            return
        if task.retries:
            within = {} if recipe.single else {"boundaryID": owner}
            nodes[node_id(owner, base)] = node(owner, base, "Retry", task.name, now, children=[], **within)
        self._open_attempt(plan, workflow, index, base, 0, now)

    def _open_attempt(self, plan: Plan, workflow: Obj, index: int, base: str, number: int, now: float) -> None:
        recipe, owner = RECIPES[plan.recipe], workflow["metadata"]["name"]
        task, nodes = recipe.steps[plan.step][index], workflow["status"]["nodes"]
        name = f"{base}({number})" if task.retries else base
        more: Obj = {} if recipe.single else {"boundaryID": owner}
        if task.retries:
            # Argo flags every child of a Retry node, the first attempt too.
            more["nodeFlag"] = {"retried": True}
            nodes[node_id(owner, base)]["children"].append(node_id(owner, name))
        nodes[node_id(owner, name)] = node(owner, name, "Pod", task.name, now, **more)
        attempt = self._draw(plan, task, owner, base, name, number, index)
        uid = str(UUID(int=self._ids.getrandbits(128), version=4))
        self._objects.put(PODS, shapes.pod(workflow, recipe, task, attempt, name, uid, now))
        plan.attempts.append(attempt)
        self._born(plan, attempt, now)

    def _draw(self, plan: Plan, task: Task, owner: str, base: str, name: str, number: int, index: int) -> Attempt:
        fate = fate_of(self._rng, task, number)
        return Attempt(
            pod=owner if name == owner else f"{owner}-{task.name}-{shapes.fnv32a(name)}",
            base=base,
            node_id=node_id(owner, name),
            number=number,
            step=plan.step,
            task=index,
            fate=fate,
            todo=future(self._rng, PRODUCTS[RECIPES[plan.recipe].product], task, fate),
        )

    def _mirror(self, plan: Plan, attempt: Attempt, nodes: Obj, now: float) -> bool:
        """Copies what a pod says to its node; True if that was news."""
        it, pod = nodes[attempt.node_id], self._objects.get(PODS, f"{plan.namespace}/{attempt.pod}")
        phase = pod["status"]["phase"]
        if it["phase"] in TERMINAL or it["phase"] == phase:
            return False
        it["hostNodeName"] = pod["spec"]["nodeName"]
        if phase == "Running":
            it["phase"] = phase
            return True
        it["resourcesDuration"] = shapes.resources_duration(pod)
        _close(it, phase, pod["status"].get("message", ""), now)
        ended = pod["status"]["containerStatuses"][1]["state"].get("terminated")
        if ended and "reason" not in pod["status"]:
            it["outputs"] = {"exitCode": str(ended["exitCode"])}
            if ended["exitCode"]:
                it["message"] = f"main: {ended['reason']} (exit code {ended['exitCode']})"
        return True

    def _settle(self, plan: Plan, workflow: Obj, now: float) -> str | None:
        """None while the step goes on, else why it failed, or nothing; retries what may be retried."""
        recipe, owner = RECIPES[plan.recipe], workflow["metadata"]["name"]
        nodes, going_on, failure = workflow["status"]["nodes"], bool(plan.resume_at), ""
        latest = {attempt.base: attempt for attempt in plan.attempts if attempt.step == plan.step}
        for base, attempt in latest.items():
            it, task = nodes[attempt.node_id], recipe.steps[plan.step][attempt.task]
            if it["phase"] not in TERMINAL:
                going_on = True
            elif it["phase"] == "Failed" and attempt.number < task.retries:
                self._open_attempt(plan, workflow, attempt.task, base, attempt.number + 1, now)
                going_on = True
            else:
                top = nodes[node_id(owner, base)]
                if task.retries:
                    _close(top, it["phase"], "No more retries left" if it["phase"] == "Failed" else "", now)
                if it["phase"] == "Failed":
                    failure = top["message"] if recipe.single else f"child '{top['id']}' failed"
        return None if going_on else failure

    def _close_step(self, plan: Plan, workflow: Obj, failure: str, now: float) -> None:
        recipe, owner = RECIPES[plan.recipe], workflow["metadata"]["name"]
        nodes, phase = workflow["status"]["nodes"], "Failed" if failure else "Succeeded"
        if not recipe.single:
            group = nodes[node_id(owner, f"{owner}[{plan.step}]")]
            _close(group, phase, failure, now)
            if not failure and plan.step + 1 < len(recipe.steps):
                plan.step += 1
                following = node_id(owner, f"{owner}[{plan.step}]")
                for child in group["children"]:
                    last = nodes[nodes[child]["children"][-1]] if nodes[child]["type"] == "Retry" else nodes[child]
                    last["children"] = [following]
                self._open_step(plan, workflow, now)
                return
            _close(nodes[owner], phase, failure, now)
            if not failure:
                nodes[owner]["outboundNodes"] = group["children"]
        status = workflow["status"]
        status |= {"phase": phase, "finishedAt": rfc3339(now), **({"message": failure} if failure else {})}
        status.pop("synchronization", None)
        label(workflow, phase)
        plan.state, plan.delete_at = "done", now + self._rng.uniform(*TTL_S)

    def _mark_complete(self, plan: Plan, attempt: Attempt, nodes: Obj) -> None:
        """Labels a pod whose end is safe in the workflow's status."""
        if nodes[attempt.node_id]["phase"] in TERMINAL:
            pod = self._objects.get(PODS, f"{plan.namespace}/{attempt.pod}")
            pod["metadata"]["labels"][ARGO + "completed"] = "true"
            self._objects.put(PODS, pod)


def defaults() -> Obj:
    """The part of a status that operate() fills in for every workflow it takes up."""
    storage = {"artifactRepository": {}, "default": True}
    return {
        "artifactGCStatus": {"notSpecified": True},
        "artifactRepositoryRef": storage,
        "startedAt": None,
        "finishedAt": None,
    }


def label(workflow: Obj, phase: str) -> None:
    """Writes the labels that follow the phase."""
    workflow["metadata"]["labels"][ARGO + "phase"] = phase
    workflow["metadata"]["labels"][ARGO + "completed"] = "true" if phase in TERMINAL else "false"


def _close(it: Obj, phase: str, message: str, now: float) -> None:
    it |= {"phase": phase, "finishedAt": rfc3339(now), "progress": "1/1" if phase == "Succeeded" else "0/1"}
    if message:
        it["message"] = message


def _progress(nodes: dict[str, Obj]) -> str:
    leaves = [it for it in nodes.values() if it["type"] in ("Pod", "Suspend")]
    return f"{sum(it['phase'] == 'Succeeded' for it in leaves)}/{len(leaves)}"


def _refresh(status: Obj) -> None:
    """Brings the sums at the top of a status up to date with its nodes."""
    nodes: dict[str, Obj] = status["nodes"]
    running = any(it["type"] == "Pod" and it["phase"] == "Running" for it in nodes.values())
    status["conditions"] = [{"type": "PodRunning", "status": str(running)}]
    if status["phase"] in TERMINAL:
        status["conditions"].append({"type": "Completed", "status": "True"})
    status["progress"] = _progress(nodes)
    total: dict[str, int] = {}
    for it in nodes.values():
        for resource, amount in it.get("resourcesDuration", {}).items() if it["type"] == "Pod" else ():
            total[resource] = total.get(resource, 0) + amount
    if total:
        status["resourcesDuration"] = total
