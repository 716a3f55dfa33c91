"""
Hands each cluster's own reader token to the collector, so that it holds no administrator's token.

Argo CD's credentials of a cluster are used for one request: a token of the reader's ServiceAccount, which can only read and
expires within a day. With the cluster's address it is stored as a secret of the same form in a namespace that the collector
may read. Argo CD's own secrets stay where they are.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from collector.core.model import Instant
from collector.core.units import HOUR_MS
from collector.kube import argocd, expiry
from collector.kube.address import AddressError, ClusterAddress, Unshown
from collector.kube.cluster_secrets import Secret, SecretsError, delete_secret, list_secrets, put_secret, write_secrets
from collector.kube.connection import Connection
from collector.kube.credentials import private_folder
from collector.kube.request import BROKEN, fetch

HANDED = "lynceus.io/secret-type"
"""Label of a secret that was handed over, with the value `cluster`. With its own label Argo CD would take it for a cluster."""
EXPIRES = "lynceus.io/expires-at"
SOURCE = "lynceus.io/source"
"""Annotations: when the token expires, in Unix milliseconds, and a digest of the address that it was made for."""
ARGOCD = "argocd.argoproj.io/secret-type"
AT_ONCE = 8
"""Clusters that are asked at the same time: one that does not answer must not hold up the others."""


@dataclass(frozen=True, slots=True)
class Reader:
    """The ServiceAccount of the reader, the same in every cluster, and how long its tokens shall live."""

    namespace: str = "lynceus"
    name: str = "lynceus"
    life_ms: int = 24 * HOUR_MS

    @property
    def path(self) -> str:
        """URL path of a request for its token."""
        return f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.name}/token"


class TokenStatus(Unshown):
    token: str


class TokenRequest(Unshown):
    status: TokenStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """From where to where tokens are handed, within the cluster of the hub."""

    source: str
    """Argo CD's namespace."""
    target: str
    """Namespace that the collector reads; it holds nothing else."""
    selector: str
    """Labels of Argo CD's secrets of the clusters to watch."""
    plugins: tuple[str, ...]
    """Commands that may be run for Argo CD's credentials."""
    reader: Reader = Reader()


async def hand_tokens(hub: Connection, handover: Handover, now: Instant) -> AsyncIterator[str]:
    """
    One round: a new token for each cluster that needs one, and no secret of a cluster that is gone.

    Yields a sentence for each change and each problem; a problem of one cluster does not affect the others. Raises
    SecretsError if the hub itself does not answer.
    """
    sources = await list_secrets(hub, handover.source, handover.selector)
    handed = {s.metadata.name: s for s in await list_secrets(hub, handover.target, f"{HANDED}=cluster")}
    slots = asyncio.Semaphore(AT_ONCE)
    with private_folder() as folder:  # for Argo CD's credentials while they are used
        await asyncio.to_thread(write_secrets, Path(folder), sources)

        async def hand(name: str) -> str:
            path = Path(folder) / f"{name}.json"
            async with slots:
                try:
                    return await _hand(hub, handover, path, handed=handed.get(name), now=now)
                except (SecretsError, AddressError) as error:
                    return str(error)
                except (OSError, msgspec.MsgspecError) as error:  # msgspec names the path and the type, never the value
                    return f"secret {name}: is not an Argo CD cluster secret: {error}"

        for task in asyncio.as_completed([hand(source.metadata.name) for source in sources]):
            if line := await task:
                yield line
    for name in sorted(handed.keys() - {source.metadata.name for source in sources}):
        await delete_secret(hub, handover.target, name)
        yield f"secret {name}: removed, Argo CD no longer has the cluster"


async def _hand(hub: Connection, handover: Handover, path: Path, *, handed: Secret | None, now: Instant) -> str:
    """Hands one cluster's token over if it is due; returns what was done."""
    secret = await asyncio.to_thread(argocd.secret, path)
    config = msgspec.json.decode(secret.config, type=argocd.ClusterConfig)
    digest = _digest(secret, config)
    if not is_due(handed, digest, now):
        return ""
    async with Connection(ClusterAddress(secret.name, argocd_secret=path, exec_plugins=handover.plugins)) as cluster:
        token = await _request_token(cluster, handover.reader)
    tls = config.tlsClientConfig
    shown = argocd.ClusterConfig(
        bearerToken=token,
        tlsClientConfig=argocd.TlsClientConfig(insecure=tls.insecure, serverName=tls.serverName, caData=tls.caData),
        proxyUrl=config.proxyUrl,
    )
    ends, labels = expiry.of_token(token), {key: value for key, value in secret.labels.items() if key != ARGOCD}
    await put_secret(
        hub,
        handover.target,
        path.stem,
        texts={"name": secret.name, "server": secret.server, "config": msgspec.json.encode(shown).decode()},
        labels={**labels, HANDED: "cluster"},
        annotations={SOURCE: digest, **({EXPIRES: str(ends.at)} if ends else {})},
    )
    return f"cluster {secret.name}: a token of its reader was handed over"


def is_due(handed: Secret | None, digest: str, now: Instant) -> bool:
    """Whether a cluster needs a new token: it has none, its address changed, or half of the token's life is over."""
    if handed is None or (handed.metadata.annotations or {}).get(SOURCE) != digest:
        return True
    known = expiry.of_token(_token(handed))
    return known is None or now > known.at - (known.life_ms or 0) // 2


def _token(handed: Secret) -> str:
    try:
        return msgspec.json.decode(handed.value("config"), type=argocd.ClusterConfig).bearerToken
    except msgspec.DecodeError:
        return ""


def _digest(secret: argocd.ClusterSecret, config: argocd.ClusterConfig) -> str:
    """A digest of what is handed on beside the token; nothing secret is in it."""
    tls = config.tlsClientConfig
    parts = (secret.name, secret.server, config.proxyUrl, tls.caData, tls.serverName, tls.insecure, secret.labels)
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


async def _request_token(cluster: Connection, reader: Reader) -> str:
    name = cluster.address.name
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": reader.life_ms // 1000},
    }
    try:
        status, _, answer = await fetch(cluster, "POST", reader.path, body=body)
    except AddressError:
        raise
    except BROKEN as error:
        raise SecretsError(f"cluster {name}: does not answer: {error}") from None
    if status == 404:
        account = f"{reader.namespace}/{reader.name}"
        raise SecretsError(f"cluster {name}: no ServiceAccount {account}; apply deploy/reader there")
    if status not in (200, 201):
        raise SecretsError(f"cluster {name}: a request for the reader's token is answered with {status}")
    try:
        return msgspec.json.decode(answer, type=TokenRequest).status.token
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SecretsError(f"cluster {name}: the answer holds no token; check what answers there") from None
