"""
The store as its clients see it: one ClickHouse HTTP address, of a cluster or of the embedded store.

Blocking: callers with an event loop use a worker thread. The type of an error decides what happens next:
after StoreUnreachableError and StoreRefusedError the same bytes are sent again, after RowsRefusedError never.
Values are bound, never written into SQL; identifiers come from the catalogue.
"""

import logging
import re
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from clickhouse_connect.driver.exceptions import DataError as ClientDataError
from clickhouse_connect.driver.httpclient import HttpClient

from collector.catalog.rollups import Housekeeping
from collector.catalog.schema import DATABASE, Table
from collector.core.model import Instant
from collector.store.client_settings import carry, fit_quorum, require
from collector.store.sharded import IN_ORDER, STORED, Settings, writer_settings
from collector.store.socket_pool import HOST, socket_pools

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

_AWAITS_QUORUM = 286
"""UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE: another insert in order is under way, and ends soon unless replicas are down."""
_AWAIT_QUORUM_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)

_FIXED_SETTING = re.compile(r"Setting \w+ is (?:unknown or )?readonly")
"""The driver's own refusal of a setting that the user's profile does not let change, before it sends anything."""
_READONLY = 164

_OF_ONE_SERVER = frozenset({
    225,  # NO_ZOOKEEPER
    242,  # TABLE_IS_READ_ONLY
    289,  # REPLICA_IS_NOT_IN_QUORUM
    999,  # KEEPER_EXCEPTION
})  # fmt: skip
"""Another server of the cluster may well do it: the next connection is to the next address."""

OF_REPLICAS = {
    285: "fewer replicas are up than must have a row (store.insert_quorum)",
    _AWAITS_QUORUM: "an earlier insert still waits for its replicas",
    289: "this server lacks rows that other replicas have",
    319: "not enough replicas have the rows yet; they may appear later, so look before you repeat a command",
    369: "every replica of a shard lags",
}
"""Refusals for the sake of replicas, in words: TOO_FEW_LIVE_REPLICAS, UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE,
REPLICA_IS_NOT_IN_QUORUM, UNKNOWN_STATUS_OF_INSERT, ALL_REPLICAS_ARE_STALE."""

ACCESS_DENIED = 497
"""An account may not read or change this."""

_CAUSES = {
    **dict.fromkeys(_PASSWORD_AT_FAULT, "store_password"),
    _READONLY: "store_read_only",
    ACCESS_DENIED: "store_read_only",
    243: "store_disk_full",        # NOT_ENOUGH_SPACE
    241: "store_overloaded",       # MEMORY_LIMIT_EXCEEDED
    202: "store_overloaded",       # TOO_MANY_SIMULTANEOUS_QUERIES
    _TOO_MANY_PARTS: "store_overloaded",
    **dict.fromkeys(OF_REPLICAS, "store_replicas"),
}  # fmt: skip
"""What a refusal means for the operator; the numbers are ClickHouse's, src/Common/ErrorCodes.cpp."""

_ALWAYS: dict[str, Any] = {"autogenerate_session_id": False, "query_retries": 0, "tz_mode": "aware"}
"""Of each connection. A session would serialise its queries; who asks decides what is asked again."""

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
        super().__init__(f"{OF_REPLICAS[code]}: {text}" if code in OF_REPLICAS else text)
        self.code = code

    @property
    def cause(self) -> str:
        return _CAUSES.get(self.code or 0, "store_refuses")


class RowsRefusedError(StoreError):
    """The rows can never be stored."""


Row = Sequence[Any]


class StoreRows(Protocol):
    """What reads rows: a connection, or one that shows a visitor's alone."""

    def query_rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]: ...

    def query_stream(self, sql: str, parameters: dict[str, Any] | None = None) -> Iterator[tuple[Any, ...]]: ...


