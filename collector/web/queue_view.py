"""
What the page of a queue draws beside its figures: four charts over the same time, and the table that has the same figures.
"""

from collections.abc import Sequence
from typing import Any

from collector.core.model import BEFORE_WORK, OUTCOMES
from collector.core.units import MINUTE_MS
from collector.web import timeline, words
from collector.web.api_queue import QueueHistory, QueueHistoryStep, UnseenTime
from collector.web.reason_texts import MEANINGS
from collector.web.timeline import Axis, Chart, TimeOnAxis

OF_ALL = "How many wait is counted for all departments together, and is not shown"
LATENCIES = ("p50_ms", "p95_ms", "p99_ms")


def view(queue: QueueHistory) -> dict[str, Any]:
    """The values that the template needs beside the history itself."""
    axis = Axis(queue.begin_at, queue.end_at, queue.step_ms)
    reasons = {reason for step in queue.steps for reason in step.reasons}
    outcomes = {outcome for step in queue.steps for outcome in step.ends}
    return {
        "depth": _depth(axis, queue),
        "flow": _flow(axis, queue.steps),
        "latency": _latency(axis, queue.steps),
        "ends": _ends(axis, queue.steps),
        "reasons": [reason for reason in BEFORE_WORK if reason in reasons],
        "outcomes": [outcome for outcome in OUTCOMES if outcome in outcomes],
        "meanings": MEANINGS,
        "unseen": [_unseen_words(one) for one in queue.unseen] if queue.of_all else [OF_ALL],
        "happened": [step for step in reversed(queue.steps) if _has_figures(step)],
    }


def _has_figures(step: QueueHistoryStep) -> bool:
    """Whether a row of the table would say anything."""
    return bool(step.waiting_peak or step.arrivals or step.starts or step.ends or step.waiting is None)


def _depth(axis: Axis, queue: QueueHistory) -> Chart:
    steps = queue.steps
    top = timeline.top_of(max((step.waiting_peak or 0 for step in steps), default=0))
    return Chart(
        label="Waiting workflows by reason",
        areas=timeline.areas(axis, [step.reasons for step in steps], BEFORE_WORK, top, "r-"),
        lines=[timeline.line(axis, "peak", [step.waiting_peak for step in steps], top)],
        times=axis.times(),
        levels=timeline.levels(top),
        unseen=[
            axis.zone(TimeOnAxis(one.begin_at, one.end_at), _unseen_words(one) if queue.of_all else OF_ALL)
            for one in queue.unseen
        ],
        tips=timeline.tips(axis, [_depth_words(step) for step in steps]),
    )


def _depth_words(step: QueueHistoryStep) -> str:
    if step.waiting is None:
        return "not seen"
    if not step.waiting_peak:
        return "nothing waited"
    reasons = ", ".join(f"{words.average(amount)} {words.reason(reason)}" for reason, amount in step.reasons.items())
    return f"{words.average(step.waiting)} waited on average, {words.count(step.waiting_peak)} at most: {reasons}"


def _unseen_words(one: UnseenTime) -> str:
    why = f"gap in the watch: {one.cause}" if one.cause else "no sample was taken"
    return f"{words.clock(one.begin_at)} to {words.clock(one.end_at)} UTC was not seen ({why})"


def _flow(axis: Axis, steps: Sequence[QueueHistoryStep]) -> Chart:
    """Arrivals and starts a minute: both are counted, so a step without any has 0."""
    minutes = [max(step.end - step.begin, 1) / MINUTE_MS for step in axis.steps]
    # A step that has just begun would show a rate by chance.
    whole = [step.end - step.begin >= axis.step_ms / 2 for step in axis.steps]
    arrivals, starts = (
        [
            number / length if enough else None
            for number, length, enough in zip([getattr(step, what) for step in steps], minutes, whole, strict=True)
        ]
        for what in ("arrivals", "starts")
    )
    top = timeline.top_of(max((rate for rate in (*arrivals, *starts) if rate is not None), default=0))
    return Chart(
        label="Arrivals and starts a minute",
        lines=[
            timeline.line(axis, "first", arrivals, top),
            timeline.line(axis, "second", starts, top),
        ],
        times=axis.times(),
        levels=timeline.levels(top),
        tips=timeline.tips(
            axis, [f"{words.count(step.arrivals)} arrived, {words.count(step.starts)} began" for step in steps]
        ),
    )


def _latency(axis: Axis, steps: Sequence[QueueHistoryStep]) -> Chart:
    found = {name: [getattr(step.latency, name) for step in steps] for name in LATENCIES}
    top = timeline.top_time(max((ms for ms in found["p99_ms"] if ms is not None), default=0))
    return Chart(
        label="Wait before work began",
        lines=[timeline.line(axis, name.removesuffix("_ms"), found[name], top) for name in LATENCIES],
        times=axis.times(),
        levels=timeline.levels(top, words.age),
        tips=timeline.tips(axis, [_latency_words(step) for step in steps]),
    )


def _latency_words(step: QueueHistoryStep) -> str:
    found = step.latency
    if found.p50_ms is None:
        return "nothing began"
    return (
        f"half within {words.span(found.p50_ms)}, 95 % within {words.span(found.p95_ms)}, 99 % within "
        f"{words.span(found.p99_ms)}"
    )


def _ends(axis: Axis, steps: Sequence[QueueHistoryStep]) -> Chart:
    top = timeline.top_of(max((sum(step.ends.values()) for step in steps), default=0))
    return Chart(
        label="Ended attempts by outcome",
        areas=timeline.areas(axis, [step.ends for step in steps], OUTCOMES, top, "o-"),
        times=axis.times(),
        levels=timeline.levels(top),
        tips=timeline.tips(axis, [_ends_words(step) for step in steps]),
    )


def _ends_words(step: QueueHistoryStep) -> str:
    return ", ".join(f"{words.count(number)} {outcome}" for outcome, number in step.ends.items()) or "nothing ended"
