"""
Now and then a list of metadata beside the watch, compared with what the watch told: etcd and API servers have lost events.

A list's pages are asked one at a time under the cluster's lock for lists, so that no two lists ever run at once. Nothing is
concluded while the watch itself lists, nor before it has come as far as the list. What counts as a difference is
core/reconcile.py's; here each is looked at once more, put right and counted.
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
from collector.core.model import version_of
from collector.core.objects import kubernetes
from collector.core.objects.kubernetes import Kind
from collector.kube.connection import Connection
from collector.kube.request import BROKEN, fetch
from collector.watch.api_errors import Trouble, trouble_of
from collector.watch.differences import Differences, differences
from collector.watch.pages import UNDECODABLE, Listed, Pages, version_number
from collector.watch.protocol import Watch
from collector.watch.reflector import Sink
from collector.watch.requests import LARGE_PAGE_BYTES, Listing, Request

log = logging.getLogger(__name__)

Concerns = Callable[[Kind, kubernetes.Meta], bool]
"""Whether an object is one that facts are made of: pods of others are watched, and not kept over a restart."""

AFTER_LIST_S = 60.0
"""After the watch itself has listed, which it does after a gap."""
AGAIN_S = 600.0
"""After a try that came to no end, or left something to be put right."""
CATCH_UP_S = 180.0
"""For the watch to come as far as the list: a quiet one does so with a bookmark, about once a minute."""
MOST_FETCHED = 1_000
"""Objects put right in one go; more wait for the next."""
LARGEST = 8 * LARGE_PAGE_BYTES
WITHIN = aiohttp.ClientTimeout(total=300, sock_connect=10, sock_read=60)
METADATA = {
    "Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json",
    "Accept-Encoding": "gzip",
}


class Look(NamedTuple):
    """A list as far as it is compared."""

    at: int
    """The collection's version, epoch included."""
    versions: dict[str, int]
    news: dict[str, kubernetes.Meta]
    """The objects that the watch had not told in this version when their page came."""


@dataclass
class Reconciler:
    """One kind of one cluster."""

    connection: Connection
    watch: Watch
    sink: Sink
    lists: asyncio.Lock
    concerns: Concerns
    catch_up_s: float = CATCH_UP_S
    lists_seen: int = -1
    """How often the watch itself had listed when this was last due."""
    due_s: float = 0.0
    _pages: Pages = field(init=False)

    def __post_init__(self) -> None:
        self._pages = Pages(self.watch.resource.kind, kubernetes.PartialObject)

    async def once(self) -> Reconciled | None:
        """List, compare, put right and tell; None when it came to no end. Raises one of BROKEN."""
        ledger, began = self.watch.ledger, now_ms()
        ledger.departed = set()
        try:
            listings = self.watch.listings
            compared = await self._compared(listings)
            if compared is None:
                return None
            look, found = compared
            at = now_ms()
            repaired = await self._repair(look, found, listings)
        finally:
            ledger.departed = None
        told = Reconciled(
            cluster=self.watch.cluster, kind=self.watch.resource.kind, at=at, version=1, objects=len(look.versions),
            missing=len(found.missing), stale=len(found.stale), phantom=len(found.phantom), repaired=repaired,
            duration_ms=max(0, at - began),
        )  # fmt: skip
        self.sink([told])
        return told

    async def _compared(self, listings: int) -> tuple[Look, Differences] | None:
        """A list and what differs from it; what it lacks is looked for in a second one."""
        look = await self._look(listings)
        found = self._differences(look) if look else None
        if look is None or found is None or not found.phantom:
            return (look, found) if look and found else None
        again = await self._look(listings)
        if again is None:
            return None
        gone = found.phantom & self._differences(again).phantom
        return look, msgspec.structs.replace(found, phantom=gone)

    def _differences(self, look: Look) -> Differences:
        ledger, kind = self.watch.ledger, self.watch.resource.kind
        found = differences(look.versions, look.at, ledger.known, ledger.departed or ())
        ours = frozenset(uid for uid in found.missing if self.concerns(kind, look.news[uid]))
        return msgspec.structs.replace(found, missing=ours)

    async def _look(self, listings: int) -> Look | None:
        """A whole list, once the watch has come as far; None when the watch listed meanwhile, or nothing came of it."""
        listing, look = Listing(self.watch.resource), Look(0, {}, {})
        while not listing.done:
            if not self._steady(listings):
                return None
            page, size = await self._page(listing.request())
            trouble = page if isinstance(page, Trouble) else listing.take(page.token, size)
            if isinstance(page, Trouble) or trouble is not None:
                detail = trouble.detail if trouble else ""
                log.warning("a reconciling list broke off", extra=self.about() | {"detail": detail})
                return None
            look = self._taken(look, page)
        return look if await self._caught_up(look.at, listings) else None

    async def _page(self, request: Request) -> tuple[Listed | Trouble, int]:
        async with self.lists:
            status, headers, body = await fetch(
                self.connection, "GET", request.path, params=request.params, headers=METADATA, within=WITHIN,
                largest=LARGEST,
            )  # fmt: skip
        if status != 200:
            return trouble_of(status, headers, body, now_ms()), 0
        return self._pages.decode(status, headers, body), len(body)

    def _taken(self, look: Look, page: Listed) -> Look:
        ledger = self.watch.ledger
        for item in page.objects:
            meta = item.metadata
            number = version_number(meta.resourceVersion)
            if not meta.uid or not number:
                continue
            version = look.versions[meta.uid] = version_of(ledger.epoch, number)
            if version > ledger.known.get(meta.uid, -1):
                look.news[meta.uid] = meta
        return look._replace(at=version_of(ledger.epoch, page.resource_version))

    def _steady(self, listings: int) -> bool:
        """Whether the watch goes on from where it was: neither lists nor has listed since."""
        return self.watch.synced and not self.watch.is_listing and self.watch.listings == listings

    async def _caught_up(self, at: int, listings: int) -> bool:
        """Wait until the watch has told everything up to a version."""
        clock, pause_s = asyncio.get_running_loop().time, min(1.0, self.catch_up_s / 20)
        until = clock() + self.catch_up_s
        while self._steady(listings) and clock() < until:
            if self.watch.ledger.position >= at:
                return True
            await asyncio.sleep(pause_s)
        return False

    async def _repair(self, look: Look, found: Differences, listings: int) -> int:
        """Observe what differs as a list would show it; returns how much of it was put right."""
        ledger, repaired = self.watch.ledger, len(found.phantom)
        if found.phantom:
            self.sink([ledger.observe_vanished(uid, now_ms()) for uid in sorted(found.phantom)])
        for uid in sorted(found.missing | found.stale)[:MOST_FETCHED]:
            obj = await self._fetch(look.news[uid])
            if not self._steady(listings):
                break  # a list under way may be older than this object, which would look like a restored etcd
            if obj is None or obj.metadata.uid != uid or uid in (ledger.departed or ()):
                continue
            if seen := ledger.observe_fetched(obj, now_ms()):
                self.sink([seen])
            repaired += 1
        return repaired

    async def _fetch(self, meta: kubernetes.Meta) -> Any:
        """The whole object; None when it is gone or cannot be read."""
        resource = self.watch.resource
        root, _, plural = resource.path.rpartition("/")
        path = f"{root}/namespaces/{meta.namespace}/{plural}/{meta.name}"
        try:
            status, _, body = await fetch(self.connection, "GET", path, largest=LARGEST)
            return msgspec.json.decode(body, type=kubernetes.OBJECT_OF[resource.kind]) if status == 200 else None
        except (*BROKEN, *UNDECODABLE):
            return None

    def about(self) -> dict[str, object]:
        """Whose list it is, for the log."""
        return {"cluster": self.watch.cluster, "resource": self.watch.resource.kind}


