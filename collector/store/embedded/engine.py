"""
Owns the chdb engine of one path: who may run what on it, in which thread, within which limits.

One handle a request. A handle costs 1.2 ms and keeps what it is told (SET, USE, temporary tables), and chdb 4.4 puts
the rows of a failed query before those of the next one on the same handle (measured); neither may pass between requests.
Only this module imports chdb, and only the process that `embedded.py` starts imports this module: an engine is 300 MB,
and nothing may fork after it was opened. It knows nothing of HTTP.
"""

import asyncio
import base64
import fcntl
import json
import os
import re
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from chdb.state.sqlitelike import Connection, connect

from collector.catalog.schema import DATABASE
from collector.store.embedded.native_format import CUSTOM_SERIALIZATION_REVISION, UnknownLayoutError, upgrade_native
from collector.store.embedded.read_only import READONLY, ReadOnlyChecker, RefusedStatementError, output_format

READERS = 2
MAX_WAITING = 64
"""Readers, and writers, that may be at it or wait; beyond, the store says it is busy rather than collect memory."""

MAX_QUERY = 1 << 20
"""Bytes of a statement, and of the longer one that asks for its parse."""

KILL_AGAIN_S = 0.2
"""A query killed between two of its steps is killed again at the next."""

ENGINE_BYTES = 4 << 30
"""What the engine may hold in all, results under way included, which `max_memory_usage` of a query does not count."""

MAX_RESULT = 256 << 20

READER_LIMITS = {
    "max_execution_time": 60,
    "max_memory_usage": 2 << 30,
    "max_result_bytes": MAX_RESULT,
    "max_result_rows": 5_000_000,
}
"""What one reader's query may take. A request may ask for less, never for more."""

_MAY_BE_SET_BY_READERS = frozenset({*READER_LIMITS, "max_threads", "max_block_size", "max_rows_to_read"})
_SESSION_STATEMENT = re.compile(r"\s*(?:SET|USE)\b", re.IGNORECASE)

QUOTE = "'"

_BAD_ARGUMENTS = 36
_TOO_MANY_QUERIES = 202
_UNSUPPORTED = 48
_UNKNOWN_FORMAT = 73
_UNKNOWN_SETTING = 115
_RESULT_TOO_LARGE = 396


class EngineError(Exception):
    """The engine's own words, `Code: N. DB::Exception: …`, and the N."""

    def __init__(self, text: str, code: int | None = None):
        if code is not None:
            text = f"Code: {code}. DB::Exception: {text}"
        start = text.find("Code: ")
        super().__init__(text[max(start, 0) :])
        found = re.match(r"Code: (\d+)", str(self))
        self.code = int(found.group(1)) if found else 1002


