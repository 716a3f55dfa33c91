"""
Export of finished workflows as traces, while the collector runs.

Beside the watches and the spool: commits offer keys to a bounded queue, and one thread reads the store and sends. A receiver
that is slow, away or refuses delays nothing but traces.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, NamedTuple

from collector import connect
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Commit
from collector.core.model import Instant
from collector.measured import unmeasured
from collector.service.tasks import every, own_thread
from collector.settings.derived import make_data_dir
from collector.settings.model import Settings
from collector.store.clickhouse import Store, StoreError
from collector.store.worker import Worker
from collector.traces import saved_queue, stored
from collector.traces.attempt_spans import spans
from collector.traces.feed import DROP_REASONS, AttemptKey, Feed, WaitingAttempt, key_of
from collector.traces.own_work import OwnWork
from collector.traces.receiver import (
    SPANS_A_REQUEST,
    ReceiverAwayError,
    SpansRefusedError,
    TraceReceiver,
    requests_of,
)
from collector.traces.span import TraceSpan

log = logging.getLogger(__name__)

LOOK_S = 1.0
ROUND = 50
"""Attempts whose rows are looked up at once."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""Between two attempts while the receiver or the store fails."""
SERVICE = "argo-workflows"
"""`service.name` of the spans: what they are about, not who sends them."""
OWN_SERVICE = "lynceus"
"""The same of the collector's own work."""


Requests = deque[Sequence[TraceSpan]]
"""What is left to send of an attempt, cut into requests."""


class Outgoing(NamedTuple):
    """An attempt that is being sent."""

    key: AttemptKey
    waiting: WaitingAttempt
    requests: Requests


