"""
Who we are to a cluster and whom we believe: tokens, certificates and plugins as kubeconfigs name them, on a real socket.
"""

import asyncio
import dataclasses
import logging
import os
import shlex
import ssl
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from collector.kube import connection as connection_module
from collector.kube import credentials as access_module
from collector.kube.connection import ClusterAddress, Connection, skew
from tests.kube.certificates import Certificates
from tests.watch.server import ApiServer, body, eventually, kubeconfig, running
from tests.watch.steps import page, refusal, restarts

WITHIN = aiohttp.ClientTimeout(total=5)


PRELUDE = """
import json, os, sys, time
def report(**status):
    print(json.dumps(dict(apiVersion="client.authentication.k8s.io/v1", kind="ExecCredential", status=status)))
def run_number():
    with open({count!r}, "a") as file:
        file.write("x")
    return os.path.getsize({count!r})
"""


def a_plugin(folder: Path, script: str, **more: Any) -> dict[str, Any]:
    """A user whose credentials come from a script; see `runs` for how often it ran."""
    path, program = folder / "plugin", folder / "plugin.py"
    program.write_text(PRELUDE.format(count=str(folder / "count")) + script)
    # A first line that names an interpreter cannot hold a path with a space.
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -IS {shlex.quote(str(program))} "$@"\n')
    path.chmod(0o700)
    return {"exec": {"command": "./plugin", "apiVersion": "client.authentication.k8s.io/v1", **more}}


def runs(folder: Path) -> int:
    return len((folder / "count").read_text())


async def ask(connection: Connection) -> int:
    """One request, and its status."""
    async with await connection.request("GET", await connection.access(), "/version", timeout=WITHIN) as answer:
        return answer.status


def tokens(server: ApiServer) -> list[str]:
    return [request.headers.get("Authorization", "") for request in server.requests]


async def test_a_server_is_believed_by_its_authority_alone(tmp_path: Path, certificates: Certificates) -> None:
    """With the kubeconfig's authority the connection works; with the system's it fails, and the detail names TLS."""
    server = ApiServer()
    async with server.serving(certificates.server()):
        good = kubeconfig(tmp_path, server.url, **{"certificate-authority-data": certificates.data("ca.crt")})
        async with running(good) as run:
            await eventually(lambda: run.watch.streaming)
        async with running(kubeconfig(tmp_path, server.url)) as run:
            await eventually(lambda: restarts(run.counters).get("tls"))
            assert "certificate verify failed" in run.watch.health().detail


@pytest.mark.parametrize("kind", ["data", "file"])
async def test_a_client_certificate_opens_what_asks_for_one(
    tmp_path: Path, certificates: Certificates, kind: str
) -> None:
    """From data or from files; relative names are relative to the kubeconfig."""
    server = ApiServer()
    user = {
        "client-certificate-data": certificates.data("client.crt"),
        "client-key-data": certificates.data("client.key"),
    }
    if kind == "file":
        for file in ("client.crt", "client.key"):
            (tmp_path / file).write_bytes((certificates.folder / file).read_bytes())
        user = {"client-certificate": "client.crt", "client-key": "./client.key"}
    async with server.serving(certificates.server(asks_client=True)):
        address = kubeconfig(tmp_path, server.url, user=user, **{"certificate-authority": str(certificates.authority)})
        async with running(address) as run:
            await eventually(lambda: run.watch.streaming)