async def reconcile_for_ever(
    connection: Connection,
    watches: Sequence[Watch],
    *,
    sink: Sink,
    lists: asyncio.Lock,
    concerns: Concerns,
    every_s: float,
    dice: Random | None = None,
) -> None:
    """Reconcile the given kinds until cancelled, one after the other: every so often, and soon after the watch listed."""
    dice, clock = dice or Random(), asyncio.get_running_loop().time
    kinds = [Reconciler(connection, watch, sink, lists, concerns) for watch in watches]
    for kind in kinds:
        kind.lists_seen, kind.due_s = kind.watch.listings, clock() + every_s * dice.uniform(0.1, 0.5)
    while True:
        await asyncio.sleep(min(AFTER_LIST_S, every_s) * dice.uniform(0.1, 0.2))
        for kind in _due(kinds, clock(), min(AFTER_LIST_S, every_s) * dice.uniform(0.5, 1.5)):
            told = await _tried(kind)
            well = told is not None and told.repaired == told.missing + told.stale + told.phantom
            kind.due_s = clock() + dice.uniform(0.9, 1.1) * (every_s if well else min(AGAIN_S, every_s))


def _due(kinds: Iterable[Reconciler], now_s: float, soon_s: float) -> list[Reconciler]:
    """Those whose time has come; a list of the watch's own brings it near."""
    for kind in kinds:
        if kind.watch.listings != kind.lists_seen:
            kind.lists_seen, kind.due_s = kind.watch.listings, min(kind.due_s, now_s + soon_s)
    return [kind for kind in kinds if now_s >= kind.due_s]


async def _tried(kind: Reconciler) -> Reconciled | None:
    about = kind.about()
    try:
        told = await kind.once()
    except BROKEN as error:
        log.warning("a reconciling list broke off", extra=about | {"detail": str(error)[:300] or type(error).__name__})
        return None
    if told and (told.missing or told.stale or told.phantom):
        counted = {"missing": told.missing, "stale": told.stale, "phantom": told.phantom, "repaired": told.repaired}
        log.warning("a list showed what the watch had not told", extra=about | counted)
    return told
