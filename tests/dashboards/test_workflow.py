"""What the page of one workflow must not get wrong, beyond what every panel must not."""

import re
from typing import Any

from collector.core.model import REASONS
from dashboards import workflow_sql
from tests.dashboards.shipped import shipped

MADE = shipped()["workflow"]
PANELS: dict[str, Any] = {panel["title"]: panel for panel in MADE["panels"] if panel["type"] != "row"}


def test_no_fact_depends_on_the_chosen_time() -> None:
    """A link of last month, or a uid typed into the page of today, shows all; only lanes have a time axis."""
    for panel in PANELS.values():
        for target in panel["targets"]:
            assert not re.search(r"\$__(timeFilter|fromTime|toTime|timeInterval)", target["rawSql"]), panel["title"]


def test_the_bars_of_its_time_are_reasons_and_running_only() -> None:
    """Latencies and delays end in _ms too, and would be counted twice."""
    assert set(re.findall(r"(\w+)_ms\b", workflow_sql.TIMES)) - set(REASONS) == {"queue_latency", "latency", "spent"}
    (added,) = re.findall(r"toUInt64\((\w+)_ms\), toUInt64", workflow_sql.TIMES)[:1]
    assert added == REASONS[0]


def test_a_lane_ends_when_its_step_ends() -> None:
    """The state after the last one is null: without it, Grafana draws the last state up to the edge."""
    (lanes,) = (panel for panel in PANELS.values() if panel["type"] == "state-timeline")

    assert lanes["transformations"] == [
        {"id": "partitionByValues", "options": {"fields": ["lane"], "naming": {"asLabels": True}}}
    ]
    # Grafana names a series by its one label if its field is called Value, and draws every text column as a lane.
    assert re.match(r"SELECT entry.1 AS time, lane, entry.2 AS Value\n", lanes["targets"][0]["rawSql"])
    assert "NULL] AS states" in lanes["targets"][0]["rawSql"]


def test_every_state_of_a_lane_has_a_colour() -> None:
    """A state without one takes the theme's, and two are alike."""
    (lanes,) = (panel for panel in PANELS.values() if panel["type"] == "state-timeline")
    (mapping,) = lanes["fieldConfig"]["defaults"]["mappings"]

    assert set(mapping["options"]) == {*REASONS, "scheduling", "failed", "earlier"}


def test_the_address_of_argos_ui_is_that_of_the_workflows_cluster() -> None:
    """Without an address there is no link: one to nowhere would lead into Grafana."""
    (variable,) = (each for each in MADE["templating"]["list"] if each["name"] == "argo_ui")
    (link,) = next(
        setting["value"]
        for override in PANELS["In Argo's UI"]["fieldConfig"]["overrides"]
        for setting in override["properties"]
        if setting["id"] == "links"
    )

    assert variable["definition"] == ('label_values(lynceus_cluster_info{cluster=~"$cluster", argo_ui!=""}, argo_ui)')
    assert link["url"].startswith("${argo_ui:raw}/workflows/")
    assert "WHERE ${argo_ui:sqlstring} != ''" in workflow_sql.IN_ARGO
