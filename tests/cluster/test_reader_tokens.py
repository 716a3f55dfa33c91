"""
Argo CD's credentials become tokens that can only read, with the manifests that are shipped and a real API server.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.clock import now_ms
from collector.kube import discovery
from collector.kube.cluster_secrets import SecretsError, list_secrets, write_secrets
from collector.kube.connection import ClusterAddress, Connection
from collector.kube.reader_tokens import HANDED, Handover, hand_tokens
from collector.kube.request import fetch
from tests.cluster.testbed import ControlPlane, Json, named

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PLURAL = {
    "Namespace": "namespaces",
    "ServiceAccount": "serviceaccounts",
    "Role": "roles",
    "RoleBinding": "rolebindings",
}
PLURAL |= {"ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings"}


def documents(*folders: str) -> Iterator[Json]:
    """The manifests of shipped folders that a real API server without controllers can hold."""
    for folder in folders:
        for name in yaml.safe_load((DEPLOY / folder / "kustomization.yaml").read_text())["resources"]:
            yield from (d for d in yaml.safe_load_all((DEPLOY / folder / name).read_text()) if d["kind"] in PLURAL)


def apply(plane: ControlPlane, document: Json) -> None:
    """Creates an object, and before it its namespace."""
    namespace = document["metadata"].get("namespace")
    if namespace:
        plane.apply(f"/api/v1/namespaces/{namespace}", named("v1", "Namespace", namespace))
    version = document["apiVersion"]
    rest = f"/api/{version}" if version == "v1" else f"/apis/{version}"
    place = f"{rest}/namespaces/{namespace}" if namespace else rest
    plane.apply(f"{place}/{PLURAL[document['kind']]}/{document['metadata']['name']}", document)


def token_of(plane: ControlPlane, namespace: str, name: str) -> str:
    """A token of a ServiceAccount, as its pod would have it."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    return str(plane.call("POST", path, request)["status"]["token"])


def connection(plane: ControlPlane, folder: Path, account: tuple[str, str]) -> Connection:
    """A connection as a ServiceAccount."""
    config = yaml.safe_load(plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token_of(plane, *account)}
    file = folder / f"{account[1]}.yaml"
    file.write_text(yaml.safe_dump(config))
    return Connection(ClusterAddress("hub", file))


def argocd_secret(plane: ControlPlane) -> Json:
    """What `argocd cluster add` makes, with an administrator's token."""
    cluster = yaml.safe_load(plane.kubeconfig.read_text())["clusters"][0]["cluster"]
    tls = {"insecure": False, "caData": cluster["certificate-authority-data"]}
    config = json.dumps({"bearerToken": plane.token, "tlsClientConfig": tls})
    secret = named("v1", "Secret", "cluster-prod")
    secret["metadata"]["labels"] = {"argocd.argoproj.io/secret-type": "cluster", "lynceus.io/watch": "true"}
    return secret | {"stringData": {"name": "prod", "server": plane.url, "config": config}}


async def status(connection: Connection, path: str) -> int:
    """The status of a GET."""
    return (await fetch(connection, "GET", path))[0]


@pytest.fixture
def hub(fresh_control_plane: ControlPlane) -> ControlPlane:
    """A cluster with a reader, Argo CD's secret of itself, and what hands tokens over."""
    plane = fresh_control_plane
    for document in documents("reader/rights", "controller", "argocd/hand-tokens"):
        apply(plane, document)
    plane.apply("/api/v1/namespaces/argocd/secrets/cluster-prod", argocd_secret(plane))
    return plane


async def test_the_shipped_rights_hand_over_a_token_that_only_reads(hub: ControlPlane, tmp_path: Path) -> None:
    """What hands over may do no more than that; what it hands over reads pods and no secret; the collector finds it."""
    args: list[str] = yaml.safe_load((DEPLOY / "argocd/hand-tokens/deployment.yaml").read_text())["spec"]["template"][
        "spec"
    ]["containers"][0]["args"]
    handover = Handover(
        source="argocd",
        target=args[args.index("--to-namespace") + 1],
        selector=args[args.index("--selector") + 1],
        plugins=(),
    )
    async with connection(hub, tmp_path, ("argocd", "lynceus-hand-tokens")) as hands:
        lines: list[Any] = [line async for line in hand_tokens(hands, handover, now_ms())]
        again = [line async for line in hand_tokens(hands, handover, now_ms())]
        assert await status(hands, "/api/v1/namespaces/lynceus/secrets") == 403
        assert await status(hands, "/api/v1/pods") == 403

    async with connection(hub, tmp_path, ("lynceus", "lynceus")) as collector:
        found = await list_secrets(collector, handover.target, f"{HANDED}=cluster")
        with pytest.raises(SecretsError, match="403"):
            await list_secrets(collector, "argocd", "lynceus.io/watch=true")
    write_secrets(tmp_path / "clusters", found)
    [(address, _, _)] = discovery.argocd_secrets(tmp_path / "clusters").clusters
    async with Connection(address) as reader:
        statuses = [await status(reader, path) for path in ("/api/v1/pods", "/api/v1/secrets")]
        assert reader.expires_at is None, "its token is renewed by itself"

    assert lines == ["cluster prod: a token of its reader was handed over"]
    assert again == []
    assert address.name == "prod"
    assert statuses == [200, 403]
