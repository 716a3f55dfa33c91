"""
What the protocol asks its shell to do next. Values only.
"""

from typing import Literal

import msgspec

from collector.watch.api_errors import Cause, Trouble
from collector.watch.kinds import Resource

PAGE_SIZE = 500
SMALLEST_PAGE = 20
LARGE_PAGE_BYTES = 32 * 2**20
"""500 workflows of 1 MB would be half a gigabyte in one piece; pages shrink before that."""

MAX_PAGES = 50_000
"""A list that is longer than this never ends: 25 million objects."""


class Request(msgspec.Struct, frozen=True):
    """A GET of the collection. Only `watch` streams; `fence` is a list of one object, for its resource version."""

    verb: Literal["list", "watch", "fence"]
    path: str
    params: dict[str, str]
    timeout_s: int = 0
    """When the server ends a watch by itself."""


class Pause(msgspec.Struct, frozen=True):
    """Wait this long, then ask for the next step."""

    seconds: float
    cause: Cause
    detail: str


class Refresh(msgspec.Struct, frozen=True):
    """Renew the credentials, then ask for the next step."""


Step = Request | Pause | Refresh


def watch_request(resource: Resource, resource_version: int, timeout_s: int) -> Request:
    """Everything after the version, with bookmarks: without them a quiet kind falls out of etcd's window."""
    params = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": str(resource_version)}
    params |= {"fieldSelector": resource.fields} if resource.fields else {}
    return Request("watch", resource.path, _selected(resource, params, timeoutSeconds=str(timeout_s)), timeout_s)


def fence_request(resource: Resource) -> Request:
    """The collection's version now; a version left unset is read from a quorum, so it is never a lagging server's."""
    return Request("fence", resource.path, _selected(resource, {"limit": "1"}))


def _selected(resource: Resource, params: dict[str, str], **more: str) -> dict[str, str]:
    return params | more | ({"labelSelector": resource.selector} if resource.selector else {})


class Listing:
    """A LIST under way: pages of one snapshot, until the token is empty. Of a kind that is not whole, one object's worth."""

    def __init__(self, resource: Resource) -> None:
        self.done = False
        self._resource = resource
        self._token = ""
        self._tokens: set[int] = set()
        self._page_size = PAGE_SIZE if resource.whole else 1

    def request(self) -> Request:
        """The next page. The version stays unset: the stored one may be newer than a lagging server's cache."""
        params = {"limit": str(self._page_size)} | ({"continue": self._token} if self._token else {})
        return Request("list", self._resource.path, _selected(self._resource, params))

    def take(self, token: str, size: int) -> Trouble | None:
        """Go on behind this page of so many bytes; a token that came before is trouble, or the list would never end."""
        if hash(token) in self._tokens or len(self._tokens) >= MAX_PAGES:
            return Trouble("list_loop", f"the list of {self._resource.full_name} goes in circles: a token came twice")
        self._tokens.add(hash(token))
        self._token = token
        self.done = not token or not self._resource.whole
        if size > LARGE_PAGE_BYTES:
            self._page_size = max(SMALLEST_PAGE, self._page_size // 2)
        return None
