"""
A store that answers pages as tests want it to, and workflows as the store would hold them.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from collector.access.scope import Scope
from collector.core.history.queue import QueuePlace, StepsOfTime, StoredQueue
from collector.core.history.template import StoredTemplate, TemplatePlace
from collector.core.history.workflow import ClassCost, NamedWorkflow, OtherRun, PodCharge, StoredWorkflow
from collector.web.history import History, NameSought
from tests.builders import NOON, SECOND
from tests.reports.stored import a_run

END = NOON + 100 * SECOND


def a_workflow(**changes: Any) -> StoredWorkflow:
    """A workflow that succeeded after 100 s and ran for 70."""
    run = replace(a_run(), throttled_ms=20_000, starting_ms=10_000, running_ms=70_000)
    return replace(StoredWorkflow(shown=run), **changes)


def a_class_cost(cost: str | None, currency: str = "USD", **changes: Any) -> ClassCost:
    """What three pods of the first attempt cost that were of use."""
    made = ClassCost(
        attempt=1,
        money_class="useful",
        currency=currency,
        cost=None if cost is None else Decimal(cost),
        pods=3,
        unpriced_pods=0,
        accruing=False,
        billed_seconds=60,
    )
    return replace(made, **changes)


def a_charge(uid: str, cost: str | None, currency: str = "USD") -> PodCharge:
    """What a pod of a minute cost."""
    amount = None if cost is None else Decimal(cost)
    return PodCharge(
        pod_uid=uid,
        product="alibaba-eci",
        purchase="spot",
        instance_type="",
        currency=currency,
        cost=amount,
        cost_pending=amount,
        billed_seconds=60,
        rule="a rule",
        confidence="high",
    )


def another(uid: str, seconds: int | None, outcome: str = "succeeded") -> OtherRun:
    """A run of the same template."""
    return OtherRun(
        uid=uid,
        name=uid,
        attempt=1,
        created_at=NOON,
        outcome=outcome,
        reason="",
        length_ms=None if seconds is None else seconds * SECOND,
        running_ms=0,
        cost=Decimal("0.5"),
        currency="USD",
    )


class Store:
    """What pages ask, and what they get."""

    def __init__(self, *workflows: StoredWorkflow) -> None:
        self.workflows = workflows
        self.failure: Exception | None = None
        self.found: list[NamedWorkflow] = []
        self.of_queue: Callable[[StepsOfTime], StoredQueue] | None = None
        self.of_template: Callable[[StepsOfTime], StoredTemplate] | None = None
        self.questions: list[tuple[Any, ...]] = []
        self.scopes: list[Scope] = []

    async def workflow(self, uid: str, attempt: int | None, clusters: Sequence[str]) -> StoredWorkflow | None:
        self.questions.append((uid, attempt, tuple(clusters)))
        if self.failure is not None:
            raise self.failure
        known = (one for one in self.workflows if one.shown.uid == uid and attempt in (None, one.shown.attempt))
        return next(known, None)

    async def named(self, sought: NameSought) -> Sequence[NamedWorkflow]:
        self.questions.append((sought,))
        return self.found

    async def queue(self, place: QueuePlace, steps: StepsOfTime) -> StoredQueue | None:
        self.questions.append((place, steps))
        return self.of_queue(steps) if self.of_queue else None

    async def template(self, place: TemplatePlace, steps: StepsOfTime) -> StoredTemplate | None:
        self.questions.append((place, steps))
        return self.of_template(steps) if self.of_template else None

    def of(self, scope: Scope) -> History:
        """The functions that pages call for a scope."""
        self.scopes.append(scope)
        return History(workflow=self.workflow, named=self.named, queue=self.queue, template=self.template)
