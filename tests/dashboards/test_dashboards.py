"""
Every dashboard, held against Grafana's dashboard-linter (its rules that make sense for us), promtool and the catalogue.

Rules of the linter that are not used: template-job and template-instance, since we speak of clusters and never of scrape
targets; the names it wants for data source variables, since `grafana-clickhouse-datasource_datasource` cannot be used
as a variable.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from collector.catalog import colours
from collector.catalog.bills import COST_CURRENT, STATEMENT_CURRENT
from collector.catalog.rollups import HOUSEKEEPING, ROLLUPS
from collector.catalog.schema import DATABASE
from collector.catalog.tables import TABLES
from dashboards.boards import BOARDS
from dashboards.files import files
from dashboards.variables import EVERY
from generate.folder import out_of_date, write
from tests.dashboards.shipped import shipped
from tests.dashboards.viewer import Viewer, queries
from tests.dashboards.viewer import sql as expanded
from tests.promtool.promql import BY_NAME, check_against_catalogue
from tests.promtool.tool import promtool

Json = dict[str, Any]

MADE = shipped()
PANELS = [(name, panel) for name, made in MADE.items() for panel in made["panels"] if panel["type"] != "row"]
TARGETS = [(panel, target) for _, panel in PANELS for target in panel["targets"]]
PROMQL = [(panel["title"], target["expr"]) for panel, target in TARGETS if "expr" in target]
CHOICE = Viewer(
    from_s=1_795_270_000,
    to_s=1_795_360_000,
    interval_s=300,
    values={
        name: (f"one {name}", f"other {name}") if variable.get("multi") else (f"one {name}",)
        for made in MADE.values()
        for variable in made["templating"]["list"]
        if (name := variable["name"])
    },
)
"""So much is chosen that no condition is dropped."""
SQL = [(query.title, expanded(query.text, CHOICE)) for query in queries(MADE, "sql")]
GENERATED = Path(__file__).parents[2] / "dashboards" / "generated"

COLUMNS = {
    **{table.name: {column.name for column in table.columns} for table in TABLES},
    **{rollup.name: {column.name for column in rollup.columns} for rollup in ROLLUPS},
    **{table.name: {column.name for column in table.columns} for table in HOUSEKEEPING},
    **{view.name: {column.name for column in view.of.columns} for view in (COST_CURRENT, STATEMENT_CURRENT)},
    "parts": {"active", "database", "table", "rows", "bytes_on_disk", "data_uncompressed_bytes", "modification_time"},
}
"""Names of columns by table, rollup and view, and of the store's own system.parts."""

BOUNDS = {
    **{table.name: {*re.findall(r"\w+", table.partition)[-1:], *table.ranges} for table in TABLES},
    **{rollup.name: {rollup.partition} for rollup in ROLLUPS},
    COST_CURRENT.name: {"created_at", *COST_CURRENT.of.ranges},
    STATEMENT_CURRENT.name: {"month"},
}
"""By table the columns whose bounds spare rows: that of the partition, and those with an index of ranges."""

UNITS = {"short", "dthms", "s", "ms", "percentunit", "bytes", "none", "dtdurations"}
SOURCES = {("prometheus", "${prometheus}"), ("grafana-clickhouse-datasource", "${datasource}")}

every_dashboard = pytest.mark.parametrize("made", MADE.values(), ids=MADE)
every_panel = pytest.mark.parametrize("panel", [p for _, p in PANELS], ids=[p["title"] for _, p in PANELS])
every_expression = pytest.mark.parametrize(("title", "expr"), PROMQL)
every_statement = pytest.mark.parametrize(("title", "sql"), SQL, ids=[title for title, _ in SQL])


def test_generated_files_are_fresh() -> None:
    """What is checked in is what the code makes; no more, no less."""
    assert out_of_date(GENERATED, files()) == [], "run: make generate"


def test_generating_twice_gives_the_same_bytes() -> None:
    """A diff in review means that somebody changed something."""
    assert files() == files()


def test_files_that_nothing_makes_are_noticed_and_removed(tmp_path: Path) -> None:
    """A dashboard that was dropped from the code does not live on in Grafana."""
    (tmp_path / "old.json").write_text("{}")

    assert "old.json" in out_of_date(tmp_path, files())
    write(tmp_path, files())
    assert out_of_date(tmp_path, files()) == []


def test_kustomization_carries_every_dashboard() -> None:
    """The folder holds all of them, for the sidecar of Grafana's chart."""
    made = yaml.safe_load((GENERATED / "kustomization.yaml").read_text())

    assert [name for entry in made["configMapGenerator"] for name in entry["files"]] == [
        f"{name}.json" for name in BOARDS
    ]
    assert made["generatorOptions"]["labels"] == {"grafana_dashboard": "1"}


@every_dashboard
def test_a_dashboard_can_be_provisioned_from_its_file(made: Json) -> None:
    """A fixed uid that links survive with, no id, nothing that only the import dialogue fills in, modern schema."""
    assert re.fullmatch(r"[a-z0-9-]{1,40}", made["uid"])
    assert made["id"] is None
    assert made["schemaVersion"] == 42
    assert made["editable"] is False
    assert "lynceus" in made["tags"]
    assert "__inputs" not in json.dumps(made)
    assert len(json.dumps(made)) < 900_000


