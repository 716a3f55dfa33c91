"""
The door before pages, API and metrics: who may not read is answered before anything of the request is parsed or routed.

One table says what each scope may read. What it does not name is for those who read rows, so that a new page is shut.
"""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector.access import scope as access
from collector.access.entrance import Entrance
from collector.access.proxy import Refusal, lines_of
from collector.access.scope import Visitor
from collector.core.facts.audit import AuditEntry
from collector.web.seen import entry_of_answer

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
METRICS = "/metrics"
PUBLIC = frozenset({"/healthz", "/readyz", SIGN_IN, SIGN_OUT})
"""Answered without a token; /readyz says little to somebody without a token."""
FILES = "/static/"
"""Public too: style and scripts hold no name and no figure."""
LONGEST_WAY_BACK = 2000
"""Characters of the address to which signing in leads back."""

Seen = Callable[[AuditEntry], object]

VISITOR = "visitor"
"""Where the request has its visitor."""

CHALLENGE = {"www-authenticate": 'Bearer realm="lynceus"'}

METRICS_ALONE = Refusal(
    403, "this token reads /metrics alone", "ask who runs Lynceus for a token of your department, or of the scope all"
)
ALL_DEPARTMENTS = Refusal(
    403,
    "metrics are of all departments, and this token is of some",
    "ask who runs Lynceus for a token of the scope metrics",
)


def refusal_of(scope: access.Scope, path: str) -> Refusal | None:
    """Why a scope may not read a path; None: it may."""
    match scope.kind:
        case "all":
            return None
        case "metrics":
            return None if path == METRICS else METRICS_ALONE
        case "departments":
            return ALL_DEPARTMENTS if path == METRICS else None


def is_public(path: str) -> bool:
    """Whether a path is answered without a token."""
    return path in PUBLIC or path.startswith(FILES)


class Door:
    """Lets those in who may read what they ask for."""

    def __init__(self, app: ASGIApp, entrance: Entrance, seen: Seen) -> None:
        """`seen` takes an entry for the audit log once the status of an answer is known."""
        self._app, self._entrance, self._seen = app, entrance, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        found = self._entrance.visitor(scope["headers"], (scope["client"] or ("",))[0])
        refusal = found if isinstance(found, Refusal) else refusal_of(found.scope, scope["path"])
        scope[VISITOR] = None if isinstance(found, Refusal) else found
        public = is_public(scope["path"])
        app = self._app if refusal is None or public else self._refused(scope, refusal)

        async def send_seen(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry = entry_of_answer(scope, scope[VISITOR], message["status"], public=public)
                if entry is not None:
                    self._seen(entry)
            await send(message)

        await app(scope, receive, send_seen)

    def _refused(self, scope: Scope, refusal: Refusal) -> Response:
        if refusal.status != 401:
            return JSONResponse({"detail": refusal.detail, "remedy": refusal.remedy}, refusal.status)
        if self._entrance.signs_in and _asks_for_page(scope):
            return RedirectResponse(f"{SIGN_IN}?to={quote(_address(scope), safe='/')}", 303)
        return JSONResponse({"detail": refusal.detail, "remedy": refusal.remedy}, 401, CHALLENGE)


def _asks_for_page(scope: Scope) -> bool:
    """Whether a browser wants to show the answer to a person."""
    return scope["method"] == "GET" and any(b"text/html" in line for line in lines_of(scope["headers"], b"accept"))


def _address(scope: Scope) -> str:
    """The address that was asked for, on this server; the root if it is long."""
    address = bytes(scope["raw_path"]) + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    return address.decode(errors="replace") if len(address) <= LONGEST_WAY_BACK else "/"


async def _visitor(request: Request) -> Visitor:
    found: Visitor = request.scope[VISITOR]
    return found


Asking = Annotated[Visitor, Depends(_visitor)]
"""The visitor of a request, as a parameter of a route that is not public."""
