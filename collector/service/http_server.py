"""
Serves pages, API and metrics, from the start of a collector to its end.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import uvicorn
from fastapi import FastAPI

from collector import connect
from collector.access.entrance import Entrance
from collector.access.scope import OPEN, Scope
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.connect import ExternalError
from collector.core.live_view import LiveView
from collector.exposition import prometheus
from collector.measured import Measure, unmeasured
from collector.prices.lookup import Books
from collector.prices.pool_nodes import offers
from collector.reports.today import COST_TODAY
from collector.service.api_reader import ApiReader
from collector.service.connections import BACKLOG, BoundedProtocol, Connections, Visit, most_connections
from collector.service.history import PageReader
from collector.service.scoped_stores import ScopedStores
from collector.settings.budgets import budgets_of
from collector.settings.derived import parse_address
from collector.settings.doors import is_loopback
from collector.settings.model import Settings, TlsSettings
from collector.store.worker import Worker
from collector.web.app import AddPages, create_app
from collector.web.door import Seen
from collector.web.money import Money, Spent
from collector.web.readiness import readiness
from collector.web.reports.api import add_report_api
from collector.web.reports.api_source import ApiReportSource
from collector.web.reports.drill_routes import add_drill
from collector.web.reports.routes import add_reports
from collector.web.reports.source import ReportSource
from collector.web.workflow_routes import Places, no_places

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


class BoundedServer(uvicorn.Server):
    """Bounds its connections. Ignores signals: the collector ends all parts in order, and the pages last."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections
        self._accepting: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accepts connections itself; uvicorn's own server has no bounds."""
        await self.lifespan.startup()
        self.servers = []
        self._accepting = [
            asyncio.create_task(self._connections.accept_forever(listener, self._protocol, self.config.ssl))
            for listener in sockets or ()
        ]
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends accepting first, then what is under way."""
        for accepting in self._accepting:
            accepting.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        await super().shutdown(sockets)

    def _protocol(self, visit: Visit) -> BoundedProtocol:
        return BoundedProtocol(self.config, self.server_state, self.lifespan.state, visit)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(
    settings: Settings,
    view: Callable[[], LiveView],
    counters: Counters,
    measure: Measure = unmeasured,
    places: Places = no_places,
    *,
    entrance: Entrance,
    seen: Seen = lambda _: None,
    books: Books | None = None,
) -> AsyncIterator[None]:
    """Serves for as long as the block lasts; the pages name what is not ready yet. Failure names the remedy."""
    host, port = parse_address(settings.http.listen, "http.listen")
    reading, pages, reports = Worker("money"), PageReader(settings, measure), ApiReader(settings, measure)
    app = create_app(
        live=view,
        counters=counters,
        metrics=prometheus.Scrapes(lambda: with_problems(view()), counters).answer,
        money=_money(settings, reading, measure),
        history=pages.history,
        more=_reports(settings, pages, reports.source(books)),
        places=places,
        entrance=entrance,
        seen=seen,
        hosts=(*LOOPBACK, host) if is_loopback(host) else ("*",),
    )
    config = _config(app, settings.http.tls, host, port)
    if not is_loopback(host) and entrance.otherwise == OPEN:
        _warn_of_open_door(settings)
    listener = _listen(host, port)
    server = BoundedServer(config, Connections(most_connections()))
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait([task], timeout=2)
        for reader in (reading, pages, reports):
            reader.close()


def _warn_of_open_door(settings: Settings) -> None:
    log.warning("pages, API and metrics are open to everyone who reaches them", extra={"listen": settings.http.listen})


def _reports(settings: Settings, pages: PageReader, of_api: ApiReportSource) -> list[AddPages]:
    """The pages of bills, and the reports of the API."""
    budgets = budgets_of(settings.budgets, settings.currency)
    source = ReportSource(
        ask=pages.ask_report,
        zone=settings.billing_timezone,
        budgets=budgets,
        units=of_api.units,
        has_pool=lambda at: any(offers(of_api.books, "", at)),
    )
    # Those of all departments' names come last, since they take any name.
    bills = [partial(add, reports=source) for add in (add_drill, add_reports)]
    return [*bills, partial(add_report_api, source=of_api)]


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; Failure with the reason and the remedy."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        place = f"http.listen: {host}:{port}"
        if error.errno == errno.EADDRINUSE:
            raise ExternalError(f"{place} is taken; choose another port") from None
        if error.errno == errno.EACCES:
            raise ExternalError(f"{place} is not permitted to this user; choose a port above 1023") from None
        why = error.strerror or str(error)
        raise ExternalError(f"{place}: {why}; use an address of this machine, like 127.0.0.1") from None
    listener.setblocking(False)
    return listener


def _config(app: FastAPI, tls: TlsSettings, host: str, port: int) -> uvicorn.Config:
    """The server's configuration; Failure when the TLS files cannot be used."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        # The address of a visitor is that of the connection: any program on this machine could name another one in a header.
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
        ssl_certfile=tls.cert or None,
        ssl_keyfile=tls.key or None,
        ssl_ca_certs=tls.client_ca or None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls.client_ca else ssl.CERT_NONE,
    )
    try:
        config.load()
    except OSError as error:  # ssl's errors too: uvicorn would log them, and the collector would run without its pages
        raise ExternalError(_tls_problem(tls, error)) from None
    return config


def _tls_problem(tls: TlsSettings, error: OSError) -> str:
    """Names the TLS file that cannot be read, or all of them if their content is wrong or they do not belong together."""
    files = {key: file for key in ("cert", "key", "client_ca") if (file := getattr(tls, key))}
    for key, file in files.items():
        try:
            Path(file).read_bytes()
        except OSError as unreadable:
            return f"http.tls.{key}: {file}: {unreadable.strerror}; give a PEM file"
    named = ", ".join(f"{key} {file}" for key, file in files.items())
    return f"http.tls: {named}: {error.strerror or error}; give PEM files, and the key that belongs to the certificate"


def with_problems(view: LiveView) -> LiveView:
    """The view with the problems that /readyz reports, so that a scrape reports the same."""
    problems = readiness(view, view.at).problems
    return msgspec.structs.replace(
        view, not_ready=Counter((p.subject, p.cluster or "", p.cause) for p in problems if p.blocking)
    )


def _money(settings: Settings, reading: Worker, measure: Measure) -> Callable[[Scope], Awaitable[Money]]:
    """A query for today's cost by department, over its own connections, so that pages never wait for an insert."""
    stores = ScopedStores(lambda scope: connect.reading_store(settings, "", own=True, scope=scope))

    def rows_of(scope: Scope, today: date) -> list[dict[str, Any]]:
        with stores.lent(scope) as store:
            return store.query_named(COST_TODAY, {"day": today})

    async def money(scope: Scope) -> Money:
        today = datetime.now(ZoneInfo(settings.billing_timezone)).date()
        with measure("report", report="cost of today"):
            rows = await reading.run(rows_of, scope, today)
        spent = tuple(
            Spent(
                department=row["department"],
                currency=row["currency"] or settings.currency,
                cost=row["total"],
                accruing=bool(row["accruing"]),
                unpriced_pods=row["unpriced_pods"],
            )
            for row in rows
        )
        return Money(day=str(today), at=now_ms(), spent=spent)

    return money
