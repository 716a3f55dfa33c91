"""
A miniature workflow-controller: one work queue, the throttler and the locks.

Pure: it reads and writes the cluster's objects as of the instants it is given. It follows Argo 4.1 in what an observer
can see: messages, labels, the order of writes, who holds a slot; it does not follow its code.
"""

from collections.abc import Callable
from random import Random
from uuid import UUID

from collector.demo import shapes
from collector.demo.objects import PODS, WORKFLOWS, Obj, Objects
from collector.demo.scenario import RECIPES, Attempt, Cluster
from collector.demo.shapes import ARGO
from collector.demo.steps import Plan, Steps, defaults, label

HOLDS_A_SLOT = ("admitted", "locked", "running")


class Controller:
    """The workflow-controller of one cluster."""

    def __init__(
        self,
        cluster: Cluster,
        objects: Objects,
        rng: Random,
        ids: Random,
        born: Callable[[Plan, Attempt, float], None],
        warn: Callable[[Obj, str, str, str, float], None],
    ) -> None:
        self.plans: dict[str, Plan] = {}
        self.dirty: set[str] = set()
        self.up = True
        self._objects, self._rng, self._ids, self._warn = objects, rng, ids, warn
        self._steps = Steps(objects, rng, ids, born)
        self._limits = {namespace.name: namespace.limit for namespace in cluster.namespaces}
        self._queue: dict[str, float] = {}
        self._busy_until = 0.0

    def enqueue(self, key: str, at: float) -> None:
        """Asks for a look at a workflow; a controller that is down hears nothing."""
        if self.up:
            self._queue[key] = min(at, self._queue.get(key, at))

    def submit(self, plan: Plan, now: float) -> None:
        """A new workflow has appeared."""
        self.plans[plan.key] = plan
        self.dirty.add(plan.key)
        self.enqueue(plan.key, now + self._rng.uniform(0.03, 0.08))

    def stall(self, seconds: float, now: float) -> None:
        """Keeps the workers busy with something else, as a resync or slow API calls do."""
        self._busy_until = max(self._busy_until, now) + seconds

    def die(self) -> None:
        """The process ends and forgets its queue."""
        self.up = False
        self._queue.clear()

    def start(self, now: float) -> None:
        """The process starts: its informers hand it every workflow there is."""
        self.up, self._busy_until = True, now
        for plan in self.plans.values():
            self.enqueue(plan.key, max(now, plan.delete_at))

    def next_due(self) -> float:
        """When it next has something to do."""
        return max(min(self._queue.values()), self._busy_until) if self._queue else float("inf")

    def step(self, now: float) -> None:
        """Works off what is due, one workflow after the other, each taking its time."""
        while self._queue:
            key = min(self._queue, key=lambda key: (self._queue[key], key))
            begins = max(self._queue[key], self._busy_until)
            if begins > now:
                return
            del self._queue[key]
            self._busy_until = begins + self._rng.uniform(0.006, 0.016)
            self._reconcile(self.plans[key], now)

    def _reconcile(self, plan: Plan, now: float) -> None:
        self.dirty.add(plan.key)
        if plan.state == "done":
            self._expire(plan, now)
            return
        if plan.state in ("unseen", "throttled"):
            self._throttle(plan, now)
        if plan.state in ("admitted", "locked"):
            self._try_to_begin(plan, now)
        elif plan.state == "running":
            workflow = self._objects.get(WORKFLOWS, plan.key)
            finished = self._steps.advance(plan, workflow, now)
            self._enqueue_resume(plan)
            if finished:
                self._hand_on(plan, workflow, now)

    def _expire(self, plan: Plan, now: float) -> None:
        if now < plan.delete_at:
            self.enqueue(plan.key, plan.delete_at)
            return
        del self.plans[plan.key]
        self._objects.remove(WORKFLOWS, plan.key)
        for attempt in plan.attempts:
            self._objects.remove(PODS, f"{plan.namespace}/{attempt.pod}")

    def _enqueue_resume(self, plan: Plan) -> None:
        if plan.resume_at:
            self.enqueue(plan.key, plan.resume_at)

    # Waiting: the namespace's limit, then the lock.

    def _throttle(self, plan: Plan, now: float) -> None:
        self._admit(plan.namespace, now, plan)
        if plan.state != "unseen":
            return
        plan.state = "throttled"
        workflow = self._objects.get(WORKFLOWS, plan.key)
        # Written once and never refreshed, and without the defaults that operate() fills in: as the real one does.
        waiting = {"message": shapes.POSTPONED, "phase": "Pending", "progress": "0/0"}
        workflow["status"] = {"startedAt": None, "finishedAt": None, **waiting}
        label(workflow, "Pending")
        self._objects.put(WORKFLOWS, workflow)

    def _admit(self, namespace: str, now: float, newcomer: Plan | None = None) -> None:
        """Gives free slots of a namespace to the first in order; a lock waiter keeps the slot it has."""
        here = [plan for plan in self.plans.values() if plan.namespace == namespace]
        free = self._limits[namespace] - sum(plan.state in HOLDS_A_SLOT for plan in here)
        waiting = sorted(
            (plan for plan in here if plan.state == "throttled" or plan is newcomer), key=lambda plan: plan.order
        )
        for plan in waiting[: max(free, 0)]:
            plan.state = "admitted"
            self.dirty.add(plan.key)
            if plan is not newcomer:
                self.enqueue(plan.key, now + self._rng.uniform(0.01, 0.03))

    def _try_to_begin(self, plan: Plan, now: float) -> None:
        recipe = RECIPES[plan.recipe]
        workflow = self._objects.get(WORKFLOWS, plan.key)
        first_look = not workflow.get("status", {}).get("phase")
        notes = workflow["metadata"].setdefault("annotations", {})
        notes.setdefault(ARGO + "trace-id", UUID(int=self._ids.getrandbits(128)).hex)
        workflow["metadata"]["labels"][ARGO + "workflow-template"] = recipe.name
        if recipe.lock and not self._may_lock(plan, recipe.lock):
            self._wait_for_lock(plan, workflow, recipe.lock)
            return
        if first_look:
            # Argo writes it on the way from no phase to Running only: those that waited never get it.
            notes[ARGO + "pod-name-format"] = "v2"
        self._steps.begin(plan, workflow, _held(plan, workflow, recipe.lock), now)
        self._enqueue_resume(plan)

    def _holders(self, plan: Plan) -> list[str]:
        """Who holds the lock that this workflow wants."""
        rivals = (it for it in self.plans.values() if it.recipe == plan.recipe and it.namespace == plan.namespace)
        return sorted(it.key for it in rivals if it.state == "running")

    def _may_lock(self, plan: Plan, lock: tuple[str, int]) -> bool:
        rivals = [it for it in self.plans.values() if it.recipe == plan.recipe and it.namespace == plan.namespace]
        queue = sorted((it for it in rivals if it.state == "locked" or it is plan), key=lambda it: it.order)
        return len(self._holders(plan)) + queue.index(plan) < lock[1]

    def _wait_for_lock(self, plan: Plan, workflow: Obj, lock: tuple[str, int]) -> None:
        name, free = lock_name(plan.namespace, lock), max(0, lock[1] - len(self._holders(plan)))
        waiting = _lock_entry(lock, name, self._holders(plan))
        status = {
            **defaults(),
            "message": f"Waiting for {name} lock. Lock status: {free}/{lock[1]}",
            "phase": "Pending",
            "progress": "0/0",
            "synchronization": {_lock_kind(lock): {"waiting": [waiting]}},
        }
        if plan.state != "locked" or workflow["status"] != status:
            plan.state, workflow["status"] = "locked", status
            label(workflow, "Pending")
            self._objects.put(WORKFLOWS, workflow)

    def _hand_on(self, plan: Plan, workflow: Obj, now: float) -> None:
        """Frees the slot and the lock of a finished workflow, and tells of a failure."""
        self.enqueue(plan.key, plan.delete_at)
        self._admit(plan.namespace, now)
        for rival in self.plans.values():
            if rival.state == "locked" and rival.recipe == plan.recipe and rival.namespace == plan.namespace:
                self.enqueue(rival.key, now + self._rng.uniform(0.01, 0.03))
        if workflow["status"]["phase"] == "Failed":
            self._warn(workflow, "WorkflowFailed", workflow["status"]["message"], "workflow-controller", now)


def lock_name(namespace: str, lock: tuple[str, int]) -> str:
    """A lock as Argo's messages name it."""
    return f"{namespace}/Mutex/{lock[0]}" if lock[1] == 1 else f"{namespace}/ConfigMap/locks/{lock[0]}"


def _held(plan: Plan, workflow: Obj, lock: tuple[str, int] | None) -> Obj:
    """status.synchronization of a workflow that begins: `waiting` stays beside `holding`, as recorded from 4.1.2."""
    if lock is None:
        return {}
    kind, entry = _lock_kind(lock), _lock_entry(lock, lock_name(plan.namespace, lock), [plan.key])
    before = workflow.get("status", {}).get("synchronization", {}).get(kind, {})
    return {kind: {**before, "holding": [entry]}}


def _lock_kind(lock: tuple[str, int]) -> str:
    return "mutex" if lock[1] == 1 else "semaphore"


def _lock_entry(lock: tuple[str, int], name: str, holders: list[str] | None = None) -> Obj:
    """A line of status.synchronization; under `waiting`, too, it names who holds the lock."""
    if lock[1] == 1:
        return {"mutex": name, "holder": holders[0] if holders else ""}
    return {"semaphore": name, "holders": holders or []}
