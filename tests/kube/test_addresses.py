"""
Addresses that cannot be used: the error names the file, the context and the remedy, and never a credential.
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.kube import discovery
from collector.kube.connection import AddressError, ClusterAddress, Connection
from tests.kube.test_connection import a_plugin
from tests.watch.server import ApiServer, body, eventually, kubeconfig, running

SECRET = "s3cr3t-token"
USER = {"token": SECRET}


async def error_of(address: ClusterAddress, patience_s: float = 5) -> str:
    """The message when the address is first used."""
    async with Connection(address, plugin_patience_s=patience_s) as connection:
        with pytest.raises(AddressError) as raised:
            await connection.access()
    text = str(raised.value)
    assert SECRET not in text
    assert raised.value.remedy in text
    return text


@pytest.mark.parametrize(
    ("server", "cluster", "words"),
    [
        ("http://10.1.2.3:6443", {}, ["plain http to 10.1.2.3", "allow_insecure"]),
        ("http://api.example.com", {}, ["plain http to api.example.com"]),
        ("https://10.1.2.3", {"insecure-skip-tls-verify": True}, ["insecure-skip-tls-verify", "certificate-authority"]),
        ("http://169.254.169.254", {}, ["link-local"]),
        ("https://me:pw@10.1.2.3", {}, ["holds a user name"]),
        ("file:///etc/passwd", {}, ["not an http or https address"]),
        ("https://[::1", {}, ["not an http or https address"]),
        ("", {}, ["not an http or https address"]),
        ("https://10.1.2.3", {"certificate-authority": "gone.crt"}, ["gone.crt", "correct the entry"]),
        ("https://10.1.2.3", {"certificate-authority-data": "%%%"}, ["cannot be used"]),
        ("https://10.1.2.3", {"certificate-authority-data": base64.b64encode(b"no PEM").decode()}, ["certificates"]),
        ("https://10.1.2.3", {"proxy-url": "socks5://10.0.0.1"}, ["proxy-url", "only http"]),
    ],
)
async def test_a_cluster_entry_that_cannot_be_used(
    tmp_path: Path, server: str, cluster: dict[str, Any], words: list[str]
) -> None:
    """The error names file, context and cluster before any request is sent."""
    address = kubeconfig(tmp_path, server, user=USER, **cluster)
    text = await error_of(address)

    for word in [str(address.kubeconfig), "cluster prod", *words]:
        assert word in text


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ({"tokenFile": "gone"}, ["gone", "No such file"]),
        ({"token": f"{SECRET}\nHost: evil"}, ["line breaks"]),
        ({"exec": "oops"}, ["exec entry is malformed", "Expected `object`"]),
        ({"exec": {"command": "x", "apiVersion": "v1", "args": [5]}}, ["$.args[0]"]),
        (
            {"exec": {"command": "/no/such/plugin", "apiVersion": "v1"}},
            ["'/no/such/plugin' cannot be started", "install it"],
        ),
        ({"client-certificate-data": base64.b64encode(b"x").decode(), "client-key-data": "eA=="}, ["certificates"]),
    ],
)
async def test_a_user_entry_that_cannot_be_used(tmp_path: Path, user: dict[str, Any], words: list[str]) -> None:
    """After a failed sign-in the collector does not continue anonymously."""
    text = await error_of(kubeconfig(tmp_path, "https://127.0.0.1:1", user=user))

    for word in words:
        assert word in text


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("sys.exit(7)", ["exit code 7", "run it by hand"]),
        (f"print('<html>{SECRET}')", ["cannot be read", "ExecCredential"]),
        (f"report(other='{SECRET}')", ["neither a token nor a certificate"]),
        (
            "print(json.dumps(dict(apiVersion='v0', kind='ExecCredential', status=dict(token='x'))))",
            ["another version"],
        ),
        ("sys.stdout.write('x' * 10**7)", ["plugin"]),
    ],
)
async def test_a_plugin_that_fails(tmp_path: Path, script: str, words: list[str]) -> None:
    """The error names its command, and never repeats its output, because plugins print credentials."""
    text = await error_of(kubeconfig(tmp_path, "https://127.0.0.1:1", user=a_plugin(tmp_path, script)))

    for word in [str(tmp_path / "plugin"), *words]:
        assert word in text


async def test_a_plugin_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    """A plugin that asks for a password on a terminal would otherwise block a cluster for ever."""
    forks = "child = os.fork() or time.sleep(600)\n"
    notes = f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{child}}')\n"
    user = a_plugin(tmp_path, f"{forks}{notes}time.sleep(600)")
    text = await error_of(kubeconfig(tmp_path, "https://127.0.0.1:1", user=user), patience_s=0.5)

    assert "did not end within 0.5 s" in text
    await eventually(lambda: not any(_runs(int(pid)) for pid in (tmp_path / "pids").read_text().split()))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ["cannot read", "No such file", "give the path"]),
        (f"users:\n- user: {{token: {SECRET}}}\n  name: [x\ny: {SECRET}\n", ["not valid YAML in line 4"]),
        ("a: \tb: c", ["not valid YAML"]),
        ("- just\n- a list\n", ["is not a kubeconfig"]),
        ("", ["is not a kubeconfig"]),
        ("contexts: []", ["no context is chosen"]),
        (
            "current-context: dev\ncontexts: [{name: prod, context: {}}]",
            ["'dev' under contexts", "existing entries: prod"],
        ),
        (
            "current-context: a\ncontexts: [{name: a, context: {cluster: b}}]",
            ["'b' under clusters", "existing entries: none"],
        ),
        (
            "current-context: a\ncontexts: [{name: a, context: {cluster: b, user: u}}]\nclusters: [{name: b, cluster: {}}]",
            ["'u' under users"],
        ),
        ("current-context: a\ncontexts: [{name: a, context: 5}]", ["the context of 'a'", "malformed"]),
    ],
)
async def test_a_file_that_is_no_kubeconfig(tmp_path: Path, text: str | None, words: list[str]) -> None:
    """Missing, truncated or incomplete: the error has path, place and remedy, but no other line, because lines hold tokens."""
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    message = await error_of(ClusterAddress("prod", kubeconfig=path))

    for word in [str(path), *words]:
        assert word in message


async def test_an_account_that_is_not_mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a cluster there is no mounted service account."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    assert "mount a service account token" in await error_of(ClusterAddress("here", in_cluster=True))


async def test_a_watch_reports_why_its_address_cannot_be_used_and_recovers(tmp_path: Path) -> None:
    """The other clusters continue; this one reports the problem until the file is fixed."""
    server = ApiServer()
    async with server.serving():
        address = ClusterAddress("prod", kubeconfig=tmp_path / "kubeconfig")
        async with running(address) as run:
            await eventually(lambda: "cannot read" in run.watch.health().detail)
            kubeconfig(tmp_path, server.url)
            await eventually(lambda: run.watch.streaming)


def a_secret(folder: Path, name: str, server: str, config: dict[str, Any]) -> Path:
    """A cluster secret as kubelet mounts it: the keys are links into a hidden folder."""
    path = folder / name
    versions = path / "..2026_11_22"
    versions.mkdir(parents=True)
    for key, text in {"name": name, "server": server, "config": json.dumps(config)}.items():
        (versions / key).write_text(text)
        (path / key).symlink_to(versions / key)
    return path


async def test_argocd_secrets_are_clusters(tmp_path: Path) -> None:
    """Folders with one file per key, and JSON files; a repeated name and a file that is not a secret are skipped and logged."""
    a_secret(tmp_path, "east", "https://east", {"bearerToken": SECRET})
    (tmp_path / "west.json").write_text(json.dumps({"name": "west", "server": "https://west", "config": "{}"}))
    (tmp_path / "x-twice.json").write_text(json.dumps({"name": "west", "server": "https://other", "config": "{}"}))
    (tmp_path / "broken.json").write_text(SECRET)
    (tmp_path / "..data").mkdir()
    (tmp_path / "README").write_text("not a secret")

    found = discovery.argocd_secrets(tmp_path)

    assert [(address.name, address.argocd_secret) for address in found] == [
        ("east", tmp_path / "east"),
        ("west", tmp_path / "west.json"),
    ]


async def test_an_argocd_secret_opens_its_cluster(tmp_path: Path) -> None:
    """Its bearer token is sent; a rotated secret is read without a restart."""
    server = ApiServer()
    server.otherwise["/version"] = body(b"{}")
    async with server.serving():
        path = a_secret(tmp_path, "east", server.url, {"bearerToken": SECRET, "tlsClientConfig": {"insecure": False}})
        async with running(ClusterAddress("east", argocd_secret=path)) as run:
            await eventually(lambda: run.watch.streaming)

    assert server.requests[0].headers["Authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"tlsClientConfig": {"insecure": True}}, ["insecure-skip-tls-verify"]),
        ({"awsAuthConfig": {"clusterName": "x"}}, ["awsAuthConfig is not supported", "execProviderConfig"]),
        ({"bearerToken": 5}, ["not an Argo CD cluster secret", "$.bearerToken"]),
        ({"execProviderConfig": {"command": "/no/plugin", "env": {"A": "b"}}}, ["'/no/plugin' cannot be started"]),
        ({"tlsClientConfig": {"caData": "eA=="}}, ["certificates"]),
    ],
)
async def test_an_argocd_secret_that_cannot_be_used(tmp_path: Path, config: dict[str, Any], words: list[str]) -> None:
    """The error names its path and the necessary change."""
    path = a_secret(tmp_path, "east", "https://10.0.0.1", config | {"password": SECRET})
    text = await error_of(ClusterAddress("east", argocd_secret=path))

    for word in [str(path), *words]:
        assert word in text


def test_the_current_contexts_are_clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every context of all files that $KUBECONFIG names."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(yaml.safe_dump({"contexts": [{"name": f"ctx-{name}", "context": {}}]}))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(str(tmp_path / name) for name in ("a", "b")))

    assert [(a.name, a.context) for a in discovery.current_contexts()] == [("ctx-a", "ctx-a"), ("ctx-b", "ctx-b")]


def test_the_default_kubeconfig_is_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default is that of kubectl; without the file the error names its path."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(AddressError, match=r"\.kube/config"):
        discovery.current_contexts()
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_text("contexts: [{name: lab, context: {}}]")

    assert [address.name for address in discovery.current_contexts()] == ["lab"]
