"""
Owns the chdb engine of one path: which user may run which statement, in which thread, within which limits.

Each request has its own handle. A handle costs 1.2 ms and keeps state (SET, USE, temporary tables), and chdb 4.4 returns
the rows of a failed query before those of the next query on the same handle (measured); requests must share neither.
Nothing here knows HTTP.
"""

import asyncio
import fcntl
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from collector.access.scope import ALL, Scope
from collector.access.table_filters import SETTING
from collector.catalog.schema import DATABASE
from collector.store.embedded.handle import MAX_RESULT, Answer, EngineError, Handle, Statement, connect, one_line
from collector.store.embedded.known import KnownStatements
from collector.store.embedded.memory import engine_bytes
from collector.store.embedded.read_only import READONLY, ReadOnlyChecker, RefusedStatementError, output_format
from collector.store.embedded.reading import MAX_WAITING, Readers, RunningQuery, note_end, patience, too_many
from collector.store.embedded.restricted import (
    MAY_BE_SET,
    Columns,
    ForbiddenError,
    check_restricted,
    columns_query,
    hide_figures,
    settings_of,
)
from collector.store.embedded.run_folder import RunFolderError, enter_run_folder, run_folder
from collector.store.embedded.writer_check import ALWAYS, WriterChecker, check_settings

WRITES_END_S = 5.0
"""What the writer's statements may still take before the process ends because of a reader."""

READER_LIMITS = {
    "max_execution_time": 60,
    "max_memory_usage": 2 << 30,
    "max_result_bytes": MAX_RESULT,
    "max_result_rows": 5_000_000,
}
"""Limits of one reader's query. A request may set lower limits, never higher ones."""

_MAY_BE_SET_BY_READERS = frozenset({*READER_LIMITS, "max_threads", "max_block_size", "max_rows_to_read"})
_OF_OWN = frozenset({SETTING})
"""What the collector sets for its own reads: a page shows the rows of its visitor alone."""
_OF_ONE_REQUEST = frozenset({"insert_deduplication_token", "log_comment", "query_id"})
"""Settings that are another text with each request, and that no check depends on."""
_SESSION_STATEMENT = re.compile(r"\s*(?:SET|USE)\b", re.IGNORECASE)

_BAD_ARGUMENTS = 36
_UNSUPPORTED = 48
_UNKNOWN_FORMAT = 73


NO_ENGINE = (
    "the engine is not installed here; set store.url to a ClickHouse server, or take the image with the engine "
    "(lynceus[embedded])"
)


class StorePathError(Exception):
    """The path cannot be served; the text names the path, the reason and the remedy."""


