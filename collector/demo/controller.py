"""
A miniature workflow-controller: one work queue, the throttler and the locks.

Pure: it reads and writes the cluster's objects as of the instants it is given. It follows Argo 4.1 in what an observer
can see: messages, labels, the order of writes, who holds a slot; it does not follow its code.
"""

from collections import Counter
from collections.abc import Callable
from math import inf
from random import Random
from uuid import UUID

from collector.demo import shapes
from collector.demo.locks import Locks, lock_name, wait_message
from collector.demo.objects import WORKFLOWS, Obj, Objects
from collector.demo.plan import Plan
from collector.demo.pods import Pods
from collector.demo.recipes import RECIPES, Lock
from collector.demo.scenario import Cluster
from collector.demo.shapes import ARGO
from collector.demo.steps import Steps, defaults, label, note_lock

HOLDS_A_SLOT = ("admitted", "locked", "running")
TTL_S = (70.0, 100.0)


class Controller:
    """The workflow-controller of one cluster."""

    def __init__(
        self,
        cluster: Cluster,
        objects: Objects,
        rng: Random,
        ids: Random,
        locks: Locks,
        pods: Pods,
        finished: Callable[[Plan, Obj, float], None],
    ) -> None:
        self.plans: dict[str, Plan] = {}
        self.dirty: set[str] = set()
        self.up = True
        self._objects, self._rng, self._ids, self._finished = objects, rng, ids, finished
        self._locks, self._pods, self._steps = locks, pods, Steps(objects, pods, locks)
        limits = {it.name: it.limit or cluster.namespace_parallelism or inf for it in cluster.namespaces}
        self._limits, self._everywhere = limits, cluster.parallelism or inf
        self._queue: dict[str, float] = {}
        self._busy_until = 0.0

    @property
    def depth(self) -> int:
        """Keys in its work queue: none of those that are throttled."""
        return len(self._queue)

    def enqueue(self, key: str, at: float) -> None:
        """Asks for a look at a workflow; a controller that is down hears nothing."""
        if self.up:
            self._queue[key] = min(at, self._queue.get(key, at))

    def submit(self, plan: Plan, now: float) -> None:
        """A new workflow has appeared."""
        self.plans[plan.key] = plan
        self.dirty.add(plan.key)
        self.enqueue(plan.key, now + self._rng.uniform(0.03, 0.08))

    def retry(self, key: str, now: float) -> None:
        """A user says `argo retry`: the workflow is as good as new, and queues again."""
        plan = self.plans.get(key)
        if plan is not None and plan.state == "done":
            self._steps.reopen(plan, self._objects.get(WORKFLOWS, key), now)
            self.submit(plan, now)

    def stall(self, seconds: float, now: float) -> None:
        """Keeps the workers busy with something else, as a resync or slow API calls do."""
        self._busy_until = max(self._busy_until, now) + seconds

    def die(self) -> None:
        """The process ends and forgets its queue."""
        self.up = False
        self._queue.clear()

    def start(self, now: float) -> None:
        """A process starts, or takes the lead: its informers hand it every workflow there is."""
        self.up, self._busy_until = True, now
        for plan in self.plans.values():
            self.enqueue(plan.key, max(now, plan.delete_at if plan.state == "done" else now))

    def next_due(self) -> float:
        """When it next has something to do."""
        return max(min(self._queue.values()), self._busy_until) if self._queue else inf

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
        workflow, ended = self._objects.get(WORKFLOWS, plan.key), False
        if plan.state in ("admitted", "locked"):
            ended = self._try_to_begin(plan, workflow, now)
        elif plan.state == "running":
            ended = self._steps.advance(plan, workflow, now)
        if ended:
            self._hand_on(plan, workflow, now)
        elif plan.state == "running" and plan.look_at:
            self.enqueue(plan.key, plan.look_at)
        self._wake_waiters(now)

    def _expire(self, plan: Plan, now: float) -> None:
        if now < plan.delete_at:
            self.enqueue(plan.key, plan.delete_at)
            return
        del self.plans[plan.key]
        self._objects.remove(WORKFLOWS, plan.key)
        for node_id in list(plan.attempts):
            self._pods.drop(plan, node_id)

    # Waiting: the limits of parallelism, then the lock.

    def _throttle(self, plan: Plan, now: float) -> None:
        self.admit(now, plan)
        if plan.state != "unseen":
            return
        plan.state = "throttled"
        workflow = self._objects.get(WORKFLOWS, plan.key)
        # Written once and never refreshed, and without the defaults that operate() fills in: as the real one does.
        before = workflow.get("status") or {"startedAt": None, "finishedAt": None, "progress": "0/0"}
        workflow["status"] = {**before, "message": shapes.POSTPONED, "phase": "Pending"}
        label(workflow, "Pending")
        self._objects.put(WORKFLOWS, workflow)

    def admit(self, now: float, newcomer: Plan | None = None) -> None:
        """Gives free slots to the first in order; who waits for a lock or is suspended keeps the slot it has."""
        busy = Counter(plan.namespace for plan in self.plans.values() if plan.state in HOLDS_A_SLOT)
        waiting = [plan for plan in self.plans.values() if plan.state == "throttled" or plan is newcomer]
        for plan in sorted(waiting, key=lambda plan: plan.order):
            if busy[plan.namespace] >= self._limits[plan.namespace] or busy.total() >= self._everywhere:
                continue
            plan.state = "admitted"
            busy[plan.namespace] += 1
            self.dirty.add(plan.key)
            if plan is not newcomer:
                self.enqueue(plan.key, now + self._rng.uniform(0.01, 0.03))

    def _try_to_begin(self, plan: Plan, workflow: Obj, now: float) -> bool:
        """Begins unless a lock forbids it; True if the workflow ended with that."""
        recipe = RECIPES[plan.recipe]
        first_look = not workflow.get("status", {}).get("phase")
        notes = workflow["metadata"].setdefault("annotations", {})
        notes.setdefault(ARGO + "trace-id", UUID(int=self._ids.getrandbits(128)).hex)
        workflow["metadata"]["labels"][ARGO + "workflow-template"] = recipe.name
        if recipe.lock and not self._may_lock(plan, recipe.lock):
            self._wait_for_lock(plan, workflow, recipe.lock)
            return False
        if first_look:
            # Argo writes it on the way from no phase to Running only: those that waited never get it.
            notes[ARGO + "pod-name-format"] = "v2"
        return self._steps.begin(plan, workflow, now)

    def _may_lock(self, plan: Plan, lock: Lock) -> bool:
        """Takes the lock if as many are free as stand before it in the queue."""
        name = lock_name(plan.namespace, lock)
        rivals = (it for it in self.plans.values() if it is plan or (it.state == "locked" and it.awaits == name))
        place = sorted(rivals, key=lambda it: it.order).index(plan)
        return len(self._locks.holders(name)) + place < lock[1] and self._locks.take(name, lock[1], plan.key)

    def _wait_for_lock(self, plan: Plan, workflow: Obj, lock: Lock) -> None:
        name = lock_name(plan.namespace, lock)
        holders = self._locks.holders(name)
        words = wait_message(name, lock, len(holders))
        status = defaults() | {"message": words, "phase": "Pending", "progress": "0/0"}
        note_lock(status, lock, plan.namespace, "waiting", holders)
        plan.awaits = name
        if plan.state != "locked" or workflow["status"] != status:
            plan.state, workflow["status"] = "locked", status
            label(workflow, "Pending")
            self._objects.put(WORKFLOWS, workflow)

    def _hand_on(self, plan: Plan, workflow: Obj, now: float) -> None:
        """Frees the slot and the lock of a finished workflow, and tells of its end."""
        plan.delete_at = now + self._rng.uniform(*TTL_S)
        self.enqueue(plan.key, plan.delete_at)
        if lock := RECIPES[plan.recipe].lock:
            self._locks.free(lock_name(plan.namespace, lock), plan.key)
        self.admit(now)
        self._finished(plan, workflow, now)

    def _wake_waiters(self, now: float) -> None:
        """Asks for a look at as many of those that wait for a lock as can have it now; the others are not told."""
        for name, count in self._locks.take_freed().items():
            waiting = sorted((it for it in self.plans.values() if it.awaits == name), key=lambda it: it.order)
            for plan in waiting[:count]:
                self.enqueue(plan.key, now + self._rng.uniform(0.01, 0.03))
