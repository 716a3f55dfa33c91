"""
Who may read pages, API and metrics: the tokens of files, read again every few seconds, and the proxy of the settings.
"""

import ipaddress
import logging
from datetime import UTC, datetime, time
from pathlib import Path

from collector.access.entrance import Entrance
from collector.access.proxy import TrustedProxy
from collector.access.scope import CERTIFIED, OPEN, Visitor
from collector.access.tokens import TokenFiles
from collector.core.access_health import AccessHealth
from collector.core.model import Instant
from collector.service.tasks import every
from collector.settings.access import ProxySettings
from collector.settings.derived import parse_address
from collector.settings.doors import is_loopback
from collector.settings.model import Settings
from collector.store.worker import Worker

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""Between two looks at the files: so long a token that was withdrawn is still good."""


class Visitors:
    """The entrance, and its state."""

    def __init__(self, settings: Settings) -> None:
        """Reads the files a first time; blocks for as long as reading small files does."""
        self._settings = settings
        self._tokens = TokenFiles([Path(file).expanduser() for file in settings.access.token_files])
        self._tokens.look()
        self._warned: tuple[str, ...] = ()
        self.entrance = Entrance(
            tokens=self._tokens,
            proxy=_proxy(settings.access.proxy),
            otherwise=_everybody(settings),
            signs_in=bool(settings.access.token_files),
        )
        self._warn()

    def health(self) -> AccessHealth:
        """The state for /readyz and metrics."""
        return AccessHealth(
            open_to_all=self.entrance.otherwise == OPEN and not is_loopback(_host(self._settings)),
            problems=self._problems(),
            ends=ends_of(self._tokens),
        )

    async def follow_forever(self) -> None:
        """Reads the files again and again until cancelled, in a thread, since a network disk may hang."""
        worker = Worker("tokens")

        async def look() -> None:
            await worker.run(self._tokens.look)
            self._warn()

        try:
            await every(LOOK_S, look)
        finally:
            worker.close()

    def _problems(self) -> tuple[str, ...]:
        if self.entrance.signs_in and not self._tokens.entries and not self._tokens.problems:
            files = ", ".join(self._settings.access.token_files)
            return (f"access.token_files: {files}: there is no token yet, and without one the pages cannot be read",)
        return self._tokens.problems

    def _warn(self) -> None:
        problems = self._problems()
        for problem in problems:
            if problem not in self._warned:
                log.warning("a file of tokens is not as it should be", extra={"reason": problem})
        self._warned = problems


def ends_of(tokens: TokenFiles) -> dict[str, Instant]:
    """When the token of each name ends: of several the last. Names with a token that does not end are omitted."""
    ends: dict[str, Instant] = {}
    for entry in tokens.entries:
        if entry.expires is not None:
            at = round(datetime.combine(entry.expires, time(), UTC).timestamp() * 1000)
            ends[entry.name] = max(at, ends.get(entry.name, at))
    for entry in tokens.entries:
        if entry.expires is None:
            ends.pop(entry.name, None)
    return ends


def _everybody(settings: Settings) -> Visitor | None:
    """Who everybody is; None: visitors must say who they are."""
    if settings.access.is_set:
        return None
    if settings.http.tls.client_ca:
        return CERTIFIED
    return OPEN if is_loopback(_host(settings)) or settings.http.open else None


def _host(settings: Settings) -> str:
    return parse_address(settings.http.listen, "http.listen")[0]


def _proxy(proxy: ProxySettings) -> TrustedProxy | None:
    if not proxy.addresses:
        return None
    return TrustedProxy(
        networks=tuple(map(ipaddress.ip_network, proxy.addresses)),
        user_header=proxy.user_header.lower().encode(),
        groups_header=proxy.groups_header.lower().encode(),
        groups=proxy.groups,
    )
