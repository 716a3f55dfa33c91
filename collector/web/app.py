"""
The HTTP server's app: the live page, its JSON, the Prometheus scrape, health and readiness.

The app shows the values that it is given; its only state is today's money of the last few seconds. The caller provides the
live view, the money, the scrape and the answers of the store; nothing here reaches a cluster or the store.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Header, Query, Request, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from collector.access.entrance import OPEN_ENTRANCE, Entrance
from collector.access.scope import Scope
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.live_view import LiveView
from collector.core.model import Instant
from collector.language.language import ENGLISH, LANGUAGES, Language
from collector.web.api_department import DepartmentLive
from collector.web.api_models import Live, Ready
from collector.web.colours import add_colours
from collector.web.department import department_now
from collector.web.door import VISITOR, Asking, Door, Seen
from collector.web.headers import RefuseAmbiguousLength, SecurityHeaders
from collector.web.history import Histories
from collector.web.live import live_now
from collector.web.money import Money, MoneyToday
from collector.web.pages import HERE, PageTemplates
from collector.web.queue_routes import add_queue
from collector.web.readiness import readiness
from collector.web.reason_texts import BEGUN_TEXTS, WAITING_TEXTS
from collector.web.script_messages import add_script_messages
from collector.web.sign_in import add_sign_in
from collector.web.spoken import KeepChoice, Spoken, language_by
from collector.web.template_routes import add_template
from collector.web.workflow_routes import Places, add_search, add_workflow, no_places

POLL_MS = 2000
"""Interval at which an open page reads the JSON again."""

READY = "Synced and not behind; the problems only with a token of the scope all or metrics"

SCOPES_KEPT = 16
"""Today's money is kept for so many scopes, those that asked last."""

AddPages = Callable[[FastAPI, PageTemplates], object]

Sentences = Annotated[Literal["en", "zh-CN"], Query(description="Language of sentences for people")]

Scrape = Callable[[str, str, Sequence[str]], Awaitable[tuple[bytes, Mapping[str, str]]]]
"""Body and headers of /metrics for the headers Accept and Accept-Encoding, and for the metrics that are named, or all."""


def create_app(
    *,
    live: Callable[[], LiveView],
    counters: Counters,
    metrics: Scrape,
    money: Callable[[Scope], Awaitable[Money]] | None = None,
    history: Histories | None = None,
    more: Sequence[AddPages] = (),
    places: Places = no_places,
    entrance: Entrance = OPEN_ENTRANCE,
    languages: Mapping[str, Language] = LANGUAGES,
    seen: Seen = lambda _: None,
    now: Callable[[], Instant] = now_ms,
    poll_ms: int = POLL_MS,
    hosts: Sequence[str] = ("*",),
) -> FastAPI:
    """
    The app, to be served in the loop that `live` and `counters` belong to. Without `money` no amount is shown, and
    without `history` there are no pages of what the store knows.

    `money` and `history` answer for a scope, and know nothing else. `more` adds the pages of other rooms. `entrance` says who
    asks, and `seen` takes what the audit log has of each answer. `languages` are those of pages, by tag.

    `hosts` are the accepted host names. On loopback these are only the server's own, because a web page could reach the
    server by another name that resolves to loopback.
    """
    # FastAPI's documentation pages load scripts from a CDN.
    app = FastAPI(title="Lynceus", version="1", openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None)
    _around(app, entrance, seen, hosts)
    pages = _templates(app, languages)
    if entrance.signs_in:
        add_sign_in(app, pages, entrance.tokens)
    _of_now(app, pages, _Present(live, counters, money, now), poll_ms=poll_ms, shows_history=history is not None)
    if history is not None:
        add_workflow(app, pages, history, live=live, places=places, now=now)
        _of_history(app, pages, history, live, now)
    for add_pages in more:
        add_pages(app, pages)
    _operations(app, live, metrics, now)
    return app


