"""The writer stays within the engine: a token or a socket in wrong hands opens no file and no address of the machine."""

from pathlib import Path
from typing import Any

import pytest

from collector.store.clickhouse import Store
from tests.store.running import Running, ask

SECRET = "the-secret-in-the-file"

ATTACKS = {
    "scalar": "SELECT file('{file}')",
    "quoted": "SELECT \"file\"('{file}')",
    "back quoted": "SELECT `file`('{file}')",
    "applied": "SELECT * APPLY(file) FROM (SELECT '{file}')",
    "lambda": "SELECT arrayMap(x -> file(x), ['{file}'])",
    "with": "WITH (SELECT file('{file}')) AS x SELECT x",
    "table function": "SELECT * FROM file('{file}', 'LineAsString')",
    "url": "SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString')",
    "s3": "SELECT * FROM s3('http://127.0.0.1:9/a/b', 'LineAsString')",
    "remote": "SELECT * FROM remote('127.0.0.1:9', 'a.b')",
    "executable": "SELECT * FROM executable('x.sh', 'TSV', 'a String')",
    "python": "SELECT * FROM python('x')",
    "sqlite": "SELECT * FROM sqlite('{file}', 'x')",
    "default database": "SELECT * FROM default.`{file}`",
    "default quoted": "SELECT * FROM `default`.`{file}`",
    "name as a parameter": "SELECT * FROM {{db:Identifier}}.`{file}`",
    "into outfile": "SELECT 1 INTO OUTFILE '{out}'",
    "into outfile append": "SELECT 1 INTO OUTFILE '{out}' APPEND FORMAT TSV",
    "insert select": "INSERT INTO lynceus.attack SELECT file('{file}')",
    "insert into function": "INSERT INTO FUNCTION file('{out}', 'TSV', 'a String') SELECT 'x'",
    "insert from infile": "INSERT INTO lynceus.attack FROM INFILE '{file}' FORMAT LineAsString",
    "insert values": "INSERT INTO lynceus.attack VALUES (file('{file}'))",
    "file engine": "CREATE TABLE lynceus.a (x String) ENGINE = File(LineAsString, '{file}')",
    "url engine": "CREATE TABLE lynceus.a (x String) ENGINE = URL('http://127.0.0.1:9/', 'TSV')",
    "engine quoted": "CREATE TABLE lynceus.a (x String) ENGINE = `File`(LineAsString, '{file}')",
    "executable engine": "CREATE TABLE lynceus.a (x String) ENGINE = Executable('x.sh', TSV)",
    "as a table function": "CREATE TABLE lynceus.a AS file('{file}', 'LineAsString')",
    "view": "CREATE VIEW lynceus.a AS SELECT file('{file}') AS x",
    "default expression": "CREATE TABLE lynceus.a (x String DEFAULT file('{file}')) ENGINE = Memory",
    "database": "CREATE DATABASE a ENGINE = Filesystem('/')",
    "dictionary": "CREATE DICTIONARY lynceus.d (k Int8) PRIMARY KEY k SOURCE(FILE(PATH '{file}' FORMAT 'TSV')) LAYOUT(FLAT())",
    "function": "CREATE FUNCTION a AS x -> file(x)",
    "alter": "ALTER TABLE lynceus.attack UPDATE x = file('{file}') WHERE 1",
    "delete": "ALTER TABLE lynceus.attack DELETE WHERE file('{file}') != ''",
    "describe": "DESCRIBE TABLE file('{file}', 'CSV')",
    "explain": "EXPLAIN SELECT file('{file}')",
    "template": "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '{file}'",
    "backup elsewhere": "BACKUP TABLE lynceus.attack TO S3('http://127.0.0.1:9/a', 'b', 'c')",
    "attach": "ATTACH TABLE lynceus.a FROM '/etc' (a String) ENGINE = MergeTree ORDER BY a",
    "several": "SELECT 1; SELECT file('{file}')",
    "execute as": "EXECUTE AS x SELECT 1",
}


@pytest.fixture
def attacked(running: Running, writer: Store) -> None:
    writer.command("CREATE TABLE IF NOT EXISTS lynceus.attack (x String) ENGINE = Memory")
    writer.command("TRUNCATE TABLE lynceus.attack")


@pytest.mark.parametrize("attack", ATTACKS, ids=list(ATTACKS))
@pytest.mark.usefixtures("attacked")
def test_nothing_outside_is_read_or_written(attack: str, running: Running, tmp_path: Path) -> None:
    """Each is refused, and leaves neither a row nor a file."""
    secret, out = tmp_path / "secret", tmp_path / "out"
    secret.write_text(SECRET, encoding="ascii")
    statement = ATTACKS[attack].format(file=secret, out=out)
    reply = ask(running, statement, user="lynceus", key=running.token(), param_db="default")
    rows = ask(running, "SELECT count() FROM lynceus.attack", user="lynceus", key=running.token()).text

    assert reply.status == 500, reply.text
    assert SECRET not in reply.text
    assert not out.exists()
    assert rows == "0\n"


@pytest.mark.parametrize("setting", ["format_schema", "FORMAT_TEMPLATE_ROW", "input_format_record_errors_file_path"])
def test_settings_that_name_a_file_are_refused(setting: str, running: Running) -> None:
    """Formats with a schema would read it from there."""
    sent: dict[str, Any] = {setting: "/etc/hostname"}
    reply = ask(running, "SELECT 1", user="lynceus", key=running.token(), **sent)

    assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (500, "164")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'file(1) INTO OUTFILE' AS `url`",
        "SELECT name AS file FROM (SELECT 'it''s \\' INTO OUTFILE' AS name)",
        "WITH 1 AS x SELECT x",
        "SYSTEM FLUSH LOGS",
        "SELECT editDistance('a', 'b')",
    ],
)
def test_what_only_looks_like_it_is_no_trouble(statement: str, running: Running) -> None:
    """Texts, columns and aliases may have any name that no function has."""
    reply = ask(running, statement.replace("AS file", "AS files"), user="lynceus", key=running.token())

    assert reply.status == 200, reply.text


def test_what_is_remembered_of_a_statement_is_of_that_statement_alone(running: Running) -> None:
    """The same text in another format, or from a reader, is checked by itself; a refusal stays one."""
    writer: dict[str, Any] = {"user": "lynceus", "key": running.token()}
    make = "CREATE TABLE IF NOT EXISTS lynceus.again (a UInt8) ENGINE = Memory"
    for _ in range(2):
        assert ask(running, "SELECT 1 AS one", **writer).text == "1\n"
        assert ask(running, "SELECT 1 AS one", default_format="CSVWithNames", **writer).text == '"one"\n1\n'
        assert ask(running, make, **writer).status == 200
        assert "READONLY" in ask(running, make).text
        assert "reaches out" in ask(running, "SELECT file('x')", **writer).text
