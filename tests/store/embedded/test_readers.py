"""
A reader of the embedded store reads and does nothing else, whatever it writes into a statement.

Each attack is one line; it must be refused and must leave no trace: no file, no row, no table, no byte of a file read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.catalog.tables import TABLES
from collector.store.clickhouse import Store
from collector.store.embedded.read_only import ReadOnlyChecker, RefusedStatementError
from tests.store.running import Running, ask

SECRET = "the-secret-in-the-file"

ATTACKS = {
    "scalar file": "SELECT file('{file}')",
    "upper case": "SELECT FILE('{file}')",
    "quoted": "SELECT `file`('{file}')",
    "double quoted": "SELECT \"file\"('{file}')",
    "commented": "SELECT file/* */('{file}')",
    "comment tail": "SELECT 1 -- ;\n, file('{file}')",
    "hash comment": "SELECT 1 # x\n, file('{file}')",
    "nested": "SELECT length(concat('x', upper(file('{file}'))))",
    "subquery": "SELECT * FROM (SELECT * FROM (SELECT file('{file}')))",
    "in where": "SELECT 1 WHERE file('{file}') != ''",
    "in order": "SELECT number FROM numbers(2) ORDER BY file('{file}')",
    "in limit": "SELECT 1 LIMIT length(file('{file}'))",
    "in window": "SELECT sum(number) OVER (ORDER BY file('{file}')) FROM numbers(2)",
    "in having": "SELECT count() FROM numbers(2) HAVING file('{file}') != ''",
    "in join": "SELECT 1 FROM numbers(1) AS a JOIN numbers(1) AS b ON file('{file}') != '' AND a.number = b.number",
    "in array join": "SELECT x FROM numbers(1) ARRAY JOIN [file('{file}')] AS x",
    "in values": "SELECT * FROM values('x String', (file('{file}')))",
    "in a table function": "SELECT * FROM numbers(length(file('{file}')))",
    "union": "SELECT '1' UNION ALL SELECT file('{file}')",
    "except": "SELECT '1' EXCEPT SELECT file('{file}')",
    "with": "WITH file('{file}') AS x SELECT x",
    "recursive": "WITH RECURSIVE x AS (SELECT file('{file}') AS y) SELECT * FROM x",
    "lambda": "WITH p -> file(p) AS f SELECT f('{file}')",
    "as an argument": "SELECT arrayMap(file, ['{file}'])",
    "lambda argument": "SELECT arrayMap(p -> file(p), ['{file}'])",
    "apply": "SELECT * APPLY(file) FROM (SELECT '{file}')",
    "apply bare": "SELECT * APPLY file FROM (SELECT '{file}')",
    "apply lambda": "SELECT * APPLY(p -> file(p)) FROM (SELECT '{file}')",
    "columns apply": "SELECT COLUMNS('.') APPLY(file) FROM (SELECT '{file}' AS a)",
    "replace": "SELECT * REPLACE(file(a) AS a) FROM (SELECT '{file}' AS a)",
    "heredoc": "SELECT file($x${file}$x$)",
    "pipe": "FROM numbers(1) |> SELECT file('{file}')",
    "show where": "SHOW TABLES WHERE file('{file}') != ''",
    "describe": "DESCRIBE TABLE file('{file}')",
    "describe subquery": "DESC (SELECT file('{file}'))",
    "explain": "EXPLAIN SELECT file('{file}')",
    "explain syntax": "EXPLAIN SYNTAX SELECT file('{file}')",
    "explain tree": "EXPLAIN QUERY TREE run_passes = 1 SELECT file('{file}')",
    "explain insert": "EXPLAIN AST INSERT INTO lynceus.queue_sample SELECT 1",
    "explain drop": "EXPLAIN AST DROP TABLE lynceus.queue_sample",
    "explain override": "EXPLAIN TABLE OVERRIDE file('{file}') PARTITION BY 1",
    "table file": "SELECT * FROM file('{file}', 'LineAsString')",
    "table named": "SELECT * FROM `{file}`",
    "table quoted": "SELECT * FROM '{file}'",
    "default database": "SELECT * FROM default.`{file}`",
    "in default": "SELECT 'x' IN default.`{file}`",
    "describe default": "DESCRIBE TABLE default.`{file}`",
    "url": "SELECT * FROM url('http://{address}/?query=SELECT+1', 'LineAsString')",
    "s3": "SELECT * FROM s3('http://{address}/x', 'LineAsString')",
    "remote": "SELECT * FROM remote('{address}', system.one)",
    "cluster": "SELECT * FROM cluster('default', system.one)",
    "mysql": "SELECT * FROM mysql('{address}', 'a', 'b', 'c', 'd')",
    "sqlite": "SELECT * FROM sqlite('{file}', 'x')",
    "executable": "SELECT * FROM executable('cat', 'LineAsString', 'x String')",
    "python": "SELECT * FROM Python(store)",
    "eval": "SELECT * FROM eval('SELECT file(''{file}'')')",
    "merge": "SELECT * FROM merge('default', '.*')",
    "filesystem": "SELECT * FROM filesystem('/')",
    "dictionary": "SELECT * FROM dictionary('x')",
    "dictionary scalar": "SELECT dictGet('x', 'y', 1)",
    "ai": "SELECT aiGenerate('x', 'y')",
    "sleep": "SELECT sleep(3)",
    "introspection": "SELECT addressToLine(1)",
    "outfile": "SELECT 1 INTO OUTFILE '{out}'",
    "outfile stdout": "SELECT 1 INTO OUTFILE '{out}' AND STDOUT",
    "outfile lower": "select 1 into outfile '{out}' format CSV",
    "outfile commented": "SELECT 1 INTO /* */ OUTFILE '{out}'",
    "outfile explain": "EXPLAIN SELECT 1 INTO OUTFILE '{out}'",
    "outfile explain ast": "EXPLAIN AST SELECT 1 INTO OUTFILE '{out}'",
    "outfile describe": "DESCRIBE TABLE system.one INTO OUTFILE '{out}'",
    "outfile show": "SHOW TABLES INTO OUTFILE '{out}'",
    "two statements": "SELECT 1; SELECT 2 INTO OUTFILE '{out}'",
    "two harmless statements": "SELECT 1; SELECT 2",
    "second after comment": "SELECT 1 /* ; */ ; DROP TABLE lynceus.queue_sample",
    "settings": "SELECT 1 SETTINGS readonly = 0",
    "settings twice": "SELECT 1 SETTINGS readonly = 1, readonly = 0",
    "settings nested": "SELECT * FROM (SELECT * FROM file('{file}', 'LineAsString') SETTINGS readonly = 0)",
    "settings harmless nested": "SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)",
    "set": "SET readonly = 0",
    "use": "USE default",
    "parallel": "SELECT 1 PARALLEL WITH SELECT 2",
    "insert select": "INSERT INTO lynceus.queue_sample (cluster) SELECT 'stolen'",
    "insert values": "INSERT INTO lynceus.queue_sample (cluster) VALUES ('stolen')",
    "insert format": "INSERT INTO lynceus.queue_sample (cluster) FORMAT CSV\nstolen\n",
    "insert function": "INSERT INTO FUNCTION file('{out}', 'CSV', 'a Int8') SELECT 1",
    "insert infile": "INSERT INTO lynceus.queue_sample (cluster) FROM INFILE '{file}' FORMAT LineAsString",
    "insert system": "INSERT INTO system.one VALUES (1)",
    "create": "CREATE TABLE lynceus.stolen (a Int8) ENGINE = Memory",
    "create temporary": "CREATE TEMPORARY TABLE stolen (a Int8)",
    "create view": "CREATE VIEW lynceus.stolen AS SELECT file('{file}')",
    "create function": "CREATE FUNCTION stolen AS x -> file(x)",
    "create user": "CREATE USER stolen",
    "grant": "GRANT ALL ON *.* TO default",
    "drop": "DROP TABLE lynceus.queue_sample",
    "truncate": "TRUNCATE TABLE lynceus.queue_sample",
    "alter": "ALTER TABLE lynceus.queue_sample DELETE WHERE 1",
    "delete": "DELETE FROM lynceus.queue_sample WHERE 1",
    "update": "UPDATE lynceus.queue_sample SET depth = 1 WHERE 1",
    "rename": "RENAME TABLE lynceus.queue_sample TO lynceus.stolen",
    "exchange": "EXCHANGE TABLES lynceus.queue_sample AND lynceus.pod_run",
    "optimize": "OPTIMIZE TABLE lynceus.queue_sample FINAL",
    "attach": "ATTACH TABLE lynceus.stolen",
    "detach": "DETACH TABLE lynceus.queue_sample",
    "system": "SYSTEM SHUTDOWN",
    "kill": "KILL QUERY WHERE 1",
    "backup": "BACKUP TABLE lynceus.queue_sample TO File('{out}')",
    "copy": "COPY lynceus.queue_sample TO '{out}'",
    "check": "CHECK TABLE lynceus.queue_sample",
    "transaction": "BEGIN TRANSACTION",
    "in materialized": "WITH t AS MATERIALIZED (SELECT * FROM file('{file}')) SELECT * FROM t",
    "in exists": "SELECT 1 WHERE EXISTS (SELECT * FROM file('{file}'))",
    "in scalar subquery": "SELECT (SELECT * FROM file('{file}'))",
    "in qualify": "SELECT number FROM numbers(1) QUALIFY file('{file}') != ''",
    "in limit by": "SELECT 1 LIMIT 1 BY file('{file}')",
    "in offset": "SELECT 1 OFFSET length(file('{file}'))",
    "in fill": "SELECT number FROM numbers(1) ORDER BY number WITH FILL TO length(file('{file}'))",
    "in grouping sets": "SELECT 1 GROUP BY GROUPING SETS ((file('{file}')))",
    "in distinct on": "SELECT DISTINCT ON (file('{file}')) 1",
    "in case": "SELECT CASE WHEN file('{file}') = '' THEN 1 END",
    "in cast": "SELECT file('{file}')::String",
    "in interval": "SELECT INTERVAL length(file('{file}')) DAY",
    "escaped name": "SELECT `fi\\x6ce`('{file}')",
    "curly quotes": "SELECT file(\u2018{file}\u2019)",
    "wide letters": "SELECT \uff46ile('{file}')",
    "view function": "SELECT * FROM view(SELECT file('{file}'))",
    "describe a query": "DESCRIBE (SELECT * FROM file('{file}'))",
    "a file's columns": "SELECT hasColumnInTable('default', '{file}', 'c1')",
    "default format": "SELECT 1 FORMAT CSV SETTINGS readonly = 0",
    "filter by setting": "SELECT 1 SETTINGS additional_result_filter = 'file(1)'",
    "outfile from first": "FROM numbers(1) SELECT * INTO OUTFILE '{out}'",
    "outfile truncate": "SELECT 1 INTO OUTFILE '{out}' TRUNCATE",
    "create as": "CREATE TABLE lynceus.stolen AS file('{file}')",
    "iceberg": "SELECT * FROM icebergLocal('{file}')",
    "delta lake": "SELECT * FROM deltaLakeLocal('{file}')",
    "hdfs": "SELECT * FROM hdfs('hdfs://{address}/x', 'CSV')",
    "azure": "SELECT * FROM azureBlobStorage('x', 'y', 'z')",
    "postgresql": "SELECT * FROM postgresql('{address}', 'a', 'b', 'c', 'd')",
    "mongodb": "SELECT * FROM mongodb('{address}', 'a', 'b', 'c', 'd', 'e')",
    "redis": "SELECT * FROM redis('{address}', 'a', 'b')",
    "odbc": "SELECT * FROM odbc('a', 'b', 'c')",
    "jdbc": "SELECT * FROM jdbc('a', 'b', 'c')",
    "arrow flight": "SELECT * FROM arrowFlight('{address}', 'a')",
    "remote secure": "SELECT * FROM remoteSecure('{address}', system.one)",
    "all replicas": "SELECT * FROM clusterAllReplicas('default', system.one)",
    "input": "SELECT * FROM input('a String')",
    "format inference": "SELECT * FROM format(CSV, '1,2')",
    "random": "SELECT * FROM generateRandom('a String')",
    "loop": "SELECT * FROM loop(lynceus.pod_run)",
    "parts of a table": "SELECT * FROM mergeTreeIndex(lynceus, pod_run)",
    "join table": "SELECT joinGet('x', 'y', 1)",
    "macro": "SELECT getMacro('x')",
    "server's setting": "SELECT getServerSetting('path')",
    "headers": "SELECT getClientHTTPHeader('X-ClickHouse-Key')",
    "encryption": "SELECT encrypt('aes-128-ecb', 'a', 'b')",
    "queries of others": "SELECT query FROM system.processes",
    "log of queries": "SELECT * FROM system.user_query_log",
    "stacks": "SELECT * FROM system.stack_trace",
    "disks": "SELECT * FROM system.disks",
    "disks in": "SELECT 'x' IN system.disks",
    "disks quoted": "SELECT * FROM `system`.`disks`",
    "disks joined": "SELECT 1 FROM system.one AS a, system.disks AS b",
    "server settings": "SELECT * FROM system.server_settings",
    "backups": "SELECT * FROM system.backups",
    "explain disks": "EXPLAIN PLAN SELECT * FROM system.disks",
    "processes": "SHOW PROCESSLIST",
    "grants": "SHOW GRANTS",
    "users": "SHOW USERS",
    "as another": "EXECUTE AS lynceus SELECT 1",
    "undrop": "UNDROP TABLE lynceus.stolen",
    "create database of files": "CREATE DATABASE stolen ENGINE = Filesystem('/')",
    "restore": "RESTORE DATABASE lynceus FROM File('{file}')",
    "nothing": "/* nothing */",
    "broken": "SELECT 'unclosed",
}

READS = {
    "select": ("SELECT 1 + 1", "2\n"),
    "with": ("WITH x AS (SELECT 1 AS a) SELECT sum(a) FROM x", "1\n"),
    "union": ("SELECT 1 UNION ALL SELECT 1", "1\n1\n"),
    "intersect": ("SELECT 1 INTERSECT SELECT 1", "1\n"),
    "parenthesis": ("(SELECT 1)", "1\n"),
    "trailing semicolon": ("SELECT 1 ;", "1\n"),
    "comment": ("/* a */ SELECT 1 -- b", "1\n"),
    "word in text": ("SELECT 'file(x) INTO OUTFILE; DROP TABLE' AS `INTO OUTFILE`", "file(x) INTO OUTFILE; DROP TABLE\n"),
    "from first": ("FROM numbers(2) SELECT max(number)", "1\n"),
    "case": ("SELECT CASE number WHEN 0 THEN 'a' ELSE 'b' END FROM numbers(1)", "a\n"),
    "combinators": ("SELECT sumIf(number, number > 0) FROM numbers(3)", "3\n"),
    "states": ("SELECT uniqExactMerge(s) FROM (SELECT uniqExactState(1) AS s)", "1\n"),
    "window": ("SELECT max(number) OVER (PARTITION BY number % 2) FROM numbers(1)", "0\n"),
    "final": ("SELECT count() FROM lynceus.queue_sample FINAL WHERE cluster = 'none'", "0\n"),
    "unqualified": ("SELECT count() FROM queue_sample WHERE cluster = 'none'", "0\n"),
    "view": ("SELECT count() FROM lynceus.cost_current WHERE cluster = 'none'", "0\n"),
    "in subquery": ("SELECT 1 IN (SELECT 1)", "1\n"),
    "in table": ("SELECT 0 IN system.one", "1\n"),
    "array": ("SELECT arrayMap(x -> x + 1, [1])", "[2]\n"),
    "apply": ("SELECT * APPLY(sum) FROM numbers(3)", "3\n"),
    "quantiles": ("SELECT quantilesTDigest(0.5)(number) FROM numbers(1)", "[0]\n"),
    "money": ("SELECT multiplyDecimal(toDecimal128('1.5', 18), toDecimal128('2', 18), 18)", "3\n"),
    "time": ("SELECT toStartOfInterval(toDateTime('2026-11-22 01:02:03'), toIntervalMinute(1))", "2026-11-22 01:02:00\n"),
    "with fill": ("SELECT number FROM numbers(2) ORDER BY number WITH FILL", "0\n1\n"),
    "show tables": ("SHOW TABLES FROM lynceus LIKE 'pod_r%'", "pod_run\n"),
    "show databases": ("SHOW DATABASES LIKE 'lynceus'", "lynceus\n"),
    "describe": ("DESCRIBE TABLE system.one", "dummy\tUInt8\t\t\t\t\t\n"),
    "describe quoted": ('DESC "system"."one"', "dummy\tUInt8\t\t\t\t\t\n"),
    "exists": ("EXISTS TABLE lynceus.pod_run", "1\n"),
    "explain": ("EXPLAIN SYNTAX SELECT dummy FROM system.one", "SELECT dummy\\nFROM system.one\n"),
    "format": ("SELECT 1 AS a FORMAT JSONEachRow", '{"a":1}\n'),
}  # fmt: skip


@pytest.fixture
def prey(tmp_path: Path, writer: Store) -> Iterator[dict[str, str]]:
    """A file that must not be read and one that must not be written."""
    secret, out = tmp_path / "secret.txt", tmp_path / "out.txt"
    secret.write_text(SECRET, encoding="utf-8")
    before = _state(writer)
    yield {"file": str(secret), "out": str(out)}
    assert list(tmp_path.iterdir()) == [secret]
    assert _state(writer) == before


def _state(writer: Store) -> list[tuple[object, ...]]:
    """The tables and their rows, which an attack could change. A background merge changes no count of FINAL."""
    tables = writer.query_rows(
        "SELECT name, engine_full FROM system.tables WHERE database IN ('lynceus', 'default') ORDER BY name"
    )
    stored = [name for name, engine in tables if "MergeTree" in engine]
    counts = " UNION ALL ".join(f"SELECT '{name}', count() FROM lynceus.`{name}` FINAL" for name in stored)
    return [*tables, *sorted(writer.query_rows(counts))]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_reader_only_reads(attack: str, running: Running, prey: dict[str, str]) -> None:
    """Refused, with ClickHouse's kind of error, and nothing of the file in the answer."""
    reply = ask(running, attack.format(**prey, address=running.address))

    assert (reply.status, SECRET in reply.text) == (500, False), reply.text
    assert reply.text.startswith("Code: ")
    assert reply.headers["X-ClickHouse-Exception-Code"] in {"164", "62", "36", "47", "60"}, reply.text


