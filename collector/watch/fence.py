"""
The fence between replayed and live: the collection's version, read by a list of one object just after a stream was opened.

Only a change above it happened while we looked, so only its arrival instant means something. Until the fence is known, and
as long as it cannot be read, nothing is live. The same read finds a restored etcd: its versions went back. No I/O.
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
    """The conversation beside one stream, from its opening until the fence is known."""

    def __init__(self, resource: Resource, ledger: Ledger, pages: Pages, dice: Random) -> None:
        self._resource = resource
        self._ledger = ledger
        self._pages = pages
        self._backoff = Backoff(dice)
        self._pause: Pause | None = None
        self._asked_at = 0

    @property
    def known(self) -> bool:
        """Whether live changes can be told."""
        return self._ledger.fence != NOTHING_IS_LIVE

    def reset(self) -> None:
        """A stream was opened: what its server has to replay is not known yet."""
        self._ledger.fence = NOTHING_IS_LIVE
        self._pause = None

    def step(self) -> Request | Pause | None:
        """What to do next; None when there is nothing more to ask of this stream."""
        if self._pause is not None:
            pause, self._pause = self._pause, None
            return pause
        if self.known:
            return None
        self._asked_at = self._ledger.resource_version
        return fence_request(self._resource)

    def answered(self, status: int, headers: Mapping[str, str], body: bytes, now: Instant) -> Trouble | None:
        """Take the answer; returns only trouble that concerns the stream itself."""
        good = status == 200
        version = self._pages.version(status, headers, body) if good else trouble_of(status, headers, body, now)
        if isinstance(version, Trouble):
            self.broke(version, now)
            return None
        # The version is a quorum's, so it is at least that of any event sent before we asked.
        if version < self._asked_at:
            return Trouble("went_back", f"the server is at version {version} but told {self._asked_at} before")
        self._ledger.fence = version_of(self._ledger.epoch, version)
        self._backoff.healthy(now)
        return None

    def broke(self, trouble: Trouble, now: Instant) -> None:
        """Ask again later."""
        self._pause = Pause(self._backoff.delay_s(now, trouble.retry_after_s), trouble.cause, trouble.detail)
