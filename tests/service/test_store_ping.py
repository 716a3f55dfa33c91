"""A store that hangs: it takes connections and answers none, which only a question with a time limit finds out."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import yaml

from collector.service import store_ping
from collector.service.store_ping import ping_forever
from collector.service.tasks import background_task
from collector.settings.model import ClusterSettings
from tests.ports import free_port
from tests.running import a_service, running


@asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[str]:
    """A server that gives every request this answer; none of it: it hangs."""

    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        if not answer:
            await reader.read()
        writer.close()

    serving = await asyncio.start_server(answering, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}"
    finally:
        serving.close()


def cluster_without_server(folder: Path) -> ClusterSettings:
    """A cluster that is not there: only the store matters here."""
    path = folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "x",
                "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{free_port()}"}}],
                "users": [{"name": "x", "user": {}}],
                "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            }
        ),
        encoding="utf-8",
    )
    return ClusterSettings(name="x", kubeconfig=str(path), allow_insecure=True)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_ping, "EVERY_S", 0.01)
    monkeypatch.setattr(store_ping, "WITHIN_S", 0.5)


async def test_silence_twice_is_a_store_that_hangs(quick: None) -> None:
    """Once may be our own late look; an answer ends it at once."""
    answers: asyncio.Queue[str] = asyncio.Queue()
    async with server(b"") as silent, server(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nOk.\n") as well:
        address = [""]
        async with background_task(ping_forever(lambda: address[0], answers.put_nowait), "ping"):
            assert await answers.get() == ""
            address[0] = silent
            while not (reason := await answers.get()):
                pass
            address[0] = well
            while await answers.get():
                pass
    assert reason == f"{silent} does not answer a ping within 0.5 s"


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 404 No\r\n\r\n", b"HTTP/1.1 302 Go\r\nLocation: /x\r\n\r\n", b"garbage\r\n\r\n", b"\r\n"]
)
async def test_whatever_is_answered_is_no_silence(answer: bytes, quick: None) -> None:
    """What is wrong with such a store, the inserts find out; and so where there is none."""
    answers: asyncio.Queue[str] = asyncio.Queue()
    async with server(answer) as other:
        for url in (other, f"http://127.0.0.1:{free_port()}", "http://[::1", "nothing"):
            async with background_task(ping_forever(lambda url=url: url, answers.put_nowait), "ping"):  # type: ignore[misc]
                assert [await answers.get() for _ in range(4)] == [""] * 4


async def test_a_stopped_store_is_not_ready_within_seconds(tmp_path: Path, quick: None) -> None:
    """By /readyz and by the metric, long before the insert's own time limit; and ready again when it goes on."""
    chosen = a_service(tmp_path, cluster_without_server(tmp_path))

    async def readyz(session: aiohttp.ClientSession) -> str:
        async with session.get(f"http://{chosen.http.listen}/readyz") as answer:
            return await answer.text()

    async with running(chosen) as service, aiohttp.ClientSession() as session:
        await service.until(lambda: service.runtime.storage.health().reachable)
        store = int((tmp_path / "data" / "store.lock").read_text(encoding="ascii"))
        os.kill(store, signal.SIGSTOP)
        try:
            await service.until(lambda: not service.runtime.storage.health().reachable, within_s=20)
            health = service.runtime.storage.health()
            async with asyncio.timeout(20):
                while "store_hangs" not in (text := await readyz(session)):
                    await asyncio.sleep(0.05)
        finally:
            os.kill(store, signal.SIGCONT)
        await service.until(lambda: service.runtime.storage.health().reachable, within_s=20)

    assert (health.cause, "does not answer a ping" in health.detail) == ("store_hangs", True)
    assert "nothing is lost" in text
