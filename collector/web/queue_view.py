"""
What the page of a queue draws beside its figures: four charts over the same time, and the table that has the same figures.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from collector.core.model import BEFORE_WORK, OUTCOMES
from collector.core.units import MINUTE_MS
from collector.language.language import Language, in_catalog
from collector.web import timeline, words
from collector.web.api_queue import QueueHistory, QueueHistoryStep, UnseenTime
from collector.web.names import name_of
from collector.web.reason_texts import MEANINGS
from collector.web.timeline import Axis, Chart, TimeOnAxis

OF_ALL = in_catalog("How many wait is counted for all departments together, and is not shown")
LATENCIES = ("p50_ms", "p95_ms", "p99_ms")


def view(queue: QueueHistory, language: Language) -> dict[str, Any]:
    """The values that the template needs beside the history itself."""
    axis = Axis(queue.begin_at, queue.end_at, queue.step_ms)
    reasons = {reason for step in queue.steps for reason in step.reasons}
    outcomes = {outcome for step in queue.steps for outcome in step.ends}
    return {
        "depth": _depth(axis, queue, language),
        "flow": _flow(axis, queue.steps, language),
        "latency": _latency(axis, queue.steps, language),
        "ends": _ends(axis, queue.steps, language),
        "reasons": [reason for reason in BEFORE_WORK if reason in reasons],
        "outcomes": [outcome for outcome in OUTCOMES if outcome in outcomes],
        "meanings": MEANINGS,
        "unseen": [_unseen_words(one, language) for one in queue.unseen] if queue.of_all else [language.text(OF_ALL)],
        "happened": [step for step in reversed(queue.steps) if _has_figures(step)],
    }


def _has_figures(step: QueueHistoryStep) -> bool:
    """Whether a row of the table would say anything."""
    return bool(step.waiting_peak or step.arrivals or step.starts or step.ends or step.waiting is None)


def _depth(axis: Axis, queue: QueueHistory, language: Language) -> Chart:
    steps = queue.steps
    top = timeline.top_of(max((step.waiting_peak or 0 for step in steps), default=0))
    return Chart(
        label=language.text("Waiting workflows by reason"),
        areas=timeline.areas(axis, [step.reasons for step in steps], BEFORE_WORK, top, "r-"),
        lines=[timeline.line(axis, "peak", [step.waiting_peak for step in steps], top)],
        times=axis.times(language),
        levels=timeline.levels(top),
        unseen=[
            axis.zone(
                TimeOnAxis(one.begin_at, one.end_at),
                _unseen_words(one, language) if queue.of_all else language.text(OF_ALL),
            )
            for one in queue.unseen
        ],
        tips=timeline.tips(axis, [_depth_words(step, language) for step in steps], language),
    )


def _depth_words(step: QueueHistoryStep, language: Language) -> str:
    if step.waiting is None:
        return language.text("not seen")
    if not step.waiting_peak:
        return language.text("nothing waited")
    return language.text(
        "{average} waited on average, {peak} at most: {reasons}",
        average=words.average(step.waiting),
        peak=language.count(step.waiting_peak),
        reasons=language.text(", ").join(
            f"{words.average(amount)} {name_of(reason, language)}" for reason, amount in step.reasons.items()
        ),
    )


def _unseen_words(one: UnseenTime, language: Language) -> str:
    why = (
        language.text("gap in the watch: {cause}", cause=name_of(one.cause, language))
        if one.cause
        else language.text("no sample was taken")
    )
    return language.text(
        "{begin} to {end} UTC was not seen ({why})",
        begin=words.clock(one.begin_at),
        end=words.clock(one.end_at),
        why=why,
    )


def _flow(axis: Axis, steps: Sequence[QueueHistoryStep], language: Language) -> Chart:
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
        label=language.text("Arrivals and starts a minute"),
        lines=[
            timeline.line(axis, "first", arrivals, top),
            timeline.line(axis, "second", starts, top),
        ],
        times=axis.times(language),
        levels=timeline.levels(top),
        tips=timeline.tips(axis, [_flow_words(step, language) for step in steps], language),
    )


def _flow_words(step: QueueHistoryStep, language: Language) -> str:
    counts = {"arrivals": language.count(step.arrivals), "starts": language.count(step.starts)}
    return language.text("{arrivals} arrived, {starts} began", **counts)


def _latency(axis: Axis, steps: Sequence[QueueHistoryStep], language: Language) -> Chart:
    found = {name: [getattr(step.latency, name) for step in steps] for name in LATENCIES}
    top = timeline.top_time(max((ms for ms in found["p99_ms"] if ms is not None), default=0))
    return Chart(
        label=language.text("Wait before work began"),
        lines=[timeline.line(axis, name.removesuffix("_ms"), found[name], top) for name in LATENCIES],
        times=axis.times(language),
        levels=timeline.levels(top, language.age),
        tips=timeline.tips(axis, [_latency_words(step, language) for step in steps], language),
    )


def _latency_words(step: QueueHistoryStep, language: Language) -> str:
    found = step.latency
    if found.p50_ms is None:
        return language.text("nothing began")
    return language.text(
        "half within {p50}, 95 % within {p95}, 99 % within {p99}",
        p50=language.span(found.p50_ms),
        p95=language.span(found.p95_ms),
        p99=language.span(found.p99_ms),
    )


def _ends(axis: Axis, steps: Sequence[QueueHistoryStep], language: Language) -> Chart:
    top = timeline.top_of(max((sum(step.ends.values()) for step in steps), default=0))
    return Chart(
        label=language.text("Ended attempts by outcome"),
        areas=timeline.areas(axis, [step.ends for step in steps], OUTCOMES, top, "o-"),
        times=axis.times(language),
        levels=timeline.levels(top),
        tips=timeline.tips(axis, [ends_words(step.ends, language) for step in steps], language),
    )


def ends_words(ends: Mapping[str, int], language: Language) -> str:
    """How many ended, by outcome."""
    parts = [f"{language.count(number)} {name_of(outcome, language)}" for outcome, number in ends.items()]
    return language.text(", ").join(parts) or language.text("nothing ended")
