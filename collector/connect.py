"""
What a command asks of the outside without running the collector: the clusters and books that settings name, and the store.

Every trouble that a user can mend becomes a Failure or a SettingsError of one sentence here.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from collector.backfill.argo_server import ArchiveError, ArgoServer
from collector.catalog.schema import DATABASE
from collector.clock import now_ms
from collector.kube import discovery
from collector.kube.address import AddressError, ClusterAddress
from collector.kube.connection import Connection
from collector.prices import book
from collector.reports import report
from collector.settings import load as configuration
from collector.settings.load import ClusterSettings, Settings, SettingsError
from collector.store.clickhouse import Store, StoreError, StoreUnreachableError, connect
from collector.store.schema import migrate as migrations
from collector.watch import kinds, preflight
from collector.web.readiness import STORE_REMEDIES

EMBEDDED_WRITER = "lynceus"
"""The user of the embedded store that may write."""

CHECK_S = 10
"""For how long a check waits for the store."""

HOUR_MS = 3_600_000


class Failure(Exception):  # noqa: N818 - it is what the user is told, not a type to catch
    """Something outside did not work; the text says what, and what to do."""


def books(settings: Settings, folder: Path) -> book.Books:
    """The price books in force; each must be in the settings' currency, or be told a rate of exchange."""
    loaded = book.load(settings.prices, folder, settings.currency)
    for product in loaded.layers:
        if not loaded.convertible(product):
            bill = loaded.bill_currency(product)
            remedy = f"give a file of `prices` an `exchange` row {bill}/{settings.currency}"
            raise SettingsError(f"currency: is {settings.currency}, but {product} is billed in {bill}; {remedy}")
    return loaded


def books_with(settings: Settings, folder: Path, product: str, currency: str) -> book.Books:
    """The price books in force and, where they leave a product out, its shipped one; amounts in a currency."""
    chosen = currency or settings.currency
    loaded = book.load(settings.prices, folder, chosen)
    if product in loaded.layers:
        return loaded
    if product not in book.shipped_ids():
        known = ", ".join(sorted({*loaded.layers, *book.shipped_ids()}))
        raise report.ReportError(f"--product {product}: no such product; there are {known}")
    return book.load([*settings.prices, product], folder, chosen)


def addresses(settings: Settings) -> dict[str, tuple[ClusterAddress, ClusterSettings]]:
    """The clusters to watch, listed or discovered, by name."""
    try:
        found = [(_address(c), c) for c in settings.clusters]
        if settings.discovery.argocd_secrets:
            secrets = discovery.argocd_secrets(Path(settings.discovery.argocd_secrets))
            found += [(address, ClusterSettings(name=address.name)) for address in secrets]
        if not found:
            found = [(address, ClusterSettings(name=address.name)) for address in discovery.current_contexts()]
    except AddressError as error:
        raise SettingsError(f"clusters: {error}") from None
    except OSError as error:
        raise SettingsError(f"discovery.argocd_secrets: {error.filename}: {error.strerror}") from None
    if not found:
        raise SettingsError("clusters: there is none to watch; list one, or make a kubeconfig with a context")
    return {address.name: (address, cluster) for address, cluster in found}


def _address(cluster: ClusterSettings) -> ClusterAddress:
    in_cluster = not cluster.kubeconfig and Path("/var/run/secrets/kubernetes.io/serviceaccount/token").exists()
    path = Path(cluster.kubeconfig).expanduser() if cluster.kubeconfig else None
    return ClusterAddress(cluster.name, path, cluster.context or None, in_cluster, cluster.allow_insecure)


def reading_store(settings: Settings, url: str) -> Store:
    """The store to be read: the one given, else the settings', else the embedded one."""
    if url or not settings.store.url:
        return connect(url or f"http://{settings.embedded.listen}", database=DATABASE)
    password = Path(settings.store.password_file) if settings.store.password_file else None
    return connect(
        settings.store.url, settings.store.username, password, database=DATABASE, sharded=bool(settings.store.cluster)
    )


def writing_store(settings: Settings, timeout_s: int = 60) -> Store:
    """The settings' store, to be written; the embedded one takes its writer's token from the data directory."""
    if settings.store.url:
        password = Path(settings.store.password_file) if settings.store.password_file else None
        return connect(
            settings.store.url,
            settings.store.username,
            password,
            timeout_s=timeout_s,
            sharded=bool(settings.store.cluster),
        )
    token = configuration.data_dir(settings) / "store.token"
    return connect(f"http://{settings.embedded.listen}", EMBEDDED_WRITER, token, timeout_s=timeout_s)


