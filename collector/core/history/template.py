"""
What the store knows of one workflow template: how its runs ended, how long they took and why, what they cost, and since when.

Pages show it, reports read it. An amount of None has no known price, and amounts of two currencies are never added.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from collector.core.history.queue import StepsOfTime
from collector.core.history.workflow import OtherRun
from collector.core.model import Instant


class TemplatePlace(msgspec.Struct, frozen=True, gc=False):
    """A template, everywhere or only in one cluster or namespace."""

    template: str
    cluster: str = ""
    """Empty: all clusters."""
    namespace: str = ""
    """Empty: all namespaces."""


class RunLengths(msgspec.Struct, frozen=True, gc=False):
    """Ended attempts of some time: how they ended, how long they took, and where their time went."""

    outcomes: Mapping[str, int] = {}
    p50_ms: int | None = None
    """Median length of those that succeeded, from submission to end; None: none did."""
    p95_ms: int | None = None
    reasons_ms: Mapping[str, int] = {}
    """Sum of the time in each waiting reason, and running."""
    retries: int = 0

    @property
    def runs(self) -> int:
        return sum(self.outcomes.values())

    @property
    def succeeded(self) -> int:
        return self.outcomes.get("succeeded", 0)


class RunCost(msgspec.Struct, frozen=True, gc=False):
    """What the attempts of some time cost, in one currency."""

    currency: str
    """Empty: no pod has a price."""
    cost: Decimal | None
    wasted: Decimal | None
    """The part that ended in no success: failed, cancelled, retried, reclaimed."""
    pods: int
    unpriced_pods: int
    """Pods without a price, which the amounts do not include."""
    accruing: bool


class RunsOfTime(msgspec.Struct, frozen=True, gc=False):
    """The ended attempts of some time, and what they cost by currency."""

    lengths: RunLengths
    costs: Sequence[RunCost]


class TrendStep(msgspec.Struct, frozen=True, gc=False):
    """Attempts that ended in one step of the period."""

    at: Instant
    outcomes: Mapping[str, int]
    p50_ms: int | None
    p95_ms: int | None


class VersionRuns(msgspec.Struct, frozen=True, gc=False):
    """Attempts that were made from one version of the template."""

    version: str
    """Empty: not known."""
    first_at: Instant
    """Submission of its first run in the time that is looked at."""
    last_at: Instant
    runs: int
    succeeded: int
    p50_ms: int | None
    p95_ms: int | None


class CriticalStep(msgspec.Struct, frozen=True, gc=False):
    """A template inside the workflow, by its part of the length of the last runs."""

    step: str
    times: int
    """How often it was on the critical path."""
    total_ms: int
    p50_ms: int
    p95_ms: int
    waited_ms: int
    """Sum of its waits for a lock, a quota or a person, which are not part of total_ms."""
    failed: int


class FailureCause(msgspec.Struct, frozen=True, gc=False):
    """Attempts that did not succeed for the same cause."""

    outcome: str
    reason: str
    step: str
    """The step that decided; empty: no step did."""
    runs: int
    last_at: Instant
    uid: str
    """The newest of these workflows."""
    name: str
    words: str
    """Its message."""


class StoredTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """One template over a period that ends now."""

    steps: StepsOfTime
    places: Sequence[tuple[str, str]] = ()
    """Cluster and namespace, those with most runs first."""
    period: RunsOfTime
    this_week: RunsOfTime
    """The seven days until now."""
    last_week: RunsOfTime
    """The seven days before."""
    trend: Sequence[TrendStep] = ()
    versions: Sequence[VersionRuns] = ()
    """Of the period, at least of two weeks; the newest first, a bounded number."""
    critical: Sequence[CriticalStep] = ()
    """Those with most time first, a bounded number."""
    critical_runs: int = 0
    """The newest runs whose critical path `critical` adds up."""
    failures: Sequence[FailureCause] = ()
    """The most frequent first, a bounded number."""
    recent: Sequence[OtherRun] = ()
    """The newest that ended, whenever that was."""
    now: Mapping[str, int] = {}
    """Workflows that have not ended, by what they wait for, or `running`."""
