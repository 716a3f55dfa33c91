"""
The future of a workflow and its pods, drawn when they begin, and stored with the objects across restarts.

Pure: the source of chance is an argument.
"""

from random import Random
from typing import Literal

import msgspec

from collector.demo.recipes import ACS_SPEC, SimulatedProduct, Task


class PodPlan(msgspec.Struct):
    """One pod of a workflow and its future, drawn when the pod is created."""

    pod: str
    fate: str
    """ok, `exit N`, oom, deadline, evicted or reclaimed."""
    todo: list[tuple[str, float]]
    """The kubelet's next writes: stage and the seconds before it."""
    due: float = 0.0


class WorkflowPlan(msgspec.Struct):
    """A workflow as its controller sees it."""

    key: str
    recipe: str
    priority: int
    created: float
    state: Literal["unseen", "throttled", "admitted", "locked", "running", "done"] = "unseen"
    awaits: str = ""
    """The lock that the workflow, or a step of it, waits for."""
    reopened: bool = False
    """By `argo retry`."""
    look_at: float = 0.0
    """The next due instant that no pod's change announces; 0: none."""
    delete_at: float = 0.0
    attempts: dict[str, PodPlan] = msgspec.field(default_factory=dict)
    """By the id of the node."""

    @property
    def namespace(self) -> str:
        """The namespace of the workflow."""
        return self.key.split("/")[0]

    @property
    def owner(self) -> str:
        """The name of the workflow and of its first node."""
        return self.key.split("/")[1]

    @property
    def order(self) -> tuple[int, int, str]:
        """The order of admission: priority, then the creation time, in whole seconds as Argo sees it."""
        return (-self.priority, int(self.created), self.key)


def draw_fate(rng: Random, task: Task, number: int) -> str:
    """Draws how an attempt ends."""
    chance = rng.random() * (1 if number == 0 else 2)
    for fate, probability in task.fates.items():
        if chance < probability:
            return fate
        chance -= probability
    return "ok"


def draw_stages(rng: Random, product: SimulatedProduct, task: Task, fate: str) -> list[tuple[str, float]]:
    """Draws every write on a pod after its creation, in the order of a scheduler, a cloud and a kubelet."""
    todo = [("scheduled", rng.uniform(0.004, 0.02))]
    if rng.random() < task.unschedulable:
        todo = [("unschedulable", 0.02), ("scheduled", rng.uniform(*task.unschedulable_s))]
    if task.no_stock and rng.random() < task.no_stock:
        todo += [("no_stock", rng.uniform(0.3, 0.8)), ("restocked", rng.uniform(4, 9))]
    creating = [("creating", rng.uniform(0.02, 0.06)), ("running", rng.uniform(*product.start_s))]
    if rng.random() < task.image_fails:
        creating[1:] = [("image_failed", rng.uniform(0.3, 0.8)), ("running", rng.uniform(4, 9))]
    annotated = [("annotated", rng.uniform(0.08, 0.3))] if product.spec_annotation else []
    # ACS often writes its annotation after the start, and so late that a reader must look again.
    todo += creating + annotated if product.spec_annotation == ACS_SPEC else annotated + creating
    return todo + _end(rng, task, fate)


def _end(rng: Random, task: Task, fate: str) -> list[tuple[str, float]]:
    run_s = rng.uniform(*task.run_s) * (1 if fate == "ok" else rng.uniform(0.2, 0.8))
    match fate:
        case "reclaimed":
            return [("release_announced", run_s * 0.6), ("reclaimed", run_s * 0.4)]
        case "evicted":
            return [("evicted", run_s)]
        case "deadline":
            return [("deadline", float(task.deadline_s))]
    return [("main_ended", run_s), ("ended", rng.uniform(0.05, 0.3))]
