"""
What was seen of a dashboard, in words: a line for each variable, annotation, panel and finding.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def errors(seen: Json) -> list[str]:
    """Everything that Grafana would show in red, or not at all."""
    panels = [f"{panel['title']}: {panel.get('error', '')}" for panel in seen["panels"] if panel["drawn"] == "error"]
    others = [
        f"{kind} {each['name']}: {each['error']}"
        for kind, key in (("variable", "variables"), ("annotation", "annotations"))
        for each in seen[key]
        if each.get("error")
    ]
    failed = [f"{found['panel']}: {found['what']}" for found in seen["findings"] if found["kind"] == "failed"]
    return [*others, *panels, *failed, *seen["complaints"]]


def lines(seen: Json) -> Iterator[str]:
    """All of it, tab-separated: what it is, how it is, and its figures."""
    yield f"dashboard\t{seen['uid']}\t{seen['title']}, {seen['width']} x {seen['height']} px"
    for variable in seen["variables"]:
        chosen = " + ".join(variable["texts"]) or "nothing"
        yield f"variable\t{variable['name']}\t{chosen} of {len(variable['options'])} values{_error(variable)}"
    for note in seen["annotations"]:
        yield f"annotation\t{note['name']}\t{note['marks']} marks, {note['regions']} of them regions{_error(note)}"
    for panel in seen["panels"]:
        yield f"{panel['drawn']}\t{panel['title']}\t{' | '.join(_panel(panel))}"
    yield from (f"finding\t{line}" for line in findings(seen["findings"]))
    for complaint in seen["complaints"]:
        yield f"complaint\t\t{complaint}"


def findings(found: list[Json]) -> Iterator[str]:
    """A line for each panel and kind: a legend of hundreds is one thing to repair."""
    grouped: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for each in found:
        grouped[each["panel"], each["kind"]].append(each["what"])
    for (panel, kind), texts in grouped.items():
        more = f" and {len(texts) - 5} more" if len(texts) > 5 else ""
        yield f"{panel}\t{kind}: {', '.join(texts[:5])}{more}"


def _panel(panel: Json) -> Iterator[str]:
    for query in panel["queries"]:
        yield f"{query['series']} series, {query['points']} points, {query['ms']} ms{_error(query)}"
    if panel.get("error"):
        yield str(panel["error"])
    if panel["nothing"]:
        yield f"says: {panel['nothing']}"
    if panel["figures"] and panel["type"] in {"stat", "gauge", "bargauge", "piechart"}:
        names = len(panel["figures"]) > 1
        figures = (f"{figure['name']} {figure['text']}" if names else figure["text"] for figure in panel["figures"][:8])
        yield f"shows: {', '.join(figures)}"
    yield from (f"leads to {link}" for link in panel["links"])


def _error(part: Json) -> str:
    return f", {str(part['error'])[:200]}" if part.get("error") else ""
