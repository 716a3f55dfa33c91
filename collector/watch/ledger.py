"""
The observed versions of one kind of one cluster, the position, and the guard against observing a version twice.

Takes decoded pages and blocks of complete lines, returns outcomes. Requests are decided in protocol.py.
The loop in `_observe_events` is the hottest of the collector: every event costs one lookup besides decoding.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from collector.catalog.counters import Counters
from collector.catalog.metrics import DECODE_FALLBACKS
from collector.core.facts.watches import Quarantine, SetAside, WatchGap
from collector.core.messages import Change, Observation, Outcome, Position, Synced
from collector.core.model import Instant, version_of
from collector.core.objects.lenient import fit_object, parse_untyped
from collector.core.objects.structs import OBJECT_OF
from collector.watch.api_errors import Trouble, trouble_in
from collector.watch.frames import without_depths
from collector.watch.kinds import Resource
from collector.watch.pages import UNDECODABLE, Listed, version_number

T = TypeVar("T")

CHANGES: dict[str, Change] = {"ADDED": "added", "MODIFIED": "modified", "DELETED": "deleted"}

NOTHING_IS_LIVE = 1 << 64
"""A fence above all versions."""

MAX_EPOCH = 255
"""Epochs have eight bits of the version column."""


class Event(msgspec.Struct, Generic[T], gc=False):
    """One line of a watch."""

    type: str
    object: T


class Ledger:
    """The known versions of one kind, and the position up to which everything was observed."""

    def __init__(self, cluster: str, resource: Resource, counters: Counters) -> None:
        self.cluster = cluster
        self.kind = resource.kind
        self.whole = resource.whole
        self.known: dict[str, int] = {}
        self.epoch = 0
        self.position = 0
        """The version of the last observed change, epoch included; 0 before the first list."""
        self.fence = NOTHING_IS_LIVE
        self.departed: set[str] | None = None
        """Uids of objects whose deletion was observed, while a reconciliation runs; None otherwise."""
        self._counters = counters
        self._struct = OBJECT_OF[resource.kind]
        counters.initialise(DECODE_FALLBACKS, cluster=cluster, kind=self.kind)
        self._event = msgspec.json.Decoder(Event[self._struct])  # type: ignore[name-defined]
        self._list_version = 0
        """The resource version of the running list."""
        self._list_at: Instant = 0
        """When its first page arrived: all pages show what existed then."""
        self._listed: set[str] = set()

    @property
    def resource_version(self) -> int:
        """The position as the API server counts it."""
        return (self.position - version_of(self.epoch, 0)) >> 8

    def restore(self, resource_version: int, epoch: int, known: dict[str, int]) -> None:
        """Goes on where an earlier process stopped. The ledger takes over `known`."""
        self.epoch, self.known = epoch, known
        self.position = version_of(epoch, resource_version)

    def new_epoch(self) -> None:
        """Begins a new epoch after versions went back: etcd was restored, and its next changes are newer than all before."""
        self.epoch = min(self.epoch + 1, MAX_EPOCH)
        self.position = version_of(self.epoch, 0)
        self._list_version = 0

    # The stream.

    def observe_lines(self, lines: bytes, now: Instant, out: list[Outcome]) -> Trouble | None:
        """Observes a block of complete lines; stops at a line that ends the stream, and returns the trouble in it."""
        try:
            if self._observe_events(self._event.decode_lines(lines), now, out):
                return None
        except UNDECODABLE:
            pass
        # Again from the first line, one at a time: events that were already observed are duplicates now and drop out.
        for line in lines.split(b"\n"):
            if line.strip() and (trouble := self._observe_observe_line(line, now, out)):
                return trouble
        return None

    def _observe_events(self, events: Sequence[Event[Any]], now: Instant, out: list[Outcome]) -> bool:
        """Observes events up to the first that is not ordinary; returns whether all were ordinary."""
        # For a kind that is not whole only the position guards against replays; a duplicate of such a kind does no harm.
        kind, known, fence = self.kind, self.known if self.whole else {}, self.fence
        base, position = version_of(self.epoch, 0), self.position
        ordinary = True
        for event in events:
            meta = event.object.metadata
            uid, number = meta.uid, version_number(meta.resourceVersion)
            change = CHANGES.get(event.type)
            version = base + (number << 8)
            if change is None or not number or not uid:
                if event.type == "BOOKMARK":
                    position = max(position, version)
                    continue
                ordinary = False
                break
            # An unknown uid at or below the position was deleted before: a replay must not bring it back.
            newest = known.get(uid, position)
            position = max(position, version)
            # A deletion may carry the version of the last change if an object no longer matches a selector.
            if version <= newest and not (change == "deleted" and version == newest and uid in known):
                continue
            if change == "deleted":
                known.pop(uid, None)
                if self.departed is not None:
                    self.departed.add(uid)
            else:
                known[uid] = version
            # By position: keywords cost 2 % of this loop, decoding included.
            out.append(Observation(kind, change, uid, event.object, version, now, version > fence))
        self.position = position
        return ordinary

    def _observe_observe_line(self, line: bytes, now: Instant, out: list[Outcome]) -> Trouble | None:
        """Observes one line; decodes it a second time, untyped, if the typed decoder refuses it."""
        try:
            if self._observe_events((self._event.decode(line),), now, out):
                return None
        except UNDECODABLE:
            pass
        value = parse_untyped(line) or parse_untyped(without_depths(line))
        if value is None:
            where = f"after version {self.resource_version}"
            return Trouble("garbled", f"a line of {len(line)} bytes {where} is not a JSON object")
        if value.get("type") == "ERROR":
            return trouble_in(value.get("object"))
        self._observe_repaired(value, len(line), now, out)
        return None

    def _observe_repaired(self, line: dict[str, Any], size: int, now: Instant, out: list[Outcome]) -> None:
        """Observes the readable part of an object, or sets the object aside and moves past it."""
        raw = line.get("object")
        if not isinstance(raw, dict):
            out.append(self.quarantine_row("not_an_object", {}, size, now))
            return
        event = Event(str(line.get("type")), fit_object(raw, self._struct).object)
        if self._observe_events((event,), now, out):
            self._counters.add(DECODE_FALLBACKS, cluster=self.cluster, kind=self.kind)
            return
        meta = event.object.metadata
        number = version_number(meta.resourceVersion)
        reason: SetAside = "event_type" if event.type not in CHANGES else "no_version" if meta.uid else "no_uid"
        out.append(self.quarantine_row(reason, raw, size, now, number))
        self.position = max(self.position, version_of(self.epoch, number))

    # Lists.

    def begin_list(self) -> None:
        """Starts a full list, or starts it again."""
        self._listed = set()
        self._list_version = 0

    def observe_page(self, page: Listed, now: Instant, out: list[Outcome]) -> bool:
        """Observes a page; False if an object is older than its known version, which only a restored etcd can cause."""
        if not self._list_version:
            if page.resource_version < self.resource_version:
                self.new_epoch()
            self._list_version, self._list_at = page.resource_version, now
        if not self.whole:
            return True
        base = version_of(self.epoch, 0)
        for item, uid, number in self._identified(page, now, out):
            version = base + (number << 8)
            known = self.known.get(uid, -1)
            if base <= known and version < known:
                return False
            self._listed.add(uid)
            if version > known:
                self.known[uid] = version
                out.append(self._observation("listed", uid, item, version, now))
        return True

    def end_list(self, now: Instant, out: list[Outcome]) -> int:
        """Ends the list: known objects that it does not show have vanished. Returns their number."""
        absent = [uid for uid in self.known if uid not in self._listed]
        self.position = version_of(self.epoch, self._list_version)
        for uid in absent:
            del self.known[uid]
            out.append(self._observation("vanished", uid, None, self.position, min(self._list_at, now)))
        self.begin_list()
        out += self.position_message(), self.synced_message()
        return len(absent)

    # Single objects.

    def observe_fetched(self, item: Any, now: Instant) -> Observation | None:
        """Observes an object that was read by itself, as listed; None if this version or a newer one is known."""
        meta = item.metadata
        version = version_of(self.epoch, version_number(meta.resourceVersion))
        if version <= self.known.get(meta.uid, version_of(self.epoch, 0)):
            return None
        self.known[meta.uid] = version
        return self._observation("listed", meta.uid, item, version, now)

    def observe_vanished(self, uid: str, now: Instant) -> Observation:
        """Observes that a known object no longer exists."""
        del self.known[uid]
        return self._observation("vanished", uid, None, self.position, now)

    def _observation(self, change: Change, uid: str, item: object, version: int, now: Instant) -> Observation:
        """An observation outside the stream, so never a live one."""
        return Observation(kind=self.kind, change=change, uid=uid, object=item, version=version, at=now, live=False)

    def _identified(self, page: Listed, now: Instant, out: list[Outcome]) -> Iterable[tuple[Any, str, int]]:
        """The page's objects that have an identity; sets the others aside."""
        if page.fallbacks:
            self._counters.add(DECODE_FALLBACKS, page.fallbacks, cluster=self.cluster, kind=self.kind)
        out += [self.quarantine_row("not_an_object", {}, size, now, page.resource_version) for size in page.refused]
        for item in page.objects:
            meta = item.metadata
            number = version_number(meta.resourceVersion)
            if meta.uid and number:
                yield item, meta.uid, number
                continue
            about = {"metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid}}
            reason: SetAside = "no_version" if meta.uid else "no_uid"
            out.append(self.quarantine_row(reason, about, 0, now, number or page.resource_version))

    # Rows.

    def position_message(self) -> Position:
        """The position, for the spool."""
        return Position(self.kind, str(self.resource_version), self.epoch)

    def synced_message(self) -> Synced:
        """The message that everything up to the position has been observed."""
        return Synced(self.kind, str(self.resource_version))

    def gap_row(self, since: Instant, now: Instant, cause: str, unknown: int) -> WatchGap:
        """A row about a gap from `since` to now, in which `unknown` objects ended unobserved."""
        return WatchGap(
            cluster=self.cluster,
            kind=self.kind,
            from_at=since,
            version=self.position,
            to_at=now,
            cause=cause,
            objects_unknown=unknown,
        )

    def quarantine_row(
        self, reason: SetAside, about: dict[str, Any], size: int, now: Instant, number: int = 0
    ) -> Quarantine:
        """A row about an object that was set aside: its identity and its sizes, never its contents."""
        meta = about.get("metadata")
        named = meta if isinstance(meta, dict) else {}
        # Text only: a value of another type may hold anything, even a secret.
        texts = {key: named.get(key) for key in ("name", "namespace", "uid")}
        sample = {key: text[:253] if isinstance(text, str) else "" for key, text in texts.items()}
        sizes = {key: _size(about[key]) for key in ("metadata", "spec", "status") if about.get(key)}
        text = json.dumps({"kind": str(about.get("kind") or "")[:63], **sample, "bytes": size, "sizes": sizes})
        return Quarantine(
            cluster=self.cluster,
            kind=self.kind,
            uid=sample["uid"].encode("utf-8", "replace").decode(),
            at=now,
            version=version_of(self.epoch, number or self.resource_version),
            reason=reason,
            sample=text,
        )


def _size(value: Any) -> int:
    """The length of the value as JSON; -1 if it is too deep to be written."""
    try:
        return len(json.dumps(value))
    except RecursionError:
        return -1
