"""
Writes one table's rows of a period to a file, in pieces of bounded size, with a reader's account.

Neither side ever holds more than a piece in memory: the period is cut by the hour, and finer where an hour has too many
rows. One row per key (FINAL). The file gets its name when it is complete. Each piece reads the table at its own time, so
rows that arrive during an export may be missing.
"""

import importlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from collector.catalog.bills import COST_CURRENT
from collector.catalog.columns import AT, Column
from collector.catalog.schema import DATABASE, Table
from collector.catalog.tables import TABLES
from collector.core.units import DAY_MS, HOUR_MS
from collector.store.clickhouse import Store

MAX_ROWS = 50_000
"""Rows of a piece, unless a single instant has more."""


class ExportError(Exception):
    """The table or file cannot be exported; the text names it and the remedy."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table or view to export, and the column by which its period is source."""

    name: str
    columns: tuple[Column, ...]
    order_by: tuple[str, ...]
    final: str
    at: Column


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a table from `begin` to `end`, exclusive, Unix milliseconds."""

    begin: int
    end: int
    rows: int


class Sink(Protocol):
    """Writes the pieces of a file in one format."""

    store_format: str
    """The output format in which the store sends the next piece."""

    def put(self, data: bytes) -> None: ...

    def close(self) -> None: ...


def source_of(name: str) -> Source:
    """Finds a table or view of the catalogue; ExportError lists all of them."""
    named = {table.name: _source(table.name, table, "FINAL") for table in TABLES}
    named[COST_CURRENT.name] = _source(COST_CURRENT.name, COST_CURRENT.of, "")
    if name not in named:
        raise ExportError(f"{name}: unknown table; choose one of {', '.join(sorted(named))}")
    return named[name]


def _source(name: str, table: Table, final: str) -> Source:
    """Chooses the instant of the partition, else the first instant among the columns."""
    instants = [column for column in table.columns if column.type in {AT, "Date"}]
    at = next((column for column in instants if f"({column.name})" in table.partition), instants[0])
    return Source(name, table.columns, table.order_by, final, at)


def export(
    store: Store,
    source: Source,
    *,
    begin: int,
    end: int,
    file: Path,
    output_format: str,
    force: bool,
    max_rows: int = MAX_ROWS,
) -> int:
    """Writes the rows from `begin` to `end`, exclusive, Unix milliseconds, to a file; returns the number of rows."""
    if file.is_dir():
        raise ExportError(f"{file}: is a folder; name a file in the folder")
    if file.exists() and not force:
        raise ExportError(f"{file}: exists already; name another file, or use --force")
    rows = 0
    with disk_errors(file), replacing(file) as out:
        sink = SINKS[output_format](out)
        sink.put(store.query_bytes(f"{_select(source, output_format)} WHERE 0", sink.store_format))
        for piece in pieces(store, source, begin, end, max_rows=max_rows):
            order = ", ".join(f"`{name}`" for name in source.order_by)
            sql = f"{_select(source, output_format)} WHERE {_within(source.at)} ORDER BY {order}"
            sink.put(store.query_bytes(sql, sink.store_format, _bounds(piece.begin, piece.end)))
            rows += piece.rows
        sink.close()
    return rows


def pieces(
    store: Store, source: Source, begin: int, end: int, *, width: int = HOUR_MS, max_rows: int = MAX_ROWS
) -> Iterator[Piece]:
    """Cuts a period at multiples of a width, joins neighbours with few rows, and cuts a piece with many rows finer."""
    joined: Piece | None = None
    for at, rows in _count_rows(store, source, begin, end, width):
        piece = Piece(max(begin, at), min(end, at + width), rows)
        if joined and joined.rows + rows <= max_rows:
            joined = Piece(joined.begin, piece.end, joined.rows + rows)
            continue
        if joined:
            yield joined
            joined = None
        if rows > max_rows and width > 1:
            yield from pieces(store, source, piece.begin, piece.end, width=max(width // 60, 1), max_rows=max_rows)
        else:
            joined = piece
    if joined:
        yield joined


def _count_rows(store: Store, source: Source, begin: int, end: int, width: int) -> list[tuple[Any, ...]]:
    sql = (
        f"SELECT intDiv({_ms(source.at)}, {{width:Int64}}) * {{width:Int64}} AS slot, count() "
        f"FROM {DATABASE}.{source.name} {source.final} WHERE {_within(source.at)} GROUP BY slot ORDER BY slot"
    )
    return store.query_rows(sql, {**_bounds(begin, end), "width": width})


def _select(source: Source, output_format: str) -> str:
    columns = ", ".join(export_expr(column, output_format) for column in source.columns)
    return f"SELECT {columns} FROM {DATABASE}.{source.name} {source.final}"


def export_expr(column: Column, output_format: str) -> str:
    """The SQL of a column: money as text in JSON, whose readers parse numbers as floats; an aggregate state as its result."""
    if column.type.startswith("AggregateFunction("):
        return f"finalizeAggregation(`{column.name}`) AS `{column.name}`"
    if output_format != "json" or "Decimal" not in column.type:
        return f"`{column.name}`"
    as_text = column.type.replace("Decimal(38, 18)", "String").replace("Decimal(18, 9)", "String")
    return f"CAST(`{column.name}` AS {as_text}) AS `{column.name}`"


def _ms(at: Column) -> str:
    return f"toUnixTimestamp64Milli(`{at.name}`)" if at.type == AT else f"toInt64(toUInt16(`{at.name}`)) * {DAY_MS}"


def _within(at: Column) -> str:
    if at.type == AT:
        return (
            f"`{at.name}` >= fromUnixTimestamp64Milli({{begin:Int64}}) AND "
            f"`{at.name}` < fromUnixTimestamp64Milli({{end:Int64}})"
        )
    return f"{_ms(at)} >= {{begin:Int64}} AND {_ms(at)} < {{end:Int64}}"


def _bounds(begin: int, end: int) -> dict[str, Any]:
    return {"begin": begin, "end": end}


@contextmanager
def disk_errors(file: Path) -> Iterator[None]:
    """Reports errors of the disk with the name of the final file, not of the temporary file."""
    try:
        yield
    except OSError as error:
        raise ExportError(
            f"{file}: {error.strerror or error}; nothing was written, name a file on a disk with free space"
        ) from error


@contextmanager
def replacing(file: Path) -> Iterator[IO[bytes]]:
    """Opens a temporary file that replaces a file when the block succeeds, and is deleted when the block fails."""
    with tempfile.NamedTemporaryFile(prefix=f"{file.name}.partial-", dir=file.absolute().parent, delete=False) as out:
        try:
            yield out
            out.flush()
            os.fsync(out.fileno())
            os.replace(out.name, file)
        except BaseException:
            os.unlink(out.name)
            raise


class _Text:
    """Lines in the store's format."""

    def __init__(self, out: IO[bytes], store_format: str):
        self._out, self.store_format = out, store_format

    def put(self, data: bytes) -> None:
        self._out.write(data)

    def close(self) -> None:
        return


