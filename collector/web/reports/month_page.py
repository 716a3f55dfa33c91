"""
What the page of a month's bill shows: figures in minor units, rows that sum to their total, words in the reader's language.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.meters import CONTEXT, total
from collector.core.cost.minor_units import minor_unit, printed
from collector.core.units import ZERO
from collector.language.language import Language
from collector.reports.cost_rows import OTHERS
from collector.reports.month_bill import BillRow, MonthAmounts, MonthPlace, MonthReport
from collector.web.reports import addresses, why
from collector.web.reports.outlook import (
    ShownFigure,
    budget_figure,
    forecast_figure,
    range_of,
    shown_anomalies,
    shown_budgets,
)
from collector.web.reports.owners import ShownOwners, shown_owners
from collector.web.reports.sentence import change_of, completeness, mostly, sentence, state_of
from collector.web.reports.statement_words import shown_notes
from collector.web.reports.trend import TrendChart, TrendDay, by_day, so_far, trend_days
from collector.web.reports.words import BASES as BASIS_WORDS
from collector.web.reports.words import BY, CLASSES, COLUMNS, item_name, named, word

MOST = 10
"""Rows of a breakdown; what the others sum up to stands in one more."""
MONTHS_SHOWN = 12


class ShownRow(NamedTuple):
    """A row of a breakdown."""

    name: str
    address: str
    to_pay: Decimal | None
    share: Decimal | None
    """Of what is to pay in all; None: it is not known."""
    waste: Decimal
    shared: Decimal
    unpriced: int


class ShownTable(NamedTuple):
    """A breakdown, and where its rows can be had whole."""

    column: str
    title: str
    heading: str
    rows: list[ShownRow]
    total: ShownRow
    csv: str
    api: str
    hidden: int
    """Rows that are summed up in the last one."""


class ShownWaste(NamedTuple):
    """What was lost for one reason."""

    money_class: str
    name: str
    amount: Decimal
    template: str
    address: str
    of_template: Decimal


class ShownItem(NamedTuple):
    """A shared cost."""

    name: str
    where: str
    basis: str
    amount: Decimal


class ShownMonth(NamedTuple):
    """A month to switch to."""

    month: date
    address: str
    is_this: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAmounts:
    """A currency of the page."""

    of: MonthAmounts
    to_pay: Decimal | None
    exact: Decimal | None
    shared: Decimal
    waste: Decimal
    unallocated: Decimal | None
    owners: ShownOwners | None
    by_same_day: Decimal | None
    before: Decimal | None
    changed: str
    """By how much the ended days cost more or less than as many of the month before; empty: it is not known."""
    mostly: str
    waste_note: str
    unallocated_note: str
    days: Sequence[TrendDay]
    charts: Sequence[TrendChart]
    has_range: bool
    """Whether the forecast is drawn."""
    forecast: ShownFigure
    budget: ShownFigure
    tables: Sequence[ShownTable]
    wasted: Sequence[ShownWaste]
    items: Sequence[ShownItem]
    parts: Sequence[why.PartRow]
    difference: Decimal | None
    movers: Sequence[str]


def month_page(report: MonthReport, language: Language) -> dict[str, Any]:
    """The values of the page's template."""
    place = report.place
    return {
        "report": report,
        "place": place,
        "title": title_of(place.department, language),
        "sentence": sentence(report, language),
        "state": state_of(report.state, language),
        "complete": completeness(report, language),
        "amounts": [_amounts(report, one, language) for one in report.amounts],
        "months": _months(report),
        "budgets": shown_budgets(report, language),
        "anomalies": shown_anomalies(report, language),
        "is_read": report.outlook is not None,
        "notes": shown_notes(report.state.notes, language),
        "addresses": addresses,
    }


def title_of(department: str, language: Language) -> str:
    """The heading: whose bill it is."""
    if not department:
        return language.text("Bills")
    return language.text("Unallocated") if department == UNALLOCATED else department


def _months(report: MonthReport) -> list[ShownMonth]:
    place = report.place
    known = report.months[:MONTHS_SHOWN]
    shown = known if place.month in known else (*known, place.month)
    return [ShownMonth(one, addresses.page(place.department, one), one == place.month) for one in shown]


def _amounts(report: MonthReport, one: MonthAmounts, language: Language) -> ShownAmounts:
    place, currency = report.place, one.currency
    days = trend_days(place, one)
    difference = one.difference
    forecast = report.outlook.forecast_of(currency) if report.outlook else None
    return ShownAmounts(
        of=one,
        to_pay=_minor(one.to_pay, currency),
        exact=one.exact,
        shared=_rounded(one.shared, currency),
        waste=_rounded(one.waste, currency),
        unallocated=_unallocated(one),
        owners=shown_owners(report, currency, _unallocated(one), language),
        by_same_day=_minor(one.before.by_same_day, currency) if one.before else None,
        before=_minor(one.before.to_pay, currency) if one.before else None,
        changed=change_of(one, language),
        mostly=mostly(one, language),
        waste_note=_waste_note(one, language),
        unallocated_note=_unallocated_note(one, language),
        days=days,
        charts=[by_day(days, currency, language), so_far(days, currency, language, range_of(place, forecast))],
        has_range=range_of(place, forecast) is not None,
        forecast=forecast_figure(report, currency, language),
        budget=budget_figure(report, currency, language),
        tables=[_table(place, one, column, language) for column in one.breakdowns],
        wasted=[_wasted(one, number, language) for number in range(len(one.wasted))],
        items=_items(one, language),
        parts=why.parts(difference, language) if difference else [],
        difference=_minor(difference.difference, currency) if difference else None,
        movers=why.movers(difference, language) if difference else [],
    )


