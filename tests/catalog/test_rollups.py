"""The catalogue of rollups, of housekeeping tables, and of retention."""

import pytest

from collector.catalog.columns import INSERTED_AT
from collector.catalog.retention import MONEY, RETENTION, retention_days
from collector.catalog.rollups import COST_DAILY, HOUSEKEEPING, ROLLUPS, WORKFLOW_HOURLY, Housekeeping, Rollup
from collector.catalog.tables import TABLE_NAMED, TABLES

ROLLUP = pytest.mark.parametrize("rollup", ROLLUPS, ids=lambda rollup: rollup.name)


@ROLLUP
def test_a_rollup_is_partitioned_by_an_immutable_column(rollup: Rollup) -> None:
    """Otherwise a changed row would count in its new day and in its old day."""
    source = TABLE_NAMED[rollup.source]
    day_of = rollup.day_of.removeprefix("toDate(").removesuffix(")")

    assert rollup.order_by[0] == rollup.partition == rollup.day
    assert day_of in source.order_by
    assert "cluster" in source.order_by
    assert "cluster" in rollup.order_by


@ROLLUP
def test_changed_days_are_found_without_reading_all_rows(rollup: Rollup) -> None:
    """The source has a range index on the column of the condition."""
    assert "inserted_at" in TABLE_NAMED[rollup.source].ranges
    assert "inserted_at >=" in rollup.stale()


@ROLLUP
def test_computed_columns_are_in_the_rollups_order(rollup: Rollup) -> None:
    """All columns except inserted_at, grouped by the keys, of the selected rows only."""
    sql = rollup.computed("day = 1")

    assert rollup.names == ", ".join(f"`{column.name}`" for column in rollup.columns[:-1])
    assert f"FROM lynceus.{rollup.rows} WHERE {rollup.where} AND day = 1 GROUP BY " in sql
    assert sql.index(rollup.sums[0][1]) < sql.index("FROM")


def test_sums_are_available_by_any_column_of_the_source() -> None:
    """Stored and computed, the columns are the same, with names that no expression confuses with the source's columns."""
    assert COST_DAILY.stored("1", ["day"], ["cost"]).startswith(
        "SELECT `day`, `cost` AS `sum_cost` FROM lynceus.cost_daily "
    )
    assert COST_DAILY.summed("day = 1", ["step", "day"], ["cost", "pods"]) == (
        "SELECT `step`, `day`, sum(`cost`) AS `sum_cost`, countIf(entry = 0) AS `sum_pods` "
        "FROM lynceus.cost_current WHERE 1 AND day = 1 GROUP BY `step`, `day`"
    )


def test_only_rollups_by_pricing_run_read_months() -> None:
    """Attempts of workflows have no pricing run."""
    assert "period" in COST_DAILY.stale()
    assert "period" not in WORKFLOW_HOURLY.stale()


def test_every_column_is_explained_and_the_last_is_inserted_at() -> None:
    """The same rule as for other tables."""
    kept: tuple[Rollup | Housekeeping, ...] = (*ROLLUPS, *HOUSEKEEPING)
    for table in kept:
        assert all(column.comment for column in table.columns)
        assert table.columns[-1] is INSERTED_AT
        assert table.comment
        assert set(table.order_by) <= {column.name for column in table.columns}


def test_rows_age_by_an_immutable_column() -> None:
    """A column of the key, so that neither a later version nor another collector makes a row younger."""
    for name, rule in RETENTION.items():
        key = {table.name: table.order_by for table in TABLES} | {rollup.name: rollup.order_by for rollup in ROLLUPS}
        assert rule.age.removeprefix("toDateTime(").removesuffix(")") in key[name]
    assert not set(MONEY) & set(RETENTION)
    assert {"pod_cost", "period", "pricing_run"} <= {table.name for table in TABLES} & set(MONEY)


def test_tables_without_a_setting_keep_the_default() -> None:
    """Evidence for a year and a month, samples and quarantine for some time."""
    kept = retention_days({"queue_sample": "7d", "quarantine": "forever"})

    assert (kept["queue_sample"], kept["quarantine"], kept["cron_run"], kept["pod_run"]) == (7, 0, 400, 400)
    assert RETENTION["queue_sample"].ttl(7) == "toDateTime(at) + toIntervalDay(7)"
    assert RETENTION["pod_run"].ttl(0) == ""


@pytest.mark.parametrize(
    ("table", "text", "why"),
    [
        ("pod_cost", "4000d", "pod_cost: money is kept for ever; remove this setting"),
        ("pods", "9d", "pods: not a table whose rows age; choose one of workflow_run, step_run"),
        ("workflow_live", "9d", "workflow_live: not a table whose rows age"),
        ("quarantine", "0d", "quarantine: '0d' is not a time to keep rows; write days, such as 400d, or forever"),
        ("quarantine", "12h", "quarantine: '12h' is not a time"),
        ("pod_run", "62d", "pod_run: 62d is too short; keep at least 400d, or forever"),
    ],
)
def test_a_wrong_retention_is_refused(table: str, text: str, why: str) -> None:
    """The message names the table and the remedy."""
    with pytest.raises(ValueError, match=why):
        retention_days({table: text})