@every_dashboard
def test_data_sources_are_chosen_by_the_viewer(made: Json) -> None:
    """A viewer's data source has another uid than ours."""
    variables = {variable["name"]: variable for variable in made["templating"]["list"]}

    assert variables["prometheus"]["query"] == "prometheus"
    assert variables["datasource"]["query"] == "grafana-clickhouse-datasource"
    used = re.findall(r"\$\{?(\w+)", re.sub(r"\$\{?__", "", json.dumps(made)))
    assert set(used) <= set(variables)


@every_dashboard
def test_variables_follow_the_time_range(made: Json) -> None:
    """A cluster that existed last month can be chosen when last month is looked at."""
    for variable in made["templating"]["list"]:
        if variable["type"] == "query":
            assert variable["refresh"] == 2
            if found := re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", variable["definition"]):
                assert found[2] in BY_NAME[found[1]].labels
                assert variable["allValue"] == EVERY


@every_dashboard
def test_panels_have_ids_of_their_own_and_do_not_overlap(made: Json) -> None:
    """The grid is 24 wide; two panels on one square hide each other."""
    taken: Counter[tuple[int, int]] = Counter()
    for panel in made["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        taken.update((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"]))

    assert max(taken.values()) == 1
    assert max(Counter(panel["id"] for panel in made["panels"]).values()) == 1


@every_panel
def test_a_panel_describes_itself(panel: Json) -> None:
    """Title, description, a unit that Grafana knows, and a text for missing data."""
    defaults = panel["fieldConfig"]["defaults"]

    assert panel["title"]
    assert panel["description"].endswith(".")
    assert defaults["unit"] in UNITS or defaults["unit"].startswith("suffix:")
    assert re.match(r"(none|unknown|never)\b", defaults["noValue"])
    assert "maxDataPoints" not in panel


@every_panel
def test_a_title_fits_its_panel(panel: Json) -> None:
    """At 1,600 pixels; the mark of the description and that of links take room of the heading. A cut title says nothing."""
    pixels = panel["gridPos"]["w"] * 65.6 - 8
    marks = 1 + bool(panel.get("links"))

    assert len(panel["title"]) * 7.6 + 24 + 34 * marks <= pixels


@every_panel
def test_a_table_is_not_wider_than_its_panel(panel: Json) -> None:
    """At 1,600 pixels; a column without a width takes at least 150. On call it is not scrolled sideways."""
    if panel["type"] == "table":
        each = [{p["id"]: p["value"] for p in column["properties"]} for column in panel["fieldConfig"]["overrides"]]
        widths = [column.get("custom.width", 150) for column in each if not column.get("custom.hidden")]
        assert sum(widths) <= panel["gridPos"]["w"] * 65.6 - 28


@every_panel
def test_a_figure_has_a_colour_that_is_right(panel: Json) -> None:
    """A coloured ground below the first level is that of a state: the colour of text would be glaring white."""
    if panel["options"].get("colorMode") == "background_solid":
        base = panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["color"]
        assert base in {colours.GOOD, colours.CAUTION, colours.BAD, "transparent"}


@every_panel
def test_an_unknown_figure_is_grey(panel: Json) -> None:
    """Without a value a figure has the colour below its first level: green, though it is not known."""
    settings = panel["fieldConfig"]["defaults"]
    if panel["type"] == "stat" and settings["noValue"].startswith("unknown"):
        found = [found["options"] for found in settings["mappings"] if found["type"] == "special"]
        assert [(each["match"], each["result"]["color"]) for each in found] == [("null+nan", colours.NEUTRAL)]


@every_panel
def test_bars_over_time_count_each_event_once(panel: Json) -> None:
    """`increase` over a window that is longer than the step counts an event in several bars, and as 1.33."""
    if panel["fieldConfig"]["defaults"].get("custom", {}).get("drawStyle") == "bars":
        for target in panel["targets"]:
            assert "increase(" not in re.sub(r"increase\([^()]*@ end\(\)\)", "", target.get("expr", ""))


@every_panel
def test_a_panel_asks_a_data_source_that_the_viewer_chose(panel: Json) -> None:
    """The panel and each of its targets, which have letters of their own."""
    assert panel["targets"]
    for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
        assert (source["type"], source["uid"]) in SOURCES
    assert [target["refId"] for target in panel["targets"]] == list("ABCDEFGH"[: len(panel["targets"])])


def test_clickhouse_targets_load_without_being_rewritten() -> None:
    """The plugin takes a query without its version for one of version 3."""
    targets = [target for _, target in TARGETS if "rawSql" in target]

    assert targets
    for target in targets:
        assert target["pluginVersion"] >= "4.0.0"
        assert target["editorType"] == "sql"
        assert (target["queryType"], target["format"]) in {("timeseries", 0), ("table", 1)}


