"""
When credentials expire, by what they themselves state: a client certificate, an authority, or a token that is a JWT.

Only times are read. No signature is checked, since nothing is decided by them: the API server alone admits a credential. No
part of a credential leaves this module, and one that cannot be read has no known end.
"""

import base64
import re
import ssl
from datetime import UTC, datetime

import msgspec

from collector.core.model import Instant
from collector.core.units import DAY_MS

PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
UTC_TIME, VERSION = 0x17, 0xA0
"""Tags of a certificate's fields (RFC 5280): a time with two digits of the year, and the version, which may be absent."""
LATEST_S = 253_402_300_799
"""The end of the year 9999."""


class Expiry(msgspec.Struct, frozen=True):
    """When a credential expires."""

    at: Instant
    life_ms: int | None
    """From its issue to its end; None: it does not state its issue."""

    @property
    def is_renewed(self) -> bool:
        """Whether something must renew it: no person replaces a credential every day."""
        return self.life_ms is not None and self.life_ms <= DAY_MS


class Claims(msgspec.Struct):
    """The times of a JWT (RFC 7519), in seconds."""

    exp: float
    iat: float | None = None


def of_token(token: str) -> Expiry | None:
    """The expiry of a bearer token; None: it is not a JWT, or has none."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), type=Claims)
    except (ValueError, RecursionError, msgspec.DecodeError):
        return None
    if not 0 < claims.exp <= LATEST_S:
        return None
    is_dated = claims.iat is not None and 0 <= claims.iat <= claims.exp
    return Expiry(int(claims.exp * 1000), int((claims.exp - (claims.iat or 0)) * 1000) if is_dated else None)


def of_certificate(pem: bytes) -> Expiry | None:
    """The expiry of the first certificate of a PEM file, which is the client's own; None: there is none that can be read."""
    found = PEM.search(pem)
    return _of_one(found.group()) if found else None


def of_authorities(pem: bytes) -> Expiry | None:
    """The expiry of the last authority of a PEM file to expire: during a rotation the file has the old and the new one."""
    return max(filter(None, map(_of_one, PEM.findall(pem))), key=lambda end: end.at, default=None)


def _of_one(pem: bytes) -> Expiry | None:
    try:
        begin, end = _validity(ssl.PEM_cert_to_DER_cert(pem.decode("ascii")))
    except (ValueError, IndexError):
        return None
    return Expiry(end, end - begin)


def _validity(der: bytes) -> tuple[Instant, Instant]:
    """The two times of a certificate in DER. IndexError or ValueError if it is none."""
    _, at, _ = _element(der, 0)  # the certificate
    _, at, _ = _element(der, at)  # what is signed of it
    tag, _, end = _element(der, at)
    at = end if tag == VERSION else at
    for _ in ("serial number", "signature algorithm", "issuer"):
        at = _element(der, at)[2]
    _, at, _ = _element(der, at)
    tag, begin, end = _element(der, at)
    next_tag, next_begin, next_end = _element(der, end)
    return _time(tag, der[begin:end]), _time(next_tag, der[next_begin:next_end])


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, begin and end of the contents of the element that begins at a byte."""
    length, begin = der[at + 1], at + 2
    if length & 0x80:
        octets = length & 0x7F
        length, begin = int.from_bytes(der[begin : begin + octets]), begin + octets
    return der[at], begin, begin + length


def _time(tag: int, text: bytes) -> Instant:
    form = "%y%m%d%H%M%SZ" if tag == UTC_TIME else "%Y%m%d%H%M%SZ"
    return int(datetime.strptime(text.decode("ascii"), form).replace(tzinfo=UTC).timestamp()) * 1000
