"""
The store as its clients see it: one ClickHouse HTTP address, of a cluster or of the embedded store.

Blocking: callers with an event loop use a worker thread. The type of an error decides what happens next:
after StoreUnreachableError and StoreRefusedError the same bytes are sent again, after RowsRefusedError never.
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
"""A subquery on a sharded table inside a query on another one runs once, over all shards."""

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
"""Errors caused by a value. CANNOT_READ_ALL_DATA (33) is not listed: a broken connection looks the same."""

_POOL = re.compile(r"HTTPS?ConnectionPool\(host='([^']*)', port=(\d+)\)")

_TOO_MANY_PARTS = 252
"""Merges lag behind, then time helps; or one insert has more than 100 partitions, then smaller inserts help."""

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
"""What a refusal means for the operator; the numbers are ClickHouse's, src/Common/ErrorCodes.cpp."""

_VALUE_ERRORS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, struct.error)
"""What the driver raises for a value that does not fit its column, before anything is stored."""


class StoreError(Exception):
    """Base class of store failures."""

    @property
    def cause(self) -> str:
        """The failure in one word: the key of a remedy in `/readyz`, and a metric's label."""
        return "store_refuses"


class StoreUnreachableError(StoreError):
    """The store did not answer, or not in time, or not in ClickHouse's protocol."""

    @property
    def cause(self) -> str:
        return "store_unreachable"


class StoreRefusedError(StoreError):
    """The store answered with an error; `code` is ClickHouse's."""

    def __init__(self, text: str, code: int | None):
        super().__init__(text)
        self.code = code

    @property
    def cause(self) -> str:
        return _CAUSES.get(self.code or 0, "store_refuses")


class RowsRefusedError(StoreError):
    """The rows can never be stored."""


Row = Sequence[Any]


class Store:
    """A connection that opens when it is first needed, and again after it broke."""

    def __init__(self, make_client: Callable[[], Client]):
        self._make_client = make_client
        self._client: Client | None = None

    def insert(self, table: Table, rows: Sequence[Row], token: str) -> None:
        """Stores rows, given in the order of the table's columns, and waits for that. Harmless to repeat."""
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
            self._call(insert)
        except _VALUE_ERRORS as error:
            raise RowsRefusedError(f"{type(error).__name__}: {error}") from error

    def query_rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Returns the rows of a query; `{name:Type}` in the query stands for a parameter."""
        return [tuple(row) for row in self._call(lambda client: client.query(sql, parameters)).result_rows]

    def query_stream(self, sql: str, parameters: dict[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
        """Yields the rows of a query as they arrive, so that a large answer is not in memory twice."""
        with self._call(lambda client: client.query_rows_stream(sql, parameters)) as rows:
            try:
                yield from (tuple(row) for row in rows)
            except ClickHouseError as error:
                raise self._classify(error) from error

    def query_named(self, sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Returns the rows of a query by column name."""
        return list(self._call(lambda client: client.query(sql, parameters)).named_results())

    def query_bytes(self, sql: str, output_format: str, parameters: dict[str, Any] | None = None) -> bytes:
        """Returns the answer in an output format of the store."""
        return bytes(self._call(lambda client: client.raw_query(sql, parameters, fmt=output_format)))

    def command(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
        """Runs a statement that has no result."""
        self._call(lambda client: client.command(sql, parameters, use_database=False))

    def ping(self) -> Instant:
        """Returns the time of the store's clock; raises when the store does not answer a query."""
        ((now,),) = self.query_rows("SELECT toUnixTimestamp64Milli(now64(3))")
        return int(now)

    def close(self) -> None:
        """Closes the connection; the next call opens a new one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _call(self, request: Callable[[Client], Any]) -> Any:
        try:
            if self._client is None:
                self._client = self._make_client()
            return request(self._client)
        except ClickHouseError as error:
            raise self._classify(error) from error
        except OSError as error:
            self.close()
            raise StoreUnreachableError(str(error)) from error

    def _classify(self, error: ClickHouseError) -> StoreError:
        code = getattr(error, "code", None)
        too_many_partitions = code == _TOO_MANY_PARTS and "partitions for single INSERT" in str(error)
        if isinstance(error, ClientDataError) or code in _ROWS_AT_FAULT or too_many_partitions:
            return RowsRefusedError(str(error))
        if isinstance(error, OperationalError) or code is None:
            self.close()
            return StoreUnreachableError(_reason(error))
        if code in _PASSWORD_AT_FAULT:
            self.close()  # the next connection reads the password file again
        return StoreRefusedError(str(error), code)


def _reason(error: BaseException) -> str:
    """Names the address that did not answer, and why; the driver's text quotes its whole request instead."""
    address = _POOL.search(str(error))
    if address is None:
        return str(error)
    while isinstance(cause := getattr(error, "reason", None) or error.__cause__ or error.__context__, BaseException):
        error = cause
    return f"{address[1]}:{address[2]}: {getattr(error, 'strerror', None) or error}"


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
    Returns the store at `http://host:8123/lynceus`. Each connection reads the password file, since secrets may rotate.

    The path of the address is not used: a first migration finds no database there, and all names in SQL are qualified.
    """
    address = urlsplit(url)._replace(path="").geturl()
    # These libraries raise every failure that they log, and the inserter logs it once instead of at each attempt.
    for library in ("clickhouse_connect", "urllib3"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    settings = _SHARDED if sharded else {}

    def make_client() -> Client:
        return clickhouse_connect.get_client(
            dsn=address,
            username=username,
            password=_password(username, password_file),
            database=database,
            autogenerate_session_id=False,  # a session would serialise its queries
            dedicated_pool=True,  # so that close() closes its sockets
            connect_timeout=connect_timeout_s,
            send_receive_timeout=timeout_s,
            query_retries=0,
            settings=settings,
            tz_mode="aware",
        )

    return Store(make_client)


def _password(username: str, file: Path | None) -> str:
    try:
        return file.read_text(encoding="utf-8").strip() if file else ""
    except OSError as error:
        raise OperationalError(f"{file}: {error.strerror}; it holds the password of {username}") from error
