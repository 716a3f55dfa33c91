"""A report's message: read with the rights of its department, and with the figures that the commands print."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from collector.core.units import ZERO
from collector.delivery.message import Message
from collector.language.language import language
from collector.service.report_messages import message_of
from collector.settings.delivery import ScheduledReport
from collector.settings.model import HttpSettings, Settings
from collector.store.schema.migrate import migrate
from tests.billing.stored import write_all
from tests.reports.test_month_report import NOVEMBER, the_facts
from tests.store.running import start


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Of a collector whose store holds two months of several departments."""
    folder = tmp_path_factory.mktemp("data")
    running = start(folder)
    writer = running.writer()
    migrate(writer)
    write_all(writer, [*the_facts(folder)])
    writer.close()
    yield Settings(data_dir=str(folder), http=HttpSettings(external_url="https://lynceus.example.com/"))
    running.stop()


def read(settings: Settings, **changes: object) -> Message:
    """The message of a month."""
    given = {"name": "month", "schedule": "monthly 09:00", "to": ("a@b.c",), "attach": "csv", **changes}
    return message_of(settings, ScheduledReport(**given), "id", NOVEMBER)  # type: ignore[arg-type]


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
