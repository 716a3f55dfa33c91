"""
The testbed itself: a test against it proves nothing about the collector unless it is a real control plane.

What is expected of a play is read from the recording here, again and otherwise than the player reads it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import zstandard

from tests.cluster.argo_player import RECORDED, ArgoPlayer
from tests.cluster.processes import until
from tests.cluster.rights import grant, grant_deployed_roles
from tests.cluster.testbed import ARGO, ApiError, ControlPlane, Json, named

# Its annotations are partial: checked strictly, no call of it would pass.
OFFICIAL: Any = kubernetes
BASICS = RECORDED / "basics"
WORKFLOWS = f"{ARGO}/namespaces/default/workflows"
READ_WORKFLOWS = {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "list", "watch"]}


def is_running(pid: int) -> bool:
    """Whether the process runs; False for a zombie, which not every container's init reaps."""
    command = Path(f"/proc/{pid}/cmdline")
    return command.exists() and command.read_bytes() != b""


def a_workflow(name: str) -> Json:
    """A workflow without a controller."""
    return named("argoproj.io/v1alpha1", "Workflow", name) | {"spec": {"entrypoint": "main"}}


def a_role(kind: str, name: str, *rules: Json) -> Json:
    """A ClusterRole or Role."""
    return named("rbac.authorization.k8s.io/v1", kind, name) | {"rules": list(rules)}


def events_of(recording: Path, kind: str) -> Iterator[tuple[str, Json]]:
    """Type and object of each recorded event but bookmarks."""
    text = zstandard.decompress((recording / f"{kind}.watch.jsonl.zst").read_bytes(), max_output_size=2**30)
    for line in text.splitlines():
        event = json.loads(line)["event"]
        if event["type"] != "BOOKMARK":
            yield event["type"], event["object"]


def phase_of(obj: Json) -> str:
    """The phase; empty for a workflow without one."""
    return str(obj.get("status", {}).get("phase", "none yet"))


def phases_at_the_end(recording: Path, kind: str) -> dict[str, str]:
    """The last recorded phase of each object that was not deleted, by its recorded uid."""
    last = {obj["metadata"]["uid"]: (event, phase_of(obj)) for event, obj in events_of(recording, kind)}
    return {uid: phase for uid, (event, phase) in last.items() if event != "DELETED"}


def phases_now(plane: ControlPlane, path: str) -> dict[str, str]:
    """The phase of each object on the server, by its uid there."""
    return {item["metadata"]["uid"]: phase_of(item) for item in plane.items(path)}


def sight(event: str, obj: Json) -> tuple[str, Json]:
    """What two watchers of the same play must agree on."""
    metadata = obj["metadata"]
    marks = {key: metadata.get(key) for key in ("namespace", "name", "labels", "generation")}
    annotations = {key: value for key, value in metadata.get("annotations", {}).items() if not key.startswith("lab/")}
    return event, marks | {"annotations": annotations, "status": obj.get("status")}


def test_the_kubeconfig_serves_the_official_client(control_plane: ControlPlane) -> None:
    """A kubeconfig file is enough to list and to watch workflows."""
    api = OFFICIAL.client.CustomObjectsApi(OFFICIAL.config.new_client_from_config(str(control_plane.kubeconfig)))
    before = api.list_cluster_custom_object("argoproj.io", "v1alpha1", "workflows")["metadata"]["resourceVersion"]
    control_plane.call("POST", WORKFLOWS, a_workflow("seen"))

    watched = control_plane.watch(f"{ARGO}/workflows", before)
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in watched][:1] == [("ADDED", "seen")]


def test_a_watch_where_nothing_happens_gets_bookmarks(control_plane: ControlPlane) -> None:
    """They carry versions of changes to other kinds, so that a quiet watch can still be resumed."""
    before = control_plane.revision()
    control_plane.apply("/api/v1/namespaces/elsewhere", named("v1", "Namespace", "elsewhere"))

    events = control_plane.watch(f"{ARGO}/workflowtemplates", before, timeout_s=5)
    assert {event["type"] for event in events} == {"BOOKMARK"}
    assert int(events[-1]["object"]["metadata"]["resourceVersion"]) > before


def test_a_status_write_moves_the_generation(control_plane: ControlPlane) -> None:
    """Workflow has no status subresource, as Argo ships it: a generation does not reveal a change of the spec."""
    created = control_plane.call("POST", WORKFLOWS, a_workflow("moved"))
    changed = control_plane.call("PUT", f"{WORKFLOWS}/moved", created | {"status": {"phase": "Running"}})

    assert (created["metadata"]["generation"], changed["metadata"]["generation"]) == (1, 2)


def test_compaction_alone_expires_nothing(control_plane: ControlPlane) -> None:
    """kube-apiserver answers from its watch cache after a compaction of etcd; a 410 needs more than that."""
    before = control_plane.revision()
    control_plane.call("POST", WORKFLOWS, a_workflow("cached"))
    control_plane.compact()

    assert [event["type"] for event in control_plane.watch(WORKFLOWS, before)] == ["ADDED"]