@pytest.mark.parametrize(
    "attack", ["SELECT file('{file}')", "SELECT 1 INTO OUTFILE '{out}'", "DROP TABLE lynceus.pod_run"]
)
def test_the_way_a_statement_comes_in_makes_no_difference(attack: str, running: Running, prey: dict[str, str]) -> None:
    """In the address, in the body, in a form, as GET: one checker for all of them; for GET even the writer is a reader."""
    statement = attack.format(**prey)
    token = running.token_file.read_text(encoding="ascii")
    form = f'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\n{statement}\r\n--x--\r\n'

    replies = [
        ask(running, "", query=statement),
        ask(running, "", method="GET", query=statement),
        ask(running, "", method="GET", user="lynceus", key=token, query=statement),
        ask(running, statement, default_format="Native", client_protocol_version="54460"),
        ask(running, form, headers={"Content-Type": "multipart/form-data; boundary=x"}),
    ]

    assert [reply.status for reply in replies] == [500] * len(replies)
    assert not [reply.text for reply in replies if SECRET in reply.text]


def test_parameters_cannot_become_names(running: Running, prey: dict[str, str]) -> None:
    """`{f:Identifier}` would let a value name a function or a table after the statement was judged."""
    replies = [
        ask(running, "SELECT arrayMap({f:Identifier}, ['" + prey["file"] + "'])", param_f="file"),
        ask(running, "SELECT * FROM {d:Identifier}.{t:Identifier}", param_d="default", param_t=prey["file"]),
    ]

    assert [reply.headers.get("X-ClickHouse-Exception-Code") for reply in replies] == ["164", "164"]


