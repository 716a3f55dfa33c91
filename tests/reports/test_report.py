"""What a report looks like: as a table, CSV, and JSON with amounts as strings."""

import csv
import io
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from collector.reports.render import as_csv, as_json, print_report
from collector.reports.report import Report, ReportError, Span, amount, columns_by

NOVEMBER = Span(date(2026, 11, 1), date(2026, 12, 1))
COLUMNS = {"department": "department", "day": "day"}


def a_report(*rows: tuple[Any, ...], columns: tuple[str, ...] = ("department", "cost"), notes: Any = ()) -> Report:
    return Report("Cost", columns, list(rows), list(notes))


def printed(report: Report, form: str, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_report(report, form, console)
    out = console.file
    assert isinstance(out, io.StringIO)
    return out.getvalue()


# Amounts.


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.230000000000000000", "1.23"), ("1.2", "1.20"), ("0.000001020000000000", "0.00000102"), ("0E-18", "0.00"),
        ("5", "5"), ("1E+3", "1000"), ("-0.5", "-0.50"), ("1E-18", "0.000000000000000001"),
    ],
)  # fmt: skip
def test_an_amount_is_written_in_full(value: str, expected: str) -> None:
    """No exponent, cents at least, and no zeros after what counts."""
    assert amount(Decimal(value)) == expected


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=18))
def test_an_amount_loses_nothing(value: Decimal) -> None:
    """What is read back is what was written."""
    assert Decimal(amount(value)) == value


# Columns.


@pytest.mark.parametrize(
    ("option", "expected"), [("", []), ("day", ["day"]), (" day , department,", ["day", "department"])]
)
def test_columns_are_chosen_by_name(option: str, expected: list[str]) -> None:
    """In the order asked."""
    assert columns_by(option, COLUMNS) == expected


@pytest.mark.parametrize("option", ["team", "day,team", "day; DROP TABLE x", "*", "`day`"])
def test_an_unknown_column_is_refused(option: str) -> None:
    """Only declared names ever reach SQL; the error lists them."""
    with pytest.raises(ReportError, match=r"--by .*: no such column; there are department, day"):
        columns_by(option, COLUMNS)


def test_a_period_is_shown_with_its_end() -> None:
    """`to` is exclusive, and readers forget it."""
    assert str(NOVEMBER) == "2026-11-01 to 2026-12-01 (exclusive)"
    assert NOVEMBER.parameters() == {"begin": date(2026, 11, 1), "end": date(2026, 12, 1), "zone": "UTC"}


# JSON.


def test_json_has_amounts_as_strings() -> None:
    """A reader's float would lose digits; unknown is null, counts are numbers."""
    report = a_report(("maps", Decimal("1.230000000000000000")), ("ci", None), (date(2026, 11, 22), 3), notes=["n"])

    assert json.loads(as_json(report)) == {
        "title": "Cost",
        "rows": [
            {"department": "maps", "cost": "1.23"},
            {"department": "ci", "cost": None},
            {"department": "2026-11-22", "cost": 3},
        ],
        "notes": ["n"],
    }


def test_json_holds_the_parts_of_a_report() -> None:
    """A report of one table has no empty list of them."""
    parts = [a_report(("maps", 1), notes=["of the part"])]

    decoded = json.loads(as_json(Report("Both", ("a",), [(1,)], parts=parts)))

    assert "parts" not in decoded["parts"][0]
    assert decoded["parts"] == [
        {"title": "Cost", "rows": [{"department": "maps", "cost": 1}], "notes": ["of the part"]}
    ]


# CSV.


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\0x", "＝1", "＠x"])
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(cell: str) -> None:
    """Names come from labels that anybody may set."""
    (_, row) = csv.reader(io.StringIO(as_csv(a_report((cell, 1))), newline=""))

    assert row == [f"'{cell}", "1"]


