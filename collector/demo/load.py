"""
What happens in one cluster: users submit, the controller works and dies, pods live, everything is forgotten in time.

Pure and seeded: the same seed, the same saved state and the same instants give the same writes, byte for byte.
Every instant comes from step(now); after a pause of the process, what fell due meanwhile happens at the next step.
"""

import heapq
from collections.abc import Callable, Mapping
from random import Random
from uuid import UUID

import msgspec

from collector.demo import shapes
from collector.demo.controller import Controller
from collector.demo.kubelet import Kubelet
from collector.demo.objects import (
    CRON_WORKFLOWS,
    EVENTS,
    NAMESPACES,
    NODES,
    PODS,
    WORKFLOWS,
    Batch,
    Obj,
    Objects,
    Saved,
)
from collector.demo.scenario import DEPARTMENTS, EVERY_MINUTE, RECIPES, Attempt, Cluster, Namespace, Recipe
from collector.demo.shapes import ARGO, CONTROLLER_POD, rfc3339
from collector.demo.steps import Plan

EVENT_TTL_S = 240.0
MOST_LIVE = 150
"""Users of a cluster wait while so many workflows are unfinished, so that no seed grows without bound."""
PEOPLE = ("li-wei", "chen-yu", "wang-fang", "zhao-min")


class Clock(msgspec.Struct):
    """When each recurring thing is due next, and what must be remembered for it."""

    due: dict[str, float] = msgspec.field(default_factory=dict)
    restarts: int = 0
    deaths: int = 0


