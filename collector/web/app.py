"""
The HTTP server's app: the live page, its JSON, the Prometheus scrape, health and readiness.

The app shows the values that it is given; its only state is today's money of the last few seconds. The caller provides the
live view, the money and the scrape; nothing here reaches a cluster or the store.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Header, Query, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.live_view import LiveView
from collector.core.model import Instant
from collector.web.api_models import Live, Ready
from collector.web.headers import RefuseAmbiguousLength, SecurityHeaders
from collector.web.live import live_now
from collector.web.money import Money, MoneyToday
from collector.web.readiness import readiness
from collector.web.reason_texts import BEGUN_TEXTS, WAITING_TEXTS

HERE = Path(__file__).parent

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
    now: Callable[[], Instant] = now_ms,
    poll_ms: int = POLL_MS,
    hosts: Sequence[str] = ("*",),
) -> FastAPI:
    """
    The app, to be served in the loop that `live` and `counters` belong to. Without `money` no amount is shown.

    `hosts` are the accepted host names. On loopback these are only the server's own, because a web page could reach the
    server by another name that resolves to loopback.
    """
    # The documentation pages of FastAPI load scripts from a CDN; the OpenAPI document alone is served.
    app = FastAPI(title="Lynceus", version="1", openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.add_middleware(RefuseAmbiguousLength)
    app.add_middleware(SecurityHeaders)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    page = _live_page(poll_ms, shows_money=money is not None)
    today = None if money is None else MoneyToday(money)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def live_page() -> str:
        return page

    @app.get("/api/v1/live", summary="The fleet at this moment")
    async def live_json() -> Live:
        spent = None if today is None else await today.latest()
        return live_now(live(), counters, spent, now())

    _operations(app, live, metrics, now)
    return app


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


def _live_page(poll_ms: int, shows_money: bool) -> str:
    pages = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return pages.get_template("live.html").render(
        poll_ms=poll_ms, shows_money=shows_money, waiting_texts=WAITING_TEXTS, begun_texts=BEGUN_TEXTS
    )
