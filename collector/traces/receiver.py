"""
What sends spans, as the export sees it.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from collector.traces.span import TraceSpan

SPANS_A_REQUEST = 512
"""About 300 KB before compression; receivers take 4 MB and more."""


class ReceiverAwayError(Exception):
    """The receiver did not take a request, and may take the same one later."""


class SpansRefusedError(Exception):
    """The receiver will never take a request."""


class TraceReceiver(Protocol):
    """Takes spans. Blocking; one thread uses it."""

    def send(self, resource: Mapping[str, str], spans: Sequence[TraceSpan]) -> None:
        """Sends spans in one request; ReceiverAwayError: again later, SpansRefusedError: never again."""

    def close(self) -> None:
        """Ends the connection."""


def requests_of(spans: Sequence[TraceSpan]) -> list[Sequence[TraceSpan]]:
    """Spans cut into what one request takes."""
    return [spans[begin : begin + SPANS_A_REQUEST] for begin in range(0, len(spans), SPANS_A_REQUEST)]
