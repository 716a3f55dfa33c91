"""
Client of an argo-server's archive: lists the workflows that finished in a period, and fetches each of them whole.

The endpoint is the same in Argo 3.5 to 4.1: `GET /api/v1/archived-workflows` and `…/{uid}` (server/workflowarchive in
Argo's tree). Its list selects periods by `spec.startedAt` only, has no steps, and pages by an offset that shifts while
rows arrive. The periods are therefore short, and the reader drops duplicates.
The client follows no redirect, keeps no cookie, bounds every answer in bytes and in time, and limits its request rate.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

import aiohttp
import msgspec

from collector.core.archive.pod_estimates import decoded
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.units import HOUR_MS
from collector.kube.request import TooLargeError, read_whole
from collector.settings.model import ArchiveSettings
from collector.shown_text import redact

PATH = "/api/v1/archived-workflows"
PAGE = 200
SLICE_MS = HOUR_MS
"""Length of a period that is listed in one request."""
EDGE_MS = 1000
"""Argo's versions differ in whether a period includes its ends; all of them count whole seconds."""
PER_SECOND = 10
"""Requests a second."""
AT_ONCE = 4
"""Parallel requests."""
ANSWER_BYTES = 32 * 2**20
MOST_VALUES = 1_000_000
"""Values in an answer, by its commas and braces, so that four at once fit into memory. 5,000 steps have 100,000."""
PATIENCE = aiohttp.ClientTimeout(total=60, connect=10)
QUOTED = 80
"""Characters of an error message that are quoted."""
UID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class ArchiveError(Exception):
    """The archive failed; the message names the address and the remedy."""

    def __init__(self, reason: "FailureReason", text: str) -> None:
        super().__init__(text)
        self.reason = reason


FailureReason = Literal[
    "connection", "unauthorized", "forbidden", "missing", "unusable", "server", "too_large", "settings"
]
"""The label under which a failure is counted."""
REASONS: tuple[FailureReason, ...] = get_args(FailureReason)


class ListedWorkflow(msgspec.Struct, frozen=True):
    """A finished workflow as the archive lists it."""

    uid: str
    started_at: Instant | None
    finished_at: Instant


class ArchivePageMeta(msgspec.Struct):
    token: str | None = msgspec.field(default=None, name="continue")


class ArchivePage(msgspec.Struct):
    items: list[kubernetes.Workflow] | None
    metadata: ArchivePageMeta = msgspec.field(default_factory=ArchivePageMeta)


@dataclass(slots=True)
class Pace:
    """Limits the request rate, evenly spread."""

    per_second: float
    _next_at: float = 0.0

    async def wait(self) -> None:
        """Returns when the next request may be sent."""
        now = time.monotonic()
        at = max(now, self._next_at)
        self._next_at = at + 1 / self.per_second
        await asyncio.sleep(at - now)


