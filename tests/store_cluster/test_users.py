"""
The users that `lynceus generate users` makes, logged in to two servers, each as itself.

Run here: the form for files of a server, with its grants, profile, quota and filters of rows. Not run: the statements for
users in SQL, since these servers have no place that keeps them; each is understood up to there.
"""

from collections.abc import Callable, Iterator

import pytest

from collector.access.shared_tables import CLOSED, HIDDEN
from collector.access.table_filters import OWNED_TABLES
from collector.catalog.tables import local_name
from collector.store.clickhouse import Store, StoreError, StoreRefusedError, connect
from collector.store.servers.users import READER, WantedUsers, user_of
from collector.store.servers.users_sql import statements
from collector.store.sharded import reader_settings
from tests.store_cluster.filled import DEPARTMENTS, PODS
from tests.store_cluster.servers import TwoShards

As = Callable[..., Store]
FOREIGN = sorted({*DEPARTMENTS} - {"maps"})
BOTH = pytest.mark.parametrize("node", [0, 1], ids=["first server", "second server"])
VIEWS = ("cost_current", "statement_current")
HELD = [name for name in OWNED_TABLES if local_name(name) != name]
DENIED = 497
KEPT_NOWHERE = {495, 514}
"""The users in files cannot be changed, and there is no other storage."""


@pytest.fixture(scope="module")
def log_in(owned: TwoShards) -> Iterator[As]:
    """Connects a user to a server."""
    stores: dict[tuple[str, int], Store] = {}

    def store(user: str, node: int = 0) -> Store:
        password = owned.folder / "passwords" / user
        url, settings = owned.nodes[node].url, reader_settings()
        return stores.setdefault((user, node), connect(url, user, password, database="lynceus", settings=settings))

    yield store
    for opened in stores.values():
        opened.close()


@BOTH
@pytest.mark.parametrize("department", DEPARTMENTS)
def test_a_department_sees_its_rows_alone(department: str, node: int, log_in: As) -> None:
    """In every table and view, of both shards, through either server."""
    store = log_in(user_of(department), node)
    for table in (*OWNED_TABLES, *VIEWS):
        assert store.query_rows(f"SELECT DISTINCT department FROM {table}") == [(department,)], table
        assert store.query_rows(f"SELECT department FROM {table} GROUP BY department WITH TOTALS") == [(department,)]
    assert store.query_rows("SELECT count() FROM pod_cost") == [(PODS,)]
    assert store.query_rows("SELECT count() FROM workflow_run FINAL") == [(PODS,)]


@BOTH
def test_the_reader_of_everything_sees_all(node: int, log_in: As) -> None:
    """Grafana of those who run the fleet; and it only reads."""
    store = log_in(READER, node)
    for table in (*OWNED_TABLES, *VIEWS):
        found = store.query_rows(f"SELECT DISTINCT department FROM {table} ORDER BY department")
        assert found == [(name,) for name in sorted(DEPARTMENTS)], table
    with pytest.raises(StoreRefusedError):
        store.command("INSERT INTO lynceus.period (month) VALUES ('2026-01-01')")


