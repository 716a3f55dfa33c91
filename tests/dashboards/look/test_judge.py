"""Each thing that must not be seen on a dashboard is a line with the panel's name, and a right picture has none."""

from typing import Any

import pytest

from tests.dashboards.look.judge import problems

Json = dict[str, Any]
PANEL: Json = {
    "title": "Waiting",
    "type": "stat",
    "drawn": "data",
    "nothing": "",
    "links": [],
    "queries": [],
    "figures": [],
}
VARIABLES = {"lynceus-queues": {"cluster"}}


def picture(**changes: Any) -> Json:
    """A picture without a fault, but for the changes."""
    right: Json = {
        "title": "Fleet",
        "since": "now-15m",
        "from": 0,
        "to": 15 * 60 * 1000,
        "theme": "dark",
        "panels": [PANEL],
        "variables": [],
        "annotations": [],
        "findings": [],
        "complaints": [],
    }
    return right | changes


def of_panel(**changes: Any) -> Json:
    """A picture of one panel."""
    return picture(panels=[PANEL | changes])


RIGHT = {
    "data": picture(),
    "none of something": of_panel(drawn="empty", nothing="none waits"),
    "a link": of_panel(links=["/d/lynceus-queues?var-cluster=a&from=now-1h", "https://argo.example/x?var-y=1"]),
    "a hidden variable": picture(variables=[{"name": "argo", "type": "query", "options": [], "hide": 2}]),
}
WRONG = {
    "an error": of_panel(drawn="error", error="no such column"),
    "empty without a word": of_panel(drawn="empty", nothing="No data"),
    "not known": of_panel(drawn="empty", nothing="unknown"),
    "a finding": picture(findings=[{"panel": "Waiting", "kind": "cut", "what": "Wai"}]),
    "a complaint of the browser": picture(complaints=["Waiting: TypeError"]),
    "a variable's error": picture(
        variables=[{"name": "Waiting", "type": "query", "options": ["a"], "hide": 0, "error": "x"}]
    ),
    "a variable without values": picture(variables=[{"name": "Waiting", "type": "query", "options": [], "hide": 0}]),
    "an annotation's error": picture(annotations=[{"name": "Waiting", "error": "x"}]),
    "a link to nowhere": of_panel(links=["/d/lynceus-nowhere"]),
    "a link with an unknown variable": of_panel(links=["/d/lynceus-queues?var-uid=1"]),
}


@pytest.mark.parametrize("right", RIGHT.values(), ids=RIGHT)
def test_what_is_right_has_no_line(right: Json) -> None:
    """Nothing to repair."""
    assert problems(right, VARIABLES) == []


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_wrong_has_one_line(wrong: Json) -> None:
    """With the dashboard, the time range, the theme, and the name of what is wrong."""
    (line,) = problems(wrong, VARIABLES)

    assert line.startswith("Fleet, now-15m, dark: ")
    assert "Waiting" in line


@pytest.mark.parametrize(
    ("kind", "scraped_s", "faults"), [("timeseries", 100, 0), ("timeseries", 800, 1), ("stat", 100, 1)]
)
def test_series_of_a_week_may_be_unknown_where_minutes_were_scraped(kind: str, scraped_s: int, faults: int) -> None:
    """Hardly a step lies within what was scraped; a figure has no steps, and after 800 s there are enough."""
    unknown = of_panel(drawn="empty", nothing="unknown", type=kind) | {"to": 36 * 3600 * 1000}

    assert len(problems(unknown, VARIABLES, scraped_s)) == faults
