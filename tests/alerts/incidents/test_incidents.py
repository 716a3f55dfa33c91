"""The alert that names an incident fires in time, and the page of incidents shows what was played."""

from pathlib import Path

import pytest

from tests.alerts.incidents.fleet import START, Level
from tests.alerts.incidents.page import PAGE, page, row, rows
from tests.alerts.incidents.play import OURS, play
from tests.alerts.incidents.public import PUBLIC, SYSTEMS
from tests.alerts.incidents.stories import INCIDENTS, PHASE, Incident

AGAIN = "run: python -m tests.alerts.incidents"


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)
def test_an_incident_is_reported_in_time(incident: Incident, tmp_path: Path) -> None:
    """The alert that names it fires in time, no alert of any system fires before it, and the page has its row."""
    fired = play(incident, tmp_path)
    named = [
        one
        for one in fired
        if (one.system, one.alert, one.severity) == (OURS, incident.alert, incident.severity)
        and one.after_s <= incident.within_s
    ]

    assert named, fired
    assert [one for one in fired if one.after_s < 0] == []
    assert row(incident, fired) in rows(PAGE.read_text(encoding="utf-8")), AGAIN


def test_the_page_is_what_the_code_makes() -> None:
    """Nothing on the page was written by hand, and no incident is missing."""
    text = PAGE.read_text(encoding="utf-8")

    assert text == page(rows(text)), AGAIN
    assert [line.split(" | ")[0] for line in rows(text)] == [f"| {incident.what}" for incident in INCIDENTS], AGAIN


def test_every_public_system_is_played() -> None:
    """All six alerts of the Argo mixin and Datadog's monitor are there."""
    numbers = [len({rule.alert for rule in PUBLIC if rule.system == system}) for system in SYSTEMS]

    assert numbers[:2] == [6, 1]
    assert numbers[2] > 0


def test_one_failed_run_of_a_quiet_namespace_pages_by_the_argo_mixin(tmp_path: Path) -> None:
    """The page says so: a failure is one of three changes of phase, and there is no least number of runs."""
    web = [{"namespace": "web", "phase": phase} for phase in ("Pending", "Running", "Failed", "Succeeded")]
    before = [Level(metric=PHASE, labels=labels, level=5, begin=START) for labels in web]
    failed = [Level(metric=PHASE, labels=labels, level=6) for labels in web[:3]]
    one_run = Incident(
        name="one_run",
        what="One run fails.",
        changes=(*before, *failed),
        alert="none",
        severity="none",
        within_s=0,
    )

    assert [(one.alert, one.severity, one.after_s) for one in play(one_run, tmp_path)] == [
        ("ArgoWorkflowsHighWorkflowFailureRate", "critical", 60)
    ]


def test_the_monitor_of_datadog_ends_while_the_panics_go_on(tmp_path: Path) -> None:
    """The page says after how long."""
    (panics,) = (incident for incident in INCIDENTS if incident.name == "panics")
    (monitor,) = (one for one in play(panics, tmp_path) if one.system == "datadog")

    assert monitor.until_s == 14 * 60
