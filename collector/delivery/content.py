"""
What a report's message says: the first sentence, the key figures, what is unusual, and where to read on.

Everything is read off one MonthReport, so that a message can hold nothing that the page of its department would not show.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import quote

from collector.core.cost.minor_units import minor_unit
from collector.core.units import ZERO
from collector.delivery.message import Attachment, KeyFigure, Message
from collector.language.language import Language, language
from collector.reports.month_bill import MonthAmounts, MonthReport
from collector.settings.delivery import ScheduledReport
from collector.shown_text import on_one_line
from collector.web.reports.sentence import sentence
from collector.web.reports.snapshot import snapshot

MOST_CURRENCIES = 3
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
    whom = words.text("all departments") if not found.place.department else found.place.department
    title = words.text("{department}: costs of {month}", department=whom, month=words.month(month))
    address = page_address(external_url, found.place.department, month)
    return Message(
        id=identity,
        title=on_one_line(words.text("Test: {title}", title=title) if identity.startswith(TEST) else title),
        sentence=sentence(found, words),
        figures=tuple(_figures(found, words)),
        notes=tuple(_notes(found, words)),
        link=address,
        link_text=words.text("Open the report") if address else "",
        html=snapshot(found, words) if report.to else "",
        attachment=Attachment(file_name(found), rows) if rows else None,
        language=report.language,
        facts={"report": report.name, "department": report.department, "month": f"{month:%Y-%m}"},
    )


def page_address(external_url: str, department: str, month: date) -> str:
    """Where people read the month; empty: the settings do not say where the pages are."""
    if not external_url:
        return ""
    path = f"/{quote(department, safe='')}" if department else ""
    return f"{external_url.rstrip('/')}/reports{path}?month={month:%Y-%m}"


def file_name(found: MonthReport) -> str:
    """The name of the file with the rows."""
    kept = "".join(mark if mark.isalnum() or mark in "-_." else "-" for mark in found.place.department or "all")
    return f"{kept[:80]}-{found.place.month:%Y-%m}.csv"


def _figures(found: MonthReport, words: Language) -> Iterator[KeyFigure]:
    for amounts in found.amounts[:MOST_CURRENCIES]:
        yield KeyFigure(words.text("To pay"), _money(amounts.to_pay, amounts, words))
        before = amounts.before
        if before is not None and before.by_same_day is not None and amounts.change is not None:
            sign = "+" if amounts.change > 0 else ""
            change = f"{_money(before.by_same_day, amounts, words)} ({sign}{words.percent(amounts.change)})"
            yield KeyFigure(words.text("The month before, by the same day"), change)
        if amounts.shared:
            yield KeyFigure(words.text("Of it shared costs"), _money(amounts.shared, amounts, words))
        if amounts.waste:
            yield KeyFigure(words.text("Waste"), _money(amounts.waste, amounts, words))
        for row in amounts.breakdowns.get("template", ())[:3]:
            name = on_one_line(row.name) or words.text("without a name")
            yield KeyFigure(words.text("Template {name}", name=name), _money(row.to_pay, amounts, words))


def _notes(found: MonthReport, words: Language) -> Iterator[str]:
    """What is unusual, or keeps the figures from being complete."""
    if found.gaps:
        yield words.text("The month is incomplete: the collector missed a part of it.")
    for amounts in found.amounts[:MOST_CURRENCIES]:
        if amounts.unpriced:
            yield words.plural(
                "{number} charge has no known price and is in no sum.",
                "{number} charges have no known price and are in no sum.",
                amounts.unpriced,
            )
        if amounts.unallocated and amounts.unallocated > ZERO:
            amount = _money(amounts.unallocated, amounts, words)
            yield words.text("{amount} belongs to no department.", amount=amount)


def _money(amount: Decimal | None, of: MonthAmounts, words: Language) -> str:
    if amount is None:
        return words.text("unknown")
    return words.money(amount.quantize(minor_unit(of.currency)), of.currency)
