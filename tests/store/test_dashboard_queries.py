"""Every SQL of the dashboards on the real engine: without a row, with rows, and for whatever a viewer chooses."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collector.catalog.rollups import ROLLUPS
from collector.catalog.schema import DATABASE
from collector.catalog.tables import TABLES
from collector.store.clickhouse import Store
from collector.store.rollup import roll_up
from collector.store.schema.migrate import migrate
from tests.dashboards.shipped import shipped
from tests.dashboards.viewer import Query, Viewer, queries, sql
from tests.store.filling import insert_facts, recorded_facts
from tests.store.running import Running, start

FROM_S, TO_S = 1_795_305_600, 1_795_392_000
"""The day on which `basics` was recorded: 22 November 2026, UTC."""
BOARDS = shipped()
STATEMENTS = queries(BOARDS, "sql")
VARIABLES = {
    variable["name"]
    for board in BOARDS.values()
    for variable in board["templating"]["list"]
    if variable["type"] != "datasource"
}

HOSTILE = ('it\'s "quoted"', "a%_?*", "ünïcödé 队列 \N{SNOWMAN}", "') OR 1=1 --", "-- ;", "{uid:String}", "$$")
"""
Values that a person writes into a label or an address. None ends with a backslash, which Grafana does not escape: there a
statement does not parse, and a reader may only read.
"""
NAMES = ("cluster", "namespace", "queue", "department", "template", "name", "workflow_name", "project", "step")

with_each_statement = pytest.mark.parametrize("query", STATEMENTS, ids=[query.title for query in STATEMENTS])


def viewer(values: Mapping[str, tuple[str, ...]]) -> Viewer:
    return Viewer(from_s=FROM_S, to_s=TO_S, values=values)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store on its first day."""
    running = start(tmp_path_factory.mktemp("empty"))
    writer = running.writer()
    migrate(writer)
    writer.close()
    reader = running.reader()
    yield reader
    reader.close()
    running.stop()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A store with a recording, again under names of its own for each hostile value, and with its rollups built."""
    running = start(tmp_path_factory.mktemp("filled"))
    writer = running.writer()
    migrate(writer)
    insert_facts(writer, recorded_facts(), "first")
    for hostile in HOSTILE:
        for table in TABLES:
            named = [column.name for column in table.columns if column.name in NAMES]
            if "cluster" in named:
                changed = ", ".join(f"{{hostile:String}} AS `{name}`" for name in named)
                rows = f"SELECT * REPLACE ({changed}) FROM {DATABASE}.{table.name} WHERE cluster = 'c1'"
                writer.command(f"INSERT INTO {DATABASE}.{table.name} {rows}", {"hostile": hostile})
    for rollup in ROLLUPS:
        roll_up(writer, rollup)
    writer.close()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def filled(engine: Running) -> Iterator[Store]:
    """What asks it, as Grafana does."""
    reader = engine.reader()
    yield reader
    reader.close()


Values = Mapping[str, tuple[str, ...]]


def choices(query: Query, there: Values) -> Iterator[Values]:
    """What viewers choose: All, one value, two, values that are there and are not, and hostile ones."""
    yield singles(query, there)
    for number, several in enumerate((("c1",), ("c1", "c2"), HOSTILE, *((value,) for value in HOSTILE))):
        # The first round has names that are there, as a link sets them.
        one = singles(query, there) if number == 0 else dict.fromkeys(query.single, several[:1])
        yield {**dict.fromkeys(VARIABLES, several), **one}


@pytest.fixture(scope="module")
def there(filled: Store) -> Values:
    """The values that are there, by the name of the variable."""
    return {name: values_there(filled, name) for name in VARIABLES}


def singles(query: Query, there: Values) -> Values:
    """A value for each variable that takes exactly one; the others are All."""
    return {name: there[name][:1] for name in query.single & VARIABLES}


def values_there(store: Store, variable: str) -> tuple[str, ...]:
    """The values of a column that is called like a variable, of the tables that have it."""
    column = {"workflow": "name", "uid": "uid"}.get(variable, variable)
    of = [table for table in TABLES if any(c.name == column for c in table.columns)]
    rows = " UNION DISTINCT ".join(f"SELECT toString(`{column}`) AS value FROM {DATABASE}.{table.name}" for table in of)
    return tuple(value for (value,) in store.query_rows(f"SELECT value FROM ({rows}) ORDER BY value")) if of else ("",)


@with_each_statement
def test_a_statement_runs_on_an_empty_store(query: Query, empty: Store) -> None:
    """A new installation shows `none` and no error, whether something was chosen or not."""
    for values in ({}, dict.fromkeys(VARIABLES, ("c1",))):
        empty.query_rows(sql(query.text, viewer(values)))


@with_each_statement
def test_a_statement_runs_for_what_is_chosen(query: Query, filled: Store, there: Values) -> None:
    """Whatever it is: values with quotes, with signs of SQL and of patterns, with letters of other alphabets."""
    for values in choices(query, there):
        filled.query_rows(sql(query.text, viewer(values)))


@with_each_statement
def test_all_is_what_choosing_every_value_is(query: Query, filled: Store, there: Values) -> None:
    """A condition on the wrong column, or on a variable of another name, drops rows that All shows."""
    every = filled.query_rows(sql(query.text, viewer(singles(query, there))))

    chosen = {**there, **singles(query, there)}
    assert len(filled.query_rows(sql(query.text, viewer(chosen)))) == len(every)


def test_statements_have_rows_to_show(filled: Store, there: Values) -> None:
    """An error that needs a row to happen, such as a division, did not hide behind none."""
    panels = [query for query in STATEMENTS if query.kind == "panel"]
    empty = [query.title for query in panels if not filled.query_rows(sql(query.text, viewer(singles(query, there))))]

    assert len(empty) <= len(panels) // 3, empty


def plain(value: Any) -> Any:
    """A value as tests/store/goclient prints it."""
    if isinstance(value, date):
        at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
        return float(round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000))
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    # In JSON 0 and 0.0 are one number.
    return float(value) if isinstance(value, int | float) else value


@pytest.mark.live
@pytest.mark.timeout(300)
def test_clickhouse_go_reads_what_the_reader_of_the_reports_reads(
    goclient: Path, engine: Running, filled: Store, there: Values, tmp_path: Path
) -> None:
    """Grafana's plugin sends these very statements through clickhouse-go; three panels at least have rows here."""
    statements = [sql(query.text, viewer(singles(query, there))) for query in STATEMENTS if query.kind == "panel"]
    (tmp_path / "statements.json").write_text(json.dumps(statements), encoding="utf-8")

    done = subprocess.run(
        [goclient, engine.address, tmp_path / "statements.json"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    answers = json.loads(done.stdout)
    expected = [[[plain(value) for value in row] for row in filled.query_rows(statement)] for statement in statements]
    assert sum(bool(answer) for answer in answers) >= 3
    # Rows of equal rank may come in another order each time.
    assert [sorted(str(plain(row)) for row in answer) for answer in answers] == [
        sorted(map(str, rows)) for rows in expected
    ]
