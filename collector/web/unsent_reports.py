"""
Reports that were due and are not known to be sent, as problems of `/readyz`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from collector.core.live_view import LiveView
from collector.core.model import Instant
from collector.core.units import MINUTE_MS
from collector.language.language import Language, in_catalog
from collector.web.api_models import Problem

NOT_SENT_MS = 10 * MINUTE_MS
"""A message that is being sent, or whose collector was killed, is not reported before this time."""

REASONS = {
    "waits": in_catalog("report {report}, due at {at} UTC, is not sent yet"),
    "failed": in_catalog("report {report}, due at {at} UTC, could not be sent and is tried again: {why}"),
    "unsure": in_catalog("report {report}, due at {at} UTC, may have been sent or not: {why}"),
    "missed": in_catalog("report {report}, due at {at} UTC, was not sent and no longer will be: {why}"),
}
REMEDIES = {
    "waits": in_catalog("look for {report} in `lynceus report deliveries`, and in the logs of the collectors"),
    "failed": in_catalog("correct what the reason names; `lynceus report send --test {report}` tries it"),
    "unsure": in_catalog("look whether it arrived; if not, `lynceus report send {report}` sends it"),
    "missed": in_catalog("`lynceus report send {report}` sends it"),
}


def unsent_reports(view: LiveView, now: Instant, language: Language) -> Iterator[Problem]:
    """Reports messages that are not known to be sent; everything else goes on, so the collector is ready."""
    for one in view.deliveries:
        if one.due_at is None or not one.state or (one.state == "waits" and now - one.due_at < NOT_SENT_MS):
            continue
        at = datetime.fromtimestamp(one.due_at / 1000, UTC).strftime("%F %R")
        yield Problem(
            subject="collector",
            cause=f"report_{one.state}",
            reason=language.text(REASONS[one.state], report=one.report, at=at, why=one.detail),
            remedy=language.text(REMEDIES[one.state], report=one.report),
            blocking=False,
        )