class Store:
    """A connection that opens when it is first needed, and again after it broke."""

    _of_all: Settings = {}  # noqa: RUF012 - replaced, never changed
    """Settings of inserts into tables that all servers have whole, beside those of the connection."""

    def __init__(self, make_client: Callable[[], Client], cluster: str = ""):
        self._make_client, self._cluster = make_client, cluster
        self._client: Client | None = None

    @property
    def address(self) -> str:
        """The server that it is connected to, `http://host:port`; empty while it is not."""
        client = self._client
        return str(getattr(client, "url", "")) if client else ""

    def insert(self, table: Table | Housekeeping, rows: Sequence[Row], token: str, *, database: str = DATABASE) -> None:
        """
        Stores rows, given in the order of the table's columns, and waits for that. Harmless to repeat.

        A replicated table takes a token once; rows that come with it later are dropped, and the insert succeeds.
        """
        columns = table.stored

        def insert(client: Client) -> None:
            client.insert(
                table.name,
                rows,
                database=database,
                column_names=[column.name for column in columns],
                column_type_names=[column.type for column in columns],
                settings=self._of_insert(table, token),
            )

        try:
            self._call_patiently(insert)
        except _VALUE_ERRORS as error:
            raise RowsRefusedError(f"{type(error).__name__}: {error}") from error

    def insert_json(self, table: Table, lines: bytes, token: str) -> None:
        """Stores rows that are JSON arrays, one a line: for millions of rows, which the driver would convert one by one."""
        names = [column.name for column in table.stored]

        def insert(client: Client) -> None:
            settings = self._of_insert(table, token)
            client.raw_insert(f"{DATABASE}.{table.name}", names, lines, settings=settings, fmt="JSONCompactEachRow")

        self._call_patiently(insert)

    def _of_insert(self, table: Table | Housekeeping, token: str) -> dict[str, Any]:
        settings = {**STORED, "insert_deduplication_token": token}
        return settings if table.shard_by else settings | IN_ORDER | self._of_all

    def query_rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Returns the rows of a query; `{name:Type}` in the query stands for a parameter."""
        return [tuple(row) for row in self._call(lambda client: client.query(sql, parameters)).result_rows]

    def query_stream(self, sql: str, parameters: dict[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
        """Yields the rows of a query as they arrive, so that a large answer is not in memory twice."""
        at_once = {"wait_end_of_query": 0}
        with self._call(lambda client: client.query_rows_stream(sql, parameters, settings=at_once)) as rows:
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

    def command(self, sql: str, parameters: dict[str, Any] | None = None, settings: Settings | None = None) -> None:
        """Runs a statement that has no result."""
        self._call(lambda client: client.command(sql, parameters, settings=settings, use_database=False))

    def run_on_cluster(self, sql: str, settings: Settings) -> list[list[str]]:
        """Runs a statement on all servers; returns what each of them answers, as text."""
        answer = self._call(lambda client: client.raw_query(sql, settings=settings, use_database=False))
        return [line.split("\t") for line in bytes(answer).decode().splitlines()]

    def answer(self, sql: str) -> str:
        """Returns the one value that a statement outside of SELECT answers, like CHECK GRANT."""
        return str(self._call(lambda client: client.command(sql, use_database=False)))

    def ping(self) -> Instant:
        """Returns the time of the store's clock; raises when the store does not answer a query."""
        ((now,),) = self.query_rows("SELECT toUnixTimestamp64Milli(now64(3))")
        return int(now)

    def close(self) -> None:
        """Closes the connection; the next call opens a new one."""
        if self._client is not None:
            self._client.close()
            if isinstance(self._client, HttpClient):
                self._client.http.clear()  # also a pool that was given to the driver
            self._client = None

    def _call_patiently(self, request: Callable[[Client], Any]) -> Any:
        """Repeats a request for a few seconds while another insert in order is under way."""
        for pause in _AWAIT_QUORUM_S:
            try:
                return self._call(request)
            except StoreRefusedError as error:
                if error.code != _AWAITS_QUORUM:
                    raise
            time.sleep(pause)
        return self._call(request)

    def _call(self, request: Callable[[Client], Any]) -> Any:
        try:
            if self._client is None:
                self._client = self._make_client()
                self._of_all = fit_quorum(self._client, self._cluster) if self._cluster else {}
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
        if fixed := _FIXED_SETTING.search(str(error)):
            return StoreRefusedError(fixed[0], _READONLY)
        if isinstance(error, OperationalError) or code is None:
            self.close()
            return StoreUnreachableError(_reason(error))
        if code in _PASSWORD_AT_FAULT:
            self.close()  # the next connection reads the password file again
        if code in _OF_ONE_SERVER:
            self.close()
        return StoreRefusedError(str(error), code)


