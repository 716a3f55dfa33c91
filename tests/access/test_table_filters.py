"""Which rows a scope reads, as text; tests/store/test_scopes.py tries it on the engine."""

from collector.access.scope import ALL, METRICS, of_departments
from collector.access.table_filters import BARRED_TABLES, OWNED_TABLES, predicate_of, query_settings, table_filters


def test_tables_with_a_department_are_filtered() -> None:
    """By the catalogue, so that a new table with departments cannot be forgotten."""
    assert {
        "workflow_run",
        "workflow_live",
        "pod_cost",
        "statement_line",
        "cost_daily",
        "workflow_hourly",
        "run_daily",
    } == {*OWNED_TABLES}
    filters = table_filters(of_departments(["a"]))
    assert {f"lynceus.{name}" for name in (*OWNED_TABLES, *BARRED_TABLES)} <= set(filters)
    assert filters["lynceus.audit_entry"] == "0"


def test_tables_of_a_shard_are_filtered() -> None:
    """A table that is divided among servers has its rows in one of another name on each."""
    filters = table_filters(of_departments(["a"]))
    assert filters["lynceus.pod_cost_local"] == filters["lynceus.pod_cost"]
    assert "lynceus.cost_daily_local" not in filters


def test_the_scope_of_everything_has_no_filter() -> None:
    """Its queries are as they were."""
    assert (table_filters(ALL), query_settings(ALL), predicate_of(ALL)) == ({}, {}, "1")


def test_the_scope_of_metrics_reads_no_row() -> None:
    """Metrics are not in the store."""
    assert set(table_filters(METRICS).values()) == {"0"}


def test_a_name_cannot_end_its_text() -> None:
    """Names of departments are labels that users write."""
    assert predicate_of(of_departments(["a'b", "c\\"])) == r"department IN ('a\'b', 'c\\')"
    (value,) = query_settings(of_departments(["x' OR '1"])).values()
    assert r"'department IN (\'x\\\' OR \\\'1\')'" in value
