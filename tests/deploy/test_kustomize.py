"""Overlays of the manifests by the real kustomize: what a `namespace` moves, and what it must leave alone."""

from pathlib import Path

import pytest
import yaml

from tests.deploy.rendering import DEPLOY, Json, built, of_kind, pod

pytestmark = pytest.mark.deploy

CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding"}
SUBJECT_MOVED = {
    "target": {"kind": "RoleBinding"},
    "patch": "- {op: replace, path: /subjects/0/namespace, value: monitoring}",
}
"""For an overlay of deploy/controller, where the collector is in another namespace."""
ALL = (
    "kustomize",
    "replicas",
    "reader",
    "controller",
    "argocd/hand-tokens",
    "argocd/copy-secrets",
    "argocd/copy-secrets/rights",
)


def overlay(folder: Path, base: str, namespace: str, *patches: Json) -> list[Json]:
    """What a user's overlay makes of a shipped folder."""
    # kustomize takes a folder by a relative path only.
    resource = Path(*[".."] * (len(folder.resolve().parts) - 1)) / (DEPLOY / base).relative_to("/")
    made = {"namespace": namespace, "resources": [str(resource)], "patches": list(patches)}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(made))
    return built(folder)


@pytest.mark.parametrize("folder", ALL)
def test_kustomize_builds_each_folder(folder: str) -> None:
    """And leaves no object of a namespace without one."""
    made = built(DEPLOY / folder)

    assert [
        m["metadata"]["name"] for m in made if m["kind"] not in CLUSTER_WIDE and "namespace" not in m["metadata"]
    ] == []


@pytest.mark.parametrize("base", ["kustomize", "replicas", "argocd/copy-secrets"])
def test_an_overlay_moves_the_collector_as_a_whole(base: str, tmp_path: Path) -> None:
    """Account, roles, subjects and all that is named lynceus go together, and nothing of Argo's namespace goes with them."""
    made = overlay(tmp_path, base, "monitoring")
    subjects = [subject for m in made for subject in m.get("subjects", ())]

    assert {m["metadata"]["namespace"] for m in made if m["kind"] not in CLUSTER_WIDE} == {"monitoring"}
    assert {(s["name"], s["namespace"]) for s in subjects} == {("lynceus", "monitoring")}
    assert not of_kind(made, "Namespace"), "the labels of a namespace of others are theirs"
    assert all("controller" not in m["metadata"]["name"] for m in made)


def test_a_namespace_of_others_is_left_alone(tmp_path: Path) -> None:
    """A policy that chose every pod would shut Grafana out of its own namespace."""
    made = overlay(tmp_path, "kustomize", "monitoring")
    (policy,) = of_kind(made, "NetworkPolicy")
    (service,) = of_kind(made, "Service")

    assert policy["spec"]["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "lynceus"}}
    assert service["spec"]["selector"] == {"app.kubernetes.io/name": "lynceus"}
    assert policy["spec"]["ingress"][0]["from"][0] == {"podSelector": {}}


def test_the_controllers_role_stays_with_the_controller(tmp_path: Path) -> None:
    """Argo in another namespace, and a collector that moved: the role is beside Argo, its subject is the collector."""
    made = overlay(tmp_path, "controller", "workflows", SUBJECT_MOVED)
    (binding,) = of_kind(made, "RoleBinding")

    assert [(m["kind"], m["metadata"]["namespace"]) for m in made] == [
        ("Role", "workflows"),
        ("RoleBinding", "workflows"),
    ]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "lynceus", "namespace": "monitoring"}]
    assert str(SUBJECT_MOVED["patch"]) in (DEPLOY / "controller" / "kustomization.yaml").read_text(), (
        "the documented patch"
    )


def test_without_argo_in_argo_the_collector_is_installed_all_the_same() -> None:
    """`kubectl apply -k deploy/kustomize` needs no namespace but its own."""
    assert {m["metadata"].get("namespace", "lynceus") for m in built(DEPLOY / "kustomize")} == {"lynceus"}
    assert {m["metadata"].get("namespace", "lynceus") for m in built(DEPLOY / "reader")} == {"lynceus"}


@pytest.mark.parametrize("folder", ["kustomize", "replicas", "argocd/copy-secrets"])
def test_service_policy_and_pod_have_the_same_ports(folder: str) -> None:
    """The embedded store has a port where there is one."""
    made = built(DEPLOY / folder)
    names = [port["name"] for port in pod(made)["containers"][0]["ports"]]
    (service,) = of_kind(made, "Service")
    (policy,) = of_kind(made, "NetworkPolicy")

    assert [port["targetPort"] for port in service["spec"]["ports"]] == names
    assert [port["port"] for port in policy["spec"]["ingress"][0]["ports"]] == names
    assert names == (["http"] if folder == "replicas" else ["http", "store"])