class StorePathError(Exception):
    """The path cannot be served; its text names the path, the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as a client sent it."""

    statement: str
    parameters: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    database: str = DATABASE
    output_format: str = "TabSeparated"
    revision: int = 0
    """The Native revision the client understands."""
    data: bytes | None = None
    """What an INSERT … FORMAT f is followed by; the statement then ends before FORMAT."""
    data_format: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it."""

    body: bytes
    output_format: str = ""
    """Empty: the statement has no result."""
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_s: float = 0.0


class Engine:
    """The open engine. `read` and `write` may be awaited from one event loop; `close` ends it."""

    def __init__(self, path: Path):
        if "?" in str(path):
            raise StorePathError(f"{path}: chdb reads what follows a '?' as options; choose a path without one")
        path.mkdir(parents=True, exist_ok=True)
        self._path = str(path.resolve())
        self._lock = _locked(path)
        try:
            # While this handle is open the engine is, whatever others come and go. A backup may go anywhere: the
            # writer, who alone may ask for one, can write files by INTO OUTFILE too.
            self._keeper = connect(f"{self._path}?max_server_memory_usage={ENGINE_BYTES}&backups.allowed_path=/")
        except RuntimeError as error:
            raise StorePathError(f"{path}: the engine cannot open it: {error}") from error
        self._keeper.query(f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
        self._judge = self._make_judge()
        formats = self._rows("SELECT name FROM system.formats WHERE is_output")
        self._formats = frozenset(name.casefold() for (name,) in formats)
        self._writer, self._writing = ThreadPoolExecutor(1, "store-writer"), set[Future[Answer]]()
        self._readers, self._reading = ThreadPoolExecutor(READERS, "store-reader"), set[Future[Answer]]()
        self._killer = ThreadPoolExecutor(1, "store-killer")

    def _make_judge(self) -> ReadOnlyChecker:
        functions = self._rows("SELECT name, alias_to, categories FROM system.functions")
        table_functions = self._rows("SELECT name FROM system.table_functions")
        return ReadOnlyChecker.of([(n, a, c) for n, a, c in functions], [name for (name,) in table_functions])

    def _rows(self, statement: str) -> list[list[Any]]:
        rows: list[list[Any]] = json.loads(self._keeper.query(statement, "JSONCompact").bytes())["data"]
        return rows

    async def read(self, ask: Statement) -> Answer:
        """Run a statement that may only read; cancelled, it ends."""
        name = uuid.uuid4().hex
        work = _begin(self._readers, self._reading, lambda: self._read(ask, name))
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            self._killer.submit(self._kill, work, name)
            raise

    async def write(self, ask: Statement) -> Answer:
        """Run any statement; the caller has proved to be the writer. Begun, it goes on to its end."""
        return await asyncio.wrap_future(_begin(self._writer, self._writing, lambda: self._write(ask)))

    def _kill(self, work: Future[Answer], name: str) -> None:
        """End a reader's query, whichever of its steps it is at."""
        with _Handle(self._path, DATABASE, {}) as handle:
            while not work.done():
                handle.run(f"KILL QUERY WHERE Settings['log_comment'] = '{name}' ASYNC")
                wait([work], KILL_AGAIN_S)

    def _read(self, ask: Statement, name: str) -> Answer:
        self._judge.database(ask.database)
        settings = {**_limits(ask.settings), "log_comment": name, "readonly": "1"}
        with _Handle(self._path, ask.database, settings) as handle:
            return handle.query(ask, self._known(self._judged(handle, ask.statement) or ask.output_format))

    def _known(self, output_format: str) -> str:
        """The format, if the engine has it: chdb makes Python objects in some of its own."""
        if output_format.casefold() not in self._formats:
            raise EngineError(f"Unknown format {output_format}. (UNKNOWN_FORMAT)", _UNKNOWN_FORMAT)
        return output_format

    def _write(self, ask: Statement) -> Answer:
        if _SESSION_STATEMENT.match(ask.statement):
            raise EngineError("no session is kept here: send settings and database with the statement", _UNSUPPORTED)
        with _Handle(self._path, ask.database, ask.settings) as handle:
            if ask.data is not None:
                return handle.insert(ask.statement, ask.data_format, ask.data)
            return handle.query(ask, self._result_format(handle, ask))

    def _judged(self, handle: "_Handle", statement: str) -> str:
        """The output format the statement names; raises if it may do more than read."""
        try:
            parsed = handle.parse("parseQueryToJSON", statement)
        except EngineError as error:
            if error.code != _BAD_ARGUMENTS:
                raise
            named = self._judge.plain(handle.parse("formatQuerySingleLine", statement))
            if named is None:
                raise RefusedStatementError("a reader may SELECT, SHOW TABLES, DESCRIBE, EXPLAIN a SELECT") from error
            return named
        return self._judge.tree(_tree(parsed))

    def _result_format(self, handle: "_Handle", ask: Statement) -> str:
        """The output format of a writer's statement, "" when it has no result."""
        try:
            tree = _tree(handle.parse("parseQueryToJSON", ask.statement))
        except (EngineError, RefusedStatementError):  # not a SELECT; the engine will say if anything is wrong with it
            return ""
        named = output_format(tree)
        return "" if named is None else self._known(named or ask.output_format)

    def close(self) -> None:
        """End the engine; statements under way are waited for."""
        self._writer.shutdown(cancel_futures=True)
        self._readers.shutdown(cancel_futures=True)
        self._killer.shutdown()
        self._keeper.close()
        self._lock.close()


def _begin(threads: ThreadPoolExecutor, pending: set[Future[Answer]], work: Callable[[], Answer]) -> Future[Answer]:
    """Have the work done by a thread, unless too much of its kind is pending: readers must not hold up the writer."""
    pending.difference_update([one for one in pending if one.done()])
    if len(pending) >= MAX_WAITING:
        raise EngineError(
            "Too many simultaneous queries; ask again later. (TOO_MANY_SIMULTANEOUS_QUERIES)", _TOO_MANY_QUERIES
        )
    begun = threads.submit(work)
    pending.add(begun)
    return begun


