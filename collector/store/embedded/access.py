"""
Who may ask the embedded store: no web page, no stranger with a user's name; a reader or the writer otherwise.

A reader has a token, as password or bearer token, and reads what its scope permits. All of it is decided from a request's head,
before its body is read.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple

from aiohttp import web

from collector.access.scope import ALL, METRICS, OPEN, Visitor
from collector.access.tokens import TokenFiles
from collector.catalog.schema import WRITER

READER = "default"

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})

ANSWER_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Disposition": "attachment",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "no-store",
}
"""Of every answer, errors too: who asks chooses its text, so no page may run it, embed it or show it."""

_REQUIRED_PASSWORD = 194
_ACCESS_DENIED = 497
_AUTHENTICATION_FAILED = 516


class RefusedRequestError(Exception):
    """An error response instead of an answer."""

    def __init__(self, code: int, text: str, status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR):
        super().__init__(f"Code: {code}. DB::Exception: {text}")
        self.code = code
        self.status = status

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the response: they show a client that sent no password how to send one."""
        return _ASK if self.status == HTTPStatus.UNAUTHORIZED else {}


_ASK = MappingProxyType({"WWW-Authenticate": 'Basic realm="Lynceus", charset="UTF-8"'})


class Caller(NamedTuple):
    """Who sent a request."""

    role: str
    """WRITER or READER."""
    visitor: Visitor


_THE_WRITER = Caller(WRITER, Visitor(WRITER, ALL, "token"))
_ANY_READER = Caller(READER, OPEN)


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Decides from the user and the token of a request who sent it."""

    writer_token: str | None
    """None: the writer comes through the socket only."""
    reader_token: str | None
    """A token that reads everything, beside those of `tokens`."""
    loopback: bool
    """Whether only this machine reaches the store. Readers need no token there unless there are tokens."""
    tokens: TokenFiles = field(default_factory=lambda: TokenFiles(()))
    asks: bool = False
    """Whether readers need a token of `tokens`, be there any at this time or not."""

    def refuse_pages(self, request: web.BaseRequest) -> None:
        """
        Raises for what a web page of another origin sent.

        A browser says so itself, in headers that a page cannot change; other clients do not send them. A page whose
        name was made to point to 127.0.0.1 (DNS rebinding) is of the store's own origin to the browser: its Host is not.
        """
        hosts = {host.lower() for host in request.headers.getall("Host", [])}
        if self.loopback and not {_name(host) for host in {*hosts, request.host.lower()}} <= LOOPBACK:
            raise _forbidden("unknown Host; use 127.0.0.1")
        sites = {site.strip().lower() for site in request.headers.getall("Sec-Fetch-Site", [])}
        origins = {origin.strip().lower().partition("://")[2] for origin in request.headers.getall("Origin", [])}
        if not sites <= {"none", "same-origin"} or not origins <= hosts:
            raise _forbidden("web pages may not ask this store; use a ClickHouse client, or curl")

    def caller(self, request: web.BaseRequest) -> Caller:
        """Who sent a request; raises for anybody else."""
        user, key = _credentials(request)
        if user == WRITER and self.writer_token is not None and _is_same(key, self.writer_token):
            return _THE_WRITER
        if user in {READER, ""}:
            if self.reader_token is None and not self.asks:
                return _ANY_READER
            if self.reader_token is not None and _is_same(key, self.reader_token):
                return Caller(READER, Visitor("reader_token_file", ALL, "token"))
            if visitor := self.tokens.visitor(key):
                return Caller(READER, _reading(visitor))
            if not key:
                raise RefusedRequestError(
                    _REQUIRED_PASSWORD,
                    f"{READER}: readers need a token; send it as the password of this user. (REQUIRED_PASSWORD)",
                    HTTPStatus.UNAUTHORIZED,
                )
        raise _forbidden(
            f"{user or READER}: Authentication failed: password is incorrect, or there is no user with such name; "
            "a token may have ended or been withdrawn. (AUTHENTICATION_FAILED)"
        )


class OwnUser:
    """Decides the same for the socket, which only this user can open: the name alone decides."""

    def refuse_pages(self, request: web.BaseRequest) -> None:
        """No browser opens a socket."""

    def caller(self, request: web.BaseRequest) -> Caller:
        """The writer or a reader; both are this user."""
        return _THE_WRITER if _credentials(request)[0] == WRITER else _ANY_READER


def _reading(visitor: Visitor) -> Visitor:
    """A visitor who may read rows; raises for one who may not."""
    if visitor.scope == METRICS:
        raise RefusedRequestError(
            _ACCESS_DENIED,
            f"{READER}: this token is for metrics alone; reading the store needs one with the scope all, or with "
            "departments. (ACCESS_DENIED)",
            HTTPStatus.FORBIDDEN,
        )
    return visitor


def _forbidden(text: str) -> RefusedRequestError:
    return RefusedRequestError(_AUTHENTICATION_FAILED, text, HTTPStatus.FORBIDDEN)


def _name(host: str) -> str:
    """A Host header without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _is_same(key: str, token: str) -> bool:
    """Whether a key is the token. A header may hold any bytes, which arrive here as surrogates."""
    return hmac.compare_digest(key.encode(errors="surrogateescape"), token.encode())


def _credentials(request: web.BaseRequest) -> tuple[str, str]:
    user, key = request.headers.get("X-ClickHouse-User"), request.headers.get("X-ClickHouse-Key")
    if user is not None or key is not None:
        return user or READER, key or ""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.casefold() == "Bearer".casefold():
        return READER, encoded.strip()
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            raise RefusedRequestError(
                _REQUIRED_PASSWORD, "the Authorization header is not readable", HTTPStatus.FORBIDDEN
            ) from None
        return name, password
    return request.query.get("user", READER), request.query.get("password", "")
