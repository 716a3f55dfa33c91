"""
The store as its clients see it: one ClickHouse HTTP address, be it a cluster or our own embedded one.

Blocking; whoever runs an event loop calls it from a worker thread. What went wrong is told apart by type, since it decides
what happens next: StoreUnreachableError and StoreRefusedError are tried again with the same bytes, RowsRefusedError never.
Values are bound, never written into SQL; identifiers come from the catalogue.
"""

import logging
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from clickhouse_connect.driver.exceptions import DataError as ClientDataError

from collector.catalog.schema import DATABASE, Table
from collector.core.model import Instant

_PINNED = {
    "async_insert": 0,  # a batch is a batch, and its acknowledgement means that it is stored
    "wait_end_of_query": 1,
    "distributed_foreground_insert": 1,  # on a sharded store too
}

_SHARDED = {"distributed_product_mode": "global"}
"""A subquery on one sharded table within a query on another is asked once, of all shards."""

_ROWS_AT_FAULT = frozenset({
    53,   # TYPE_MISMATCH
    69,   # ARGUMENT_OUT_OF_BOUND
    70,   # CANNOT_CONVERT_TYPE
    131,  # TOO_LARGE_STRING_SIZE
    321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
    349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
    407,  # DECIMAL_OVERFLOW
    469,  # VIOLATED_CONSTRAINT
})  # fmt: skip
"""Errors that name a value. CANNOT_READ_ALL_DATA (33) is none of them: a cut connection looks the same."""

_POOL = re.compile(r"HTTPS?ConnectionPool\(host='([^']*)', port=(\d+)\)")

_TOO_MANY_PARTS = 252
"""Either merges lag behind, which time cures, or one insert spans over 100 partitions, which smaller inserts cure."""

_PASSWORD_AT_FAULT = frozenset({192, 193, 194, 516})

_CAUSES = {
    **dict.fromkeys(_PASSWORD_AT_FAULT, "store_password"),
    164: "store_read_only",        # READONLY
    497: "store_read_only",        # ACCESS_DENIED
    243: "store_disk_full",        # NOT_ENOUGH_SPACE
    241: "store_overloaded",       # MEMORY_LIMIT_EXCEEDED
    202: "store_overloaded",       # TOO_MANY_SIMULTANEOUS_QUERIES
    _TOO_MANY_PARTS: "store_overloaded",
}  # fmt: skip
"""What a refusal means to whoever has to act; the numbers are ClickHouse's, src/Common/ErrorCodes.cpp."""

_DOES_NOT_FIT = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, struct.error)
"""What the driver's type writers raise for a value that does not fit its column; nothing has been stored then."""


class StoreError(Exception):
    """Something came of the store that is no answer."""

    @property
    def cause(self) -> str:
        """What is wrong, in one word: what `/readyz` has a remedy for, and a metric a label."""
        return "store_refuses"


class StoreUnreachableError(StoreError):
    """Nobody answered, or not in time, or not with ClickHouse's protocol."""

    @property
    def cause(self) -> str:
        return "store_unreachable"


class StoreRefusedError(StoreError):
    """The store answered with an error of its own; `code` is ClickHouse's."""

    def __init__(self, text: str, code: int | None):
        super().__init__(text)
        self.code = code

    @property
    def cause(self) -> str:
        return _CAUSES.get(self.code or 0, "store_refuses")


class RowsRefusedError(StoreError):
    """These rows cannot be stored, however often they are sent."""


Row = Sequence[Any]


