"""
How a month will end and what is used of its budgets, in the language of the reader.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from collector.core.cost.meters import CONTEXT
from collector.core.cost.minor_units import minor_unit
from collector.language.language import Language, in_catalog
from collector.reports.budgets import BudgetState
from collector.reports.forecast import MonthForecast
from collector.reports.month_bill import MonthPlace, MonthReport
from collector.web.reports import addresses
from collector.web.reports.anomaly_sentence import anomaly_sentence

NO_FORECAST: Mapping[str, str] = {
    "few_days": in_catalog("fewer than three weeks of history"),
    "nothing_spent": in_catalog("hardly anything was spent in the last weeks"),
    "no_price": in_catalog("nothing has a known price"),
    "other_currency": in_catalog("what is spent is in another currency"),
}
"""Why there is no forecast."""
STATES: Mapping[str, str] = {
    "ok": in_catalog("within the budget"),
    "near": in_catalog("a threshold is reached"),
    "forecast": in_catalog("will probably be passed"),
    "passed": in_catalog("passed"),
    "unknown": in_catalog("not known"),
}
MOST = 10
"""Anomalies that are shown."""
ALARMING = ("forecast", "passed")


class ShownFigure(NamedTuple):
    """A key figure: what it is, and a note below it."""

    value: str
    note: str
    tone: str = ""
    """`over` where somebody should act."""


class ShownAnomaly(NamedTuple):
    """What costs more than usual."""

    sentence: str
    address: str
    """Of the dearest run; empty: it has no page."""


class ShownBudget(NamedTuple):
    """A row of the table of budgets."""

    name: str
    used: str
    amount: str
    share: Decimal | None
    likely: str
    state: str
    is_alarming: bool


def forecast_figure(report: MonthReport, currency: str, language: Language) -> ShownFigure:
    """What the month will cost."""
    if report.place.is_over:
        return ShownFigure("–", language.text("the month is over"))
    if report.outlook is None:
        return ShownFigure("…", language.text("being read"))
    found = report.outlook.forecast_of(currency)
    if found is None or found.likely is None or found.low is None or found.high is None:
        why = NO_FORECAST.get(found.why if found else "few_days", NO_FORECAST["few_days"])
        return ShownFigure(language.text("not known"), language.text(why))
    low, high = (language.amount(_rounded(bound, currency)) for bound in (found.low, found.high))
    note = language.text("{low} to {high}, in four of five cases", low=low, high=high)
    return ShownFigure(money(found.likely, currency, language), note)


def budget_figure(report: MonthReport, currency: str, language: Language) -> ShownFigure:
    """What is used of the budget of the place."""
    if report.outlook is None:
        return ShownFigure("…", language.text("being read"))
    found = report.outlook.own_budget(report.place, currency)
    if found is None:
        return ShownFigure("–", language.text("none is set"))
    if found.share is None:
        return ShownFigure(language.text("not known"), language.text(NO_FORECAST.get(found.why, found.why)))
    tone = "over" if found.state in ALARMING else ""
    return ShownFigure(language.percent(found.share), _budget_note(found, language), tone)


def _budget_note(found: BudgetState, language: Language) -> str:
    amount = money(found.budget.amount, found.budget.currency, language)
    if found.state == "passed":
        return language.text("of {amount}: passed", amount=amount)
    if found.passes_on:
        return language.text("of {amount}: used up on {day}", amount=amount, day=language.day(found.passes_on))
    if found.state == "ok":
        return language.text("of {amount}", amount=amount)
    return language.text("of {amount}: {state}", amount=amount, state=language.text(STATES[found.state]))


def budget_fact(report: MonthReport, currency: str, language: Language) -> str:
    """What is used of the budget, for a sentence; empty: there is none, or it is not known."""
    found = report.outlook.own_budget(report.place, currency) if report.outlook else None
    if found is None or found.share is None:
        return ""
    message = in_catalog("{share} of its budget") if report.place.department else in_catalog("{share} of the budget")
    return language.text(message, share=language.percent(found.share))


def shown_budgets(report: MonthReport, language: Language) -> list[ShownBudget]:
    """Every budget about the place."""
    return [_budget(one, language) for one in (report.outlook.budgets if report.outlook else ())]


def _budget(one: BudgetState, language: Language) -> ShownBudget:
    currency = one.budget.currency
    unknown = language.text("not known")
    return ShownBudget(
        name=one.budget.name,
        used=unknown if one.used is None else money(one.used, currency, language),
        amount=money(one.budget.amount, currency, language),
        share=one.share,
        likely="–" if one.likely is None else money(one.likely, currency, language),
        state=language.text(STATES[one.state]),
        is_alarming=one.state in ALARMING,
    )


def shown_anomalies(report: MonthReport, language: Language) -> list[ShownAnomaly]:
    """What costs more than usual, a sentence each."""
    found = report.outlook.anomalies[:MOST] if report.outlook else ()
    return [ShownAnomaly(anomaly_sentence(one, language), addresses.workflow(one.workflow_uid)) for one in found]


def range_of(place: MonthPlace, found: MonthForecast | None) -> tuple[Decimal, Decimal] | None:
    """The ends of a forecast's range in minor units; None: there is none."""
    if place.is_over or found is None or found.low is None or found.high is None:
        return None
    return _rounded(found.low, found.currency), _rounded(found.high, found.currency)


def money(amount: Decimal, currency: str, language: Language) -> str:
    """An amount in minor units."""
    return language.money(_rounded(amount, currency), currency)


def _rounded(amount: Decimal, currency: str) -> Decimal:
    return CONTEXT.quantize(amount, minor_unit(currency))