@every_expression
def test_expressions_name_what_the_catalogue_exposes(title: str, expr: str) -> None:
    """A renamed metric or label breaks here, not on the screen of somebody on call."""
    check_against_catalogue(expr)


@every_expression
def test_counters_are_read_as_rates_over_a_range_that_fits_the_screen(title: str, expr: str) -> None:
    """A counter's value means nothing, and a fixed range drops samples when the viewer zooms out."""
    raw = re.sub(r"\w+:\w+:\w+", "", expr)  # a recorded series is a gauge, whatever it was made of
    bare = re.sub(r"(?:rate|increase)\([^()]*\[[^\]]*\](?: @ end\(\))?\)", "", raw)

    assert not re.search(r"\w+_total\b|\w+_bucket\b", bare), expr


@every_expression
def test_gauges_are_not_added_up_over_replicas(title: str, expr: str) -> None:
    """Two replicas that hand a cluster over say the same for a moment; only `max` makes that one."""
    gauges = [name for name in re.findall(r"lynceus_\w+", expr) if BY_NAME.get(name) and BY_NAME[name].kind == "gauge"]

    for name in gauges:
        if "cluster" in BY_NAME[name].labels:
            assert re.search(rf"(?:max|topk|predict_linear)[^|]*{name}", expr), expr


def test_promtool_parses_every_expression(tmp_path: Path) -> None:
    """As recording rules, with Grafana's variables filled in; annotations too."""
    noted = [
        note["target"]["expr"]
        for made in MADE.values()
        for note in made["annotations"]["list"]
        if "expr" in note["target"]
    ]
    filled = [
        re.sub(
            r"\$\w+",
            ".+",
            re.sub(r"\$__(?:rate_interval|range|interval)\b", "5m", expr.replace("$__interval_ms", "300000")),
        )
        for expr in [*(expr for _, expr in PROMQL), *noted]
    ]
    rules = [{"record": f"panel:expression:number_{i}", "expr": expr} for i, expr in enumerate(filled)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    assert f"{len(rules)} rules found" in promtool("check", "rules", tmp_path / "rules.yaml")


def test_annotations_name_what_the_catalogue_exposes() -> None:
    """They are queries like any other."""
    for board in MADE.values():
        for note in board["annotations"]["list"]:
            if "expr" in note["target"]:
                check_against_catalogue(note["target"]["expr"])


@every_statement
def test_statements_name_tables_and_columns_of_the_catalogue(title: str, sql: str) -> None:
    """Every column that is read exists in the table it is read from."""
    statement = sqlglot.parse_one(sql, dialect="clickhouse")
    aliases = {alias.alias for alias in statement.find_all(exp.Alias)}
    tables = [
        source
        for scope in traverse_scope(statement)
        for source in scope.sources.values()
        if isinstance(source, exp.Table)
    ]

    assert tables
    assert {table.db for table in tables if table.name != "parts"} <= {DATABASE}
    # A number names a part of a tuple.
    named = {column.name for column in statement.find_all(exp.Column) if not column.name.isdigit()}
    assert named - aliases <= {column for table in tables for column in COLUMNS[table.name]}


@every_statement
def test_statements_are_bounded(title: str, sql: str) -> None:
    """By a column or a uid that spares the store most of a table's rows; and an order, so that an answer is stable."""
    if re.search(r"\buid = 'one uid'|\bworkflow_uid = 'one uid'", sql):
        return
    for table in sqlglot.parse_one(sql, dialect="clickhouse").find_all(exp.Table):
        if bounds := BOUNDS.get(table.name):
            assert re.search(rf"\b(?:{'|'.join(sorted(bounds))})\b\)? (?:[<>]|BETWEEN|(?:GLOBAL )?IN\b)", sql), bounds
    assert "LIMIT" in sql or "ORDER BY" in sql


@every_statement
def test_a_condition_reads_the_column_and_not_a_figure_of_its_name(title: str, sql: str) -> None:
    """In ClickHouse an alias hides a column in WHERE too: `nullIf(from_at, …) AS from_at` made a table of gaps empty."""
    statement = sqlglot.parse_one(sql, dialect="clickhouse")
    columns = {name for table in statement.find_all(exp.Table) for name in COLUMNS.get(table.name, ())}
    for select in statement.find_all(exp.Select):
        made = {
            alias.alias for alias in select.expressions if isinstance(alias, exp.Alias) and alias.alias != alias.name
        }
        where = select.args.get("where")
        read = (
            {column.name for column in where.find_all(exp.Column) if column.find_ancestor(exp.Select) is select}
            if where
            else set()
        )
        assert not made & read & columns


def test_an_empty_cell_has_a_text_of_its_own() -> None:
    """A cluster without a waiting workflow has no oldest one; "no cluster is watched" in its cell would be wrong."""
    tables = [panel for _, panel in PANELS if panel["type"] == "table"]

    assert tables
    for panel in tables:
        for override in panel["fieldConfig"]["overrides"]:
            own = {found["id"]: found["value"] for found in override["properties"]}
            assert own["noValue"] != panel["fieldConfig"]["defaults"]["noValue"]
