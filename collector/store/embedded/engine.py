"""
Owns the chdb engine of one path: which user may run which statement, in which thread, within which limits.

Each request has its own handle. A handle costs 1.2 ms and keeps state (SET, USE, temporary tables), and chdb 4.4 returns
the rows of a failed query before those of the next query on the same handle (measured); requests must share neither.
Only this module imports chdb, and only the process of server.py imports this module: an engine takes 300 MB, and the
process must not fork after opening it. Nothing here knows HTTP.
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
"""Statements of readers, and of writers, that may run or wait; further ones are refused, so that memory is bounded."""

MAX_QUERY = 1 << 20
"""Bytes of a statement, and of the longer statement that requests its parse."""

KILL_AGAIN_S = 0.2
"""A query that is killed between two steps is killed again at the next step."""

ENGINE_BYTES = 4 << 30
"""Memory limit of the engine, including results in transfer, which a query's `max_memory_usage` does not count."""

MAX_RESULT = 256 << 20

READER_LIMITS = {
    "max_execution_time": 60,
    "max_memory_usage": 2 << 30,
    "max_result_bytes": MAX_RESULT,
    "max_result_rows": 5_000_000,
}
"""Limits of one reader's query. A request may set lower limits, never higher ones."""

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
    """An error of the engine: the text `Code: N. DB::Exception: …`, and the code N."""

    def __init__(self, text: str, code: int | None = None):
        if code is not None:
            text = f"Code: {code}. DB::Exception: {text}"
        start = text.find("Code: ")
        super().__init__(text[max(start, 0) :])
        found = re.match(r"Code: (\d+)", str(self))
        self.code = int(found.group(1)) if found else 1002


class StorePathError(Exception):
    """The path cannot be served; the text names the path, the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as a client sent it."""

    statement: str
    parameters: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    database: str = DATABASE
    output_format: str = "TabSeparated"
    revision: int = 0
    """The revision of the Native format that the client reads."""
    data: bytes | None = None
    """The data of an INSERT … FORMAT f; the statement then ends before FORMAT."""
    data_format: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a statement."""

    body: bytes
    output_format: str = ""
    """Empty: no result."""
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_s: float = 0.0


class Engine:
    """The open engine. One event loop may await `read` and `write`; `close` ends the engine."""

    def __init__(self, path: Path):
        if "?" in str(path):
            raise StorePathError(f"{path}: chdb parses text after a '?' as options; choose a path without '?'")
        path.mkdir(parents=True, exist_ok=True)
        self._path = str(path.resolve())
        self._lock = _locked(path)
        try:
            # This handle keeps the engine open while others open and close. Backups may be written anywhere: only the
            # writer may request one, and the writer can write files with INTO OUTFILE anyway.
            self._keeper = connect(f"{self._path}?max_server_memory_usage={ENGINE_BYTES}&backups.allowed_path=/")
        except RuntimeError as error:
            raise StorePathError(f"{path}: the engine cannot open it: {error}") from error
        self._keeper.query(f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
        self._checker = self._make_checker()
        formats = self._rows("SELECT name FROM system.formats WHERE is_output")
        self._formats = frozenset(name.casefold() for (name,) in formats)
        self._writer, self._writing = ThreadPoolExecutor(1, "store-writer"), set[Future[Answer]]()
        self._readers, self._reading = ThreadPoolExecutor(READERS, "store-reader"), set[Future[Answer]]()
        self._killer = ThreadPoolExecutor(1, "store-killer")

    def _make_checker(self) -> ReadOnlyChecker:
        functions = self._rows("SELECT name, alias_to, categories FROM system.functions")
        table_functions = self._rows("SELECT name FROM system.table_functions")
        return ReadOnlyChecker.of([(n, a, c) for n, a, c in functions], [name for (name,) in table_functions])

    def _rows(self, statement: str) -> list[list[Any]]:
        rows: list[list[Any]] = json.loads(self._keeper.query(statement, "JSONCompact").bytes())["data"]
        return rows

    async def read(self, request: Statement) -> Answer:
        """Runs a statement that may only read; a cancelled call ends the query."""
        name = uuid.uuid4().hex
        work = _begin(self._readers, self._reading, lambda: self._read(request, name))
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            self._killer.submit(self._kill, work, name)
            raise

    async def write(self, request: Statement) -> Answer:
        """Runs any statement of the writer, which the caller has authenticated; once begun it runs to its end."""
        return await asyncio.wrap_future(_begin(self._writer, self._writing, lambda: self._write(request)))

    def _kill(self, work: Future[Answer], name: str) -> None:
        """Ends a reader's query, whatever step it is in."""
        with _Handle(self._path, DATABASE, {}) as handle:
            while not work.done():
                handle.run(f"KILL QUERY WHERE Settings['log_comment'] = '{name}' ASYNC")
                wait([work], KILL_AGAIN_S)

    def _read(self, request: Statement, name: str) -> Answer:
        self._checker.check_database(request.database)
        settings = {**_limits(request.settings), "log_comment": name, "readonly": "1"}
        with _Handle(self._path, request.database, settings) as handle:
            return handle.query(
                request, self._output_format(self._checked_format(handle, request.statement) or request.output_format)
            )

    def _output_format(self, output_format: str) -> str:
        """Returns a format that the engine has; raises for others: chdb returns Python objects for some of its own."""
        if output_format.casefold() not in self._formats:
            raise EngineError(f"Unknown format {output_format}. (UNKNOWN_FORMAT)", _UNKNOWN_FORMAT)
        return output_format

    def _write(self, request: Statement) -> Answer:
        if _SESSION_STATEMENT.match(request.statement):
            raise EngineError("sessions are not supported: send settings and database with the statement", _UNSUPPORTED)
        with _Handle(self._path, request.database, request.settings) as handle:
            if request.data is not None:
                return handle.insert(request.statement, request.data_format, request.data)
            return handle.query(request, self._result_format(handle, request))

    def _checked_format(self, handle: "_Handle", statement: str) -> str:
        """Returns the output format that the statement names; raises if the statement may do more than read."""
        try:
            parsed = handle.parse("parseQueryToJSON", statement)
        except EngineError as error:
            if error.code != _BAD_ARGUMENTS:
                raise
            named = self._checker.check_plain(handle.parse("formatQuerySingleLine", statement))
            if named is None:
                raise RefusedStatementError("a reader may SELECT, SHOW TABLES, DESCRIBE, EXPLAIN a SELECT") from error
            return named
        return self._checker.check_tree(_tree(parsed))

    def _result_format(self, handle: "_Handle", request: Statement) -> str:
        """Returns the output format of a writer's statement, "": no result."""
        try:
            tree = _tree(handle.parse("parseQueryToJSON", request.statement))
        except (
            EngineError,
            RefusedStatementError,
        ):  # not a SELECT; the engine reports errors when it runs the statement
            return ""
        named = output_format(tree)
        return "" if named is None else self._output_format(named or request.output_format)

    def close(self) -> None:
        """Ends the engine after the running statements."""
        self._writer.shutdown(cancel_futures=True)
        self._readers.shutdown(cancel_futures=True)
        self._killer.shutdown()
        self._keeper.close()
        self._lock.close()


