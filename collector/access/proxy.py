"""
Whom a proxy has signed in, by the headers that it adds to a request. They count only if the request comes from the proxy.
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from collector.access.scope import ALL, Visitor, of_departments

Headers = Sequence[tuple[bytes, bytes]]
"""Of a request as ASGI has them: names in small letters, one pair for each line."""

EVERYTHING = "*"
"""In the place of a department."""
LONGEST_NAME = 256
"""Characters of a person's name."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a request is not answered."""

    status: Literal[400, 401, 403]
    detail: str
    remedy: str


class TrustedProxy(msgspec.Struct, frozen=True):
    """A proxy that signs people in."""

    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    """From where its requests come."""
    user_header: bytes
    """In small letters, as is the next."""
    groups_header: bytes
    groups: Mapping[str, Sequence[str]]
    """The departments that a group may read."""

    def sends(self, peer: str) -> bool:
        """Whether requests from an address are the proxy's."""
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in self.networks)

    def visitor(self, headers: Headers) -> Visitor | Refusal | None:
        """Whom a request of the proxy is for; None: it names no person."""
        users, groups = lines_of(headers, self.user_header), lines_of(headers, self.groups_header)
        for name, lines in ((self.user_header, users), (self.groups_header, groups)):
            # One of the two may be the person's own, which the proxy should have removed.
            if len(lines) > 1:
                return Refusal(
                    400,
                    f"the request has {len(lines)} headers {name.decode()}",
                    "let the proxy remove that header from requests before it adds its own",
                )
        user = "".join(line.decode(errors="replace") for line in users).strip()
        if not user:
            return None
        if len(user) > LONGEST_NAME or not user.isprintable():
            return Refusal(
                400, "the name of the person is none", f"let the proxy send it in {self.user_header.decode()}"
            )
        return self._of_groups(user, (one for line in groups for one in line.decode(errors="replace").split(",")))

    def _of_groups(self, user: str, groups: Iterable[str]) -> Visitor | Refusal:
        departments = {name for group in groups for name in self.groups.get(group.strip(), ())}
        if EVERYTHING in departments:
            return Visitor(user, ALL, "proxy")
        if departments:
            return Visitor(user, of_departments(departments), "proxy")
        return Refusal(
            403,
            "you are signed in, but none of your groups may read here",
            "ask who runs Lynceus to name one of your groups in access.proxy.groups",
        )


def lines_of(headers: Headers, name: bytes) -> list[bytes]:
    """All values of a header."""
    return [value for key, value in headers if key == name]