async def test_keys_given_as_data_leave_no_file_behind(
    tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kubernetes package writes them to files that only a clean exit removes; ours are gone when they are loaded."""
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(access_module, "MEMORY", folder)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    user = {
        "client-certificate-data": certificates.data("client.crt"),
        "client-key-data": certificates.data("client.key"),
    }
    ca = {"certificate-authority-data": certificates.data("ca.crt")}
    for _ in range(2):
        async with Connection(kubeconfig(tmp_path, "https://127.0.0.1:1", user=user, **ca)) as connection:
            assert isinstance((await connection.access()).tls, ssl.SSLContext)

        assert list(folder.iterdir()) == []


async def test_an_unverified_server_is_talked_to_only_when_permitted(
    tmp_path: Path, certificates: Certificates
) -> None:
    """insecure-skip-tls-verify also needs the collector's own flag."""
    server = ApiServer()
    async with server.serving(certificates.server()):
        address = kubeconfig(tmp_path, server.url, **{"insecure-skip-tls-verify": True})
        async with running(dataclasses.replace(address, allow_insecure=True)) as run:
            await eventually(lambda: run.watch.streaming)


async def test_a_token_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mounted tokens are replaced while the collector runs; the package reads them only once."""
    monkeypatch.setattr(connection_module, "REREAD_S", 0.0)
    (tmp_path / "token").write_text("first\n")
    server = ApiServer()
    server.otherwise["/version"] = body(b"{}")
    async with (
        server.serving(),
        Connection(kubeconfig(tmp_path, server.url, user={"tokenFile": "token"})) as connection,
    ):
        await ask(connection)
        (tmp_path / "token").write_text("second\n")
        await ask(connection)

    assert tokens(server) == ["Bearer first", "Bearer second"]


async def test_half_a_rotation_does_not_stop_a_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While a file is being replaced, the old credentials stay in use; a log line reports it without them."""
    monkeypatch.setattr(connection_module, "REREAD_S", 0.0)
    (tmp_path / "token").write_text("first-s3cr3t")
    server = ApiServer()
    server.otherwise["/version"] = body(b"{}")
    async with (
        server.serving(),
        Connection(kubeconfig(tmp_path, server.url, user={"tokenFile": "token"})) as connection,
    ):
        await ask(connection)
        (tmp_path / "token").unlink()
        await ask(connection)

    assert tokens(server) == ["Bearer first-s3cr3t"] * 2
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "s3cr3t" not in str(vars(record))


async def test_a_refused_token_is_renewed_by_running_the_plugin_again(tmp_path: Path) -> None:
    """One 401, one more run of the plugin, and the watch continues at its position."""
    user = a_plugin(tmp_path, "report(token=f'token-{run_number()}')")
    server = ApiServer()
    server.script("watch", body(refusal(401, "Unauthorized"), 401))
    async with server.serving(), running(kubeconfig(tmp_path, server.url, user=user)) as run:
        await eventually(lambda: run.watch.streaming)

    assert [request.headers["Authorization"] for request in server.of("watch")] == ["Bearer token-1", "Bearer token-2"]
    assert len(server.of("list")) == 1
    assert restarts(run.counters) == {"unauthorized": 1}


@pytest.mark.parametrize(
    ("expires", "rest_s", "expected"),
    [("2999-01-01T00:00:00Z", 0.0, 1), ("2001-10-01T00:00:00Z", 3600.0, 1), ("2001-10-01T00:00:00Z", 0.0, 3)],
)
async def test_a_plugin_runs_again_when_its_word_expires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expires: str, rest_s: float, expected: int
) -> None:
    """Its credential is valid until its expiry; a plugin with expired credentials does not run for each request."""
    monkeypatch.setattr(connection_module, "PLUGIN_REST_S", rest_s)
    user = a_plugin(tmp_path, f"run_number(); report(token='t', expirationTimestamp={expires!r})")
    async with Connection(kubeconfig(tmp_path, "http://127.0.0.1:1", user=user)) as connection:
        for _ in range(3):
            await connection.access()

    assert runs(tmp_path) == expected


async def test_a_plugin_may_give_a_certificate(tmp_path: Path, certificates: Certificates) -> None:
    """Cloud plugins print short-lived certificates; each gets its own variables, and the cluster if its entry requests that."""
    certificate, key = (file.read_text() for file in certificates.of("client"))
    script = f"""
assert os.environ["PROFILE"] == "prod"
assert json.loads(os.environ["KUBERNETES_EXEC_INFO"])["spec"]["cluster"]["server"]
report(clientCertificateData={certificate!r}, clientKeyData={key!r})
"""
    user = a_plugin(tmp_path, script, env=[{"name": "PROFILE", "value": "prod"}], provideClusterInfo=True)
    server = ApiServer()
    async with server.serving(certificates.server(asks_client=True)):
        address = kubeconfig(tmp_path, server.url, user=user, **{"certificate-authority": str(certificates.authority)})
        async with running(address) as run:
            await eventually(lambda: run.watch.streaming)


