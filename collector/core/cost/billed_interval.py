"""
Billed interval of a pod: begin and end of its bill by its product's rule, in whole seconds rounded up.

An impossible instant (1970, years ahead, before the pod's creation) is ignored. Without any possible instant the charge
is flagged and has no amount. No interval is negative, and main's own run is inside it whatever the product's rule is.
"""

from typing import Literal

import msgspec

from collector.core.cost.product import Confidence, IntervalRule, PendingLimit
from collector.core.facts.bills import PodRun
from collector.core.model import Instant
from collector.core.units import DAY_MS, MINUTE_MS

EARLIEST = 946_684_800_000
"""The year 2000: no cloud billed anything before; 1970 stands for an unknown time."""
SLACK_MS = MINUTE_MS
"""Largest clock difference between a node and the API server for which an end before its begin is still accepted."""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """Billed seconds of a pod, and how many of them passed before its main container started."""

    begin: Instant
    seconds: int
    """Rounded up, and at least the product's minimum."""
    pending_seconds: int
    ran_seconds: int
    """Seconds without the minimum; midnights and price changes divide these."""
    confidence: Confidence = "high"
    doubt: str = ""
    missing: Literal["", "absurd_begin", "absurd_end"] = ""
    """Reason why the pod cannot be billed; empty: it can."""


def billed_interval(run: PodRun, rule: IntervalRule, until: Instant, price_class: str = "") -> Interval | None:
    """Interval from the first known anchor to the pod's end, or to `until` while it runs; None: it has no instance yet."""
    anchors: list[tuple[Instant | None, Confidence]] = [(getattr(run, f"{b.at}_at"), b.confidence) for b in rule.begin]
    if not any(at is not None for at, _ in anchors):
        if run.exit_code is None or run.finished_at is None:
            return None
        anchors = [(run.created_at, "low")]
    if not _got_instance(run, rule):
        return None
    possible = [(at, confidence) for at, confidence in anchors if at is not None and _possible(at, run, until)]
    if not possible:
        return _unbilled(_booking_instant(run, until), "absurd_begin")
    begin, confidence = possible[0]
    started = run.main_started_at
    if started is not None and started < begin and _possible(started, run, until):
        # A container runs inside an instance on a node, so a creation or a binding after its start was written again.
        begin, confidence = started, "low"
    least = rule.minimum_by_class.get(price_class, rule.minimum_s)
    return _until_end(run, rule.pending_limit, until, begin=begin, confidence=confidence, minimum_s=least)


def _until_end(
    run: PodRun,
    pending_limit: PendingLimit | None,
    until: Instant,
    *,
    begin: Instant,
    confidence: Confidence,
    minimum_s: int,
) -> Interval:
    """Interval from a known begin to the pod's end."""
    end = max(begin, until) if run.finished_at is None else run.finished_at
    if end < begin - SLACK_MS or end > until + DAY_MS:
        return _unbilled(begin, "absurd_end")
    if run.reason == "vanished" or end < begin:
        confidence, end = "low", max(begin, end)
    limit_ms, understood = _limit(run, pending_limit)
    if limit_ms and run.main_started_at is None and end - begin > limit_ms:
        # A running init container stops the provider's limit, but the pod's row does not show whether one ran.
        confidence, end = "low", begin + limit_ms
    ran = -(-(end - begin) // 1000)
    return Interval(
        begin=begin,
        seconds=max(ran, minimum_s),
        pending_seconds=-(-(min(end, max(begin, run.main_started_at or end)) - begin) // 1000),
        ran_seconds=ran,
        confidence=confidence if understood else "low",
        doubt="" if understood else "malformed_limit",
    )


def _unbilled(begin: Instant, missing: Literal["absurd_begin", "absurd_end"]) -> Interval:
    """Interval of a pod that cannot be billed."""
    return Interval(begin=begin, seconds=0, pending_seconds=0, ran_seconds=0, confidence="low", missing=missing)


def _possible(at: Instant, run: PodRun, until: Instant) -> bool:
    """Whether an event of the pod is possible at an instant."""
    created = run.created_at if EARLIEST <= run.created_at <= until + DAY_MS else EARLIEST
    return max(EARLIEST, created - DAY_MS) <= at <= until + DAY_MS


def _booking_instant(run: PodRun, until: Instant) -> Instant:
    """Instant at which to book a charge that has no possible begin."""
    return run.created_at if EARLIEST <= run.created_at <= until else until


def _got_instance(run: PodRun, rule: IntervalRule) -> bool:
    """Whether the pod got an instance: a virtual node accepts every pod, but without stock there is no instance and no bill."""
    proven = run.instance_created_at or run.main_started_at or run.exit_code is not None or not rule.instance
    return bool(proven or any(key in run.pricing for key in rule.instance))


def _limit(run: PodRun, rule: PendingLimit | None) -> tuple[int, bool]:
    """Milliseconds after which billing of a pod that does not start ends (0: never), and whether its annotation parsed."""
    if rule is None:
        return 0, True
    text = run.pricing.get(rule.key)
    if text is None:
        return rule.minutes * MINUTE_MS, True
    valid = text.isascii() and text.isdecimal() and len(text) < 6 and rule.least <= int(text) <= rule.most
    return (int(text) if valid else rule.minutes) * MINUTE_MS, valid
