"""
A queue in one sentence: how many wait and for what, whether it drains, and how long workflows waited in the period.
"""

from collector.core.units import MINUTE_MS
from collector.language.language import Language, in_catalog
from collector.web.api_models import Flow, Queue, ReasonCount
from collector.web.api_queue import QueueHistory
from collector.web.names import name_of

WAITS_FOR = {
    "unseen": in_catalog("for the controller"),
    "queued": in_catalog("for the queue manager"),
    "throttled": in_catalog("for parallelism"),
    "lock": in_catalog("for a lock"),
    "volume": in_catalog("for a volume"),
}
PERIOD_WORDS = {
    "1h": in_catalog("the last hour"),
    "6h": in_catalog("the last 6 hours"),
    "24h": in_catalog("the last 24 hours"),
    "7d": in_catalog("the last 7 days"),
}
PERIOD_NAMES = (in_catalog("1h"), in_catalog("6h"), in_catalog("24h"), in_catalog("7d"))
"""The choices on the page."""


def sentence(queue: QueueHistory, language: Language) -> str:
    """The sentence, with a full stop."""
    where = {"queue": queue.queue, "cluster": queue.cluster}
    past = _past(queue, language)
    if not queue.of_all:
        return language.text("{queue} on {cluster}: of yours, {past}.", past=past, **where)
    return language.text("{queue} on {cluster}: {now}; {past}.", now=_now(queue.now, language), past=past, **where)


def _now(queue: Queue | None, language: Language) -> str:
    if queue is None:
        return language.text("nothing waits")
    most = max(queue.reasons, key=lambda group: group.workflows)
    oldest = language.age(queue.oldest_age_ms)
    waits = language.text("{waiting}, the oldest for {age}", waiting=_waiting(queue, most, language), age=oldest)
    return f"{waits}{_flow(queue.flow, language)}"


def _waiting(queue: Queue, most: ReasonCount, language: Language) -> str:
    why = WAITS_FOR.get(most.reason, "")
    reason = language.text(why) if why else name_of(most.reason, language)
    if most.workflows == queue.depth:
        return language.plural("{number} waits {reason}", "{number} wait {reason}", queue.depth, reason=reason)
    return language.plural(
        "{number} waits, {part} {reason}",
        "{number} wait, {part} {reason}",
        queue.depth,
        part=language.count(most.workflows),
        reason=reason,
    )


def _flow(flow: Flow | None, language: Language) -> str:
    if flow is None or flow.state in ("empty", "unsettled"):
        return ""
    rates = {"arrivals": _rate(flow.arrivals, flow.window_ms), "starts": _rate(flow.starts, flow.window_ms)}
    if flow.state == "not_draining":
        return language.text("; not draining: {arrivals}/min arrive, {starts}/min start", **rates)
    if flow.state == "growing":
        return language.text("; growing: {arrivals}/min arrive, {starts}/min start", **rates)
    span = language.age(flow.drain_ms)
    return language.text("; drains in {span}: {arrivals}/min arrive, {starts}/min start", span=span, **rates)


def _rate(number: int, window_ms: int) -> str:
    per_minute = number * MINUTE_MS / window_ms if window_ms else 0
    return f"{per_minute:.1f}" if 0 < per_minute < 10 else f"{per_minute:,.0f}"


def _past(queue: QueueHistory, language: Language) -> str:
    when, whole = language.text(PERIOD_WORDS[queue.period]), queue.whole
    if not whole.starts:
        nothing = (
            in_catalog("in {period} nothing began") if whole.arrivals else in_catalog("in {period} nothing arrived")
        )
        return language.text(nothing, period=when)
    began, latency = language.count(whole.starts), whole.latency
    if latency.p50_ms is None or latency.p95_ms is None:
        return language.text("in {period} {number} began", period=when, number=began)
    return language.text(
        "in {period} {number} began, half of them within {half}, 95 % within {most}",
        period=when,
        number=began,
        half=language.span(latency.p50_ms),
        most=language.span(latency.p95_ms),
    )
