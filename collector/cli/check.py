"""The checks of `lynceus check`: settings, price books, clusters and their rights, archives and the store."""

import asyncio
from importlib.util import find_spec
from pathlib import Path

from msgspec.structs import replace

from collector.backfill.argo_server import ArchiveError, ArgoServer
from collector.catalog.schema import WRITER
from collector.checked import Check
from collector.cli.check_clusters import find_clusters
from collector.cli.check_delivery import check_delivery
from collector.cli.check_store_users import check_store_users
from collector.clock import now_ms
from collector.connect import ExternalError, books, writing_store
from collector.core.units import HOUR_MS
from collector.kube.address import ClusterAddress
from collector.kube.connection import Connection
from collector.kube.request import BROKEN
from collector.prices.book_yaml import BookError
from collector.service.copied_secrets import copied_once
from collector.settings.derived import make_data_dir
from collector.settings.model import ClusterSettings, Settings, SettingsError
from collector.settings.traces import TraceSettings
from collector.store.clickhouse import Store, StoreError
from collector.store.servers.examine import ExaminedStore, examine
from collector.store.servers.rights import grants, missing_rights
from collector.traces.open_receiver import open_receiver
from collector.traces.receiver import ReceiverAwayError, SpansRefusedError
from collector.watch import kinds, preflight
from collector.watch.role import COLLECTOR, role
from collector.web.readiness import STORE_REMEDIES

CHECK_S = 10
"""Time limit of the store's check, in seconds."""

TRACES_REMEDY = (
    "check traces.endpoint, its path included, traces.headers_file, and that the receiver takes OTLP over HTTP"
)

ENGINE_REMEDY = "set store.url to a ClickHouse server, or take the image with the engine (lynceus[embedded])"


async def run_checks(settings: Settings, folder: Path) -> list[Check]:
    """Runs all checks; a failure is a row and not an error."""
    rows: list[Check] = []
    try:
        loaded = books(settings, folder)
        rows.append(Check(True, "prices", ", ".join(loaded.names())))
    except (BookError, SettingsError) as error:
        rows.append(Check(False, "prices", str(error)))
    async with copied_once(settings) as copied:
        known, found = find_clusters(settings, copied)
        rows += found
        for checks in await asyncio.gather(*(_check_cluster(each.address, each.settings) for each in known)):
            rows += checks
    archives = [each.settings for each in known if each.settings.archive.url]
    rows += await asyncio.gather(*map(_check_archive, archives))
    if settings.traces.endpoint:
        rows.append(await asyncio.to_thread(_check_traces, settings.traces))
    rows += await asyncio.to_thread(check_delivery, settings.delivery)
    rows += await asyncio.gather(*(_check_store(one) for one in _by_address(settings)))
    return [*rows, *await asyncio.to_thread(check_store_users, settings)]


async def _check_cluster(address: ClusterAddress, cluster: ClusterSettings) -> list[Check]:
    async with Connection(address) as connection:
        resources = kinds.resources(labelled_pods=cluster.pods == "labelled")
        return await preflight.check_cluster(connection, resources, cluster.controller_namespace)


async def role_of(settings: Settings, name: str) -> str:
    """YAML of the rights of a collector in one cluster, for the identity that it has there; nothing is changed."""
    async with copied_once(settings) as copied:
        known = {each.address.name: each for each in find_clusters(settings, copied)[0]}
        if name not in known:
            raise SettingsError(f"--role {name}: no such cluster; choose one of {', '.join(known) or 'none'}")
        cluster = known[name].settings
        async with Connection(known[name].address) as connection:
            try:
                found = await preflight.who_we_are(connection)
            except BROKEN as error:
                raise ExternalError(f"--role {name}: {error}; `lynceus check` says more") from None
    watched = kinds.resources(labelled_pods=cluster.pods == "labelled")
    return role(watched, cluster.controller_namespace, found or COLLECTOR)


async def _check_archive(cluster: ClusterSettings) -> Check:
    """Lists the last hour of an archive; the number of workflows shows whether it is the right archive."""
    subject, now = f"cluster {cluster.name}: archive", now_ms()
    try:
        async with ArgoServer(cluster.archive) as server:
            found = await server.finished(now - HOUR_MS, now)
    except ArchiveError as error:
        return Check(False, subject, str(error))
    shown = f"{len(found)} workflows that started and finished within the last hour"
    return Check(True, subject, f"{server.place} shows {shown}")


def _check_traces(traces: TraceSettings) -> Check:
    """Sends a request without spans, which every receiver takes."""
    try:
        receiver = open_receiver(traces)
    except SettingsError as error:
        return Check(False, "traces", str(error).removeprefix("traces."))
    try:
        receiver.send({}, [])
    except (ReceiverAwayError, SpansRefusedError) as error:
        return Check(False, "traces", f"{traces.endpoint}: {error}", TRACES_REMEDY)
    finally:
        receiver.close()
    return Check(True, "traces", f"{traces.endpoint} takes traces")


def _by_address(settings: Settings) -> list[Settings]:
    """Returns the settings once for each address of the store: a collector would pass over one that is wrong or down."""
    return [replace(settings, store=replace(settings.store, url=url)) for url in settings.store.urls or ("",)]


def _check_embedded(settings: Settings) -> Check:
    """Checks what can be seen of the embedded store before it runs: its engine and its folder."""
    if find_spec("chdb") is None:
        return Check(False, "store", "the engine of the embedded store is not installed here", ENGINE_REMEDY)
    try:
        return Check(True, "store", f"embedded, in {make_data_dir(settings)}")
    except SettingsError as error:
        return Check(False, "store", str(error))


async def _check_store(settings: Settings) -> Check:
    """Checks the store at one address, or the embedded one."""
    if not settings.store.url:
        return _check_embedded(settings)
    address, store = settings.store.urls[0], writing_store(settings, timeout_s=CHECK_S, optional=True)
    try:
        reads_only = await asyncio.to_thread(_reads_only, store)
        missing = None if reads_only else await asyncio.to_thread(missing_rights, store, settings.store.cluster)
    except StoreError as error:
        remedy = STORE_REMEDIES.get(error.cause, "check store.url, and that the server is up")
        return Check(False, "store", f"{address}: {error}", remedy)
    if reads_only:
        detail = f"{address}: {settings.store.username} has read-only rights"
        return Check(False, "store", detail, STORE_REMEDIES["store_read_only"])
    if missing:
        lacks = ", ".join(f"{right.name} ON {right.on}" for right in missing)
        detail = f"{address}: {settings.store.username} lacks {lacks}"
        return Check(False, "store", detail, grants(missing, settings.store.username))
    return Check(True, "store", f"{address} answers, and {settings.store.username} may write")


def examine_store(settings: Settings) -> list[Check]:
    """Examines the store in depth; a failure is a row and not an error."""
    store = writing_store(settings, timeout_s=CHECK_S, optional=True)
    if settings.store.url:
        unreachable = "check store.url, and that the server is up"
        place = ExaminedStore(
            " or ".join(settings.store.urls), settings.store.username, settings.store.cluster, unreachable
        )
    else:
        place = ExaminedStore(f"the embedded store, {settings.embedded.listen}", WRITER, "", "start `lynceus run`")
    try:
        return examine(store, place)
    finally:
        store.close()


def _reads_only(store: Store) -> bool:
    """Whether the user's profile is read-only: no grant helps against that."""
    return store.query_rows("SELECT value FROM system.settings WHERE name = 'readonly'") != [("0",)]
