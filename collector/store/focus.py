"""
Writes the costs of a period as a FOCUS file, or as a folder of files by year, month and day.

Neither side ever holds more than a piece: some days and clusters, and with one row per pod some hours of their creation.
Rows that arrive meanwhile may be missing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from collector.catalog.focus import PROVIDERS, FocusColumn
from collector.catalog.focus_columns import COLUMNS
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of, months_of
from collector.store.clickhouse import ACCESS_DENIED, Store, StoreRefusedError
from collector.store.export import SINKS, ExportError, disk_errors, replacing
from collector.store.focus_rows import SHARED_ROWS, Grain, charge_rows
from collector.store.focus_select import header, select

MAX_ROWS = 100_000
"""Estimated rows of a piece, unless a single day and cluster, or hour of pods' creation, has more."""
ROWS_PER_CHARGE = 3
"""Rows that a charge, or a group of charges, makes: an estimate."""
IN_PERIOD = "day >= {begin:Date} AND day < {end:Date}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusFile:
    """What a file is to hold: a period of billing days, the columns, and one row per group or per pod."""

    begin: date
    end: date
    """Exclusive."""
    zone: str
    grain: Grain = "day"
    output_format: str = "csv"
    columns: tuple[FocusColumn, ...] = ()
    account: str = "lynceus"

    def parameters(self) -> dict[str, Any]:
        """What every query of the file may bind."""
        return {"begin": self.begin, "end": self.end, "zone": self.zone, "account": self.account}


class Cell(NamedTuple):
    """Charges of a day and cluster, and with one row per pod of one hour of the pods' creation."""

    day: date
    cluster: str
    hour: datetime
    rows: int


class FocusPiece(NamedTuple):
    """Rows of one query: of charges from a cell to a later one, or a month's shared costs."""

    day: date
    """The folder."""
    rows: str
    parameters: dict[str, Any]
    is_shared: bool = False


def columns_of(names: Sequence[str], grain: Grain) -> tuple[FocusColumn, ...]:
    """The columns of a grain, or the named ones, in the order of the file; ExportError lists what there is."""
    columns = tuple(column for column in COLUMNS if grain == "pod" or not column.per_pod)
    chosen = {name.strip().lower() for name in names}
    if unknown := chosen - {column.name.lower() for column in columns}:
        listed = ", ".join(column.name for column in columns)
        raise ExportError(f"--columns: {', '.join(sorted(unknown))} unknown with --grain {grain}; there are {listed}")
    return tuple(column for column in columns if not chosen or column.name.lower() in chosen)


def write_file(store: Store, wanted: FocusFile, file: Path, *, force: bool = False) -> None:
    """Writes one file; it gets its name when it is complete."""
    if file.exists() and not force:
        raise ExportError(f"{file}: exists already; name another file, or use --force")
    with disk_errors(file), replacing(file) as out:
        if wanted.output_format == "csv":
            out.write(header(wanted.columns))
            for piece in pieces(store, wanted):
                out.write(_answer(store, wanted, piece, "TSVRaw"))
            return
        sink = SINKS["parquet"](out)
        nothing = FocusPiece(wanted.begin, charge_rows(wanted.grain, "0"), _of_month(store, wanted, wanted.begin))
        for piece in (nothing, *pieces(store, wanted)):
            sink.put(_answer(store, wanted, piece, sink.store_format))
        sink.close()


def write_folder(store: Store, wanted: FocusFile, folder: Path, *, force: bool = False) -> list[Path]:
    """Writes a folder `year/month/day` for each day; returns the files. Files of an earlier export of a day are replaced."""
    earlier = [file for file in folder.glob("*/*/*/*") if _is_of(file, folder, wanted)]
    if earlier and not force:
        raise ExportError(f"{earlier[0]}: exists already; name another folder, or use --force")
    written: list[Path] = []
    for day, of_day in groupby(pieces(store, wanted, by_day=True), lambda piece: piece.day):
        to = folder / f"{day:%Y/%m/%d}"
        for number, piece in enumerate(of_day, 1):
            name = "shared" if piece.is_shared else f"charges-{number:03}"
            file = to / f"{name}.{wanted.output_format}"
            with disk_errors(file), ExitStack() as stack:
                to.mkdir(parents=True, exist_ok=True)
                out = stack.enter_context(replacing(file))
                is_csv = wanted.output_format == "csv"
                out.write(header(wanted.columns) if is_csv else b"")
                out.write(_answer(store, wanted, piece, "TSVRaw" if is_csv else "Parquet"))
            written.append(file)
    for file in set(earlier) - set(written):
        file.unlink()
    return written


def _is_of(file: Path, folder: Path, wanted: FocusFile) -> bool:
    """Whether an earlier export wrote a file for a day of the period."""
    try:
        day = date(*map(int, file.relative_to(folder).parts[:3]))
    except ValueError:
        return False
    ours = file.stem == "shared" or file.stem.startswith("charges-")
    return ours and file.suffix in {".csv", ".parquet"} and wanted.begin <= day < wanted.end


