"""
An open connection to one cluster: credentials renewed in time, TLS, and HTTP requests over sockets that detect a dead peer.

Follows no redirect, keeps no cookie, ignores the proxies of the environment. Tokens are in no log, error or repr.
Answers are interpreted in watch/api_errors.py.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import aiohttp

from collector.clock import now_ms
from collector.core.model import Instant
from collector.core.units import MINUTE_MS
from collector.kube import argocd, exec_plugin, kubeconfig
from collector.kube.address import AddressError, ClusterAddress
from collector.kube.credentials import Access, load

__all__ = ["AddressError", "ClusterAddress", "Connection"]

log = logging.getLogger(__name__)

REREAD_S = 60.0
"""Kubernetes replaces mounted tokens while the collector runs; client-go reads them as often."""

EXPIRY_LEEWAY_MS = MINUTE_MS
PLUGIN_REST_S = 10.0
"""A plugin whose credentials expire at once is not run for each request."""

OVERDUE_MS = 30_000
"""Credentials that something renews and that expire so soon were not renewed in time."""

READ_BUFFER = 2**18
"""A watch under load then arrives in blocks of some fifty events; aiohttp pauses the socket at twice this size."""


class Connection:
    """One cluster's session. `async with` opens and closes it; the first request raises errors of the address."""

    def __init__(self, address: ClusterAddress, *, plugin_patience_s: float = exec_plugin.PATIENCE_S) -> None:
        self.address = address
        self._plugin_patience_s = plugin_patience_s
        self._access: Access | None = None
        self._read_at = 0.0
        self._credential: exec_plugin.Credential | None = None
        self._reading = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self.skew_ms: int | None = None
        """The server's clock minus ours, from the last answer with a date; None: no answer had a date."""

    async def __aenter__(self) -> Self:
        """Makes the session; sends no request."""
        # Each watch holds a connection permanently; with the default limit, watches would wait for one another.
        connector = aiohttp.TCPConnector(limit=0, socket_factory=_socket)
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), read_bufsize=READ_BUFFER
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes all connections, open streams too."""
        if self._session is not None:
            await self._session.close()

    @property
    def expires_at(self) -> Instant | None:
        """When the credentials expire; None: not known, they do not, or something renews them and is in time."""
        access, plugin = self._access, self._credential
        ends = [access.expiry.at] if access and access.expiry else []
        ends += [plugin.expires_at] if plugin and plugin.expires_at else []
        is_renewed = self.address.in_cluster or plugin or (access and access.expiry and access.expiry.is_renewed)
        if not ends or (is_renewed and min(ends) > now_ms() + OVERDUE_MS):
            return None
        return min(ends)

    async def access(self) -> Access:
        """Returns the current access; reads it again each minute, or when a plugin's credential expires."""
        async with self._reading:
            age_s = time.monotonic() - self._read_at
            due = age_s >= REREAD_S or (age_s >= PLUGIN_REST_S and self._expires(self._credential))
            if self._access is not None and due:
                try:
                    await self._read()
                except AddressError as error:
                    # A rotation may be half written; if the old credentials are no longer valid, the server will refuse them.
                    log.warning("cannot read the new credentials of a cluster", extra={"detail": str(error)})
                    self._read_at = time.monotonic()
            return self._access or await self._read()

    async def refresh(self, refused: Access | None) -> None:
        """Gets new credentials after the server refused these; does nothing if they were renewed in between."""
        async with self._reading:
            if refused is self._access:
                self._credential = None
                await self._read()

    async def request(
        self,
        method: str,
        access: Access,
        path: str,
        *,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # handed on to aiohttp
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> aiohttp.ClientResponse:
        """Sends a request and waits for the head of its answer; the caller closes the answer."""
        assert self._session is not None, "a Connection is used inside `async with`"  # noqa: S101
        sent_at = time.time()
        # A proxy tunnels TLS and gets its credentials first; a plain request is its own to forward.
        tunnelled = access.server.startswith("https") and bool(access.proxy)
        answer = await self._session.request(
            method,
            access.server + path,
            params=params,
            json=body,
            headers=access.headers | dict(headers or {}) | ({} if tunnelled else access.proxy_headers),
            timeout=timeout,
            allow_redirects=False,
            ssl=access.tls,
            server_hostname=access.server_hostname,
            proxy=access.proxy,
            proxy_headers=access.proxy_headers if tunnelled else None,
        )
        skew_ms = skew(answer.headers.get("Date", ""), sent_at, time.time())
        self.skew_ms = self.skew_ms if skew_ms is None else skew_ms
        return answer

    async def _read(self) -> Access:
        self._access = await self._load()
        self._read_at = time.monotonic()
        return self._access

    async def _load(self) -> Access:
        """Reads files in a thread; runs the plugin, if there is one, when its last credential has expired."""
        address = self.address
        if address.in_cluster:
            return await asyncio.to_thread(load, address, None, self._access)
        read = argocd.read if address.argocd_secret else kubeconfig.read
        document = await asyncio.to_thread(read, address)
        user = document["users"][0]["user"] if document["users"] else None
        if user and "exec" in user:
            if self._credential is None or self._expires(self._credential):
                cluster = document["clusters"][0]["cluster"]
                patience_s = self._plugin_patience_s
                self._credential = await exec_plugin.credential(address, user["exec"], cluster, patience_s)
            document["users"][0]["user"] = self._credential.user()
        return await asyncio.to_thread(load, address, document, self._access)

    @staticmethod
    def _expires(credential: exec_plugin.Credential | None) -> bool:
        if credential is None or credential.expires_at is None:
            return False
        now: Instant = now_ms()
        return credential.expires_at - now < EXPIRY_LEEWAY_MS


def skew(date: str, sent_at: float, answered_at: float) -> int | None:
    """Server's clock minus ours in ms; 0 if whole seconds and the transfer explain the difference; None without a date."""
    try:
        server_time = parsedate_to_datetime(date)
    except ValueError:
        return None
    earliest = server_time.replace(tzinfo=server_time.tzinfo or UTC).timestamp()
    latest = earliest + 1  # whole seconds, truncated
    if latest < sent_at:
        return round((latest - sent_at) * 1000)
    return max(0, round((earliest - answered_at) * 1000))


def _socket(info: Any) -> socket.socket:
    """Makes a socket that detects a dead peer within a minute; otherwise a silent peer would block a watch for ever."""
    family, kind, protocol, _, _ = info
    result = socket.socket(family, kind, protocol)
    result.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Linux names; on other systems only the idle deadline of the reflector detects it, a little later.
    for option, value in (
        ("TCP_KEEPIDLE", 20),
        ("TCP_KEEPINTVL", 10),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 50_000),
    ):
        if hasattr(socket, option):
            result.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return result
