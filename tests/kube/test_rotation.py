"""
Credentials that rotate while events arrive: each is seen once, streams resume at their version, and nothing is listed again.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from collector.core.facts.watches import WatchGap
from collector.kube.address import ClusterAddress
from tests.kube.certificates import Certificates, make
from tests.watch.server import ApiServer, Exchange, Run, eventually, kubeconfig, running
from tests.watch.steps import added, changes_of, of_type, page, refusal

ROUNDS, ALL_ROUNDS = 6, 100
GENERATIONS = 3
"""Authorities, each with a server's and a client's certificate, that follow one another."""


class Cluster:
    """An API server that admits one token, and whose streams go on from a version."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.token = "token-0"
        self.version = 100
        self._changed = asyncio.Condition()
        self._stream = 0
        """Streams of an earlier number end."""
        self.server.otherwise |= {"watch": self._watch, "list": self._list, "fence": self._list}
        self._up = AsyncExitStack()

    async def start(self, certificates: Certificates) -> None:
        """Starts again with the certificates of another authority; its clients need one of the same."""
        await self._up.aclose()
        await self._up.enter_async_context(self.server.serving(certificates.server(asks_client=True)))

    async def stop(self) -> None:
        await self._up.aclose()

    async def end_streams(self) -> None:
        async with self._changed:
            self._stream += 1
            self._changed.notify_all()

    async def send(self) -> None:
        """One more event."""
        async with self._changed:
            self.version += 1
            self._changed.notify_all()

    async def _admits(self, exchange: Exchange) -> bool:
        if exchange.request.headers.get("Authorization") == f"Bearer {self.token}":
            return True
        await exchange.body(refusal(401), 401)
        return False

    async def _list(self, exchange: Exchange) -> None:
        if await self._admits(exchange):
            await exchange.body(page(version=self.version))

    async def _watch(self, exchange: Exchange) -> None:
        if not await self._admits(exchange):
            return
        sent, stream = int(exchange.request.params["resourceVersion"]), self._stream
        await exchange.head(Transfer_Encoding="chunked")
        while self._stream == stream:
            async with self._changed:
                if sent == self.version:
                    await self._changed.wait()
            await exchange.chunks(*(added(f"u{n}", n) for n in range(sent + 1, self.version + 1)))
            sent = self.version
        await exchange.send(b"0\r\n\r\n")


class Files:
    """The files of one client."""

    def __init__(self, folder: Path, form: str) -> None:
        self.folder, self.form = folder, form

    def write(self, url: str, certificates: Certificates, token: str) -> ClusterAddress:
        """Replaces them, as a rotation does."""
        if self.form == "argocd":
            return self._argocd(url, certificates, token)
        for source, name in zip(
            (certificates.authority, *certificates.of("client")), ("ca", "crt", "key"), strict=True
        ):
            shutil.copy(source, self.folder / f"new-{name}")
            (self.folder / f"new-{name}").rename(self.folder / name)
        (self.folder / "token").write_text(token)
        user = {"tokenFile": "token", "client-certificate": "crt", "client-key": "key"}
        return kubeconfig(self.folder, url, user=user, **{"certificate-authority": "ca"})

    def _argocd(self, url: str, certificates: Certificates, token: str) -> ClusterAddress:
        pair = {key: certificates.data(f"client.{end}") for key, end in (("certData", "crt"), ("keyData", "key"))}
        config: dict[str, Any] = {
            "bearerToken": token,
            "tlsClientConfig": {"caData": certificates.data("ca.crt"), **pair},
        }
        folder = self.folder / "secret"
        folder.mkdir(exist_ok=True)
        for name, text in (("name", "prod"), ("server", url), ("config", json.dumps(config))):
            (folder / name).write_text(text)
        return ClusterAddress("prod", argocd_secret=folder)


@asynccontextmanager
async def watched(folder: Path, form: str, first: Certificates) -> AsyncIterator[tuple[Cluster, Files, Run]]:
    cluster, files = Cluster(), Files(folder, form)
    await cluster.start(first)
    try:
        async with running(files.write(cluster.server.url, first, cluster.token)) as run:
            await eventually(lambda: run.watch.streaming)
            yield cluster, files, run
    finally:
        await cluster.stop()


@pytest.fixture(scope="module")
def generations(tmp_path_factory: pytest.TempPathFactory) -> list[Certificates]:
    return [make(tmp_path_factory.mktemp(f"generation-{n}")) for n in range(GENERATIONS)]


@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(ALL_ROUNDS, marks=pytest.mark.live)])
@pytest.mark.parametrize("form", ["files", "argocd"])
async def test_no_event_is_lost_while_credentials_rotate(
    tmp_path: Path, generations: list[Certificates], form: str, rounds: int
) -> None:
    """Tokens in one round, certificates and authorities in the next, with events before, during and after each."""
    async with watched(tmp_path, form, generations[0]) as (cluster, files, run):
        for number in range(1, rounds + 1):
            certificates = generations[number // 2 % GENERATIONS]
            if number % 2:
                cluster.token = f"token-{number}"
            await cluster.send()
            files.write(cluster.server.url, certificates, cluster.token)
            if number % 2:
                await cluster.end_streams()
            else:
                await cluster.start(certificates)
            await cluster.send()
            # Refused in the middle of a change, a watch pauses for longer with each attempt, to 30 s.
            await eventually(
                lambda: run.watch.ledger.resource_version == cluster.version and run.watch.streaming, within_s=60
            )

    assert [version for _, _, version in changes_of(run.emitted)] == [*range(101, 101 + 2 * rounds)]
    assert not of_type(run.emitted, WatchGap)
    assert len([request for request in cluster.server.of("list") if "continue" not in request.params]) == 1


async def test_an_open_stream_outlives_the_rotation_of_its_credentials(
    tmp_path: Path, generations: list[Certificates]
) -> None:
    """It was admitted at its start; only the next request needs what is valid then."""
    async with watched(tmp_path, "files", generations[0]) as (cluster, files, run):
        files.write(cluster.server.url, generations[1], "another")
        access = await run.connection.access()
        await run.connection.refresh(access)
        assert await run.connection.access() is not access
        await cluster.send()
        await eventually(lambda: len(changes_of(run.emitted)) == 1)
        assert len(cluster.server.of("watch")) == 1
