"""
One queue's history from what the store knows of the period and what the live view knows of now.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from collector.core.history.queue import LongWaiting, QueuePlace, QueueStep, StepsOfTime, StoredQueue
from collector.core.live_view import LiveView
from collector.core.model import BEFORE_WORK, Instant
from collector.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from collector.language.language import Language
from collector.web import limits
from collector.web.api_model import age
from collector.web.api_queue import (
    QueueCounts,
    QueueHistory,
    QueueHistoryStep,
    QueueLatency,
    TemplateInQueue,
    UnseenTime,
    WaitingWorkflow,
)
from collector.web.live import queue_now
from collector.web.queue_sentence import sentence


class PeriodChoice(NamedTuple):
    """A period that a reader may choose, and the length of its steps."""

    length_ms: int
    step_ms: int


PERIODS: Mapping[str, PeriodChoice] = {
    "1h": PeriodChoice(HOUR_MS, MINUTE_MS),
    "6h": PeriodChoice(6 * HOUR_MS, 5 * MINUTE_MS),
    "24h": PeriodChoice(DAY_MS, 15 * MINUTE_MS),
    "7d": PeriodChoice(7 * DAY_MS, 2 * HOUR_MS),
}
"""A step is a multiple of the time between samples; a chart has 60 to 100, so that single workflows do not make it jump."""


def steps_until(now: Instant, period: str) -> StepsOfTime:
    """The steps of a period that ends now; the first begins at a round time."""
    length_ms, step_ms = PERIODS[period]
    return StepsOfTime((now - length_ms) // step_ms * step_ms, now, step_ms)


def queue_page(
    place: QueuePlace,
    stored: StoredQueue | None,
    view: LiveView | None,
    *,
    period: str,
    steps: StepsOfTime,
    language: Language,
) -> QueueHistory | None:
    """The answer; None: neither the store nor the live view knows the queue. Without a view nothing is known of now."""
    present = queue_now(view, place.cluster, place.namespace, place.queue) if view else None
    if stored is None and present is None:
        return None
    known = stored or StoredQueue(steps=steps)
    found = QueueHistory(
        cluster=place.cluster,
        namespace=place.namespace,
        queue=place.queue,
        of_all=view is not None,
        sentence="",
        period=period,
        begin_at=steps.begin,
        end_at=steps.end,
        step_ms=steps.step_ms,
        now=present,
        **(_held_back(place, view) if view else {"slots": [], "locks": []}),
        whole=_counts(known.whole),
        steps=_steps(known),
        unseen=[UnseenTime(begin_at=one.begin, end_at=one.end, cause=one.cause) for one in known.unseen],
        waiting=[_waiting(one, steps.end) for one in known.waiting],
        templates=[TemplateInQueue.of(one, p95_ms=one.latency_p95) for one in known.templates],
    )
    return found.model_copy(update={"sentence": sentence(found, language)})


def _held_back(place: QueuePlace, view: LiveView) -> dict[str, Any]:
    """The limits and locks that hold the queue back now."""
    slots, locks = limits.slots(view.slots), limits.locks(view.locks, view.at)
    return {
        "slots": [one for one in slots if one.cluster == place.cluster and one.namespace in ("", place.namespace)],
        "locks": [one for one in locks if one.cluster == place.cluster and one.name.startswith(f"{place.namespace}/")],
    }


def _counts(step: QueueStep) -> QueueCounts:
    return QueueCounts(
        arrivals=step.arrivals,
        starts=step.starts,
        latency=QueueLatency(p50_ms=step.latency.p50, p95_ms=step.latency.p95, p99_ms=step.latency.p99),
        ends=step.ends,
    )


def _steps(known: StoredQueue) -> list[QueueHistoryStep]:
    totals = {depth.at: depth for depth in known.depths if not depth.reason}
    reasons: dict[Instant, dict[str, float]] = defaultdict(dict)
    for depth in known.depths:
        if depth.reason:
            reasons[depth.at][depth.reason] = round(depth.average, 3)
    found = []
    for at in known.steps.starts:
        total = totals.get(at)
        seen = total is not None or not _is_unseen(at, known)
        found.append(
            QueueHistoryStep(
                at=at,
                waiting=round(total.average, 3) if total else 0.0 if seen else None,
                waiting_peak=total.peak if total else 0 if seen else None,
                reasons=_in_order(reasons[at]),
                **dict(_counts(known.flow.get(at, QueueStep()))),
            )
        )
    return found


def _is_unseen(at: Instant, known: StoredQueue) -> bool:
    """Whether times without observation cover a step whole; they do not overlap."""
    end = min(at + known.steps.step_ms, known.steps.end)
    return sum(max(0, min(one.end, end) - max(one.begin, at)) for one in known.unseen) >= end - at


def _in_order(reasons: Mapping[str, float]) -> dict[str, float]:
    return {reason: reasons[reason] for reason in BEFORE_WORK if reason in reasons}


def _waiting(one: LongWaiting, now: Instant) -> WaitingWorkflow:
    return WaitingWorkflow.of(one, age_ms=age(now, one.created_at), reason_ms=age(now, one.reason_since))
