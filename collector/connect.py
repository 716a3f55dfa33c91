"""
Opens the store, the price books and the clusters' addresses that settings name.

Errors that a user can fix are raised as Failure or SettingsError, with one sentence that names the remedy.
"""

import contextlib
import dataclasses
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from collector.catalog.schema import DATABASE, WRITER
from collector.kube import credentials, discovery
from collector.kube.address import AddressError, ClusterAddress
from collector.prices import book
from collector.prices.lookup import Books
from collector.reports import report
from collector.settings.derived import data_dir, make_data_dir
from collector.settings.load import NAME
from collector.settings.model import ClusterSettings, Settings, SettingsError
from collector.store.clickhouse import (
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


class ExternalError(Exception):
    """A failure outside the program; the text names the problem and the remedy."""


def books(settings: Settings, folder: Path) -> Books:
    """The price books in force; each must be in the settings' currency, or have an exchange rate to it."""
    loaded = book.load(settings.prices, folder, settings.currency)
    for product in loaded.layers:
        if not loaded.convertible(product):
            bill = loaded.bill_currency(product)
            remedy = f"add an `exchange` row {bill}/{settings.currency} to a file of `prices`"
            raise SettingsError(f"currency: is {settings.currency}, but {product} is billed in {bill}; {remedy}")
    return loaded


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


def log_refused(path: Path, reason: str) -> None:
    """Logs that a cluster secret is not used."""
    log.error("a cluster secret is not used", extra={"path": str(path), "detail": reason})


def addresses(
    settings: Settings, refuse: Callable[[Path, str], object] = log_refused
) -> dict[str, tuple[ClusterAddress, ClusterSettings]]:
    """The clusters to watch, listed or discovered, by name; `refuse` gets each secret that is not used, and why."""
    try:
        found = [(_address(c), c) for c in settings.clusters]
        if settings.discovery.argocd_secrets:
            found += [(address, ClusterSettings(name=address.name)) for address in _secrets(settings, refuse)]
        if not found:
            found = [(address, ClusterSettings(name=address.name)) for address in discovery.current_contexts()]
    except AddressError as error:
        raise SettingsError(f"clusters: {error}") from None
    except OSError as error:
        raise SettingsError(f"discovery.argocd_secrets: {error.filename}: {error.strerror}") from None
    if not found:
        raise SettingsError("clusters: none to watch; list one, or create a kubeconfig with a context")
    plugins = settings.exec_plugins
    return {a.name: (dataclasses.replace(a, exec_plugins=plugins), cluster) for a, cluster in found}


def _secrets(settings: Settings, refuse: Callable[[Path, str], object]) -> list[ClusterAddress]:
    """The clusters of the folder of secrets whose names may be used and are not listed."""
    secrets = discovery.argocd_secrets(Path(settings.discovery.argocd_secrets))
    listed = {cluster.name for cluster in settings.clusters}
    for name, address in secrets.addresses.items():
        if not NAME.fullmatch(name):
            problem = (
                f"the name {name[:80]!r} must be lower-case letters, digits, `-`, `.` or `_`; rename it in Argo CD"
            )
            secrets.refused[address.argocd_secret or Path()] = problem
        elif name in listed:
            secrets.refused[address.argocd_secret or Path()] = f"`clusters` lists {name!r} already"
    for path, reason in secrets.refused.items():
        refuse(path, reason)
    return [address for address in secrets.addresses.values() if address.argocd_secret not in secrets.refused]


def _address(cluster: ClusterSettings) -> ClusterAddress:
    # A context names a cluster of a kubeconfig: our own cluster must not be watched under its name.
    in_cluster = not (cluster.kubeconfig or cluster.context) and (credentials.SERVICE_ACCOUNT / "token").exists()
    path = Path(cluster.kubeconfig).expanduser() if cluster.kubeconfig else None
    return ClusterAddress(cluster.name, path, cluster.context or None, in_cluster, cluster.allow_insecure)


def reading_store(settings: Settings, url: str, *, sequential: bool = False, own: bool = False) -> Store:
    """
    The store to read: the one at the URL, else the one of the settings, else the embedded one.

    `own`: for the collector that runs the embedded store, whose reads must neither wait for readers nor go to another's port.
    A sequential one refuses to answer rather than show pricing runs and months as they were before the last change.
    """
    if url:
        return connect(url, database=DATABASE)
    if not settings.store.url:
        return _embedded_reader(settings, own=own)
    return connect(
        settings.store.urls,
        settings.store.username,
        _password_file(settings),
        database=DATABASE,
        settings=(reader_settings() if settings.store.cluster else {}) | (SEQUENTIAL if sequential else {}),
        optional=True,
    )


def writing_store(settings: Settings, timeout_s: int = 60, *, optional: bool = False) -> Store:
    """The settings' store, to be written; the embedded one by the socket beside it, which only this user can open."""
    if settings.store.url:
        sharded = bool(settings.store.cluster)
        return connect(
            settings.store.urls,
            settings.store.username,
            _password_file(settings),
            timeout_s=timeout_s,
            settings=writer_settings(timeout_s, settings.store.insert_quorum) if sharded else dict(SEQUENTIAL),
            optional=optional,
            cluster=settings.store.cluster,
        )
    return connect(f"http://{HOST}", WRITER, timeout_s=timeout_s, socket=socket_of(make_data_dir(settings) / "store"))


def _embedded_reader(settings: Settings, *, own: bool) -> Store:
    """The embedded store to read: by its socket, else at its address, where another user's program may listen."""
    socket, token = socket_of(data_dir(settings) / "store"), settings.embedded.reader_token_file
    if own or token or os.access(socket, os.W_OK):
        return connect(f"http://{HOST}", database=DATABASE, socket=socket)
    return connect(f"http://{settings.embedded.listen}", database=DATABASE)


def _password_file(settings: Settings) -> Path | None:
    return Path(settings.store.password_file) if settings.store.password_file else None


def reader(settings: Settings, url: str) -> report.Query:
    """A function that queries the store for reports; it raises Failure when the store does not answer."""
    store = reading_store(settings, url)

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
        words = OF_REPLICAS.get(error.code or 0, "") if isinstance(error, StoreRefusedError) else ""
        message = str(error).partition("server response: ")[2].partition(" (for url")[0]
        raise ExternalError(f"the store refused: {words and f'{words}: '}{message or error}") from None