def _begin(threads: ThreadPoolExecutor, pending: set[Future[Answer]], work: Callable[[], Answer]) -> Future[Answer]:
    """Submits work to a thread, unless too much work of its kind is pending: readers must not delay the writer."""
    pending.difference_update([future for future in pending if future.done()])
    if len(pending) >= MAX_WAITING:
        raise EngineError(
            "Too many simultaneous queries; try again later. (TOO_MANY_SIMULTANEOUS_QUERIES)", _TOO_MANY_QUERIES
        )
    begun = threads.submit(work)
    pending.add(begun)
    return begun


class _Handle:
    """A connection to the engine for one request."""

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
        """Runs an internal statement without a result."""
        self._prepare([statement])

    def _prepare(self, statements: list[str]) -> None:
        try:
            for statement in statements:
                self._handle.query(statement)
        except RuntimeError as error:
            self._handle.close()
            raise EngineError(str(error)) from error

    def parse(self, function: str, statement: str) -> str:
        """Returns the engine's parse of a statement, which is passed as base64 because base64 needs no quoting."""
        encoded = base64.b64encode(statement.encode()).decode()
        try:
            result = self._handle.query(f"SELECT {function}(base64Decode('{encoded}'))", "TSVRaw")
        except RuntimeError as error:
            raise EngineError(str(error).partition(": In scope ")[0]) from error
        return str(result.bytes(), "utf-8", "replace").rstrip("\n")

    def query(self, request: Statement, result_format: str) -> Answer:
        """Runs the statement; its FORMAT clause takes precedence over the format given here."""
        try:
            result = self._handle.query(
                request.statement, result_format or request.output_format, params=request.parameters
            )
        except RuntimeError as error:
            raise EngineError(str(error)) from error
        if result.size() > MAX_RESULT:  # max_result_bytes counts a constant column as one value
            raise EngineError(f"the result has more than {MAX_RESULT} bytes; select less", _RESULT_TOO_LARGE)
        body = bytes(result.bytes() or b"")
        if result_format == "Native" and request.revision >= CUSTOM_SERIALIZATION_REVISION:
            body = _for_revision(body)
        return Answer(
            body,
            result_format or (request.output_format if body else ""),
            read_rows=result.rows_read(),
            read_bytes=result.bytes_read(),
            elapsed_s=result.elapsed(),
        )

    def insert(self, statement: str, data_format: str, data: bytes) -> Answer:
        """Runs an INSERT with the data that followed its FORMAT clause."""
        # chdb's own function for inserting bytes, send_insert, reports success when the table refused them (4.4, measured).
        with _temporary_file(data) as name:
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
        raise RefusedStatementError("the statement is nested too deeply to be checked") from None
    return tree


@contextmanager
def _temporary_file(data: bytes) -> Iterator[str]:
    """Yields the name of a file with the data; the file disappears afterwards, on Linux even after a crash."""
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


def _limits(requested: Mapping[str, str]) -> dict[str, str]:
    """The limits of one reader's query; any other setting is refused with ClickHouse's own error."""
    limits = {name: str(value) for name, value in READER_LIMITS.items()}
    for name, text in requested.items():
        if name not in _MAY_BE_SET_BY_READERS or not text.isdecimal():
            raise EngineError(f"Cannot modify '{name}' setting in readonly mode. (READONLY)", READONLY)
        maximum = READER_LIMITS.get(name)
        value = int(text)
        limits[name] = str(value if maximum is None else min(value or maximum, maximum))
    return limits


def _assignment(name: str, value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise EngineError(f"{name!r} is not a valid name of a setting. (UNKNOWN_SETTING)", _UNKNOWN_SETTING)
    return f"SET {name} = {_quoted(value, QUOTE)}"


def _quoted(text: str, quote: str) -> str:
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote


def _locked(path: Path) -> TextIO:
    """Locks the path; the lock ends with the process, however the process ends."""
    lock = path.with_name(path.name + ".lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise StorePathError(
            f"{path}: process {holder} serves this path already; stop that process, or give this collector its own data_dir"
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