class Engine:
    """The open engine. One event loop may await `read` and `write`; `close` ends the engine."""

    def __init__(self, path: Path, report: Callable[[str], None], end: Callable[[], None], patience_s: float):
        """`report` is called with problems of readers, and with an empty text when there is none; `end` ends the process."""
        if "?" in str(path):
            raise StorePathError(f"{path}: chdb parses text after a '?' as options; choose a path without '?'")
        path = path.absolute()
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o700)
        self._path = str(path.resolve())
        self._lock = _locked(path)
        try:
            self._open(path)
        except BaseException:
            self._lock.close()
            raise
        self._known_reads, self._known_writes = KnownStatements(), KnownStatements()
        self._writer, self._writing = ThreadPoolExecutor(1, "store-writer"), set[Future[Answer]]()
        self._end, self._ending, self._folder = end, False, run_folder(path)
        self._patience_s = patience(self._folder, patience_s)
        self._readers = Readers(self._kill, report, self._give_up, self._patience_s)

    def _open(self, path: Path) -> None:
        share = engine_bytes()
        # Two queries of readers fit: `max_memory_usage` does not count results in transfer, this limit does.
        self._query_bytes = min(READER_LIMITS["max_memory_usage"], share // 2)
        limits = f"max_server_memory_usage={share}"
        try:
            enter_run_folder(path)
            # This handle keeps the engine open while others open and close. Backups may be written anywhere: only the
            # writer may request one.
            self._keeper = connect(f"{self._path}?{limits}&backups.allowed_path=/")
            self._keeper.query(f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
            self._checker = self._make_checker()
            self._writer_checker = WriterChecker.of(self._checker)
            formats = self._rows("SELECT name FROM system.formats WHERE is_output")
        except RunFolderError as error:
            raise StorePathError(str(error)) from error
        except ModuleNotFoundError as error:
            raise StorePathError(NO_ENGINE) from error
        except RuntimeError as error:
            raise StorePathError(f"{path}: the engine cannot open it: {one_line(str(error))}") from error
        self._formats = frozenset(name.casefold() for (name,) in formats)

    def _make_checker(self) -> ReadOnlyChecker:
        functions = self._rows("SELECT name, alias_to, categories FROM system.functions")
        table_functions = self._rows("SELECT name FROM system.table_functions")
        return ReadOnlyChecker.of([(n, a, c) for n, a, c in functions], [name for (name,) in table_functions])

    def _rows(self, statement: str) -> list[list[Any]]:
        rows: list[list[Any]] = json.loads(self._keeper.query(statement, "JSONCompact").bytes())["data"]
        return rows

    async def read(self, request: Statement, by: str = "", *, own: bool = False, scope: Scope = ALL) -> Answer:
        """
        Runs a statement that may only read; a cancelled call ends the query. `own`: it is the collector's.

        A visitor whose scope is not all rows reads those of the scope, and learns nothing of others.
        """
        self._checker.check_database(request.database)
        if scope != ALL and (named := sorted(request.settings.keys() - MAY_BE_SET)):
            raise ForbiddenError(f"setting {named[0]} would show how much is read")
        limits = _limits(request.settings, self._query_bytes, _OF_OWN if own else frozenset())
        reading = RunningQuery(by, float(limits["max_execution_time"]), own, time.monotonic())
        run = self._read if scope == ALL else partial(self._read_restricted, scope)
        work = self._readers.begin(reading, lambda: run(request, limits, reading.name))
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            reading.abandoned = True
            raise

    async def write(self, request: Statement) -> Answer:
        """Runs any statement of the writer, which the caller has authenticated; once begun it runs to its end."""
        self._writing.difference_update([future for future in self._writing if future.done()])
        if self._ending or len(self._writing) >= MAX_WAITING:
            raise too_many()
        begun = self._writer.submit(self._write, request)
        self._writing.add(begun)
        return await asyncio.wrap_future(begun)

    def _kill(self, names: Sequence[str]) -> None:
        """Ends queries of readers, if the engine can."""
        with Handle(self._path, DATABASE, {}) as handle:
            texts = ", ".join(f"'{name}'" for name in names)
            handle.run(f"KILL QUERY WHERE Settings['log_comment'] IN ({texts}) ASYNC")

    def _give_up(self, reading: RunningQuery) -> None:
        """Ends the process, since the engine cannot end a query. Acknowledged rows are safe, others are sent again."""
        ran_s = reading.over_s(time.monotonic()) + reading.limit_s
        sys.stderr.write(
            f"a query of {reading.by} ran for {ran_s:.0f} s, its limit is {reading.limit_s:g} s, and the engine cannot end "
            "it: the store starts again\n"
        )
        sys.stderr.flush()
        note_end(self._folder, self._patience_s)
        self._ending = True
        wait(self._writing.copy(), WRITES_END_S)
        self._end()

    def _read(self, request: Statement, limits: Mapping[str, str], name: str) -> Answer:
        settings = {**limits, "log_comment": name, "readonly": "1"}
        with Handle(self._path, request.database, settings) as handle:
            named = self._known_reads.result(
                request.statement, False, lambda: self._checked_format(handle, request.statement)
            )
            return handle.query(request, self._output_format(named or request.output_format))

    def _read_restricted(self, scope: Scope, request: Statement, limits: Mapping[str, str], name: str) -> Answer:
        """Runs a statement of a visitor who may read the rows of some departments."""
        always = {"log_comment": name, "readonly": "1"}
        try:
            with Handle(self._path, request.database, {**limits, **always}) as handle:
                named = self._known_reads.result(
                    request.statement, True, lambda: self._checked_format(handle, request.statement, restricted=True)
                )
            chosen = self._output_format(named or request.output_format)
            if "progress" in chosen.casefold():
                raise ForbiddenError(f"format {chosen} shows how many rows are read")
            with Handle(self._path, request.database, {**limits, **settings_of(scope, chosen), **always}) as handle:
                return replace(handle.query(request, chosen), read_rows=0, read_bytes=0, elapsed_s=0.0)
        except EngineError as error:
            raise hide_figures(error) from error

    def _output_format(self, output_format: str) -> str:
        """Returns a format that the engine has; raises for others: chdb returns Python objects for some of its own."""
        if output_format.casefold() not in self._formats:
            raise EngineError(f"Unknown format {output_format}. (UNKNOWN_FORMAT)", _UNKNOWN_FORMAT)
        return output_format

    def _write(self, request: Statement) -> Answer:
        if _SESSION_STATEMENT.match(request.statement):
            raise EngineError("sessions are not supported: send settings and database with the statement", _UNSUPPORTED)
        check_settings(request.settings)
        with Handle(self._path, request.database, {**request.settings, **ALWAYS}) as handle:
            settings = frozenset(item for item in request.settings.items() if item[0] not in _OF_ONE_REQUEST)
            others = settings, request.output_format, request.data_format, request.data is None
            result_format = self._known_writes.result(
                request.statement, others, lambda: self._checked_write(handle, request)
            )
            if request.data is not None:
                return handle.insert(request.statement, request.data_format, request.data)
            return handle.query(request, result_format)

    def _checked_write(self, handle: Handle, request: Statement) -> str:
        """Returns the output format of a writer's statement, "": no result; raises if it reaches out of the engine."""
        data = "" if request.data is None else f" FORMAT {request.data_format}"
        self._writer_checker.check(handle.parse("formatQuerySingleLine", request.statement + data))
        return "" if data else self._result_format(handle, request)

    def _checked_format(self, handle: Handle, statement: str, *, restricted: bool = False) -> str:
        """
        Returns the output format that the statement names; raises if the statement may do more than read.

        `restricted`: it may not show anything of other rows either.
        """
        try:
            parsed = handle.parse("parseQueryToJSON", statement)
        except EngineError as error:
            if error.code != _BAD_ARGUMENTS:
                raise
            named = self._checker.check_plain(handle.parse("formatQuerySingleLine", statement))
            if named is None:
                raise RefusedStatementError("a reader may SELECT, SHOW TABLES, DESCRIBE, EXPLAIN a SELECT") from error
            return named
        tree = _tree(parsed)
        named = self._checker.check_tree(tree)
        if restricted:
            check_restricted(tree, _columns(handle))
        return named

    def _result_format(self, handle: Handle, request: Statement) -> str:
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
        self._readers.close()
        self._keeper.close()
        self._lock.close()


def _tree(parsed: str) -> dict[str, Any]:
    try:
        tree: dict[str, Any] = json.loads(parsed)
    except (ValueError, RecursionError):
        raise RefusedStatementError("the statement is nested too deeply to be checked") from None
    return tree


def _columns(handle: Handle) -> Columns:
    answer = handle.query(Statement(columns_query()), "JSONCompact")
    return {name: frozenset(columns) for name, columns in json.loads(answer.body)["data"]}


def _limits(requested: Mapping[str, str], query_bytes: int, own: frozenset[str]) -> dict[str, str]:
    """
    The limits of one reader's query; any other setting is refused with ClickHouse's own error.

    `own` are the settings that the collector itself may set to any text.
    """
    most = READER_LIMITS | {"max_memory_usage": query_bytes}
    limits = {name: str(value) for name, value in most.items()} | {n: requested[n] for n in own & requested.keys()}
    for name, text in requested.items():
        if name in own:
            continue
        if name not in _MAY_BE_SET_BY_READERS or not re.fullmatch(r"[0-9]{1,19}", text):
            raise EngineError(f"Cannot modify '{name}' setting in readonly mode. (READONLY)", READONLY)
        maximum = most.get(name)
        value = int(text)
        limits[name] = str(value if maximum is None else min(value or maximum, maximum))
    return limits


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
    os.fchmod(lock.fileno(), 0o600)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
