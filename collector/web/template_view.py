"""
What the page of a template draws beside its figures: outcomes and lengths over time, and where the time went.
"""

from typing import Any

from collector.core.model import OUTCOMES
from collector.language.language import Language, in_catalog
from collector.web import timeline
from collector.web.api_template import TemplateHistory, TemplateStep
from collector.web.queue_view import ends_words
from collector.web.timeline import Axis, Chart
from collector.web.workflow_view import TIME_MEANINGS

LENGTHS = ("p50_ms", "p95_ms")


def view(template: TemplateHistory, language: Language) -> dict[str, Any]:
    """The values that the template needs beside the history itself."""
    axis = Axis(template.begin_at, template.end_at, template.step_ms)
    known = {step.at: step for step in template.steps}
    steps = [known.get(step.begin) or _nothing(step.begin) for step in axis.steps]
    return {
        "ends": _ends(axis, steps, language),
        "lengths": _lengths(axis, steps, language),
        "outcomes": [outcome for outcome in OUTCOMES if outcome in template.whole.outcomes],
        "times": {part.reason: part.ms for part in template.whole.times},
        "meanings": TIME_MEANINGS,
        "weeks": ((in_catalog("This week"), template.this_week), (in_catalog("Last week"), template.last_week)),
    }


def _nothing(at: int) -> TemplateStep:
    return TemplateStep(at=at, outcomes={}, p50_ms=None, p95_ms=None)


def _ends(axis: Axis, steps: list[TemplateStep], language: Language) -> Chart:
    top = timeline.top_of(max(sum(step.outcomes.values()) for step in steps))
    return Chart(
        label=language.text("Ended runs by outcome"),
        areas=timeline.areas(axis, [step.outcomes for step in steps], OUTCOMES, top, "o-"),
        times=axis.times(language),
        levels=timeline.levels(top),
        tips=timeline.tips(axis, [ends_words(step.outcomes, language) for step in steps], language),
    )


def _lengths(axis: Axis, steps: list[TemplateStep], language: Language) -> Chart:
    top = timeline.top_time(max((step.p95_ms or 0 for step in steps), default=0))
    return Chart(
        label=language.text("Length of runs that succeeded"),
        lines=[
            timeline.line(axis, name.removesuffix("_ms"), [getattr(step, name) for step in steps], top)
            for name in LENGTHS
        ],
        times=axis.times(language),
        levels=timeline.levels(top, language.age),
        tips=timeline.tips(axis, [_length_words(step, language) for step in steps], language),
    )


def _length_words(step: TemplateStep, language: Language) -> str:
    if step.p50_ms is None:
        return language.text("none succeeded")
    return language.text(
        "half within {p50}, 95 % within {p95}", p50=language.span(step.p50_ms), p95=language.span(step.p95_ms)
    )
