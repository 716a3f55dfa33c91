"""How `lynceus report` is asked: a command for each kind, and the period of all of them."""

import shlex
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector import connect
from collector.cli.sql import split_format
from collector.reports.periods import parse_period
from collector.reports.report import ReportError, Span
from collector.settings.model import Settings, SettingsError
from tests.commands import ROOT, run_command


@pytest.mark.parametrize(
    ("month", "begin", "end"),
    [("2026-10", "2026-10-01", "2026-11-01"), ("2026-12", "2026-12-01", "2027-01-01")],
)
def test_a_month_is_a_period(month: str, begin: str, end: str) -> None:
    """It is whole, in the billing time zone."""
    span = parse_period("", "", month, "Asia/Shanghai")

    assert span == Span(date.fromisoformat(begin), date.fromisoformat(end), "Asia/Shanghai")


@pytest.mark.parametrize(("begin", "end"), [("2026-10-01", ""), ("", "2026-10-02"), ("2026-10-01", "2026-10-02")])
def test_a_month_excludes_other_ends_of_the_period(begin: str, end: str) -> None:
    """Which of them was meant is not guessed."""
    with pytest.raises(ReportError, match="--month is a whole month"):
        parse_period(begin, end, "2026-10", "UTC")


def test_without_a_period_this_month_so_far_is_meant() -> None:
    """Today included."""
    today = datetime.now(ZoneInfo("UTC")).date()

    span = parse_period("", "", "", "UTC")

    assert span.begin == today.replace(day=1)
    assert (span.end - today).days == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cots",), "No such command 'cots'"),
        (("steps",), "Missing option '--workflow'"),
        (("queue", "--month", "october"), "invalid month 'october', expected YYYY-MM, like 2026-10"),
        (("cost", "--month", "2026-10", "--from", "2026-10-01"), "--month is a whole month"),
        (("steps", "--workflow", "w", "--month", "2026-13"), "invalid month '2026-13'"),
        (("cost", "--unit", "km", "--top", "3"), "--unit goes with --by, --where and a period"),
        (("cost", "--unit", "km", "--where", "step=fit"), "--where step: no such column"),
    ],
)
def test_wrong_use_of_a_report_names_what_is_wrong(arguments: tuple[str, ...], message: str) -> None:
    """It ends with exit code 2."""
    done = run_command("report", *arguments)

    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize("command", ["prices list --rows --format json", "prices list", "report cost --help"])
def test_a_reader_may_stop_reading(command: str) -> None:
    """`lynceus … | head` ends well: exit code 0, and nothing on standard error."""
    script = f"set -o pipefail; {shlex.quote(sys.executable)} -m collector {command} | true"

    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT 1 FORMAT JSONEachRow", ("SELECT 1", "JSONEachRow")),
        ("SELECT 1\nformat CSV ; ", ("SELECT 1", "CSV")),
        ("SELECT 1;", ("SELECT 1", "")),
        ("SELECT 'FORMAT CSV'", ("SELECT 'FORMAT CSV'", "")),
    ],
)
def test_a_query_may_name_its_format(query: str, expected: tuple[str, str]) -> None:
    """As ClickHouse's own client takes it; the store's protocol has it beside the query."""
    assert split_format(query) == expected


def test_default_books_of_another_currency_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """`currency: CNY` alone starts; a book that was chosen and has no exchange rate is an error."""
    found = connect.books(Settings(currency="CNY"), Path())

    assert list(found.layers) == ["alibaba-eci", "alibaba-acs"]
    assert [record.getMessage() for record in caplog.records] == [
        "default price books are omitted: they are billed in another currency, and no exchange rate is known"
    ]
    with pytest.raises(SettingsError, match="currency: is CNY, but gke-autopilot is billed in USD"):
        connect.books(Settings(currency="CNY", prices=("alibaba-eci", "gke-autopilot")), Path())
    assert len(connect.books(Settings(), Path()).layers) == len(Settings().prices)
