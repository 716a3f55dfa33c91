"""Serverless against a fixed pool: small fleets in the real engine, counted by hand."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from typer.testing import CliRunner

from collector.cli import savings as cli
from collector.cli.main import app
from collector.core.model import Fact
from collector.core.savings.pool import PoolNode, PoolWindow
from collector.core.savings.replay import Need
from collector.reports.past_pods import Selection
from collector.reports.report import Query, Report, ReportError, Span
from collector.reports.savings import PoolQuestion, savings
from collector.reports.sentences import duration
from collector.store.schema.migrate import migrate
from tests.billing.stored import write_all
from tests.builders import DAY, HOUR, NOON, SECOND
from tests.core.cost.charged import shipped
from tests.core.savings.fleets import LARGE
from tests.reports.test_past_pods import a_past_pod, charged
from tests.store.running import Running, start

DAY_OF_FOUR = Span(date(2026, 11, 22), date(2026, 11, 23))
DAY_OF_MANY = Span(date(2026, 11, 24), date(2026, 11, 25))
ECI_HOUR = Decimal("0.069264")
"""2 vCPU and 4 GiB for an hour."""


def hour_long(uid: str, after_s: int = 0, **changes: Any) -> list[Fact]:
    """A pod that is billed for an hour, in which its main container runs."""
    begin = NOON + after_s * SECOND
    return charged(a_past_pod(uid, after_s, main_started_at=begin, finished_at=begin + HOUR, **changes))


FACTS: list[Fact] = [
    *(fact for number in range(4) for fact in hour_long(f"p{number}")),
    *hour_long("large", cpu=Decimal(8), memory_bytes=16 * 2**30),
    *(
        fact
        for lane in range(2)
        for hour in range(-12, 12)
        for fact in hour_long(f"q{lane}{hour}", 2 * 86_400 + hour * 3600)
    ),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    write_all(writer, FACTS)
    writer.close()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def ask(engine: Running) -> Iterator[Query]:
    reader = engine.reader()
    yield lambda sql, parameters: reader.query_rows(sql, dict(parameters))
    reader.close()


def report_of(ask: Query, span: Span, *, hourly: str = "0.06", wait_s: int = 60, need: Need = LARGE) -> Report:
    begin = NOON - 12 * HOUR + (span.begin - DAY_OF_FOUR.begin).days * DAY
    chosen = Selection(PoolWindow(begin, begin + DAY), "USD")
    node = PoolNode(type="ecs.c6.large", need=need, hourly=Fraction(hourly), source="its size is yours")
    return savings(ask, span, chosen, PoolQuestion(node, wait_s * 1000), shipped())


def test_a_burst_is_cheaper_serverless(ask: Query) -> None:
    """Four pods for an hour of a day: a pool for all four costs 24 times as much, one node still 5 times."""
    report = report_of(ask, DAY_OF_FOUR)

    assert report.rows == [
        (1, Decimal("1.44"), "USD", 3600, 10800, Decimal("4.00"), Decimal("16.66"), "no"),
        (2, Decimal("2.88"), "USD", 0, 3600, Decimal("2.00"), Decimal("8.33"), "no"),
        (3, Decimal("4.32"), "USD", 0, 3600, Decimal("2.00"), Decimal("5.55"), "no"),
        (4, Decimal("5.76"), "USD", 0, 0, Decimal("1.00"), Decimal("4.16"), "no"),
    ]
    assert report.notes[0] == (
        "serverless: 4 x ecs.c6.large, the smallest pool of these with a p95 wait of at most 60 s, would have cost "
        "5.48 USD more than the bill; none of these pools is done for less"
    )
    assert report.notes[1] == (
        "the bill of these 4 pods is 0.277056 USD to pay, 0.277056 exact, without fees and other shared costs"
    )
    assert "a pool is cheaper only if it is used more than 86.62 % of the time" in report.notes
    assert "not compared: 1 pods that are larger than one node, 0.07 USD" in report.notes


def test_a_steady_load_is_cheaper_on_a_pool(ask: Query) -> None:
    """Two pods at every hour of the day: two nodes are always full, and cost 86.6 % of the bill."""
    report = report_of(ask, DAY_OF_MANY)

    assert report.rows == [(2, Decimal("2.88"), "USD", 0, 0, Decimal("24.00"), Decimal(100), "yes")]
    assert report.notes[0] == (
        "a fixed pool: 2 x ecs.c6.large, the smallest pool of these with a p95 wait of at most 60 s, would have saved "
        "0.44 USD (13.3 % of the bill), at a p95 wait of 0 s"
    )


def test_a_cheaper_pool_that_waits_longer_is_named(ask: Query) -> None:
    """At 0.01 an hour one node costs less than the burst's bill, but then pods wait for hours."""
    patient, hasty = (report_of(ask, DAY_OF_FOUR, hourly="0.01", wait_s=wait) for wait in (3 * 3600, 0))

    assert patient.notes[0].startswith("a fixed pool: 1 x ecs.c6.large")
    assert patient.notes[0].endswith("at a p95 wait of 3.0 h")
    assert hasty.notes[0].endswith("; 1 would be cheaper, at a p95 wait of 3.0 h")


