"""
A month's bill as one HTML file: without a script, a picture or an address of elsewhere, for mail, archives and printers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from collector.clock import now_ms
from collector.core.cost.attribution import UNALLOCATED
from collector.core.units import ZERO
from collector.language.language import Language
from collector.reports.month_bill import MonthAmounts, MonthReport
from collector.reports.month_state import SHORT
from collector.web.pages import templates_in
from collector.web.reports.bill_tables import MOST_ROWS, BillTable, alone, tables_of
from collector.web.reports.outlook import (
    ShownBudget,
    ShownFigure,
    budget_figure,
    forecast_figure,
    shown_anomalies,
    shown_budgets,
)
from collector.web.reports.sentence import sentence
from collector.web.reports.words import STATES

HEIGHT = 64
"""Of the highest day's bar."""
MOST_ANOMALIES = 5
"""As many sentences as leave the file on two printed pages; the page has more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBar:
    """The bar of a day."""

    x: int
    y: float
    height: float
    text: str
    """The day and its amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountsShown:
    """What a snapshot shows of one currency."""

    currency: str
    figures: Mapping[str, ShownFigure]
    """By its name, the most important first."""
    bars: list[DayBar]
    tables: list[BillTable]
    unpriced: int
    accruing: int


def snapshot(
    report: MonthReport, language: Language, *, made_at: int | None = None, links: Sequence[tuple[str, str]] = ()
) -> str:
    """The file. `made_at`: when, as Unix milliseconds; now by default. `links`: what a mail leads to, texts and addresses."""
    state, place = report.state, report.place
    zone = ZoneInfo(place.zone)
    at = datetime.fromtimestamp((now_ms() if made_at is None else made_at) / 1000, zone)
    until = report.complete_until
    return (
        templates_in(language)
        .get_template("reports/snapshot.html")
        .render(
            language=language,
            sentence=sentence(report, language),
            name=name_of(place.department, language),
            month=language.month(place.month),
            state=language.text(STATES[state.state]),
            run=state.run,
            hash=state.hash[:SHORT],
            until=language.instant(until) if until else "",
            made_at=language.instant(at),
            zone=place.zone,
            gaps=[one.cluster for one in report.gaps if one.gaps],
            amounts=[_shown(one, report, language) for one in report.amounts],
            links=links,
            is_read=report.outlook is not None,
            anomalies=shown_anomalies(report, language)[:MOST_ANOMALIES],
            budgets=_budgets(report, language),
        )
    )


def name_of(department: str, language: Language) -> str:
    """Whose bill it is."""
    if not department:
        return language.text("All departments")
    return language.text("Unallocated") if department == UNALLOCATED else department


def _shown(amounts: MonthAmounts, report: MonthReport, language: Language) -> AmountsShown:
    def money(amount: Decimal | None) -> ShownFigure:
        return ShownFigure(alone(amount, amounts.currency, language), "")

    figures = {language.text("To pay"): money(amounts.to_pay), **_outlook(amounts.currency, report, language)}
    if amounts.before is not None and amounts.before.to_pay is not None:
        figures[language.month(report.place.before.begin)] = money(amounts.before.to_pay)
    if amounts.shared:
        figures[language.text("Shared costs in it")] = money(amounts.shared)
    if amounts.waste:
        figures[language.text("Waste in it")] = money(amounts.waste)
    if amounts.unallocated:
        figures[language.text("Unallocated")] = money(amounts.unallocated)
    return AmountsShown(
        currency=amounts.currency,
        figures=figures,
        bars=_bars(amounts, language),
        tables=tables_of(amounts, language),
        unpriced=amounts.unpriced,
        accruing=amounts.accruing,
    )


def _outlook(currency: str, report: MonthReport, language: Language) -> dict[str, ShownFigure]:
    """What is used of the budget, and what the month will cost, as far as there is any; nothing where they were not read."""
    if report.outlook is None:
        return {}
    figures = dict[str, ShownFigure]()
    if report.outlook.own_budget(report.place, currency) is not None:
        figures[language.text("Budget used")] = budget_figure(report, currency, language)
    if not report.place.is_over:
        figures[language.text("Forecast")] = forecast_figure(report, currency, language)
    return figures


def _budgets(report: MonthReport, language: Language) -> list[ShownBudget]:
    """As many as a table has rows, those first that somebody should look at, and how many others there are."""
    found = sorted(shown_budgets(report, language), key=lambda one: not one.is_alarming)
    if len(found) <= MOST_ROWS + 1:
        return found
    others = language.plural("{number} other", "{number} others", len(found) - MOST_ROWS)
    rest = ShownBudget(name=others, used="–", amount="–", share=None, likely="–", state="–", is_alarming=False)
    return [*found[:MOST_ROWS], rest]


def _bars(amounts: MonthAmounts, language: Language) -> list[DayBar]:
    """A bar for each day; none where a single day has all."""
    highest = max(amounts.days.values(), default=ZERO)
    if len(amounts.days) < 2 or highest <= 0:
        return []
    days = sorted(amounts.days.items())
    return [
        _bar(day, amount, highest, f"{language.day(day)}: {alone(amount, amounts.currency, language)}")
        for day, amount in days
    ]


def _bar(day: date, amount: Decimal, highest: Decimal, text: str) -> DayBar:
    height = round(max(0.0, float(amount / highest)) * HEIGHT, 1)
    return DayBar(x=(day.day - 1) * 20, y=HEIGHT - height, height=height, text=text)
