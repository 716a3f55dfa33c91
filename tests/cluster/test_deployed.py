"""
What deploy/ makes, on a real API server: accepted, admitted under Pod Security `restricted`, and enough for the collector.

Helm installs, upgrades and uninstalls by itself. No kubelet starts the pod: its template is created as a pod, and a collector
runs here with the token of the pod's ServiceAccount and the settings of its ConfigMap.
"""

import asyncio
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from collector.access.tokens import make_token
from collector.kube import credentials, lease_requests
from collector.kube.lease import ShardLease
from tests.cluster.argo_player import RECORDED, ArgoPlayer
from tests.cluster.deployed import (
    a_namespace,
    account_folder,
    account_of,
    admit_pod,
    apply_all,
    install_kind,
    install_monitoring,
    path_of,
    settings_of,
)
from tests.cluster.test_collector import OUTCOMES
from tests.cluster.test_optional import CONTROLLER, install_argo
from tests.cluster.testbed import ApiError, ControlPlane, Json, named
from tests.deploy.rendering import CHART, DEPLOY, SETS, VALUES, built, helm, of_kind, rendered, workload
from tests.deploy.test_kustomize import SUBJECT_MOVED, overlay
from tests.running import Running, running

ELSEWHERE = "{name: this-cluster, controller_namespace: workflows}"
RELEASES = "/api/v1/namespaces/{}/secrets?labelSelector=owner=helm"


@pytest.fixture
def plane(control_plane: ControlPlane) -> ControlPlane:
    """The shared control plane with the kinds of the Prometheus operator and the namespaces of Argo."""
    install_monitoring(control_plane)
    for name in ("argo", "argo-one", "argo-two"):
        a_namespace(control_plane, name, {})
    return control_plane


def flags(plane: ControlPlane, namespace: str, name: str) -> tuple[str, ...]:
    """Where helm installs a value set."""
    values = str(VALUES / f"{name}.yaml")
    return ("--kubeconfig", str(plane.kubeconfig), "--namespace", namespace, "--values", values)


def settings_map(manifests: list[Json]) -> Json:
    """The ConfigMap with the settings."""
    (found,) = (m for m in of_kind(manifests, "ConfigMap") if "lynceus.yaml" in m["data"])
    return found


def exists(plane: ControlPlane, manifest: Json) -> bool:
    """Whether the server has the object."""
    try:
        plane.call("GET", path_of(plane, manifest))
    except ApiError as error:
        if error.code == 404:
            return False
        raise
    return True


@pytest.mark.parametrize("name", SETS)
def test_helm_installs_upgrades_and_uninstalls(plane: ControlPlane, name: str) -> None:
    """The server takes every manifest, admits the pod, and after all of it keeps the history and no right."""
    space, release = f"helm-{name}", f"lynceus-{name}"
    a_namespace(plane, space)
    helm("install", release, str(CHART), *flags(plane, space, name))
    made = rendered(name, release=release, namespace=space)
    for object_ in made:
        where = object_["metadata"].get("namespace", "")
        assert plane.call("GET", path_of(plane, object_))["metadata"].get("namespace", "") == where
    pod = admit_pod(plane, made, space, "as-made-by-a-controller")
    assert pod["spec"]["serviceAccountName"] == account_of(made)

    again = ("--set", "settings.reconcile_hours=12")
    helm("upgrade", release, str(CHART), *flags(plane, space, name), *again)
    (release_secret,) = [s for s in plane.items(RELEASES.format(space)) if s["metadata"]["labels"]["version"] == "2"]
    assert sum(len(text) for text in release_secret["data"].values()) < 2**20
    assert "reconcile_hours: 12" in json.dumps(plane.call("GET", path_of(plane, settings_map(made))))

    helm("uninstall", release, *flags(plane, space, name)[:4])
    left = [object_ for object_ in made if exists(plane, object_)]
    assert {object_["kind"] for object_ in left} <= {"PersistentVolumeClaim"}
    assert len(left) == len(of_kind(made, "PersistentVolumeClaim"))


