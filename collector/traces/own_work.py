"""
Spans of the collector's own work: lists, inserts, queries of the page.

Each is a trace of its own with random ids, since no two are the same work. They are made in the event loop alone.
"""

import secrets
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.traces.span import SpanId, TraceSpan

MOST = 1000
"""Spans that wait to be sent; beyond it new ones are dropped and counted."""


class OwnWork:
    """Measures work, and holds the spans of what has ended."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._ended: deque[TraceSpan] = deque()

    @contextmanager
    def measure(self, name: str, **about: str) -> Iterator[None]:
        """Makes a span of the work inside the block; an error marks it as failed, and goes on."""
        begun, failure = now_ms(), ""
        try:
            yield
        except Exception as error:
            failure = type(error).__name__
            raise
        finally:
            self._end(name, begun, failure, about)

    def first(self, most: int) -> list[TraceSpan]:
        """The oldest spans that wait."""
        return list(islice(self._ended, most))

    def remove(self, number: int) -> None:
        """Removes the oldest spans."""
        for _ in range(number):
            self._ended.popleft()

    def _end(self, name: str, begun: int, failure: str, about: dict[str, str]) -> None:
        if len(self._ended) >= MOST:
            self._counters.add(metrics.TRACES_DROPPED, reason="own_work")
            return
        attributes = {f"lynceus.{key}": text for key, text in about.items()}
        self._ended.append(
            TraceSpan(
                name=name,
                place=SpanId(secrets.randbits(128) or 1, secrets.randbits(64) or 1),
                parent=None,
                start=begun,
                end=max(begun, now_ms()),
                attributes=attributes | ({"error.type": failure} if failure else {}),
                failed=bool(failure),
                message=failure,
            )
        )
