"""Which rows of steps and pods belong to a department, as text; tests/store/embedded/test_tenants.py tries it on the engine."""

from collector.access.linked_tables import LINKED, linked_filters
from collector.access.scope import ALL, METRICS, of_departments
from collector.access.table_filters import OWNED_TABLES, table_filters
from collector.catalog.tables import TABLE_NAMED


def test_rows_are_found_by_the_keys_of_what_a_department_ran() -> None:
    """All other tables are filtered as everywhere."""
    scope = of_departments(["a"])
    filters = linked_filters(scope)

    assert filters.items() >= table_filters(scope).items()
    assert filters["lynceus.pod_run"] == (
        "(cluster, uid) IN (SELECT cluster, pod_uid FROM lynceus.pod_cost WHERE department IN ('a'))"
    )
    assert filters["lynceus.step_run"].count("department IN ('a')") == 2
    assert not {*LINKED} & {*OWNED_TABLES}
    for table, (key, _) in LINKED.items():
        assert {*key.split(", ")} <= {column.name for column in TABLE_NAMED[table].columns}


def test_other_scopes() -> None:
    """Who reads everything has no filter, and who reads metrics reads no row."""
    assert linked_filters(ALL) == {}
    assert "WHERE 0" in linked_filters(METRICS)["lynceus.pod_run"]
