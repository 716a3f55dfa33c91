"""
The body of a LIST to typed objects; an unreadable item does not affect the others.

Knows nothing of versions or of earlier observations.
"""

import json
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

from collector.core.objects.kubernetes import Kind
from collector.core.objects.lenient import fit_object, parse_untyped, printable
from collector.core.objects.structs import OBJECT_OF
from collector.watch.api_errors import Trouble, unusable
from collector.watch.frames import without_depths

T = TypeVar("T")

MOST_OBJECTS = 20_000
"""Objects on a page of at most 500 that were asked for; some servers ignore that."""
UNCOUNTED_BYTES = 8 * 2**20
MOST_VALUES = 2_000_000
"""Values on a page, by its commas. A page of 500 workflows with 200 steps each has 1.2 million; each value may take a hundred
times its bytes in memory, so a limit in bytes alone would not protect the collector."""
LENIENT_BYTES = 16 * 2**20
LENIENT_OBJECTS = 2_000
"""A page that needs repair is read slowly and at once: a larger one is asked for again with fewer objects."""

LONGEST_TOKEN = 8_192
"""The next request repeats a continue token in its URL; real ones have some hundred characters."""

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on bytes from outside; the limit of depth is the decoder's own, see `frames`."""


class ListMeta(msgspec.Struct, gc=False):
    resourceVersion: str | None = None
    token: str | None = msgspec.field(default=None, name="continue")


class Page(msgspec.Struct, Generic[T], gc=False):
    """`items` has no default: a Table or a Status has no items; as an empty list, it would make all objects vanish."""

    items: list[T] | None
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)


class PageHead(msgspec.Struct, gc=False):
    """A page without its items."""

    metadata: ListMeta = msgspec.field(default_factory=ListMeta)


class Listed(msgspec.Struct):
    """A decoded page."""

    resource_version: int
    token: str
    objects: list[Any]
    fallbacks: int
    """Number of objects that only the second, lenient try could read."""
    refused: list[int]
    """Sizes of the items that are not objects."""


def oversized(limit: str) -> Trouble:
    """Trouble for a page that would take more memory or time than one cluster may have."""
    return Trouble("oversized", f"a page of its list is larger than {limit}")


def version_number(text: str | None) -> int:
    """A resource version as a number; 0 if it is not a number, or exceeds the 48 bits it has in the version column."""
    if not text or len(text) > 15 or not (text.isascii() and text.isdigit()):
        return 0
    number = int(text)
    return number if number < 1 << 48 else 0


class Pages:
    """The decoders for one kind's pages."""

    def __init__(self, kind: Kind, struct: type[Any] | None = None) -> None:
        self._struct = struct or OBJECT_OF[kind]
        self._whole = msgspec.json.Decoder(Page[self._struct])  # type: ignore[name-defined]
        self._split = msgspec.json.Decoder(Page[msgspec.Raw])
        self._item = msgspec.json.Decoder(self._struct)
        self._head = msgspec.json.Decoder(PageHead)

    def decode(self, status: int, headers: Mapping[str, str], body: bytes) -> Listed | Trouble:
        """Decodes the page; returns trouble if the body is not a page."""
        if len(body) > UNCOUNTED_BYTES and body.count(b",") > MOST_VALUES:
            return oversized(f"{MOST_VALUES} values")
        try:
            page: Page[Any] = self._whole.decode(body)
            if len(page.items or ()) > MOST_OBJECTS:
                return oversized(f"{MOST_OBJECTS} objects")
            listed = Listed(0, "", page.items or [], 0, [])
        except UNDECODABLE:
            if len(body) > LENIENT_BYTES or body.count(b"{") > MOST_VALUES // 2:
                return oversized(f"{LENIENT_BYTES // 2**20} MiB for one with unreadable objects")
            raw = self._split_anyhow(body)
            if raw is None:
                return unusable(status, headers, body)
            if len(raw.items or ()) > LENIENT_OBJECTS:
                return oversized(f"{LENIENT_OBJECTS} objects for one with unreadable objects")
            page = raw
            listed = Listed(0, "", *self._one_by_one(raw.items or []))
        listed.resource_version, listed.token = version_number(page.metadata.resourceVersion), page.metadata.token or ""
        sound = listed.resource_version and len(listed.token) <= LONGEST_TOKEN
        return listed if sound else unusable(status, headers, body)

    def version(self, status: int, headers: Mapping[str, str], body: bytes) -> int | Trouble:
        """Decodes only the collection's version, for the fence."""
        try:
            version = version_number(self._head.decode(body).metadata.resourceVersion)
        except UNDECODABLE:
            version = 0
        return version or unusable(status, headers, body)

    def _split_anyhow(self, body: bytes) -> Page[msgspec.Raw] | None:
        """Decodes the page with its items left as bytes; repairs bytes that are not UTF-8 or too deeply nested."""
        try:
            return self._split.decode(body)
        except UNDECODABLE:
            pass
        try:
            return self._split.decode(without_depths(body.decode("utf-8", "replace").encode()))
        except UNDECODABLE:
            return _split_untyped(body)

    def _one_by_one(self, items: list[msgspec.Raw]) -> tuple[list[Any], int, list[int]]:
        objects: list[Any] = []
        refused: list[int] = []
        fallbacks = 0
        for item in items:
            try:
                objects.append(self._item.decode(item))
            except UNDECODABLE:
                value = parse_untyped(bytes(item))
                if value is None:
                    refused.append(len(bytes(item)))
                    continue
                fallbacks += 1
                objects.append(fit_object(value, self._struct).object)
        return objects, fallbacks, refused


def _split_untyped(body: bytes) -> Page[msgspec.Raw] | None:
    """Decodes a page that a strict decoder cannot skip through, because an item has a NaN or half a surrogate."""
    page = parse_untyped(body) or {}
    meta, items = page.get("metadata"), page.get("items")
    if not isinstance(meta, dict) or not isinstance(items, list):
        return None
    version, token = (
        text if isinstance(text := meta.get(key), str) else None for key in ("resourceVersion", "continue")
    )
    try:
        return Page([msgspec.Raw(json.dumps(printable(item)).encode()) for item in items], ListMeta(version, token))
    except RecursionError:
        return None
