"""
The catalogue's colours as a stylesheet: a class for each reason, outcome and class of money that sets `--colour`.

Made from the one table, so that a bar on a page has the colour that it has on a dashboard. Patterns are in live.css.
"""

from collections.abc import Iterator, Mapping

from fastapi import FastAPI

from collector.catalog import colours
from collector.web.made_files import add_made_file

CLASSES: Mapping[str, Mapping[str, str]] = {
    "r": colours.REASONS,
    "o": colours.OUTCOMES,
    "k": colours.COST_CLASSES,
}
"""By the prefix of the class: `r-throttled`, `o-failed`, `k-useful`."""


def stylesheet() -> str:
    """The sheet: custom properties of the same names, then the classes."""
    return "\n".join((":root {", *_properties(), "}", *_classes(), ""))


def _names() -> Iterator[tuple[str, str]]:
    for prefix, table in CLASSES.items():
        for name, colour in table.items():
            yield f"{prefix}-{name}", colour


def _properties() -> Iterator[str]:
    return (f"  --{name}: {colour};" for name, colour in _names())


def _classes() -> Iterator[str]:
    return (f".{name} {{ --colour: var(--{name}); }}" for name, _ in _names())


def add_colours(app: FastAPI) -> None:
    """Serves the sheet beside the static files."""
    add_made_file(app, "/static/colours.css", stylesheet(), "text/css")
