"""
What a viewer of Grafana chose, and every query of the dashboards as the data sources would get it then.

As the ClickHouse plugin 4 does: conditions of $__conditionalAll and values of variables in the browser, the other macros in
Go. As Grafana's Prometheus data source: several values are a regular expression, each with its special characters escaped.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

ALL = "$__all"
EVERY = ".*"
"""The value of All in PromQL, by dashboards.variables."""


class UnknownMacroError(ValueError):
    """A macro or variable is left: what ran would have proved nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A time range and a choice of values; a variable without a choice is All, or an empty text."""

    from_s: int
    to_s: int
    interval_s: int = 60
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def chose_all(self, variable: str) -> bool:
        """Whether the plugin drops the condition of a variable."""
        return self.values.get(variable, ()) in {(), (ALL,), ("",)}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a dashboard."""

    title: str
    """Of the dashboard, and of the panel, mark or variable."""
    kind: str
    """panel, mark or variable."""
    text: str
    """SQL or PromQL with its macros."""
    instant: bool = False
    """Of PromQL: a figure of this moment."""
    single: frozenset[str] = frozenset()
    """Variables that take exactly one value on its dashboard; on another one they may take several."""


def queries(boards: Mapping[str, Json], language: str) -> list[Query]:
    """Every query of a language, `sql` or `promql`; what several dashboards share is there once."""
    key = {"sql": "rawSql", "promql": "expr"}[language]
    found: dict[tuple[str, bool], Query] = {}
    for board in boards.values():
        single = frozenset(v["name"] for v in board["templating"]["list"] if not v.get("multi"))
        for title, kind, query in _named(board):
            if key in query:
                one = Query(f"{board['title']}: {title}", kind, query[key], query.get("instant", False), single)
                found.setdefault((one.text, one.instant), one)
    return list(found.values())


def _named(board: Json) -> Iterator[tuple[str, str, Json]]:
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], "panel", target
    for mark in board["annotations"]["list"]:
        yield mark["name"], "mark", mark["target"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], "variable", variable["query"]


def sql(statement: str, viewer: Viewer) -> str:
    """A statement as the store gets it."""
    text = _without_dropped(statement, viewer)
    moments = (
        (r"\$__timeFilter\(([\w.]+)\)", rf"\1 >= toDateTime({viewer.from_s}) AND \1 <= toDateTime({viewer.to_s})"),
        (
            r"\$__timeInterval\(([\w.]+)\)",
            rf"toStartOfInterval(toDateTime(\1), INTERVAL {viewer.interval_s} second)",
        ),
        (r"\$__interval_s\b", f"{viewer.interval_s}"),
        (r"\$__fromTime\b", f"toDateTime({viewer.from_s})"),
        (r"\$__toTime\b", f"toDateTime({viewer.to_s})"),
    )
    for macro, expansion in moments:
        text = re.sub(macro, expansion, text)
    # Before the values, which may hold any character.
    if left := re.search(r"\$(?!\{\w+:(?:singlequote|sqlstring)\})\S*", text):
        raise UnknownMacroError(f"{left[0]} is not known here: {text}")
    return re.sub(r"\$\{(\w+):(\w+)\}", lambda found: _literals(viewer, found[1], found[2]), text)


def _literals(viewer: Viewer, variable: str, form: str) -> str:
    """Grafana escapes the quotes and nothing else."""
    quote = {"singlequote": "\\'", "sqlstring": "''"}[form]
    return ",".join(f"'{_escaped(value, quote)}'" for value in viewer.values.get(variable, ("",)))


def _escaped(value: str, quote: str) -> str:
    return value.replace("'", quote)


CONDITION = "$__conditionalAll("


def _without_dropped(statement: str, viewer: Viewer) -> str:
    """The statement with the condition of each $__conditionalAll, or 1=1 where the viewer chose All."""
    while (begins := statement.rfind(CONDITION)) >= 0:
        inside, ends = _arguments(statement, begins + len(CONDITION))
        if len(inside) != 2 or not inside[1].strip().startswith("$"):
            raise UnknownMacroError(f"$__conditionalAll takes a condition and a variable: {statement[begins:ends]}")
        condition = "1=1" if viewer.chose_all(inside[1].strip()[1:]) else inside[0]
        statement = statement[:begins] + condition + statement[ends:]
    return statement


def _arguments(text: str, at: int) -> tuple[list[str], int]:
    """The arguments from a place inside parentheses, split at commas of that depth, and where the parentheses end."""
    found, begins, depth = [], at, 0
    for place in range(at, len(text)):
        if text[place] == "(":
            depth += 1
        elif text[place] == "," and depth == 0:
            found.append(text[begins:place])
            begins = place + 1
        elif text[place] == ")":
            if depth == 0:
                return [*found, text[begins:place]], place + 1
            depth -= 1
    raise UnknownMacroError(f"a parenthesis is not closed: {text[at:]}")


def promql(expression: str, viewer: Viewer, scrape_s: int = 15) -> str:
    """An expression as Prometheus gets it."""
    # Longest name first: $__range is the begin of $__range_s.
    durations: tuple[tuple[str, Callable[[], str]], ...] = (
        ("$__rate_interval_ms", lambda: str(max(viewer.interval_s + scrape_s, 4 * scrape_s) * 1000)),
        ("$__rate_interval", lambda: f"{max(viewer.interval_s + scrape_s, 4 * scrape_s)}s"),
        ("$__interval_ms", lambda: str(viewer.interval_s * 1000)),
        ("$__interval", lambda: f"{viewer.interval_s}s"),
        ("$__range_ms", lambda: str((viewer.to_s - viewer.from_s) * 1000)),
        ("$__range_s", lambda: str(viewer.to_s - viewer.from_s)),
        ("$__range", lambda: f"{viewer.to_s - viewer.from_s}s"),
    )
    for name, text in durations:
        expression = expression.replace(name, text())
    if left := re.search(r"\$__\w*|\$\{\w+:\w+\}", expression):
        raise UnknownMacroError(f"{left[0]} is not known here: {expression}")
    return re.sub(r"\$\{?(\w+)\}?", lambda found: _pattern(viewer, found[1]), expression)


def _pattern(viewer: Viewer, variable: str) -> str:
    if viewer.chose_all(variable):
        return EVERY
    values = [_regex(value) for value in viewer.values[variable]]
    return values[0] if len(values) == 1 else f"({'|'.join(values)})"


def _regex(value: str) -> str:
    """Escaped twice, for the regular expression and for the text that holds it; Grafana leaves double quotes as they are."""
    return re.sub(r"([$^*{}\[\]'+?.()|])", r"\\\\\1", value.replace("\\", "\\" * 4))