def _answer(store: Store, wanted: FocusFile, piece: FocusPiece, store_format: str) -> bytes:
    return store.query_bytes(select(piece.rows, wanted.columns, wanted.output_format), store_format, piece.parameters)


def pieces(store: Store, wanted: FocusFile, *, by_day: bool = False, max_rows: int = MAX_ROWS) -> Iterator[FocusPiece]:
    """Yields all pieces in the order of their days; none crosses a month, and `by_day` none a day."""
    cells = _cells(store, wanted)
    for month in map(date_of, months_of(wanted.begin, wanted.end)):
        bound = _of_month(store, wanted, month)
        if wanted.begin <= month < wanted.end:
            yield FocusPiece(month, SHARED_ROWS, bound, is_shared=True)
        of_month = [cell for cell in cells if cell.day.replace(day=1) == month]
        for joined in join_cells(of_month, max_rows, by_day=by_day):
            where, edges = _between(joined[0], joined[-1], wanted.grain)
            yield FocusPiece(joined[0].day, charge_rows(wanted.grain, where), bound | edges)


def join_cells(cells: Iterable[Cell], max_rows: int, *, by_day: bool) -> Iterator[list[Cell]]:
    """Joins neighbours while they have few rows."""
    joined: list[Cell] = []
    for cell in cells:
        too_many = sum(one.rows for one in joined) + cell.rows > max_rows
        if joined and (too_many or (by_day and joined[0].day != cell.day)):
            yield joined
            joined = []
        joined.append(cell)
    if joined:
        yield joined


def _cells(store: Store, wanted: FocusFile) -> list[Cell]:
    """Finds where charges are, in order. With one row per group the rollup bounds their rows, where it has the day."""
    charges = store.query_rows(_count("pod_cost", wanted.grain), wanted.parameters())
    groups: Mapping[tuple[Any, ...], int] = {}
    if wanted.grain == "day":
        rolled = store.query_rows(_count("cost_daily", wanted.grain), wanted.parameters())
        groups = {(day, cluster): rows for day, cluster, _, rows in rolled}
    return [
        Cell(day, cluster, hour, min(rows, groups.get((day, cluster), rows)) * ROWS_PER_CHARGE)
        for day, cluster, hour, rows in charges
    ]


def _count(table: str, grain: Grain) -> str:
    """The query of the rows of each day and cluster, and with one row per pod of each hour."""
    hour = "toStartOfHour(created_at)" if grain == "pod" else "toDateTime(0, 'UTC')"
    return f"""
        SELECT day, toString(cluster) AS of_cluster, {hour} AS hour, count() FROM {DATABASE}.{table}
        WHERE {IN_PERIOD} GROUP BY day, of_cluster, hour ORDER BY day, of_cluster, hour
    """


def _between(first: Cell, last: Cell, grain: Grain) -> tuple[str, dict[str, Any]]:
    """The condition of the charges from one cell to another, as the primary key and the index of days can use it."""
    place = "(day, cluster" + (", toStartOfHour(created_at))" if grain == "pod" else ")")
    hours = (", {hour1:DateTime('UTC')})", ", {hour2:DateTime('UTC')})") if grain == "pod" else (")", ")")
    where = (
        f"day >= {{day1:Date}} AND day <= {{day2:Date}} AND {place} >= ({{day1:Date}}, {{cluster1:String}}{hours[0]} "
        f"AND {place} <= ({{day2:Date}}, {{cluster2:String}}{hours[1]}"
    )
    if first.day == last.day:
        where += " AND cluster >= {cluster1:String} AND cluster <= {cluster2:String}"
    edges: dict[str, Any] = {"day1": first.day, "cluster1": first.cluster, "hour1": first.hour}
    return where, edges | {"day2": last.day, "cluster2": last.cluster, "hour2": last.hour}


def _if_permitted(store: Store, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a query about all departments; none for a reader who may not see them."""
    try:
        return store.query_rows(sql, parameters)
    except StoreRefusedError as error:
        if error.code != ACCESS_DENIED:
            raise
        return []


def _of_month(store: Store, wanted: FocusFile, month: date) -> dict[str, Any]:
    """What the rows of a month bind: its run, its state, and its commitments by currency."""
    bound = wanted.parameters() | {"month": month.replace(day=1)}
    found = store.query_rows(
        f"SELECT active_run, toString(state) FROM {DATABASE}.period FINAL WHERE month = {{month:Date}}", bound
    )
    run, state = found[0] if found else (1, "open")
    rows = _if_permitted(
        store,
        f"""SELECT toString(currency), arrayStringConcat(arraySort(groupUniqArray(toString(commitment))), ', ')
            FROM {DATABASE}.commitment_hour FINAL
            WHERE toStartOfMonth(day) = {{month:Date}} AND run = {{run:UInt32}} AND used > 0 GROUP BY currency""",
        {**bound, "run": run},
    )
    plans = dict(rows)
    named = {"run": run, "state": "estimate" if state == "open" else state, "known": list(PROVIDERS)}
    return bound | named | {"currencies": list(plans), "plans": list(plans.values())}
