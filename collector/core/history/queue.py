"""
What the store knows of one queue over time: depths by reason, arrivals, starts, ends and latencies by step, and what waits.

Pages show it, reports read it. A step that was not seen has no figures, which differs from 0.
"""

from collections.abc import Sequence

import msgspec

from collector.core.model import Instant


class QueuePlace(msgspec.Struct, frozen=True, gc=False):
    """Which queue."""

    cluster: str
    namespace: str
    queue: str


class StepsOfTime(msgspec.Struct, frozen=True, gc=False):
    """A period in steps of the same length; the last step may have just begun."""

    begin: Instant
    """A multiple of the step."""
    end: Instant
    """Exclusive."""
    step_ms: int
    """A multiple of the 15 s between samples."""

    @property
    def starts(self) -> Sequence[Instant]:
        """The begin of each step."""
        return range(self.begin, self.end, self.step_ms)


class UnseenDepth(msgspec.Struct, frozen=True, gc=False):
    """A time in which depths were not observed, and why."""

    begin: Instant
    end: Instant
    cause: str
    """Cause of the gap in the watch; empty: no sample was taken."""


class DepthInStep(msgspec.Struct, frozen=True, gc=False):
    """Waiting workflows in one step: of one reason, or of all."""

    at: Instant
    """Begin of the step."""
    reason: str
    """Empty: all reasons."""
    average: float
    """Over the seen part of the step."""
    peak: int


class QueueLatencies(msgspec.Struct, frozen=True, gc=False):
    """How long workflows had waited when their work began, in milliseconds; None: nothing began, or it is not known."""

    p50: int | None = None
    p95: int | None = None
    p99: int | None = None


class QueueStep(msgspec.Struct, frozen=True, gc=False):
    """What happened in one step, or in all of them."""

    arrivals: int = 0
    starts: int = 0
    latency: QueueLatencies = QueueLatencies()
    """Of the starts."""
    ends: dict[str, int] = {}
    """Ended attempts by outcome."""


class LongWaiting(msgspec.Struct, frozen=True, gc=False):
    """A workflow that waits."""

    uid: str
    name: str
    template: str
    created_at: Instant
    reason: str
    reason_since: Instant
    on: str
    """What it waits for; empty: not known."""
    words: str
    """The original message behind the reason."""


class QueueTemplate(msgspec.Struct, frozen=True, gc=False):
    """A template of the queue in the period."""

    template: str
    """Empty: workflows without a template."""
    runs: int
    """Ended attempts."""
    succeeded: int
    waiting: int
    """Workflows that wait now."""
    latency_p95: int | None
    """Of those that began in the period, in milliseconds."""


class StoredQueue(msgspec.Struct, frozen=True, kw_only=True):
    """One queue over a period, and what waits in it now."""

    steps: StepsOfTime
    unseen: Sequence[UnseenDepth] = ()
    depths: Sequence[DepthInStep] = ()
    """Only steps in which something waited."""
    flow: dict[Instant, QueueStep] = {}
    """By the begin of the step, where something happened."""
    whole: QueueStep = QueueStep()
    """All steps together."""
    waiting: Sequence[LongWaiting] = ()
    """Those that wait longest, a bounded number."""
    templates: Sequence[QueueTemplate] = ()
    """By runs, a bounded number."""