def _reason(error: BaseException) -> str:
    """Names the address that did not answer, and why; the driver's text quotes its whole request instead."""
    address = _POOL.search(str(error))
    if address is None:
        return str(error)
    while isinstance(cause := getattr(error, "reason", None) or error.__cause__ or error.__context__, BaseException):
        error = cause
    place = "the embedded store" if address[1] == HOST else f"{address[1]}:{address[2]}"
    return f"{place}: {getattr(error, 'strerror', None) or error}"


class Addresses:
    """Opens a connection to one of several servers; another one is chosen only after a failure."""

    def __init__(self, addresses: Sequence[str], open_client: Callable[[str], Client]):
        self._addresses, self._open_client = addresses, open_client
        self._chosen = 0
        self._is_first = True

    def __call__(self) -> Client:
        """Connects to the chosen server, else to the next that answers. Connecting again means that this one failed."""
        if not self._is_first:
            self._next()
        self._is_first = False
        failures: list[str] = []
        for _ in self._addresses:
            try:
                return self._open_client(self._addresses[self._chosen])
            except (OperationalError, OSError) as error:
                if len(self._addresses) == 1:
                    raise
                failures.append(_reason(error))
                self._next()
        raise OperationalError("; ".join(failures))

    def _next(self) -> None:
        self._chosen = (self._chosen + 1) % len(self._addresses)


def connect(
    url: str | Sequence[str],
    username: str = "default",
    password_file: Path | None = None,
    *,
    database: str = "",
    timeout_s: int = 60,
    connect_timeout_s: int = 5,
    sharded: bool = False,
    settings: Settings | None = None,
    optional: bool = False,
    required: Mapping[str, str] = MappingProxyType({}),
    cluster: str = "",
    socket: Path | None = None,
    token: str = "",
) -> Store:
    """
    Returns the store at `http://host:8123/lynceus`. Each connection reads the password file, since secrets may rotate.

    One of several addresses is used until it fails; a `socket` replaces it. `sharded` chooses a cluster's settings.
    `token` takes the place of a password. `optional` drops settings that the server refuses to change, but none of `required`.
    """
    chosen = settings if settings is not None else writer_settings(timeout_s) if sharded else {}
    _silence()

    def open_client(address: str) -> Client:
        client = clickhouse_connect.get_client(
            dsn=urlsplit(address)._replace(path="").geturl(),  # before a first migration there is no database
            username=username,
            password=token or _password(username, password_file),
            database=database,
            dedicated_pool=socket is None,  # so that close() closes its sockets
            pool_mgr=socket_pools(socket) if socket else None,
            connect_timeout=connect_timeout_s,
            send_receive_timeout=timeout_s,
            **_ALWAYS,
        )
        return require(carry(client, chosen, optional=optional), required)

    return Store(Addresses([url] if isinstance(url, str) else url, open_client), cluster)


def _silence() -> None:
    """These libraries raise every failure that they log, and the inserter logs it once instead of at each attempt."""
    for library in ("clickhouse_connect", "urllib3"):
        logging.getLogger(library).setLevel(logging.CRITICAL)


def _password(username: str, file: Path | None) -> str:
    try:
        return file.read_text(encoding="utf-8").strip() if file else ""
    except OSError as error:
        raise OperationalError(f"{file}: {error.strerror}; it holds the password of {username}") from error
