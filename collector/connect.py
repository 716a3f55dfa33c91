"""
Opens the store and the price books that settings name.

Errors that a user can fix are raised as Failure or SettingsError, with one sentence that names the remedy.
"""

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from collector.access.linked_tables import linked_settings
from collector.access.scope import ALL, Scope
from collector.access.table_filters import query_settings
from collector.catalog.schema import DATABASE, WRITER
from collector.prices import book
from collector.prices.lookup import Books
from collector.reports import report
from collector.settings.access import StoreUserSettings
from collector.settings.derived import data_dir, make_data_dir
from collector.settings.doors import is_loopback
from collector.settings.model import Settings, SettingsError
from collector.store.clickhouse import (
    ACCESS_DENIED,
    OF_REPLICAS,
    Store,
    StoreError,
    StoreRefusedError,
    StoreUnreachableError,
    connect,
)
from collector.store.embedded.run_folder import socket_of
from collector.store.sharded import SEQUENTIAL, reader_settings, writer_settings
from collector.store.socket_pool import HOST

log = logging.getLogger(__name__)

LOOK_S = 30
"""Time that a question may take by which it is found out what a user reads."""
VARIABLE = "LYNCEUS_TOKEN"
"""Environment variable with the token of a reader."""
_WRONG = "the token or password is wrong, has ended or was withdrawn; ask for a new one"
ABOUT_TOKENS: Mapping[int | None, str] = MappingProxyType(
    {
        194: f"it asks for a token; give it with --token-file FILE, or in the environment as {VARIABLE}",
        192: _WRONG,
        193: _WRONG,
        516: _WRONG,
    }
)
"""Refusals at the door, by ClickHouse's codes: REQUIRED_PASSWORD, UNKNOWN_USER, WRONG_PASSWORD, AUTHENTICATION_FAILED."""

USUAL_S = 60
"""Time that a query of a reader may take, unless it says otherwise."""


class ExternalError(Exception):
    """A failure outside the program; the text names the problem and the remedy."""


def books(settings: Settings, folder: Path) -> Books:
    """
    The price books in force; each must be in the settings' currency, or have an exchange rate to it.

    Default books without a rate are omitted, since no user chose them: a fleet on one cloud needs one of them.
    """
    loaded = book.load(settings.prices, folder, settings.currency)
    foreign = {product: loaded.bill_currency(product) for product in loaded.layers if not loaded.convertible(product)}
    if not foreign:
        return loaded
    if settings.prices == Settings().prices:
        log.warning(
            "default price books are omitted: they are billed in another currency, and no exchange rate is known",
            extra={"books": ", ".join(foreign), "currency": settings.currency},
        )
        return book.load([name for name in settings.prices if name not in foreign], folder, settings.currency)
    product, bill = next(iter(foreign.items()))
    remedy = f"add an `exchange` row {bill}/{settings.currency} to a file of `prices`"
    raise SettingsError(f"currency: is {settings.currency}, but {product} is billed in {bill}; {remedy}")


def books_with(settings: Settings, folder: Path, product: str, currency: str) -> Books:
    """The price books in force, in a currency; with the shipped book of a product that they lack."""
    chosen = currency or settings.currency
    loaded = book.load(settings.prices, folder, chosen)
    if product in loaded.layers:
        return loaded
    if product not in book.shipped_ids():
        known = ", ".join(sorted({*loaded.layers, *book.shipped_ids()}))
        raise report.ReportError(f"--product {product}: no such product, expected one of {known}")
    return book.load([*settings.prices, product], folder, chosen)


def reading_store(
    settings: Settings,
    url: str,
    *,
    sequential: bool = False,
    own: bool = False,
    timeout_s: int = USUAL_S,
    scope: Scope = ALL,
    linked: bool = False,
    token_file: Path | None = None,
) -> Store:
    """
    The store to read: the one at the URL, else the one of the settings, else the embedded one.

    `own`: for the collector that runs the embedded store, whose reads must neither wait for readers nor go to another's port.
    A sequential one refuses to answer rather than show pricing runs and months as they were before the last change.
    `timeout_s`: the store ends a query that runs for longer, and its answer is not waited for.
    `scope`: every query reads the rows of this scope alone; `linked`: of steps and pods those that belong to its rows.
    `token_file`: has the reader's token for the store at the URL and the embedded one; else the environment may have it.
    """
    if url:
        return connect(url, database=DATABASE, token=_reader_token(token_file, url))
    limit: dict[str, Any] = {} if timeout_s == USUAL_S else {"max_execution_time": timeout_s}
    required = linked_settings(scope) if linked else query_settings(scope)
    if not settings.store.url:
        limits = _Limits(timeout_s, limit, required)
        return _embedded_reader(settings, limits, own=own, token_file=token_file)
    return connect(
        settings.store.urls,
        settings.store.username,
        _password_file(settings),
        database=DATABASE,
        settings=(reader_settings() if settings.store.cluster else {}) | (SEQUENTIAL if sequential else {}) | limit,
        optional=True,
        required=required,
        timeout_s=timeout_s,
    )


