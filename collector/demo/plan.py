"""
What will become of a workflow and its pods, drawn when they begin; kept across restarts beside the objects.

Pure: draws from a source of chance that is given.
"""

from random import Random
from typing import Literal

import msgspec

from collector.demo.recipes import ACS_SPEC, Product, Task


class Attempt(msgspec.Struct):
    """One pod of a workflow and all that will happen to it, drawn when it is created."""

    pod: str
    fate: str
    """ok, `exit N`, oom, deadline, evicted or reclaimed."""
    todo: list[tuple[str, float]]
    """What the kubelet writes next, with the seconds before it."""
    due: float = 0.0


class Plan(msgspec.Struct):
    """A workflow as the controller thinks of it."""

    key: str
    recipe: str
    priority: int
    created: float
    state: Literal["unseen", "throttled", "admitted", "locked", "running", "done"] = "unseen"
    awaits: str = ""
    """The lock that it, or a step of it, waits for."""
    reopened: bool = False
    """By `argo retry`."""
    look_at: float = 0.0
    """When something is due in it that no pod tells of; 0: nothing."""
    delete_at: float = 0.0
    attempts: dict[str, Attempt] = msgspec.field(default_factory=dict)
    """By the id of the node."""

    @property
    def namespace(self) -> str:
        """Where it runs."""
        return self.key.split("/")[0]

    @property
    def owner(self) -> str:
        """Its name, which its first node bears too."""
        return self.key.split("/")[1]

    @property
    def order(self) -> tuple[int, int, str]:
        """Who is admitted first: priority, then the creation time of which Argo sees whole seconds."""
        return (-self.priority, int(self.created), self.key)


def fate_of(rng: Random, task: Task, number: int) -> str:
    """How an attempt ends."""
    chance = rng.random() * (1 if number == 0 else 2)
    for fate, probability in task.fates.items():
        if chance < probability:
            return fate
        chance -= probability
    return "ok"


def future(rng: Random, product: Product, task: Task, fate: str) -> list[tuple[str, float]]:
    """Every write of a pod's life after its creation, in the order a scheduler, a cloud and a kubelet make them."""
    todo = [("scheduled", rng.uniform(0.004, 0.02))]
    if rng.random() < task.unschedulable:
        todo = [("unschedulable", 0.02), ("scheduled", rng.uniform(*task.unschedulable_s))]
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
