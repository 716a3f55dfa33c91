"""
The dashboard of controllers: states and incidents as they were, and lines that are the numbers of the alerts.
"""

import re
from typing import Any

from alerts.thresholds import load
from collector.catalog.workflows import CONTROLLER_INCIDENT
from dashboards.controller_sql import COUNTED
from tests.dashboards.shipped import shipped

Json = dict[str, Any]

PANELS = {panel["title"]: panel for panel in shipped()["controller"]["panels"] if panel["type"] != "row"}


def thresholds(title: str) -> list[float]:
    """The levels of a panel, without the begin of the first."""
    return [step["value"] for step in PANELS[title]["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]]


def test_incidents_are_counted_from_rows() -> None:
    """A counter that grew by one is drawn as 1.33, and a person on call asks what a third of a kill is."""
    for title in ("OOM kills", "Other restarts", "OOM kills, restarts, leader changes", "Incidents"):
        assert all("rawSql" in target for target in PANELS[title]["targets"])
    for panel in PANELS.values():
        for target in panel["targets"]:
            assert "lynceus_controller_oom_kills_total" not in target.get("expr", "")
            assert "lynceus_controller_restarts_total" not in target.get("expr", "")


def test_counted_kinds_are_those_that_are_stored() -> None:
    """A kind that is spelled in another way is counted as none."""
    (kind,) = (column for column in CONTROLLER_INCIDENT.columns if column.name == "kind")

    assert {kind for _, kind in COUNTED} < set(kind.comment.split(", "))


def test_bars_stand_for_each_step() -> None:
    """Bars are as wide as the distance of the two nearest steps: two kills an hour apart would be bars of an hour."""
    (target,) = PANELS["OOM kills, restarts, leader changes"]["targets"]

    assert "WITH FILL" in target["rawSql"]


def test_a_failover_of_seconds_is_seen_when_a_day_is_looked_at() -> None:
    """A range query shows every n-th sample; a lane shows the worst of each step."""
    (target,) = PANELS["State of each replica"]["targets"]

    assert len(re.findall(r"min_over_time\([^()]*\[\$__rate_interval\]\)", target["expr"])) == 3


def test_instants_are_shown_to_the_millisecond() -> None:
    """Whether the kill or the change of the leader was first is a matter of seconds."""
    overrides = {
        each["matcher"]["options"]: each["properties"] for each in PANELS["Incidents"]["fieldConfig"]["overrides"]
    }

    assert {"id": "unit", "value": "time:YYYY-MM-DD HH:mm:ss.SSS"} in overrides["at"]


def test_lines_are_the_numbers_of_the_alerts() -> None:
    """As on the dashboard of queues."""
    alerts = load().alerts

    assert thresholds("Memory of limit") == [alerts["controller_memory_high"]["memory"].value / 100]
    assert thresholds("Not picked up, by cluster") == [alerts["controller_not_picking_up"]["unseen"].value]
    assert thresholds("Errors, by cause") == [alerts["controller_errors"]["rate"].value]
    assert thresholds("Refused with 429") == [alerts["controller_api_throttled"]["refused"].value / 100]
    assert thresholds("Waits for --qps") == [alerts["controller_api_throttled"]["wait"].value]
    assert thresholds("Time until pods run") == [alerts["pod_start_slow"]["p95"].value]
    assert alerts["controller_work_queue_deep"]["keys"].value in thresholds("Work queues")


def test_what_the_controllers_do_not_say_is_not_called_none() -> None:
    """Their own metrics are read only where pods or the proxy may be reached."""
    for title in ("Work queues", "Workers busy", "API requests, by status", "Refused with 429", "Waits for --qps"):
        assert PANELS[title]["fieldConfig"]["defaults"]["noValue"].startswith("unknown: the controllers' own metrics")