@BOTH
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT {1} FROM {0}",
        "SELECT {1} FROM {0} WHERE throwIf({2}) = 0",
        "SELECT {1} FROM {0} PREWHERE throwIf({2}) = 0",
        "SELECT {1} FROM {0} FINAL PREWHERE throwIf({2}) = 0 SETTINGS optimize_move_to_prewhere_if_final = 1",
        "SELECT {1} FROM {0} ARRAY JOIN [throwIf({2})] AS x",
        "SELECT uniqIf(department, {2}) FROM {0}",
        "SELECT {1} FROM merge('lynceus', '^{0}$')",
        "SELECT {1} FROM view(SELECT * FROM {0})",
        "SELECT countIf(b.department != 'maps') FROM {0} AS a CROSS JOIN {0} AS b",
        "SELECT count() FROM {0} WHERE {2} SETTINGS optimize_trivial_count_query = 1",
        "SELECT {1} FROM {0} SETTINGS prefer_localhost_replica = 0",
        "SELECT {1} FROM {0} SETTINGS short_circuit_function_evaluation = 'disable'",
        "SELECT {1} FROM {0} SETTINGS distributed_product_mode = 'allow'",
        "SELECT {1} FROM {0} SETTINGS enable_parallel_replicas = 1, max_parallel_replicas = 2",
        "SELECT {1} FROM {0} FINAL SETTINGS apply_row_policy_after_final = 1, apply_prewhere_after_final = 0",
    ],
)
def test_no_question_shows_that_others_have_rows(sql: str, node: int, log_in: As) -> None:
    """Neither a number nor an error that depends on them, in tables of a shard and of all. Some tables allow no `*`."""
    store = log_in(user_of("maps"), node)
    for table in (*OWNED_TABLES, *map(local_name, HELD)):
        question = sql.format(table, "countIf(department != 'maps')", "department != 'maps'")
        if ("*" in sql or "merge" in sql) and HIDDEN.keys() & {table, table.removesuffix("_local")}:
            with pytest.raises(StoreRefusedError, match="Not enough privileges"):
                store.query_rows(question)
        else:
            assert store.query_rows(question) == [(0,)], table


@pytest.mark.parametrize("table", [*CLOSED, *(local_name(name) for name in CLOSED if local_name(name) != name)])
def test_closed_tables_are_closed(table: str, log_in: As) -> None:
    """Not even their names and sizes are shown."""
    store = log_in(user_of("maps"))
    with pytest.raises(StoreRefusedError) as refused:
        store.query_rows(f"SELECT count() FROM lynceus.{table}")
    assert refused.value.code == DENIED
    assert store.query_rows(f"SELECT count() FROM system.tables WHERE name = '{table}'") == [(0,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT total FROM period",
        "SELECT totals, billed FROM period",
        "SELECT whole FROM statement_line",
        "SELECT whole FROM statement_current",
        "SELECT waiting_words FROM workflow_live",
        "SELECT waiting_words FROM workflow_live_local",
        "SELECT objects_unknown FROM watch_gap",
        "SELECT * FROM cluster('prod', lynceus, pod_cost_local)",
        "SELECT * FROM clusterAllReplicas('prod', lynceus.pod_cost_local)",
        "SELECT * FROM remote('127.0.0.1', lynceus.pod_cost)",
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM s3('https://bucket.s3.amazonaws.com/key', 'CSV')",
        "SELECT * FROM mergeTreeIndex('lynceus', 'pod_cost_local')",
        "SELECT * FROM executable('x', 'CSV', 'a String')",
        *(
            f"SELECT * FROM system.{name}"
            for name in (
                "clusters",
                "dictionaries",
                "events",
                "metrics",
                "merges",
                "mutations",
                "part_log",
                "parts",
                "parts_columns",
                "processes",
                "query_cache",
                "query_log",
                "query_thread_log",
                "quotas_usage",
                "row_policies",
                "users",
            )
        ),
        "SELECT dictGet('lynceus.x', 'y', 1)",
        "INSERT INTO pod_cost_local (department) VALUES ('maps')",
        "ALTER TABLE pod_cost_local DELETE WHERE 1",
        "CREATE TEMPORARY TABLE t (a UInt8)",
        "CREATE ROW POLICY p ON lynceus.pod_cost_local USING 1 TO ALL",
        "DROP TABLE pod_cost_local",
        "GRANT SELECT ON lynceus.* TO lynceus_dept_maps",
        "SYSTEM FLUSH LOGS",
        "KILL QUERY WHERE 1",
        "SET ROLE lynceus_everything",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_execution_time = 600",
        "SELECT 1 SETTINGS max_memory_usage = 0",
        "SELECT 1 SETTINGS max_execution_time = 0",
        "SELECT 1 SETTINGS max_result_rows = 0",
        "SELECT 1 SETTINGS result_overflow_mode = 'break'",
        "SELECT 1 FROM pod_cost SETTINGS additional_table_filters = {'lynceus.pod_cost': 'throwIf(day > 0) = 0'}",
        "SELECT 1 FROM pod_cost SETTINGS additional_result_filter = 'throwIf(1)'",
    ],
)
def test_what_a_department_must_not_do_is_refused(sql: str, log_in: As) -> None:
    """By grants and by the profile; so is a table of `system` that this server lacks."""
    with pytest.raises(StoreError) as refused:
        log_in(user_of("maps")).command(sql) if not sql.startswith("SELECT") else log_in(user_of("maps")).query_rows(
            sql
        )
    assert not any(name in str(refused.value).replace(sql, "") for name in FOREIGN)