async def test_our_own_account_in_a_cluster(
    tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address from the environment, token and authority as mounted; the token is read again each minute."""
    monkeypatch.setattr(connection_module, "REREAD_S", 0.0)
    monkeypatch.setattr(access_module, "SERVICE_ACCOUNT", tmp_path)
    (tmp_path / "ca.crt").write_bytes(certificates.authority.read_bytes())
    (tmp_path / "token").write_text("mounted-1")
    server = ApiServer()
    server.otherwise["/version"] = body(b"{}")
    async with server.serving(certificates.server()):
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
        async with Connection(ClusterAddress("here", in_cluster=True)) as connection:
            await ask(connection)
            (tmp_path / "token").write_text("mounted-2")
            await ask(connection)

    assert tokens(server) == ["Bearer mounted-1", "Bearer mounted-2"]


async def test_connections_are_kept_while_the_certificates_stay_the_same(
    tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new TLS context is a new connection; reading the same files again must not cost one. A new authority does."""
    monkeypatch.setattr(connection_module, "REREAD_S", 0.0)
    authority = tmp_path / "ca.crt"
    authority.write_bytes(certificates.authority.read_bytes())
    address = kubeconfig(tmp_path, "https://127.0.0.1:1", **{"certificate-authority": "ca.crt"})
    async with Connection(address) as connection:
        first, second = await connection.access(), await connection.access()
        authority.write_bytes(certificates.authority.read_bytes() * 2)
        third = await connection.access()

    assert first.tls is second.tls
    assert isinstance(third.tls, ssl.SSLContext)
    assert third.tls is not second.tls


async def test_credentials_are_in_no_repr(tmp_path: Path) -> None:
    """An Access in a log or a traceback shows no token."""
    async with Connection(kubeconfig(tmp_path, "http://127.0.0.1:1", user={"token": "s3cr3t"})) as connection:
        assert "s3cr3t" not in repr(await connection.access())


async def test_names_and_password_are_basic_authorization(tmp_path: Path) -> None:
    """Old clusters and some proxies use basic authentication."""
    user = {"username": "me", "password": "pw"}
    async with Connection(kubeconfig(tmp_path, "http://127.0.0.1:1", user=user)) as connection:
        assert (await connection.access()).headers["Authorization"] == "Basic bWU6cHc="


async def test_renewing_at_once_runs_the_plugin_once(tmp_path: Path) -> None:
    """Four watches are refused at one instant; the first renews for all."""
    user = a_plugin(tmp_path, "run_number(); report(token='t')")
    async with Connection(kubeconfig(tmp_path, "http://127.0.0.1:1", user=user)) as connection:
        refused = await connection.access()
        await asyncio.gather(*(connection.refresh(refused) for _ in range(4)))

    assert runs(tmp_path) == 2


async def test_several_files_make_one_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$KUBECONFIG lists files; a context and its user may be in different files; the first file with an entry wins."""
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("contexts: [{name: c, context: {cluster: k, user: u}}]\nusers: [{name: u, user: {token: one}}]\n")
    second.write_text(
        "current-context: c\nclusters: [{name: k, cluster: {server: 'http://localhost:1/prefix/'}}]\n"
        "users: [{name: u, user: {token: two}}]\n"
    )
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(first), str(tmp_path / "none"), str(second)]))
    async with Connection(ClusterAddress("prod")) as connection:
        access = await connection.access()

    assert (access.server, access.headers["Authorization"]) == ("http://localhost:1/prefix", "Bearer one")


async def test_a_path_before_the_api_is_kept(tmp_path: Path) -> None:
    """Rancher and other gateways serve a cluster below a path of their own."""
    server = ApiServer()
    server.otherwise["list"] = body(page(version=7))
    async with server.serving(), running(kubeconfig(tmp_path, f"{server.url}/k8s/clusters/c-1")) as run:
        await eventually(lambda: run.watch.streaming)

    assert server.requests[0].path == "/k8s/clusters/c-1/apis/argoproj.io/v1alpha1/workflows"


@pytest.mark.parametrize(
    ("date", "skew_ms"),
    [
        ("Sun, 22 Nov 2026 12:00:00 GMT", 0),
        ("Sun, 22 Nov 2026 11:59:59 GMT", 0),
        ("Sun, 22 Nov 2026 14:00:00 GMT", 7_199_500),
        ("Sun, 22 Nov 2026 10:00:00 GMT", -7_199_000),
        ("", None),
        ("yesterday", None),
    ],
)
def test_the_servers_clock_is_compared_with_ours(date: str, skew_ms: int | None) -> None:
    """Whole seconds and the transfer time do not count as skew; without a readable date there is no figure."""
    noon = 1_795_348_800.0

    assert skew(date, noon, noon + 0.5) == skew_ms
