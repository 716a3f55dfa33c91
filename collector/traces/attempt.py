"""
A finished attempt as it is stored, and which of its steps a trace has room for.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import StepRun, WorkflowRun
from collector.core.objects.status_nodes import FAILED

_TRY = re.compile(r"(.+)\(\d+\)", re.DOTALL)
"""How Argo names the tries of a step: the step's name and a number from 0."""


class Cost(msgspec.Struct, frozen=True):
    """What something cost; None: no price is known."""

    amount: Decimal | None
    currency: str


class StoredAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """What the store has of a finished attempt, as far as it was read."""

    run: WorkflowRun
    steps: Sequence[StepRun]
    pods: Sequence[PodRun]
    """The pods of `steps`, and pods that belong to no step."""
    step_count: int
    """All steps of the attempt, those that were not read included."""
    costs: Sequence[Cost]
    """What all pods of the attempt cost together, for each currency, and None if a pod has no price."""
    pod_costs: Mapping[str, Cost]
    """What each pod in `pods` cost, by uid; a pod that was charged in two currencies has none."""


class Tree:
    """The steps of an attempt as the controller nests them: tries in their Retry, others in the DAG or Steps around them."""

    def __init__(self, steps: Sequence[StepRun]) -> None:
        self._steps = {step.node_id: step for step in steps}
        self._retries = {(step.boundary_id, step.step): step.node_id for step in steps if step.type == "Retry"}

    def holder(self, step: StepRun) -> str:
        """Node id of the step around a step; empty: the attempt itself, or a step that is not known."""
        tried = _TRY.fullmatch(step.step)
        retry = self._retries.get((step.boundary_id, tried[1]), "") if tried else ""
        return retry or (step.boundary_id if step.boundary_id in self._steps else "")

    def with_holders(self, step: StepRun) -> list[StepRun]:
        """A step and all steps around it, the outermost first."""
        chain, seen = [step], {step.node_id}
        while (outer := self.holder(chain[-1])) and outer not in seen:  # a broken status may nest in a circle
            seen.add(outer)
            chain.append(self._steps[outer])
        return chain[::-1]


def by_weight(steps: Sequence[StepRun]) -> list[StepRun]:
    """Steps in the order in which a trace takes them: the critical path, then failed ones, then the longest."""
    return sorted(steps, key=_weight)


def _weight(step: StepRun) -> tuple[bool, bool, int, str]:
    length = (step.finished_at or 0) - (step.started_at or step.finished_at or 0)
    return not step.critical, step.phase not in FAILED, -length, step.node_id


def chosen(steps: Sequence[StepRun], spans_of: Mapping[str, int], room: int) -> Iterator[StepRun]:
    """The steps that fit, each after those around it; `spans_of` has the number of spans of each, by node id."""
    tree, taken = Tree(steps), set[str]()
    for step in by_weight(steps):
        new = [each for each in tree.with_holders(step) if each.node_id not in taken]
        needed = sum(spans_of[each.node_id] for each in new)
        if needed <= room:
            room -= needed
            taken.update(each.node_id for each in new)
            yield from new
