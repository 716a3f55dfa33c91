"""
What the page of a template draws beside its figures: outcomes and lengths over time, and where the time went.
"""

from typing import Any

from collector.core.model import OUTCOMES
from collector.web import timeline, words
from collector.web.api_template import TemplateHistory, TemplateStep
from collector.web.timeline import Axis, Chart
from collector.web.workflow_view import TIME_MEANINGS

LENGTHS = ("p50_ms", "p95_ms")


def view(template: TemplateHistory) -> dict[str, Any]:
    """The values that the template needs beside the history itself."""
    axis = Axis(template.begin_at, template.end_at, template.step_ms)
    known = {step.at: step for step in template.steps}
    steps = [known.get(step.begin) or _nothing(step.begin) for step in axis.steps]
    return {
        "ends": _ends(axis, steps),
        "lengths": _lengths(axis, steps),
        "outcomes": [outcome for outcome in OUTCOMES if outcome in template.whole.outcomes],
        "times": {part.reason: part.ms for part in template.whole.times},
        "meanings": TIME_MEANINGS,
        "weeks": (("This week", template.this_week), ("Last week", template.last_week)),
    }


def _nothing(at: int) -> TemplateStep:
    return TemplateStep(at=at, outcomes={}, p50_ms=None, p95_ms=None)


def _ends(axis: Axis, steps: list[TemplateStep]) -> Chart:
    top = timeline.top_of(max(sum(step.outcomes.values()) for step in steps))
    return Chart(
        label="Ended runs by outcome",
        areas=timeline.areas(axis, [step.outcomes for step in steps], OUTCOMES, top, "o-"),
        times=axis.times(),
        levels=timeline.levels(top),
        tips=timeline.tips(axis, [_ends_words(step) for step in steps]),
    )


def _ends_words(step: TemplateStep) -> str:
    return ", ".join(f"{words.count(number)} {outcome}" for outcome, number in step.outcomes.items()) or "nothing ended"


def _lengths(axis: Axis, steps: list[TemplateStep]) -> Chart:
    top = timeline.top_time(max((step.p95_ms or 0 for step in steps), default=0))
    return Chart(
        label="Length of runs that succeeded",
        lines=[
            timeline.line(axis, name.removesuffix("_ms"), [getattr(step, name) for step in steps], top)
            for name in LENGTHS
        ],
        times=axis.times(),
        levels=timeline.levels(top, words.age),
        tips=timeline.tips(axis, [_length_words(step) for step in steps]),
    )


def _length_words(step: TemplateStep) -> str:
    if step.p50_ms is None:
        return "none succeeded"
    return f"half within {words.span(step.p50_ms)}, 95 % within {words.span(step.p95_ms)}"
