"""
Sends a report because somebody says so: as a test, or once more. The schedule goes on as it was.
"""

import secrets
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from collector import connect
from collector.clock import now_ms
from collector.delivery.channel import channel_of
from collector.delivery.content import TEST, month_shown
from collector.delivery.outcome import NotSentError, UnsureError
from collector.delivery.records import BY_HAND, DeliveryRecord, DeliveryState, advance, latest
from collector.reports.report import ReportError
from collector.service.report_messages import message_of
from collector.settings.delivery import ScheduledReport
from collector.settings.model import Settings
from collector.store.clickhouse import Store

LOOKED_BACK = 10_000
"""Messages among which those are sought that a message by hand makes up for."""


def chosen_report(settings: Settings, name: str) -> ScheduledReport:
    """The report of a name, or the only one; ReportError names those that there are."""
    reports = {report.name: report for report in settings.delivery.reports}
    if not reports:
        raise ReportError("the settings send no report; name one under `delivery.reports`")
    if name in reports:
        return reports[name]
    if not name and len(reports) == 1:
        return next(iter(reports.values()))
    raise ReportError(f"{name or 'NAME'}: no such report, expected one of {', '.join(reports)}")


def send_test(settings: Settings, report: ScheduledReport, month: date | None) -> str:
    """Sends a report marked as a test; no period counts it. Returns what the receiver answered."""
    identity = f"{TEST}\0{report.name}\0{secrets.token_hex(8)}"
    return _send(settings, report, identity, month or _month_now(settings, report))[1]


def send_again(settings: Settings, report: ScheduledReport, month: date | None) -> str:
    """
    Sends a report once more, and lists it; scheduled messages of the same month that did not arrive count as made up for.

    Returns the receiver and its answer.
    """
    shown, now = month or _month_now(settings, report), now_ms()
    period = f"{BY_HAND} {datetime.fromtimestamp(now / 1000, UTC):%F %T} {secrets.token_hex(2)}"
    record = DeliveryRecord(name=report.name, department=report.department, period=period, due=now)
    identity = f"{record.name}\0{record.department}\0{period}"
    store = connect.writing_store(settings)
    with closing(store), connect.store_failures():
        record = advance(store, record, state="sending", attempt=1, at=now, until=now) or record
        try:
            receiver, words = _send(settings, report, identity, shown)
        except (connect.ExternalError, ReportError) as error:
            state: DeliveryState = "unsure" if isinstance(error.__cause__, UnsureError) else "missed"
            advance(store, record, state=state, at=now_ms(), detail=str(error))
            raise
        advance(store, replace(record, receiver=receiver), state="sent", at=now_ms(), detail=words)
        _make_up(store, settings, report, shown)
    return words


def _make_up(store: Store, settings: Settings, report: ScheduledReport, month: date) -> None:
    """Ends scheduled messages of a report and month that are not known to have arrived."""
    zone = ZoneInfo(settings.billing_timezone)
    for one in latest(store, LOOKED_BACK):
        open_ = one.state in {"failed", "unsure", "missed"} and not one.period.startswith(BY_HAND)
        same = (one.name, one.department) == (report.name, report.department)
        if open_ and same and month_shown(report, datetime.fromtimestamp(one.due / 1000, zone).date()) == month:
            advance(store, one, state="sent", at=now_ms(), detail="made up for by a command")


def _month_now(settings: Settings, report: ScheduledReport) -> date:
    return month_shown(report, datetime.now(ZoneInfo(settings.billing_timezone)).date())


def _send(settings: Settings, report: ScheduledReport, identity: str, month: date) -> tuple[str, str]:
    channel = channel_of(settings.delivery, report)
    message = message_of(settings, report, identity, month)
    try:
        answer = channel.send(message, lambda: None)
    except (NotSentError, UnsureError) as error:
        how = "may have been sent or not" if isinstance(error, UnsureError) else "was not sent"
        raise connect.ExternalError(f"report {report.name} {how}: {error}") from error
    return channel.receiver, f"{channel.receiver}: {answer}"
