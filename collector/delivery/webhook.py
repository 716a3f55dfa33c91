"""
Messages to chats and programs by HTTP: one POST, and what its answer means.

The address is a secret: all who know it can write into the chat. It is read from its file for each message, and no error, log
line or row has it. Redirects are refused, since they would carry the message elsewhere.
"""

import asyncio
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractStreamWriter

from collector.clock import now_ms
from collector.delivery.message import Message
from collector.delivery.outcome import NotSentError, UnsureError
from collector.delivery.preset import MessageForm, filled, shipped
from collector.delivery.signing import dingtalk_address, feishu_members
from collector.settings.delivery import LOOPBACK, WebhookSettings, secret_text
from collector.shown_text import on_one_line, redact

_LONGEST_ANSWER = 64 * 2**10
_SHOWN = 200
"""Characters of an answer in an error."""
_TEMPLATE_LIMIT = 256 * 2**10
UNSURE = frozenset({500, 502, 504})
"""Statuses after which the receiver, or a gateway before it, may have the message."""


def form_of(hook: WebhookSettings) -> MessageForm:
    """The form of messages to a webhook; NotSentError if its template cannot be used."""
    if not hook.template_file:
        return shipped(hook.preset)
    try:
        text = Path(hook.template_file).read_bytes()
        return msgspec.structs.replace(shipped(hook.preset), body=msgspec.json.decode(text[:_TEMPLATE_LIMIT]))
    except OSError as error:
        raise NotSentError(f"{hook.template_file}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise NotSentError(f"{hook.template_file}: is not JSON: {error}") from None


def send_webhook(hook: WebhookSettings, message: Message, last_step: Callable[[], None]) -> str:
    """Sends a message; returns what the receiver answered. `last_step` comes before the first byte of it, and may raise."""
    form, (url, secret, context) = form_of(hook), _files(hook)
    signed = feishu_members(secret, now_ms()) if secret and form.signed == "body" else {}
    body = filled(form, message, signed)
    target = dingtalk_address(url, secret, now_ms()) if secret and form.signed == "address" else url
    post = _Post(target, _Body(body, last_step), message.key, context, hook.timeout_seconds)
    status, answer, retry_s = asyncio.run(post.send())
    return _judge(form, status, answer, retry_s, hidden=[url, target, secret])


def check_webhook(hook: WebhookSettings) -> str:
    """Reads the files of a webhook, and sends nothing; returns the host of its address."""
    form_of(hook)
    return urlsplit(_files(hook)[0]).hostname or ""


def _files(hook: WebhookSettings) -> tuple[str, str, ssl.SSLContext]:
    """The address, the secret, and the authorities of the receiver."""
    try:
        secret = secret_text(hook.secret_file) if hook.secret_file else ""
        return _address(hook), secret, ssl.create_default_context(cafile=hook.ca_file or None)
    except (OSError, ValueError) as error:
        raise NotSentError(_file_words(error)) from None


class _Body(aiohttp.BytesPayload):
    """The body of a request, whose first byte is the last step: without a body a receiver has no message."""

    def __init__(self, value: bytes, last_step: Callable[[], None]) -> None:
        super().__init__(value, content_type="application/json; charset=utf-8")
        self._last_step = last_step
        self.begun = False
        self.failure: Exception | None = None
        """Why the last step was not taken."""

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Takes the last step and writes the body."""
        try:
            self._last_step()
        except Exception as error:
            self.failure = error
            raise
        self.begun = True
        await super().write_with_length(writer, content_length)


class _Post:
    """One POST."""

    def __init__(self, url: str, body: _Body, key: str, context: ssl.SSLContext, limit_s: int) -> None:
        self._url, self._body, self._key, self._context, self._limit_s = url, body, key, context, limit_s

    async def send(self) -> tuple[int, str, int]:
        """Sends it; returns status and text of the answer, and the time that it asks to wait."""
        parts = urlsplit(self._url)
        place = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        try:
            return await self._answer(secure=parts.scheme == "https")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if self._body.failure is not None:
                raise self._body.failure from None
            if self._body.begun:
                raise UnsureError(f"{place} did not answer: {type(error).__name__}") from None
            cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
            number = getattr(cause, "errno", None) or 0
            why = os.strerror(number) if number > 0 else type(error).__name__
            raise NotSentError(f"{place} cannot be reached: {why}") from None

    async def _answer(self, *, secure: bool) -> tuple[int, str, int]:
        limit = aiohttp.ClientTimeout(total=self._limit_s)
        request: dict[str, Any] = {"data": self._body, "headers": {"Idempotency-Key": self._key}}
        request |= {"allow_redirects": False, "ssl": self._context if secure else True}
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=secure) as session,
            session.post(self._url, **request) as answer,
        ):
            text = (await answer.content.read(_LONGEST_ANSWER)).decode("utf-8", "replace")
            after = answer.headers.get("Retry-After", "")
            return answer.status, text, int(after) if after.isdigit() else 0


def _address(hook: WebhookSettings) -> str:
    url = secret_text(hook.url_file)
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise ValueError(f"{hook.url_file}: does not hold an address like https://…")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError(f"{hook.url_file}: holds a plain http address, so costs would be sent unencrypted; use https")
    return url


def _judge(form: MessageForm, status: int, answer: str, retry_s: int, *, hidden: list[str]) -> str:
    """What an answer means: returns its words, or raises."""
    words = f"{status} {shown_answer(answer, hidden)}".strip()
    if status in UNSURE:
        raise UnsureError(f"the receiver failed: {words}")
    if not 200 <= status < 300:
        raise NotSentError(f"the receiver refuses: {words}", retry_s)
    accepts = form.accepts
    if accepts.text and answer.strip() != accepts.text:
        raise NotSentError(f"the receiver refuses: {words}")
    if accepts.member:
        try:
            found = msgspec.json.decode(answer)[accepts.member]
        except (msgspec.DecodeError, KeyError, TypeError):
            raise UnsureError(f"the receiver answers in no form that is documented: {words}") from None
        if found != accepts.value:
            retry_s = form.too_fast.get(found, 0) if isinstance(found, int) else 0
            raise NotSentError(f"the receiver refuses: {words}", retry_s)
    return words


def _file_words(error: OSError | ValueError) -> str:
    """What is wrong with a file; the text of the file is not in it."""
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)


def shown_answer(answer: str, hidden: list[str]) -> str:
    """The begin of an answer, without what it repeats of an address or a secret."""
    secrets = {part for text in hidden if text for part in (text, *_parts(text)) if len(part) > 5}
    for secret in sorted(secrets, key=len, reverse=True):
        answer = answer.replace(secret, "…")
    return on_one_line(redact(answer[:_SHOWN]))


def _parts(text: str) -> list[str]:
    parts = urlsplit(text)
    return [*parts.path.split("/"), parts.path, parts.query, *(value for _, value in parse_qsl(parts.query))]
