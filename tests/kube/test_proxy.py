"""Clusters behind an http proxy that asks for a password: the proxy gets it, and it is not shown."""

import asyncio
import base64
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from collector.clock import now_ms
from collector.kube import argocd, exec_plugin
from collector.kube.connection import AddressError, Connection
from collector.logs import JsonLines
from collector.watch.preflight import check_cluster
from tests.kube.certificates import Certificates
from tests.watch.server import ApiServer, eventually, kubeconfig, running

PASSWORD = "p@ss/w0rd"
USER = "us%65r"
PAIR = base64.b64encode(f"user:{PASSWORD}".encode()).decode()


class HttpProxy:
    """Forwards what it is asked to, or refuses with a status; keeps the heads of requests."""

    def __init__(self, refusal: int = 0) -> None:
        self.heads: list[str] = []
        self.refusal = refusal
        self.address = ""
        self._open: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        return f"http://{USER}:p%40ss%2Fw0rd@{self.address}"

    @asynccontextmanager
    async def forwarding(self) -> AsyncIterator["HttpProxy"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for writer in self._open:
                writer.transport.abort()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.append(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except (OSError, asyncio.IncompleteReadError):
            return
        self.heads.append(head)
        if self.refusal:
            writer.write(f"HTTP/1.1 {self.refusal} No\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()
            return
        method, target, _ = head.split(" ", 2)
        host, _, port = target.removeprefix("http://").partition("/")[0].partition(":")
        there, back = await asyncio.open_connection(host, int(port))
        self._open.append(back)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            back.write(head.replace(f"http://{host}:{port}", "", 1).encode())
        self._tasks += [asyncio.create_task(_copy(reader, back)), asyncio.create_task(_copy(there, writer))]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


@pytest.mark.parametrize("tls", [True, False])
async def test_a_proxy_gets_its_password(tmp_path: Path, certificates: Certificates, tls: bool) -> None:
    """With the tunnel's request for https; with each request for http. The API server behind it never sees it over TLS."""
    server, proxy = ApiServer(), HttpProxy()
    async with server.serving(certificates.server() if tls else None), proxy.forwarding():
        trusted = {"certificate-authority": str(certificates.authority)} if tls else {}
        address = kubeconfig(tmp_path, server.url, **{"proxy-url": proxy.url}, **trusted)
        async with running(address) as run:
            await eventually(lambda: run.watch.streaming)

    assert all(head.startswith("CONNECT " if tls else "GET http://") for head in proxy.heads)
    assert all(f"Proxy-Authorization: Basic {PAIR}\r\n" in head for head in proxy.heads)
    assert not tls or not any("Proxy-Authorization" in request.headers for request in server.requests)


@pytest.mark.parametrize("refusal", [404, 407, 0])
async def test_the_password_of_a_proxy_is_shown_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, refusal: int
) -> None:
    """Not when it refuses, and not when it cannot be reached: in health, log, check and repr."""
    proxy = HttpProxy(refusal)
    async with proxy.forwarding():
        url = proxy.url if refusal else proxy.url.rpartition(":")[0] + ":1"
        address = kubeconfig(tmp_path, "https://10.1.2.3", **{"proxy-url": url})
        with caplog.at_level(logging.DEBUG):
            async with running(address) as run:
                await eventually(lambda: run.watch.health().detail)
                access = await run.connection.access()
        async with Connection(address) as connection:
            checks = await check_cluster(connection, [])

    shown = [run.watch.health().detail, repr(access), repr(checks), *map(JsonLines().format, caplog.records)]
    for text in shown:
        assert not any(secret in text for secret in ("p%40ss", "w0rd", "us%65r", PAIR)), text
    assert proxy.address.partition(":")[0] in run.watch.health().detail


@pytest.mark.parametrize("url", ["http://u:p/w0rd@h:1", "http://[w0rd", "socks5://u:w0rd@h", "http://u:w0rd@", "w0rd"])
async def test_a_proxy_url_that_cannot_be_used_is_not_quoted(tmp_path: Path, url: str) -> None:
    """The error names the key."""
    async with Connection(kubeconfig(tmp_path, "https://10.1.2.3", **{"proxy-url": url})) as connection:
        with pytest.raises(AddressError, match="its proxy-url is not an http address") as raised:
            await connection.access()

    assert "w0rd" not in str(raised.value)


def test_structs_with_credentials_have_no_repr() -> None:
    """A traceback or a log line with one of them shows its name."""
    secret: dict[str, Any] = {
        "bearerToken": "w0rd",
        "proxyUrl": "http://u:w0rd@h",
        "tlsClientConfig": {"keyData": "w0rd"},
    }
    folder = argocd.ClusterSecret(name="a", server="https://u:w0rd@h", config=json.dumps(secret))
    config = argocd.ClusterConfig(bearerToken="w0rd", proxyUrl="http://u:w0rd@h")
    plugin = exec_plugin.ExecSpec("x", "v1", args=["--token=w0rd"], env=[exec_plugin.Variable("A", "w0rd")])
    printed = exec_plugin.ExecCredential("v1", "ExecCredential", exec_plugin.PluginStatus(token="w0rd"))
    parsed = exec_plugin.Credential("w0rd", "w0rd", "w0rd", now_ms())

    assert "w0rd" not in repr([folder, config, plugin, printed, parsed])
