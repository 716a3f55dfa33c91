"""
Tables of a month's bill as people read them: words of a language, and amounts that are rounded together.

Rows are rounded by largest remainders, so that what is printed sums to the printed total, as on the command line.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from collector.core.cost.comparison import PARTS
from collector.core.cost.meters import CONTEXT, total
from collector.core.cost.minor_units import minor_unit, printed
from collector.core.units import ZERO
from collector.language.language import Language
from collector.reports.month_bill import DEPARTMENT, BillRow, MonthAmounts
from collector.web.reports.words import BASES, BY, CLASSES, COLUMNS, item_name, named, word
from collector.web.reports.words import PARTS as PART_WORDS

MOST_ROWS = 8
"""Of a table of a snapshot; the others are one row."""


class BillTable(NamedTuple):
    """A table of texts."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    """Each begins with what it is about."""
    total: tuple[str, ...] = ()
    """Empty: the rows do not add up."""
    texts: int = 1
    """Leading columns that are words; the others are numbers."""


def tables_of(amounts: MonthAmounts, language: Language, *, most: int = MOST_ROWS) -> list[BillTable]:
    """The tables of one currency that have rows."""
    made = [
        *(_breakdown(amounts, column, language, most) for column in _columns(amounts)),
        _waste(amounts, language),
        _shared(amounts, language, most),
        _difference(amounts, language),
    ]
    return [table for table in made if table.rows]


def rounded(amounts: Sequence[Decimal], currency: str, language: Language) -> tuple[list[str], str]:
    """Amounts of one currency as texts, and their sum, rounded together."""
    shown = printed(amounts, currency)
    return [language.amount(part) for part in shown.parts], language.amount(shown.total)


def alone(amount: Decimal | None, currency: str, language: Language) -> str:
    """An amount by itself, with its currency."""
    if amount is None:
        return language.text("no price known")
    return language.money(CONTEXT.quantize(amount, minor_unit(currency)), currency)


def _columns(amounts: MonthAmounts) -> list[str]:
    """Columns by which something is divided: one with a single row says nothing but its name."""
    shown = [column for column, rows in amounts.breakdowns.items() if len(rows) > 1]
    return sorted(shown, key=lambda column: (column != DEPARTMENT, column != "template"))


def _breakdown(amounts: MonthAmounts, column: str, language: Language, most: int) -> BillTable:
    rows = amounts.breakdowns[column]
    known = [row for row in rows if row.to_pay is not None]
    shown, others = _first(known, most)
    figures: list[Callable[[BillRow], Decimal]] = [lambda row: row.to_pay or ZERO, lambda row: row.waste]
    texts = [
        rounded([*map(figure, shown), *([total(map(figure, others))] if others else [])], amounts.currency, language)
        for figure in figures
    ]
    whole = total(row.to_pay or ZERO for row in known)
    names = [*(named(column, row.name, language) for row in shown), *_names_of_others(others, language)]
    parts = [*(row.to_pay or ZERO for row in shown), *([total(row.to_pay or ZERO for row in others)] if others else [])]
    shares = [language.percent(part / whole, 1) if whole else "" for part in parts]
    lines = [(name, texts[0][0][i], shares[i], texts[1][0][i]) for i, name in enumerate(names)]
    unknown = (row.name for row in rows if row.to_pay is None)
    lines += [(named(column, name, language), language.text("no price known"), "", "") for name in unknown][:most]
    heads = (language.text("To pay"), language.text("Share"), language.text("of it waste"))
    columns = (word(COLUMNS, column, language), *heads)
    return BillTable(word(BY, column, language), columns, lines, _total(language, texts[0][1], "", texts[1][1]))


def _first(rows: Sequence[BillRow], most: int) -> tuple[Sequence[BillRow], Sequence[BillRow]]:
    """The first rows, and those beyond them where these are more than one."""
    return (rows, []) if len(rows) <= most + 1 else (rows[:most], rows[most:])


def _names_of_others(others: Sequence[BillRow], language: Language) -> Iterator[str]:
    if others:
        yield language.plural("{number} other", "{number} others", len(others))


def _total(language: Language, *cells: str) -> tuple[str, ...]:
    return (language.text("Total"), *cells)


def _waste(amounts: MonthAmounts, language: Language) -> BillTable:
    texts, whole = rounded([part.amount for part in amounts.wasted], amounts.currency, language)
    lines = [
        (word(CLASSES, part.money_class, language), named("template", part.template, language), text)
        for part, text in zip(amounts.wasted, texts, strict=True)
    ]
    columns = (language.text("Lost in"), language.text("Most of it in"), language.text("Cost"))
    return BillTable(language.text("Waste"), columns, lines, _total(language, "", whole), texts=2)


def _shared(amounts: MonthAmounts, language: Language, most: int) -> BillTable:
    items = amounts.shared_items
    texts, whole = rounded([item.amount for item in items], amounts.currency, language)
    lines = [
        (
            item_name(item, language),
            ", ".join(filter(None, (item.cluster, item.product))),
            word(BASES, item.basis, language),
            text,
        )
        for item, text in zip(items, texts, strict=True)
    ]
    columns = (
        language.text("What is shared"),
        language.text("Where"),
        language.text("Shared by"),
        language.text("Your part"),
    )
    if len(lines) > most + 1:
        parts = [total(item.amount for item in some) for some in (items[:most], items[most:])]
        (_, of_others), _ = rounded(parts, amounts.currency, language)
        name = language.plural("{number} other", "{number} others", len(items) - most)
        lines = [*lines[:most], (name, "", "", of_others)]
    return BillTable(language.text("Shared costs"), columns, lines, _total(language, "", "", whole), texts=3)


def _difference(amounts: MonthAmounts, language: Language) -> BillTable:
    found = amounts.difference
    if found is None or not found.difference:
        return BillTable("", (), ())
    parts = [(name, found.parts[name]) for name in PARTS if found.parts[name]]
    shown = printed([part for _, part in parts], amounts.currency)
    lines = [
        (language.text(PART_WORDS[name][0]), language.signed(part))
        for (name, _), part in zip(parts, shown.parts, strict=True)
    ]
    title = language.text("Why it is not what it was a month before")
    columns = (language.text("Part"), language.text("Difference"))
    return BillTable(title, columns, lines, _total(language, language.signed(shown.total)))
