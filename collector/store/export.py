"""
Writes one table's rows of a period to a file, in pieces of bounded size, through any store's reader account.

Neither side ever holds more than a piece: the period is cut where the rows are, first by the hour, and finer where an
hour holds too many. One row a key (FINAL). The file gets its name when it is whole. A piece shows the table at its own
moment, so what arrives while an export runs may be in it or not.
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
from collector.catalog.columns import Column
from collector.catalog.schema import DATABASE, Table
from collector.catalog.tables import TABLES
from collector.core.units import HOUR_MS
from collector.store.clickhouse import Store

MOST_ROWS = 50_000
"""Of a piece, where an instant does not hold more."""

_INSTANT = "DateTime64(3, 'UTC')"


class ExportError(Exception):
    """What was asked cannot be exported; the text names it and the remedy."""


@dataclass(frozen=True, slots=True)
class Source:
    """What can be exported, and by which instant a period of it is meant."""

    name: str
    columns: tuple[Column, ...]
    order_by: tuple[str, ...]
    final: str
    at: Column


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a table from one instant up to another, Unix ms."""

    begin: int
    end: int
    rows: int


class Sink(Protocol):
    """Takes the pieces of a file in one format."""

    asks: str
    """The format in which it takes them from the store."""

    def put(self, data: bytes) -> None: ...

    def close(self) -> None: ...


def source(name: str) -> Source:
    """A table or view of the catalogue; ExportError lists them all."""
    named = {table.name: _source(table.name, table, "FINAL") for table in TABLES}
    named[COST_CURRENT.name] = _source(COST_CURRENT.name, COST_CURRENT.of, "")
    if name not in named:
        raise ExportError(f"{name}: no such table; there are {', '.join(sorted(named))}")
    return named[name]


def _source(name: str, table: Table, final: str) -> Source:
    """The instant is the one the table is partitioned by, else the first that its rows have."""
    instants = [column for column in table.columns if column.type in {_INSTANT, "Date"}]
    at = next((column for column in instants if f"({column.name})" in table.partition), instants[0])
    return Source(name, table.columns, table.order_by, final, at)


def export(store: Store, chosen: Source, begin: int, end: int, file: Path, form: str, *, force: bool) -> int:
    """Write the rows from one instant up to another, Unix ms, to a file; how many they were."""
    if file.is_dir():
        raise ExportError(f"{file}: is a folder; name a file in it")
    if file.exists() and not force:
        raise ExportError(f"{file}: is there already; name another file, or say --force")
    rows = 0
    with _writable(file), _replaced(file) as out:
        sink = SINKS[form](out)
        sink.put(store.query_bytes(f"{_select(chosen, form)} WHERE 0", sink.asks))
        for piece in pieces(store, chosen, begin, end):
            order = ", ".join(f"`{name}`" for name in chosen.order_by)
            sql = f"{_select(chosen, form)} WHERE {_within(chosen.at)} ORDER BY {order}"
            sink.put(store.query_bytes(sql, sink.asks, _bounds(piece.begin, piece.end)))
            rows += piece.rows
        sink.close()
    return rows


def pieces(
    store: Store, chosen: Source, begin: int, end: int, width: int = HOUR_MS, most: int = MOST_ROWS
) -> Iterator[Piece]:
    """The period cut at multiples of a width, neighbours joined while they hold few rows; finer where one holds many."""
    held: Piece | None = None
    for at, rows in _counted(store, chosen, begin, end, width):
        one = Piece(max(begin, at), min(end, at + width), rows)
        if held and held.rows + rows <= most:
            held = Piece(held.begin, one.end, held.rows + rows)
            continue
        if held:
            yield held
            held = None
        if rows > most and width > 1:
            yield from pieces(store, chosen, one.begin, one.end, max(width // 60, 1), most)
        else:
            held = one
    if held:
        yield held


def _counted(store: Store, chosen: Source, begin: int, end: int, width: int) -> list[tuple[Any, ...]]:
    sql = (
        f"SELECT intDiv({_ms(chosen.at)}, {{width:Int64}}) * {{width:Int64}} AS slot, count() "
        f"FROM {DATABASE}.{chosen.name} {chosen.final} WHERE {_within(chosen.at)} GROUP BY slot ORDER BY slot"
    )
    return store.query_rows(sql, {**_bounds(begin, end), "width": width})


def _select(chosen: Source, form: str) -> str:
    columns = ", ".join(export_expr(column, form) for column in chosen.columns)
    return f"SELECT {columns} FROM {DATABASE}.{chosen.name} {chosen.final}"


def export_expr(column: Column, form: str) -> str:
    """Money is text in JSON, whose readers make floats of numbers; a state of an aggregate is what it comes to."""
    if column.type.startswith("AggregateFunction("):
        return f"finalizeAggregation(`{column.name}`) AS `{column.name}`"
    if form != "json" or "Decimal" not in column.type:
        return f"`{column.name}`"
    as_text = column.type.replace("Decimal(38, 18)", "String").replace("Decimal(18, 9)", "String")
    return f"CAST(`{column.name}` AS {as_text}) AS `{column.name}`"


def _ms(at: Column) -> str:
    return (
        f"toUnixTimestamp64Milli(`{at.name}`)" if at.type == _INSTANT else f"toInt64(toUInt16(`{at.name}`)) * 86400000"
    )


def _within(at: Column) -> str:
    if at.type == _INSTANT:
        return (
            f"`{at.name}` >= fromUnixTimestamp64Milli({{begin:Int64}}) AND "
            f"`{at.name}` < fromUnixTimestamp64Milli({{end:Int64}})"
        )
    return f"{_ms(at)} >= {{begin:Int64}} AND {_ms(at)} < {{end:Int64}}"


def _bounds(begin: int, end: int) -> dict[str, Any]:
    return {"begin": begin, "end": end}


@contextmanager
def _writable(file: Path) -> Iterator[None]:
    """What the disk says, of the file that was asked for: it knows nothing of our name for an unfinished one."""
    try:
        yield
    except OSError as error:
        raise ExportError(
            f"{file}: {error.strerror or error}; nothing was written, name a file where there is room"
        ) from error


@contextmanager
def _replaced(file: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of another when the block ends well, and leaves nothing when it does not."""
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
    """Lines, as the store renders them."""

    def __init__(self, out: IO[bytes], asks: str):
        self._out, self.asks = out, asks

    def put(self, data: bytes) -> None:
        self._out.write(data)

    def close(self) -> None:
        return


class _Csv(_Text):
    """One line of names, which the first piece brings, then the rows."""

    def __init__(self, out: IO[bytes]):
        super().__init__(out, "CSVWithNames")

    def put(self, data: bytes) -> None:
        super().put(data)
        self.asks = "CSV"


class _Parquet:
    """A row group a piece."""

    asks = "ArrowStream"

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
    """A module of pyarrow: 100 MB that nothing else needs, and only the extras `parquet` and `embedded` bring."""
    try:
        return importlib.import_module(f"pyarrow.{part}")
    except ImportError:
        raise ExportError(
            "Parquet needs pyarrow: pip install 'lynceus[parquet]', or take --format csv or json"
        ) from None


SINKS: dict[str, Callable[[IO[bytes]], Sink]] = {
    "parquet": _Parquet,
    "csv": _Csv,
    "json": lambda out: _Text(out, "JSONEachRow"),
}
"""What makes a file of the store's answers, by format; `json` is a line a row."""
