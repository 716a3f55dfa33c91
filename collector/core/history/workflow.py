"""
What the store knows of one workflow: an attempt as its rows, what its pods cost, and other runs of its template.

Pages show it, reports read it. Nothing here is computed; an amount of None has no known price.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import StepRun, WorkflowLive, WorkflowRun
from collector.core.model import Instant


class OtherAttempt(msgspec.Struct, frozen=True, gc=False):
    """A finished attempt of the workflow, for the choice among them."""

    attempt: int
    outcome: str
    reason: str
    started_at: Instant | None
    finished_at: Instant | None


class ClassCost(msgspec.Struct, frozen=True, gc=False):
    """What the pods of one attempt cost, for one use of the money and one currency."""

    attempt: int
    money_class: str
    """useful, failed, cancelled, retried, reclaimed, unknown."""
    currency: str
    cost: Decimal | None
    """None: no pod has a price."""
    pods: int
    unpriced_pods: int
    """Pods without a price, which the amount does not include."""
    accruing: bool
    """True while one of the pods runs: the amount grows."""
    billed_seconds: int


class PodCharge(msgspec.Struct, frozen=True, gc=False):
    """What one pod cost, in one currency."""

    pod_uid: str
    product: str
    purchase: str
    instance_type: str
    currency: str
    cost: Decimal | None
    """None: no price is known, `rule` says why."""
    cost_pending: Decimal | None
    """The part of it before the main container started."""
    billed_seconds: int
    rule: str
    confidence: str


class OtherRun(msgspec.Struct, frozen=True, gc=False):
    """A run of the same template, for comparison."""

    uid: str
    name: str
    attempt: int
    created_at: Instant
    outcome: str
    reason: str
    length_ms: int | None
    """From its submission to its end; None: no end is known."""
    running_ms: int
    cost: Decimal | None
    currency: str
    """Empty: it had no charge, or charges in several currencies."""


class NamedWorkflow(msgspec.Struct, frozen=True, gc=False):
    """A workflow that was found by its name."""

    uid: str
    cluster: str
    namespace: str
    name: str
    template: str
    created_at: Instant
    state: str
    """Its outcome; of one that has not finished the reason that it waits for, or `running`."""
    live: bool


class StoredWorkflow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a workflow, as far as it was read."""

    shown: WorkflowRun | WorkflowLive
    """The attempt: finished, or as it is now."""
    live_attempt: int | None = None
    """Number of the attempt that has not finished; None: all have."""
    attempts: Sequence[OtherAttempt] = ()
    """All that finished, the first one first."""
    steps: Sequence[StepRun] = ()
    """The critical path, then failed steps, then the longest; a bounded number."""
    step_count: int = 0
    """All steps of the attempt, those that were not read included."""
    pods: Sequence[PodRun] = ()
    """The pods of `steps`, and others of the attempt; a bounded number."""
    pod_count: int = 0
    costs: Sequence[ClassCost] = ()
    charges: Sequence[PodCharge] = ()
    """Of `pods`."""
    others: Sequence[OtherRun] = ()
    """The last runs of the same template in the same namespace and cluster, this one included, the newest first."""
