"""
The settings of traces, and what makes them unsafe or useless.
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from collector.shown_text import redact_url

ENDPOINT_EXAMPLE = "expected the receiver's address for OTLP over HTTP, like http://tempo:4318/v1/traces"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)[ \t]*")
"""A line of a file of headers: a name, a colon, a value of visible characters (RFC 9110)."""


class TraceSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Export of finished workflows as OpenTelemetry traces. Without an endpoint nothing is exported."""

    endpoint: str = ""
    """Address of the receiver for OTLP over HTTP with protobuf, path included, like http://tempo:4318/v1/traces. Empty: no
    traces."""
    headers_file: str = ""
    """File with headers for the receiver, one `Name: value` a line. It is read again for each request, so a new token needs no
    restart."""
    ca_file: str = ""
    """Certificate authority of the receiver. Empty: the authorities that `requests` ships."""
    allow_insecure: bool = False
    """Permit `headers_file` over plain http beyond this machine."""
    timeout_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=300)] = 10
    """Time limit of one request, its own repetitions included."""
    delay_seconds: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 30
    """Seconds after the end of a workflow until its export: its last pods and charges arrive in this time."""
    max_spans: Annotated[int, msgspec.Meta(ge=100, le=50_000)] = 5000
    """Most spans of one attempt. The critical path is taken first, then failed steps, then the longest."""
    queue: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    """Finished workflows that wait for export. Beyond it new ones are dropped and counted."""
    clusters: tuple[str, ...] = ()
    """Clusters whose workflows are exported. Empty: all."""
    namespaces: tuple[str, ...] = ()
    """Namespaces whose workflows are exported, in every cluster. Empty: all."""
    succeeded_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    """Share of succeeded workflows that is exported; the others always are."""
    own_work: bool = msgspec.field(default=False, name="self")
    """Export spans of the collector's own work too: lists of objects, inserts, the page's queries."""


def problem(traces: TraceSettings) -> str:
    """The problem with the settings of traces, its key first, or an empty text."""
    if not traces.endpoint:
        return "" if traces == TraceSettings() else f"endpoint: is missing; {ENDPOINT_EXAMPLE}"
    try:
        parts = urlsplit(traces.endpoint)
        host = parts.hostname if parts.scheme in ("http", "https") and parts.port != 0 else None
    except ValueError:  # a port out of range, a bracket that is not closed
        return f"endpoint: invalid address, {ENDPOINT_EXAMPLE}"
    if parts.username or parts.password:
        return "endpoint: contains a user; put an Authorization header into headers_file"
    if not host or parts.path in ("", "/") or parts.query or parts.fragment:
        return f"endpoint: invalid address {redact_url(traces.endpoint)!r}, {ENDPOINT_EXAMPLE}"
    if parts.scheme == "http" and traces.headers_file and not traces.allow_insecure and host not in LOOPBACK:
        return f"headers_file: plain http to {host} would send it unencrypted; use https, or set allow_insecure"
    return ""


def parse_headers(text: str) -> dict[str, str]:
    """The headers in a file's text; ValueError names the line, never what is in it."""
    headers: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            found = _HEADER.fullmatch(line.strip())
            if not found:
                raise ValueError(f"line {number} is not a header, expected `Name: value`")
            headers[found[1].lower()] = found[2]
    return headers
