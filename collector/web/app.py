"""
The HTTP server's app: the live page, its JSON, the Prometheus scrape, health and readiness.

The app shows the values that it is given; its only state is today's money of the last few seconds. The caller provides the
live view, the money, the scrape and the answers of the store; nothing here reaches a cluster or the store.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Header, Query, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.live_view import LiveView
from collector.core.model import Instant
from collector.web.api_models import Live, Ready
from collector.web.colours import add_colours
from collector.web.headers import RefuseAmbiguousLength, SecurityHeaders
from collector.web.history import History
from collector.web.live import live_now
from collector.web.money import Money, MoneyToday
from collector.web.pages import HERE, PageTemplates
from collector.web.queue_routes import add_queue
from collector.web.readiness import readiness
from collector.web.reason_texts import BEGUN_TEXTS, WAITING_TEXTS
from collector.web.template_routes import add_template
from collector.web.workflow_routes import Places, add_search, add_workflow, no_places

POLL_MS = 2000
"""Interval at which an open page reads the JSON again."""

Scrape = Callable[[str, str, Sequence[str]], Awaitable[tuple[bytes, Mapping[str, str]]]]
"""Body and headers of /metrics for the headers Accept and Accept-Encoding, and for the metrics that are named, or all."""


def create_app(
    *,
    live: Callable[[], LiveView],
    counters: Counters,
    metrics: Scrape,
    money: Callable[[], Awaitable[Money]] | None = None,
    history: History | None = None,
    places: Places = no_places,
    now: Callable[[], Instant] = now_ms,
    poll_ms: int = POLL_MS,
    hosts: Sequence[str] = ("*",),
) -> FastAPI:
    """
    The app, to be served in the loop that `live` and `counters` belong to. Without `money` no amount is shown, and
    without `history` there are no pages of what the store knows.

    `hosts` are the accepted host names. On loopback these are only the server's own, because a web page could reach the
    server by another name that resolves to loopback.
    """
    # FastAPI's documentation pages load scripts from a CDN.
    app = FastAPI(title="Lynceus", version="1", openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None)
    _guard(app, hosts)
    _add_files(app)
    pages, today = PageTemplates(app), None if money is None else MoneyToday(money)
    page = _live_page(pages, poll_ms=poll_ms, shows_money=money is not None, shows_history=history is not None)

    @app.get("/", include_in_schema=False)
    async def live_page() -> HTMLResponse:
        return page

    @app.get("/api/v1/live", summary="The fleet at this moment")
    async def live_json() -> Live:
        spent = None if today is None else await today.latest()
        return live_now(live(), counters, spent, now())

    if history is not None:
        add_workflow(app, pages, history, live=live, places=places, now=now)
        _of_history(app, pages, history, live, now)
    _operations(app, live, metrics, now)
    return app


def _add_files(app: FastAPI) -> None:
    add_colours(app)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")


def _of_history(
    app: FastAPI, pages: PageTemplates, history: History, live: Callable[[], LiveView], now: Callable[[], Instant]
) -> None:
    add_search(app, pages, history, live)
    add_queue(app, pages, history, live, now)
    add_template(app, pages, history, now)


def _guard(app: FastAPI, hosts: Sequence[str]) -> None:
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.add_middleware(RefuseAmbiguousLength)
    app.add_middleware(SecurityHeaders)


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

    @app.get("/readyz", responses={503: {"model": Ready}}, response_model=Ready, summary="Synced and not behind")
    async def readyz() -> Response:
        answer = readiness(live(), now())
        return JSONResponse(answer.model_dump(), status_code=200 if answer.ready else 503)


def _live_page(pages: PageTemplates, **shown: Any) -> HTMLResponse:
    return pages.page("live.html", waiting_texts=WAITING_TEXTS, begun_texts=BEGUN_TEXTS, **shown)
