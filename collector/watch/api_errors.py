"""
What an answer of an API server means if it is not what was asked for: a cause, and words for an operator.

Decides nothing: what to do about a cause is protocol.py's. Quotes at most 80 characters, and never of an object.
"""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import msgspec

from collector.core.model import Instant
from collector.core.objects.kubernetes import Status

Cause = Literal[
    "gone", "too_large", "throttled", "unauthorized", "forbidden", "missing", "rejected", "server", "corrupt",
    "unusable", "stream_error", "garbled", "list_loop", "went_back", "connection", "tls", "deadline", "idle", "cut",
    "credentials", "back_pressure", "short", "closed", "no_position",
]  # fmt: skip
"""Why a watch had to be opened again, or a list begun again; the values of the metric's label."""

MAX_RETRY_AFTER_S = 600.0
"""A server may ask for patience, not for oblivion."""

QUOTED_CHARACTERS = 80

CORRUPT = ("StorageReadError", "corrupt object has been deleted", "corrupt object(s)")
"""How kube-apiserver says that etcd holds an object it cannot decode; the reason is not always sent."""


class Trouble(msgspec.Struct, frozen=True):
    """An answer that is not what was asked for."""

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
    """core/decode.py's Status and the details that say which kind of 504 this is."""

    details: Details | None = None


def failure_of(body: bytes) -> Failure:
    """The Status in a body; an empty one when there is none, since reason and message may be absent anyway."""
    try:
        return msgspec.json.decode(body, type=Failure)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Failure()


def is_json(headers: Mapping[str, str]) -> bool:
    """Whether the answer claims to be JSON; no claim at all is believed, the decoder will tell."""
    kind = headers.get("Content-Type", "")
    return not kind or kind.partition(";")[0].strip().lower().endswith("json")


def quote(body: bytes) -> str:
    """The first printable characters of a body, on one line."""
    text = body[: QUOTED_CHARACTERS * 8].decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:QUOTED_CHARACTERS]


def unusable(status: int, headers: Mapping[str, str], body: bytes) -> Trouble:
    """An answer in the wrong language: a login page, a proxy's error, half a list."""
    kind = headers.get("Content-Type", "no content type")
    # The beginning of a list that broke off could be a part of an object, and those are quoted nowhere.
    said = "JSON that is no list of objects" if body.lstrip()[:1] in (b"{", b"[") else f'"{quote(body)}"'
    return Trouble("unusable", f"the server answered {status} with {kind}: {said}")


NOT_SERVED = b"404 page not found"
"""What a real API server says, as plain text, of an API group that it does not have; another 404 is a proxy's."""


def trouble_of(status: int, headers: Mapping[str, str], body: bytes, now: Instant) -> Trouble:
    """What a complete answer with this status means, when a page or a stream was asked for."""
    failure = failure_of(body)
    wait_s = _retry_after_s(headers, failure, now)
    said = failure.message or quote(body)
    if status == 401:
        return Trouble("unauthorized", "the server does not accept our credentials (401)")
    if status == 429:
        return Trouble("throttled", f"the server asks for less (429): {said}", wait_s)
    if status >= 500:
        return _server_trouble(failure, f"the server failed ({status}): {said}", wait_s)
    unserved = status == 404 and body.strip() == NOT_SERVED
    if not (unserved or is_json(headers)) or status < 400:
        return unusable(status, headers, body)
    causes: dict[int, Cause] = {403: "forbidden", 404: "missing", 410: "gone"}
    return Trouble(causes.get(status, "rejected"), f"the server refused ({status}): {said}", wait_s)


def trouble_in(error: Any) -> Trouble:
    """What the object of an ERROR event means."""
    failure = failure_of(msgspec.json.encode(error)) if isinstance(error, dict) else Failure()
    code = failure.code or 500
    said = f"the server ended the stream ({code} {failure.reason or 'without a reason'}): {failure.message or ''}"
    wait_s = _retry_after_s({}, failure, 0)
    if code == 410 or failure.reason in ("Expired", "Gone"):
        return Trouble("gone", said)
    if code == 429:
        return Trouble("throttled", said, wait_s)
    if code == 401:
        return Trouble("unauthorized", said)
    trouble = _server_trouble(failure, said, wait_s)
    return Trouble("stream_error", said, wait_s) if trouble.cause == "server" else trouble


def _server_trouble(failure: Failure, detail: str, wait_s: float) -> Trouble:
    """A 5xx, told apart by what only the body says."""
    message = failure.message or ""
    causes = (failure.details.causes or []) if failure.details else []
    if any(c.reason == "ResourceVersionTooLarge" for c in causes) or "Too large resource version" in message:
        return Trouble("too_large", detail, wait_s)
    if failure.reason == CORRUPT[0] or any(words in message for words in CORRUPT):
        return Trouble("corrupt", detail, wait_s)
    return Trouble("server", detail, wait_s)


def _retry_after_s(headers: Mapping[str, str], failure: Failure, now: Instant) -> float:
    """How long the server asks us to wait: the header's seconds or date, else the body's word; 0 for not at all."""
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