class _Csv(_Text):
    """One line of names from the first piece, then the rows."""

    def __init__(self, out: IO[bytes]):
        super().__init__(out, "CSVWithNames")

    def put(self, data: bytes) -> None:
        super().put(data)
        self.store_format = "CSV"


class _Parquet:
    """One row group per piece."""

    store_format = "ArrowStream"

    def __init__(self, out: IO[bytes]):
        self._out = out
        self._ipc, self._parquet = _arrow("ipc"), _arrow("parquet")
        self._writer: Any = None

    def put(self, data: bytes) -> None:
        table = self._ipc.open_stream(data).read_all()
        self._writer = self._writer or self._parquet.ParquetWriter(self._out, table.schema, compression="zstd")
        if table.num_rows:
            self._writer.write_table(table)

    def close(self) -> None:
        self._writer.close()


def _arrow(part: str) -> Any:
    """Imports a module of pyarrow: 100 MB that nothing else needs, part of the extras `parquet` and `embedded` only."""
    try:
        return importlib.import_module(f"pyarrow.{part}")
    except ImportError:
        raise ExportError(
            "Parquet needs pyarrow: pip install 'lynceus[parquet]', or use --format csv or json"
        ) from None


SINKS: dict[str, Callable[[IO[bytes]], Sink]] = {
    "parquet": _Parquet,
    "csv": _Csv,
    "json": lambda out: _Text(out, "JSONEachRow"),
}
"""The writer of each file format; `json` has one line per row."""
