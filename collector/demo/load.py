"""
What happens in one cluster: users submit, the controller works and dies, pods live, everything is forgotten in time.

Pure and seeded: the same seed, the same saved state and the same instants give the same writes, byte for byte.
Every instant comes from step(now); after a pause of the process, what fell due meanwhile happens at the next step.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from uuid import UUID

import msgspec

from collector.demo import shapes
from collector.demo.controller import Controller
from collector.demo.crons import PERIOD_S, Crons
from collector.demo.installation import RENEW_S, TAKE_OVER_S, Installation, Work
from collector.demo.kubelet import Kubelet, warning
from collector.demo.locks import Locks
from collector.demo.objects import EVENTS, NAMESPACES, NODES, PODS, WORKFLOWS, Batch, Obj, Objects, Saved
from collector.demo.plan import Attempt, Plan
from collector.demo.pods import Pods
from collector.demo.recipes import RECIPES, Recipe
from collector.demo.scenario import DEPARTMENTS, Cluster, Namespace
from collector.demo.shapes import ARGO

EVENT_TTL_S = 120.0
MOST_LIVE = 150
"""Users of a cluster wait while so many workflows are unfinished, so that no seed grows without bound."""
PEOPLE = ("li-wei", "chen-yu", "wang-fang", "zhao-min")
OOM_EVERY_S = 570
OOM_BEFORE_DUE_S = (4.0, 10.0)
"""The controller dies just before a full minute, so that the run which is due then is missed."""


class Clock(msgspec.Struct):
    """When each recurring thing is due next."""

    due: dict[str, float] = msgspec.field(default_factory=dict)


class Load:
    """One cluster in motion."""

    def __init__(self, cluster: Cluster, seed: int, saved: Saved | None = None) -> None:
        saved = saved or Saved()
        self._cluster = cluster
        self._objects = objects = Objects(saved.version, saved.objects)
        # Two sources, so that uids differ between two fleets of one seed while what happens is the same.
        self._rng = rng = Random(f"{seed}/{cluster.name}/{saved.version}")
        self._ids = ids = Random(f"ids/{seed}/{cluster.name}/{saved.version}")
        locks = Locks()
        locks.remember(objects.of(WORKFLOWS).values())
        pods = Pods(cluster, objects, rng, ids, locks, self._born)
        self._controller = Controller(cluster, objects, rng, ids, locks, pods, self._finished)
        self._installation = Installation(cluster, objects, self._uid)
        self._crons = Crons(cluster, objects, self._uid, self._create)
        self._kubelet = Kubelet(cluster, rng)
        self._timers: list[tuple[float, int, str, str]] = []
        self._pods: dict[str, tuple[Plan, Attempt]] = {}
        self._decks: dict[str, list[tuple[Namespace, Recipe]]] = {}
        self._clock, self._kept_clock, self._sequence = Clock(), b"", 0
        self._resumed, self._started = bool(saved.records), False
        if saved.records:
            self._restore(saved.records)
        self._handlers = self._handled()

    def _handled(self) -> dict[str, Callable[[str, float], None]]:
        """What is done when something falls due."""
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

    def usage(self, pod: str, now: float) -> Obj | None:
        """What the metrics API says of a pod; None where it knows none."""
        return self._installation.usage(pod, self._work(now), now)

    def exposition(self, pod: str, now: float) -> str | None:
        """What a pod answers on /metrics; None where nothing listens."""
        return self._installation.exposition(pod, self._work(now), now)

    def _work(self, now: float) -> Work:
        found = self._objects.of(WORKFLOWS).values()
        phases = Counter(str((it.get("status") or {}).get("phase") or "Pending") for it in found)
        share = 0.3 + len(found) / 1000
        if "oom" in self._clock.due:
            left_s = max(0.0, self._clock.due["oom"] - now)
            share = max(share, 0.97 - 0.6 * min(1.0, left_s / OOM_EVERY_S))
        return Work(self._controller.depth, dict(phases), min(share, 0.97))

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
            for attempt in plan.attempts.values():
                self._pods[f"{plan.namespace}/{attempt.pod}"] = (plan, attempt)

    def _start(self, now: float) -> None:
        self._started = True
        if not self._resumed:
            self._ids.seed(f"{self._ids.random()}/{now}")
            self._furnish(now)
            due = {"burst": now + 1.5, "trickle": now + 0.2, "stall": now + 20, "renew": now + RENEW_S}
            self._clock.due = {**due, "cron": _minute(now)}
            self._clock.due |= {"oom": now} if self._cluster.controller_dies else {}
        if "oom" in self._clock.due and self._clock.due["oom"] <= now:
            self._clock.due["oom"] = _minute(now + 25) - self._rng.uniform(*OOM_BEFORE_DUE_S)
        for what, due_at in sorted(self._clock.due.items()):
            self._at(due_at, what)
        for key, (_, attempt) in self._pods.items():
            if attempt.todo:
                self._at(attempt.due, "pod", key)
        for key in self._objects.of(EVENTS):
            self._at(now + EVENT_TTL_S, "event", key)
        self._controller.up = "takeover" not in self._clock.due
        if self._controller.up:
            self._controller.start(now)

    def _furnish(self, now: float) -> None:
        """What a cluster has before its first user."""
        cluster = self._cluster
        for name in ("default", "kube-system", "kube-public", "argo"):
            labels = {"department": "platform"} if name == "argo" else {}
            self._objects.put(NAMESPACES, shapes.namespace(name, self._uid(), now, labels))
        for it in cluster.namespaces:
            labels = {"department": it.department} if it.department else {}
            labels |= {shapes.LIMIT_LABEL: str(it.limit)} if it.limit else {}
            self._objects.put(NAMESPACES, shapes.namespace(it.name, self._uid(), now, labels))
        for name in (cluster.virtual_node, *cluster.plain_nodes):
            self._objects.put(NODES, shapes.machine(name, self._uid(), now, cluster))
        self._installation.furnish(now)
        self._crons.furnish(now)

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
        where, recipe = self._draw("burst", [(it, one) for it in cluster.namespaces for one in it.bursts])
        low, high = cluster.burst_size
        for number in range(int(rng.triangular(low, high + 1, low))):
            self._at(now + number * 0.025, "submit", f"{where.name}/{recipe.name}")

    def _trickle(self, _: str, now: float) -> None:
        self._again("trickle", now + self._rng.uniform(*self._cluster.trickle_every_s))
        where, recipe = self._draw("trickle", [(it, one) for it in self._cluster.namespaces for one in it.trickle])
        # One or two more than may hold the lock, so that it is fought over.
        for _number in range(recipe.lock[1] + self._rng.choice((1, 2)) if recipe.lock else 1):
            self._submit(where, recipe, now, {ARGO + "creator": self._rng.choice(PEOPLE)})

    def _draw(self, what: str, cards: list[tuple[Namespace, Recipe]]) -> tuple[Namespace, Recipe]:
        """One of them at random, but each is seen before one comes again."""
        deck = self._decks.setdefault(what, [])
        if not deck:
            deck.extend(self._rng.sample(cards, len(cards)))
        return deck.pop()

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
        due = self._clock.due["cron"]
        self._again("cron", _minute(now))
        if self._controller.up:
            self._crons.fire(due, now)

    def _finished(self, plan: Plan, workflow: Obj, now: float) -> None:
        """A workflow has ended: its cron is told, and a user may try it again."""
        self._crons.ended(workflow)
        if workflow["status"]["phase"] != "Failed":
            self._tell(workflow, ("WorkflowSucceeded", "Workflow completed", "workflow-controller"), now, "Normal")
            return
        why = workflow["status"].get("message", "Workflow failed")
        self._tell(workflow, ("WorkflowFailed", why, "workflow-controller"), now)
        if not plan.reopened and self._rng.random() < RECIPES[plan.recipe].retried:
            self._at(now + self._rng.uniform(3, 6), "retry", plan.key)

    # The controller's troubles.

    def _stall(self, _: str, now: float) -> None:
        self._again("stall", now + self._rng.uniform(30, 70))
        self._controller.stall(self._rng.uniform(0.8, 2.5), now)

    def _oom(self, _: str, now: float) -> None:
        self._controller.die()
        self._installation.kill(now)
        self._again("backoff", now + 1)
        self._again("takeover", now + self._rng.uniform(*TAKE_OVER_S))
        self._again("restart", now + self._rng.uniform(20, 30))
        self._again("oom", _minute(now + OOM_EVERY_S) - self._rng.uniform(*OOM_BEFORE_DUE_S))
        # Users do not know, and bursts are what kills controllers: the next one comes right away.
        self._again("burst", now + self._rng.uniform(1, 4))

    def _back_off(self, _: str, now: float) -> None:
        del self._clock.due["backoff"]
        pod = self._installation.back_off()
        message = pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
        self._tell(pod, ("BackOff", message, "kubelet"), now)

    def _take_over(self, _: str, now: float) -> None:
        del self._clock.due["takeover"]
        self._installation.take_over(now)
        self._controller.start(now)

    def _restart(self, _: str, now: float) -> None:
        del self._clock.due["restart"]
        self._installation.restart(now)

    def _renew(self, _: str, now: float) -> None:
        self._again("renew", now + RENEW_S)
        if self._controller.up:
            self._installation.renew(now)

    # Pods and events.

    def _born(self, plan: Plan, attempt: Attempt, now: float) -> None:
        key = f"{plan.namespace}/{attempt.pod}"
        self._pods[key] = (plan, attempt)
        attempt.due = now + attempt.todo[0][1]
        self._at(attempt.due, "pod", key)

    def _pod(self, key: str, now: float) -> None:
        if key not in self._objects.of(PODS):
            return  # Given up meanwhile, past its workflow's deadline.
        plan, attempt = self._pods[key]
        stage, _ = attempt.todo.pop(0)
        pod = self._objects.get(PODS, key)
        if event := warning(stage, pod):
            self._tell(pod, event, now)
        if stage != "release_announced":
            self._kubelet.write(stage, pod, RECIPES[plan.recipe], attempt, now)
            self._objects.put(PODS, pod)
        if attempt.todo:
            attempt.due = now + attempt.todo[0][1]
            self._at(attempt.due, "pod", key)
        self._controller.dirty.add(plan.key)
        if pod["status"]["phase"] != "Pending" or stage in ("unschedulable", "image_failed"):
            # Argo looks again a fixed while after a pod's change, not at once.
            self._controller.enqueue(plan.key, now + self._rng.uniform(0.7, 1.1))

    def _tell(self, about: Obj, what: tuple[str, str, str], now: float, kind: str = "Warning") -> None:
        it = shapes.event(about, self._uid(), now, *what, kind)
        self._objects.put(EVENTS, it)
        self._at(now + EVENT_TTL_S, "event", f"{it['metadata']['namespace']}/{it['metadata']['name']}")

    def _forget_event(self, key: str, _now: float) -> None:
        # Two of one instant about one object are one event, which falls due twice.
        if key in self._objects.of(EVENTS):
            self._objects.remove(EVENTS, key)


def _minute(at: float) -> float:
    """The next full minute."""
    return at // PERIOD_S * PERIOD_S + PERIOD_S
