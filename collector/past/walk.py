"""
One walk through the steps of a template: the pods that it makes, how each ends, and the rows of its steps.

Names and uids end where the store writes what distinguishes one copy of a workflow from another.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import StepRun
from collector.core.model import Instant, version_of
from collector.demo.plan import draw_fate
from collector.demo.recipes import PRODUCTS, Task
from collector.demo.scenario import SimulatedCluster
from collector.past.calendar import Era
from collector.past.ends import OK, PodEnd, end_of
from collector.past.marks import TAIL, is_plain, pricing, zone_of
from collector.past.story import Habit

SECOND_MS = 1000
MIB = 1024**2
VERSION = version_of(0, 1)
START_PACE = 15
"""Seconds of the past that stand for a second of the fleet between a pod's instance and its container."""
STEP_GAP_MS = 2 * SECOND_MS
"""Between the end of a step and the next pod."""


@dataclass(frozen=True, slots=True)
class PatternPlace:
    """A template in its cluster, on days on which nothing about it changes."""

    habit: Habit
    cluster: SimulatedCluster
    era: Era


@dataclass(slots=True, kw_only=True)
class Walk:
    """What a workflow leaves behind while its steps run."""

    place: PatternPlace
    rng: Random
    uid: str
    created_at: Instant
    """Of the workflow."""
    pods: list[PodRun] = field(default_factory=list)
    steps: list[StepRun] = field(default_factory=list)
    decided: PodEnd = OK
    """The end that decides the workflow's outcome."""
    deciding_step: str = ""
    deciding_node: str = ""
    starting_ms: int = 0
    retries: int = 0

    @property
    def name(self) -> str:
        """The workflow's name."""
        return f"{self.place.habit.recipe.name}-{TAIL}"

    def task(self, task: Task, path: str, at: Instant, boundary: str = "") -> tuple[Instant, bool]:
        """Runs a task and what is below it; returns its end, and whether it succeeded."""
        if task.suspend_s:
            end = at + self._ms(task.suspend_s)
            self._step(path, boundary, task, "Suspend", at=at, end=end)
            return end, True
        if not (task.steps or task.dag):
            return self._tries(task, path, at, boundary)
        groups: Sequence[Sequence[Task]] = task.steps or [[inner] for inner in task.dag]
        end, ok = at, True
        for number, group in enumerate(groups):
            begins = end + STEP_GAP_MS
            for inner, inner_path in named(group, path, None if task.dag else number):
                ended, is_good = self.task(inner, inner_path, begins, self._node(path))
                end, ok = max(end, ended), ok and is_good
            if not ok:
                break
        self._step(path, boundary, task, "Steps" if task.steps else "DAG", at=at, end=end, ok=ok)
        return end, ok

    def _tries(self, task: Task, path: str, at: Instant, boundary: str) -> tuple[Instant, bool]:
        """Runs a pod, and again while it fails and may be tried again."""
        era = self.place.era
        most = task.retries if era.retries is None else era.retries
        fates = Task(fates=era.fates or task.fates)
        begin, end = at, OK
        for number in range(most + 1):
            end = end_of(draw_fate(self.rng, fates, number))
            last = end is OK or number == most
            pod = self._pod(task, f"{path}({number})" if most else path, at, end)
            self._pod_step(pod, task, boundary, end, number=number, last=last)
            at = pod.finished_at or at
            if last:
                break
            self.retries += 1
            at += STEP_GAP_MS
        if most:
            self._step(path, boundary, task, "Retry", at=begin, end=at, ok=end is OK)
        return at, end is OK

    def _pod(self, task: Task, path: str, begins: Instant, end: PodEnd) -> PodRun:
        """Runs one pod to its end."""
        place, recipe = self.place, self.place.habit.recipe
        plain = is_plain(recipe)
        started = begins + int(self.rng.uniform(*PRODUCTS[recipe.product].start_s) * START_PACE) * SECOND_MS
        share = 1.0 if end is OK else self.rng.uniform(0.2, 0.8)
        node, uid = self._node(path), f"{self.uid[:9]}{len(self.pods) + 1:04x}{self.uid[13:]}"
        pod = PodRun(
            **self._shared_by_pods(plain=plain),
            uid=uid,
            name=node if node == self.name else f"{self.name}-{task.name}{node.removeprefix(self.name)}",
            step=path,
            node_id=node,
            created_at=begins,
            cpu=Decimal(task.cpu_m) / 1000,
            memory_bytes=task.memory_mib * MIB,
            gpu=Decimal(task.gpu),
            pricing=pricing(recipe, place.cluster, f"bp1{uid[:8]}{uid[9:13]}"),
            scheduled_at=begins,
            instance_created_at=None if plain else begins,
            main_started_at=started,
            finished_at=started + self._ms(self.rng.uniform(*task.run_s) * share * place.era.longer),
            phase=end.phase,
            reason=end.reason,
            exit_code=end.exit_code,
            hint=end.hint,
            start_latency_ms=started - begins,
            start_latency_source="object",
        )
        self.pods.append(pod)
        self.starting_ms += started - begins
        return pod

    def _shared_by_pods(self, *, plain: bool) -> dict[str, Any]:
        """The fields of a pod that it has in common with the other pods of its workflow."""
        cluster, habit = self.place.cluster, self.place.habit
        return {
            "cluster": cluster.name,
            "namespace": habit.namespace,
            "version": VERSION,
            "workflow_uid": self.uid,
            "workflow_name": self.name,
            "attempt": 1,
            "template": "",
            "owner_kind": "Workflow",
            "service_account": f"argo-{habit.namespace}",
            "node_name": cluster.plain_nodes[0] if plain else cluster.virtual_node,
            "region": cluster.region,
            "zone": zone_of(cluster),
            "ephemeral_bytes": 0,
        }

    def _pod_step(self, pod: PodRun, task: Task, boundary: str, end: PodEnd, *, number: int, last: bool) -> None:
        """Notes the step of a pod; a failure that is not tried again decides the workflow."""
        if end is not OK and last and self.decided is OK:
            self.decided, self.deciding_node, self.deciding_step = end, pod.node_id, shown(pod.step)
        self._step(
            pod.step,
            boundary,
            task,
            "Pod",
            at=pod.created_at,
            end=pod.finished_at or pod.created_at,
            ok=end is OK,
            pod_uid=pod.uid,
            message=end.message,
            exit_code=end.exit_code,
            try_number=number + 1,
            retried=not last,
            critical=True,
        )

    def _step(
        self,
        path: str,
        boundary: str,
        task: Task,
        kind: str,
        *,
        at: Instant,
        end: Instant,
        ok: bool = True,
        **more: Any,
    ) -> None:
        """Notes the row of a step."""
        fields: dict[str, Any] = {"pod_uid": "", "message": "", "exit_code": None, "try_number": 1, "retried": False}
        fields |= {"critical": False, "critical_ms": end - at if more.get("critical") else 0, **more}
        self.steps.append(
            StepRun(
                cluster=self.place.cluster.name,
                namespace=self.place.habit.namespace,
                workflow_created_at=self.created_at,
                workflow_uid=self.uid,
                attempt=1,
                node_id=self._node(path),
                version=VERSION,
                workflow_name=self.name,
                step=shown(path),
                template=task.name,
                type=kind,
                phase="Succeeded" if ok else "Failed",
                started_at=at,
                finished_at=end,
                boundary_id=boundary,
                hook=False,
                memoized=False,
                waiting_reason="",
                waiting_on="",
                waiting_ms=0,
                **fields,
            )
        )

    def _node(self, path: str) -> str:
        """The node id of a step, as Argo makes it: the workflow's name and a hash of the path."""
        return path if path == self.name else f"{self.name}-{zlib.crc32(path.encode())}"

    def _ms(self, fleet_s: float) -> int:
        """How long something takes in the past, in whole seconds."""
        return int(fleet_s * self.place.habit.pace) * SECOND_MS


def named(group: Sequence[Task], path: str, number: int | None) -> Iterator[tuple[Task, str]]:
    """Yields the tasks of a group, each as often as it is wide, with their paths."""
    below = path if number is None else f"{path}[{number}]"
    for task in group:
        for item in range(task.width):
            yield task, f"{below}.{task.name}" + (f"({item}:{item})" if task.width > 1 else "")


def shown(path: str) -> str:
    """The name of a step as users see it: the end of its path."""
    return path.rpartition(".")[2]
