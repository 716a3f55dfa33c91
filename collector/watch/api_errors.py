"""
The meaning of an unexpected answer of an API server: a cause, and a message for an operator.

Decides nothing: the reaction to a cause is in protocol.py. Quotes at most 80 characters, and never of an object.
"""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import msgspec

from collector.core.model import Instant
from collector.core.objects.kubernetes import Status
from collector.shown_text import redact

Cause = Literal[
    "gone", "too_large", "throttled", "unauthorized", "forbidden", "missing", "rejected", "server", "corrupt",
    "unusable", "stream_error", "garbled", "list_loop", "went_back", "connection", "tls", "deadline", "idle", "cut",
    "credentials", "back_pressure", "short", "closed", "no_position", "oversized",
]  # fmt: skip
"""Why a watch was opened again, or a list begun again; the values of the metric's label."""

MAX_RETRY_AFTER_S = 600.0
"""The longest pause that a server may ask for."""

QUOTED_CHARACTERS = 80

CORRUPT = ("StorageReadError", "corrupt object has been deleted", "corrupt object(s)")
"""Texts by which kube-apiserver reports an undecodable object in etcd; the reason is not always sent."""


class Trouble(msgspec.Struct, frozen=True):
    """An unexpected answer."""

    cause: Cause
    detail: str
    retry_after_s: float = 0.0


class StatusCause(msgspec.Struct, gc=False):
    reason: str | None = None
    message: str | None = None


class Details(msgspec.Struct, gc=False):
    causes: list[StatusCause] | None = None
    retryAfterSeconds: float | None = None


class Failure(Status, gc=False):
    """The Status of core/objects/kubernetes.py, and the details that distinguish one 504 from another."""

    details: Details | None = None


def failure_of(body: bytes) -> Failure:
    """Decodes the Status in a body; an empty one if there is none, since reason and message may be absent anyway."""
    try:
        return msgspec.json.decode(body, type=Failure)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Failure()


def is_json(headers: Mapping[str, str]) -> bool:
    """Whether the answer is declared as JSON. Without a declaration: yes, the decoder will find out."""
    kind = headers.get("Content-Type", "")
    return not kind or kind.partition(";")[0].strip().lower().endswith("json")


def quote(body: bytes) -> str:
    """The first printable characters of a body, on one line."""
    text = body[: QUOTED_CHARACTERS * 8].decode("utf-8", "replace")
    return redact(" ".join("".join(c if c.isprintable() else " " for c in text).split()))[:QUOTED_CHARACTERS]


def unusable(status: int, headers: Mapping[str, str], body: bytes) -> Trouble:
    """Trouble for an answer that is not an API server's: a login page, a proxy's error, half a list."""
    kind = headers.get("Content-Type", "no content type")
    # The beginning of a list that broke off could be part of an object, and objects are never quoted.
    detail = "JSON that is not a list of objects" if body.lstrip()[:1] in (b"{", b"[") else f'"{quote(body)}"'
    return Trouble("unusable", f"the server answered {status} with {kind}: {detail}")


NOT_SERVED = b"404 page not found"
"""The plain text of an API server for an API group that it does not have; another 404 is a proxy's."""


def trouble_of(status: int, headers: Mapping[str, str], body: bytes, now: Instant) -> Trouble:
    """Derives the trouble from a whole answer with this status to a request for a page or a stream."""
    failure = failure_of(body)
    wait_s = _retry_after_s(headers, failure, now)
    detail = failure.message or quote(body)
    if status == 401:
        return Trouble("unauthorized", "the server does not accept our credentials (401)")
    if status == 429:
        return Trouble("throttled", f"the server asks for fewer requests (429): {detail}", wait_s)
    if status >= 500:
        return _server_trouble(failure, f"the server failed ({status}): {detail}", wait_s)
    unserved = status == 404 and body.strip() == NOT_SERVED
    if not (unserved or is_json(headers)) or status < 400:
        return unusable(status, headers, body)
    causes: dict[int, Cause] = {403: "forbidden", 404: "missing", 410: "gone"}
    return Trouble(causes.get(status, "rejected"), f"the server refused ({status}): {detail}", wait_s)


def trouble_in(error: Any) -> Trouble:
    """Derives the trouble from the object of an ERROR event."""
    failure = failure_of(msgspec.json.encode(error)) if isinstance(error, dict) else Failure()
    code = failure.code or 500
    detail = f"the server ended the stream ({code} {failure.reason or 'without a reason'}): {failure.message or ''}"
    wait_s = _retry_after_s({}, failure, 0)
    if code == 410 or failure.reason in ("Expired", "Gone"):
        return Trouble("gone", detail)
    if code == 429:
        return Trouble("throttled", detail, wait_s)
    if code == 401:
        return Trouble("unauthorized", detail)
    trouble = _server_trouble(failure, detail, wait_s)
    return Trouble("stream_error", detail, wait_s) if trouble.cause == "server" else trouble


def _server_trouble(failure: Failure, detail: str, wait_s: float) -> Trouble:
    """Derives the trouble from a 5xx: only the body distinguishes its causes."""
    message = failure.message or ""
    causes = (failure.details.causes or []) if failure.details else []
    if any(c.reason == "ResourceVersionTooLarge" for c in causes) or "Too large resource version" in message:
        return Trouble("too_large", detail, wait_s)
    if failure.reason == CORRUPT[0] or any(text in message for text in CORRUPT):
        return Trouble("corrupt", detail, wait_s)
    return Trouble("server", detail, wait_s)


def _retry_after_s(headers: Mapping[str, str], failure: Failure, now: Instant) -> float:
    """The wait that the server asks for: the header's seconds or date, else the body's value; 0 for none."""
    text = headers.get("Retry-After", "").strip()
    wait_s = 0.0
    if text.isascii() and text.isdigit():
        wait_s = float(text[:9])
    elif text:
        try:
            until = parsedate_to_datetime(text)
            wait_s = until.replace(tzinfo=until.tzinfo or UTC).timestamp() - now / 1000
        except ValueError:
            wait_s = 0.0
    elif failure.details and failure.details.retryAfterSeconds:
        wait_s = failure.details.retryAfterSeconds
    return min(max(0.0, wait_s), MAX_RETRY_AFTER_S)
