"""Pages of a report: every row once, of one report, and what is refused instead."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.access.scope import ALL, of_departments
from collector.reports.report import Report
from collector.web.reports.api import in_words_of_api, wants_csv
from collector.web.reports.api_paging import KeptReports, PageCursor, cut, digested, read_cursor, rows_of

SIZES = st.integers(0, 9)
MAPS = of_departments(["maps"])


def a_report(rows: int, *parts: Report) -> Report:
    return Report("Cost", ("number", "cost"), [(i, Decimal(i)) for i in range(rows)], parts=list(parts))


@given(SIZES, st.lists(SIZES, max_size=3), st.integers(1, 30))
def test_pages_of_any_size_have_every_row_once(rows: int, of_parts: list[int], limit: int) -> None:
    """Those of the parts follow the report's own; each page but the last is full."""
    whole = a_report(rows, *(a_report(count, a_report(2)) for count in of_parts))
    pages = [cut(whole, begin, limit) for begin in range(0, max(1, rows_of(whole)), limit)]

    def together(reports: list[Report]) -> Report:
        parts = [together(list(of_one)) for of_one in zip(*(one.parts for one in reports), strict=True)]
        return replace(reports[0], rows=[row for one in reports for row in one.rows], parts=parts)

    assert together(pages) == whole
    assert all(rows_of(page) == limit for page in pages[:-1])


@given(st.text(max_size=60))
def test_any_text_is_a_cursor_or_none(text: str) -> None:
    """What is read is what would be written."""
    found = read_cursor(text)

    assert found is None or str(found) == text


def test_a_cursor_is_read_as_it_was_written() -> None:
    """The digest has other characters for other figures, and for other parameters."""
    one, other = digested(a_report(2), "cost?"), digested(a_report(3), "cost?")
    cursor = PageCursor(one.digest, 17)

    assert read_cursor(str(cursor)) == cursor
    assert len({one.digest, other.digest, digested(a_report(2), "cost?by=day").digest}) == 3


def test_few_reports_are_kept_and_not_for_long() -> None:
    """By number, by rows and by time; for the scope and the parameters that they were made for."""
    now = 0.0
    kept = KeptReports(most=2, most_rows=10, kept_s=60, clock=lambda: now)
    one, two, three, large = (digested(a_report(rows), "cost?") for rows in (2, 3, 4, 11))
    for report in (one, two, three):
        kept.keep(MAPS, "cost?", report)
    assert [kept.find(MAPS, "cost?", report.digest) for report in (one, two, three)] == [None, two, three]
    assert kept.find(ALL, "cost?", two.digest) is kept.find(MAPS, "cost?by=day", two.digest) is None
    kept.keep(MAPS, "cost?", large)
    assert [kept.find(MAPS, "cost?", report.digest) for report in (two, three, large)] == [None, None, None]
    kept.keep(MAPS, "cost?", one)
    now = 61.0
    assert kept.find(MAPS, "cost?", one.digest) is None


@pytest.mark.parametrize(
    ("named", "accept", "csv"),
    [
        (None, "", False),
        (None, "*/*", False),
        (None, "text/html,application/xhtml+xml,*/*;q=0.8", False),
        (None, "text/csv", True),
        (None, "TEXT/CSV; header=present", True),
        (None, "text/csv;q=0.5, application/json", False),
        (None, "text/csv, application/json", False),
        (None, "application/json;q=0.2, text/csv;q=0.9", True),
        (None, "text/csv;q=0", False),
        (None, "text/csv;q=nan", False),
        ("json", "text/csv", False),
        ("csv", "application/json", True),
    ],
)
def test_who_gets_a_file(named: str | None, accept: str, *, csv: bool) -> None:
    """What `format` names counts, then what the client prefers; JSON where it does not care."""
    assert wants_csv(named, accept) == csv


def test_a_refusal_is_in_words_of_the_api() -> None:
    """Options become parameters; the remedy is what stands behind the semicolon."""
    refused = in_words_of_api("no node: say --node-type x; or see --by", frozenset({"node_type"}))

    assert (refused.detail, refused.remedy, refused.parameter) == (
        "no node: say `node_type` x; or see `by`",
        "or see `by`",
        "node_type",
    )
