"""Reports that are not sent, as problems of /readyz."""

import pytest

from collector.core.delivery_health import DeliveryHealth
from collector.core.units import MINUTE_MS
from collector.language.language import language
from collector.web.readiness import readiness
from collector.web.unsent_reports import NOT_SENT_MS, REASONS, unsent_reports
from tests.web.fleet import NOW, a_view

DUE = NOW - 11 * MINUTE_MS


@pytest.mark.parametrize("state", REASONS)
@pytest.mark.parametrize("tag", ["en", "zh-CN"])
def test_a_report_that_is_not_sent_has_a_reason_and_a_remedy(state: str, tag: str) -> None:
    """In the reader's language; the collector itself is ready."""
    health = DeliveryHealth(report="month", due_at=DUE, state=state, detail="550 no such user")  # type: ignore[arg-type]
    view = a_view(deliveries=[health])

    (problem,) = unsent_reports(view, NOW, language(tag))

    assert problem.cause == f"report_{state}"
    assert "month" in problem.reason
    assert state == "waits" or "550 no such user" in problem.reason
    assert "lynceus report" in problem.remedy
    assert readiness(view, NOW).ready


def test_what_is_sent_or_being_sent_is_no_problem() -> None:
    """A message takes a moment, and a collector that was killed is made up for within minutes."""
    sent = DeliveryHealth(report="sent", last_at=DUE)
    begun = DeliveryHealth(report="begun", due_at=NOW - NOT_SENT_MS + 1, state="waits")

    assert list(unsent_reports(a_view(deliveries=[sent, begun]), NOW, language("en"))) == []
