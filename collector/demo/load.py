"""
The load of one cluster: users submit, the controller works and dies, pods run, old objects are deleted.

Pure and seeded: the same seed, the same saved state and the same instants give the same writes, byte for byte.
Every instant is an argument of step(now); after a pause of the process, the next step does everything that was due.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

import msgspec

from collector.demo import shapes
from collector.demo.controller import SimulatedController
from collector.demo.crons import PERIOD_S, CronController
from collector.demo.installation import RENEW_S, TAKE_OVER_S, Installation, Workload
from collector.demo.kubelet import Kubelet, event_of_stage
from collector.demo.objects import EVENTS, NAMESPACES, NODES, PODS, WORKFLOWS, Obj, Objects, Saved, StepWrites
from collector.demo.plan import PodPlan, WorkflowPlan
from collector.demo.pods import Pods
from collector.demo.recipes import RECIPES, Recipe
from collector.demo.scenario import DEPARTMENTS, SimulatedCluster, SimulatedNamespace
from collector.demo.shapes import ARGO
from collector.demo.world import World

EVENT_TTL_S = 120.0
MOST_LIVE = 150
"""Bound of unfinished workflows: users of a cluster submit no more, so that no seed grows without bound."""
PEOPLE = ("li-wei", "chen-yu", "wang-fang", "zhao-min")
OOM_EVERY_S = 570
OOM_BEFORE_DUE_S = (4.0, 10.0)
"""The controller dies just before a full minute, so that the run of that minute is missed."""


class Timetable(msgspec.Struct):
    """The next due instant of each recurring event."""

    due: dict[str, float] = msgspec.field(default_factory=dict)


class ClusterLoad:
    """The load of one cluster."""

    def __init__(self, cluster: SimulatedCluster, seed: int, saved: Saved | None = None) -> None:
        saved = saved or Saved()
        self._world = world = World(
            cluster=cluster,
            objects=Objects(saved.version, saved.objects),
            rng=Random(f"{seed}/{cluster.name}/{saved.version}"),
            ids=Random(f"ids/{seed}/{cluster.name}/{saved.version}"),
        )
        self._cluster, self._objects, self._rng = cluster, world.objects, world.rng
        world.locks.restore(world.objects.of(WORKFLOWS).values())
        self._controller = SimulatedController(world, Pods(world, self._schedule_pod), self._workflow_finished)
        self._installation = Installation(world)
        self._crons = CronController(world, self._create)
        self._kubelet = Kubelet(cluster, world.rng)
        self._timers: list[tuple[float, int, str, str]] = []
        self._pods: dict[str, tuple[WorkflowPlan, PodPlan]] = {}
        self._decks: dict[str, list[tuple[SimulatedNamespace, Recipe]]] = {}
        self._timetable, self._saved_timetable, self._sequence = Timetable(), b"", 0
        self._resumed, self._started = bool(saved.records), False
        if saved.records:
            self._restore(saved.records)
        self._handlers = self._timer_handlers()

    def _timer_handlers(self) -> dict[str, Callable[[str, float], None]]:
        """The handler of each kind of timer."""
        return {
            "burst": self._burst,
            "trickle": self._trickle,
            "cron": self._cron,
            "stall": self._stall,
            "oom": self._oom,
            "backoff": self._back_off,
            "takeover": self._take_over,
            "restart": self._restart,
            "renew": self._renew,
            "submit": self._submit_one,
            "retry": self._controller.retry,
            "pod": self._pod,
            "event": self._expire_event,
        }

    def step(self, now: float) -> StepWrites:
        """Does everything that is due at `now`; returns the writes."""
        if not self._started:
            self._start(now)
        while self._timers and self._timers[0][0] <= now:
            due, _, what, key = heapq.heappop(self._timers)
            if what not in self._timetable.due or self._timetable.due[what] == due:
                self._handlers[what](key, now)
        self._controller.step(now)
        return StepWrites(self._objects.take(), self._records())

    def next_due(self) -> float:
        """The instant at which step() next has something to do."""
        return min(self._timers[0][0], self._controller.next_due())

    def usage(self, pod: str, now: float) -> Obj | None:
        """The metrics API's usage of a pod; None for an unknown pod."""
        return self._installation.usage(pod, self._work(now), now)

    def exposition(self, pod: str, now: float) -> str | None:
        """A pod's /metrics; None where nothing listens."""
        return self._installation.exposition(pod, self._work(now), now)

    def _work(self, now: float) -> Workload:
        workflows = self._objects.of(WORKFLOWS).values()
        phases = Counter(str((workflow.get("status") or {}).get("phase") or "Pending") for workflow in workflows)
        share = 0.3 + len(workflows) / 1000
        if "oom" in self._timetable.due:
            left_s = max(0.0, self._timetable.due["oom"] - now)
            share = max(share, 0.97 - 0.6 * min(1.0, left_s / OOM_EVERY_S))
        return Workload(self._controller.depth(now), dict(phases), min(share, 0.97), self._controller.process)

    # Saving and restoring.

    def _records(self) -> dict[str, bytes | None]:
        records: dict[str, bytes | None] = {}
        for key in sorted(self._controller.dirty):
            plan = self._controller.plans.get(key)
            records[f"plan/{key}"] = None if plan is None else msgspec.json.encode(plan)
            for pod in [name for name in self._pods if plan is None and self._pods[name][0].key == key]:
                del self._pods[pod]
        self._controller.dirty.clear()
        timetable = msgspec.json.encode(self._timetable)
        if timetable != self._saved_timetable:
            records["clock"] = self._saved_timetable = timetable
        return records

    def _restore(self, records: Mapping[str, bytes]) -> None:
        self._timetable = msgspec.json.decode(records["clock"], type=Timetable)
        for name in sorted(name for name in records if name.startswith("plan/")):
            plan = msgspec.json.decode(records[name], type=WorkflowPlan)
            self._controller.plans[plan.key] = plan
            for attempt in plan.attempts.values():
                self._pods[f"{plan.namespace}/{attempt.pod}"] = (plan, attempt)

    def _start(self, now: float) -> None:
        self._started = True
        if not self._resumed:
            ids = self._world.ids
            ids.seed(f"{ids.random()}/{now}")
            self._furnish(now)
            due = {"burst": now + 1.5, "trickle": now + 0.2, "stall": now + 20, "renew": now + RENEW_S}
            self._timetable.due = {**due, "cron": _minute(now)}
            self._timetable.due |= {"oom": now} if self._cluster.controller_dies else {}
        if "oom" in self._timetable.due and self._timetable.due["oom"] <= now:
            self._timetable.due["oom"] = _minute(now + 25) - self._rng.uniform(*OOM_BEFORE_DUE_S)
        for what, due_at in sorted(self._timetable.due.items()):
            self._schedule(due_at, what)
        for key, (_, attempt) in self._pods.items():
            if attempt.todo:
                self._schedule(attempt.due, "pod", key)
        for key in self._objects.of(EVENTS):
            self._schedule(now + EVENT_TTL_S, "event", key)
        self._controller.up = "takeover" not in self._timetable.due
        if self._controller.up:
            self._controller.start(now)

    def _furnish(self, now: float) -> None:
        """Creates the objects that a cluster has before its first user."""
        cluster = self._cluster
        for name in ("default", "kube-system", "kube-public", "argo"):
            labels = {"department": "platform"} if name == "argo" else {}
            self._objects.put(NAMESPACES, shapes.namespace(name, self._world.new_uid(), now, labels))
        for namespace in cluster.namespaces:
            labels = {"department": namespace.department} if namespace.department else {}
            labels |= {shapes.LIMIT_LABEL: str(namespace.limit)} if namespace.limit else {}
            self._objects.put(NAMESPACES, shapes.namespace(namespace.name, self._world.new_uid(), now, labels))
        for name in (cluster.virtual_node, *cluster.plain_nodes):
            self._objects.put(NODES, shapes.cluster_node(name, self._world.new_uid(), now, cluster))
        self._installation.furnish(now)
        self._crons.furnish(now)

    def _schedule(self, due: float, what: str, key: str = "") -> None:
        self._sequence += 1
        heapq.heappush(self._timers, (due, self._sequence, what, key))

    def _schedule_next(self, what: str, due: float) -> None:
        self._timetable.due[what] = due
        self._schedule(due, what)

    # Users.

    def _burst(self, _: str, now: float) -> None:
        cluster, rng = self._cluster, self._rng
        self._schedule_next("burst", now + rng.uniform(*cluster.burst_every_s))
        where, recipe = self._draw(
            "burst", [(namespace, recipe) for namespace in cluster.namespaces for recipe in namespace.bursts]
        )
        low, high = cluster.burst_size
        for number in range(int(rng.triangular(low, high + 1, low))):
            self._schedule(now + number * 0.025, "submit", f"{where.name}/{recipe.name}")

    def _trickle(self, _: str, now: float) -> None:
        self._schedule_next("trickle", now + self._rng.uniform(*self._cluster.trickle_every_s))
        where, recipe = self._draw(
            "trickle", [(namespace, recipe) for namespace in self._cluster.namespaces for recipe in namespace.trickle]
        )
        # One or two more than may hold the lock, so that some must wait.
        for _number in range(recipe.lock[1] + self._rng.choice((1, 2)) if recipe.lock else 1):
            self._submit(where, recipe, now, {ARGO + "creator": self._rng.choice(PEOPLE)})

    def _draw(self, what: str, cards: list[tuple[SimulatedNamespace, Recipe]]) -> tuple[SimulatedNamespace, Recipe]:
        """Draws a card at random; every card is drawn once before one repeats."""
        deck = self._decks.setdefault(what, [])
        if not deck:
            deck.extend(self._rng.sample(cards, len(cards)))
        return deck.pop()

    def _submit_one(self, key: str, now: float) -> None:
        namespace_name, recipe = key.split("/")
        where = next(namespace for namespace in self._cluster.namespaces if namespace.name == namespace_name)
        self._submit(where, RECIPES[recipe], now, {})

    def _submit(self, where: SimulatedNamespace, recipe: Recipe, now: float, labels: dict[str, str]) -> None:
        if sum(plan.state != "done" for plan in self._controller.plans.values()) >= MOST_LIVE:
            return
        labels |= {"project": recipe.project} if recipe.project else {}
        if where.department and self._rng.random() < 0.15:
            labels["department"] = self._rng.choice(DEPARTMENTS)
        name = f"{recipe.name}-" + "".join(self._world.ids.choices("bcdfghjklmnpqrstvwxz2456789", k=5))
        metadata = shapes.meta(
            name, self._world.new_uid(), now, where.name, generateName=f"{recipe.name}-", generation=1
        )
        metadata["labels"] = labels
        self._create(recipe, shapes.workflow(recipe, metadata, self._rng.choice((0, 0, 0, 0, 0, 10, 50))), now)

    def _create(self, recipe: Recipe, workflow: Obj, now: float) -> None:
        self._objects.put(WORKFLOWS, workflow)
        metadata = workflow["metadata"]
        priority = workflow["spec"].get("priority", 0)
        key = f"{metadata['namespace']}/{metadata['name']}"
        self._controller.submit(WorkflowPlan(key=key, recipe=recipe.name, priority=priority, created=now), now)

    def _cron(self, _: str, now: float) -> None:
        due = self._timetable.due["cron"]
        self._schedule_next("cron", _minute(now))
        if self._controller.up:
            for _refused in range(self._crons.fire(due, now)):
                self._controller.process.fail("CronWorkflowSubmissionError")

    def _workflow_finished(self, plan: WorkflowPlan, workflow: Obj, now: float) -> None:
        """Reports a finished workflow to its cron, writes its event, and may schedule a user's `argo retry`."""
        self._crons.ended(workflow)
        if workflow["status"]["phase"] != "Failed":
            self._write_event(
                workflow, ("WorkflowSucceeded", "Workflow completed", "workflow-controller"), now, "Normal"
            )
            return
        why = workflow["status"].get("message", "Workflow failed")
        self._write_event(workflow, ("WorkflowFailed", why, "workflow-controller"), now)
        if not plan.reopened and self._rng.random() < RECIPES[plan.recipe].retried:
            self._schedule(now + self._rng.uniform(3, 6), "retry", plan.key)

    # The controller's failures: by the timetable, or at once for who tries an alert.

    def fail_over(self, now: float) -> None:
        """Kills the leading controller now; a standby takes over, and the kubelet restarts the killed one."""
        self._schedule_next("oom", now)

    def stop_controller(self, now: float) -> None:
        """Ends the only controller with an error; it stays down until `start_controller`."""
        self._controller.die()
        self._installation.kill(now, "Error", 2)

    def start_controller(self, now: float) -> None:
        """Starts the controller again, which leads at once."""
        self._installation.restart(now)
        self._installation.renew(now)
        self._controller.start(now)

    def hang_controller(self, seconds: float, now: float) -> None:
        """Lets the controller do nothing for some time, while it goes on to lead."""
        self._controller.stall(seconds, now)

    def _stall(self, _: str, now: float) -> None:
        self._schedule_next("stall", now + self._rng.uniform(30, 70))
        self._controller.stall(self._rng.uniform(0.8, 2.5), now)

    def _oom(self, _: str, now: float) -> None:
        self._controller.die()
        self._installation.kill(now)
        self._schedule_next("backoff", now + 1)
        self._schedule_next("takeover", now + self._rng.uniform(*TAKE_OVER_S))
        self._schedule_next("restart", now + self._rng.uniform(20, 30))
        self._schedule_next("oom", _minute(now + OOM_EVERY_S) - self._rng.uniform(*OOM_BEFORE_DUE_S))
        # Users do not know of the failure, and bursts are what kills controllers: the next burst follows at once.
        self._schedule_next("burst", now + self._rng.uniform(1, 4))

    def _back_off(self, _: str, now: float) -> None:
        del self._timetable.due["backoff"]
        pod = self._installation.back_off()
        message = pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
        self._write_event(pod, ("BackOff", message, "kubelet"), now)

    def _take_over(self, _: str, now: float) -> None:
        del self._timetable.due["takeover"]
        self._installation.take_over(now)
        self._controller.start(now)

    def _restart(self, _: str, now: float) -> None:
        del self._timetable.due["restart"]
        self._installation.restart(now)

    def _renew(self, _: str, now: float) -> None:
        self._schedule_next("renew", now + RENEW_S)
        if self._controller.up:
            self._installation.renew(now)
            if not self._cluster.helm:
                self._controller.process.request("Update", "leases", now)

    # Pods and events.

    def _schedule_pod(self, plan: WorkflowPlan, attempt: PodPlan, now: float) -> None:
        key = f"{plan.namespace}/{attempt.pod}"
        self._pods[key] = (plan, attempt)
        attempt.due = now + attempt.todo[0][1]
        self._schedule(attempt.due, "pod", key)

    def _pod(self, key: str, now: float) -> None:
        if key not in self._objects.of(PODS):
            return  # The pod was deleted when its workflow exceeded its deadline.
        plan, attempt = self._pods[key]
        stage, _ = attempt.todo.pop(0)
        pod = self._objects.get(PODS, key)
        if event := event_of_stage(stage, pod):
            self._write_event(pod, event, now)
        if stage != "release_announced":
            self._kubelet.write(stage, pod, RECIPES[plan.recipe], attempt, now)
            self._objects.put(PODS, pod)
        if attempt.todo:
            attempt.due = now + attempt.todo[0][1]
            self._schedule(attempt.due, "pod", key)
        self._controller.dirty.add(plan.key)
        if pod["status"]["phase"] != "Pending" or stage in ("unschedulable", "image_failed"):
            # Argo reconciles a fixed delay after a pod's change, not at once.
            self._controller.enqueue(plan.key, now + self._rng.uniform(0.7, 1.1))

    def _write_event(self, about: Obj, what: tuple[str, str, str], now: float, kind: str = "Warning") -> None:
        event = shapes.event(about, self._world.new_uid(), now, *what, kind)
        self._objects.put(EVENTS, event)
        self._schedule(now + EVENT_TTL_S, "event", f"{event['metadata']['namespace']}/{event['metadata']['name']}")

    def _expire_event(self, key: str, _now: float) -> None:
        # Two events of one instant about one object have one name, which is due twice.
        if key in self._objects.of(EVENTS):
            self._objects.remove(EVENTS, key)


def _minute(at: float) -> float:
    """The next full minute."""
    return at // PERIOD_S * PERIOD_S + PERIOD_S
