"""
The language of a page: what its reader chose, else what the browser asks for.
"""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from fastapi import Depends, FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector.language.language import TAGS, Language, preferred

CHOICE = "lang"
"""The parameter of an address that chooses a language, and the cookie that keeps the choice."""
KEPT_S = 365 * 86_400


class OtherLanguage(NamedTuple):
    """Another language in which a page can be read."""

    tag: str
    name: str
    """In the language itself."""
    address: str


class PageLanguage(NamedTuple):
    """The language of a page, and the others."""

    language: Language
    others: list[OtherLanguage]


def add_languages(app: FastAPI, languages: Mapping[str, Language]) -> None:
    """Lets an app answer in these languages, by tag: those of TAGS."""
    app.state.languages = languages


def language_of(request: Request) -> Language:
    """The language in which a request is answered."""
    for chosen in (request.query_params.get(CHOICE), request.cookies.get(CHOICE)):
        if chosen in TAGS:
            return language_by(request, chosen)
    return language_by(request, preferred(request.headers.get("accept-language", "")))


def language_by(request: Request, tag: str) -> Language:
    """A language of the app by its tag."""
    found: Language = request.app.state.languages[tag]
    return found


def spoken(request: Request) -> PageLanguage:
    """The language of a page, and the same page in the others."""
    found = language_of(request)
    # An address that begins with two slashes would be that of another server.
    path = f"/{request.url.path.lstrip('/')}"
    others = [
        OtherLanguage(tag, name, f"{path}?{request.url.include_query_params(**{CHOICE: tag}).query}")
        for tag, name in TAGS.items()
        if tag != found.tag
    ]
    return PageLanguage(found, others)


async def _spoken(request: Request) -> PageLanguage:
    return spoken(request)


Spoken = Annotated[PageLanguage, Depends(_spoken)]
"""The language of a request, as a parameter of a route."""


class KeepChoice:
    """Keeps the language that an address chose in a cookie, so that the next page has it too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        chosen = Request(scope).query_params.get(CHOICE) if scope["type"] == "http" else None

        async def send_kept(message: Message) -> None:
            if message["type"] == "http.response.start" and chosen in TAGS:
                cookie = f"{CHOICE}={chosen}; Path=/; Max-Age={KEPT_S}; SameSite=Lax; HttpOnly"
                message = {**message, "headers": [*message["headers"], (b"set-cookie", cookie.encode())]}
            await send(message)

        await self._app(scope, receive, send_kept)
