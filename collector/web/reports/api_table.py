"""
The reports of the API, each declared once: its path, what it takes, and the question that it asks.

A new report is an entry of REPORTS; docs/reference/api.md, the address and its pages follow from it.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from collector.access.scope import Scope
from collector.language.language import language
from collector.reports.budgets import visible
from collector.reports.periods import parse_month
from collector.reports.questions import (
    ask_anomalies,
    ask_budgets,
    ask_comparison,
    ask_cost,
    ask_forecast,
    ask_queue,
    ask_shared,
    ask_steps,
    ask_success,
    ask_unallocated,
    ask_units,
    ask_workflows,
)
from collector.reports.report import Report
from collector.reports.savings_question import AskedNode, SavingsTerms, ask_savings
from collector.web.reports.anomaly_sentence import anomaly_sentence
from collector.web.reports.api_parameters import (
    AnomalyParameters,
    BillParameters,
    ComparisonParameters,
    CostParameters,
    ForecastParameters,
    MonthParameters,
    PageParameters,
    PeriodParameters,
    QueueParameters,
    SavingsParameters,
    SharedParameters,
    StepParameters,
    SuccessParameters,
    UnitParameters,
    WorkflowParameters,
)
from collector.web.reports.api_source import Answer, ApiReportSource


class ApiReport(NamedTuple):
    """A report of the API."""

    name: str
    """The last part of its path."""
    command: str
    """The command that prints the same."""
    about: str
    """What it answers."""
    parameters: type[PageParameters]
    answer: Callable[[Any, ApiReportSource], Answer]
    """Makes its answer of its parameters; a wrong one is a ReportError."""
    of_all: bool = False
    """Whether it is of all departments together, so that one of them may not read it."""


def _cost(given: CostParameters, source: ApiReportSource) -> Answer:
    period = given.period(source.zone)
    question = ask_cost(period, given.where, by=given.by, run=given.run, sort=given.sort, top=given.top)
    return source.report("cost", question)


def _units(given: UnitParameters, source: ApiReportSource) -> Answer:
    period = given.period(source.zone)
    return source.report("units", ask_units(period, given.where, by=given.by, unit=given.unit, units=source.units))


def _comparison(given: ComparisonParameters, source: ApiReportSource) -> Answer:
    period = given.period(source.zone)
    question = ask_comparison(period, given.where, by=given.by, compared=given.compare, top=given.top)
    return source.report("comparison", question)


def _queue(given: QueueParameters, source: ApiReportSource) -> Answer:
    return source.report("queue", ask_queue(given.period(source.zone), given.where, by=given.by, top=given.top))


def _success(given: SuccessParameters, source: ApiReportSource) -> Answer:
    return source.report("success", ask_success(given.period(source.zone), given.where, by=given.by, top=given.top))


def _steps(given: StepParameters, source: ApiReportSource) -> Answer:
    return source.report("steps", ask_steps(given.period(source.zone), given.workflow))


def _savings(given: SavingsParameters, source: ApiReportSource) -> Answer:
    node = AskedNode(given.node_type, given.node_size, given.node_gpus, given.node_price, given.per)
    terms = SavingsTerms(source.books, source.currency, source.now())
    period = given.period(source.zone)
    return source.report("savings", ask_savings(period, given.where, node, wait_s=given.wait, terms=terms))


def _anomalies(given: AnomalyParameters, source: ApiReportSource) -> Answer:
    in_words = partial(anomaly_sentence, language=language("en"))
    question = ask_anomalies(given.period(source.zone), given.where, top=given.top, sentence=in_words)
    return source.report("anomalies", question)


def _forecast(given: ForecastParameters, source: ApiReportSource) -> Answer:
    return source.report("forecast", ask_forecast(given.month, given.where, by=given.by, now=source.today))


def _budgets(given: MonthParameters, source: ApiReportSource) -> Answer:
    now = source.today
    ask_budgets(given.month, (), now=now)  # a wrong month is refused before the store is asked

    def answer(scope: Scope) -> Awaitable[Report]:
        return source.ask("budgets", scope, ask_budgets(given.month, visible(source.budgets, scope), now=now))

    return answer


def _unallocated(given: PeriodParameters, source: ApiReportSource) -> Answer:
    return source.report("unallocated", ask_unallocated(given.period(source.zone)))


def _shared(given: SharedParameters, source: ApiReportSource) -> Answer:
    return source.report("shared", ask_shared(given.month, given.department, now=source.today))


def _workflows(given: WorkflowParameters, source: ApiReportSource) -> Answer:
    question = ask_workflows(given.period(source.zone), given.where, sort=given.sort, top=given.top)
    return source.report("workflows", question)


def _months(_: PageParameters, source: ApiReportSource) -> Answer:
    return source.months


def _bill(given: BillParameters, source: ApiReportSource) -> Answer:
    month = parse_month(given.month)
    return lambda scope: source.bill(scope, month)


REPORTS = (
    ApiReport(
        "cost",
        "report cost",
        "What is to pay for a period, shared costs included, and what it was spent on",
        CostParameters,
        _cost,
    ),
    ApiReport(
        "comparison",
        "report cost --compare",
        "Why a period cost more than another one",
        ComparisonParameters,
        _comparison,
    ),
    ApiReport("units", "report cost --unit", "What one unit cost, such as a kilometre", UnitParameters, _units),
    ApiReport(
        "queue", "report queue", "How long workflows waited before they started, and for what", QueueParameters, _queue
    ),
    ApiReport(
        "success",
        "report success",
        "How workflows ended, the success rates, and the causes of failure",
        SuccessParameters,
        _success,
    ),
    ApiReport(
        "steps", "report steps", "The critical path and the slowest steps of one workflow", StepParameters, _steps
    ),
    ApiReport(
        "savings",
        "report savings",
        "What a fixed pool of nodes would have cost, and what spot and sizes cost",
        SavingsParameters,
        _savings,
    ),
    ApiReport(
        "anomalies",
        "report anomalies",
        "Runs, versions and days that cost far more than usual, and why",
        AnomalyParameters,
        _anomalies,
    ),
    ApiReport(
        "forecast",
        "report forecast",
        "What a month will cost: to date, likely, and from low to high in four of five cases",
        ForecastParameters,
        _forecast,
    ),
    ApiReport(
        "budgets",
        "report budgets",
        "How far a month has gone towards each budget of the settings, and what is likely",
        MonthParameters,
        _budgets,
    ),
    ApiReport(
        "workflows",
        "report workflows",
        "What each workflow cost, the dearest first, and how it ended",
        WorkflowParameters,
        _workflows,
    ),
    ApiReport(
        "shared",
        "report shared",
        "What a department pays of shared costs, and by which weight",
        SharedParameters,
        _shared,
    ),
    ApiReport(
        "unallocated",
        "report unallocated",
        "What belongs to no department, whose it probably is, and the rule that would allocate it",
        PeriodParameters,
        _unallocated,
        of_all=True,
    ),
    ApiReport(
        "months",
        "period list",
        "Months with state, pricing run and what is to pay",
        PageParameters,
        _months,
        of_all=True,
    ),
    ApiReport(
        "bill", "bill show", "The provider's bill of a month beside the charges", BillParameters, _bill, of_all=True
    ),
)
