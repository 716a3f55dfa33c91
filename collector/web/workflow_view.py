"""
What the page of a workflow draws beside its figures: which rows fit, the axis of its timeline, and words about other runs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from collector.core.model import WAITING_REASONS, Instant
from collector.language.language import SECOND_MS, Language, in_catalog
from collector.web import charts
from collector.web.api_workflow import Comparison, WorkflowDetail, WorkflowStep
from collector.web.reason_texts import MEANINGS

ROWS_SHOWN = 200
FAILED = ("Failed", "Error")
TIME_MEANINGS: Mapping[str, str] = MEANINGS | {
    "running": in_catalog("at least one main container runs"),
    "not_recorded": in_catalog("no collector watched it, so the reason is not known"),
}
COLUMN_PX = 48
"""Height of the highest column of other runs."""


def view(workflow: WorkflowDetail, rows: int, language: Language) -> dict[str, Any]:
    """The values that the template needs beside the workflow itself."""
    steps = first_steps(workflow.steps, rows)
    begin, end = axis(workflow, steps)
    drawn = {wait.reason for step in steps for wait in step.waits} | {"running"}
    columns = charts.columns([run.length_ms or 0 for run in reversed(workflow.others)], COLUMN_PX)
    return {
        "times": {part.reason: part.ms for part in workflow.times},
        "meanings": TIME_MEANINGS,
        "critical": [step for step in workflow.steps if step.critical][:rows],
        "steps": steps,
        "step_ids": {step.node_id for step in steps},
        "parts": {step.node_id: parts(step) for step in steps},
        "begin": begin,
        "end": end,
        "reasons": [reason for reason in (*WAITING_REASONS, "running") if reason in drawn],
        "pods": workflow.pods[:rows],
        "usual": usual(workflow, language),
        "columns": list(zip(columns, reversed(workflow.others), strict=True)),
    }


def first_steps(steps: Sequence[WorkflowStep], most: int) -> list[WorkflowStep]:
    """The critical path, failed steps and the longest, in the order of time."""
    weighty = sorted(steps, key=lambda step: (not step.critical, step.phase not in FAILED, -(step.length_ms or 0)))
    kept_ids = {step.node_id for step in weighty[:most]}
    return [step for step in steps if step.node_id in kept_ids]


def axis(workflow: WorkflowDetail, steps: Sequence[WorkflowStep]) -> tuple[Instant, Instant]:
    """From the first step to the last end: the wait before work would press the steps together."""
    begin = min((step.started_at for step in steps if step.started_at is not None), default=workflow.created_at)
    ends = [step.finished_at for step in steps if step.finished_at is not None]
    ends += [wait.end_at for step in steps for wait in step.waits]
    return begin, max([*ends, begin + SECOND_MS])


def parts(step: WorkflowStep) -> list[tuple[str, Instant, Instant]]:
    """The intervals of a step: its waits, then its run."""
    waited = [(wait.reason, wait.start_at, wait.end_at) for wait in step.waits]
    if step.running_from is None or step.running_ms is None:
        return waited
    return [*waited, ("running", step.running_from, step.running_from + step.running_ms)]


def usual(workflow: WorkflowDetail, language: Language) -> str:
    """What other runs of the template took and how they ended, compared with this one."""
    found = workflow.usual
    if found is None:
        return ""
    runs = language.plural(
        "Of the {number} run of {template} before it {succeeded} succeeded",
        "Of the {number} runs of {template} before it {succeeded} succeeded",
        found.runs,
        template=workflow.template,
        succeeded=language.count(found.succeeded),
    )
    if found.median_ms is None:
        return language.text("{runs}: too few for a usual length.", runs=runs)
    took = language.text(
        "{runs}; they took {median} in the median, from {shortest} to {longest}.",
        runs=runs,
        median=language.span(found.median_ms),
        shortest=language.span(found.shortest_ms),
        longest=language.span(found.longest_ms),
    )
    return language.text("{sentence} {next}", sentence=took, next=_judged(workflow, found, language))


def _judged(workflow: WorkflowDetail, usual: Comparison, language: Language) -> str:
    length = workflow.length_ms
    return language.text(_judgement(workflow.live, length, usual), span=language.span(length))


def _judgement(live: bool, length: int, usual: Comparison) -> str:
    if usual.longest_ms is not None and length > usual.longest_ms:
        if live:
            return in_catalog("This one has taken {span}: longer than each of them.")
        return in_catalog("This one took {span}: longer than each of them.")
    if live:
        return in_catalog("This one has taken {span} so far.")
    if usual.shortest_ms is not None and length < usual.shortest_ms:
        return in_catalog("This one took {span}: shorter than each of them.")
    return in_catalog("This one took {span}, as usual.")
