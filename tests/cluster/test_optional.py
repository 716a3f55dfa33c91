"""Optional reads on a real API server: optional kinds, objects by name, events by selector, cron runs."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from collector.catalog import metrics
from collector.core.objects.kubernetes import ADMISSION_KINDS
from collector.core.objects.owner_kinds import OWNER_NAMES
from collector.settings.model import ClusterSettings
from collector.watch import kinds
from tests.cluster.argo_player import RECORDED, ArgoPlayer
from tests.cluster.rights import grant, grant_deployed_roles
from tests.cluster.test_testbed import a_role
from tests.cluster.testbed import ARGO, ControlPlane, Json, named
from tests.running import Running, a_service, running

BASICS = RECORDED / "basics"
OPTIONAL = {row.kind for row in kinds.resources() if not row.needed and (not row.is_foreign or row.kind == "jobs")}
NOT_INSTALLED = {*OWNER_NAMES, *ADMISSION_KINDS} - {"jobs"}
CONTROLLER = "workflow-controller-5b9f7d7c6-x2k4q"
READ_NEEDED = (
    {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods", "nodes", "namespaces"], "verbs": ["get", "list", "watch"]},
)


def states(collector: Running) -> dict[str, str]:
    """The health of each watch of the only cluster."""
    return {watch.kind: watch.state for watch in collector.runtime.view().clusters[0].watches}


def stamp(seconds: float) -> str:
    """An instant as Kubernetes writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def restricted(plane: ControlPlane) -> ClusterSettings:
    """The cluster as seen by the user that has only the granted rights."""
    return ClusterSettings(name="real", kubeconfig=str(plane.restricted_kubeconfig))


async def test_optional_kinds_may_be_refused(fresh_control_plane: ControlPlane, tmp_path: Path) -> None:
    """Without the right to any optional kind the cluster is ready, and the problems name what is unknown."""
    grant(fresh_control_plane, a_role("ClusterRole", "needed-only", *READ_NEEDED))

    async with running(a_service(tmp_path, restricted(fresh_control_plane))) as collector:
        await collector.until(lambda: collector.runtime.view().clusters[0].ready)
        await collector.until(
            lambda: {kind for kind, state in states(collector).items() if state == "refused"} == OPTIONAL
        )
        cluster = collector.runtime.view().clusters[0]

    assert cluster.ready
    assert {watch.kind for watch in cluster.watches if watch.state == "watching"} == {
        "namespaces", "nodes", "workflows", "pods",
    }  # fmt: skip
    assert all("forbidden" in watch.detail for watch in cluster.watches if watch.kind in OPTIONAL)


async def test_kinds_that_are_not_installed_hold_up_nothing(control_plane: ControlPlane, tmp_path: Path) -> None:
    """A real server's discovery names what it has: no other kind has a watch, and the cluster is ready."""
    grant_deployed_roles(control_plane)

    async with running(a_service(tmp_path, restricted(control_plane))) as collector:
        await collector.until(lambda: collector.runtime.view().clusters[0].ready, within_s=20)
        found = states(collector)

    assert "absent" not in found.values()
    assert not NOT_INSTALLED & found.keys()
    assert "jobs" in found


def install_argo(plane: ControlPlane, name_space: str = "argo") -> None:
    """What the collector reads of Argo's installation: a leading controller, its Lease and its configuration."""
    namespace = f"/api/v1/namespaces/{name_space}"
    plane.apply(namespace, named("v1", "Namespace", name_space))
    name = "workflow-controller-configmap"
    plane.apply(f"{namespace}/configmaps/{name}", named("v1", "ConfigMap", name) | {"data": {"parallelism": "25"}})
    lease = named("coordination.k8s.io/v1", "Lease", "workflow-controller")
    now = f"{stamp(time.time())[:-1]}.000000Z"
    lease["spec"] = {"holderIdentity": CONTROLLER, "leaseDurationSeconds": 15, "acquireTime": now, "renewTime": now}
    plane.apply(f"/apis/coordination.k8s.io/v1/namespaces/{name_space}/leases/workflow-controller", lease)
    pod = named("v1", "Pod", CONTROLLER)
    pod["metadata"]["labels"] = {"app": "workflow-controller"}
    pod["spec"] = {"containers": [{"name": "workflow-controller", "image": "argo"}]}
    plane.apply(f"{namespace}/pods/{CONTROLLER}", pod)
    # No kubelet starts it, and a pod that does not run does not lead.
    box = {
        "name": "workflow-controller", "image": "argo", "imageID": "", "ready": True, "restartCount": 0,
        "state": {"running": {"startedAt": stamp(time.time())}},
    }  # fmt: skip
    status = named("v1", "Pod", CONTROLLER) | {"status": {"phase": "Running", "containerStatuses": [box]}}
    plane.apply(f"{namespace}/pods/{CONTROLLER}/status", status)


