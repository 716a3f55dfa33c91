"""
An app behind a door, a token of each kind, and plain requests to it.
"""

import http.client
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from fastapi import FastAPI

from collector.access.entrance import Entrance
from collector.access.proxy import TrustedProxy
from collector.access.scope import Scope
from collector.access.tokens import PREFIX, TokenEntry, TokenFiles, hash_of, write_tokens
from collector.reports.report import Query, Report
from collector.web.app import create_app
from collector.web.history import AskStore
from collector.web.money import Money
from collector.web.reports.api import add_report_api
from collector.web.reports.api_source import ApiReportSource
from collector.web.reports.drill_routes import add_drill
from collector.web.reports.routes import add_reports
from collector.web.reports.source import ReportSource
from tests.core.cost.charged import shipped
from tests.web.fleet import NOW, some_counters, some_money
from tests.web.full_fleet import a_full_fleet
from tests.web.history import Store
from tests.web.serving import Answer

# As long as real ones, and the same in each process of a run: ids of tests have them.
ALL, METRICS, MAPS, OVER, WRONG = (PREFIX + name * 43 for name in "ampow")
ENDS = date(2999, 1, 1)
T = TypeVar("T")


def entries() -> list[TokenEntry]:
    """One token of each kind."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    return [
        TokenEntry("operator", hash_of(ALL), scope="all", expires=ENDS),
        TokenEntry("prometheus", hash_of(METRICS), scope="metrics"),
        TokenEntry("maps-lead", hash_of(MAPS), departments=("maps",)),
        TokenEntry("old", hash_of(OVER), scope="all", expires=yesterday),
    ]


def an_entrance(folder: Path, proxy: TrustedProxy | None = None, *, signs_in: bool = True) -> Entrance:
    """An entrance that knows these tokens."""
    file = folder / "tokens.yaml"
    file.write_bytes(write_tokens(entries()))
    tokens = TokenFiles([file])
    tokens.look()
    return Entrance(tokens=tokens, proxy=proxy, signs_in=signs_in)


async def no_money(_: Scope) -> Money:
    return some_money()


async def some_metrics(*_: object) -> tuple[bytes, Mapping[str, str]]:
    return b"lynceus_build_info 1\n", {"content-type": "text/plain"}


async def no_rows(page: str, scope: Scope, question: Callable[[Query], T]) -> T:
    """A store in which every table is empty."""
    return question(lambda sql, _: [(0,)] if sql.strip().startswith("SELECT count()") else [])


async def no_report(*_: object) -> Report:
    """A report of a store in which every table is empty."""
    return Report("Months", ("month",), [])


def an_api_source(ask: AskStore = no_rows, **changes: Any) -> ApiReportSource:
    """What the API's reports are made from: a store in which every table is empty."""
    given: dict[str, Any] = {"zone": "UTC", "currency": "USD", "patience_s": 5, "books": shipped()}
    return ApiReportSource(**{"ask": ask, "months": no_report, "bill": no_report, **given, **changes})


def an_app(entrance: Entrance, store: Store | None = None, **changes: Any) -> FastAPI:
    """The whole app with a full fleet."""
    given: dict[str, Any] = {
        "live": a_full_fleet,
        "counters": some_counters(),
        "metrics": some_metrics,
        "money": no_money,
        "history": (store or Store()).of,
        "more": [
            partial(add_drill, reports=ReportSource(ask=no_rows, zone="UTC"), now=lambda: NOW),
            partial(add_reports, reports=ReportSource(ask=no_rows, zone="UTC"), now=lambda: NOW),
            partial(add_report_api, source=an_api_source()),
        ],
        "now": lambda: NOW,
        "entrance": entrance,
    }
    return create_app(**given | changes)


def ask(
    address: str,
    method: str,
    path: str,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    source: str = "",
) -> Answer:
    """The answer to one request as it is, redirects included. `source`: the address of this machine to ask from."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(
        place.hostname or "", place.port, timeout=20, source_address=(source, 0) if source else None
    )
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (*pairs, *([("content-length", str(len(body)))] if body else [])):
            connection.putheader(name, value)
        connection.endheaders(body or None)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def bearing(token: str) -> dict[str, str]:
    """The header that a program sends."""
    return {"authorization": f"Bearer {token}"} if token else {}
