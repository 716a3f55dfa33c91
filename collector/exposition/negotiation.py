"""
What a scraper accepts, by the headers Accept and Accept-Encoding (RFC 9110, sections 12.4.2 and 12.5).

prometheus-client's choose_encoder and gzip_accepted read no `q`, so a refusal (`q=0`) counts for them as a wish.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

OPENMETRICS, OPENMETRICS_VERSION = "application/openmetrics-text", "1.0.0"
PLAIN, PLAIN_VERSION = "text/plain", "0.0.4"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a scraper gets."""

    openmetrics: bool = False
    gzip: bool = False
    names: frozenset[str] = frozenset()
    """Families or samples by name; empty: all."""


def choose(accept: str, accept_encoding: str, names: Iterable[str] = ()) -> Choice:
    """Reads the headers, and the names of `name[]` as they are. Who accepts neither format gets plain text."""
    return Choice(_prefers_openmetrics(accept), _accepts_gzip(accept_encoding), frozenset(names))


def _prefers_openmetrics(accept: str) -> bool:
    """Whether OpenMetrics is named, in our version or in any, and plain text is not preferred to it."""
    openmetrics = _quality_of(OPENMETRICS, OPENMETRICS_VERSION, accept) or 0
    plain = (_quality_of(name, PLAIN_VERSION, accept) for name in (PLAIN, "text/*", "*/*"))
    return openmetrics > 0 and openmetrics >= next((q for q in plain if q is not None), 0)


def _quality_of(name: str, version: str, accept: str) -> float | None:
    """How much a type is wanted, from 0 (not at all) to 1; None: it is not named."""
    named = (q for given, parameters, q in _entries(accept) if given == name and _has(parameters, version))
    return max(named, default=None)


def _has(parameters: Mapping[str, str], version: str) -> bool:
    return parameters.get("version", version) == version


def _accepts_gzip(accept_encoding: str) -> bool:
    wanted = {name: q for name, _, q in _entries(accept_encoding)}
    gzip = wanted.get("gzip", wanted.get("x-gzip", wanted.get("*", 0)))
    return gzip > 0 and gzip >= wanted.get("identity", 0)


def _entries(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, parameters and quality of each entry of a list."""
    for entry in header.lower().split(","):
        name, *rest = entry.split(";")
        parameters = {key.strip(): value.strip(' \t"') for key, _, value in (text.partition("=") for text in rest)}
        yield name.strip(), parameters, _quality(parameters.pop("q", "1"))


def _quality(text: str) -> float:
    """0 for text that is not a quality: it is safer not to send what may not be wanted."""
    try:
        quality = float(text)
    except ValueError:
        return 0
    return quality if 0 <= quality <= 1 else 0