def test_the_database_of_a_request_cannot_be_the_one_of_files(running: Running, prey: dict[str, str]) -> None:
    """Clients name `default` unasked, which in this engine would look tables up as files; ours stands in for it."""
    assert ask(running, "SELECT currentDatabase()", database="default").text == "lynceus\n"
    assert ask(running, "SELECT * FROM `" + prey["file"] + "`", database="default").status == 500
    assert ask(running, "SELECT count() FROM disks", database="system").headers["X-ClickHouse-Exception-Code"] == "164"
    assert ask(running, "SELECT 1", database=prey["file"]).headers["X-ClickHouse-Exception-Code"] == "164"


@pytest.mark.parametrize(
    ("name", "value"), [("readonly", "0"), ("allow_ddl", "1"), ("max_execution_time", "x"), ("a-b", "1")]
)
def test_a_request_cannot_bring_settings_of_its_own(name: str, value: str, running: Running) -> None:
    """As in ClickHouse's read-only mode a setting is refused, not ignored."""
    setting: dict[str, Any] = {name: value}

    reply = ask(running, "SELECT 1", **setting)

    assert reply.headers["X-ClickHouse-Exception-Code"] == "164"


@pytest.mark.parametrize("spelling", ["SETTINGS", "settings"])
def test_ad_hoc_filters_of_grafana_are_refused_in_words(spelling: str, running: Running) -> None:
    """A filter is an expression inside a string, which nothing judges; who adds one in Grafana learns what to do instead."""
    for expression in ("cluster = 1", "file(1) = 2"):
        filters = f"additional_table_filters={{'lynceus.pod_cost' : '{expression}'}}"
        sql = f"SELECT count() FROM lynceus.pod_cost {spelling} {filters}"
        reply = ask(running, sql)

        assert reply.headers["X-ClickHouse-Exception-Code"] == "164"
        assert (
            "takes no ad hoc filters of Grafana (additional_table_filters); use the dashboard's variables" in reply.text
        )


