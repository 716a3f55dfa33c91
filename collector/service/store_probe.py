"""
Looks as the restricted users of the store that settings name whether they read what they must not, at the start and hourly.

A start with a user who does fails. Later it is a problem that blocks readiness, so that the Service sends no reader here until
it is repaired; watching goes on, since it has nothing to do with who reads. A store that does not answer proves nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collector import connect
from collector.connect import ExternalError
from collector.service.tasks import background_task
from collector.settings.access import StoreUserSettings
from collector.settings.model import Settings
from collector.store.clickhouse import StoreError, StoreUnreachableError
from collector.store.servers.probe import RestrictedUser, leaks
from collector.store.worker import Worker
from collector.web.readiness import STORE_REMEDIES

log = logging.getLogger(__name__)

EVERY_S = 3600.0
RETRY_S = 60.0
"""Between two looks while one of them is not complete."""


class StoreProbe:
    """What restricted users of the store read."""

    def __init__(self, settings: Settings, every_s: float = EVERY_S, retry_s: float = RETRY_S) -> None:
        self._settings, self._every_s, self._retry_s = settings, every_s, retry_s
        self._leaks: dict[tuple[str, str], tuple[str, ...]] = {}

    @property
    def leaks(self) -> list[str]:
        """A sentence for each user and server with a known leak."""
        return [f"{user} reads {', '.join(found)} on {url}" for (user, url), found in self._leaks.items() if found]

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Looks for as long as the block lasts. ExternalError if a user reads what it must not."""
        if not self._settings.access.store_users:
            yield
            return
        worker = Worker("store users")
        try:
            is_known = await worker.run(self.look)
            if self.leaks:
                raise ExternalError(f"access.store_users: {self.leaks[0]}; {STORE_REMEDIES['store_leak']}")
            async with background_task(self._follow(worker, is_known=is_known), "store users"):
                yield
        finally:
            worker.close()

    def look(self) -> bool:
        """Looks as each user at each server; False: some could not be asked, and what was known of them stays."""
        answered = [self._look_at(url) for url in self._settings.store.urls]
        return all(answered)

    def _look_at(self, url: str) -> bool:
        """Looks at a server; the first user that it does not answer is the last that asks."""
        answered = True
        for user in self._settings.access.store_users:
            try:
                self._note(user.username, url, tuple(leaks_of(self._settings, user, url)))
            except StoreError as error:
                log.warning("a user of the store is not checked", extra={"user": user.username, "reason": str(error)})
                answered = False
                if isinstance(error, StoreUnreachableError):
                    break
        return answered

    def _note(self, user: str, url: str, found: tuple[str, ...]) -> None:
        if found and found != self._leaks.get((user, url)):
            log.error("a user of the store reads what it must not", extra={"user": user, "reads": ", ".join(found)})
        self._leaks[user, url] = found

    async def _follow(self, worker: Worker, *, is_known: bool) -> None:
        while True:
            await asyncio.sleep(self._every_s if is_known else self._retry_s)
            is_known = await worker.run(self.look)


def leaks_of(settings: Settings, user: StoreUserSettings, url: str) -> list[str]:
    """What a user reads on a server that it must not; StoreError if it is not known."""
    store = connect.store_as(settings, user, url)
    try:
        return leaks(store, RestrictedUser(user.username, user.departments))
    finally:
        store.close()
