"""Any table and period as a file that reads back equal, in pieces of bounded size."""

import csv
import errno
import json
import os
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from collector.catalog.bills import COST_CURRENT, POD_COST
from collector.catalog.columns import Column
from collector.catalog.schema import Table
from collector.catalog.tables import TABLES
from collector.catalog.workflows import QUEUE_SAMPLE
from collector.cli.main import app
from collector.connect import ExternalError
from collector.settings.model import SettingsError
from collector.store import export
from collector.store.clickhouse import Store
from collector.store.export import ExportError, Piece, pieces, source_of
from tests.store.facts import a_sample, facts, row_of
from tests.store.running import Running, ask

FOREVER = {"begin": 0, "end": 5_000_000_000_000}
TABLE = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@TABLE
@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(data=st.data())
def test_parquet_reads_back_equal(
    table: Table, data: st.DataObject, running: Running, writer: Store, reader: Store, tmp_path: Path
) -> None:
    """Every table and every value: money to the last place, maps, meters; as the engine reads the file."""
    writer.command(f"TRUNCATE TABLE lynceus.{table.name}")
    drawn = data.draw(st.lists(facts(table), min_size=1, max_size=5, unique_by=repr))
    writer.insert(table, [row_of(fact) for fact in drawn], "drawn")
    file = tmp_path / f"{table.name}.parquet"

    export.export(reader, source_of(table.name), **FOREVER, file=file, output_format="parquet", force=True)

    columns = ", ".join(f"`{column.name}`" for column in table.columns)
    query = f"SELECT {columns} FROM lynceus.{table.name} FINAL"
    stored = writer.query_rows(query)
    writer.command(f"TRUNCATE TABLE lynceus.{table.name}")
    insert = f"INSERT INTO lynceus.{table.name} ({columns}) FORMAT Parquet\n".encode()
    reply = ask(running, insert + file.read_bytes(), user="lynceus", key=running.token())
    found = writer.query_rows(query)
    writer.command(f"TRUNCATE TABLE lynceus.{table.name}")
    assert reply.status == 200, reply.text
    assert sorted(found, key=repr) == sorted(stored, key=repr)


@pytest.fixture
def samples(writer: Store) -> list[int]:
    """200 samples, 15 s apart; their instants."""
    writer.command("TRUNCATE TABLE lynceus.queue_sample")
    writer.insert(QUEUE_SAMPLE, [row_of(a_sample(number)) for number in range(200)], "samples")
    writer.insert(QUEUE_SAMPLE, [row_of(a_sample(0, depth=7, version=2))], "a later version")
    return [a_sample(number).at for number in range(200)]


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_a_period_is_cut_where_the_rows_are(most: int, samples: list[int], reader: Store) -> None:
    """Every row is in one piece, no piece has too many rows, and pieces do not overlap."""
    begin, end = samples[3], samples[-3]

    found = list(pieces(reader, source_of("queue_sample"), begin, end, max_rows=most))

    assert sum(piece.rows for piece in found) == 194
    assert max(piece.rows for piece in found) <= most
    assert all(one.end <= other.begin for one, other in pairwise(found))
    assert (found[0].begin >= begin, found[-1].end <= end) == (True, True)


def test_one_instant_is_never_cut(writer: Store, samples: list[int], reader: Store) -> None:
    """A piece has at least a millisecond, even if that millisecond has more rows than a piece may have."""
    writer.insert(QUEUE_SAMPLE, [[*row_of(a_sample(0, cluster=f"c{n}"))] for n in range(5)], "many at once")

    (first, *_) = pieces(reader, source_of("queue_sample"), samples[0], samples[1], max_rows=2)

    assert first == Piece(samples[0], samples[0] + 1, 6)


@pytest.mark.parametrize("output_format", ["csv", "json", "parquet"])
def test_a_file_of_many_pieces_is_one_file(
    output_format: str, samples: list[int], reader: Store, tmp_path: Path
) -> None:
    """One heading, each row once, in the order of time; of each key the newest version."""
    file = tmp_path / "out"

    rows = export.export(
        reader, source_of("queue_sample"), **FOREVER, file=file, output_format=output_format, force=False, max_rows=7
    )

    assert rows == 200
    assert _read(file, output_format) == [(at, 7 if number == 0 else number) for number, at in enumerate(samples)]


def _read(file: Path, output_format: str) -> list[tuple[int, int]]:
    """(instant, depth) of each row of a file, as programs that are not ours read them"""
    rows: list[dict[str, Any]]
    match output_format:
        case "csv":
            rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
        case "json":
            rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        case _:
            rows = parquet.read_table(file).to_pylist()  # type: ignore[no-untyped-call]
    return [(_instant(row["at"]), int(row["depth"])) for row in rows]


def _instant(at: str | datetime) -> int:
    time = datetime.fromisoformat(at) if isinstance(at, str) else at
    return round(time.replace(tzinfo=UTC).timestamp() * 1000)


def test_money_is_text_in_json(writer: Store, reader: Store, tmp_path: Path) -> None:
    """Readers of JSON parse numbers as floats; the view of bills can be exported too."""
    for table in ("pod_cost", "period"):
        writer.command(f"TRUNCATE TABLE lynceus.{table}")
    writer.command(
        "INSERT INTO lynceus.pod_cost (cluster, run, created_at, cost, meters) SELECT 'c', 1, '2026-11-01 00:00:00', "
        "'0.123456789012345678', [('cpu', 1, 's', toDecimal128('0.000000000000000001', 18), 2)]"
    )

    export.export(
        reader, source_of(COST_CURRENT.name), **FOREVER, file=tmp_path / "out", output_format="json", force=False
    )

    (line,) = (tmp_path / "out").read_text(encoding="utf-8").splitlines()
    row = json.loads(line)
    assert (row["cost"], row["list_cost"], row["meters"][0]["unit_price"]) == (
        "0.123456789012345678", None, "0.000000000000000001"
    )  # fmt: skip
    writer.command("TRUNCATE TABLE lynceus.pod_cost")