class Load:
    """One cluster in motion."""

    def __init__(self, cluster: Cluster, seed: int, saved: Saved | None = None) -> None:
        saved = saved or Saved()
        self._cluster = cluster
        self._objects = Objects(saved.version, saved.objects)
        # Two sources, so that uids differ between two fleets of one seed while what happens is the same.
        self._rng = Random(f"{seed}/{cluster.name}/{saved.version}")
        self._ids = Random(f"ids/{seed}/{cluster.name}/{saved.version}")
        self._controller = Controller(cluster, self._objects, self._rng, self._ids, self._born, self._warn)
        self._kubelet = Kubelet(cluster, self._rng)
        self._timers: list[tuple[float, int, str, str]] = []
        self._pods: dict[str, tuple[Plan, Attempt]] = {}
        self._clock, self._kept_clock, self._sequence = Clock(), b"", 0
        self._resumed, self._started = bool(saved.records), False
        if saved.records:
            self._restore(saved.records)
        self._handlers: dict[str, Callable[[str, float], None]] = {
            "burst": self._burst,
            "trickle": self._trickle,
            "cron": self._cron,
            "stall": self._stall,
            "oom": self._oom,
            "backoff": self._back_off,
            "restart": self._restart,
            "submit": self._submit_one,
            "pod": self._pod,
            "event": self._forget_event,
        }

    def step(self, now: float) -> Batch:
        """Everything that is due at `now`."""
        if not self._started:
            self._start(now)
        while self._timers and self._timers[0][0] <= now:
            due, _, what, key = heapq.heappop(self._timers)
            if what not in self._clock.due or self._clock.due[what] == due:
                self._handlers[what](key, now)
        self._controller.step(now)
        return Batch(self._objects.take(), self._records())

    def next_due(self) -> float:
        """When step() next has something to do."""
        return min(self._timers[0][0], self._controller.next_due())

    # Keeping and finding again.

    def _records(self) -> dict[str, bytes | None]:
        records: dict[str, bytes | None] = {}
        for key in sorted(self._controller.dirty):
            plan = self._controller.plans.get(key)
            records[f"plan/{key}"] = None if plan is None else msgspec.json.encode(plan)
            for pod in [name for name in self._pods if plan is None and self._pods[name][0].key == key]:
                del self._pods[pod]
        self._controller.dirty.clear()
        clock = msgspec.json.encode(self._clock)
        if clock != self._kept_clock:
            records["clock"] = self._kept_clock = clock
        return records

    def _restore(self, records: Mapping[str, bytes]) -> None:
        self._clock = msgspec.json.decode(records["clock"], type=Clock)
        for name in sorted(name for name in records if name.startswith("plan/")):
            plan = msgspec.json.decode(records[name], type=Plan)
            self._controller.plans[plan.key] = plan
            for attempt in plan.attempts:
                self._pods[f"{plan.namespace}/{attempt.pod}"] = (plan, attempt)

    def _start(self, now: float) -> None:
        self._started = True
        if not self._resumed:
            self._ids.seed(f"{self._ids.random()}/{now}")
            self._furnish(now)
            self._clock.due = {"burst": now + 1.5, "trickle": now + 0.2, "stall": now + 20}
            self._clock.due["cron"] = now // 60 * 60 + 60
            self._clock.due |= {"oom": now} if self._cluster.controller_dies else {}
        if "oom" in self._clock.due and self._clock.due["oom"] <= now:
            self._clock.due["oom"] = now + self._rng.uniform(55, 95)
        for what, due in sorted(self._clock.due.items()):
            self._at(due, what)
        for key, (_, attempt) in self._pods.items():
            if attempt.todo:
                self._at(attempt.due, "pod", key)
        for key in self._objects.of(EVENTS):
            self._at(now + EVENT_TTL_S, "event", key)
        self._controller.up = "restart" not in self._clock.due
        if self._controller.up:
            self._controller.start(now)

    def _furnish(self, now: float) -> None:
        """What a cluster has before its first user."""
        cluster = self._cluster
        for name in ("default", "kube-system", "kube-public", "argo"):
            labels = {"department": "platform"} if name == "argo" else {}
            self._objects.put(NAMESPACES, shapes.namespace(name, self._uid(), now, labels))
        for it in cluster.namespaces:
            labels = {shapes.LIMIT_LABEL: str(it.limit)} | ({"department": it.department} if it.department else {})
            self._objects.put(NAMESPACES, shapes.namespace(it.name, self._uid(), now, labels))
        for name in (cluster.virtual_node, *cluster.plain_nodes):
            self._objects.put(NODES, shapes.machine(name, self._uid(), now, cluster))
        self._objects.put(PODS, shapes.controller_pod(self._uid(), now, cluster))
        if any(it.name == "ci" for it in cluster.namespaces):
            self._objects.put(CRON_WORKFLOWS, shapes.cron_workflow(EVERY_MINUTE, self._uid(), now, "ci"))

    def _at(self, due: float, what: str, key: str = "") -> None:
        self._sequence += 1
        heapq.heappush(self._timers, (due, self._sequence, what, key))

    def _again(self, what: str, due: float) -> None:
        self._clock.due[what] = due
        self._at(due, what)

    def _uid(self) -> str:
        return str(UUID(int=self._ids.getrandbits(128), version=4))

    # Users.

    def _burst(self, _: str, now: float) -> None:
        cluster, rng = self._cluster, self._rng
        self._again("burst", now + rng.uniform(*cluster.burst_every_s))
        where = rng.choice([it for it in cluster.namespaces if it.bursts])
        recipe = rng.choice(where.bursts)
        low, high = cluster.burst_size
        for number in range(int(rng.triangular(low, high + 1, low))):
            self._at(now + number * 0.025, "submit", f"{where.name}/{recipe.name}")

    def _trickle(self, _: str, now: float) -> None:
        self._again("trickle", now + self._rng.uniform(*self._cluster.trickle_every_s))
        where = self._rng.choice([it for it in self._cluster.namespaces if it.trickle])
        # In pairs and triples, so that the locks are fought over.
        recipe = self._rng.choice(where.trickle)
        for _number in range(self._rng.choice((2, 3)) if recipe.lock else 1):
            self._submit(where, recipe, now, {ARGO + "creator": self._rng.choice(PEOPLE)})

    def _submit_one(self, key: str, now: float) -> None:
        namespace, recipe = key.split("/")
        where = next(it for it in self._cluster.namespaces if it.name == namespace)
        self._submit(where, RECIPES[recipe], now, {})

    def _submit(self, where: Namespace, recipe: Recipe, now: float, labels: dict[str, str]) -> None:
        if sum(plan.state != "done" for plan in self._controller.plans.values()) >= MOST_LIVE:
            return
        labels |= {"project": recipe.project} if recipe.project else {}
        if where.department and self._rng.random() < 0.15:
            labels["department"] = self._rng.choice(DEPARTMENTS)
        name = f"{recipe.name}-" + "".join(self._ids.choices("bcdfghjklmnpqrstvwxz2456789", k=5))
        metadata = shapes.meta(name, self._uid(), now, where.name, generateName=f"{recipe.name}-", generation=1)
        metadata["labels"] = labels
        self._create(recipe, shapes.workflow(recipe, metadata, self._rng.choice((0, 0, 0, 0, 0, 10, 50))), now)

    def _create(self, recipe: Recipe, workflow: Obj, now: float) -> None:
        self._objects.put(WORKFLOWS, workflow)
        it = workflow["metadata"]
        priority = workflow["spec"].get("priority", 0)
        key = f"{it['namespace']}/{it['name']}"
        self._controller.submit(Plan(key=key, recipe=recipe.name, priority=priority, created=now), now)

    def _cron(self, _: str, now: float) -> None:
        self._again("cron", now // 60 * 60 + 60)
        if not self._controller.up:
            return
        for key, cron in self._objects.of(CRON_WORKFLOWS).items():
            namespace, name = key.split("/")
            owner = {"apiVersion": cron["apiVersion"], "kind": "CronWorkflow", "name": name}
            owner |= {"uid": cron["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True}
            metadata = shapes.meta(f"{name}-{int(now)}", self._uid(), now, namespace, generation=1)
            metadata |= {"labels": {ARGO + "cron-workflow": name}, "ownerReferences": [owner]}
            metadata["annotations"] = {ARGO + "scheduled-time": rfc3339(now // 60 * 60)}
            workflow = shapes.workflow(EVERY_MINUTE, metadata, 0)
            # A cron's workflow arrives with a status, but without a phase in it.
            workflow["status"] = {"startedAt": None, "finishedAt": None}
            self._create(EVERY_MINUTE, workflow, now)
            shapes.cron_fired(cron, workflow, now)
            self._objects.put(CRON_WORKFLOWS, cron)

    # The controller's troubles.

    def _stall(self, _: str, now: float) -> None:
        self._again("stall", now + self._rng.uniform(30, 70))
        self._controller.stall(self._rng.uniform(0.8, 2.5), now)

    def _oom(self, _: str, now: float) -> None:
        self._clock.deaths += 1
        self._controller.die()
        down_s = self._rng.uniform(20, 30)
        self._again("backoff", now + 1)
        self._again("restart", now + down_s)
        self._again("oom", now + down_s + self._rng.uniform(560, 600))
        # Users do not know, and bursts are what kills controllers: the next one comes right away.
        self._again("burst", now + self._rng.uniform(1, 4))
        pod = self._objects.get(PODS, CONTROLLER_POD)
        held = pod["status"]["containerStatuses"][0]
        killed = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": rfc3339(now)}
        killed["startedAt"] = held["state"]["running"]["startedAt"]
        shapes.controller_state(pod, {"terminated": killed}, held["lastState"], self._clock.restarts)
        self._objects.put(PODS, pod)

    def _back_off(self, _: str, now: float) -> None:
        del self._clock.due["backoff"]
        pod = self._objects.get(PODS, CONTROLLER_POD)
        last = pod["status"]["containerStatuses"][0]["state"]
        message = "back-off 20s restarting failed container=workflow-controller"
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        shapes.controller_state(pod, state, last, self._clock.restarts)
        self._objects.put(PODS, pod)
        self._warn(pod, "BackOff", message, "kubelet", now)

    def _restart(self, _: str, now: float) -> None:
        del self._clock.due["restart"]
        self._clock.restarts += 1
        pod = self._objects.get(PODS, CONTROLLER_POD)
        last = pod["status"]["containerStatuses"][0]["lastState"]
        shapes.controller_state(pod, {"running": {"startedAt": rfc3339(now)}}, last, self._clock.restarts)
        self._objects.put(PODS, pod)
        self._controller.start(now)

    # Pods and events.

    def _born(self, plan: Plan, attempt: Attempt, now: float) -> None:
        key = f"{plan.namespace}/{attempt.pod}"
        self._pods[key] = (plan, attempt)
        attempt.due = now + attempt.todo[0][1]
        self._at(attempt.due, "pod", key)

    def _pod(self, key: str, now: float) -> None:
        plan, attempt = self._pods[key]
        stage, _ = attempt.todo.pop(0)
        pod = self._objects.get(PODS, key)
        if stage == "warned":
            self._warn(pod, "SpotToBeReleased", "Preemptible instance will be released soon.", "eci", now)
        else:
            self._kubelet.write(stage, pod, RECIPES[plan.recipe], attempt, now)
            self._objects.put(PODS, pod)
        if attempt.todo:
            attempt.due = now + attempt.todo[0][1]
            self._at(attempt.due, "pod", key)
        self._controller.dirty.add(plan.key)
        if pod["status"]["phase"] != "Pending":
            # Argo looks again a fixed while after a pod's change, not at once.
            self._controller.enqueue(plan.key, now + self._rng.uniform(0.7, 1.1))

    def _warn(self, about: Obj, reason: str, message: str, source: str, now: float) -> None:
        it = shapes.event(about, self._uid(), now, reason, message, source)
        self._objects.put(EVENTS, it)
        self._at(now + EVENT_TTL_S, "event", f"{it['metadata']['namespace']}/{it['metadata']['name']}")

    def _forget_event(self, key: str, _now: float) -> None:
        self._objects.remove(EVENTS, key)
