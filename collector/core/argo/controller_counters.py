"""
Increases of a controller's own counters between two readings.

A controller counts from 0 after each start; what is added up from these increases never falls. An increase between the last
reading and a restart is not seen.
"""

from collections.abc import Mapping
from decimal import Decimal
from itertools import chain

import msgspec

from collector.core.messages import ControllerCounters

CAUSES = ("OperationPanic", "CronWorkflowSubmissionError", "CronWorkflowSpecError")
"""Causes of Argo's counter error_count, from its workflow/metrics."""
THROTTLED = "429"
NOTHING = ControllerCounters()
WAIT_DIGITS = 6
"""Waits are added up in microseconds: a sum of floats would drift."""


class ControllerCounted(msgspec.Struct, frozen=True):
    """What one controller counted since the reading before; 0 for what can be counted and was not."""

    errors: dict[str, int]
    """By cause."""
    requests: dict[str, int]
    """By status code of the API server's answer."""
    api_wait_s: Decimal | None
    """Time that requests waited for the controller's rate limit; None: this release does not count it."""


def increase(before: ControllerCounters | None, now: ControllerCounters) -> ControllerCounted | None:
    """
    Return what was counted since the reading before; None: this reading shows nothing.

    `before` of None is a first reading, whose counts may be old. An empty reading is a standby's, which counts nothing.
    """
    if now == NOTHING:
        return None
    if before is None:
        before = now
    elif _is_reset(before, now):
        before = NOTHING
    return ControllerCounted(
        errors=dict.fromkeys(CAUSES, 0) | _increases(before.errors, now.errors),
        requests={THROTTLED: 0} | _increases(before.requests, now.requests),
        api_wait_s=None if now.api_wait_s is None else _wait_s(now.api_wait_s - (before.api_wait_s or 0.0)),
    )


def latest(before: ControllerCounters | None, now: ControllerCounters) -> ControllerCounters:
    """Return the reading that the next one is compared with: an empty one only if there is none before."""
    return before if before is not None and now == NOTHING else now


def _is_reset(before: ControllerCounters, now: ControllerCounters) -> bool:
    """Whether another process counts now: it began at another time; if that is not known, one of its counters is lower."""
    if before.started_at is not None and now.started_at is not None:
        return before.started_at != now.started_at
    pairs = chain(
        ((count, now.errors.get(cause, 0.0)) for cause, count in before.errors.items()),
        ((count, now.requests.get(code, 0.0)) for code, count in before.requests.items()),
        ((before.api_wait_s or 0.0, now.api_wait_s or 0.0),),
    )
    return any(after < earlier for earlier, after in pairs)


def _increases(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, int]:
    return {key: max(0, round(count - before.get(key, 0.0))) for key, count in now.items()}


def _wait_s(seconds: float) -> Decimal:
    return Decimal(max(0, round(seconds * 10**WAIT_DIGITS))).scaleb(-WAIT_DIGITS)