def reader(settings: Settings, url: str) -> report.Query:
    """What reports ask; Failure when the store does not answer."""
    store = reading_store(settings, url)

    def query(sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        with store_failures():
            return store.query_rows(sql, dict(parameters))

    return query


def ask(settings: Settings, url: str, query: str, form: str) -> bytes:
    """The answer to one statement, in a ClickHouse format."""
    with store_failures():
        return reading_store(settings, url).query_bytes(query, form)


@contextlib.contextmanager
def store_failures() -> Iterator[None]:
    """Trouble with the store as a Failure, for as long as the block lasts."""
    try:
        yield
    except StoreUnreachableError as error:
        raise Failure(
            f"the store does not answer: {error}; is `lynceus run` or `lynceus demo` up, or --url right?"
        ) from None
    except StoreError as error:
        said = str(error).partition("server response: ")[2].partition(" (for url")[0]
        raise Failure(f"the store refused: {said or error}") from None


def migrate(settings: Settings, dry_run: bool) -> list[str]:
    """Migrate the settings' store; lines for the user. A dry run gives the SQL."""
    if not settings.store.url:
        raise SettingsError("store.url: migrate needs one; the embedded store is migrated by `lynceus run` itself")
    password = Path(settings.store.password_file) if settings.store.password_file else None
    store = connect(settings.store.url, settings.store.username, password)
    with store_failures():
        try:
            applied = migrations.migrate(store, settings.store.cluster, dry_run=dry_run)
        except migrations.SchemaError as error:
            raise Failure(str(error)) from None
    if dry_run:
        return [
            f"{one};" for m in applied for s in m.statements for one in migrations.rendered(s, settings.store.cluster)
        ]
    return [f"applied {m.name}" for m in applied] or ["up to date"]


async def check(settings: Settings, folder: Path) -> list[preflight.Check]:
    """One row for each thing that must be right; whatever is wrong is a row and not an error."""
    rows: list[preflight.Check] = []
    try:
        loaded = books(settings, folder)
        rows.append(preflight.Check(True, "prices", ", ".join(loaded.names())))
    except (book.BookError, SettingsError) as error:
        rows.append(preflight.Check(False, "prices", str(error)))
    known: dict[str, tuple[ClusterAddress, ClusterSettings]] = {}
    try:
        known = addresses(settings)
    except SettingsError as error:
        rows.append(preflight.Check(False, "clusters", str(error).removeprefix("clusters: ")))
    checks = await asyncio.gather(*(_check(address, cluster) for address, cluster in known.values()))
    rows += [row for rows_of_one in checks for row in rows_of_one]
    archives = [cluster for cluster in settings.clusters if cluster.archive.url]
    rows += await asyncio.gather(*map(_check_archive, archives))
    return [*rows, await _check_store(settings)]


async def _check(address: ClusterAddress, cluster: ClusterSettings) -> list[preflight.Check]:
    async with Connection(address) as connection:
        resources = kinds.resources(labelled_pods=cluster.pods == "labelled")
        return await preflight.check_cluster(connection, resources, cluster.controller_namespace)


async def _check_archive(cluster: ClusterSettings) -> preflight.Check:
    """Whether Argo's archive can be listed; what it shows of the last hour tells whether it is the right one."""
    subject, now = f"cluster {cluster.name}: archive", now_ms()
    try:
        async with ArgoServer(cluster.archive) as server:
            found = await server.finished(now - HOUR_MS, now)
    except ArchiveError as error:
        return preflight.Check(False, subject, str(error))
    shown = f"{len(found)} workflows that began within the last hour and have ended"
    return preflight.Check(True, subject, f"{server.place} shows {shown}")


async def _check_store(settings: Settings) -> preflight.Check:
    if not settings.store.url:
        try:
            data = configuration.data_dir(settings)
        except SettingsError as error:
            return preflight.Check(False, "store", str(error))
        return preflight.Check(True, "store", f"embedded, in {data}")
    try:
        reads_only = await asyncio.to_thread(_reads_only, writing_store(settings, timeout_s=CHECK_S))
    except StoreError as error:
        remedy = STORE_REMEDIES.get(error.cause, "check store.url, and that the server is up")
        return preflight.Check(False, "store", f"{settings.store.url}: {error}", remedy)
    if reads_only:
        detail = f"{settings.store.url}: {settings.store.username} may only read"
        return preflight.Check(False, "store", detail, STORE_REMEDIES["store_read_only"])
    return preflight.Check(True, "store", f"{settings.store.url} answers, and {settings.store.username} may write")


def _reads_only(store: Store) -> bool:
    """By the user's profile; a right that was not granted shows at the first insert only, and in `/readyz`."""
    return store.query_rows("SELECT value FROM system.settings WHERE name = 'readonly'") != [("0",)]


def serve_store(path: Path, listen: str, token_file: Path | None, until_stdin_closes: bool) -> int:
    """`lynceus store`, in this process."""
    # Imported here and nowhere else: it loads the engine, 300 MB that no other command needs.
    from collector.store.embedded import server as embedded

    arguments = ["--path", str(path), "--listen", listen]
    arguments += ["--token-file", str(token_file)] if token_file else []
    return embedded.main([*arguments, *(["--until-stdin-closes"] if until_stdin_closes else [])])
