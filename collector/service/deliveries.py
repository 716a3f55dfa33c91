"""
Sends reports at their times: each exactly once a period, whichever of the collectors that share the store is up.

A collector looks every few seconds which message was due last and how far it is in the store (delivery/records.py). So a time
that passed while no collector ran is made up once, and after a kill another collector goes on where the rows say. All of it is
done in a thread of its own, with connections of its own: a mail server that hangs holds nothing else.
"""

import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from collector import connect
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.delivery_health import DeliveryHealth
from collector.core.model import Instant
from collector.core.units import HOUR_MS
from collector.delivery.attempt import CLAIM_MS, DeliveryWork, attempt, settle
from collector.delivery.channel import Channel, channel_of
from collector.delivery.content import month_shown
from collector.delivery.journal import DeliveryJournal
from collector.delivery.message import Message
from collector.delivery.outcome import NotSentError
from collector.delivery.records import DeliveryRecord, advance, current, last_sent
from collector.reports.report import ReportError
from collector.service.report_messages import message_of
from collector.service.tasks import background_task, every, own_thread
from collector.settings.delivery import ScheduledReport
from collector.settings.derived import make_data_dir
from collector.settings.model import Settings
from collector.settings.schedule import Times, last_due, schedule_of
from collector.store.clickhouse import StoreError

log = logging.getLogger(__name__)

LOOK_S = 10.0
LONGEST_PERIOD = timedelta(days=400)
"""The last time of a report is sought so far back; the rarest schedule comes once a year."""
ENDS: dict[str, str] = {"sent": "sent", "failed": "failed", "unsure": "unsure", "missed": "missed"}
"""States that are counted as outcomes."""

MakeMessage = Callable[[ScheduledReport, str, datetime], Message]
"""Reads a report for the period that was due at an instant, and makes its message; the text is its id."""