def test_a_watch_from_an_expired_version_gets_410(control_plane: ControlPlane) -> None:
    """It arrives as an event of a watch with status 200: a client that checks only HTTP codes misses it."""
    before = control_plane.revision()
    control_plane.call("POST", WORKFLOWS, a_workflow("forgotten"))
    control_plane.expire_versions()

    [event] = control_plane.watch(WORKFLOWS, before)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_the_restricted_user_has_what_it_was_granted(control_plane: ControlPlane) -> None:
    """Rights are enforced; otherwise a test for missing rights would always pass. No shipped role grants this right."""
    token = control_plane.restricted_token
    with pytest.raises(ApiError) as refused:
        control_plane.call("GET", f"{ARGO}/workflowtemplates", token=token)
    grant(
        control_plane, a_role("ClusterRole", "template-reader", READ_WORKFLOWS | {"resources": ["workflowtemplates"]})
    )

    assert refused.value.code == 403
    assert control_plane.call("GET", f"{ARGO}/workflowtemplates", token=token)["kind"] == "WorkflowTemplateList"


def test_roles_are_granted_from_files(control_plane: ControlPlane, tmp_path: Path) -> None:
    """All roles of the deployment are granted; a Role without a namespace belongs to the deployment's own."""
    objects = [
        named("kustomize.config.k8s.io/v1beta1", "Kustomization", "x"),
        a_role(
            "Role", "lease-keeper", {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["list"]}
        ),
    ]
    (tmp_path / "all.yaml").write_text("\n---\n".join(json.dumps(obj) for obj in objects))

    granted = grant_deployed_roles(control_plane, tmp_path, namespace="ours")
    leases = "/apis/coordination.k8s.io/v1/namespaces/ours/leases"
    assert granted == ["lease-keeper"]
    assert control_plane.call("GET", leases, token=control_plane.restricted_token)["kind"] == "LeaseList"


async def test_a_play_ends_as_the_recording_ended(control_plane: ControlPlane) -> None:
    """Every workflow and pod that was not deleted is there, in the phase it was last recorded in."""
    server_uid = await ArgoPlayer(control_plane, BASICS).play()

    for kind, path in (("workflows", f"{ARGO}/workflows"), ("pods", "/api/v1/pods")):
        played = {uid: phase for uid, phase in phases_now(control_plane, path).items() if uid in server_uid.values()}
        expected = phases_at_the_end(BASICS, kind)
        assert played == {server_uid[uid]: phase for uid, phase in expected.items()}


@pytest.mark.parametrize("kind", ["workflows", "pods"])
async def test_a_watcher_of_the_play_sees_what_the_recorder_saw(control_plane: ControlPlane, kind: str) -> None:
    """Same events, order, labels, statuses and generations: a play equals the recorded cluster."""
    before = control_plane.revision()
    server_uid = await ArgoPlayer(control_plane, BASICS).play()

    path = f"{ARGO}/workflows" if kind == "workflows" else "/api/v1/pods"
    played = [
        event
        for event in control_plane.watch(path, before)
        if event["object"]["metadata"].get("uid") in server_uid.values()
    ]
    assert [sight(event["type"], event["object"]) for event in played] == [
        sight(*event) for event in events_of(BASICS, kind)
    ]


async def test_played_pods_belong_to_played_workflows(control_plane: ControlPlane) -> None:
    """Owner references have this server's uids; otherwise pods could not be linked to workflows."""
    await ArgoPlayer(control_plane, BASICS).play()

    workflows = {item["metadata"]["uid"] for item in control_plane.items(f"{ARGO}/namespaces/simulation/workflows")}
    pods = control_plane.items("/api/v1/namespaces/simulation/pods")
    assert {pod["metadata"]["ownerReferences"][0]["uid"] for pod in pods} == workflows


async def test_a_play_goes_on_after_the_server_was_gone(control_plane: ControlPlane) -> None:
    """A test may break the server in the middle of a play."""
    player = ArgoPlayer(control_plane, BASICS)
    await player.play(limit=100)
    control_plane.expire_versions()
    await player.play()

    assert player.position == len(player.steps)


async def test_kwok_ends_pods_as_their_orders_say(control_plane: ControlPlane) -> None:
    """Failures, OOM kills and evictions come out under kwok as they were recorded, from annotations alone."""
    server_uid = await ArgoPlayer(control_plane, BASICS, kwok=True).play()
    expected = {server_uid[uid]: phase for uid, phase in phases_at_the_end(BASICS, "pods").items()}

    def as_recorded() -> bool:
        return phases_now(control_plane, "/api/v1/pods").items() >= expected.items()

    control_plane.until(as_recorded, "kwok has played every pod", timeout_s=30)


def test_nothing_outlives_a_killed_test_run(tmp_path: Path) -> None:
    """After kill -9 of the tests no etcd remains that would hold memory and ports for weeks."""
    start = "from tests.cluster.processes import Child; from pathlib import Path; import sys, time; "
    start += "print(Child('sleep', ['sleep', '600'], Path(sys.argv[1]), {}).pid, flush=True); time.sleep(600)"
    command = [sys.executable, "-c", start, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        orphan = int(run.stdout.readline())
        was_alive = is_running(orphan)
        run.kill()

    assert was_alive
    until(lambda: not is_running(orphan), "the orphan is gone", [], timeout_s=10)
