"""
Shipped manifests on the testbed: applied as they are, admitted under Pod Security `restricted`, and a collector that runs as
their pod would: with the ServiceAccount's token, the roles, and the settings of their ConfigMap.
"""

import copy
from collections.abc import Iterable
from pathlib import Path

import msgspec

from collector.access.tokens import TokenEntry, hash_of, write_tokens
from collector.settings.access import AccessSettings
from collector.settings.load import parse_settings
from collector.settings.model import EmbeddedSettings, HttpSettings, Settings
from tests.cluster.testbed import CRDS, ApiError, ControlPlane, Json, named
from tests.deploy.rendering import pod, settings_text, workload
from tests.ports import free_port

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
MONITORING = {"servicemonitors": "ServiceMonitor", "prometheusrules": "PrometheusRule"}
GROUP = "monitoring.coreos.com"


def a_namespace(plane: ControlPlane, name: str, labels: Json | None = None) -> None:
    """A namespace, by default one that admits only pods without privileges."""
    made = named("v1", "Namespace", name)
    made["metadata"]["labels"] = RESTRICTED if labels is None else labels
    plane.apply(f"/api/v1/namespaces/{name}", made)


def install_kind(plane: ControlPlane, group: str, version: str, plural: str, kind: str) -> None:
    """A kind that keeps every field."""
    crd = named("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}")
    crd["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, a test's own"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    crd["spec"] = {
        "group": group,
        "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
        "scope": "Namespaced",
        "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
    }
    plane.apply(f"{CRDS}/{plural}.{group}", crd)
    plane.until(lambda: _is_served(plane, f"/apis/{group}/{version}/{plural}"), f"{kind} is served")


def install_monitoring(plane: ControlPlane) -> None:
    """The two kinds of the Prometheus operator."""
    for plural, kind in MONITORING.items():
        install_kind(plane, GROUP, "v1", plural, kind)


def apply_all(plane: ControlPlane, manifests: Iterable[Json]) -> None:
    """As `kubectl apply --server-side` does: whatever the server refuses is an error."""
    for manifest in manifests:
        plane.apply(path_of(plane, manifest), manifest)


def path_of(plane: ControlPlane, manifest: Json) -> str:
    """Where an object is, by what the server itself says of its kind."""
    version, metadata = manifest["apiVersion"], manifest["metadata"]
    rest = f"/api/{version}" if version == "v1" else f"/apis/{version}"
    kinds: list[Json] = plane.call("GET", rest)["resources"]
    (kind,) = (kind for kind in kinds if kind["kind"] == manifest["kind"] and "/" not in kind["name"])
    place = f"/namespaces/{metadata['namespace']}" if kind["namespaced"] else ""
    return f"{rest}{place}/{kind['name']}/{metadata['name']}"


def admit_pod(plane: ControlPlane, manifests: Iterable[Json], namespace: str, name: str) -> Json:
    """The pod that a controller would make of the workload, created by hand: no controller runs on the testbed."""
    made = named("v1", "Pod", name)
    shape = workload(manifests)
    made["spec"] = copy.deepcopy(shape["spec"]["template"]["spec"])
    for claim in shape["spec"].get("volumeClaimTemplates", ()):
        # As the controller of StatefulSets does.
        volume = claim["metadata"]["name"]
        claimed = {"claimName": f"{volume}-{shape['metadata']['name']}-0"}
        made["spec"]["volumes"].append({"name": volume, "persistentVolumeClaim": claimed})
    created: Json = plane.call("POST", f"/api/v1/namespaces/{namespace}/pods", made)
    return created


def account_of(manifests: Iterable[Json]) -> str:
    """The pod's ServiceAccount."""
    return str(pod(manifests)["serviceAccountName"])


def account_folder(plane: ControlPlane, folder: Path, namespace: str, account: str) -> Path:
    """What kubelet mounts into a pod that wants its ServiceAccount's token."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    folder.mkdir()
    (folder / "token").write_text(plane.call("POST", path, request)["status"]["token"])
    (folder / "ca.crt").write_bytes(plane.ca_file.read_bytes())
    (folder / "namespace").write_text(namespace)
    return folder


def settings_of(manifests: Iterable[Json], folder: Path, token: str) -> Settings:
    """The settings that the pod would read, at ports and in a folder of the test's own, with one token for everything."""
    found = parse_settings(settings_text(manifests), "lynceus.yaml")
    assert found.access.token_files
    file = folder / "tokens.yaml"
    file.write_bytes(write_tokens([TokenEntry(name="test", sha256=hash_of(token), scope="all")]))
    return msgspec.structs.replace(
        found,
        access=AccessSettings(token_files=(str(file),)),
        data_dir=str(folder / "data"),
        http=HttpSettings(listen=f"127.0.0.1:{free_port()}"),
        embedded=EmbeddedSettings(listen=f"127.0.0.1:{free_port()}"),
    )


def _is_served(plane: ControlPlane, path: str) -> bool:
    try:
        plane.call("GET", f"{path}?limit=1")
    except ApiError:
        return False
    return True
