"""
Workflows of the past as patterns: each with its pods, steps and charges, as if it began at the first midnight of its era.

Each pattern is priced once, by the code that prices live pods.
"""

import hashlib
from dataclasses import dataclass
from datetime import tzinfo
from random import Random
from typing import Any

from collector.core.cost import charge
from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.payer import Payer
from collector.core.facts.bills import PodCost, PodRun
from collector.core.facts.workflows import StepRun, WorkflowRun
from collector.core.model import REASONS, Instant
from collector.core.units import DAY_MS
from collector.demo.load import PEOPLE
from collector.demo.scenario import DEPARTMENTS
from collector.demo.shapes import ARGO
from collector.past.story import WHO_WORKS_IN
from collector.past.walk import SECOND_MS, STEP_GAP_MS, VERSION, PatternPlace, Walk
from collector.prices.lookup import Books

QUEUED_S = (0, 0, 0, 20, 60, 240)
"""Seconds that workflows waited for a place, each as often as the others."""


def uid_of(number: int) -> str:
    """The begin of a workflow's uid, by the number of its pattern; each copy has an end of its own."""
    return f"{number:08x}-0000-4000-8000-"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A workflow from whose copies the past is made."""

    number: int
    run: WorkflowRun
    pods: list[PodRun]
    steps: list[StepRun]
    charges: list[PodCost]

    @property
    def end(self) -> Instant:
        """When it ended."""
        return self.run.finished_at or self.run.created_at

    @property
    def length_ms(self) -> int:
        """From its creation to its end."""
        return self.end - self.run.created_at

    @property
    def crosses(self) -> bool:
        """Whether it goes on over midnight: then it is copied to other days, but to no other time of day."""
        return self.run.created_at // DAY_MS != self.end // DAY_MS


def make_pattern(place: PatternPlace, number: int, rng: Random, books: Books, zone: tzinfo) -> Pattern:
    """Makes and prices one pattern of a template; the number is unique among all patterns."""
    at_night = rng.random() < place.habit.at_night
    before_midnight = rng.randrange(300, 1500) * SECOND_MS
    begin = place.era.midnight + (DAY_MS - before_midnight if at_night else 0)
    queued_ms = rng.choice(QUEUED_S) * SECOND_MS
    walk = Walk(place=place, rng=rng, created_at=begin, uid=uid_of(number))
    end, ok = walk.task(place.habit.recipe.entry, walk.name, begin + queued_ms)
    end += STEP_GAP_MS
    run = WorkflowRun(
        **_ownership(place, rng),
        **_times(walk, begin, queued_ms, end),
        cluster=place.cluster.name,
        namespace=place.habit.namespace,
        uid=walk.uid,
        attempt=1,
        version=VERSION,
        name=walk.name,
        template=place.habit.recipe.name,
        template_version=_template_version(place),
        queue=place.habit.namespace,
        priority=50,
        phase="Succeeded" if ok else "Failed",
        outcome=walk.decided.outcome,
        reason=walk.decided.outcome_reason,
        message=walk.decided.message,
        deciding_step=walk.deciding_step,
        deciding_node=walk.deciding_node,
        pods=len(walk.pods),
        failed_pods=sum(pod.phase == "Failed" for pod in walk.pods),
        retries=walk.retries,
        complete=True,
        node_status="plain",
    )
    payer = _payer(run, frozenset(step.node_id for step in walk.steps if step.retried))
    charges = [row for pod in walk.pods for row in charge.charges(pod, payer, books, zone, end)]
    return Pattern(number, run, walk.pods, walk.steps, charges)


def _times(walk: Walk, begin: int, queued_ms: int, end: int) -> dict[str, Any]:
    """The instants of a workflow, and where its time went."""
    waited = dict.fromkeys((f"{reason}_ms" for reason in REASONS), 0)
    starting = min(walk.starting_ms, end - begin - queued_ms)
    waited |= {"throttled_ms": queued_ms, "starting_ms": starting, "running_ms": end - begin - queued_ms - starting}
    return waited | {
        "created_at": begin,
        "first_seen_at": begin,
        "picked_up_at": begin + queued_ms,
        "first_pod_at": walk.pods[0].created_at if walk.pods else None,
        "started_at": begin + queued_ms,
        "finished_at": end,
        "queue_latency_ms": queued_ms,
        "latency_source": "object",
        "start_latency_ms": queued_ms + walk.starting_ms // max(1, len(walk.pods)),
        "start_latency_source": "object",
        "completion_delay_ms": STEP_GAP_MS,
    }


def _ownership(place: PatternPlace, rng: Random) -> dict[str, Any]:
    """Who pays for a workflow, and the labels that say so; they are those that the fleet's namespaces and users write."""
    habit = place.habit
    department = place.era.department or (habit.namespace if habit.namespace in DEPARTMENTS else "")
    drawn = rng.choice(PEOPLE) if habit.runs < BY_HAND else ""
    creator = _colleague(drawn, habit.namespace) if drawn else ""
    labels = {
        ARGO + "workflow-template": habit.recipe.name,
        "namespace:department": department,
        "project": habit.recipe.project,
        ARGO + "creator": creator,
    }
    return {
        "labels": {key: text for key, text in labels.items() if text},
        "department": department or UNALLOCATED,
        "project": habit.recipe.project,
        "creator": creator,
    }


def _colleague(drawn: str, namespace: str) -> str:
    """Who of those who work in a namespace starts a run; some work for one department alone, which unallocated runs show."""
    people = WHO_WORKS_IN.get(namespace, PEOPLE)
    return people[PEOPLE.index(drawn) % len(people)]


BY_HAND = 50
"""Templates that run less often a day are started by people, the others by programs."""


def _template_version(place: PatternPlace) -> str:
    return hashlib.sha256(f"{place.habit.recipe.name} {place.era.release}".encode()).hexdigest()[:12]


def _payer(run: WorkflowRun, retried: frozenset[str]) -> Payer:
    return Payer(
        version=VERSION,
        template=run.template,
        template_version=run.template_version,
        department=run.department,
        project=run.project,
        creator=run.creator,
        attempt=1,
        finished=True,
        outcome=run.outcome,
        retried_nodes=retried,
    )