@dataclass(slots=True)
class ArgoServer:
    """Client of one argo-server; `async with` opens and closes its connections."""

    settings: ArchiveSettings
    pace: Pace = field(default_factory=lambda: Pace(PER_SECOND))
    _session: aiohttp.ClientSession | None = None
    _headers: dict[str, str] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        self._headers = await asyncio.to_thread(_headers, self.settings)
        tls = await asyncio.to_thread(_tls, self.settings)
        connector = aiohttp.TCPConnector(limit=AT_ONCE, ssl=tls)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=PATIENCE, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def place(self) -> str:
        """Returns the address that errors name."""
        return self.settings.url.rstrip("/") + PATH

    async def finished(self, begin: Instant, end: Instant) -> list[ListedWorkflow]:
        """Lists the finished workflows that started within a period, each once."""
        found: dict[str, ListedWorkflow] = {}
        offset = 0
        selector = f"spec.startedAt>{_rfc3339(begin - EDGE_MS)},spec.startedAt<{_rfc3339(end + EDGE_MS)}"
        while True:
            parameters = {"listOptions.limit": str(PAGE), "listOptions.fieldSelector": selector}
            body = await self._get("", parameters | ({"listOptions.continue": str(offset)} if offset else {}))
            page = decoded(body, ArchivePage) if body is not None else None
            if page is None:
                raise self._error("unusable", "answered with no list of workflows", "is it an argo-server's address?")
            found |= {workflow.uid: workflow for workflow in _parse_list(page)}
            token = page.metadata.token or ""
            if not token:
                return list(found.values())
            if not token.isdecimal() or int(token) <= offset:
                raise self._error("unusable", f"its list goes in circles at {token[:20]!r}", "which version is it?")
            offset = int(token)

    async def workflow(self, uid: str) -> bytes | None:
        """Fetches a whole workflow as JSON; None if it is not in the archive."""
        if not UID.fullmatch(uid):
            return None
        return await self._get(f"/{uid}", {}, absent_is_none=True)

    async def _get(self, path: str, params: dict[str, str], *, absent_is_none: bool = False) -> bytes | None:
        """Requests a body; retries once if the connection or the server failed."""
        try:
            return await self._request(path, params, absent_is_none)
        except ArchiveError as error:
            if error.reason not in ("connection", "server"):
                raise
        await asyncio.sleep(1 / self.pace.per_second)
        return await self._request(path, params, absent_is_none)

    async def _request(self, path: str, params: dict[str, str], absent_is_none: bool) -> bytes | None:
        assert self._session is not None  # noqa: S101 - set by async with
        await self.pace.wait()
        try:
            async with self._session.get(
                self.place + path, params=params, headers=self._headers, allow_redirects=False
            ) as answer:
                body = await self._read(answer)
                kind = answer.headers.get("Content-Type", "")
                return self._check_answer(answer.status, kind, body, absent_is_none)
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise self._error("connection", f"TLS: {error}", "give its authority as archive.ca_file") from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            message = redact(str(error)) or type(error).__name__
            raise self._error(
                "connection", f"does not answer: {message}", "is archive.url right, and the server up?"
            ) from None

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        try:
            body = await read_whole(answer, ANSWER_BYTES)
        except TooLargeError:
            raise self._too_large(f"{ANSWER_BYTES >> 20} MiB") from None
        if body.count(b",") + body.count(b"{") > MOST_VALUES:
            raise self._too_large(f"{MOST_VALUES} values")
        return body

    def _too_large(self, limit: str) -> ArchiveError:
        return self._error("too_large", f"an answer is larger than {limit}", "see which workflow it is")

    def _check_answer(self, status: int, kind: str, body: bytes, absent_is_none: bool) -> bytes | None:
        """Returns the body of a good answer; raises ArchiveError with the remedy for any other."""
        json = kind.partition(";")[0].strip().lower().endswith("json")
        if status == 200 and json:
            return body
        if status == 401:
            raise self._error("unauthorized", "does not accept our token (401)", "renew what archive.token_file holds")
        if status == 403:
            remedy = "let the token's account get and list workflows in all namespaces"
            raise self._error("forbidden", f"refuses (403): {_quote(body)}", remedy)
        if status == 404 and json and absent_is_none:
            return None
        if status == 404:
            raise self._error("missing", "has no archive there (404)", "give archive.url with the server's base path")
        if status >= 500 or status == 429:
            raise self._error("server", f"failed ({status}): {_quote(body)}", "see the argo-server's log")
        what = f"answered {status} with {kind or 'no content type'}"
        raise self._error("unusable", what, "give the argo-server's own address, not one that asks people to sign in")

    def _error(self, reason: FailureReason, what: str, remedy: str) -> ArchiveError:
        return ArchiveError(reason, f"{self.place}: {what}; {remedy}")


def slices(begin: Instant, end: Instant) -> Iterator[tuple[Instant, Instant]]:
    """Divides a period into parts that are listed in one request."""
    for at in range(begin, end, SLICE_MS):
        yield at, min(end, at + SLICE_MS)


def _parse_list(page: ArchivePage) -> Iterator[ListedWorkflow]:
    for item in page.items or ():
        status = item.status or kubernetes.WorkflowStatus()
        finished_at = kubernetes.parse_time(status.finishedAt)
        if item.metadata.uid and finished_at is not None:
            yield ListedWorkflow(item.metadata.uid, kubernetes.parse_time(status.startedAt), finished_at)


def _rfc3339(at: Instant) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _quote(body: bytes) -> str:
    """Returns the beginning of an error message on one line, never of an object."""
    try:
        message = msgspec.json.decode(body, type=kubernetes.Status).message or ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = body[: QUOTED * 4].decode("utf-8", "replace")
    return redact(" ".join("".join(c if c.isprintable() else " " for c in message).split()))[:QUOTED]


def _headers(settings: ArchiveSettings) -> dict[str, str]:
    """Reads the token for each connection, because tokens are renewed while the collector runs."""
    headers = {"Accept": "application/json", "User-Agent": "lynceus"}
    if not settings.token_file:
        return headers
    try:
        token = Path(settings.token_file).read_text(encoding="utf-8").strip().removeprefix("Bearer ")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "is not text"
        raise ArchiveError("settings", f"{settings.token_file}: {why}; it holds the token for {settings.url}") from None
    if not token or not token.isprintable():
        raise ArchiveError("settings", f"{settings.token_file}: is empty or not a token; write the bare token into it")
    return headers | {"Authorization": f"Bearer {token}"}


def _tls(settings: ArchiveSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:
        why = error.strerror or "holds no PEM certificate"
        raise ArchiveError("settings", f"{settings.ca_file}: {why}; it holds the authority of {settings.url}") from None
    # As in kube/credentials.py: the authorities of many clusters lack extensions that Python 3.13 requires.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if settings.allow_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
