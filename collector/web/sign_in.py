"""
The sign-in page: a person's token into a cookie of this site, and out of it again. Works without JavaScript.
"""

import re
from datetime import UTC, datetime, time
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from collector.access.entrance import COOKIE
from collector.access.scope import METRICS
from collector.access.tokens import TokenEntry, TokenFiles
from collector.language.language import in_catalog
from collector.web.door import SIGN_IN, SIGN_OUT, VISITOR
from collector.web.pages import PageTemplates
from collector.web.spoken import spoken

MOST_BYTES = 4096
"""Of a form."""
MOST_FIELDS = 8
KEPT_S = 30 * 24 * 3600
"""Time after which a person whose token does not end has to sign in again; no cookie is kept for longer."""

WRONG = in_catalog("No such token is known. It may have ended, or been replaced; ask who runs Lynceus for a new one.")
NOT_FOR_PEOPLE = in_catalog(
    "This token reads metrics alone, for Prometheus. Ask who runs Lynceus for one that reads pages."
)
TOO_LONG = in_catalog("That is too long to be a token.")
ELSEWHERE = in_catalog("This form was sent from another site. Open this page by its own address and sign in here.")

_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""An address on this server. A browser takes `//host` and `/\\host` for another server."""
_FIT = re.compile(r"[A-Za-z0-9._~-]+")
"""What a cookie holds as it is; every token that `lynceus token create` makes."""

Way = Annotated[str, Query(max_length=8000)]


def add_sign_in(app: FastAPI, pages: PageTemplates, tokens: TokenFiles) -> None:
    """Adds the page and both forms."""

    def page(request: Request, to: str, problem: str = "", status: int = 200) -> HTMLResponse:
        found = spoken(request)
        shown = {"visitor": request.scope[VISITOR], "to": way_back(to), "problem": found.language.text(problem)}
        return pages.page("sign_in.html", spoken=found, status=status, **shown)

    @app.get(SIGN_IN, include_in_schema=False)
    async def sign_in_page(request: Request, to: Way = "/") -> HTMLResponse:
        return page(request, to)

    @app.post(SIGN_IN, include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        if not is_own(request):
            return page(request, "/", ELSEWHERE, 403)
        form = await read_form(request)
        if form is None:
            return page(request, "/", TOO_LONG, 413)
        token, to = form.get("token", "").strip(), form.get("to", "/")
        found = tokens.entry(token)
        if found is None or not _FIT.fullmatch(token):
            return page(request, to, WRONG, 401)
        if found.visitor.scope == METRICS:
            return page(request, to, NOT_FOR_PEOPLE, 403)
        request.scope[VISITOR] = found.visitor  # as the audit log has it
        answer = RedirectResponse(way_back(to), 303)
        answer.set_cookie(
            COOKIE, token, max_age=_kept_s(found), secure=over_tls(request), httponly=True, samesite="lax"
        )
        return answer

    @app.post(SIGN_OUT, include_in_schema=False)
    async def sign_out(request: Request) -> Response:
        if not is_own(request):
            return page(request, "/", ELSEWHERE, 403)
        answer = RedirectResponse(SIGN_IN, 303)
        answer.delete_cookie(COOKIE, secure=over_tls(request), httponly=True, samesite="lax")
        return answer


def way_back(to: str) -> str:
    """Where signing in leads: an address of this server, else the live page."""
    return to if _LOCAL.fullmatch(to) and urlsplit(to).path != SIGN_IN else "/"


def is_own(request: Request) -> bool:
    """Whether a form was sent from a page of this server, or by a program. Old browsers know Origin alone."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site in ("same-origin", "none")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def over_tls(request: Request) -> bool:
    """Whether the browser reached this server, or a proxy before it, over TLS. Only the browser itself could lie."""
    origin, forwarded = request.headers.get("origin", ""), request.headers.get("x-forwarded-proto", "")
    return request.url.scheme == "https" or origin.startswith("https:") or forwarded == "https"


async def read_form(request: Request) -> dict[str, str] | None:
    """The fields of a form, the first of each name; None: it is longer than this form can be."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return None
    try:
        fields = parse_qs(body.decode(errors="replace"), max_num_fields=MOST_FIELDS)
    except ValueError:
        return None
    return {name: values[0] for name, values in fields.items()}


def _kept_s(entry: TokenEntry) -> int:
    """How long a browser keeps the cookie, in seconds."""
    if entry.expires is None:
        return KEPT_S
    end = datetime.combine(entry.expires, time(), UTC)
    return min(KEPT_S, max(1, round((end - datetime.now(UTC)).total_seconds())))
