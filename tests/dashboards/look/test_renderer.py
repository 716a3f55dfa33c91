"""The renderer asks what Grafana would ask, draws every kind of panel, and notices what an eye would."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.dashboards.look.drawing import Wish, rendering
from tests.dashboards.look.lines import errors
from tests.dashboards.look.samples import NOW_S, PROMETHEUS, canned, dashboard, panel, promql, sql

pytestmark = pytest.mark.live
Json = dict[str, Any]
Look = Callable[..., Json]


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    """Draws a dashboard from canned answers; what was seen of it."""
    file = tmp_path_factory.mktemp("look") / "sample.json"
    with canned() as sources, rendering(sources) as renderer:

        def draw(made: Json, **how: Any) -> Json:
            file.write_text(json.dumps(made), encoding="utf-8")
            return renderer.draw(Wish(file=file, now_s=NOW_S, **how))

        yield draw


def kinds(seen: Json) -> dict[str, set[str]]:
    """The kinds of findings of each panel."""
    return {
        each["panel"]: {one["kind"] for one in seen["findings"] if one["panel"] == each["panel"]}
        for each in seen["findings"]
    }


QUERIES = {
    'up{cluster=~"$cluster"}': 'up{cluster=~"(a|b)"}',
    'up{queue=~"$queue"}': 'up{queue=~".*"}',
    "rate(up[$__rate_interval])": "rate(up[1m])",
    "increase(up[$__range])": "increase(up[3600s])",
    'label_replace(up, "a", "$1", "b", "(.*)$")': 'label_replace(up, "a", "$1", "b", "(.*)$")',
    "up[$__interval]": "up[15s]",
    "SELECT $__timeInterval(t)": "SELECT toStartOfInterval(toDateTime(t), INTERVAL 5 second)",
    "SELECT 1 WHERE $__timeFilter(max(a, b))": (
        f"SELECT 1 WHERE max(a, b) >= toDateTime({NOW_S - 3600}) AND max(a, b) <= toDateTime({NOW_S})"
    ),
    "SELECT $__fromTime, $__toTime - $__interval_s": (
        f"SELECT toDateTime({NOW_S - 3600}), toDateTime({NOW_S}) - 5"
    ),
    "SELECT $__conditionalAll(c IN (${cluster:singlequote}), $cluster)": "SELECT 1=1",
    "SELECT $__conditionalAll(t IN (${template:sqlstring}), $template)": "SELECT t IN ('a')",
    "SELECT ${cluster:singlequote} AND ${uid:sqlstring}": "SELECT 'a','b' AND 'it''s'",
}  # fmt: skip
"""What a panel has, and what its source is asked on an hour."""


def test_variables_and_macros_are_those_of_grafana(look: Look) -> None:
    """A query that works here works there: for All, for one value, for texts with quotes."""
    panels = [
        panel(
            "table",
            f"{i}",
            sql(query) if query.startswith("SELECT") else promql(query, format="table"),
            maxDataPoints=720,
        )
        for i, query in enumerate(QUERIES)
    ]
    seen = look(dashboard(panels))

    assert errors(seen) == []
    assert [each["queries"][0]["expr"] for each in seen["panels"]] == list(QUERIES.values())


def test_what_grafana_would_not_know_is_the_panels_error(look: Look) -> None:
    """A misspelt macro, variable, kind or transformation; the other panels are drawn."""
    wrong = {
        "macro": panel("stat", "macro", promql("up[$__intervall]")),
        "macro of SQL": panel("table", "macro of SQL", sql("SELECT $__timeFilters(t)")),
        "variable": panel("stat", "variable", promql('up{a="$clusters"}')),
        "format": panel("table", "format", sql("SELECT ${cluster:quoted}")),
        "kind": panel("candlestick", "kind", promql()),
        "transformation": panel("table", "transformation", sql(), transformations=[{"id": "sortBy2", "options": {}}]),
        "title": panel("text", "title of ${clusters}"),
    }
    seen = look(dashboard([*wrong.values(), panel("stat", "right", promql(instant=True))]))

    assert {each["title"].split(" of $")[0] for each in seen["panels"] if each["drawn"] == "error"} == set(wrong)
    assert len(errors(seen)) == len(wrong)


KINDS: dict[str, list[Json]] = {
    "timeseries": [promql()],
    "stat": [promql(instant=True)],
    "gauge": [promql(instant=True)],
    "bargauge": [promql(instant=True)],
    "table": [sql()],
    "barchart": [sql()],
    "piechart": [promql(instant=True)],
    "heatmap": [promql("bucket", format="heatmap")],
    "state-timeline": [promql()],
    "text": [],
}
"""Every kind of panel that a dashboard of ours may have, with queries that it can draw."""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_kind_is_drawn(look: Look, theme: str) -> None:
    """From the same answers, in both themes, without a word in the browser's console."""
    text = {"mode": "markdown", "content": "# ${cluster}"}
    panels = [panel(kind, kind, *targets, options=text if kind == "text" else {}) for kind, targets in KINDS.items()]
    seen = look(dashboard(panels), theme=theme)

    assert {each["title"]: each["drawn"] for each in seen["panels"]} == dict.fromkeys(KINDS, "data") | {"text": "text"}
    assert seen["findings"] == []
    assert seen["complaints"] == []


