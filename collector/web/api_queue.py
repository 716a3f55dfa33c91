"""
The history of one queue as the API answers it and as its page shows it. Instants are Unix milliseconds.
"""

from collector.core.model import Instant
from collector.web.api_model import ApiModel
from collector.web.api_models import Lock, Place, Queue, Slots


class QueueLatency(ApiModel):
    """How long workflows had waited when their work began."""

    p50_ms: int | None
    """Half of them waited no longer; null: none began."""
    p95_ms: int | None
    """95 % of them waited no longer."""
    p99_ms: int | None
    """99 % of them waited no longer."""


class QueueCounts(ApiModel):
    """What happened in some time."""

    arrivals: int
    """Workflows that were submitted, or retried."""
    starts: int
    """Workflows whose work began."""
    latency: QueueLatency
    """Of these starts."""
    ends: dict[str, int]
    """Attempts that ended, by outcome."""


class QueueHistoryStep(QueueCounts):
    """One step of the period."""

    at: Instant
    """Begin of the step."""
    waiting: float | None
    """Workflows that waited, on average over the seen part of the step; null: nothing of it was seen."""
    waiting_peak: int | None
    """The most that waited at an instant of the step."""
    reasons: dict[str, float]
    """The average by waiting reason."""


class UnseenTime(ApiModel):
    """A time in which the depth of the queue was not observed."""

    begin_at: Instant
    """Begin."""
    end_at: Instant
    """End."""
    cause: str
    """Why the watch has a gap; empty: no sample was taken."""


class WaitingWorkflow(ApiModel):
    """A workflow that waits in the queue."""

    uid: str
    """uid of the workflow."""
    name: str
    """Name of the workflow."""
    template: str
    """Its template; empty: none."""
    created_at: Instant
    """When it was submitted."""
    age_ms: int
    """For how long it has waited."""
    reason: str
    """What it waits for now."""
    reason_ms: int
    """For how long this reason has held."""
    on: str
    """Lock, quota or claim that it waits for; empty: not known."""
    words: str
    """The original message behind the reason."""


class TemplateInQueue(ApiModel):
    """A template whose workflows are in the queue."""

    template: str
    """Name of the template; empty: workflows without one."""
    runs: int
    """Attempts that ended in the period."""
    succeeded: int
    """Those that succeeded."""
    waiting: int
    """Workflows that wait now."""
    p95_ms: int | None
    """95 % of those that began in the period had waited no longer; null: none began."""


class QueueHistory(Place):
    """One queue over a period that ends now."""

    of_all: bool
    """False: the workflows of the visitor's departments alone; depths, limits and locks are of all, and are not here."""
    sentence: str
    """How many wait and for what, whether the queue drains, and how long workflows waited."""
    period: str
    """1h, 6h, 24h or 7d."""
    begin_at: Instant
    """Begin of the period."""
    end_at: Instant
    """End of the period: when it was read."""
    step_ms: int
    """Length of a step."""
    now: Queue | None
    """The queue at this moment; null: nothing waits in it."""
    slots: list[Slots]
    """Parallelism limits that hold for it."""
    locks: list[Lock]
    """Locks of its namespace that workflows wait for."""
    whole: QueueCounts
    """The whole period."""
    steps: list[QueueHistoryStep]
    """All steps in order; the last one may have just begun."""
    unseen: list[UnseenTime]
    """Times in which the depth was not observed."""
    waiting: list[WaitingWorkflow]
    """Those that wait longest, at most 20."""
    templates: list[TemplateInQueue]
    """Its templates, at most 20, those with most runs first."""