def test_a_request_may_lower_a_limit_but_not_raise_it(running: Running) -> None:
    """Grafana sends a time limit with each query; 0, no limit, counts as more."""
    limit = "SELECT getSetting('max_execution_time')"

    assert ask(running, limit, max_execution_time="5").text == "5\n"
    assert ask(running, limit, max_execution_time="9999").text == "60\n"
    assert ask(running, limit, max_execution_time="0").text == "60\n"


@pytest.mark.parametrize(("statement", "expected"), READS.values(), ids=READS.keys())
def test_what_dashboards_ask_is_answered(statement: str, expected: str, running: Running) -> None:
    """The checker accepts every statement that only reads."""
    reply = ask(running, statement)

    assert (reply.text, reply.status) == (expected, 200)


def test_a_statement_may_hold_any_bytes_and_any_depth(running: Running) -> None:
    """What cannot be judged is refused in words; nothing of it makes the checker itself fail."""
    assert ask(running, r"SELECT '\xff\xfe' AS `a\xffb`").body == b"\xff\xfe\n"
    for depth in (50, 200, 400, 900, 5000):
        deep = ask(running, "SELECT " + "abs(" * depth + "1" + ")" * depth)
        assert deep.status == 200 or deep.text.startswith("Code: "), deep.text
        nested = ask(running, "SELECT * FROM (" * depth + "SELECT file('/etc/hostname')" + ")" * depth)
        assert (nested.status, nested.text[:6]) == (500, "Code: ")