def store_as(settings: Settings, user: StoreUserSettings, url: str) -> Store:
    """The store at one of its addresses, as a restricted user; statements name its database, which the user may not have."""
    return connect(
        url,
        user.username,
        Path(user.password_file) if user.password_file else None,
        timeout_s=LOOK_S,
        settings=reader_settings() if settings.store.cluster else {},
        optional=True,
    )


def writing_store(
    settings: Settings, timeout_s: int = 60, *, optional: bool = False, limit: Mapping[str, Any] = MappingProxyType({})
) -> Store:
    """
    The settings' store, to be written; the embedded one by the socket beside it, which only this user can open.

    Every statement carries the settings in `limit`.
    """
    if settings.store.url:
        sharded = bool(settings.store.cluster)
        usual = writer_settings(timeout_s, settings.store.insert_quorum) if sharded else SEQUENTIAL
        return connect(
            settings.store.urls,
            settings.store.username,
            _password_file(settings),
            timeout_s=timeout_s,
            settings={**usual, **limit},
            optional=optional,
            cluster=settings.store.cluster,
        )
    socket = socket_of(make_data_dir(settings) / "store")
    return connect(f"http://{HOST}", WRITER, timeout_s=timeout_s, settings=dict(limit), socket=socket)


class _Limits(NamedTuple):
    """What each query of a connection may take and read."""

    timeout_s: int
    settings: Mapping[str, Any]
    """In force where the store knows them."""
    required: Mapping[str, str]
    """Without them no query runs."""


def _embedded_reader(settings: Settings, limits: _Limits, *, own: bool, token_file: Path | None) -> Store:
    """The embedded store to read: by its socket, else at its address, where another user's program may listen."""
    socket: Path | None = socket_of(data_dir(settings) / "store")
    shut = settings.embedded.reader_token_file or settings.access.token_files
    named = token_file or os.environ.get(VARIABLE)
    token = ""
    if own or (shut and not named) or (os.access(str(socket), os.W_OK) and not token_file):
        address = f"http://{HOST}"
    else:
        address, socket = f"http://{settings.embedded.listen}", None
        token = _reader_token(token_file, address)
    return connect(
        address,
        token=token,
        database=DATABASE,
        socket=socket,
        timeout_s=limits.timeout_s,
        settings=dict(limits.settings),
        optional=True,
        required=limits.required,
    )


def _reader_token(file: Path | None, url: str) -> str:
    """The token of a reader, from a file or the environment; empty: there is none, and the store may be open."""
    try:
        token = (file.read_text(encoding="utf-8") if file else os.environ.get(VARIABLE, "")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--token-file {file}: {getattr(error, 'strerror', None) or 'is not text'}") from None
    if file and not token:
        raise SettingsError(f"--token-file {file}: is empty; `lynceus token create` writes a token once, keep it there")
    host = urlsplit(url).hostname or ""
    if token and url.startswith("http:") and not is_loopback(host):
        log.warning(
            "the token is sent unencrypted, over plain http; use https where others can listen", extra={"host": host}
        )
    return token


def _password_file(settings: Settings) -> Path | None:
    return Path(settings.store.password_file) if settings.store.password_file else None


def reader(settings: Settings, url: str, token_file: Path | None = None) -> report.Query:
    """A function that queries the store for reports; it raises Failure when the store does not answer."""
    store = reading_store(settings, url, token_file=token_file)

    def query(sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        with store_failures():
            return store.query_rows(sql, dict(parameters))

    return query


@contextlib.contextmanager
def store_failures() -> Iterator[None]:
    """Turns errors of the store into a Failure for as long as the block lasts."""
    try:
        yield
    except StoreUnreachableError as error:
        raise ExternalError(
            f"the store does not answer: {error}; start `lynceus run` or `lynceus demo`, or check --url"
        ) from None
    except StoreError as error:
        code = error.code if isinstance(error, StoreRefusedError) else None
        if code in ABOUT_TOKENS:
            raise ExternalError(f"the store refused: {ABOUT_TOKENS[code]}") from None
        words = OF_REPLICAS.get(error.code or 0, "") if isinstance(error, StoreRefusedError) else ""
        message = str(error).partition("server response: ")[2].partition(" (for url")[0]
        if code == ACCESS_DENIED:
            what = message.partition("DB::Exception: ")[2] or message or error
            raise report.NotPermittedError(
                f"not with these rights: {str(what).partition(' (ACCESS_DENIED)')[0]}"
            ) from None
        raise ExternalError(f"the store refused: {words and f'{words}: '}{message or error}") from None
