"""`lynceus report send` and `deliveries`: out of the real engine, into a real mail server and a real webhook."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from collector.connect import ExternalError
from collector.delivery.records import DeliveryRecord, advance, current
from collector.reports.report import ReportError
from collector.store.clickhouse import Store
from tests.cli.mailed import MailedFleet, a_mailed_fleet
from tests.reports.until_today import MONTH


@pytest.fixture(scope="module")
def whole_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailedFleet]:
    with a_mailed_fleet(tmp_path_factory.mktemp("fleet")) as made:
        yield made


@pytest.fixture
def fleet(whole_fleet: MailedFleet) -> MailedFleet:
    """The fleet before its first message."""
    whole_fleet.box.mails.clear()
    whole_fleet.box.refuse.clear()
    whole_fleet.chat.messages.clear()
    whole_fleet.chat.answers.clear()
    return whole_fleet


@pytest.fixture
def store(fleet: MailedFleet) -> Iterator[Store]:
    """The store, to be written; it lists no message."""
    writer = fleet.store.writer()
    writer.command("TRUNCATE TABLE lynceus.delivery")
    yield writer
    writer.close()


def listed(fleet: MailedFleet) -> list[dict[str, Any]]:
    """What `lynceus report deliveries` has, the newest first."""
    return list(json.loads(fleet.printed("report deliveries --format json"))["rows"])


def test_a_test_is_a_whole_mail_that_nothing_counts(fleet: MailedFleet, store: Store) -> None:
    """Marked in its subject, with text, HTML and rows; it is in the audit log and in no list of deliveries."""
    answer = fleet.printed("report send --test maps-mail")

    [mail] = fleet.box.mails
    assert answer == "lead@maps.example: 250 taken\n"
    assert mail["Subject"] == f"Test: maps: costs of {MONTH:%B %Y}"
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    for part in (text.get_content(), html.get_content()):
        for word in ("Forecast", "Budget", "nightly-90 of nightly v1"):
            assert word in part
        assert "sim-drive" not in part
        assert "limit of sim" not in part
    assert listed(fleet) == []
    assert "none yet" in fleet.printed("report deliveries")
    entries = json.loads(fleet.printed("audit --format json"))["rows"]
    assert ("send_report", "maps-mail (test)", "ok") in {
        (one["action"], one["target"], one["outcome"]) for one in entries
    }


def test_the_rows_of_a_mail_sum_to_its_first_figure(fleet: MailedFleet) -> None:
    """Readable by a spreadsheet, byte order mark included."""
    fleet.printed("report send --test maps-mail")

    [mail] = fleet.box.mails
    [file] = mail.iter_attachments()
    assert file.get_filename() == f"maps-{MONTH:%Y-%m}.csv"
    rows = csv.DictReader(io.StringIO(file.get_content().removeprefix("\ufeff")))
    whole = sum(Decimal(row["to pay"]) for row in rows)
    body = mail.get_body(("plain",))
    assert body is not None
    assert f"To pay: {whole:,.2f} USD" in body.get_content().replace("\xa0", " ")


def test_a_test_reaches_a_chat(fleet: MailedFleet) -> None:
    """In the form of its vendor, which checks it."""
    answer = fleet.printed("report send --test maps-chat")

    [message] = fleet.chat.messages
    assert answer == "webhook chat: 200 ok\n"
    assert "nightly-90" in json.dumps(message)
    assert fleet.chat.refused == []


def test_a_message_by_hand_makes_up_for_those_that_failed(fleet: MailedFleet, store: Store) -> None:
    """It is listed with its receiver; what failed for another month stays so."""
    for period, month in (("of this month", MONTH), ("of another", MONTH.replace(year=MONTH.year - 1))):
        due = int(datetime(month.year, month.month, 1, 9, tzinfo=UTC).timestamp() * 1000)
        record = DeliveryRecord(name="maps-mail", department="maps", period=period, due=due)
        assert advance(store, record, state="failed", at=due) is not None

    fleet.printed("report send maps-mail")

    assert len(fleet.box.mails) == 1
    assert not fleet.box.mails[0]["Subject"].startswith("Test")
    [by_hand] = [one for one in listed(fleet) if one["period"].startswith("by hand")]
    assert (by_hand["state"], by_hand["receiver"]) == ("sent", "lead@maps.example")
    states = [current(store, "maps-mail", "maps", period) for period in ("of this month", "of another")]
    assert [one.state for one in states if one] == ["sent", "failed"]
    assert "made up for by a command" in fleet.printed("report deliveries")


def test_a_receiver_that_refuses_is_quoted(fleet: MailedFleet, store: Store) -> None:
    """Exit code 1; a test is listed nowhere, and a message by hand as missed."""
    fleet.box.refuse.add("lead@maps.example")
    words = (
        "report maps-mail was not sent: the mail server refuses every recipient: lead@maps.example: 550 no such user"
    )

    done = fleet.run("report send maps-mail --test")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"lynceus: {words}\n")
    assert listed(fleet) == []
    with pytest.raises(ExternalError, match=f"^{words}$"):
        fleet.printed("report send maps-mail")
    assert [one["state"] for one in listed(fleet)] == ["missed"]


def test_a_chat_that_hangs_up_may_have_the_message(fleet: MailedFleet, store: Store) -> None:
    """It is not sent again, and the list says so."""
    fleet.chat.hang_up = True
    done = fleet.run("report send maps-chat")
    fleet.chat.hang_up = False

    assert done.returncode == 1
    assert "report maps-chat may have been sent or not: " in done.stderr
    assert [one["state"] for one in listed(fleet)] == ["unsure"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("maps-week", "maps-week: no such report, expected one of maps-mail, maps-chat"),
        ("", "NAME: no such report, expected one of maps-mail, maps-chat"),
        ("maps-mail --month november", "invalid month 'november'"),
    ],
)
def test_a_wrong_name_or_month_sends_nothing(fleet: MailedFleet, words: str, message: str) -> None:
    """What there is stands in the error."""
    with pytest.raises(ReportError, match=message):
        fleet.printed(f"report send {words}")

    assert fleet.box.mails == []


def test_settings_without_reports_send_none(fleet: MailedFleet) -> None:
    """Exit code 2, and the remedy; of a single report no name is needed."""
    text = fleet.config.read_text(encoding="utf-8")
    none, one = (fleet.config.with_name(name) for name in ("none.yaml", "one.yaml"))
    none.write_text(text.partition("delivery:")[0], encoding="utf-8")
    one.write_text("".join(line for line in text.splitlines(True) if "maps-chat" not in line), encoding="utf-8")

    refused = fleet._replace(config=none).run("report send --test")
    with pytest.raises(ReportError, match="the settings send no report"):
        fleet._replace(config=none).printed("report send")
    fleet._replace(config=one).printed("report send --test")

    assert refused.returncode == 2
    assert "the settings send no report; name one under `delivery.reports`" in refused.stderr
    assert len(fleet.box.mails) == 1
