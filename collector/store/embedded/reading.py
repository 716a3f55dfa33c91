"""
The threads of readers, and the watch over their queries.

The engine looks at a query's time limit and at KILL QUERY between two blocks only, so one call of a slow function may run
for hours. Such a query holds its thread, and a few of them would end all reading. The watch kills what is past its limit
or has lost its client; what does not end by that gets some more seconds, and then the process must end: the store starts
again within seconds and loses nothing. The collector's own reads have threads of their own.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from collector.store.embedded.handle import Answer, EngineError

READERS = 2
OWN_READERS = 2
MAX_WAITING = 64
"""Statements of readers, and of writers, that may run or wait; further ones are refused, so that memory is bounded."""

LOOK_S = 0.2
"""Between two looks at the queries; one that is killed between two steps is killed again at the next."""

PATIENCE_S = 5.0
"""What a query past its limit may still take before the process ends; doubled for each end soon after another."""
LONGEST_PATIENCE_S = 60.0
FORGIVEN_S = 600.0
"""After this time without such an end the patience is the usual one again."""

PAST_S = 1.0
"""A query this far past its limit is killed, and is a problem: until then the engine ends it with its own error."""
WAITED_S = 10.0
"""A query that waits this long for a thread is a problem too."""

_NOTE = "patience"

_TOO_MANY_QUERIES = 202


@dataclass(slots=True, eq=False)
class RunningQuery:
    """One query of a reader, from its arrival to its end."""

    by: str
    """Who asks, for the log: no text of the query."""
    limit_s: float
    own: bool
    """Of the collector itself."""
    queued_at: float
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    """The engine knows the query by this `log_comment`."""
    began_at: float | None = None
    abandoned: bool = False
    """Its client is gone."""

    def over_s(self, now: float) -> float:
        """For how long it has been past its limit; negative: it is not."""
        return -self.limit_s if self.began_at is None else now - self.began_at - self.limit_s


class Look(NamedTuple):
    """What is to be done about the queries at one instant."""

    kill: tuple[str, ...]
    stuck: RunningQuery | None
    """The query that ends the process."""
    problem: str
    """The first word is `stuck` or `busy`; empty: reading works."""


def look(readings: Iterable[RunningQuery], now: float, patience_s: float) -> Look:
    """Decides what to do about the queries."""
    running = [one for one in readings if one.began_at is not None]
    kill = tuple(one.name for one in running if one.abandoned or one.over_s(now) > PAST_S)
    longest = max(running, key=lambda one: one.over_s(now), default=None)
    if longest is not None and longest.over_s(now) > PAST_S:
        stuck = longest if longest.over_s(now) > patience_s else None
        until = longest.limit_s + patience_s
        problem = (
            f"stuck a query of {longest.by} is past its limit of {longest.limit_s:g} s and the engine does not end it; "
            f"after {until:g} s the store restarts"
        )
        return Look(kill, stuck, problem)
    waits = [one for one in readings if one.began_at is None and now - one.queued_at > WAITED_S]
    busy = f"busy {len(waits)} queries have waited for more than {WAITED_S:g} s: others have all threads of readers"
    return Look(kill, None, busy if waits else "")


class Readers:
    """Runs queries of readers in threads, and watches them."""

    def __init__(
        self,
        kill: Callable[[tuple[str, ...]], None],
        report: Callable[[str], None],
        give_up: Callable[[RunningQuery], None],
        patience_s: float,
    ):
        """`kill` ends queries by name if the engine can; `report` gets each new problem; `give_up` ends the process."""
        self._kill, self._report, self._give_up, self._patience_s = kill, report, give_up, patience_s
        self._threads = {
            False: ThreadPoolExecutor(READERS, "store-reader"),
            True: ThreadPoolExecutor(OWN_READERS, "store-own-reader"),
        }
        self._killer, self._killing = ThreadPoolExecutor(1, "store-killer"), Future[None]()
        self._killing.set_result(None)
        self._readings: dict[RunningQuery, Future[Answer]] = {}
        self._lock, self._closed, self._problem = threading.Lock(), threading.Event(), ""
        self._watch = threading.Thread(target=self._watch_forever, name="store-watch", daemon=True)
        self._watch.start()

    def begin(self, reading: RunningQuery, work: Callable[[], Answer]) -> Future[Answer]:
        """Submits a query, unless too many wait."""

        def run() -> Answer:
            reading.began_at = time.monotonic()
            try:
                return work()
            finally:
                self._forget(reading)

        with self._lock:
            if sum(other.own == reading.own for other in self._readings) >= MAX_WAITING:
                raise too_many()
            begun = self._readings[reading] = self._threads[reading.own].submit(run)
        begun.add_done_callback(lambda _: self._forget(reading))  # cancelled before it ran
        return begun

    def _forget(self, reading: RunningQuery) -> None:
        with self._lock:
            self._readings.pop(reading, None)

    def _watch_forever(self) -> None:
        while not self._closed.wait(LOOK_S):
            with self._lock:
                readings = list(self._readings)
            seen = look(readings, time.monotonic(), self._patience_s)
            if seen.problem != self._problem:
                self._problem = seen.problem
                self._report(seen.problem)
            if seen.stuck is not None:
                self._give_up(seen.stuck)
                return
            # In a thread of its own: the engine may take its time, and the watch must not wait for that.
            if seen.kill and self._killing.done():
                self._killing = self._killer.submit(self._kill, seen.kill)

    def close(self) -> None:
        """Ends the threads after the running queries."""
        for threads in self._threads.values():
            threads.shutdown(cancel_futures=True)
        self._closed.set()
        self._killer.shutdown()
        self._watch.join()


def patience(folder: Path, usual_s: float) -> float:
    """The patience of a process that works in a folder; more than usual soon after an end for want of it."""
    noted = folder / _NOTE
    try:
        if time.time() - noted.stat().st_mtime < FORGIVEN_S:
            return max(usual_s, min(float(noted.read_text(encoding="ascii")), LONGEST_PATIENCE_S))
    except (OSError, ValueError):
        pass  # there was none
    return usual_s


def note_end(folder: Path, patience_s: float) -> None:
    """Makes the next process more patient, so that one client cannot end the store again and again in a short time."""
    (folder / _NOTE).write_text(f"{2 * patience_s:g}", encoding="ascii")


def too_many() -> EngineError:
    """The refusal of a statement when too many wait."""
    return EngineError(
        "Too many simultaneous queries; try again later. (TOO_MANY_SIMULTANEOUS_QUERIES)", _TOO_MANY_QUERIES
    )
