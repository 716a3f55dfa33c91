"""
What must not be seen on a dashboard, as lines: errors, empty panels that do not say why, cut texts, holes, links to nowhere.
"""

import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from tests.dashboards.look.lines import errors, findings

Json = dict[str, Any]

DAY_S = 86_400


OVER_TIME = ("timeseries", "state-timeline")
LONG = 200
"""A range so many times longer than what was scraped has few of its thousand steps in it, or none."""


def problems(seen: Json, variables: Mapping[str, set[str]], scraped_s: float = DAY_S) -> list[str]:
    """
    Everything wrong with a picture of a fleet that was scraped for so long.

    `variables` has the names of those of each dashboard, by its uid.
    """
    found = [
        *errors(seen),
        *_empty(seen, scraped_s),
        *findings(seen["findings"]),
        *_unchosen(seen),
        *_links(seen, variables),
    ]
    return [f"{seen['title']}, {seen['since']}, {seen['theme']}: {line}" for line in found]


def _empty(seen: Json, scraped_s: float) -> Iterator[str]:
    """
    An empty panel is right where it says that there is none of something; `No data` is never right.

    `unknown` is right for series over a range in which hardly a step lies within what was scraped.
    """
    long = seen["to"] - seen["from"] > LONG * 1000 * scraped_s
    for panel in seen["panels"]:
        text = panel["nothing"].casefold()
        known = text.startswith("none") or (long and panel["type"] in OVER_TIME and text.startswith("unknown"))
        if panel["drawn"] == "empty" and not known:
            yield f"{panel['title']} is empty and its text is: {panel['nothing']}"


def _unchosen(seen: Json) -> Iterator[str]:
    """A variable with a query has values, but where nothing is to be chosen."""
    for variable in seen["variables"]:
        if variable["type"] == "query" and not variable["options"] and variable["hide"] != 2:
            yield f"the variable {variable['name']} has no value"


def _links(seen: Json, variables: Mapping[str, set[str]]) -> Iterator[str]:
    """A link within Grafana leads to a dashboard that exists, and sets variables that it has."""
    for panel in seen["panels"]:
        for link in panel["links"]:
            address = urllib.parse.urlsplit(link)
            if not address.path.startswith("/d/"):
                continue
            uid = address.path.split("/")[2]
            names = {name for name, _ in urllib.parse.parse_qsl(address.query, keep_blank_values=True)}
            if uid not in variables:
                yield f"{panel['title']} leads to {uid}, which is not a dashboard"
            elif unknown := {name for name in names if name.startswith("var-")} - {f"var-{n}" for n in variables[uid]}:
                yield f"{panel['title']} sets {', '.join(sorted(unknown))} of {uid}, which it lacks"
