"""
How values are shown: unit, colours, thresholds, the text for no value, links. Data that every kind of panel takes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collector.catalog import colours

Json = dict[str, Any]

NONE = "none"
"""No value means that nothing is there: no workflow waits, nothing failed."""
UNKNOWN = "unknown"
"""No value means that it is not known: nothing was scraped, or no row was stored."""

PLAIN = "text"
"""The colour of a figure that is neither good nor bad: that of the theme's text. As a ground it would be glaring white."""

CURRENCIES = ("USD", "CNY", "EUR")
"""Currencies of the price books and of most bills; an amount in another one is shown with its code in the name alone."""


@dataclass(frozen=True, slots=True)
class Level:
    """From this value on a figure has this colour."""

    at: float
    colour: str


def caution(at: float) -> Level:
    """From here on somebody should look: a ticket's number."""
    return Level(at, colours.CAUTION)


def bad(at: float) -> Level:
    """From here on somebody is paged: a page's number."""
    return Level(at, colours.BAD)


def good(at: float) -> Level:
    """From here on all is well, for figures that should be high."""
    return Level(at, colours.GOOD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How the values of a panel, or of a column, are shown."""

    unit: str = "short"
    """A unit of Grafana: short, none, s, ms, percentunit, bytes; `suffix: wf/min` for one of our own."""
    decimals: int | None = None
    empty: str = UNKNOWN
    """Text for no value; begins with `none` or `unknown`, and may go on to say why."""
    base: str = ""
    """Colour below the first level; without one it follows from the levels, see `below`."""
    levels: Sequence[Level] = ()
    """Rising; numbers of the alerts, by dashboards.levels."""
    floor: float | None = None
    ceiling: float | None = None
    reach: float | None = None
    """The axis of series reaches at least so far: where all is 0 it would reach 100."""
    colours: Mapping[str, str] = field(default_factory=dict)
    """Fixed colours by the name of a series, such as a reason; of a table or state timeline by value."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """What is shown instead of a value: `{"2": "leads"}`."""
    links: Sequence[Json] = ()
    """Links of a value or a point, by dashboards.links."""
    overrides: Sequence[Json] = ()
    """More settings of single series, by `override` or `money`."""


def below(shown: Field) -> str:
    """The colour below the first level: good below an alarm, bad below what is good, plain without any level."""
    if shown.base:
        return shown.base
    if not shown.levels:
        return PLAIN
    return colours.BAD if shown.levels[0].colour == colours.GOOD else colours.GOOD


def steps(levels: Sequence[Level], base: str = PLAIN) -> Json:
    """Thresholds; the first has no begin."""
    return {
        "mode": "absolute",
        "steps": [
            {"color": base, "value": None},
            *({"color": level.colour, "value": level.at} for level in levels),
        ],
    }


def mappings(texts: Mapping[str, str], by_value: Mapping[str, str]) -> list[Json]:
    """What is shown instead of values, and in which colour; a value without a text is shown itself."""
    options = {
        value: {
            **({"text": texts[value]} if value in texts else {}),
            **({"color": by_value[value]} if value in by_value else {}),
            "index": at,
        }
        for at, value in enumerate(dict.fromkeys((*texts, *by_value)))
    }
    return [{"type": "value", "options": options}] if options else []


def unknown(shown: Field) -> list[Json]:
    """What a figure without a value looks like where that is an unknown one: grey, for green would say that all is well."""
    if not shown.empty.startswith(UNKNOWN):
        return []
    return [
        {
            "type": "special",
            "options": {"match": "null+nan", "result": {"text": shown.empty, "color": colours.NEUTRAL, "index": 99}},
        }
    ]


def override(name: str, **properties: object) -> Json:
    """Settings of the series or column of this name; `__` stands for the dot of an id: `custom__drawStyle="bars"`."""
    return _override("byName", name, properties)


def override_like(pattern: str, **properties: object) -> Json:
    """Settings of every series whose name matches a regular expression."""
    return _override("byRegexp", f"/{pattern}/", properties)


def _override(matcher: str, options: str, properties: Mapping[str, object]) -> Json:
    found = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": matcher, "options": options}, "properties": found}


def fixed(by_name: Mapping[str, str]) -> list[Json]:
    """A fixed colour for each series of these names."""
    return [override(name, color={"mode": "fixed", "fixedColor": colour}) for name, colour in by_name.items()]


def money(*, suffix: str = "") -> tuple[Json, ...]:
    """Amounts with their currency, for series whose names hold its code; `suffix` like `/h` says per what."""
    return tuple(override_like(rf"\b{code}\b", unit=f"suffix: {code}{suffix}") for code in CURRENCIES)


def defaults(shown: Field, custom: Json) -> Json:
    """The field settings of all values of a panel."""
    made: Json = {
        "unit": shown.unit,
        "decimals": shown.decimals,
        "noValue": shown.empty,
        "min": shown.floor,
        "max": shown.ceiling,
        "thresholds": steps(shown.levels, below(shown)),
        "links": list(shown.links),
        "custom": custom,
    }
    # Grafana's types have no nulls here, and an empty list is noise.
    return {key: value for key, value in made.items() if value not in (None, [], {})}
