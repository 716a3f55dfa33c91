"""
Reports as tables for people: amounts in minor units, and as many columns side by side as the terminal has room for.

The printed rows of a column with amounts sum to its printed total. Columns that do not fit stand in further blocks below,
behind the same leading columns. Nothing is cut off: names that are longer than their column are folded.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from collector.core.cost.meters import CONTEXT
from collector.core.cost.minor_units import minor_unit, printed
from collector.reports.report import NO_VALUE, Report, amount
from collector.shown_text import on_one_line

CURRENCY = "currency"
DIGITS = 4
"""Significant digits of a rate below 1, such as the cost of one success."""
GAP = 3
"""Columns of the terminal between two columns of a table."""
EDGES = 2
"""Columns of the terminal that a table has beside its own: a space on each side."""
WIDEST = 40
"""A text column is folded beyond this, unless the table has room."""
NARROWEST = 10

NO_ROWS = "\n none\n"
"""What stands below the title of a report without rows."""

Cell = tuple[str, bool]
"""What is printed, and whether it is a number."""


def print_table(report: Report, console: Console, *, exact: bool = False) -> None:
    """Prints a report and its parts; amounts in minor units, or with all their places (`exact`)."""
    if report.rows:
        _print_rows(report, console, exact=exact)
    else:
        console.print(_plain_text(report.title, "italic"), highlight=False)
        console.print(NO_ROWS, highlight=False)
    for part in report.parts:
        print_table(part, console, exact=exact)


def _print_rows(report: Report, console: Console, *, exact: bool) -> None:
    """Prints the title and the columns, block by block."""
    shown = _without_empty(report)
    currencies = _currencies(shown)
    rows, totals = _cells(shown, exact=exact)
    title = shown.title
    places = [*range(len(shown.columns))]
    if shown.money and len(currencies) == 1 and CURRENCY in shown.columns[shown.keys :]:
        places.remove(shown.columns.index(CURRENCY))
        title = f"{title}, in {currencies[0]}"
    lines = [*rows, *totals]
    longest = {place: max((len(line[place][0]) for line in lines), default=0) for place in places}
    widths = {place: _width(shown.columns[place], [line[place] for line in lines], console.width) for place in places}
    console.print(_plain_text(title, "italic"), highlight=False)
    for block in _blocks(places, widths, shown.keys, console.width):
        fitted = _widened({place: widths[place] for place in block}, longest, console.width)
        table = RichTable(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
        for place in block:
            numeric = any(line[place][1] for line in lines)
            table.add_column(
                _plain_text(shown.columns[place]),
                justify="right" if numeric else "left",
                min_width=fitted[place],
                max_width=fitted[place],
                overflow="fold",
            )
        for at, line in enumerate(lines, 1):
            table.add_row(*(Text(line[place][0]) for place in block), end_section=at == len(rows) and bool(totals))
        console.print(table)


def _without_empty(report: Report) -> Report:
    """Leaves out optional columns that hold nothing."""
    empty = {
        place
        for place, name in enumerate(report.columns)
        if name in report.optional and not any(line[place] for line in (*report.rows, *report.totals))
    }
    if not empty:
        return report

    def filled(line: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(value for place, value in enumerate(line) if place not in empty)

    return replace(
        report,
        columns=filled(report.columns),
        rows=[filled(row) for row in report.rows],
        totals=[filled(row) for row in report.totals],
    )


def _currencies(report: Report) -> list[str]:
    """Returns the currencies of a report's rows."""
    if CURRENCY not in report.columns:
        return []
    place = report.columns.index(CURRENCY)
    return sorted({row[place] for row in report.rows if row[place]})


def _cells(report: Report, *, exact: bool) -> tuple[list[list[Cell]], list[list[Cell]]]:
    """Returns what is printed in the rows, and in the totals below them."""
    rows = [list(row) for row in report.rows]
    # The only row is its own total.
    totals = [list(row) for row in report.totals] if len(rows) > len(report.totals) else []
    if CURRENCY in report.columns and not exact:
        for place, name in enumerate(report.columns):
            if name in report.money:
                _round_column(report, rows, totals, place)
            elif name in report.rates:
                for line in (*rows, *totals):
                    line[place] = _rate(line[place], line[report.columns.index(CURRENCY)])
    return tuple(
        [[_cell(report, place, value) for place, value in enumerate(line)] for line in lines]
        for lines in (rows, totals)
    )  # type: ignore[return-value]


def _round_column(report: Report, rows: list[list[Any]], totals: list[list[Any]], place: int) -> None:
    """Replaces the amounts of a column with printed ones, currency by currency."""
    at = report.columns.index(CURRENCY)
    for currency in {row[at] for row in rows}:
        lines = [row for row in rows if row[at] == currency and row[place] is not None]
        rounded = printed([row[place] for row in lines], currency)
        for row, part in zip(lines, rounded.parts, strict=True):
            row[place] = f"{part:,f}", True
        for row in totals:
            if row[at] == currency and row[place] is not None:
                row[place] = f"{rounded.total:,f}", True


def _rate(value: Decimal | None, currency: str) -> Any:
    if value is None:
        return None
    unit = minor_unit(currency)
    if 0 < abs(value) < 1:
        unit = min(unit, Decimal(1).scaleb(value.adjusted() + 1 - DIGITS))
    return f"{CONTEXT.quantize(value, unit):,f}", True


def _cell(report: Report, place: int, value: Any) -> Cell:
    if isinstance(value, tuple):
        return value
    if value is None:
        known = report.columns[place] in report.money or not report.money
        return report.nothing if known else NO_VALUE, False
    if isinstance(value, Decimal):
        return amount(value), True
    return on_one_line(str(value)), isinstance(value, (int, float))


def _width(heading: str, cells: Sequence[Cell], room: int) -> int:
    """Returns how wide a column is: numbers and the words of headings are never folded."""
    words = max(len(word) for word in heading.split() or [""])
    numbers = max((len(text) for text, numeric in cells if numeric), default=0)
    texts = max((len(text) for text, numeric in cells if not numeric), default=0)
    return max(words, numbers, min(texts, max(NARROWEST, min(WIDEST, room // 4) if room <= 2 * WIDEST else WIDEST)))


def _blocks(places: Sequence[int], widths: dict[int, int], keys: int, room: int) -> list[list[int]]:
    """Divides columns into blocks that fit, each behind the leading columns."""
    lead = [place for place in places if place < keys]
    blocks = [list(lead)]
    start = room - EDGES + GAP - sum(widths[place] + GAP for place in lead)
    free = start
    for place in places[len(lead) :]:
        needed = widths[place] + GAP
        if needed > free and len(blocks[-1]) > len(lead):
            blocks.append(list(lead))
            free = start
        blocks[-1].append(place)
        free -= needed
    return blocks


def _widened(widths: dict[int, int], longest: dict[int, int], room: int) -> dict[int, int]:
    """Gives the room that a block leaves to its columns whose texts would be folded, from left to right."""
    free = room - EDGES - sum(width + GAP for width in widths.values()) + GAP
    fitted = dict(widths)
    for place, width in widths.items():
        more = min(max(0, longest[place] - width), max(0, free))
        fitted[place] += more
        free -= more
    return fitted


def _plain_text(text: str, style: str = "") -> Text:
    """Text whose [brackets] are not markup."""
    return Text(on_one_line(text), style)
