"""
A miniature workflow-controller: one work queue, the throttler and the locks.

Pure: the controller reads and writes the cluster's objects, and each instant is an argument. Its observable behaviour is
that of Argo 4.1: messages, labels, the order of writes, the holders of slots. Its code is not Argo's.
"""

from collections import Counter
from collections.abc import Callable
from math import inf
from uuid import UUID

from collector.demo import shapes
from collector.demo.locks import lock_name, wait_message
from collector.demo.objects import WORKFLOWS, Obj
from collector.demo.plan import WorkflowPlan
from collector.demo.pods import Pods
from collector.demo.process import ControllerProcess
from collector.demo.recipes import RECIPES, Lock
from collector.demo.shapes import ARGO
from collector.demo.steps import StepRunner, default_status, write_labels, write_lock
from collector.demo.world import World

HOLDS_A_SLOT = ("admitted", "locked", "running")
TTL_S = (70.0, 100.0)
BUSY = 4
"""Keys that are due beyond which the API server sends some of the controller's requests back."""


class SimulatedController:
    """The workflow-controller of one cluster."""

    def __init__(self, world: World, pods: Pods, on_finished: Callable[[WorkflowPlan, Obj, float], None]) -> None:
        self.plans: dict[str, WorkflowPlan] = {}
        self.dirty: set[str] = set()
        self.up = True
        self._world, self._on_finished = world, on_finished
        self._objects, self._rng, self._locks = world.objects, world.rng, world.locks
        self._pods, self._steps = pods, StepRunner(world.objects, pods, world.locks)
        cluster = world.cluster
        limits = {
            namespace.name: namespace.limit or cluster.namespace_parallelism or inf for namespace in cluster.namespaces
        }
        self._limits, self._everywhere = limits, cluster.parallelism or inf
        self._queue: dict[str, float] = {}
        self._busy_until = 0.0
        self.process = ControllerProcess(0.0)
        """The process that leads, or led last."""

    def depth(self, now: float) -> int:
        """Number of keys that are due; throttled workflows are not in the queue."""
        return sum(due <= now for due in self._queue.values())

    def enqueue(self, key: str, at: float) -> None:
        """Queues a workflow for reconciliation; a controller that is down ignores the request."""
        if self.up:
            self._queue[key] = min(at, self._queue.get(key, at))

    def submit(self, plan: WorkflowPlan, now: float) -> None:
        """Takes in a new workflow."""
        self.plans[plan.key] = plan
        self.dirty.add(plan.key)
        self.enqueue(plan.key, now + self._rng.uniform(0.03, 0.08))

    def retry(self, key: str, now: float) -> None:
        """Retries a workflow as `argo retry` does: the workflow is reopened and queues again."""
        plan = self.plans.get(key)
        if plan is not None and plan.state == "done":
            self._steps.reopen(plan, self._objects.get(WORKFLOWS, key), now)
            self.submit(plan, now)

    def stall(self, seconds: float, now: float) -> None:
        """Occupies the workers, as a resync or slow API calls do."""
        self._busy_until = max(self._busy_until, now) + seconds

    def die(self) -> None:
        """Ends the process; the queue is lost."""
        self.up = False
        self._queue.clear()

    def start(self, now: float) -> None:
        """Starts a process, or makes it the leader: its informers queue every workflow."""
        self.up, self._busy_until = True, now
        self.process = ControllerProcess(now)
        self.process.request("List", "workflows", now)
        for plan in self.plans.values():
            self.enqueue(plan.key, max(now, plan.delete_at if plan.state == "done" else now))

    def next_due(self) -> float:
        """The instant of the next reconciliation."""
        return max(min(self._queue.values()), self._busy_until) if self._queue else inf

    def step(self, now: float) -> None:
        """Reconciles the workflows that are due, one after the other; each takes some milliseconds."""
        while self._queue:
            key = min(self._queue, key=lambda key: (self._queue[key], key))
            begins = max(self._queue[key], self._busy_until)
            if begins > now:
                return
            del self._queue[key]
            self._busy_until = begins + self._rng.uniform(0.006, 0.016)
            self._reconcile(self.plans[key], now)

    def _reconcile(self, plan: WorkflowPlan, now: float) -> None:
        self.dirty.add(plan.key)
        pods, busy = len(plan.attempts), self.depth(now) > BUSY
        self._operate(plan, now)
        for _ in range(len(plan.attempts) - pods):
            self.process.request("Create", "pods", now, busy=busy)
        self.process.request("Update" if plan.key in self.plans else "Delete", "workflows", now, busy=busy)

    def _operate(self, plan: WorkflowPlan, now: float) -> None:
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
            self._release(plan, workflow, now)
        elif plan.state == "running" and plan.look_at:
            self.enqueue(plan.key, plan.look_at)
        self._wake_waiters(now)

    def _expire(self, plan: WorkflowPlan, now: float) -> None:
        if now < plan.delete_at:
            self.enqueue(plan.key, plan.delete_at)
            return
        del self.plans[plan.key]
        self._objects.remove(WORKFLOWS, plan.key)
        for node_id in list(plan.attempts):
            self._pods.drop(plan, node_id)

    # Waiting: the limits of parallelism, then the lock.

    def _throttle(self, plan: WorkflowPlan, now: float) -> None:
        self.admit(now, plan)
        if plan.state != "unseen":
            return
        plan.state = "throttled"
        workflow = self._objects.get(WORKFLOWS, plan.key)
        # As by the real controller: written once, never refreshed, and without the defaults that operate() fills in.
        before = workflow.get("status") or {"startedAt": None, "finishedAt": None, "progress": "0/0"}
        workflow["status"] = {**before, "message": shapes.POSTPONED, "phase": "Pending"}
        write_labels(workflow, "Pending")
        self._objects.put(WORKFLOWS, workflow)

    def admit(self, now: float, newcomer: WorkflowPlan | None = None) -> None:
        """Gives free slots to the first workflows in order; a workflow that waits for a lock or is suspended keeps its slot."""
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

    def _try_to_begin(self, plan: WorkflowPlan, workflow: Obj, now: float) -> bool:
        """Begins unless a lock forbids it; True if the workflow ended with that."""
        recipe = RECIPES[plan.recipe]
        first_look = not workflow.get("status", {}).get("phase")
        notes = workflow["metadata"].setdefault("annotations", {})
        notes.setdefault(ARGO + "trace-id", UUID(int=self._world.ids.getrandbits(128)).hex)
        workflow["metadata"]["labels"][ARGO + "workflow-template"] = recipe.name
        if recipe.lock and not self._may_lock(plan, recipe.lock):
            self._wait_for_lock(plan, workflow, recipe.lock)
            return False
        if first_look:
            # Argo writes the annotation on the way from no phase to Running only: a workflow that waited never has it.
            notes[ARGO + "pod-name-format"] = "v2"
        return self._steps.begin(plan, workflow, now)

    def _may_lock(self, plan: WorkflowPlan, lock: Lock) -> bool:
        """Takes the lock if more holds are free than workflows are queued before this one."""
        name = lock_name(plan.namespace, lock)
        rivals = (
            rival
            for rival in self.plans.values()
            if rival is plan or (rival.state == "locked" and rival.awaits == name)
        )
        place = sorted(rivals, key=lambda rival: rival.order).index(plan)
        return len(self._locks.holders(name)) + place < lock[1] and self._locks.take(name, lock[1], plan.key)

    def _wait_for_lock(self, plan: WorkflowPlan, workflow: Obj, lock: Lock) -> None:
        name = lock_name(plan.namespace, lock)
        holders = self._locks.holders(name)
        message = wait_message(name, lock, len(holders))
        status = default_status() | {"message": message, "phase": "Pending", "progress": "0/0"}
        write_lock(status, lock, plan.namespace, "waiting", holders)
        plan.awaits = name
        if plan.state != "locked" or workflow["status"] != status:
            plan.state, workflow["status"] = "locked", status
            write_labels(workflow, "Pending")
            self._objects.put(WORKFLOWS, workflow)

    def _release(self, plan: WorkflowPlan, workflow: Obj, now: float) -> None:
        """Frees the slot and the lock of a finished workflow, and reports its end."""
        plan.delete_at = now + self._rng.uniform(*TTL_S)
        self.enqueue(plan.key, plan.delete_at)
        if lock := RECIPES[plan.recipe].lock:
            self._locks.free(lock_name(plan.namespace, lock), plan.key)
        self.admit(now)
        self._on_finished(plan, workflow, now)

    def _wake_waiters(self, now: float) -> None:
        """Queues as many waiters of each freed lock as can take it now, and no others."""
        for name, count in self._locks.take_freed().items():
            waiting = sorted((plan for plan in self.plans.values() if plan.awaits == name), key=lambda plan: plan.order)
            for plan in waiting[:count]:
                self.enqueue(plan.key, now + self._rng.uniform(0.01, 0.03))
