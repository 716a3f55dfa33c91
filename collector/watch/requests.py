"""
The steps that the protocol asks of the reflector. Values only.
"""

from typing import Literal

import msgspec

from collector.watch.api_errors import Cause, Trouble
from collector.watch.kinds import Resource

PAGE_SIZE = 500
LARGE_PAGE_BYTES = 32 * 2**20
"""A page of 500 workflows of 1 MB would be half a gigabyte; pages shrink before that."""
SMALL_PAGE_BYTES = 4 * 2**20
"""After a smaller page, a page that had shrunk grows again."""
LARGEST_PAGE_BYTES = 64 * 2**20
"""Where reading a page ends. The page is asked for again with fewer objects, down to one."""

MAX_PAGES = 50_000
MAX_OBJECTS = 2_000_000
"""A longer list is taken as endless."""


class Request(msgspec.Struct, frozen=True):
    """A GET of the collection. Only `watch` streams; `fence` lists one object, for the collection's resource version."""

    verb: Literal["list", "watch", "fence"]
    path: str
    params: dict[str, str]
    timeout_s: int = 0
    """The server ends a watch after this."""


class Pause(msgspec.Struct, frozen=True):
    """A wait; the next step follows."""

    seconds: float
    cause: Cause
    detail: str
    ends_on_return: bool = False
    """Whether the server's return from an outage ends the wait."""


class Refresh(msgspec.Struct, frozen=True):
    """A renewal of the credentials; the next step follows."""


Step = Request | Pause | Refresh


def watch_request(resource: Resource, resource_version: int, timeout_s: int) -> Request:
    """A watch of everything after the version. Without bookmarks, the version of a quiet kind would expire in etcd."""
    params = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": str(resource_version)}
    params |= {"fieldSelector": resource.fields} if resource.fields else {}
    return Request("watch", resource.path, _selected(resource, params, timeoutSeconds=str(timeout_s)), timeout_s)


def fence_request(resource: Resource) -> Request:
    """A read of the collection's version. An unset version is read from a quorum, so a lagging server cannot answer."""
    return Request("fence", resource.path, _selected(resource, {"limit": "1"}))


def _selected(resource: Resource, params: dict[str, str], **more: str) -> dict[str, str]:
    return params | more | ({"labelSelector": resource.selector} if resource.selector else {})


class Listing:
    """A running LIST: pages of one snapshot until the token is empty. For a kind that is not whole: one object."""

    def __init__(self, resource: Resource) -> None:
        self.done = False
        self._resource = resource
        self._token = ""
        self._tokens: set[int] = set()
        self._page_size = PAGE_SIZE if resource.whole else 1
        self._objects = 0

    def request(self) -> Request:
        """The request for the next page. The version stays unset: a stored one may be newer than a lagging server's cache."""
        params = {"limit": str(self._page_size)} | ({"continue": self._token} if self._token else {})
        return Request("list", self._resource.path, _selected(self._resource, params))

    def take(self, token: str, size: int, objects: int = 0) -> Trouble | None:
        """Takes a page's token, its size in bytes and its number of objects. A list that never ends is trouble."""
        name = self._resource.full_name
        if hash(token) in self._tokens:
            return Trouble("list_loop", f"the list of {name} does not end: a continue token was repeated")
        self._objects += objects
        if len(self._tokens) >= MAX_PAGES or self._objects > MAX_OBJECTS:
            limit = f"{MAX_OBJECTS} objects or {MAX_PAGES} pages"
            return Trouble("list_loop", f"the list of {name} does not end within {limit}; delete finished objects")
        self._tokens.add(hash(token))
        self._token = token
        self.done = not token or not self._resource.whole
        if size > LARGE_PAGE_BYTES:
            self._page_size = max(1, self._page_size // 2)
        elif size < SMALL_PAGE_BYTES and self._resource.whole:
            self._page_size = min(PAGE_SIZE, self._page_size * 2)
        return None

    def shrink(self) -> bool:
        """Makes the next try of a page that was too large smaller; False: it asked for a single object already."""
        before, self._page_size = self._page_size, max(1, self._page_size // 4)
        return self._page_size < before
