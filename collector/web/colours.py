"""
The catalogue's colours as a stylesheet: a class for each reason, outcome and class of money that sets `--colour`.

Made from the one table, so that a bar on a page has the colour that it has on a dashboard. Patterns are in live.css.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Annotated

from fastapi import FastAPI, Header, Response

from collector.catalog import colours

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
    """Serves the sheet beside the static files, as they are served: a browser asks whether its copy is the newest."""
    sheet = stylesheet().encode()
    headers = {"etag": f'"{hashlib.sha256(sheet).hexdigest()[:32]}"'}

    @app.head("/static/colours.css", include_in_schema=False)
    @app.get("/static/colours.css", include_in_schema=False)
    async def colours_css(if_none_match: Annotated[str, Header()] = "") -> Response:
        if headers["etag"] in if_none_match:
            return Response(status_code=304, headers=headers)
        return Response(sheet, media_type="text/css", headers=headers)
