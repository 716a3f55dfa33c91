"""
The fence between replayed and live changes: the collection's version, read by a list of one object after a stream opens.

A change above the fence happened while the stream was open, so its arrival instant is meaningful. Until the fence is known,
no change is live. The same read detects a restored etcd, whose versions went back. No I/O.
"""

from collections.abc import Mapping
from random import Random

from collector.core.model import Instant, version_of
from collector.watch.api_errors import Trouble, trouble_of
from collector.watch.backoff import Backoff
from collector.watch.kinds import Resource
from collector.watch.ledger import NOTHING_IS_LIVE, Ledger
from collector.watch.pages import Pages
from collector.watch.requests import Pause, Request, fence_request


class Fence:
    """The requests beside one stream, from its opening until the fence is known."""

    def __init__(self, resource: Resource, ledger: Ledger, pages: Pages, dice: Random) -> None:
        self._resource = resource
        self._ledger = ledger
        self._pages = pages
        self._backoff = Backoff(dice)
        self._pause: Pause | None = None
        self._position_at_request = 0

    @property
    def known(self) -> bool:
        """Whether live changes can be distinguished from replayed ones."""
        return self._ledger.fence != NOTHING_IS_LIVE

    def reset(self) -> None:
        """Restarts for an opened stream: it is not yet known which changes its server replays."""
        self._ledger.fence = NOTHING_IS_LIVE
        self._pause = None

    def step(self) -> Request | Pause | None:
        """The next step; None when this stream needs no more requests."""
        if self._pause is not None:
            pause, self._pause = self._pause, None
            return pause
        if self.known:
            return None
        self._position_at_request = self._ledger.resource_version
        return fence_request(self._resource)

    def answered(self, status: int, headers: Mapping[str, str], body: bytes, now: Instant) -> Trouble | None:
        """Takes the answer; returns only trouble that concerns the stream itself."""
        good = status == 200
        version = self._pages.version(status, headers, body) if good else trouble_of(status, headers, body, now)
        if isinstance(version, Trouble):
            self.broke(version, now)
            return None
        # The version is read from a quorum, so it is at least that of any event sent before the request.
        if version < self._position_at_request:
            return Trouble(
                "went_back", f"the server is at version {version}, but sent version {self._position_at_request} before"
            )
        self._ledger.fence = version_of(self._ledger.epoch, version)
        self._backoff.healthy(now)
        return None

    def broke(self, trouble: Trouble, now: Instant) -> None:
        """Takes a failure: the next request follows after a pause."""
        self._pause = Pause(self._backoff.delay_s(now, trouble.retry_after_s), trouble.cause, trouble.detail)