def test_csv_has_amounts_in_full_and_nothing_for_unknown() -> None:
    """Negative amounts are numbers, no formulas."""
    report = a_report(("a,b", Decimal("-1.50")), ('say "x"', None))

    assert as_csv(report) == 'department,cost\r\n"a,b",-1.50\r\n"say ""x""",\r\n'


# Tables.


def test_a_table_shows_unknown_where_no_price_is() -> None:
    """An empty cell would be read as nothing."""
    shown = printed(a_report(("maps", Decimal("1.23")), ("ci", None), notes=["complete: no gap in any watch"]), "table")

    assert "unknown" in shown
    assert "complete: no gap in any watch" in shown


@pytest.mark.parametrize(
    "name",
    [
        "[bold]x[/bold]",
        "[/]",
        "\\[red]",
        "a\\",
        "[link=file:///etc/passwd]x",
        "\\[/x]",
        "\\\\[/x]",
        "a[/",
        "[@click=x]",
    ],
)
def test_a_name_in_brackets_is_shown_as_it_is(name: str) -> None:
    """Markup in a label must neither vanish nor stop the report."""
    assert name in printed(a_report((name, 1), notes=[name]), "table")


HOSTILE = "\x1b]0;pwned\x07\x1b[2J\x9b2J\r\u202eevil\x7f"


def test_a_table_sends_no_command_to_a_terminal() -> None:
    """Names, titles, headings and notes are shown with their escapes in words; a line break begins no other row."""
    report = Report(HOSTILE, (HOSTILE, "n"), [(HOSTILE + "\nmaps 99.00", 1)], [HOSTILE], parts=[a_report((HOSTILE, 1))])
    shown = printed(report, "table", width=300)

    assert not set(shown) & set("\x1b\x07\x9b\r\u202e\x7f")
    assert "\\x1b]0;pwned\\x07\\x1b[2J" in shown
    assert not any(line.strip().startswith("maps") for line in shown.splitlines())


def test_other_programs_get_the_values_as_they_are() -> None:
    """JSON has escapes of its own; CSV has none, and shows its escapes in words on a terminal only."""
    report = a_report((HOSTILE, 1))
    json_text, csv_text = printed(report, "json"), printed(report, "csv")
    terminal = Console(file=io.StringIO(), force_terminal=True, width=80)
    print_report(report, "csv", terminal)
    assert isinstance(terminal.file, io.StringIO)

    assert json.loads(json_text)["rows"][0]["department"] == HOSTILE
    assert not set(json_text) & set("\x1b\x07\x9b\r\u202e\x7f")
    assert HOSTILE in csv_text
    assert "\x1b" not in terminal.file.getvalue()


@pytest.mark.parametrize(("form", "begin"), [("json", "{"), ("csv", "department,cost"), ("table", "Cost")])
def test_each_form_is_printed_whole(form: str, begin: str) -> None:
    """Without the console's line breaks in what other programs read."""
    shown = printed(a_report(("x" * 300, 1)), form, width=40)

    assert shown.startswith(begin)
    assert ("x" * 300 in shown) == (form != "table")


def test_an_empty_report_is_a_word() -> None:
    """Nothing spent is an answer: programs get the columns of it, a person reads a word and no empty table."""
    assert as_csv(a_report()) == "department,cost\r\n"
    assert printed(a_report(notes=["nothing ran"]), "table").split() == ["Cost", "none", "nothing", "ran"]


def test_a_table_may_say_otherwise_what_nothing_is() -> None:
    """A rate of nothing is not unknown, it does not exist."""
    report = Report("Outcomes", ("queue", "success %"), [("q", None)], nothing="—")

    assert "—" in printed(report, "table")
    assert "unknown" not in printed(report, "table")


def test_parts_follow_their_table_and_are_no_csv() -> None:
    """A CSV file has one table; JSON has all of them."""
    report = Report("Whole", ("column",), [("1",)], ["note"], parts=[Report("Part", ("other",), [("2",)])])

    table = printed(report, "table")
    assert table.index("Whole") < table.index("Part") < table.index("note")
    assert as_csv(report) == "column\r\n1\r\n"