class TraceExport:
    """Owns the queue, the connection to the receiver, and what was taken from the queue and is not sent yet."""

    def __init__(self, settings: Settings, counters: Counters, receiver: TraceReceiver) -> None:
        self._settings, self._counters, self._receiver = settings, counters, receiver
        self._feed = Feed(settings.traces, counters)
        self._taken: dict[AttemptKey, WaitingAttempt] = {}
        self._outgoing: deque[Outgoing] = deque()
        self._own_work = OwnWork(counters)
        self._pause_s = FIRST_PAUSE_S
        self._trouble = ""
        """What kept the last attempt from being exported; empty: nothing did."""
        for reason in DROP_REASONS:
            counters.initialise(metrics.TRACES_DROPPED, reason=reason)
        for metric in (metrics.TRACES_EXPORTED, metrics.TRACE_SEND_ERRORS):
            counters.initialise(metric)

    def offer(self, commit: Commit) -> None:
        """Notes the attempts that ended in a commit; cheap, and never waits."""
        self._feed.offer(commit.facts, now_ms())

    def measure(self, name: str, **about: str) -> AbstractContextManager[object]:
        """Makes a span of the collector's own work inside the block, if the settings ask for it."""
        return self._own_work.measure(name, **about) if self._settings.traces.own_work else unmeasured(name, **about)

    async def run(self, stored_until: Callable[[], Instant]) -> None:
        """Exports for ever what the store has had time to receive whole; what waits at the end is left for the next run."""
        store, folder = connect.reading_store(self._settings, "", own=True), make_data_dir(self._settings)
        self._feed.put_back(saved_queue.load(folder))
        with own_thread("traces", store) as worker:

            async def look() -> float:
                return await self._look(worker, store, stored_until)

            try:
                await every(LOOK_S, look)
            finally:
                self._receiver.close()
                self._save(folder)

    def _save(self, folder: Path) -> None:
        unsent = {each.key: each.waiting for each in self._outgoing}
        left = {**unsent, **self._taken, **self._feed.waiting()}
        try:
            saved_queue.save(folder, left)
        except OSError as error:
            log.warning("traces that wait could not be saved", extra={"reason": str(error)})
            self._feed.drop("shutdown", len(left))

    async def _look(self, worker: Worker, store: Store, stored_until: Callable[[], Instant]) -> float:
        """Sends what there is; returns the pause until the next look."""
        try:
            await self._send(worker)
            await self._send_own_work(worker)
            self._taken = self._taken or self._feed.take(stored_until(), ROUND, now_ms())
            if not self._taken:
                return LOOK_S
            await self._export(worker, store)
        except StoreError as error:
            self._feed.put_back(self._taken)  # where it becomes too old, if the store never answers
            self._taken = {}
            return self._note_trouble("store", str(error))
        except ReceiverAwayError as error:
            self._counters.add(metrics.TRACE_SEND_ERRORS)
            return self._note_trouble("receiver", str(error))
        return 0

    async def _export(self, worker: Worker, store: Store) -> None:
        """Reads and sends what was taken; what is not sent when the store or the receiver fails stays for the next look."""
        found = await worker.run(stored.read_runs, store, self._taken)
        runs = [run for run in found if run.version >= self._taken[key_of(run)].version]
        present = {key_of(run): self._taken[key_of(run)] for run in runs}
        self._feed.later({key: waiting for key, waiting in self._taken.items() if key not in present}, now_ms())
        self._taken = present
        for group in stored.groups(runs, self._settings.traces.max_spans):
            made = await self._make(worker, store, group)
            for run in group:
                waiting = self._taken.pop(key_of(run))
                if requests := made.get(key_of(run)):
                    self._outgoing.append(Outgoing(key_of(run), waiting, requests))
                else:
                    self._feed.drop("unforeseen")
            await self._send(worker)

    async def _make(self, worker: Worker, store: Store, runs: Sequence[WorkflowRun]) -> dict[AttemptKey, Requests]:
        """The requests of some attempts; an unexpected error costs these attempts, and the next ones go on."""
        try:
            return await worker.run(_requests, store, runs, self._settings.traces.max_spans)
        except StoreError:
            raise
        except Exception:
            log.exception("unexpected error, some workflows are not exported")
            return {}

    async def _send(self, worker: Worker) -> None:
        while self._outgoing:
            attempt = self._outgoing[0]
            resource = {"service.name": SERVICE, "k8s.cluster.name": attempt.key.cluster}
            try:
                while attempt.requests:
                    await worker.run(self._receiver.send, resource, attempt.requests[0])
                    attempt.requests.popleft()
            except SpansRefusedError as error:
                log.warning(
                    "the receiver refused a trace", extra={"cluster": attempt.key.cluster, "reason": str(error)}
                )
                self._feed.drop("refused")
            else:
                self._counters.add(metrics.TRACES_EXPORTED)
            self._outgoing.popleft()
            self._note_well()

    async def _send_own_work(self, worker: Worker) -> None:
        while waiting := self._own_work.first(SPANS_A_REQUEST):
            try:
                await worker.run(self._receiver.send, {"service.name": OWN_SERVICE}, waiting)
            except SpansRefusedError as error:
                log.warning("the receiver refused spans of the collector", extra={"reason": str(error)})
                self._feed.drop("own_work", len(waiting))
            self._own_work.remove(len(waiting))
            self._note_well()

    def _note_trouble(self, at: Literal["store", "receiver"], reason: str) -> float:
        """Logs why nothing is exported, once; returns the pause before the next attempt, twice the one before."""
        if at != self._trouble:
            log.warning("traces are not exported, retrying", extra={"at_fault": at, "reason": reason})
        self._trouble = at
        pause, self._pause_s = self._pause_s, min(2 * self._pause_s, LONGEST_PAUSE_S)
        return pause

    def _note_well(self) -> None:
        if self._trouble:
            log.info("traces are exported again")
        self._trouble, self._pause_s = "", FIRST_PAUSE_S


def _requests(store: Store, runs: Sequence[WorkflowRun], most: int) -> dict[AttemptKey, Requests]:
    """The requests of some attempts; of one whose rows cannot be understood there are none."""
    made: dict[AttemptKey, Requests] = {}
    for attempt in stored.read_attempts(store, runs, most):
        try:
            made[key_of(attempt.run)] = deque(requests_of(spans(attempt, most)))
        except Exception:
            log.exception("unexpected error, a workflow is not exported", extra={"uid": attempt.run.uid})
    return made
