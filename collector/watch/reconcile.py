"""
A periodic list of metadata, compared with the watch: etcd and API servers have lost events before.

A list's pages are read one at a time under the cluster's lock for lists, so that two lists never run at once. Nothing is
concluded while the watch itself lists, nor before it has reached the list's version. differences.py defines a difference;
here each one is checked again, repaired and counted.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

import aiohttp
import msgspec

from collector.clock import now_ms
from collector.core.facts.watches import Reconciled
from collector.core.model import Instant, version_of
from collector.core.objects import kubernetes, structs
from collector.core.objects.kubernetes import Kind
from collector.kube.connection import Connection
from collector.kube.request import BROKEN, TooLargeError, fetch
from collector.watch.api_errors import Trouble, trouble_of
from collector.watch.differences import Differences, differences
from collector.watch.pages import UNDECODABLE, Listed, Pages, oversized, version_number
from collector.watch.protocol import Watch
from collector.watch.reflector import Sink
from collector.watch.requests import LARGEST_PAGE_BYTES, Listing, Request

log = logging.getLogger(__name__)

IsRelevant = Callable[[Kind, kubernetes.Meta], bool]
"""Whether facts depend on an object: pods of other owners are watched, and not restored after a restart."""

AFTER_LIST_S = 60.0
"""Until the first list after the watch itself has listed, which it does after a gap."""
AGAIN_S = 600.0
"""Until the next list after one that failed or left differences."""
CATCH_UP_S = 180.0
"""Time for the watch to reach the list's version: a quiet watch does so with a bookmark, about once a minute."""
MOST_FETCHED = 1_000
"""Objects repaired after one list; the others are repaired after the next."""
WITHIN = aiohttp.ClientTimeout(total=300, sock_connect=10, sock_read=60)
METADATA = {
    "Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json",
    "Accept-Encoding": "gzip",
}


class ListedVersions(NamedTuple):
    """The compared part of a list."""

    at: int
    """The collection's version, epoch included."""
    versions: dict[str, int]
    news: dict[str, kubernetes.Meta]
    """The objects that the watch had not yet observed in this version when their page arrived."""
    shown_at: Instant = 0
    """When the first page arrived: all pages show what existed then."""


