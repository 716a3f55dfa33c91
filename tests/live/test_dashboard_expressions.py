"""Every PromQL of the dashboards on a real Prometheus: on its first minute, and on the series of a collector."""

import time
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.dashboards.shipped import shipped
from tests.dashboards.viewer import Query, Viewer, promql, queries
from tests.live.monitoring import ask
from tests.live.test_prometheus import prometheus, watched_fleet
from tests.ports import free_port

pytestmark = pytest.mark.live

BOARDS = shipped()
EXPRESSIONS = [query for query in queries(BOARDS, "promql") if query.kind != "variable"]
CHOICES: tuple[dict[str, tuple[str, ...]], ...] = (
    {},
    dict.fromkeys(("cluster", "namespace", "queue"), ("fleet-1",)),
    dict.fromkeys(("cluster", "namespace", "queue"), ("fleet-1", "a.b|c\\d*")),
)
"""All, one value, and two; one of the two is made of signs of a regular expression."""


def base(port: int) -> str:
    return f"http://127.0.0.1:{port}"


async def errors_of(address: str, query: Query, now: int) -> list[str]:
    """What Prometheus says against an expression, for all that a viewer chooses, over a day or at this moment."""
    found = []
    async with aiohttp.ClientSession() as session:
        for values in CHOICES:
            viewer = Viewer(from_s=now - 86_400, to_s=now, interval_s=120, values=values)
            of = {"query": promql(query.text, viewer)}
            when = {"time": now} if query.instant else {"start": now - 86_400, "end": now, "step": 120}
            path = "query" if query.instant else "query_range"
            async with session.get(f"{address}/api/v1/{path}?{urlencode(of | when)}") as response:
                answer = await response.json()
                if answer["status"] != "success":
                    found.append(f"{query.title}: {answer['error']}: {of['query']}")
    return found


async def test_no_expression_errs_without_a_series_or_with_them(tmp_path: Path) -> None:
    """First on a Prometheus that has scraped nothing, then on one that scrapes a collector of two clusters."""
    for folder in (empty := tmp_path / "empty", full := tmp_path / "full"):
        folder.mkdir()
    nowhere, port = f"127.0.0.1:{free_port()}", free_port()
    with prometheus(empty, port, nowhere, free_port()):
        await ask(f"{base(port)}/api/v1/query?query=1", lambda a: a["data"]["result"])
        errors = [error for query in EXPRESSIONS for error in await errors_of(base(port), query, int(time.time()))]
        assert errors == []

    async with watched_fleet(full) as collector:
        await collector.until(lambda: all(c.ready for c in collector.runtime.view().clusters))
        port = free_port()
        with prometheus(full, port, collector.runtime.settings.http.listen, free_port()):
            await ask(f"{base(port)}/api/v1/query?query=sum(lynceus_queue_depth)", lambda a: a["data"]["result"])
            errors = [error for query in EXPRESSIONS for error in await errors_of(base(port), query, int(time.time()))]
            assert errors == []