def test_a_pool_that_cannot_pay_off_is_named(ask: Query) -> None:
    """A node that costs more than its pods, always full, has a break-even above 100 %."""
    notes = report_of(ask, DAY_OF_MANY, hourly="0.07").notes

    assert "no pool of this node can be cheaper: it would have to be used 101.06 %" in notes


def test_without_pods_there_is_no_answer(ask: Query) -> None:
    """No rows, and why."""
    report = report_of(ask, Span(date(2026, 12, 1), date(2026, 12, 2)))
    too_small = report_of(ask, DAY_OF_FOUR, need=Need(10**9, 2**30))

    assert (report.rows, too_small.rows) == ([], [])
    assert report.notes[0] == "no answer: no serverless pod of the period can be replayed"
    assert "not compared: 5 pods that are larger than one node, 0.35 USD" in too_small.notes


@pytest.mark.parametrize(
    ("ms", "words"),
    [(0, "0 s"), (119_999, "120 s"), (120_000, "2 min"), (2 * HOUR - 1, "120 min"), (HOUR * 99 // 4, "24.7 h")],
)
def test_durations_are_short(ms: int, words: str) -> None:
    """Seconds, minutes or hours."""
    assert duration(ms) == words


def run(engine: Running, options: str) -> Any:
    """The command with some options, as a user types them."""
    return CliRunner().invoke(app, ["report", "savings", "--url", engine.url, *options.split()])


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock shows noon of November 28."""
    monkeypatch.setattr(cli, "now_ms", lambda: NOON + 6 * DAY)


@pytest.mark.usefixtures("later")
def test_a_month_that_is_not_over_counts_until_now(engine: Running) -> None:
    """27.5 of 30 days have passed: 660 hours at a thirtieth of 43.2 a day."""
    options = "--month 2026-11 --node-type ecs.c6.large --node-price 43.2 --per month"
    found = run(engine, f"{options} --where step!=q --where department=maps --format json")
    body = json.loads(found.stdout)

    assert found.exit_code == 0
    assert (
        body["title"]
        == "A pool of ecs.c6.large instead of serverless, 2026-11-01 to 2026-12-01 (exclusive), step!=q, department=maps"
    )
    assert [(row["nodes"], row["cost"]) for row in body["rows"]] == [
        (1, "39.60"),
        (2, "79.20"),
        (3, "118.80"),
        (4, "158.40"),
    ]
    assert (
        "a node: 2 vCPU, 4 GiB, 0.06 USD an hour for 660.00 h; its size is by its name, its price yours"
        in body["notes"]
    )
    assert "the first pod arrived 21 days after the period began; --from makes the pool's time shorter" in body["notes"]


@pytest.mark.usefixtures("later")
def test_the_table_fits_a_terminal(engine: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line of it is longer than 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    found = run(engine, "--from 2026-11-22 --to 2026-11-25 --node-type ecs.c6.large")

    assert found.exit_code == 0
    assert max(map(len, found.stdout.partition("serverless:")[0].splitlines())) <= 80


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--month 2026-12", "2026-12-01 to 2027-01-01 (exclusive) has not begun"),
        ("--month 2026-11", "no node to compare with: say --node-type"),
        ("--month 2026-11 --node-size 2-4Gi --node-price -1", "--node-price: invalid price '-1'"),
        ("--month 2026-11 --node-size 2-4Gi --node-gpus x", "--node-gpus: invalid amount 'x'"),
        ("--month 2026-11 --node-type ecs.c6.large --where day=1", "--where day: no such column"),
    ],
)
def test_wrong_use_names_the_remedy(engine: Running, options: str, message: str) -> None:
    """Before the store is read."""
    error = run(engine, options).exception

    assert isinstance(error, ReportError)
    assert str(error).startswith(message)
