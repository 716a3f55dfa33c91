"""
What a report's message says: the first sentence, the key figures, what is unusual, and where to read on.

Everything is read off one MonthReport, so that a message can hold nothing that the page of its department would not show.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from collector.core.units import ZERO
from collector.delivery.message import Attachment, KeyFigure, Message
from collector.language.language import Language, in_catalog, language
from collector.reports.budgets import BudgetState
from collector.reports.month_bill import MonthAmounts, MonthPlace, MonthReport
from collector.settings.delivery import ScheduledReport
from collector.shown_text import on_one_line
from collector.web.reports import addresses
from collector.web.reports.outlook import ALARMING, forecast_figure, money, shown_anomalies
from collector.web.reports.sentence import change_of, sentence
from collector.web.reports.snapshot import name_of, snapshot

MOST_CURRENCIES = 3
MOST_BUDGETS = 3
MOST_ANOMALIES = 3
ROWS_BY = ("project", "template", "product", "purchase", "class")
"""The columns of the rows that go with a message, after the department where it is of all."""
TEST = "test"
"""Begins the id of a message that `lynceus report send --test` sends."""


def month_shown(report: ScheduledReport, today: date) -> date:
    """The first day of the month that a report shows on a day."""
    first = today.replace(day=1)
    return first if report.what == "month_so_far" else (first - timedelta(days=1)).replace(day=1)


def as_message(
    report: ScheduledReport, found: MonthReport, identity: str, *, external_url: str, rows: str = ""
) -> Message:
    """The message of a month. `rows`: the CSV that goes with it; `identity`: the same for each attempt to send it."""
    words = language(report.language)
    month = found.place.month
    whom = name_of(found.place.department, words)
    title = words.text("{department}: costs of {month}", department=whom, month=words.month(month))
    address = page_address(external_url, found.place.department, month)
    rows_link = rows_address(external_url, found.place) if report.attach == "link" else ""
    message = Message(
        id=identity,
        title=on_one_line(words.text("Test: {title}", title=title) if identity.startswith(TEST) else title),
        sentence=sentence(found, words),
        figures=tuple(_figures(found, words)),
        notes=tuple(_notes(found, words)),
        link=address,
        link_text=words.text("Open the report") if address else "",
        rows_link=rows_link,
        rows_text=words.text("Download the rows as CSV") if rows_link else "",
        attachment=Attachment(file_name(found), rows) if rows else None,
        language=report.language,
        facts={"report": report.name, "department": report.department, "month": f"{month:%Y-%m}"},
    )
    return replace(message, html=snapshot(found, words, links=message.links)) if report.to else message


def page_address(external_url: str, department: str, month: date) -> str:
    """Where people read the month; empty: the settings do not say where the pages are."""
    return f"{external_url.rstrip('/')}{addresses.page(department, month)}" if external_url else ""


def rows_address(external_url: str, place: MonthPlace) -> str:
    """Where the rows are, as a CSV file for those who may read them; empty: the settings do not say where the pages are."""
    path = addresses.report(place, by=rows_by(place), format="csv")
    return f"{external_url.rstrip('/')}{path}" if external_url else ""


def rows_by(place: MonthPlace) -> str:
    """The columns of the rows, as `lynceus report cost --by` takes them."""
    return ",".join(ROWS_BY if place.department else ("department", *ROWS_BY))


def file_name(found: MonthReport) -> str:
    """The name of the file with the rows."""
    kept = "".join(mark if mark.isalnum() or mark in "-_." else "-" for mark in found.place.department or "all")
    return f"{kept[:80]}-{found.place.month:%Y-%m}.csv"


def _figures(found: MonthReport, words: Language) -> Iterator[KeyFigure]:
    for amounts in found.amounts[:MOST_CURRENCIES]:
        yield KeyFigure(words.text("To pay"), _money(amounts.to_pay, amounts.currency, words))
        yield from _outlook_figures(found, amounts.currency, words)
        if change := _against(found, amounts, words):
            yield change
        if amounts.shared:
            yield KeyFigure(words.text("Shared costs in it"), _money(amounts.shared, amounts.currency, words))
        if amounts.waste:
            yield KeyFigure(words.text("Waste in it"), _money(amounts.waste, amounts.currency, words))
        for row in amounts.breakdowns.get("template", ())[:3]:
            name = on_one_line(row.name) or words.text("without a name")
            yield KeyFigure(words.text("Template {name}", name=name), _money(row.to_pay, amounts.currency, words))


def _against(found: MonthReport, amounts: MonthAmounts, words: Language) -> KeyFigure | None:
    """How much more or less it is than in the month before, or on as many days of it; None: there is nothing to compare."""
    change, before = change_of(amounts, words), amounts.before
    if not change or before is None:
        return None
    message = in_catalog("Against {month}") if found.place.is_over else in_catalog("Against the same days of {month}")
    was = _money(before.by_same_day, amounts.currency, words)
    value = words.text("{change}, it was {amount}", change=change, amount=was)
    return KeyFigure(words.text(message, month=words.month(found.place.before.begin)), value)


def _outlook_figures(found: MonthReport, currency: str, words: Language) -> Iterator[KeyFigure]:
    """How the month will end, and what is used of the budget of the place; nothing where that is not known."""
    outlook, is_over = found.outlook, found.place.is_over
    forecast = outlook.forecast_of(currency) if outlook else None
    if forecast is not None and forecast.likely is not None and not is_over:
        shown = forecast_figure(found, currency, words)
        yield KeyFigure(words.text("Forecast"), words.text("{value} ({note})", value=shown.value, note=shown.note))
    own = outlook.own_budget(found.place, currency) if outlook else None
    if own is not None and own.share is not None:
        used, amount = words.percent(own.share), money(own.budget.amount, currency, words)
        likely = None if is_over else own.budget.share(own.likely)
        value = words.text("{used} of {amount} used", used=used, amount=amount)
        if likely is not None:
            value = words.text(
                "{used}, {share} likely at the end of the month", used=value, share=words.percent(likely)
            )
        yield KeyFigure(words.text("Budget {name}", name=on_one_line(own.budget.name)), value)


def _notes(found: MonthReport, words: Language) -> Iterator[str]:
    """What is unusual, or keeps the figures from being complete."""
    if found.gaps:
        yield words.text("The month is incomplete: the collector missed a part of it.")
    yield from _budget_notes(found, words)
    for amounts in found.amounts[:MOST_CURRENCIES]:
        if amounts.unpriced:
            yield words.plural(
                "{number} charge has no known price and is in no sum.",
                "{number} charges have no known price and are in no sum.",
                amounts.unpriced,
            )
        if amounts.unallocated and amounts.unallocated > ZERO:
            amount = _money(amounts.unallocated, amounts.currency, words)
            yield words.text("{amount} belongs to no department.", amount=amount)
    for anomaly in shown_anomalies(found, words)[:MOST_ANOMALIES]:
        yield on_one_line(anomaly.sentence)


def _budget_notes(found: MonthReport, words: Language) -> Iterator[str]:
    """Budgets that are passed, and those that will probably be; the ones that are used most come first."""
    alarming = [one for one in (found.outlook.budgets if found.outlook else ()) if one.state in ALARMING]
    alarming.sort(key=lambda one: (one.state != "passed", -(one.share or ZERO)))
    for one in alarming[:MOST_BUDGETS]:
        yield _budget_note(one, words)
    if more := len(alarming[MOST_BUDGETS:]):
        yield words.plural(
            "{number} more budget is passed or will probably be.",
            "{number} more budgets are passed or will probably be.",
            more,
        )


def _budget_note(one: BudgetState, words: Language) -> str:
    currency = one.budget.currency
    name, amount = on_one_line(one.budget.name), _money(one.budget.amount, currency, words)
    if one.state == "passed":
        used = _money(one.used, currency, words)
        return words.text("Budget {name} is passed: {used} of {amount} used.", name=name, used=used, amount=amount)
    message = (
        in_catalog(
            "Budget {name} of {amount} will probably be used up on {day}: {likely} is likely at the end of the month."
        )
        if one.passes_on
        else in_catalog(
            "Budget {name} of {amount} will probably be passed: {likely} is likely at the end of the month."
        )
    )
    day = words.day(one.passes_on) if one.passes_on else ""
    return words.text(message, name=name, amount=amount, day=day, likely=_money(one.likely, currency, words))


def _money(amount: Decimal | None, currency: str, words: Language) -> str:
    return words.text("unknown") if amount is None else money(amount, currency, words)