class Deliveries:
    """The reports of the settings, and how far each is."""

    def __init__(self, settings: Settings, counters: Counters, make: MakeMessage | None = None) -> None:
        """`make`: how messages are made, if not from the store."""
        self._settings, self._counters = settings, counters
        self._zone = ZoneInfo(settings.billing_timezone)
        self._make = make or self._read
        self._times: dict[str, Times] = {}
        self._health: dict[str, DeliveryHealth] = {}
        self._known: dict[tuple[str, str], Instant] = {}
        self._late_ms = settings.delivery.late_hours * HOUR_MS

    def health(self) -> list[DeliveryHealth]:
        """How far each report is, as of the last look."""
        return list(self._health.values())

    @asynccontextmanager
    async def running(self, look_s: float = LOOK_S, claim_ms: int = CLAIM_MS) -> AsyncIterator[None]:
        """Sends for as long as the block lasts."""
        if not self._settings.delivery.reports:
            yield
            return
        self.follow_schedules()
        store = connect.writing_store(self._settings)
        journal = DeliveryJournal(make_data_dir(self._settings) / "deliveries")
        work = DeliveryWork(
            store=store,
            journal=journal,
            holder=f"{socket.gethostname()}:{journal.identity}",
            now=now_ms,
            late_ms=self._late_ms,
            claim_ms=claim_ms,
        )
        with own_thread("deliveries", store) as worker:

            async def look() -> None:
                with suppress(StoreError):  # it is reported elsewhere, and every message waits
                    await worker.run(self.look, work)

            async with background_task(every(look_s, look, first_s=0), "deliveries", patience_s=0.1):
                yield

    def follow_schedules(self) -> None:
        """Reads the times of the reports; before the first look."""
        for report in self._settings.delivery.reports:
            self._times[report.name] = schedule_of(report.schedule, self._zone)
            for outcome in ENDS.values():
                self._counters.initialise(metrics.DELIVERIES, report=report.name, outcome=outcome)

    def look(self, work: DeliveryWork) -> None:
        """Sends what is due; one report that fails does not keep another from being sent."""
        sent = last_sent(work.store)
        for report in self._settings.delivery.reports:
            since = self._known_since(work, report)
            due = last_due(self._times[report.name], datetime.fromtimestamp(work.now() / 1000, UTC), LONGEST_PERIOD)
            record = self._follow(work, report, due, since) if due else None
            if record is not None and record.state == "sent":
                sent[report.name, report.department] = max(record.at, sent.get((report.name, report.department), 0))
            last_at = sent.get((report.name, report.department))
            self._health[report.name] = _health(report, record, last_at)

    def _follow(
        self, work: DeliveryWork, report: ScheduledReport, due: datetime, since: Instant
    ) -> DeliveryRecord | None:
        """Brings the last due message of a report as far as possible; None: none is owed."""
        due_ms, period = int(due.timestamp() * 1000), due.strftime("%F %T" if due.second else "%F %R")
        record = current(work.store, report.name, report.department, period)
        if record is None:
            if due_ms < since:
                return None
            record = DeliveryRecord(name=report.name, department=report.department, period=period, due=due_ms)
        channel = channel_of(self._settings.delivery, report)
        now = work.now()
        if record.state in {"claimed", "sending"}:
            if record.holder != work.holder and now < record.until:
                return record
            settled = self._counted(record, settle(work, record, channel))
            if settled is None or settled.state not in {"claimed", "sending"}:
                return settled or record
            record = settled
        if record.state in {"sent", "unsure", "missed"} or (record.state == "failed" and now < record.until):
            return record
        if now > due_ms + work.late_ms:
            missed = advance(
                work.store, record, state="missed", at=now, detail=record.detail or "no collector ran in time"
            )
            return self._counted(record, missed)
        return self._try(work, record, channel, report, due)

    def _try(
        self, work: DeliveryWork, record: DeliveryRecord, channel: Channel, report: ScheduledReport, due: datetime
    ) -> DeliveryRecord:
        """One attempt; a failure is a row, a metric and a line of the log."""

        def make() -> Message:
            identity = f"{record.name}\0{record.department}\0{record.period}"
            try:
                return self._make(report, identity, due)
            except (ReportError, connect.ExternalError, StoreError) as error:
                raise NotSentError(f"the figures cannot be read: {error}") from None

        after = self._counted(record, attempt(work, record, channel, make))
        facts = {"report": record.name, "department": record.department, "period": record.period}
        facts["to"] = channel.receiver
        if after is not None and after.state == "sent":
            log.info("a report is sent", extra=facts | {"answer": after.detail})
        elif after is not None:
            log.warning("a report is not sent", extra=facts | {"state": after.state, "reason": after.detail})
        return after or record

    def _counted(self, before: DeliveryRecord, after: DeliveryRecord | None) -> DeliveryRecord | None:
        """The row, whose state is counted if this collector wrote it."""
        if after is not None and after.version > before.version and after.state in ENDS:
            self._counters.add(metrics.DELIVERIES, report=after.name, outcome=ENDS[after.state])
        return after

    def _known_since(self, work: DeliveryWork, report: ScheduledReport) -> Instant:
        """When any collector first saw a report: what was due before is not owed."""
        key = (report.name, report.department)
        if key not in self._known:
            now = work.now()
            first = DeliveryRecord(
                name=report.name, department=report.department, period="", at=now, holder=work.holder
            )
            known = current(work.store, *key, "") or advance(work.store, first) or current(work.store, *key, "")
            self._known[key] = known.at if known else now
        return self._known[key]

    def _read(self, report: ScheduledReport, identity: str, due: datetime) -> Message:
        month = month_shown(report, due.astimezone(self._zone).date())
        return message_of(self._settings, report, identity, month)


def _health(report: ScheduledReport, record: DeliveryRecord | None, last_at: Instant | None) -> DeliveryHealth:
    """What is shown of a report."""
    if record is None or record.state == "sent":
        return DeliveryHealth(report=report.name, last_at=last_at)
    shown = record.state if record.state in {"failed", "unsure", "missed"} else "waits"
    return DeliveryHealth(report=report.name, due_at=record.due, state=shown, detail=record.detail, last_at=last_at)