def test_figures_are_those_of_the_answers(look: Look) -> None:
    """What a test compares with a report is what stands in the picture."""
    euros = {"defaults": {"unit": "currencyEUR", "decimals": 2}}
    panels = [
        panel("stat", "stat", promql(instant=True, legendFormat="{{cluster}}"), fieldConfig=euros),
        panel("table", "table", sql(), fieldConfig=euros),
    ]
    stat, table = look(dashboard(panels))["panels"]

    assert [(figure["name"], figure["text"], figure["value"]) for figure in stat["figures"]] == [
        ("x", "€1.00", 1),
        ("y", "€2.00", 2),
    ]
    assert table["columns"] == ["time", "what", "spent"]
    assert [row[2] for row in table["rows"]] == ["€1.50", "€2.25", "€3.00"]


def test_nothing_has_its_own_words(look: Look) -> None:
    """An empty panel is empty and not wrong, and what it says instead is known."""
    words = {"defaults": {"noValue": "none, as it should be"}}
    panels = [
        panel(kind, kind, promql("nothing"), fieldConfig=words) for kind in ("timeseries", "stat", "table", "barchart")
    ]
    seen = look(dashboard(panels))

    assert {each["drawn"] for each in seen["panels"]} == {"empty"}
    assert {each["nothing"] for each in seen["panels"]} == {"none, as it should be"}


def _inspected(fields: Json) -> Json:
    """The fields with cells that a click opens."""
    return {"defaults": {"custom": {**fields["defaults"]["custom"], "inspect": True}}}


def test_what_an_eye_stumbles_over_is_found(look: Look) -> None:
    """Cut titles, legends that scroll, tables wider than their panel, holes, overlaps, and what is beside the page."""
    wide = {"defaults": {"custom": {"width": 700}}}
    narrow = {"defaults": {"custom": {"width": 40}}}
    panels = [
        panel("timeseries", "legend", promql("many", legendFormat="{{cluster}}")),
        panel("table", "wide", sql(), fieldConfig=wide),
        panel("table", "narrow", sql(), fieldConfig=narrow),
        panel("table", "inspected", sql(), fieldConfig=_inspected(narrow), options={"showHeader": False}),
        panel(
            "stat",
            "a title that is longer than its panel is wide",
            promql(instant=True),
            gridPos={"x": 0, "y": 16, "w": 3, "h": 4},
        ),
        panel("stat", "beside", promql(instant=True), gridPos={"x": 20, "y": 16, "w": 8, "h": 4}),
    ]
    found = kinds(look(dashboard(panels), width=1200))

    assert found["legend"] == {"scrolls"}
    assert found["wide"] == {"scrolls"}
    assert found["narrow"] == {"cut"}
    assert "inspected" not in found
    assert found["a title that is longer than its panel is wide"] == {"cut"}
    assert "outside" in found["beside"]
    assert "hole" in set().union(*found.values())


def test_a_closed_row_is_opened_with_its_panels_and_what_is_below_moves_down(look: Look) -> None:
    """Every panel can be seen, as with a click."""
    inside = panel("stat", "inside", promql(instant=True), id=9, gridPos={"x": 0, "y": 1, "w": 24, "h": 4})
    row = {
        "type": "row",
        "title": "row",
        "collapsed": True,
        "panels": [inside],
        "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1},
    }
    below = panel("stat", "below", promql(instant=True), gridPos={"x": 0, "y": 1, "w": 24, "h": 4})
    closed, opened = (look(dashboard([row, below]), opened=opened) for opened in (False, True))

    assert [each["title"] for each in closed["panels"]] == ["below"]
    assert [each["title"] for each in opened["panels"]] == ["inside", "below"]
    assert opened["height"] > closed["height"] - 1
    assert opened["findings"] == []


def test_annotations_that_follow_one_another_are_a_region(look: Look) -> None:
    """A gap of minutes is one mark with a begin and an end."""
    note = {"name": "gap", "datasource": PROMETHEUS, "enable": True, "iconColor": "red", "step": "60s", "expr": "up"}
    seen = look(
        dashboard([panel("timeseries", "a", promql()), panel("stat", "b", promql())], annotations={"list": [note]})
    )

    assert seen["annotations"] == [{"name": "gap", "marks": 2, "regions": 2}]


def test_links_lead_to_the_value_that_they_stand_on(look: Look) -> None:
    """With its labels, its row, the chosen variables and the time range; an unknown name is the panel's error."""
    link = "/d/x?${cluster:queryparam}&var-what=${__data.fields.what:percentencode}&${__url_time_range}"
    wrong = "/d/x?var-uid=${__data.fields.uid}"
    panels = [
        panel("table", title, sql(), fieldConfig={"defaults": {"links": [{"title": "there", "url": url}]}})
        for title, url in (("right", link), ("wrong", wrong))
    ]
    seen = {each["title"]: each for each in look(dashboard(panels))["panels"]}

    assert seen["right"]["links"] == ["/d/x?var-cluster=$__all&var-what=a&from=now-1h&to=now"]
    assert seen["wrong"]["drawn"] == "error"


def test_an_unreadable_file_is_an_error_with_its_name(look: Look) -> None:
    """The next dashboard is drawn all the same."""
    with pytest.raises(RuntimeError, match=r"sample\.json could not be drawn"):
        look({"title": "no panels"})

    assert look(dashboard([panel("stat", "a", promql(instant=True)), panel("text", "b")]))["panels"]
