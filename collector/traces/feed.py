"""
The queue of finished attempts that wait for their export, beside the spool.

It holds keys, no rows: what an attempt is made of is read from the store when its time has come, after its last pods and
charges. It is bounded, and what it does not take is counted, so that a receiver that is away costs neither memory nor the
watches a moment.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Literal, NamedTuple, get_args

from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.core.facts.workflows import WorkflowRun
from collector.core.model import Fact, Instant
from collector.core.units import HOUR_MS
from collector.settings.traces import TraceSettings

DropReason = Literal["queue_full", "old", "refused", "unforeseen", "shutdown", "own_work"]
"""Why an attempt is not exported; `own_work`: a span of the collector itself."""
DROP_REASONS: tuple[DropReason, ...] = get_args(DropReason)
OLD_MS = HOUR_MS
"""Age of an end that is not exported any more: a first list shows ends of weeks, and receivers refuse old spans."""
LATER_MS = 5000
"""Until the store is asked again for a row that it does not have yet."""


class AttemptKey(NamedTuple):
    """The key of an attempt's row."""

    cluster: str
    namespace: str
    created_at: Instant
    uid: str
    attempt: int


def key_of(run: WorkflowRun) -> AttemptKey:
    """The key of a row."""
    return AttemptKey(run.cluster, run.namespace, run.created_at, run.uid, run.attempt)


@dataclass(slots=True)
class WaitingAttempt:
    """One attempt in the queue."""

    due_at: Instant
    finished_at: Instant
    version: int
    """Of the newest row that was committed."""


@dataclass(slots=True)
class Feed:
    """Finished attempts, in the order in which they ended."""

    settings: TraceSettings
    counters: Counters
    _waiting: dict[AttemptKey, WaitingAttempt] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, facts: Iterable[Fact], now: Instant) -> None:
        """Takes the attempts among facts that were committed to the spool; a later row of one that waits changes nothing."""
        for fact in facts:
            if type(fact) is WorkflowRun and self._is_chosen(fact):
                self._offer(fact, now)

    def _offer(self, run: WorkflowRun, now: Instant) -> None:
        key = key_of(run)
        finished_at = run.finished_at or now
        if (before := self._waiting.get(key)) is not None:
            before.version = max(before.version, run.version)
        elif finished_at < now - OLD_MS:
            self.drop("old")
        elif len(self._waiting) >= self.settings.queue:
            self.drop("queue_full")
        else:
            self._waiting[key] = WaitingAttempt(now + self.settings.delay_seconds * 1000, finished_at, run.version)

    def take(self, until: Instant, most: int, now: Instant) -> dict[AttemptKey, WaitingAttempt]:
        """Removes attempts that were due at `until`, the oldest first; those that have become too old are dropped."""
        taken: dict[AttemptKey, WaitingAttempt] = {}
        for key, waiting in [*takewhile(lambda each: each[1].due_at <= until, self._waiting.items())]:
            if len(taken) == most:
                break
            del self._waiting[key]
            if waiting.finished_at < now - OLD_MS:
                self.drop("old")
            else:
                taken[key] = waiting
        return taken

    def put_back(self, waiting: Mapping[AttemptKey, WaitingAttempt]) -> None:
        """Takes up what an earlier run left, before all others; what does not fit is dropped."""
        before = len(self._waiting) + len(waiting)
        both = {**waiting, **self._waiting}
        self._waiting = dict(islice(both.items(), self.settings.queue))
        self.drop("queue_full", before - len(self._waiting))

    def waiting(self) -> Mapping[AttemptKey, WaitingAttempt]:
        """All that waits."""
        return self._waiting

    def later(self, taken: Mapping[AttemptKey, WaitingAttempt], now: Instant) -> None:
        """Returns attempts whose rows the store does not have yet, or has in an older version only."""
        for key, waiting in taken.items():
            waiting.due_at = now + LATER_MS
            self._waiting[key] = waiting

    def drop(self, reason: DropReason, count: int = 1) -> None:
        """Counts attempts that are not exported."""
        if count:
            self.counters.add(metrics.TRACES_DROPPED, count, reason=reason)

    def _is_chosen(self, run: WorkflowRun) -> bool:
        chosen = self.settings
        if chosen.clusters and run.cluster not in chosen.clusters:
            return False
        if chosen.namespaces and run.namespace not in chosen.namespaces:
            return False
        return run.outcome != "succeeded" or is_sampled(run.uid, chosen.succeeded_ratio)


def is_sampled(uid: str, ratio: float) -> bool:
    """Whether a workflow is in a share of all workflows: the same answer in every collector."""
    return int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8], "big") < ratio * 2**64
