"""Reports at their times: which message is owed, and what is shown of it. The store and the mail server are real."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.core.delivery_health import DeliveryHealth
from collector.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from collector.delivery.attempt import DeliveryWork
from collector.delivery.journal import DeliveryJournal
from collector.delivery.message import Message
from collector.delivery.records import DeliveryRecord, advance, current
from collector.service.deliveries import Deliveries
from collector.settings.delivery import DeliverySettings, ScheduledReport
from collector.settings.model import Settings
from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from tests.delivery.messages import a_message
from tests.delivery.receivers import Mailbox, a_mailbox
from tests.store.running import Running, start

pytestmark = pytest.mark.timeout(300)

NINE = int(datetime(2026, 12, 1, 9, 0, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The embedded store, migrated."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    writer.close()
    yield running
    running.stop()


@pytest.fixture
def store(engine: Running) -> Iterator[Store]:
    writer = engine.writer()
    yield writer
    writer.close()


@dataclass
class Collector:
    """A collector's deliveries, at times that the test chooses."""

    deliveries: Deliveries
    work: DeliveryWork
    counters: Counters
    now: int = NINE - DAY_MS

    def look(self, now: int) -> DeliveryHealth:
        """What is shown after a look at this time."""
        self.now = now
        self.deliveries.look(self.work)
        (health,) = self.deliveries.health()
        return health


@contextmanager
def a_collector(store: Store, folder: Path, box: Mailbox, report: ScheduledReport) -> Iterator[Collector]:
    """A collector that has seen the report the day before it is due."""
    counters = Counters()
    settings = Settings(delivery=DeliverySettings(smtp=box.settings(), reports=(report,)))

    def make(_: ScheduledReport, identity: str, due: datetime) -> Message:
        return a_message(id=identity, title=f"{due:%F}")

    deliveries = Deliveries(settings, counters, make)
    deliveries.follow_schedules()
    folder.mkdir()
    journal = DeliveryJournal(folder / "journal")
    work = DeliveryWork(
        store=store, journal=journal, holder=journal.identity, now=lambda: collector.now, late_ms=72 * HOUR_MS
    )
    collector = Collector(deliveries, work, counters)
    collector.look(NINE - DAY_MS)
    yield collector


def named(name: str) -> ScheduledReport:
    """A report of its own, since the store remembers each."""
    return ScheduledReport(name=name, to=("a@b.c",), schedule="monthly 09:00", department="maps")


def test_a_report_is_sent_at_its_time_and_once(store: Store, tmp_path: Path) -> None:
    """By one of two collectors, however often both look."""
    with (
        a_mailbox() as box,
        a_collector(store, tmp_path / "a", box, named("once")) as one,
        a_collector(store, tmp_path / "b", box, named("once")) as other,
    ):
        assert one.look(NINE - 1) == DeliveryHealth(report="once")
        for collector in (one, other, one, other):
            health = collector.look(NINE + MINUTE_MS)

    assert [mail["Subject"] for mail in box.mails] == ["2026-12-01"]
    assert health == DeliveryHealth(report="once", last_at=NINE + MINUTE_MS)
    assert sum(one.counters.values(metrics.DELIVERIES)) == 1


def test_a_time_that_passed_while_no_collector_ran_is_made_up_once(store: Store, tmp_path: Path) -> None:
    """Within the limit late; after it the message is given up, and both is shown."""
    with a_mailbox() as box, a_collector(store, tmp_path / "a", box, named("late")) as collector:
        collector.look(NINE + 71 * HOUR_MS)
        assert len(box.mails) == 1
        january = int(datetime(2027, 1, 1, 9, 0, tzinfo=UTC).timestamp() * 1000)
        health = collector.look(january + 73 * HOUR_MS)

    assert len(box.mails) == 1
    assert (health.state, health.due_at, health.detail) == ("missed", january, "no collector ran in time")


def test_a_new_report_owes_nothing_for_the_time_before(store: Store, tmp_path: Path) -> None:
    """Settings that are written on the second of a month send nothing on that day."""
    with a_mailbox() as box, a_collector(store, tmp_path / "a", box, named("new")) as collector:
        record = current(store, "new", "maps", "")
        assert record is not None
        assert advance(store, record, state="known", at=NINE + 1) is not None
        collector.deliveries = Deliveries(collector.deliveries._settings, collector.counters)
        collector.deliveries.follow_schedules()

        assert collector.look(NINE + HOUR_MS) == DeliveryHealth(report="new")
    assert box.mails == []


def test_a_failure_is_shown_until_the_message_is_sent(store: Store, tmp_path: Path) -> None:
    """With the receiver's words; the next attempt waits for its time."""
    with a_mailbox() as box, a_collector(store, tmp_path / "a", box, named("fails")) as collector:
        box.refuse = {"a@b.c"}
        failed = collector.look(NINE)
        box.refuse = set()
        waits = collector.look(NINE + MINUTE_MS - 1)
        sent = collector.look(NINE + MINUTE_MS)

    assert failed == waits
    assert (failed.state, failed.due_at) == ("failed", NINE)
    assert "550 no such user" in failed.detail
    assert sent == DeliveryHealth(report="fails", last_at=NINE + MINUTE_MS)


def test_what_another_collector_sends_is_waited_for(store: Store, tmp_path: Path) -> None:
    """Until its claim ends; then it is taken over."""
    with a_mailbox() as box, a_collector(store, tmp_path / "a", box, named("other")) as collector:
        theirs = DeliveryRecord(name="other", department="maps", period="2026-12-01 09:00", due=NINE)
        until = NINE + 3 * MINUTE_MS
        assert advance(store, theirs, state="claimed", holder="gone", attempt=1, until=until) is not None

        waits = collector.look(until - 1)
        assert (waits.state, box.mails) == ("waits", [])
        collector.look(until)
    assert len(box.mails) == 1
