"""The real server and visitors at other addresses: a trusted proxy, and programs that only write its headers."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from collector.access.audit import AuditLog
from collector.access.tokens import write_tokens
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.service.http_server import serving
from collector.service.visitors import Visitors
from collector.settings.access import AccessSettings, ProxySettings
from collector.settings.model import HttpSettings, Settings
from tests.ports import free_port
from tests.web.doors import ALL, ask, bearing, entries
from tests.web.fleet import a_view
from tests.web.serving import Answer

PROXY, ELSEWHERE = "127.0.0.2", "127.0.0.3"
ADA = {"x-forwarded-user": "ada", "x-forwarded-groups": "map-leads"}
CFO = {"x-forwarded-user": "eve", "x-forwarded-groups": "finance,map-leads"}


@asynccontextmanager
async def server(folder: Path, log: AuditLog) -> AsyncIterator[str]:
    """A server on every address of this machine, as in a pod."""
    (folder / "tokens.yaml").write_bytes(write_tokens(entries()))
    proxy = ProxySettings(addresses=(PROXY,), groups={"finance": ("*",), "map-leads": ("maps",)})
    settings = Settings(
        data_dir=str(folder),
        http=HttpSettings(listen=f"0.0.0.0:{free_port()}"),
        access=AccessSettings(token_files=(str(folder / "tokens.yaml"),), proxy=proxy),
    )
    async with serving(settings, a_view, Counters(), entrance=Visitors(settings).entrance, seen=log.record):
        yield f"http://127.0.0.1:{settings.http.listen.rpartition(':')[2]}"


Headers = Mapping[str, str] | Sequence[tuple[str, str]]


async def answer_of(address: str, path: str, headers: Headers = (), source: str = "127.0.0.1") -> Answer:
    return await asyncio.to_thread(partial(ask, address, "GET", path, headers, source=source))


@pytest.mark.parametrize(
    ("source", "headers", "status"),
    [
        (PROXY, ADA, 200),
        (PROXY, CFO, 200),
        (ELSEWHERE, ADA, 401),
        ("127.0.0.1", CFO, 401),
        # uvicorn's own trust in loopback would let any program of this machine choose its address.
        ("127.0.0.1", CFO | {"x-forwarded-for": PROXY, "forwarded": f"for={PROXY}"}, 401),
        (ELSEWHERE, CFO | {"x-real-ip": PROXY}, 401),
        (PROXY, ADA | {"x-forwarded-groups": "none"}, 403),
        (PROXY, [*ADA.items(), ("X-Forwarded-Groups", "finance")], 400),
        (PROXY, [*ADA.items(), ("x-forwarded-user", "eve")], 400),
        (PROXY, {"x-forwarded-groups": "finance"}, 401),
        (PROXY, bearing(ALL), 200),
        (ELSEWHERE, bearing(ALL) | ADA, 200),
    ],
)
async def test_headers_count_from_the_proxy_alone(tmp_path: Path, source: str, headers: Headers, status: int) -> None:
    """By the address of the connection, whatever the request says of it."""
    async with server(tmp_path, AuditLog(Counters())) as at:
        assert (await answer_of(at, "/api/v1/openapi.json", headers, source)).status == status


async def test_a_person_of_the_proxy_reads_what_their_groups_do(tmp_path: Path) -> None:
    """And is in the audit log by name, with the address of the proxy."""
    log = AuditLog(Counters())
    async with server(tmp_path, log) as at:
        metrics = [(await answer_of(at, "/metrics", who, PROXY)).status for who in (ADA, CFO)]
        page = await answer_of(at, "/workflows", ADA, PROXY)
        page_of_a_token = await answer_of(at, "/workflows", bearing(ALL) | ADA, ELSEWHERE)

    assert metrics == [403, 200]
    assert b">ada</" in page.body
    assert b"/sign-out" not in page.body  # the proxy signs out
    assert b">operator</" in page_of_a_token.body
    entry = log.take(now_ms())[0]
    assert (entry.actor, entry.via, entry.scope, entry.address) == ("ada", "proxy", "department maps", PROXY)