def test_pod_security_is_in_force(plane: ControlPlane) -> None:
    """What is admitted above could have been refused: the same pod as root is."""
    a_namespace(plane, "refuses")
    made = rendered("embedded", namespace="refuses")
    workload(made)["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] = False

    with pytest.raises(ApiError, match=r"violates PodSecurity \\?\"restricted"):
        admit_pod(plane, made, "refuses", "as-root")


@pytest.mark.parametrize("folder", ["kustomize", "replicas", "argocd/copy-secrets"])
def test_the_server_takes_each_kustomization(plane: ControlPlane, folder: str) -> None:
    """In the namespace lynceus as shipped, and in a namespace of others by an overlay."""
    a_namespace(plane, "lynceus")
    made = built(DEPLOY / folder)
    apply_all(plane, made)

    admit_pod(plane, made, "lynceus", f"by-{folder.replace('/', '-')}")


def test_an_overlay_in_another_namespace_is_taken_whole(plane: ControlPlane, tmp_path: Path) -> None:
    """The overlay of the collector and that of the controller's rights, as docs/operate/install.md has them."""
    for name in ("monitoring", "workflows"):
        a_namespace(plane, name)
    made, rights = overlays(tmp_path)
    apply_all(plane, [*made, *rights])

    admit_pod(plane, made, "monitoring", "moved")
    assert plane.items("/apis/rbac.authorization.k8s.io/v1/namespaces/monitoring/roles") == []
    assert len(plane.items("/apis/rbac.authorization.k8s.io/v1/namespaces/workflows/roles")) == 1


def overlays(folder: Path) -> tuple[list[Json], list[Json]]:
    """A collector in `monitoring`, and its rights beside a controller in `workflows`."""
    for name in ("collector", "controller"):
        (folder / name).mkdir()
    shipped = yaml.safe_load((DEPLOY / "kustomize" / "settings.yaml").read_text())
    named = {"data": {"lynceus.yaml": shipped["data"]["lynceus.yaml"].replace("{name: this-cluster}", ELSEWHERE)}}
    settings = {"patch": yaml.safe_dump(shipped | named)}
    collector = overlay(folder / "collector", "kustomize", "monitoring", settings)
    return collector, overlay(folder / "controller", "controller", "workflows", SUBJECT_MOVED)


def by_kustomize(folder: Path) -> tuple[list[Json], str, str]:
    """deploy/kustomize and deploy/controller as they are."""
    return [*built(DEPLOY / "kustomize"), *built(DEPLOY / "controller")], "lynceus", "argo"


def by_overlays(folder: Path) -> tuple[list[Json], str, str]:
    """Both by overlays, in two other namespaces."""
    made, rights = overlays(folder)
    return [*made, *rights], "monitoring", "workflows"


def by_helm(folder: Path) -> tuple[list[Json], str, str]:
    """The chart without a value."""
    return rendered("embedded"), "lynceus", "argo"


def by_helm_elsewhere(folder: Path) -> tuple[list[Json], str, str]:
    """The chart with two controllers' namespaces; the leader is in the first."""
    return rendered("argo-elsewhere", "--set-json", "settings.clusters=[]", namespace="costs"), "costs", "argo-one"


@pytest.fixture
def as_the_pod(
    fresh_control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], None]:
    """Makes this process look like the pod to the collector: the token of its ServiceAccount, and where the API server is."""

    def become(namespace: str, account: str) -> None:
        folder = account_folder(fresh_control_plane, tmp_path / "account", namespace, account)
        monkeypatch.setattr(credentials, "SERVICE_ACCOUNT", folder)
        monkeypatch.setattr(lease_requests, "SERVICE_ACCOUNT", folder)
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", fresh_control_plane.url.rpartition(":")[2])

    return become


