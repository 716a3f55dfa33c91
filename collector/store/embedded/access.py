"""
Who may ask the embedded store: no web page, no stranger with a user's name; a reader or the writer otherwise.

All of it is decided from a request's head, before its body is read.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

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
_AUTHENTICATION_FAILED = 516


class RefusedRequestError(Exception):
    """An error response instead of an answer."""

    def __init__(self, code: int, text: str, status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR):
        super().__init__(f"Code: {code}. DB::Exception: {text}")
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Decides the role of a request from its user and token."""

    writer_token: str | None
    """None: the writer comes through the socket only."""
    reader_token: str | None
    """None: readers need no token; only where the store listens on loopback."""
    loopback: bool

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

    def role(self, request: web.BaseRequest) -> str:
        """WRITER or READER; raises for any other user."""
        user, key = _credentials(request)
        if user == WRITER and self.writer_token is not None and _is_same(key, self.writer_token):
            return WRITER
        if user in {READER, ""} and (self.reader_token is None or _is_same(key, self.reader_token)):
            return READER
        raise _forbidden(
            f"{user or READER}: Authentication failed: password is incorrect, or there is no user with such name. "
            "(AUTHENTICATION_FAILED)"
        )


class OwnUser:
    """Decides the same for the socket, which only this user can open: the name alone decides."""

    def refuse_pages(self, request: web.BaseRequest) -> None:
        """No browser opens a socket."""

    def role(self, request: web.BaseRequest) -> str:
        """WRITER or READER."""
        return WRITER if _credentials(request)[0] == WRITER else READER


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
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            raise RefusedRequestError(
                _REQUIRED_PASSWORD, "the Authorization header is not readable", HTTPStatus.FORBIDDEN
            ) from None
        return name, password
    return request.query.get("user", READER), request.query.get("password", "")
