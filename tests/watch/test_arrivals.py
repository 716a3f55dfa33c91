"""
Blocks of a busy stream: an event on its own does not wait, and each keeps the instant of its arrival.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector.watch import arrivals
from tests.kube.certificates import make
from tests.watch.server import ApiServer, Exchange, Run, body, eventually, kubeconfig, running, silence, stream
from tests.watch.steps import added, changes_of, modified, observed, page

SOON_S = 5.0
LONG_S = 60.0
"""A rest that no test waits for."""


class Sent(asyncio.Queue[bytes]):
    """What a stream sends next."""

    async def answer(self, exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        while True:
            await exchange.chunks(await self.get())


@asynccontextmanager
async def streaming(folder: Path, tls: bool = False) -> AsyncIterator[tuple[Run, Sent]]:
    """A watch with an open stream, and what it sends."""
    server, sent = ApiServer(), Sent()
    server.script("watch", sent.answer)
    context, user = None, {}
    if tls:
        certificates = make(folder)
        context = certificates.server()
        user = {"certificate-authority": str(certificates.authority)}
    async with server.serving(context), running(kubeconfig(folder, server.url, **user)) as run:
        await eventually(lambda: run.watch.side_request() is None and run.watch.streaming)
        yield run, sent


@pytest.mark.parametrize("tls", [False, True])
async def test_a_lone_event_is_handed_on_at_once_and_the_next_ones_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    """What arrives during a rest is read after it, with the instants of its arrival."""
    monkeypatch.setattr(arrivals, "REST_S", 1.0)
    async with streaming(tmp_path, tls) as (run, sent):
        await sent.put(added("a", 101))
        await eventually(lambda: changes_of(run.emitted))
        taken = len(run.emitted)
        await sent.put(added("b", 102))
        await asyncio.sleep(0.3)
        await sent.put(added("c", 103)[:50])
        await sent.put(added("c", 103)[50:] + added("d", 104))
        assert len(run.emitted) == taken
        await eventually(lambda: len(changes_of(run.emitted)) == 4, within_s=SOON_S)

    first, second, third, fourth = (seen.at for seen in observed(run.emitted))
    assert second - first < 300
    assert 250 <= third - second < 1000
    assert third <= fourth
    positions = [type(outcome).__name__ for outcome in run.emitted[taken:]]
    assert positions == ["Observation"] * 3 + ["Position"]


async def test_a_stream_that_sends_much_does_not_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay after an outage is read as fast as it arrives."""
    monkeypatch.setattr(arrivals, "REST_S", LONG_S)
    monkeypatch.setattr(arrivals, "LARGE_BYTES", 4096)
    async with streaming(tmp_path) as (run, sent):
        for number in range(101, 111):
            await sent.put(b"".join(modified("a", number * 1000 + n) for n in range(40)))
            await eventually(lambda number=number: len(changes_of(run.emitted)) == 40 * (number - 100))  # type: ignore[misc]


@pytest.mark.parametrize("then", ["end", "reset"])
async def test_what_arrived_before_the_end_of_a_stream_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """Either it is handed on with the block that rested, or the next stream sends it again."""
    monkeypatch.setattr(arrivals, "REST_S", 0.2)
    server = ApiServer()
    go = asyncio.Event()

    async def ends(exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        await exchange.chunks(added("a", 101))
        await go.wait()
        await exchange.chunks(added("b", 102))
        await asyncio.sleep(0.05)
        exchange.writer.transport.abort() if then == "reset" else await exchange.send(b"0\r\n\r\n")

    async def resumes(exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        version = int(exchange.request.params["resourceVersion"])
        await exchange.chunks(*[added(uid, at) for uid, at in (("b", 102), ("c", 103)) if at > version])
        await silence(exchange)

    server.script("watch", ends, resumes)
    async with server.serving(), running(kubeconfig(tmp_path, server.url)) as run:
        await eventually(lambda: changes_of(run.emitted))
        go.set()
        await eventually(lambda: len(changes_of(run.emitted)) == 3)

    assert changes_of(run.emitted) == [("added", "a", 101), ("added", "b", 102), ("added", "c", 103)]


async def test_a_connection_is_used_again_after_its_stream(tmp_path: Path) -> None:
    """A stream that the server ends as planned leaves its connection to the next request."""
    server = ApiServer()
    server.otherwise["fence"] = body(page(version=1_000_000))
    server.script("watch", *[stream(added(str(n), n), then="end") for n in range(101, 106)])
    async with server.serving(), running(kubeconfig(tmp_path, server.url), watch_s=(0, 0)) as run:
        await eventually(lambda: len(changes_of(run.emitted)) == 5 and run.watch.streaming)
        assert server.open <= 2