@pytest.mark.parametrize("way", [by_kustomize, by_overlays, by_helm, by_helm_elsewhere])
async def test_the_shipped_account_sees_all_that_the_docs_promise(
    fresh_control_plane: ControlPlane,
    as_the_pod: Callable[[str, str], None],
    tmp_path: Path,
    way: Callable[[Path], tuple[list[Json], str, str]],
) -> None:
    """With its token, its roles and its settings: every workflow, limits, leader and memory of the controller, and no 403."""
    plane = fresh_control_plane
    made, namespace, argo = way(tmp_path)
    await asyncio.to_thread(install, plane, made, namespace, argo)
    as_the_pod(namespace, account_of(made))

    token = make_token()
    async with running(settings_of(made, tmp_path, token), token=token) as collector:
        view = collector.runtime.view
        await collector.until(lambda: view().clusters[0].ready)
        await collector.until(lambda: any(slots.source == "configmap" for slots in view().slots))
        await collector.until(lambda: any(it.leader and it.memory_bytes for it in view().controllers))
        await ArgoPlayer(plane, RECORDED / "basics", kwok=False, ends_now=True).play()
        await collector.until(f"SELECT uniqExact(uid) = {len(OUTCOMES)} FROM workflow_run")
        outcomes = dict(await collector.rows("SELECT name, outcome FROM workflow_run FINAL"))
        await collector.until(lambda: all(watch.state == "watching" for watch in view().clusters[0].watches))
        ready = await asyncio.to_thread(readyz, collector, token)
        controllers, slots = view().controllers, view().slots

    assert outcomes == OUTCOMES
    assert [(it.pod, it.leader, it.memory_bytes) for it in controllers] == [(CONTROLLER, True, 300 * 2**20)]
    assert [(it.namespace, it.limit) for it in slots if it.source == "configmap"] == [("", 25)]
    assert ready["ready"] is True
    assert [problem for problem in ready["problems"] if problem["cause"] == "watch_refused"] == []
    assert "403" not in json.dumps(ready)


def install(plane: ControlPlane, manifests: list[Json], namespace: str, argo: str) -> None:
    """The manifests, a controller that leads in `argo`, and what the metrics API knows of it."""
    a_namespace(plane, namespace)
    for name in ("argo", "argo-one", "argo-two", argo):
        a_namespace(plane, name, {})
    apply_all(plane, manifests)
    install_argo(plane, argo)
    install_kind(plane, "metrics.k8s.io", "v1beta1", "pods", "PodMetrics")
    used = named("metrics.k8s.io/v1beta1", "PodMetrics", CONTROLLER)
    used |= {"containers": [{"name": "workflow-controller", "usage": {"cpu": "1", "memory": "300Mi"}}]}
    plane.apply(f"/apis/metrics.k8s.io/v1beta1/namespaces/{argo}/pods/{CONTROLLER}", used)


def readyz(collector: Running, token: str) -> Json:
    """What /readyz answers to one who may read everything."""
    request = urllib.request.Request(f"{collector.url}/readyz", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: Json = json.loads(answer.read())
        return found


def test_the_shipped_account_may_use_the_leases_of_its_shards(plane: ControlPlane, tmp_path: Path) -> None:
    """By the names that the settings give, and no others."""
    a_namespace(plane, "fleet")
    made = rendered("replicas", namespace="fleet")
    apply_all(plane, made)
    account = account_folder(plane, tmp_path / "account", "fleet", account_of(made))
    where = {lease_requests.HOST: "127.0.0.1", "KUBERNETES_SERVICE_PORT": plane.url.rpartition(":")[2]}
    leases = lease_requests.in_own_cluster("", account, where)
    assert leases is not None
    plane.until(lambda: _may(leases, "fleet-1-of-2"), "the role is in force")

    assert leases.write("fleet-1-of-2", ShardLease("a")) is not None
    with pytest.raises(lease_requests.LeaseRefusedError):
        leases.read("fleet-2-of-3")


def _may(leases: lease_requests.LeaseRequests, name: str) -> bool:
    try:
        leases.read(name)
    except lease_requests.LeaseRefusedError:
        return False
    return True