@dataclass
class Reconciler:
    """One kind of one cluster."""

    connection: Connection
    watch: Watch
    sink: Sink
    lists: asyncio.Lock
    is_relevant: IsRelevant
    catch_up_s: float = CATCH_UP_S
    lists_seen: int = -1
    """Number of the watch's own lists when this was last due."""
    due_s: float = 0.0
    _pages: Pages = field(init=False)

    def __post_init__(self) -> None:
        self._pages = Pages(self.watch.resource.kind, kubernetes.PartialObject)

    async def reconcile(self) -> Reconciled | None:
        """Lists, compares, repairs and reports; None if the list was not completed. Raises one of BROKEN."""
        ledger, began = self.watch.ledger, now_ms()
        ledger.departed = set()
        try:
            listings = self.watch.listings
            compared = await self._compare(listings)
            if compared is None:
                return None
            snapshot, found = compared
            at = now_ms()
            repaired = await self._repair(snapshot, found, listings)
        finally:
            ledger.departed = None
        report = Reconciled(
            cluster=self.watch.cluster,
            kind=self.watch.resource.kind,
            at=at,
            version=1,
            objects=len(snapshot.versions),
            missing=len(found.missing),
            stale=len(found.stale),
            phantom=len(found.phantom),
            repaired=repaired,
            duration_ms=max(0, at - began),
        )
        self.sink([report])
        return report

    async def _compare(self, listings: int) -> tuple[ListedVersions, Differences] | None:
        """Lists and compares; objects that the list lacks are looked for in a second list."""
        snapshot = await self._list(listings)
        found = self._differences(snapshot) if snapshot else None
        if snapshot is None or found is None or not found.phantom:
            return (snapshot, found) if snapshot and found else None
        again = await self._list(listings)
        if again is None:
            return None
        gone = found.phantom & self._differences(again).phantom
        return snapshot, msgspec.structs.replace(found, phantom=gone)

    def _differences(self, snapshot: ListedVersions) -> Differences:
        ledger, kind = self.watch.ledger, self.watch.resource.kind
        found = differences(snapshot.versions, snapshot.at, ledger.known, ledger.departed or ())
        relevant = frozenset(uid for uid in found.missing if self.is_relevant(kind, snapshot.news[uid]))
        return msgspec.structs.replace(found, missing=relevant)

    async def _list(self, listings: int) -> ListedVersions | None:
        """Lists, and waits for the watch to reach the list's version; None if the watch listed meanwhile or the list failed."""
        listing, snapshot = Listing(self.watch.resource), ListedVersions(0, {}, {})
        while not listing.done:
            if not self._steady(listings):
                return None
            page, size = await self._page(listing.request())
            if isinstance(page, Trouble) and page.cause == "oversized" and listing.shrink():
                continue
            trouble = page if isinstance(page, Trouble) else listing.take(page.token, size, len(page.objects))
            if isinstance(page, Trouble) or trouble is not None:
                detail = trouble.detail if trouble else ""
                log.warning("a list for reconciliation failed", extra=self.about() | {"detail": detail})
                return None
            snapshot = self._add_page(snapshot, page)
        return snapshot if await self._caught_up(snapshot.at, listings) else None

    async def _page(self, request: Request) -> tuple[Listed | Trouble, int]:
        try:
            async with self.lists:
                status, headers, body = await fetch(
                    self.connection,
                    "GET",
                    request.path,
                    params=request.params,
                    headers=METADATA,
                    within=WITHIN,
                    largest=LARGEST_PAGE_BYTES,
                )
        except TooLargeError:
            return oversized(f"{LARGEST_PAGE_BYTES // 2**20} MiB"), 0
        if status != 200:
            return trouble_of(status, headers, body, now_ms()), 0
        return self._pages.decode(status, headers, body), len(body)

    def _add_page(self, snapshot: ListedVersions, page: Listed) -> ListedVersions:
        ledger = self.watch.ledger
        for item in page.objects:
            meta = item.metadata
            number = version_number(meta.resourceVersion)
            if not meta.uid or not number:
                continue
            version = snapshot.versions[meta.uid] = version_of(ledger.epoch, number)
            if version > ledger.known.get(meta.uid, -1):
                snapshot.news[meta.uid] = meta
        at = version_of(ledger.epoch, page.resource_version)
        return snapshot._replace(at=at, shown_at=snapshot.shown_at or now_ms())

    def _steady(self, listings: int) -> bool:
        """Whether the watch has continued without a list of its own since."""
        return self.watch.synced and not self.watch.is_listing and self.watch.listings == listings

    async def _caught_up(self, at: int, listings: int) -> bool:
        """Waits until the watch has observed everything up to a version; returns whether it has."""
        clock, pause_s = asyncio.get_running_loop().time, min(1.0, self.catch_up_s / 20)
        until = clock() + self.catch_up_s
        while self._steady(listings) and clock() < until:
            if self.watch.ledger.position >= at:
                return True
            await asyncio.sleep(pause_s)
        return False

    async def _repair(self, snapshot: ListedVersions, found: Differences, listings: int) -> int:
        """Observes the differences as a list would show them; returns the number of repaired objects."""
        ledger, repaired = self.watch.ledger, len(found.phantom)
        if found.phantom:
            self.sink([ledger.observe_vanished(uid, snapshot.shown_at) for uid in sorted(found.phantom)])
        for uid in sorted(found.missing | found.stale)[:MOST_FETCHED]:
            obj = await self._fetch(snapshot.news[uid])
            if not self._steady(listings):
                break  # a running list may be older than this object, which would look like a restored etcd
            if obj is None or obj.metadata.uid != uid or uid in (ledger.departed or ()):
                continue
            if seen := ledger.observe_fetched(obj, now_ms()):
                self.sink([seen])
            repaired += 1
        return repaired

    async def _fetch(self, meta: kubernetes.Meta) -> Any:
        """Reads the whole object; None if it is gone or cannot be read."""
        resource = self.watch.resource
        root, _, plural = resource.path.rpartition("/")
        path = f"{root}/namespaces/{meta.namespace}/{plural}/{meta.name}"
        try:
            status, _, body = await fetch(self.connection, "GET", path, largest=LARGEST_PAGE_BYTES)
            return msgspec.json.decode(body, type=structs.OBJECT_OF[resource.kind]) if status == 200 else None
        except (*BROKEN, *UNDECODABLE):
            return None

    def about(self) -> dict[str, object]:
        """The cluster and the kind, for the log."""
        return {"cluster": self.watch.cluster, "resource": self.watch.resource.kind}


async def reconcile_for_ever(
    connection: Connection,
    watches: Sequence[Watch],
    *,
    sink: Sink,
    lists: asyncio.Lock,
    is_relevant: IsRelevant,
    every_s: float,
    dice: Random | None = None,
) -> None:
    """Reconciles the kinds until cancelled, one after the other: every `every_s`, and soon after the watch itself listed."""
    dice, clock = dice or Random(), asyncio.get_running_loop().time
    kinds = [Reconciler(connection, watch, sink, lists, is_relevant) for watch in watches]
    for kind in kinds:
        kind.lists_seen, kind.due_s = kind.watch.listings, clock() + every_s * dice.uniform(0.1, 0.5)
    while True:
        await asyncio.sleep(min(AFTER_LIST_S, every_s) * dice.uniform(0.1, 0.2))
        for kind in _due(kinds, clock(), min(AFTER_LIST_S, every_s) * dice.uniform(0.5, 1.5)):
            report = await _try(kind)
            well = report is not None and report.repaired == report.missing + report.stale + report.phantom
            kind.due_s = clock() + dice.uniform(0.9, 1.1) * (every_s if well else min(AGAIN_S, every_s))


def _due(kinds: Iterable[Reconciler], now_s: float, soon_s: float) -> list[Reconciler]:
    """The kinds that are due; after a list of the watch itself a kind is due soon."""
    for kind in kinds:
        if kind.watch.listings != kind.lists_seen:
            kind.lists_seen, kind.due_s = kind.watch.listings, min(kind.due_s, now_s + soon_s)
    return [kind for kind in kinds if now_s >= kind.due_s]


async def _try(kind: Reconciler) -> Reconciled | None:
    about = kind.about()
    try:
        report = await kind.reconcile()
    except BROKEN as error:
        log.warning(
            "a list for reconciliation failed", extra=about | {"detail": str(error)[:300] or type(error).__name__}
        )
        return None
    if report and (report.missing or report.stale or report.phantom):
        log.warning(
            "the watch missed changes that a list shows",
            extra=about
            | {
                "missing": report.missing,
                "stale": report.stale,
                "phantom": report.phantom,
                "repaired": report.repaired,
            },
        )
    return report