def test_a_file_is_replaced_only_with_force(samples: list[int], reader: Store, tmp_path: Path) -> None:
    """A failed export leaves no incomplete file and changes no file."""
    file = tmp_path / "out.csv"
    file.write_text("old", encoding="utf-8")

    with pytest.raises(ExportError, match="--force"):
        export.export(reader, source_of("queue_sample"), **FOREVER, file=file, output_format="csv", force=False)
    with pytest.raises(Exception, match="no_such"):
        export.export(reader, _broken(), **FOREVER, file=file, output_format="csv", force=True)

    assert [(path, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [(file, "old")]


def test_a_failed_write_names_the_requested_file(
    samples: list[int], reader: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing folder, folder instead of a file, full disk: the user's file name, the error, and no file left behind."""
    for file, why in ((tmp_path, "is a folder"), (tmp_path / "none" / "out.csv", "No such file or directory")):
        with pytest.raises(ExportError, match=f"^{file}: {why}"):
            export.export(reader, source_of("queue_sample"), **FOREVER, file=file, output_format="csv", force=True)
    monkeypatch.setattr("os.fsync", _no_room)
    with pytest.raises(ExportError, match=rf"^{tmp_path}/out.csv: No space left on device; nothing was written"):
        export.export(
            reader, source_of("queue_sample"), **FOREVER, file=tmp_path / "out.csv", output_format="csv", force=False
        )

    assert list(tmp_path.iterdir()) == []


def _no_room(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _broken() -> Any:
    sound = source_of("queue_sample")
    return export.Source("no_such", sound.columns, sound.order_by, sound.final, sound.at)


@TABLE
def test_every_table_has_an_instant_to_choose_a_period_by(table: Table) -> None:
    """The instant of the partition, which never changes; for a table without partitions the first instant."""
    at = source_of(table.name).at.name

    assert at in table.partition if table.partition else at in {"created_at", "at", "month", "inserted_at"}


def test_the_command_reports_what_it_wrote_and_lists_tables(
    running: Running, samples: list[int], tmp_path: Path
) -> None:
    """Days are the billing time zone's; the error for an unknown table lists the known tables."""
    day = datetime.fromtimestamp(samples[0] / 1000, UTC)
    command = [
        "export",
        "queue_sample",
        "--from",
        f"{day:%Y-%m-%d}",
        "--out",
        str(tmp_path / "a.csv"),
        "--format",
        "csv",
    ]
    arguments = [*command, "--to", "2030-01-01", "--url", running.url]

    written = CliRunner().invoke(app, arguments)

    assert (written.exit_code, written.stderr) == (0, f"{tmp_path / 'a.csv'}: 200 rows of queue_sample\n")
    assert len((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()) == 201
    assert isinstance(CliRunner().invoke(app, arguments).exception, ExternalError)
    unknown = CliRunner().invoke(app, ["export", "nothing", *arguments[2:]])
    assert isinstance(unknown.exception, SettingsError)
    assert f"controller_incident, {COST_CURRENT.name}, cron_run" in str(unknown.exception)
    backwards = CliRunner().invoke(app, [*command, "--to", "2000-01-01", "--url", running.url])
    assert "--to is exclusive" in str(backwards.exception)
    assert "invalid day" in str(CliRunner().invoke(app, [*command, "--to", "soon"]).exception)


def test_a_state_is_exported_as_its_result(writer: Store, reader: Store, tmp_path: Path) -> None:
    """No file format stores states of the engine; readers of a rollup want the number."""
    writer.command(
        "CREATE OR REPLACE TABLE lynceus.states (day Date, pods AggregateFunction(uniqExact, String)) "
        "ENGINE = AggregatingMergeTree ORDER BY day"
    )
    for pod in ("a", "b"):
        writer.command(f"INSERT INTO lynceus.states SELECT '2026-11-01', uniqExactState('{pod}')")
    columns = (Column("day", "Date", ""), Column("pods", "AggregateFunction(uniqExact, String)", ""))
    rollup = export.Source("states", columns, ("day",), "FINAL", columns[0])

    for output_format in export.SINKS:
        export.export(
            reader, rollup, **FOREVER, file=tmp_path / output_format, output_format=output_format, force=False
        )

    assert (tmp_path / "csv").read_text(encoding="utf-8") == '"day","pods"\n"2026-11-01",2\n'
    assert json.loads((tmp_path / "json").read_bytes()) == {"day": "2026-11-01", "pods": 2}
    states = parquet.read_table(tmp_path / "parquet")  # type: ignore[no-untyped-call]
    assert states.column("pods").to_pylist() == [2]
    writer.command("DROP TABLE lynceus.states SYNC")


def test_money_columns_are_as_wide_as_the_json_cast_knows() -> None:
    """A new width of money would be written as a number."""
    widths = {word for column in POD_COST.columns for word in column.type.split("Decimal")[1:]}

    assert {word[: word.index(")") + 1] for word in widths} == {"(38, 18)", "(18, 9)"}
