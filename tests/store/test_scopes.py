"""The collector's reads on behalf of a visitor, on the real engine: the rows of the visitor's departments alone."""

from pathlib import Path

import pytest

from collector import connect
from collector.access.scope import ALL, METRICS, Scope, of_departments
from collector.billing.rows import write_facts
from collector.settings.model import EmbeddedSettings, Settings
from collector.store.clickhouse import Store, StoreError
from tests.reports.stored import a_run
from tests.store.running import Running

HOSTILE = "x' OR '1'='1"


@pytest.fixture(scope="module", autouse=True)
def _runs(running: Running) -> None:
    writer = running.writer()
    runs = [a_run(f"{name}-run", cluster="scopes", department=name) for name in ("autonomy", "maps", HOSTILE, "")]
    write_facts(writer, runs)
    writer.close()


def read(running: Running, scope: Scope, sql: str) -> list[tuple[object, ...]]:
    listen = EmbeddedSettings(listen=running.address)
    settings = Settings(embedded=listen, data_dir=str(running.token_file.parent))
    store = connect.reading_store(settings, "", own=True, scope=scope)
    try:
        return store.query_rows(sql)
    finally:
        store.close()


NAMES = "SELECT department FROM lynceus.workflow_run WHERE cluster = 'scopes' ORDER BY department"


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        (ALL, ["", "autonomy", "maps", HOSTILE]),
        (METRICS, []),
        (of_departments(["maps"]), ["maps"]),
        (of_departments(["maps", "autonomy"]), ["autonomy", "maps"]),
        (of_departments([HOSTILE]), [HOSTILE]),
        (of_departments(["none"]), []),
    ],
)
def test_a_scope_reads_its_own_rows(running: Running, scope: Scope, names: list[str]) -> None:
    """What has no department is in the rows of those alone who may read everything."""
    assert read(running, scope, NAMES) == [(name,) for name in names]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT department FROM workflow_run FINAL WHERE cluster = 'scopes'",
        "SELECT any(department) FROM lynceus.workflow_run AS w WHERE w.cluster = 'scopes'",
        "WITH r AS (SELECT * FROM workflow_run WHERE cluster = 'scopes') SELECT department FROM r",
        "SELECT b.department FROM (SELECT 1 AS one) AS a JOIN workflow_run AS b ON a.one = 1 WHERE b.cluster = 'scopes'",
    ],
)
def test_every_way_to_read_is_filtered(running: Running, sql: str) -> None:
    """The engine applies the predicate wherever a table is read."""
    assert read(running, of_departments(["maps"]), sql) == [("maps",)]


def test_only_the_collector_sets_the_filter(running: Running, tmp_path: Path) -> None:
    """A reader's own text would be an expression that nothing has checked."""
    reader: Store = running.reader()

    with pytest.raises(StoreError, match=r"additional_table_filters|READONLY"):
        reader.command("SELECT 1", settings={"additional_table_filters": "{'lynceus.workflow_run': '1'}"})
    reader.close()
