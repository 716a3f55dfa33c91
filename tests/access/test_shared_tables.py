"""What of the store a department may read, table by table."""

from collector.access.shared_tables import CLOSED, HIDDEN, SHARED, VIEWS, readable_tables
from collector.access.table_filters import OWNED_TABLES
from collector.catalog.rollups import HOUSEKEEPING, ROLLUPS
from collector.catalog.schema import RECORD
from collector.catalog.tables import TABLES

COLUMNS = {
    **{table.name: {column.name for column in table.columns} for table in TABLES},
    **{rollup.name: {column.name for column in rollup.columns} for rollup in ROLLUPS},
    **{table.name: {column.name for column in table.columns} for table in HOUSEKEEPING},
}


def test_every_table_is_decided() -> None:
    """A new table is in one group, with a reason, before anybody may read it."""
    groups = [*OWNED_TABLES, *SHARED, *CLOSED]

    assert sorted(groups) == sorted([*COLUMNS, RECORD])


def test_columns_are_the_catalogue_s() -> None:
    """A column that gets another name would be hidden no more."""
    for columns in (HIDDEN, SHARED):
        for table, names in columns.items():
            assert set(names) <= COLUMNS[table]
    assert HIDDEN.keys() <= set(OWNED_TABLES)


def test_what_a_department_may_read() -> None:
    """Its own tables, what is shared, and the views, whose columns are those of their tables."""
    readable = readable_tables()

    assert set(readable) == {*OWNED_TABLES, *SHARED, *(view.name for view in VIEWS)}
    assert "whole" not in {*readable["statement_line"], *readable["statement_current"]}
    assert "amount" in readable["statement_current"]
    assert "total" not in readable["period"]
    assert set(readable["cost_daily"]) == COLUMNS["cost_daily"]