class Store:
    """A connection that is made when it is first needed and made anew after it broke."""

    def __init__(self, make_client: Callable[[], Client]):
        self._make_client = make_client
        self._client: Client | None = None

    def insert(self, table: Table, rows: Sequence[Row], token: str) -> None:
        """Store rows, in the order of the table's columns; returns when they are stored. Harmless to repeat."""
        columns = table.stored

        def insert(client: Client) -> None:
            client.insert(
                table.name,
                rows,
                database=DATABASE,
                column_names=[column.name for column in columns],
                column_type_names=[column.type for column in columns],
                settings={**_PINNED, "insert_deduplication_token": token},
            )

        try:
            self._ask(insert)
        except _DOES_NOT_FIT as error:
            raise RowsRefusedError(f"{type(error).__name__}: {error}") from error

    def query_rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query; `{name:Type}` in it stands for a parameter."""
        return [tuple(row) for row in self._ask(lambda client: client.query(sql, parameters)).result_rows]

    def query_stream(self, sql: str, parameters: dict[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
        """The rows of a query as they arrive, for answers that need not be in memory twice."""
        with self._ask(lambda client: client.query_rows_stream(sql, parameters)) as rows:
            try:
                yield from (tuple(row) for row in rows)
            except ClickHouseError as error:
                raise self._told_apart(error) from error

    def query_named(self, sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query by column name."""
        return list(self._ask(lambda client: client.query(sql, parameters)).named_results())

    def query_bytes(self, sql: str, output_format: str, parameters: dict[str, Any] | None = None) -> bytes:
        """The answer as the store renders it."""
        return bytes(self._ask(lambda client: client.raw_query(sql, parameters, fmt=output_format)))

    def command(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
        """Run a statement that has no result."""
        self._ask(lambda client: client.command(sql, parameters, use_database=False))

    def ping(self) -> Instant:
        """The store's clock, when it answers a query; raises when it does not."""
        ((now,),) = self.query_rows("SELECT toUnixTimestamp64Milli(now64(3))")
        return int(now)

    def close(self) -> None:
        """Give up the connection; the next call makes a new one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(self, question: Callable[[Client], Any]) -> Any:
        try:
            if self._client is None:
                self._client = self._make_client()
            return question(self._client)
        except ClickHouseError as error:
            raise self._told_apart(error) from error
        except OSError as error:
            self.close()
            raise StoreUnreachableError(str(error)) from error

    def _told_apart(self, error: ClickHouseError) -> StoreError:
        code = getattr(error, "code", None)
        too_many_partitions = code == _TOO_MANY_PARTS and "partitions for single INSERT" in str(error)
        if isinstance(error, ClientDataError) or code in _ROWS_AT_FAULT or too_many_partitions:
            return RowsRefusedError(str(error))
        if isinstance(error, OperationalError) or code is None:
            self.close()
            return StoreUnreachableError(_said(error))
        if code in _PASSWORD_AT_FAULT:
            self.close()  # the next connection reads the password file again
        return StoreRefusedError(str(error), code)


def _said(error: BaseException) -> str:
    """Who did not answer, and why: the driver quotes its whole request, of which nobody can make anything."""
    place = _POOL.search(str(error))
    if place is None:
        return str(error)
    while isinstance(deeper := getattr(error, "reason", None) or error.__cause__ or error.__context__, BaseException):
        error = deeper
    return f"{place[1]}:{place[2]}: {getattr(error, 'strerror', None) or error}"


def connect(
    url: str,
    username: str = "default",
    password_file: Path | None = None,
    *,
    database: str = "",
    timeout_s: int = 60,
    connect_timeout_s: int = 5,
    sharded: bool = False,
) -> Store:
    """
    The store at `http://host:8123/lynceus`. The password file is read at each connection: secrets may be rotated.

    The path of the address is not used: a first migration finds no database there, and every name of ours is qualified.
    """
    address = urlsplit(url)._replace(path="").geturl()
    # Every failure they log they raise too, and the inserter tells of it once rather than at each try.
    for library in ("clickhouse_connect", "urllib3"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    settings = _SHARDED if sharded else {}
    return Store(lambda: _client(address, username, password_file, database, timeout_s, connect_timeout_s, settings))


def _client(
    address: str,
    username: str,
    password_file: Path | None,
    database: str,
    timeout_s: int,
    connect_timeout_s: int,
    settings: dict[str, Any],
) -> Client:
    try:
        password = password_file.read_text(encoding="utf-8").strip() if password_file else ""
    except OSError as error:
        raise OperationalError(f"{password_file}: {error.strerror}; it holds the password of {username}") from error
    return clickhouse_connect.get_client(
        dsn=address,
        username=username,
        password=password,
        database=database,
        autogenerate_session_id=False,  # a session would serialise its queries
        dedicated_pool=True,  # so that close() closes its sockets
        connect_timeout=connect_timeout_s,
        send_receive_timeout=timeout_s,
        query_retries=0,
        settings=settings,
        tz_mode="aware",
    )