def _waste_note(one: MonthAmounts, language: Language) -> str:
    """What part of the bill is lost, and for what most of it."""
    if not one.wasted:
        return language.text("nothing was lost")
    share = _share(one.waste, one.to_pay)
    most = word(CLASSES, one.wasted[0].money_class, language)
    return language.text("{share}, mostly {what}", share="–" if share is None else language.percent(share), what=most)


def _unallocated_note(one: MonthAmounts, language: Language) -> str:
    """What part of the bill belongs to no department."""
    if not one.unallocated:
        return language.text("every charge has a department")
    share = _share(one.unallocated, one.to_pay)
    return language.text("{share} of all: whose is it?", share="–" if share is None else language.percent(share, 1))


def _rounded(amount: Decimal, currency: str) -> Decimal:
    return CONTEXT.quantize(amount, minor_unit(currency))


def _minor(amount: Decimal | None, currency: str) -> Decimal | None:
    return None if amount is None else _rounded(amount, currency)


def _share(part: Decimal, whole: Decimal | None) -> Decimal | None:
    return CONTEXT.divide(part, whole) if whole and whole > 0 else None


def _table(place: MonthPlace, one: MonthAmounts, column: str, language: Language) -> ShownTable:
    rows = list(one.breakdowns[column])
    few = rows if len(rows) <= MOST + 1 else rows[:MOST]
    others = rows[len(few) :]
    shown = [*few, *([_sum(others, OTHERS)] if others else [])]
    whole = _sum(rows, "")
    columns = [_first(_column(rows, one.currency, of), len(few)) for of in ("to_pay", "waste", "shared")]
    lines = [
        ShownRow(
            name=language.plural("{number} other", "{number} others", len(others))
            if row.name == OTHERS and others and row is shown[-1]
            else named(column, row.name, language),
            address=addresses.of_row(place, column, row.name) if row in few else "",
            to_pay=columns[0][number],
            share=None if row.to_pay is None else _share(row.to_pay, one.to_pay),
            waste=columns[1][number] or ZERO,
            shared=columns[2][number] or ZERO,
            unpriced=row.unpriced,
        )
        for number, row in enumerate(shown)
    ]
    return ShownTable(
        column=column,
        title=language.text(BY[column]),
        heading=language.text(COLUMNS[column]),
        rows=lines,
        total=ShownRow(
            name="",
            address="",
            to_pay=_minor(whole.to_pay, one.currency),
            share=None,
            waste=_rounded(whole.waste, one.currency),
            shared=_rounded(whole.shared, one.currency),
            unpriced=whole.unpriced,
        ),
        csv=addresses.report(place, by=column, format="csv"),
        api=addresses.report(place, by=column),
        hidden=len(others),
    )


def _column(rows: Sequence[BillRow], currency: str, name: str) -> list[Decimal | None]:
    """A column in minor units, whose rows sum to its total."""
    known = [(number, getattr(row, name)) for number, row in enumerate(rows) if getattr(row, name) is not None]
    shown: list[Decimal | None] = [None] * len(rows)
    for (number, _), part in zip(known, printed([amount for _, amount in known], currency).parts, strict=True):
        shown[number] = part
    return shown


def _first(column: Sequence[Decimal | None], few: int) -> list[Decimal | None]:
    """The first rows of a column, and what the others sum up to as they would be printed."""
    others = [amount for amount in column[few:] if amount is not None]
    return [*column[:few], total(others) if others else None]


def _unallocated(one: MonthAmounts) -> Decimal | None:
    """What belongs to no department, as the table of departments has it."""
    rows = one.breakdowns.get("department", ())
    if one.unallocated is None:
        return None
    column = _column(rows, one.currency, "to_pay")
    return total(part or ZERO for row, part in zip(rows, column, strict=True) if row.name == UNALLOCATED)


def _sum(rows: Sequence[BillRow], name: str) -> BillRow:
    known = [row.to_pay for row in rows if row.to_pay is not None]
    return BillRow(
        name=name,
        to_pay=total(known) if known else None,
        shared=total(row.shared for row in rows),
        waste=total(row.waste for row in rows),
        wasted={},
        pods=sum(row.pods for row in rows),
        unpriced=sum(row.unpriced for row in rows),
    )


def _wasted(one: MonthAmounts, number: int, language: Language) -> ShownWaste:
    part = one.wasted[number]
    parts = printed([each.amount for each in one.wasted], one.currency).parts
    return ShownWaste(
        money_class=part.money_class,
        name=word(CLASSES, part.money_class, language),
        amount=parts[number],
        template=named("template", part.template, language),
        address=addresses.template(part.template),
        of_template=_rounded(part.of_template, one.currency),
    )


def _items(one: MonthAmounts, language: Language) -> list[ShownItem]:
    parts = printed([item.amount for item in one.shared_items], one.currency).parts
    return [
        ShownItem(
            name=item_name(item, language),
            where=" · ".join(filter(None, (item.cluster, item.product))),
            basis=word(BASIS_WORDS, item.basis, language),
            amount=part,
        )
        for item, part in zip(one.shared_items, parts, strict=True)
    ]
