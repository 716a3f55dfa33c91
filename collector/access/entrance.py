"""
Who asks: the owner of a request's token, the person that a trusted proxy names, or anyone where the door is open.
"""

import base64
import binascii
from dataclasses import dataclass, field

from collector.access.proxy import Headers, Refusal, TrustedProxy, lines_of
from collector.access.scope import OPEN, Visitor
from collector.access.tokens import LONGEST_TOKEN, TokenFiles

COOKIE = "lynceus_token"
"""Into which the sign-in page puts the token of a person."""
LONGEST_LINE = 2 * LONGEST_TOKEN
"""Bytes of an Authorization header; a longer one has no token and is not decoded."""

NO_TOKEN = Refusal(
    401,
    "only who has a token may read this",
    "send it in the header Authorization, as Bearer TOKEN or as the password of Basic; who runs Lynceus makes tokens with "
    "`lynceus token create`",
)
"""The same for all that is shut, whether it exists or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """How visitors are known."""

    tokens: TokenFiles = field(default_factory=lambda: TokenFiles([]))
    proxy: TrustedProxy | None = None
    otherwise: Visitor | None = None
    """Who everyone is where no token is needed; None: a request without one is refused."""
    signs_in: bool = False
    """Whether people can sign in with a token."""

    def visitor(self, headers: Headers, peer: str) -> Visitor | Refusal:
        """Who asks, by the headers of the request and the address that it is from."""
        if self.otherwise is not None:
            return self.otherwise
        if self.proxy is not None and self.proxy.sends(peer):
            named = self.proxy.visitor(headers)
            if named is not None:
                return named
        return self.tokens.visitor(token_of(headers)) or NO_TOKEN


OPEN_ENTRANCE = Entrance(otherwise=OPEN)
"""Asks for nothing."""


def token_of(headers: Headers) -> str:
    """The token of a request: in Authorization, else in the cookie; empty: there is none, or it is not clear which."""
    lines = lines_of(headers, b"authorization")
    if lines:
        return _authorized(lines[0]) if len(lines) == 1 else ""
    cookies = (pair.strip() for line in lines_of(headers, b"cookie") for pair in line.split(b";"))
    name = f"{COOKIE}=".encode()
    found = [pair.removeprefix(name) for pair in cookies if pair.startswith(name)]
    return _text(found[0]) if found else ""


def _authorized(line: bytes) -> str:
    """The token of an Authorization header. Prometheus, Grafana, BI and `curl -u` send it as a password."""
    if len(line) > LONGEST_LINE:
        return ""
    scheme, _, value = line.strip().partition(b" ")
    match scheme.title():
        case b"Bearer":
            return _text(value.strip())
        case b"Basic":
            try:
                return _text(base64.b64decode(value.strip(), validate=True).partition(b":")[2])
            except binascii.Error:
                return ""
        case _:
            return ""


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")
