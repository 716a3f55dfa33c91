"""
Addresses that cannot be used: the error names the file, the context and the remedy, and never a credential.
"""

import base64
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.kube import discovery
from collector.kube.connection import AddressError, ClusterAddress, Connection
from collector.kube.exec_plugin import ExecSpec, Variable, refusal
from collector.settings.model import Settings
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
    """Folders with one file per key, and JSON files; a file that is not a secret is named."""
    a_secret(tmp_path, "east", "https://east", {"bearerToken": SECRET})
    (tmp_path / "west.json").write_text(json.dumps({"name": "west", "server": "https://west", "config": "{}"}))
    (tmp_path / "broken.json").write_text(SECRET)
    (tmp_path / "..data").mkdir()
    (tmp_path / "README").write_text("not a secret")

    found = discovery.argocd_secrets(tmp_path)

    assert [(address.name, address.argocd_secret) for address, _, _ in found.clusters] == [
        ("east", tmp_path / "east"),
        ("west", tmp_path / "west.json"),
    ]
    assert found.refused.keys() == {tmp_path / "broken.json"}
    assert SECRET not in str(found.refused)


def spec(command: str, *args: str, **env: str) -> ExecSpec:
    return ExecSpec(command, "v1", list(args), [Variable(name, value) for name, value in env.items()])


FOUND = {"aws": "/usr/bin/aws", "sh": "/bin/sh"}


@pytest.mark.parametrize(
    "plugin",
    [
        spec("aws", "eks", "get-token", "--cluster-name", "x"),
        spec("aws", "--region", "eu-west-1", "eks", "get-token", AWS_PROFILE="prod"),
        spec("aws", "--region=eu-west-1", "eks", "get-token"),
        spec("/usr/bin/aws", "eks", "get-token", HTTPS_PROXY="http://p"),
        spec("argocd-k8s-auth", "aws", "--cluster-name", "x", AWS_ROLE_ARN="r"),
        spec("gke-gcloud-auth-plugin"),
        spec("kubelogin", "get-token", "--login", "spn", AAD_SERVICE_PRINCIPAL_CLIENT_ID="c", AZURE_TENANT_ID="t"),
        spec("aws-iam-authenticator", "token", "-i", "x"),
    ],
)
def test_the_plugins_of_clouds_may_run(monkeypatch: pytest.MonkeyPatch, plugin: ExecSpec) -> None:
    """As `aws eks update-kubeconfig` and others write them, by name or where PATH has them."""
    monkeypatch.setattr(shutil, "which", FOUND.get)

    assert refusal(ClusterAddress("a", argocd_secret=Path("s"), exec_plugins=Settings().exec_plugins), plugin) is None


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        (spec("/bin/sh", "-c", "id > x"), "'/bin/sh' is not permitted"),
        (spec("sh", "-c", "id"), "'sh' is not permitted"),
        (spec("/tmp/aws", "eks", "get-token"), "'/tmp/aws' is not permitted"),
        (spec("./aws", "eks", "get-token"), "is not permitted"),
        (spec("aws", "s3", "cp", "/etc/passwd", "s3://x"), "'aws' is not permitted"),
        (spec("aws", "--profile", "eks", "get-token"), "'aws' is not permitted"),
        (spec("aws"), "'aws' is not permitted"),
        (spec("argocd-k8s-auth ", "aws"), "is not permitted"),
        (spec("gke-gcloud-auth-plugin", PATH="/tmp"), "must not set the variable 'PATH'"),
        (spec("gke-gcloud-auth-plugin", LD_PRELOAD="/tmp/x.so"), "must not set the variable 'LD_PRELOAD'"),
        (spec("aws", "eks", "get-token", AWS_CONFIG_FILE="/tmp/c"), "must not set the variable 'AWS_CONFIG_FILE'"),
        (spec("aws", "eks", "get-token", PYTHONPATH="/tmp"), "must not set the variable 'PYTHONPATH'"),
    ],
)
def test_what_else_a_secret_would_run_is_refused(monkeypatch: pytest.MonkeyPatch, plugin: ExecSpec, words: str) -> None:
    """Who may write a secret does not command the collector; the error names the setting."""
    monkeypatch.setattr(shutil, "which", FOUND.get)
    refused = refusal(ClusterAddress("a", argocd_secret=Path("s"), exec_plugins=Settings().exec_plugins), plugin)

    assert refused is not None
    assert words in refused[0]
    assert ("`exec_plugins` in the settings" in refused[1]) == ("variable" not in words)


@pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "PYTHONWARNINGS", "BROWSER", "BASH_ENV", "AWS_PAGER"])
def test_a_kubeconfig_chooses_no_other_code_for_a_permitted_command(name: str) -> None:
    """It may set variables of the plugin, but not where programs and libraries are found."""
    address = ClusterAddress("a", kubeconfig=Path("k"), exec_plugins=("gke-gcloud-auth-plugin",))

    assert refusal(address, spec("gke-gcloud-auth-plugin", PROFILE="prod", KUBERNETES_X="y")) is None
    assert "must not set the variable" in (refusal(address, spec("gke-gcloud-auth-plugin", **{name: "x"})) or [""])[0]


async def test_nothing_runs_that_the_settings_do_not_permit(tmp_path: Path) -> None:
    """Neither a secret's command nor a kubeconfig's, nor the one of an auth provider that the loader would run itself."""
    done = tmp_path / "done"
    config = {"execProviderConfig": {"command": "/bin/sh", "args": ["-c", f"id > {done}"]}}
    secret = ClusterAddress("east", argocd_secret=a_secret(tmp_path, "east", "https://10.0.0.1", config))
    command = {"command": "/bin/sh", "args": ["-c", f"id > {done}"], "apiVersion": "client.authentication.k8s.io/v1"}
    provider = {"name": "gcp", "config": {"cmd-path": "/usr/bin/touch", "cmd-args": str(done), "token-key": "{.x}"}}
    texts = [await error_of(secret)]
    users: list[Any] = [{"exec": command}, {"exec": {}}, {"exec": []}, {"auth-provider": provider}]
    texts += [await error_of(kubeconfig(tmp_path, "https://10.0.0.1", user=user)) for user in users]

    assert not done.exists()
    assert all("`exec_plugins`" in text for text in texts[:2])
    assert "auth-provider is no longer supported" in texts[-1]


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
        (
            {"execProviderConfig": {"command": "/no/plugin", "env": {"AWS_REGION": "b"}}},
            ["'/no/plugin' cannot be started"],
        ),
        ({"tlsClientConfig": {"caData": "eA=="}}, ["certificates"]),
    ],
)
async def test_an_argocd_secret_that_cannot_be_used(tmp_path: Path, config: dict[str, Any], words: list[str]) -> None:
    """The error names its path and the necessary change."""
    path = a_secret(tmp_path, "east", "https://10.0.0.1", config | {"password": SECRET})
    text = await error_of(ClusterAddress("east", argocd_secret=path, exec_plugins=("/no/plugin",)))

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