class _Handle:
    """One request's view of the engine."""

    def __init__(self, path: str, database: str, settings: Mapping[str, str]):
        self._handle: Connection = connect(path)
        self._prepare(
            [f"USE {_quoted(database, '`')}", "SET session_timezone = 'UTC'", f"SET max_query_size = {MAX_QUERY}"]
        )
        self._prepare([_assignment(name, value) for name, value in settings.items()])

    def __enter__(self) -> "_Handle":
        return self

    def __exit__(self, *_error: object) -> None:
        self._handle.close()

    def run(self, statement: str) -> None:
        """One statement of our own without a result."""
        self._prepare([statement])

    def _prepare(self, statements: list[str]) -> None:
        try:
            for statement in statements:
                self._handle.query(statement)
        except RuntimeError as error:
            self._handle.close()
            raise EngineError(str(error)) from error

    def parse(self, function: str, statement: str) -> str:
        """The statement as the engine's parser understood it; it is passed as base64, which needs no quoting to be exact."""
        encoded = base64.b64encode(statement.encode()).decode()
        try:
            result = self._handle.query(f"SELECT {function}(base64Decode('{encoded}'))", "TSVRaw")
        except RuntimeError as error:
            raise EngineError(str(error).partition(": In scope ")[0]) from error
        return str(result.bytes(), "utf-8", "replace").rstrip("\n")

    def query(self, ask: Statement, result_format: str) -> Answer:
        """Run the statement; its own FORMAT clause wins over the format given here."""
        try:
            result = self._handle.query(ask.statement, result_format or ask.output_format, params=ask.parameters)
        except RuntimeError as error:
            raise EngineError(str(error)) from error
        if result.size() > MAX_RESULT:  # max_result_bytes counts a constant column as one value
            raise EngineError(f"the result has more than {MAX_RESULT} bytes; ask for less", _RESULT_TOO_LARGE)
        body = bytes(result.bytes() or b"")
        if result_format == "Native" and ask.revision >= CUSTOM_SERIALIZATION_REVISION:
            body = _for_revision(body)
        return Answer(
            body, result_format or (ask.output_format if body else ""),
            read_rows=result.rows_read(), read_bytes=result.bytes_read(), elapsed_s=result.elapsed(),
        )  # fmt: skip

    def insert(self, statement: str, data_format: str, data: bytes) -> Answer:
        """Run an INSERT with the data that followed its FORMAT clause."""
        # chdb's own way to insert bytes, send_insert, reports success when the table refused them (4.4, measured).
        with _passing_file(data) as name:
            source = f"FROM INFILE {_quoted(name, QUOTE)} COMPRESSION 'none' FORMAT {data_format}"
            try:
                result = self._handle.query(f"{statement} {source}")
            except RuntimeError as error:
                raise EngineError(str(error)) from error
        return Answer(
            b"",
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            elapsed_s=result.elapsed(),
        )


def _tree(parsed: str) -> dict[str, Any]:
    try:
        tree: dict[str, Any] = json.loads(parsed)
    except (ValueError, RecursionError):
        raise RefusedStatementError("the statement is nested too deeply to be judged") from None
    return tree


@contextmanager
def _passing_file(data: bytes) -> Iterator[str]:
    """The name of a file with the data, which is gone afterwards, also after a crash where the system can do that."""
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create("insert"), "wb") as memory:
            memory.write(data)
            memory.flush()
            yield f"/proc/self/fd/{memory.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            yield file.name


def _for_revision(body: bytes) -> bytes:
    try:
        return upgrade_native(body)
    except UnknownLayoutError as error:
        raise EngineError(f"{error}. (NOT_IMPLEMENTED)", _UNSUPPORTED) from error


def _limits(asked: Mapping[str, str]) -> dict[str, str]:
    """The limits of one reader's query; a setting that is none of them is refused as ClickHouse refuses it."""
    limits = {name: str(value) for name, value in READER_LIMITS.items()}
    for name, text in asked.items():
        if name not in _MAY_BE_SET_BY_READERS or not text.isdecimal():
            raise EngineError(f"Cannot modify '{name}' setting in readonly mode. (READONLY)", READONLY)
        most = READER_LIMITS.get(name)
        value = int(text)
        limits[name] = str(value if most is None else min(value or most, most))
    return limits


def _assignment(name: str, value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise EngineError(f"{name!r} is no name of a setting. (UNKNOWN_SETTING)", _UNKNOWN_SETTING)
    return f"SET {name} = {_quoted(value, QUOTE)}"


def _quoted(text: str, quote: str) -> str:
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote


def _locked(path: Path) -> TextIO:
    """The path's lock, held; it ends with the process, however that ends."""
    lock = path.with_name(path.name + ".lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise StorePathError(
            f"{path}: process {holder} serves this path already; stop it, or give this collector a data_dir of its own"
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
