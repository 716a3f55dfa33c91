"""
The dashboard of queues: what its figures add up, and which numbers its lines are.
"""

import re
from typing import Any

from alerts.thresholds import load
from collector.core.model import WAITING_REASONS
from dashboards.sql import REASON_COLUMNS
from tests.dashboards.shipped import shipped

Json = dict[str, Any]

PANELS = {panel["title"]: panel for panel in shipped()["queues"]["panels"]}


def thresholds(title: str) -> list[float]:
    """The levels of a panel, without the begin of the first."""
    return [step["value"] for step in PANELS[title]["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]]


def test_time_waited_is_the_sum_of_the_reasons_and_of_nothing_else() -> None:
    """Latencies end in _ms too: added to the reasons they draw twice the hours that the store holds."""
    (target,) = PANELS["Time waited, by reason"]["targets"]

    assert re.findall(r"\w+_ms", target["rawSql"]) == list(REASON_COLUMNS)
    assert sorted(REASON_COLUMNS) == sorted(f"{reason}_ms" for reason in WAITING_REASONS)


def test_time_waited_is_named_as_it_is_summed() -> None:
    """Words and columns are two lists side by side; one that is shifted would give each reason the hours of its neighbour."""
    words = re.search(r"ARRAY JOIN \[(.*?)\]", PANELS["Time waited, by reason"]["targets"][0]["rawSql"])

    assert words
    assert [f"{word}_ms" for word in re.findall(r"'(\w+)'", words[1])] == list(REASON_COLUMNS)


def test_lines_are_the_numbers_of_the_alerts() -> None:
    """A line that differs from the page's number sends people to bed too early."""
    alerts = load().alerts
    age = alerts["queue_backlog"]["age"].value * 60
    bound = alerts["queue_latency_budget_burn"]["bound"].value

    assert age in thresholds("Oldest wait")
    assert age in thresholds("Oldest wait, by queue")
    assert thresholds("Time until work begins") == [bound]
    assert thresholds("Exact p95, by queue") == [bound]
    assert alerts["queue_backlog_predicted"]["depth"].value in thresholds("Depth in 4 hours, at this pace")


def test_the_latency_is_shown_with_its_exemplars_and_as_a_heatmap() -> None:
    """An exemplar leads from a slow start to its workflow; a heatmap shows the two modes that quantiles hide."""
    quantiles = PANELS["Time until work begins"]["targets"]
    (buckets,) = PANELS["Starts a minute, by time waited"]["targets"]

    assert all(target["exemplar"] for target in quantiles)
    assert buckets["format"] == "heatmap"
    assert re.search(r"\bby \(le\)", buckets["expr"])


def test_a_workflow_leads_to_its_own_page() -> None:
    """By its uid, which no column shows."""
    panel = PANELS["Longest waiting workflows"]
    links = [
        link
        for override in panel["fieldConfig"]["overrides"]
        for found in override["properties"]
        if found["id"] == "links"
        for link in found["value"]
    ]

    assert any("/d/lynceus-workflow?" in link["url"] and "uid" in link["url"] for link in links)