def test_no_column_of_ours_has_a_refused_functions_name(running: Running) -> None:
    """A refused function is refused by name, also where the name is a column's; ours must stay readable."""
    for table in TABLES:
        names = ", ".join(column.name for column in table.columns)
        reply = ask(running, f"SELECT {names} FROM lynceus.{table.name} LIMIT 0")
        assert reply.status == 200, reply.text


def test_a_function_of_a_later_engine_is_refused_until_it_was_read() -> None:
    """Only categories and names somebody looked at are let through; a new engine's inventions are not."""
    checker = ReadOnlyChecker.of(
        [("plus", "", "Arithmetic"), ("brew", "", "Coffee"), ("make_coffee", "brew", "")], ["coffee_table"]
    )

    assert checker.functions == {"brew", "make_coffee"}
    assert checker.table_functions == {"coffee_table"}


def test_a_statement_kind_of_a_later_engine_is_refused_until_it_was_read() -> None:
    """The same for kinds of statements, at the top and anywhere inside."""
    checker = ReadOnlyChecker.of([], [])

    for tree in ({"type": "BrewQuery"}, {"type": "SelectWithUnionQuery", "x": [{"type": "BrewQuery"}]}):
        with pytest.raises(RefusedStatementError, match="BrewQuery"):
            checker.check_tree(tree)
