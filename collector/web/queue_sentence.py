"""
A queue in one sentence: how many wait and for what, whether it drains, and how long workflows waited in the period.
"""

from collector.core.units import MINUTE_MS
from collector.web import words
from collector.web.api_models import Flow, Queue
from collector.web.api_queue import QueueHistory

WAITS_FOR = {
    "unseen": "for the controller",
    "queued": "for the queue manager",
    "throttled": "for parallelism",
    "lock": "for a lock",
    "volume": "for a volume",
}
PERIOD_WORDS = {"1h": "the last hour", "6h": "the last 6 hours", "24h": "the last 24 hours", "7d": "the last 7 days"}


def sentence(queue: QueueHistory) -> str:
    """The sentence, with a full stop."""
    now = f"{_now(queue.now)}; " if queue.of_all else "of yours, "
    return f"{queue.queue} on {queue.cluster}: {now}{_past(queue)}."


def _now(queue: Queue | None) -> str:
    if queue is None:
        return "nothing waits"
    most = max(queue.reasons, key=lambda group: group.workflows)
    why = WAITS_FOR.get(most.reason, words.reason(most.reason))
    waits = f"{words.count(queue.depth)} {'waits' if queue.depth == 1 else 'wait'}"
    for_what = f"{waits} {why}" if most.workflows == queue.depth else f"{waits}, {words.count(most.workflows)} {why}"
    oldest = f"the oldest for {words.age(queue.oldest_age_ms)}"
    return f"{for_what}, {oldest}{_flow(queue.flow)}"


def _flow(flow: Flow | None) -> str:
    if flow is None or flow.state in ("empty", "unsettled"):
        return ""
    rates = f"{_rate(flow.arrivals, flow.window_ms)} arrive, {_rate(flow.starts, flow.window_ms)} start"
    if flow.state == "not_draining":
        return f"; not draining: {rates}"
    if flow.state == "growing":
        return f"; growing: {rates}"
    return f"; drains in {words.age(flow.drain_ms)}: {rates}"


def _rate(number: int, window_ms: int) -> str:
    per_minute = number * MINUTE_MS / window_ms if window_ms else 0
    return f"{per_minute:.1f}/min" if 0 < per_minute < 10 else f"{per_minute:,.0f}/min"


def _past(queue: QueueHistory) -> str:
    when, whole = PERIOD_WORDS[queue.period], queue.whole
    if not whole.starts:
        return f"in {when} {'nothing arrived' if not whole.arrivals else 'nothing began'}"
    began = f"in {when} {words.count(whole.starts)} began"
    latency = whole.latency
    if latency.p50_ms is None or latency.p95_ms is None:
        return began
    return f"{began}, half of them within {words.span(latency.p50_ms)}, 95 % within {words.span(latency.p95_ms)}"