@BOTH
def test_no_role_shows_more(node: int, log_in: As) -> None:
    """Rows are the user's: without roles, and with all that it has."""
    store = log_in(user_of("maps"), node)
    for role in ("NONE", "ALL", "DEFAULT"):
        store.command(f"SET ROLE {role}")
        assert store.query_rows("SELECT DISTINCT department FROM pod_cost") == [("maps",)]


def test_the_quota_is_the_user_s(log_in: As) -> None:
    """Each has its own, so none uses up that of another."""
    (row,) = log_in(user_of("maps")).query_rows(
        "SELECT quota_name, max_queries FROM system.quota_usage WHERE max_queries > 0"
    )
    assert row == ("lynceus_readers", 20_000)


def test_a_user_in_files_that_no_filter_names_reads_everything(owned: TwoShards) -> None:
    """ClickHouse's default, which the statements close and a file cannot: hence the probe of collector/service."""
    reader = owned.store(owned.nodes[0], "reader")

    assert reader.query_rows("SELECT uniq(department) FROM lynceus.pod_cost") == [(len(DEPARTMENTS),)]
    reader.close()


def test_every_statement_is_understood(owned: TwoShards) -> None:
    """Names, settings, rights and columns: each statement fails only since this server has no place that keeps users."""
    passwords = owned.folder / "passwords"
    wanted = WantedUsers(tuple(DEPARTMENTS), writer="department_writer", removed=("sonar",), passwords=passwords)
    admin = owned.store(owned.nodes[0], "admin")

    for statement in statements(wanted):
        assert outcome(admin, statement) in {"done", *KEPT_NOWHERE}, statement
    for wrong in (
        "ALTER SETTINGS PROFILE lynceus_readers SETTINGS no_such_setting = 1",
        "ALTER SETTINGS PROFILE lynceus_readers SETTINGS max_result_rows = 'many'",
        "GRANT SELECT ON lynceus.* TO lynceus_nobody",
        "CREATE ROW POLICY p ON lynceus.pod_cost_local USING 0 AS RESTRICTIVE TO ALL EXCEPT lynceus_nobody",
    ):
        assert outcome(admin, wrong) not in {"done", *KEPT_NOWHERE}, wrong
    admin.close()


def outcome(store: Store, statement: str) -> str | int | None:
    try:
        store.command(statement)
    except StoreRefusedError as refused:
        return refused.code
    return "done"


@pytest.mark.parametrize(("others", "fits"), [(("default",), False), (("default", "writer"), True)])
def test_the_user_that_servers_connect_as_must_be_named(others: tuple[str, ...], fits: bool, owned: TwoShards) -> None:
    """The first statement ends the run: a Distributed table would have no rows, for the collector too."""
    first = next(statements(WantedUsers(("maps",), "prod", others=others)))
    store = owned.store(owned.nodes[0])
    if fits:
        assert store.query_rows(first) == [(0,)]
    else:
        with pytest.raises(StoreRefusedError, match="name it with --everything"):
            store.query_rows(first)
    store.close()
