"""Macros and variables as Grafana and its plugins expand them, by their sources."""

import pytest

from tests.dashboards.viewer import UnknownMacroError, Viewer, promql, queries, sql

DAY = Viewer(from_s=1_795_270_000, to_s=1_795_360_000, interval_s=300)
CONDITION = "$__conditionalAll(cluster IN (${cluster:singlequote}), $cluster)"


def chosen(*values: str) -> Viewer:
    return Viewer(from_s=1_795_270_000, to_s=1_795_360_000, values={"cluster": values})


def test_times_are_those_of_the_viewer() -> None:
    """By the plugin's documentation."""
    assert sql("$__timeFilter(at)", DAY) == "at >= toDateTime(1795270000) AND at <= toDateTime(1795360000)"
    assert sql("$__timeInterval(at)", DAY) == "toStartOfInterval(toDateTime(at), INTERVAL 300 second)"
    assert sql("$__fromTime $__toTime $__interval_s", DAY) == "toDateTime(1795270000) toDateTime(1795360000) 300"


@pytest.mark.parametrize(
    ("viewer", "expanded"),
    [
        (DAY, "1=1"),
        (chosen("$__all"), "1=1"),
        (chosen("a"), "cluster IN ('a')"),
        (chosen("a", "b"), "cluster IN ('a','b')"),
        (chosen("it's", "ü日"), r"cluster IN ('it\'s','ü日')"),
    ],
)
def test_a_condition_is_dropped_or_filled(viewer: Viewer, expanded: str) -> None:
    """All, one value, several, and values with quotes."""
    assert sql(CONDITION, viewer) == expanded


def test_conditions_inside_conditions_and_calls_are_found() -> None:
    """Parentheses and commas inside a condition are its own."""
    inner = f"SELECT f(1, (2)) WHERE $__conditionalAll(uid IN (SELECT uid FROM t WHERE {CONDITION}, 1), $cluster) AND x"

    assert sql(inner, DAY) == "SELECT f(1, (2)) WHERE 1=1 AND x"
    assert (
        sql(inner, chosen("a")) == "SELECT f(1, (2)) WHERE uid IN (SELECT uid FROM t WHERE cluster IN ('a'), 1) AND x"
    )


@pytest.mark.parametrize(
    "statement",
    ["$__timeGroup(at, 5m)", "${cluster:csv}", "$cluster", "$__conditionalAll(1, 2)", "$__conditionalAll(1"],
)
def test_what_is_not_known_is_refused(statement: str) -> None:
    """A statement that ran here with a macro left in would have proved nothing."""
    with pytest.raises(UnknownMacroError):
        sql(statement, DAY)
    with pytest.raises(UnknownMacroError):
        promql("rate(x[$__unknown])", DAY)


def test_a_text_is_a_literal_and_empty_before_anybody_wrote_it() -> None:
    """A dashboard without a link's value is opened by hand too."""
    viewer = Viewer(from_s=0, to_s=1, values={"uid": ("o'clock $1",)})

    assert sql("uid = ${uid:sqlstring}", viewer) == "uid = 'o''clock $1'"
    assert sql("uid = ${uid:sqlstring}", DAY) == "uid = ''"


def test_promql_has_regular_expressions_and_windows() -> None:
    """All matches series without the label too; a rate covers four scrapes."""
    expression = 'rate(x{cluster=~"$cluster"}[$__rate_interval]) offset $__range'

    assert promql(expression, DAY) == 'rate(x{cluster=~".*"}[315s]) offset 90000s'
    assert promql('x{cluster=~"$cluster"}', chosen("a.b")) == r'x{cluster=~"a\\.b"}'
    assert promql('x{cluster=~"${cluster}"}', chosen("a", "b|c")) == r'x{cluster=~"(a|b\\|c)"}'


def test_every_query_of_a_dashboard_is_found_once() -> None:
    """Panels, marks and variables; what two dashboards share is one query."""
    query = {"rawSql": "SELECT 1"}
    board = {
        "title": "B",
        "panels": [
            {"title": "row", "type": "row"},
            {"title": "p", "targets": [query, {"expr": "up", "instant": True}]},
        ],
        "annotations": {"list": [{"name": "m", "target": {"rawSql": "SELECT 2"}}]},
        "templating": {"list": [{"name": "v", "type": "query", "query": query}, {"name": "d", "type": "datasource"}]},
    }

    found = queries({"b": board, "again": board}, "sql")
    assert [(query.title, query.kind, query.text) for query in found] == [
        ("B: p", "panel", "SELECT 1"),
        ("B: m", "mark", "SELECT 2"),
    ]
    assert [query.text for query in queries({"b": board}, "promql")] == ["up"]