async def test_the_shipped_role_is_enough_to_read_the_controller(control_plane: ControlPlane, tmp_path: Path) -> None:
    """The limit in the ConfigMap and the leader of the Lease are known; metrics are not, that right is not shipped."""
    grant_deployed_roles(control_plane)
    install_argo(control_plane)

    async with running(a_service(tmp_path, restricted(control_plane))) as collector:
        await collector.until(lambda: any(slots.source == "configmap" for slots in collector.runtime.view().slots))
        await collector.until(lambda: any(it.leader and it.detail for it in collector.runtime.view().controllers))
        view = collector.runtime.view()

    assert [(it.namespace, it.limit) for it in view.slots if it.source == "configmap"] == [("", 25)]
    assert [(it.pod, it.leader, it.memory_bytes) for it in view.controllers] == [(CONTROLLER, True, None)]
    assert view.controllers[0].detail.startswith("no right to get pods/proxy")


async def test_only_warnings_are_watched(control_plane: ControlPlane, tmp_path: Path) -> None:
    """The field selector works on a real server: of all recorded events only the warnings arrive, once each."""
    grant_deployed_roles(control_plane)
    player = ArgoPlayer(control_plane, BASICS, kinds=("workflows", "pods", "events"))
    events = [json.loads(step.line)["event"]["object"] for step in player.steps if step.kind == "events"]
    warnings = sum(event["type"] != "Normal" for event in events)

    async with running(a_service(tmp_path, restricted(control_plane))) as collector:
        await collector.until(lambda: states(collector).get("events") == "watching")
        await player.play()
        counted = collector.runtime.counters.series[metrics.WATCH_EVENTS.name]
        await collector.until(lambda: counted.get(("real", "events"), 0) >= warnings)

    assert counted["real", "events"] == warnings
    assert 5 < warnings < len(events) / 5


async def test_a_run_of_a_cron_workflow_is_recorded(control_plane: ControlPlane, tmp_path: Path) -> None:
    """A workflow that is named after a due time of its cron is one row, started, with its name."""
    grant_deployed_roles(control_plane)
    cluster = restricted(control_plane)

    async with running(a_service(tmp_path, cluster)) as collector:
        await collector.until(lambda: states(collector).get("cronworkflows") == "watching")
        due = start_cron_run(control_plane)
        await collector.until("SELECT count() > 0 FROM cron_run")
        rows = await collector.rows("SELECT cron, outcome, workflow_name, toUnixTimestamp(due_at) FROM cron_run FINAL")

    assert rows == [("nightly", "started", f"nightly-{due}", due)]


def start_cron_run(plane: ControlPlane) -> int:
    """A CronWorkflow, a run of it and the note that it was started, in Argo's order; returns the due time."""
    place = f"{ARGO}/namespaces/crons"
    plane.apply("/api/v1/namespaces/crons", named("v1", "Namespace", "crons"))
    cron = named("argoproj.io/v1alpha1", "CronWorkflow", "nightly")
    cron["spec"] = {"schedules": ["* * * * *"], "workflowSpec": {"entrypoint": "main"}}
    made: Json = plane.call("POST", f"{place}/cronworkflows", cron)
    # A second after the cron was made: the test need not wait for a full minute.
    due = int(datetime.fromisoformat(made["metadata"]["creationTimestamp"]).timestamp()) + 1
    run = named("argoproj.io/v1alpha1", "Workflow", f"nightly-{due}")
    run["metadata"]["labels"] = {"workflows.argoproj.io/cron-workflow": "nightly"}
    run["metadata"]["annotations"] = {"workflows.argoproj.io/scheduled-time": stamp(due)}
    plane.call("POST", f"{place}/workflows", run | {"spec": {"entrypoint": "main"}})
    while time.time() < due:
        time.sleep(0.05)
    noted = made | {"status": {"lastScheduledTime": stamp(due), "phase": "Active"}}
    plane.call("PUT", f"{place}/cronworkflows/nightly", noted)
    return due