def _around(app: FastAPI, entrance: Entrance, seen: Seen, hosts: Sequence[str]) -> None:
    """What every request passes, the last of these first."""
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.add_middleware(Door, entrance=entrance, seen=seen)
    app.add_middleware(RefuseAmbiguousLength)
    app.add_middleware(KeepChoice)
    app.add_middleware(SecurityHeaders)


class _Present:
    """What the live page and its JSON are made of, for each scope."""

    def __init__(
        self,
        live: Callable[[], LiveView],
        counters: Counters,
        money: Callable[[Scope], Awaitable[Money]] | None,
        now: Callable[[], Instant],
    ) -> None:
        self._live, self._counters, self._now = live, counters, now
        self._today = money and lru_cache(SCOPES_KEPT)(lambda scope: MoneyToday(partial(money, scope)))

    @property
    def shows_money(self) -> bool:
        return self._today is not None

    async def of(self, scope: Scope, language: Language = ENGLISH) -> Live | DepartmentLive:
        """The present as a scope may see it."""
        spent = None if self._today is None else await self._today(scope).latest()
        if scope.kind == "all":
            return live_now(self._live(), self._counters, spent, self._now(), language)
        return department_now(self._live(), scope, spent, self._now(), language)


def _of_now(app: FastAPI, pages: PageTemplates, present: _Present, *, poll_ms: int, shows_history: bool) -> None:
    shown: dict[str, Any] = {"shows_history": shows_history, "shows_money": present.shows_money}
    texts: dict[str, Any] = {"waiting_texts": WAITING_TEXTS, "begun_texts": BEGUN_TEXTS, "poll_ms": poll_ms}

    @app.get("/", include_in_schema=False)
    async def live_page(visitor: Asking, spoken: Spoken) -> HTMLResponse:
        if visitor.scope.kind == "all":
            return pages.page("live.html", visitor=visitor, spoken=spoken, **texts, **shown)
        return pages.page(
            "department.html",
            visitor=visitor,
            spoken=spoken,
            live=await present.of(visitor.scope, spoken.language),
            **shown,
        )

    @app.get("/api/v1/live", summary="The fleet at this moment; with a token of some departments, what is theirs")
    async def live_json(request: Request, visitor: Asking, sentences: Sentences = "en") -> Live | DepartmentLive:
        return await present.of(visitor.scope, language_by(request, sentences))


def _templates(app: FastAPI, languages: Mapping[str, Language]) -> PageTemplates:
    """The templates, and the files that pages need beside them."""
    add_colours(app)
    add_script_messages(app, languages)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    return PageTemplates(app, languages)


def _of_history(
    app: FastAPI, pages: PageTemplates, history: Histories, live: Callable[[], LiveView], now: Callable[[], Instant]
) -> None:
    add_search(app, pages, history, live)
    add_queue(app, pages, history, live, now)
    add_template(app, pages, history, now)


def _operations(app: FastAPI, live: Callable[[], LiveView], metrics: Scrape, now: Callable[[], Instant]) -> None:
    @app.head("/metrics", include_in_schema=False)
    @app.get("/metrics", response_class=Response, summary="Prometheus scrape")
    async def scrape(
        accept: Annotated[str, Header()] = "",
        accept_encoding: Annotated[str, Header()] = "",
        names: Annotated[Sequence[str], Query(alias="name[]")] = (),
    ) -> Response:
        body, headers = await metrics(accept, accept_encoding, names)
        # The type as a header, since the media type of a Response would get a second charset.
        return Response(body, headers=headers)

    @app.get("/healthz", summary="The process answers")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", responses={503: {"model": Ready}}, response_model=Ready, summary=READY)
    async def readyz(request: Request) -> Response:
        answer, visitor = readiness(live(), now()), request.scope[VISITOR]
        # Problems name clusters, paths and servers; whether there is one is for probes, which have no token.
        known = visitor is not None and visitor.scope.kind != "departments"
        shown = answer.model_dump() if known else {"ready": answer.ready}
        return JSONResponse(shown, status_code=200 if answer.ready else 503)
