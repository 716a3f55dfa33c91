"""
One connection to the chdb engine for one request: a statement in, its result out.

Only this module loads chdb, and only the process of server.py uses this module: an engine takes 300 MB, and the process
must not fork after opening it.
"""

import base64
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.catalog.schema import DATABASE
from collector.store.embedded.native_format import CUSTOM_SERIALIZATION_REVISION, UnknownLayoutError, upgrade_native

if TYPE_CHECKING:
    from chdb.state.sqlitelike import Connection

MAX_QUERY = 1 << 20
"""Bytes of a statement, and of the longer statement that requests its parse."""

MAX_RESULT = 256 << 20

_STACK = re.compile(r",? Stack trace \(when copying.*?\(version [\d.]+\)", re.DOTALL)

QUOTE = "'"

_UNSUPPORTED = 48
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


def connect(target: str) -> "Connection":
    """Opens the engine, or a further handle of the open one."""
    # Loaded here: a process must be in its own folder before it loads the engine (run_folder.py).
    from chdb.state.sqlitelike import connect as chdb_connect  # noqa: PLC0415

    return chdb_connect(target)


class Handle:
    """A connection to the engine for one request."""

    def __init__(self, path: str, database: str, settings: Mapping[str, str]):
        self._handle = connect(path)
        # In one statement, because each takes as long as ten settings.
        chosen = {"session_timezone": "UTC", "max_query_size": str(MAX_QUERY), **settings}
        assignments = ", ".join(_assignment(name, value) for name, value in chosen.items())
        self._prepare([f"USE {_quoted(database, '`')}", f"SET {assignments}"])

    def __enter__(self) -> "Handle":
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


def one_line(text: str) -> str:
    """An engine's message as one line: the last line of a store that does not start is reported."""
    return " ".join(_STACK.sub("", text).split())


def _assignment(name: str, value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise EngineError(f"{name!r} is not a valid name of a setting. (UNKNOWN_SETTING)", _UNKNOWN_SETTING)
    return f"{name} = {_quoted(value, QUOTE)}"


def _quoted(text: str, quote: str) -> str:
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote
