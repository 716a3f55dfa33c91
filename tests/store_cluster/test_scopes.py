"""The collector's reads on behalf of a department, on two servers: its own rows, through every table and either server."""

from collections.abc import Callable, Iterator

import pytest

from collector import connect
from collector.access.scope import ALL, METRICS, Scope, of_departments
from collector.access.table_filters import OWNED_TABLES
from collector.catalog.tables import local_name
from collector.settings.load import load_settings
from collector.store.clickhouse import Store
from tests.store_cluster.filled import DEPARTMENTS, PODS
from tests.store_cluster.servers import TwoShards

Read = Callable[..., list[tuple[object, ...]]]
MAPS = of_departments(["maps"])
VIEWS = ("cost_current", "statement_current")
SHAPES = {
    "table": "SELECT department FROM lynceus.{}",
    "final": "SELECT department FROM lynceus.{} FINAL",
    "subquery": "SELECT department FROM (SELECT * FROM lynceus.{})",
    "union": "SELECT department FROM lynceus.{0} UNION ALL SELECT department FROM lynceus.{0}",
    "joined": "SELECT b.department FROM (SELECT 1 AS one) AS a CROSS JOIN lynceus.{} AS b",
    "global": "SELECT department FROM lynceus.{0} WHERE department GLOBAL IN (SELECT department FROM lynceus.{0})",
    "scalar": "SELECT arrayJoin((SELECT groupArray(department) FROM lynceus.{})) AS department",
}


@pytest.fixture(scope="module")
def read(owned: TwoShards) -> Iterator[Read]:
    """What a query answers the collector that reads for a scope, through a server, by an account of the store."""
    stores: dict[tuple[Scope, int, str], Store] = {}

    def query(scope: Scope, sql: str, node: int = 0, user: str = "writer") -> list[tuple[object, ...]]:
        if (scope, node, user) not in stores:
            settings = load_settings(owned.settings_file(user=user, node=node))
            stores[scope, node, user] = connect.reading_store(settings, "", scope=scope)
        return stores[scope, node, user].query_rows(sql)

    yield query
    for store in stores.values():
        store.close()


@pytest.mark.parametrize("node", [0, 1], ids=["first server", "second server"])
@pytest.mark.parametrize("user", ["writer", "reader"])
@pytest.mark.parametrize("table", [*OWNED_TABLES, *VIEWS])
def test_a_department_reads_its_own_rows(table: str, user: str, node: int, read: Read) -> None:
    """In each shape of a query; without the scope every department is there, so a filter that is lost shows."""
    for shape in SHAPES.values():
        sql = f"SELECT DISTINCT department FROM ({shape.format(table)}) ORDER BY department"
        assert read(ALL, sql, node, user) == [(name,) for name in sorted(DEPARTMENTS)]
        assert read(MAPS, sql, node, user) == [("maps",)]
        assert read(METRICS, sql, node, user) == []


@pytest.mark.parametrize("table", [name for name in OWNED_TABLES if local_name(name) != name])
def test_the_tables_of_a_shard_are_filtered_too(table: str, read: Read) -> None:
    """Asked directly, or by a query that goes to all servers by itself."""
    for source in (f"lynceus.{local_name(table)}", f"cluster('prod', lynceus.{local_name(table)})"):
        assert read(ALL, f"SELECT uniq(department) FROM {source}") == [(len(DEPARTMENTS),)]
        assert read(MAPS, f"SELECT uniq(department), any(department) FROM {source}") == [(1, "maps")]


def test_numbers_are_of_the_department_alone(read: Read) -> None:
    """Counts that ClickHouse could answer from the parts, and sums of the view of charges."""
    for node in (0, 1):
        assert read(ALL, "SELECT count() FROM workflow_run", node) == [(PODS * len(DEPARTMENTS),)]
        assert read(MAPS, "SELECT count() FROM workflow_run", node) == [(PODS,)]
        shared = read(ALL, "SELECT sum(cost) FROM cost_current WHERE department = 'maps'", node)
        assert read(MAPS, "SELECT sum(cost) FROM cost_current", node) == shared
