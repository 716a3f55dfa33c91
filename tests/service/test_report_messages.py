"""A report's message: read with the rights of its department, and with the figures that the commands print."""

import logging
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from collector.catalog.schema import DATABASE
from collector.connect import reader
from collector.core.units import ZERO
from collector.delivery.message import Message
from collector.language.language import language
from collector.reports.anomalies import anomalies
from collector.reports.filters import Filter
from collector.reports.forecast import MonthForecast, forecast
from collector.reports.month_difference import following
from collector.reports.report import Query, Span
from collector.service.report_messages import message_of
from collector.settings.budgets import BudgetSettings
from collector.settings.delivery import ScheduledReport
from collector.settings.model import HttpSettings, Settings
from collector.store.schema.migrate import migrate
from collector.web.reports.anomaly_sentence import anomaly_sentence
from tests.billing.stored import write_all
from tests.reports.test_month_report import NOVEMBER, the_facts
from tests.reports.until_today import MONTH, until_today
from tests.store.running import Running, start

BUDGETS = (
    BudgetSettings(month="1", where={"department": "maps"}, name="maps in all"),
    BudgetSettings(month="1000000", where={"department": "maps", "template": "nightly"}, name="nightly of maps"),
    BudgetSettings(month="1", where={"department": "sim"}, name="limit of sim"),
    BudgetSettings(month="1", where={"project": "tiles"}, name="tiles of all"),
    BudgetSettings(month="1", name="whole fleet"),
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A store with two months of several departments, and the days until today of two of them."""
    folder = tmp_path_factory.mktemp("data")
    running = start(folder)
    writer = running.writer()
    migrate(writer)
    write_all(writer, [*the_facts(folder), *until_today()])
    writer.close()
    yield running
    running.stop()


@pytest.fixture
def settings(running: Running) -> Settings:
    """Of a collector with this store."""
    http = HttpSettings(external_url="https://lynceus.example.com/")
    return Settings(data_dir=str(running.path.parent), http=http, budgets=BUDGETS, currency="USD")


def read(settings: Settings, month: date = NOVEMBER, **changes: object) -> Message:
    """The message of a month."""
    return message_of(settings, a_report(**changes), "id", month)


def a_report(**changes: object) -> ScheduledReport:
    """A report by mail, with a file."""
    given = {"name": "month", "schedule": "monthly 09:00", "to": ("a@b.c",), "attach": "csv", **changes}
    return ScheduledReport(**given)  # type: ignore[arg-type]


def everything_in(message: Message) -> str:
    """All that leaves with a message."""
    assert message.attachment is not None
    return "\n".join((message.title, message.text(), message.html, message.attachment.text, *message.facts.values()))


def others_of(settings: Settings, department: str) -> set[str]:
    """The names of all other departments in the message of all; projects may be `unallocated` too."""
    file = read(settings).attachment
    assert file is not None
    return {line.split(",")[0] for line in file.text.splitlines()[1:]} - {department, "", "unallocated"}


def test_a_message_of_a_department_holds_nothing_of_others(settings: Settings) -> None:
    """No name of another department, nor what belongs to none, in text, HTML, file or facts."""
    others = others_of(settings, "maps")
    assert others

    sent = everything_in(read(settings, department="maps"))

    assert [name for name in others if name in sent] == []


def test_the_rows_of_a_department_are_those_of_the_command(settings: Settings) -> None:
    """The sum of the attached rows is what the message says is to pay."""
    message = read(settings, department="maps")
    assert message.attachment is not None
    head, *rows = [line.split(",") for line in message.attachment.text.splitlines()]
    paid: dict[str, Decimal] = {}
    for row in rows:
        cells = dict(zip(head, row, strict=True))
        if cells["to pay"]:
            paid[cells["currency"]] = paid.get(cells["currency"], ZERO) + Decimal(cells["to pay"])

    shown = [value for label, value in message.figures if label == "To pay"]

    assert shown == [
        language("en").money(round(amount, 2), currency)
        for currency, amount in sorted(paid.items(), key=lambda one: -one[1])
    ]


@pytest.mark.parametrize("tag", ["en", "zh-CN"])
def test_a_message_leads_to_its_page(settings: Settings, tag: str) -> None:
    """In the report's language, and with the month in the title."""
    message = read(settings, department="maps", language=tag)

    assert message.link == "https://lynceus.example.com/reports/maps?month=2026-11"
    assert language(tag).month(NOVEMBER) in message.title
    assert message.sentence
    assert message.facts == {"report": "month", "department": "maps", "month": "2026-11"}


def test_a_month_without_costs_is_a_message_too(settings: Settings) -> None:
    """Nothing is known of it, and the message says so; no figure is made up."""
    message = message_of(
        settings,
        ScheduledReport(name="month", schedule="monthly 09:00", to=("a@b.c",), department="maps"),
        "id",
        date(2024, 1, 1),
    )

    assert message.figures == ()
    assert message.sentence


def forecast_of(query: Query, filters: Sequence[Filter]) -> MonthForecast:
    """What `lynceus report forecast` has at this instant."""
    now = datetime.now(ZoneInfo("UTC"))
    return next(one for one in forecast(query, MONTH, now, (), filters) if one.currency == "USD")


@pytest.mark.parametrize("tag", ["en", "zh-CN"])
def test_what_a_month_leads_to_is_what_the_reports_have(settings: Settings, tag: str) -> None:
    """The forecast with its range, the budget of the department, what is passed, and the sentences about anomalies."""
    words, query = language(tag), reader(settings, "")
    of_maps = [Filter("department", ("maps",))]
    earlier = forecast_of(query, of_maps)
    found = anomalies(query, Span(MONTH, following(MONTH)), of_maps)

    message = read(settings, MONTH, department="maps", language=tag)

    figures = dict(message.figures)
    later = forecast_of(query, of_maps)
    to_date = words.money(round(later.to_date or ZERO, 2), "USD")
    likely, *bounds = map(Decimal, re.findall(r"\d+\.\d\d", figures[words.text("Forecast")].replace(",", "")))
    assert len(found) == 1
    # What is left of today passes meanwhile.
    for shown, before, after in zip(
        (likely, *bounds),
        (earlier.likely, earlier.low, earlier.high),
        (later.likely, later.low, later.high),
        strict=True,
    ):
        assert round(after or ZERO, 2) <= shown <= round(before or ZERO, 2)
    assert words.money(Decimal("1.00"), "USD") in figures[words.text("Budget {name}", name="maps in all")]
    assert any("maps in all" in note and to_date in note for note in message.notes)
    assert [note for note in message.notes if "nightly-90" in note] == [anomaly_sentence(found[0], words)]
    assert anomaly_sentence(found[0], words) in message.html
    assert "nightly of maps" in message.html
    assert not any("nightly of maps" in note for note in message.notes)


def test_a_department_learns_nothing_of_others(settings: Settings) -> None:
    """Neither budgets nor anomalies of others, nor budgets whose rows it may not read; who reads all sees all of them."""
    of_all, of_maps = (everything_in(read(settings, MONTH, department=name)) for name in ("all", "maps"))

    for theirs in ("limit of sim", "tiles of all", "whole fleet", "sim-drive"):
        assert theirs not in of_maps
        assert theirs in of_all
    assert "maps in all" in of_maps


@pytest.mark.parametrize("patience_s", [0.0, 30.0])
def test_a_message_is_sent_without_what_cannot_be_read(
    settings: Settings, running: Running, caplog: pytest.LogCaptureFixture, patience_s: float
) -> None:
    """A store that is too slow, or lacks a table: the bill goes out, and the log says what is missing and why."""
    writer = running.writer()
    with caplog.at_level(logging.WARNING):
        if patience_s:
            writer.command(f"RENAME TABLE {DATABASE}.run_daily TO {DATABASE}.gone")
        try:
            message = message_of(settings, a_report(department="maps"), "id", MONTH, patience_s)
        finally:
            if patience_s:
                writer.command(f"RENAME TABLE {DATABASE}.gone TO {DATABASE}.run_daily")
            writer.close()

    assert [label for label, _ in message.figures if label.startswith(("Forecast", "Budget"))] == []
    assert dict(message.figures)["To pay"]
    assert "could not be read" in message.html
    [record] = [one for one in caplog.records if "no forecast" in one.getMessage()]
    assert record.__dict__["report"] == "month"
    assert ("took longer than 0 s" if not patience_s else "run_daily") in record.__dict__["reason"]
