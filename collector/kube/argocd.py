"""
Converts a mounted Argo CD cluster secret to a kubeconfig document, so that both use one loader. Reads files only.
"""

from pathlib import Path
from typing import Any

import msgspec

from collector.kube.address import AddressError, ClusterAddress, Unshown
from collector.kube.kubeconfig import LARGEST_FILE, Document


class TlsClientConfig(Unshown):
    insecure: bool = False
    serverName: str = ""
    caData: str = ""
    certData: str = ""
    keyData: str = ""


class ExecProvider(Unshown):
    command: str
    args: list[str] | None = None
    env: dict[str, str] | None = None
    apiVersion: str = "client.authentication.k8s.io/v1beta1"
    installHint: str = ""


class ClusterConfig(Unshown):
    """The key `config` of the secret."""

    bearerToken: str = ""
    username: str = ""
    password: str = ""
    tlsClientConfig: TlsClientConfig = msgspec.field(default_factory=TlsClientConfig)
    execProviderConfig: ExecProvider | None = None
    awsAuthConfig: dict[str, Any] | None = None
    proxyUrl: str = ""


class ClusterSecret(Unshown):
    """The three keys of the secret that describe how to reach a cluster, and its labels where they are known."""

    name: str
    server: str
    config: str = "{}"
    labels: dict[str, str] = msgspec.field(default_factory=dict)


def secret(path: Path) -> ClusterSecret:
    """
    Reads the secret from a folder with one file per key, or from a JSON file; raises OSError or msgspec.MsgspecError.

    Labels are JSON in both.
    """
    if path.is_file():
        return msgspec.json.decode(_text(path), type=ClusterSecret)
    keys = {key: _text(path / key) for key in ("name", "server", "config") if (path / key).is_file()}
    labels = msgspec.json.decode(_text(path / "labels")) if (path / "labels").is_file() else {}
    return msgspec.convert({**keys, "labels": labels}, ClusterSecret)


def read(address: ClusterAddress) -> Document:
    """Reads the secret as a kubeconfig with one context."""
    path = address.argocd_secret or Path()
    try:
        cluster_secret = secret(path)
        config = msgspec.json.decode(cluster_secret.config, type=ClusterConfig)
    except OSError as error:
        raise AddressError(
            address, f"the secret cannot be read: {error.strerror}", "mount the cluster secret there"
        ) from None
    except msgspec.MsgspecError as error:
        # msgspec names the path and the type, never the value.
        raise AddressError(address, f"not an Argo CD cluster secret: {error}", "see Argo CD's documentation") from None
    if config.awsAuthConfig is not None and not (config.bearerToken or config.execProviderConfig):
        remedy = "use execProviderConfig with `argocd-k8s-auth aws`, or a bearerToken"
        raise AddressError(address, "awsAuthConfig is not supported", remedy)
    return {
        "current-context": cluster_secret.name,
        "contexts": [
            {"name": cluster_secret.name, "context": {"cluster": cluster_secret.name, "user": cluster_secret.name}}
        ],
        "clusters": [{"name": cluster_secret.name, "cluster": _cluster(cluster_secret, config)}],
        "users": [{"name": cluster_secret.name, "user": _user(config)}],
    }


def _cluster(cluster_secret: ClusterSecret, config: ClusterConfig) -> dict[str, Any]:
    tls = config.tlsClientConfig
    optional = {
        "certificate-authority-data": tls.caData,
        "tls-server-name": tls.serverName,
        "proxy-url": config.proxyUrl,
        "insecure-skip-tls-verify": tls.insecure,
    }
    return {"server": cluster_secret.server.strip()} | {key: value for key, value in optional.items() if value}


def _user(config: ClusterConfig) -> dict[str, Any]:
    tls, plugin = config.tlsClientConfig, config.execProviderConfig
    optional: dict[str, Any] = {
        "token": config.bearerToken,
        "username": config.username,
        "password": config.password,
        "client-certificate-data": tls.certData,
        "client-key-data": tls.keyData,
    }
    if plugin and not config.bearerToken:
        variables = [{"name": name, "value": value} for name, value in (plugin.env or {}).items()]
        optional["exec"] = {
            "command": plugin.command,
            "args": plugin.args or [],
            "env": variables,
            "apiVersion": plugin.apiVersion,
        }
    return {key: value for key, value in optional.items() if value}


def _text(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(LARGEST_FILE).strip("\n")
