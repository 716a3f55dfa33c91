"""
One template's history from what the store knows, with shares and the cost of a success.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from collector.core.history.queue import StepsOfTime
from collector.core.history.template import RunCost, RunsOfTime, StoredTemplate, TemplatePlace
from collector.core.history.workflow import OtherRun
from collector.core.model import REASONS, WAITING_REASONS, Instant
from collector.core.units import DAY_MS, HOUR_MS
from collector.language.language import Language
from collector.web.api_template import (
    CostOfRuns,
    FailureOfTemplate,
    ReasonTime,
    RunsOfTemplate,
    StepOnPath,
    TemplateHistory,
    TemplatePlaceRead,
    TemplateStep,
    TemplateVersion,
)
from collector.web.api_workflow import RunOfTemplate
from collector.web.money import EXACT, plain
from collector.web.queue_history import PeriodChoice
from collector.web.template_sentence import changed, sentence

PERIODS: Mapping[str, PeriodChoice] = {
    "24h": PeriodChoice(DAY_MS, HOUR_MS),
    "7d": PeriodChoice(7 * DAY_MS, 6 * HOUR_MS),
    "30d": PeriodChoice(30 * DAY_MS, DAY_MS),
    "90d": PeriodChoice(90 * DAY_MS, DAY_MS),
}
PLACES = Decimal("0.000001")
"""A cost of a success is a quotient: a millionth is more than any price book states."""


def template_steps(now: Instant, period: str) -> StepsOfTime:
    """The steps of a period that ends now; the first begins at a round time."""
    length_ms, step_ms = PERIODS[period]
    return StepsOfTime((now - length_ms) // step_ms * step_ms, now, step_ms)


def template_page(place: TemplatePlace, stored: StoredTemplate, period: str, language: Language) -> TemplateHistory:
    """The answer of API and page."""
    found = TemplateHistory(
        sentence="",
        template=place.template,
        cluster=place.cluster,
        namespace=place.namespace,
        places=[TemplatePlaceRead(cluster=cluster, namespace=namespace) for cluster, namespace in stored.places],
        period=period,
        begin_at=stored.steps.begin,
        end_at=stored.steps.end,
        step_ms=stored.steps.step_ms,
        now=dict(stored.now),
        whole=_runs(stored.period),
        this_week=_runs(stored.this_week),
        last_week=_runs(stored.last_week),
        steps=[TemplateStep.of(step) for step in stored.trend],
        versions=[TemplateVersion.of(version) for version in stored.versions],
        changed="",
        path=[StepOnPath.of(step) for step in stored.critical],
        path_runs=stored.critical_runs,
        failures=[FailureOfTemplate.of(cause) for cause in stored.failures],
        recent=[_recent(run) for run in stored.recent],
    )
    found = found.model_copy(update={"changed": changed(found.versions, language)})
    return found.model_copy(update={"sentence": sentence(found, language)})


def _recent(run: OtherRun) -> RunOfTemplate:
    return RunOfTemplate.of(run, cost=plain(run.cost))


def _runs(of_time: RunsOfTime) -> RunsOfTemplate:
    lengths = of_time.lengths
    whole = sum(lengths.reasons_ms.values())
    in_order = [reason for reason in (*WAITING_REASONS, *REASONS) if lengths.reasons_ms.get(reason)]
    return RunsOfTemplate(
        runs=lengths.runs,
        succeeded=lengths.succeeded,
        success=lengths.succeeded / lengths.runs if lengths.runs else None,
        outcomes=dict(lengths.outcomes),
        p50_ms=lengths.p50_ms,
        p95_ms=lengths.p95_ms,
        retries=lengths.retries,
        times=[
            ReasonTime(reason=reason, ms=lengths.reasons_ms[reason], share=lengths.reasons_ms[reason] / whole)
            for reason in dict.fromkeys(in_order)
        ],
        costs=[_cost(cost, lengths.succeeded) for cost in of_time.costs],
    )


def _cost(cost: RunCost, succeeded: int) -> CostOfRuns:
    known: dict[str, Any] = {"cost": plain(cost.cost), "wasted": plain(cost.wasted)}
    return CostOfRuns.of(cost, of_a_success=plain(_of_a_success(cost.cost, succeeded)), **known)


def _of_a_success(cost: Decimal | None, succeeded: int) -> Decimal | None:
    if cost is None or not succeeded:
        return None
    return EXACT.quantize(EXACT.divide(cost, Decimal(succeeded)), PLACES)
