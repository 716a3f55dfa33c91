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

from collector.catalog.bills import COST_CURRENT
from collector.catalog.schema import DATABASE
from collector.catalog.tables import TABLE_NAMED
from collector.core.model import REASONS
from dashboards import ALL
from dashboards.files import files
from generate.folder import out_of_date, write
from tests.dashboards.macros import clickhouse_queries, expand
from tests.promtool.promql import BY_NAME, check_against_catalogue
from tests.promtool.tool import promtool

Json = dict[str, Any]

MADE: dict[str, Json] = {name: build() for name, build in ALL.items()}
PANELS = [(name, panel) for name, made in MADE.items() for panel in made["panels"] if panel["type"] != "row"]
TARGETS = [(panel, target) for _, panel in PANELS for target in panel["targets"]]
PROMQL = [(panel["title"], target["expr"]) for panel, target in TARGETS if "expr" in target]
SQL = clickhouse_queries()
GENERATED = Path(__file__).parents[2] / "dashboards" / "generated"

UNITS = {"short", "s", "percentunit", "locale", "bytes", "none"}
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

    assert [name for entry in made["configMapGenerator"] for name in entry["files"]] == [f"{name}.json" for name in ALL]
    assert made["generatorOptions"]["labels"] == {"grafana_dashboard": "1"}


@every_dashboard
def test_a_dashboard_can_be_provisioned_from_its_file(made: Json) -> None:
    """A fixed uid that links survive with, no id, nothing that only the import dialogue fills in, modern schema."""
    assert re.fullmatch(r"[a-z0-9-]{1,40}", made["uid"])
    assert made["id"] is None
    assert made["schemaVersion"] >= 39
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
    used = re.findall(r"\$\{?(\w+)", json.dumps(made).replace("$__", ""))
    assert set(used) <= set(variables)


@every_dashboard
def test_variables_follow_the_time_range(made: Json) -> None:
    """A cluster that existed last month can be chosen when last month is looked at."""
    for variable in made["templating"]["list"]:
        if variable["type"] == "query":
            assert variable["refresh"] == 2
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
            assert label in BY_NAME[metric].labels


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
    assert defaults["unit"] in UNITS
    assert defaults["noValue"] == "unknown"
    assert "maxDataPoints" not in panel


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
    bare = re.sub(r"(?:rate|increase)\([^()]*\[[^\]]*\]\)", "", expr)

    assert not re.search(r"\w+_total\b|\w+_bucket\b", bare), expr
    assert set(re.findall(r"\[([^\]]*)\]", expr)) <= {"$__rate_interval", "$__range"}


@every_expression
def test_gauges_are_not_added_up_over_replicas(title: str, expr: str) -> None:
    """Two replicas that hand a cluster over say the same for a moment; only `max` makes that one."""
    gauges = [name for name in re.findall(r"lynceus_\w+", expr) if BY_NAME.get(name) and BY_NAME[name].kind == "gauge"]

    for name in gauges:
        if "cluster" in BY_NAME[name].labels:
            assert re.search(rf"max (?:by \([\w, ]+\) )?\({name}|max\({name}", expr), expr


def test_promtool_parses_every_expression(tmp_path: Path) -> None:
    """As recording rules, with Grafana's variables filled in; annotations too."""
    noted = [note["expr"] for made in MADE.values() for note in made["annotations"]["list"]]
    filled = [
        re.sub(r"\$__(?:rate_interval|range)", "5m", expr).replace("$cluster", ".+")
        for expr in [*(expr for _, expr in PROMQL), *noted]
    ]
    rules = [{"record": f"panel:expression:number_{i}", "expr": expr} for i, expr in enumerate(filled)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    assert f"{len(rules)} rules found" in promtool("check", "rules", tmp_path / "rules.yaml")


def test_annotations_name_what_the_catalogue_exposes() -> None:
    """They are queries like any other."""
    for made in MADE.values():
        for note in made["annotations"]["list"]:
            check_against_catalogue(note["expr"])


@every_statement
def test_statements_name_tables_and_columns_of_the_catalogue(title: str, sql: str) -> None:
    """Every column that is read exists in the table it is read from."""
    [scope] = traverse_scope(sqlglot.parse_one(sql, dialect="clickhouse"))
    [table] = [source for source in scope.sources.values() if isinstance(source, exp.Table)]
    aliases = {alias.alias for alias in scope.expression.find_all(exp.Alias)}
    known = COST_CURRENT.of if table.name == COST_CURRENT.name else TABLE_NAMED[table.name]

    assert table.db == DATABASE
    named = {column.name for column in scope.expression.find_all(exp.Column)}
    assert named - aliases <= {column.name for column in known.columns}


def test_waiting_time_is_that_of_waiting_reasons() -> None:
    """Each reason once, and no latency: a latency is a sum of reasons already."""
    [sql] = [sql for title, sql in SQL if title.endswith("Time waited, by reason")]

    assert re.findall(r"sum\((\w+)_ms\)", sql) == [reason for reason in REASONS if reason != "running"]


@every_statement
def test_statements_are_bounded(title: str, sql: str) -> None:
    """By the chosen time, by what was created not too long before (which spares partitions), and tables by a limit."""
    assert sql.count("toDateTime(17") >= 3
    assert "created_at >=" in sql
    assert "LIMIT" in sql or "ORDER BY time" in sql


def test_the_expander_refuses_what_it_does_not_know() -> None:
    """A statement that ran here with a macro left in would have proved nothing."""
    with pytest.raises(ValueError, match=r"\$__timeGroup"):
        expand("SELECT $__timeGroup(at, 5m)")


def test_the_expander_expands_as_the_plugin_does() -> None:
    """By the plugin's documentation."""
    assert expand("$__timeFilter(at)") == "at >= toDateTime(1795270000) AND at <= toDateTime(1795360000)"
    assert expand("$__timeInterval(at)") == "toStartOfInterval(toDateTime(at), INTERVAL 300 second)"
    assert expand("$__conditionalAll(cluster IN (${cluster:singlequote}), $cluster)") == (
        "(cluster IN ('prod-hz','prod-sh'))"
    )
