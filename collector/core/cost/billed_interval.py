"""
The billed interval of a pod: when its bill begins and ends, in whole seconds rounded up, by its product's rule.

An instant that cannot be (1970, years ahead, before the pod was made) is taken for none; without any that can, the charge
is flagged and has no amount. No interval is negative.
"""

import msgspec

from collector.core.cost.product import Confidence, IntervalRule, PendingLimit
from collector.core.facts.bills import PodRun
from collector.core.model import Instant
from collector.core.units import DAY_MS, MINUTE_MS

EARLIEST = 946_684_800_000
"""2000: no cloud billed anything before; 1970 means that nobody knows."""
SLACK_MS = MINUTE_MS
"""By how much the clocks of a node and of the API server may disagree before an end ahead of its beginning is absurd."""


class Interval(msgspec.Struct, frozen=True):
    """The billed seconds of a pod, and how many of them passed before its main container started."""

    begin: Instant
    seconds: int
    """Rounded up, and the product's minimum at least."""
    pending_seconds: int
    ran_seconds: int
    """Without the minimum: what midnights and price changes cut."""
    confidence: Confidence = "high"
    doubt: str = ""
    missing: str = ""
    """Why it cannot be billed."""


def billed_interval(run: PodRun, rule: IntervalRule, until: Instant, price_class: str = "") -> Interval | None:
    """From the first anchor that is known to the pod's end, or to `until` while it runs; None before it had an instance."""
    anchors: list[tuple[Instant | None, Confidence]] = [(getattr(run, f"{b.at}_at"), b.confidence) for b in rule.begin]
    if not any(at is not None for at, _ in anchors):
        if run.exit_code is None or run.finished_at is None:
            return None
        anchors = [(run.created_at, "low")]
    if not _got_instance(run, rule):
        return None
    known = [(at, confidence) for at, confidence in anchors if at is not None and _possible(at, run, until)]
    if not known:
        return Interval(_some_day(run, until), 0, 0, 0, "low", missing="absurd_begin")
    begin, confidence = known[0]
    started = run.main_started_at
    if started is not None and started < begin - SLACK_MS and _possible(started, run, until):
        # A container runs in an instance: a later word of its creation is a rewritten one.
        begin, confidence = started, "low"
    return _ended(run, rule, begin, confidence, until, price_class)


def _ended(
    run: PodRun, rule: IntervalRule, begin: Instant, confidence: Confidence, until: Instant, price_class: str
) -> Interval:
    end = max(begin, until) if run.finished_at is None else run.finished_at
    if end < begin - SLACK_MS or end > until + DAY_MS:
        return Interval(begin, 0, 0, 0, "low", missing="absurd_end")
    if run.reason == "vanished" or end < begin:
        confidence, end = "low", max(begin, end)
    limit_ms, understood = _limit(run, rule.pending_limit)
    if limit_ms and run.main_started_at is None and end - begin > limit_ms:
        # An init container that runs stops this clock, and nothing here tells whether one did.
        confidence, end = "low", begin + limit_ms
    ran = -(-(end - begin) // 1000)
    waited = -(-(min(end, max(begin, run.main_started_at or end)) - begin) // 1000)
    least = rule.minimum_by_class.get(price_class, rule.minimum_s)
    doubt = "" if understood else "malformed_limit"
    return Interval(begin, max(ran, least), waited, ran, "low" if doubt else confidence, doubt)


def _possible(at: Instant, run: PodRun, until: Instant) -> bool:
    """Whether something can have happened to the pod at an instant."""
    created = run.created_at if EARLIEST <= run.created_at <= until + DAY_MS else EARLIEST
    return max(EARLIEST, created - DAY_MS) <= at <= until + DAY_MS


def _some_day(run: PodRun, until: Instant) -> Instant:
    """An instant to book a charge on that has none of its own."""
    return run.created_at if EARLIEST <= run.created_at <= until else until


def _got_instance(run: PodRun, rule: IntervalRule) -> bool:
    """A virtual node takes every pod; one that it finds no stock for gets no instance, and no bill."""
    proven = run.instance_created_at or run.main_started_at or run.exit_code is not None or not rule.instance
    return bool(proven or any(key in run.pricing for key in rule.instance))


def _limit(run: PodRun, rule: PendingLimit | None) -> tuple[int, bool]:
    """After how long a pod that does not start is given up, and whether its annotation was understood; 0: never."""
    if rule is None:
        return 0, True
    text = run.pricing.get(rule.key)
    if text is None:
        return rule.minutes * MINUTE_MS, True
    known = text.isascii() and text.isdecimal() and len(text) < 6 and rule.least <= int(text) <= rule.most
    return (int(text) if known else rule.minutes) * MINUTE_MS, known
