"""`lynceus prices`: the command line as a request, and the list of books."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from collector.cli import prices
from collector.cli.main import app
from collector.prices.quote import QuoteRequest
from collector.reports.report import ReportError
from tests.builders import NOON

ECI = {"product": "alibaba-eci", "seconds": "3600", "region": "cn-hangzhou"}
SIZED = {**ECI, "spec": "2-4Gi"}


class Requested(Exception):
    """Carries the request that would be priced."""


def run(options: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Result:
    """The command with some options; it ends where a price would be looked up."""

    def quote(_books: object, request: QuoteRequest, _at: object) -> Any:
        raise Requested(request)

    monkeypatch.setattr(prices, "quote", quote)
    arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
    return CliRunner().invoke(app, ["prices", "quote", *arguments])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (SIZED, QuoteRequest(product="alibaba-eci", seconds=3600, spec="2-4Gi", region="cn-hangzhou")),
        (
            {**ECI, "cpu": "250m"},
            QuoteRequest(product="alibaba-eci", seconds=3600, vcpu=Decimal("0.25"), region="cn-hangzhou"),
        ),
        (
            {**ECI, "memory-gib": "4", "gpu": "1"},
            QuoteRequest(
                product="alibaba-eci", seconds=3600, memory_gib=Decimal(4), region="cn-hangzhou", gpu=Decimal(1)
            ),
        ),
        (
            {**ECI, "instance-type": "ecs.c6.large"},
            QuoteRequest(product="alibaba-eci", seconds=3600, instance_type="ecs.c6.large", region="cn-hangzhou"),
        ),
    ],
)
def test_a_command_line_is_a_request(
    options: dict[str, str], expected: QuoteRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A size is given as a spec, as an instance type, or as requested vCPU and memory."""
    result = run(options, monkeypatch)

    assert isinstance(result.exception, Requested), result.output
    assert result.exception.args == (expected,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ECI, "give exactly one of --spec, --instance-type, or --cpu with --memory-gib"),
        ({**SIZED, "cpu": "1"}, "give exactly one of"),
        ({**SIZED, "instance-type": "ecs.c6.large"}, "give exactly one of"),
        ({**ECI, "cpu": "NaN"}, "--cpu: invalid amount 'NaN', expected a number like 2, 0.25 or 250m"),
        ({**SIZED, "gpu": "-1"}, "--gpu: invalid amount '-1'"),
        ({**SIZED, "ephemeral-gib": "1e10"}, "--ephemeral-gib: invalid amount '1e10'"),
        ({**SIZED, "currency": "RMB"}, "--currency RMB: unknown"),
    ],
)
def test_an_invalid_request_names_its_option(
    options: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the option and what it takes."""
    result = run(options, monkeypatch)

    assert isinstance(result.exception, ReportError), result.output
    assert message in str(result.exception)


def test_an_unknown_choice_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line itself knows the ways to buy, and lists them."""
    result = run({**SIZED, "purchase": "cash"}, monkeypatch)

    assert result.exit_code == 2
    assert "'on_demand', 'spot'" in " ".join(result.output.replace("│", "").split())


def test_an_instant_is_a_day_or_a_time_or_now() -> None:
    """Times without a zone are UTC."""
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    assert [prices.instant_of(t, now) - NOON for t in ("", "2026-11-22", "2026-11-22T13:00:00+01:00")] == [
        0,
        -43_200_000,
        0,
    ]
    with pytest.raises(ReportError, match="--at invalid date 'noon'"):
        prices.instant_of("noon", now)


@pytest.mark.parametrize(("options", "title"), [([], "Price books in force"), (["--rows"], "Prices in force")])
def test_books_are_listed_whole_or_row_by_row(
    options: list[str], title: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with the day on which its source was read."""
    result = CliRunner().invoke(app, ["prices", "list", "--format", "json", *options])
    shown = json.loads(result.output or capsys.readouterr().out)

    assert shown["title"] == title
    assert all(row["read"] for row in shown["rows"])
