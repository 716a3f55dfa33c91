"""Whatever Lynceus knows of is to be seen in the demo within two minutes, whatever the seed and the second it starts in."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.demo.crons import Crons
from collector.demo.objects import CRON_WORKFLOWS, Objects
from collector.demo.scenario import clusters
from tests.demo.simulated import NOON, Obj, Sight, cluster, fleet, is_argos, of, watched

TWO_MINUTES_S = 120
SEEDS = (1, 2, 3, 4, 5)
Shows = Callable[[Sight], Any]


def sights(kind: str, seed: int) -> Iterator[Sight]:
    """The events of one kind in all clusters within two minutes."""
    for it in clusters(3):
        yield from of(watched(it.name, TWO_MINUTES_S, seed), kind)


def any_node(sight: Sight, **wanted: object) -> bool:
    """Whether a step looks so."""
    return any(wanted.items() <= node.items() for node in sight.nodes.values())


def says(sight: Sight, text: str) -> bool:
    """Whether a step has a message with these words."""
    return any(text in node.get("message", "") for node in sight.nodes.values())


def nested(sight: Sight) -> bool:
    """Whether a DAG stands within steps and a retry within the DAG."""
    kinds = {key: node["type"] for key, node in sight.nodes.items()}
    held = {(node["type"], kinds.get(node.get("boundaryID", ""))) for node in sight.nodes.values()}
    return {("DAG", "Steps"), ("Retry", "DAG"), ("Pod", "DAG")} <= held


def wait_of(sight: Sight) -> str:
    """Why a container waits."""
    boxes = sight.obj["status"].get("containerStatuses", [])
    return " ".join(box["state"].get("waiting", {}).get("reason", "") for box in boxes)


def labels(sight: Sight) -> Obj:
    """The labels, of which a user's workflow may have none."""
    found: Obj = sight.obj["metadata"].get("labels", {})
    return found


WORKFLOWS: dict[str, Shows] = {
    "semaphore": lambda it: it.message.endswith("/ConfigMap/locks/gpu lock. Lock status: 0/2"),
    "mutex": lambda it: it.message == "Waiting for mapping/Mutex/tile-merge lock. Lock status: 0/1",
    "step lock": lambda it: any_node(it, synchronizationStatus={"waiting": "mapping/ConfigMap/locks/db"}),
    "throttled by a label": lambda it: (
        it.message.startswith("Workflow processing") and it.write.key.startswith("quant")
    ),
    "throttled by a ConfigMap": lambda it: (
        it.message.startswith("Workflow processing") and it.write.key.startswith("planning")
    ),
    "suspended": lambda it: any_node(it, type="Suspend", phase="Running"),
    "quota": lambda it: says(it, "exceeded quota: gpu-quota, requested: requests.nvidia.com/gpu=1, used: "),
    "unschedulable": lambda it: says(it, "Unschedulable: 0/3 nodes are available"),
    "image pull": lambda it: says(it, 'ImagePullBackOff: Back-off pulling image "registry.local/'),
    "retry": lambda it: any_node(it, type="Retry") and any_node(it, phase="Failed", nodeFlag={"retried": True}),
    "memoized": lambda it: any(n.get("memoizationStatus", {}).get("hit") for n in it.nodes.values()),
    "exit handler": lambda it: any_node(it, nodeFlag={"hooked": True}, phase="Succeeded"),
    "DAG in steps": nested,
    "packed": lambda it: "compressedNodes" in it.obj.get("status", {}),
    "argo retry": lambda it: it.phase == "" and labels(it).get("workflows.argoproj.io/phase") == "Failed",
    "deadline, waiting": lambda it: it.phase == "Failed" and it.message == "Step exceeded its deadline",
    "deadline, running": lambda it: it.message == "Pod was active on the node longer than the specified deadline",
    "OOM": lambda it: says(it, "main: OOMKilled (exit code 137)"),
    "cron": lambda it: "workflows.argoproj.io/cron-workflow" in labels(it),
}
PODS: dict[str, Shows] = {
    "unschedulable": lambda it: any(c.get("reason") == "Unschedulable" for c in it.obj["status"].get("conditions", [])),
    "image pull": lambda it: "ImagePullBackOff" in wait_of(it),
    "spot taken back": lambda it: it.obj["status"].get("reason") == "BidExpired",
    "controller killed": lambda it: is_argos(it) and b"OOMKilled" in it.write.body,
    "controller waits": lambda it: is_argos(it) and "CrashLoopBackOff" in wait_of(it),
}
OTHERS: dict[str, tuple[str, Shows]] = {
    "lease changes hands": ("leases", lambda it: it.obj["spec"]["leaseTransitions"] == 1),
    "spot announced": ("events", lambda it: it.obj["reason"] == "SpotToBeReleased"),
    "scheduling": ("events", lambda it: it.obj["reason"] == "FailedScheduling"),
    "not scheduled": ("cronworkflows", lambda it: b"SubmissionError" in it.write.body),
    "forbids": ("cronworkflows", lambda it: it.obj["spec"]["concurrencyPolicy"] == "Forbid" and "status" in it.obj),
}
ALL = [(name, "workflows", shows) for name, shows in WORKFLOWS.items()]
ALL += [(name, "pods", shows) for name, shows in PODS.items()]
ALL += [(name, kind, shows) for name, (kind, shows) in OTHERS.items()]


@pytest.mark.parametrize(("name", "kind", "shows"), ALL, ids=[f"{kind}: {name}" for name, kind, _ in ALL])
def test_two_minutes_show_it(name: str, kind: str, shows: Shows) -> None:
    """Each thing is in the objects of some cluster, with every one of five seeds."""
    missing = [seed for seed in SEEDS if not any(shows(it) for it in sights(kind, seed))]

    assert missing == [], name


def test_a_packed_status_is_the_recorded_form() -> None:
    """Base64 of gzip of the nodes, which are left out themselves; everything above them stays readable."""
    packed = next(it for it in sights("workflows", 1) if "compressedNodes" in it.obj.get("status", {}))

    assert "nodes" not in packed.obj["status"]
    assert packed.obj["status"]["progress"].endswith("/24")
    assert sum(node["type"] == "Pod" for node in packed.nodes.values()) == 24


def test_argo_retry_keeps_what_went_well() -> None:
    """The same uid, a later start, no failed step; what succeeded before is there with its old times."""
    seen: dict[str, Sight] = {}
    reopened = []
    for it in sights("workflows", 1):
        before = seen.get(it.obj["metadata"]["uid"])
        if before is not None and before.phase == "Failed" and it.phase == "":
            reopened.append((before, it))
        seen[it.obj["metadata"]["uid"]] = it

    assert reopened
    for before, after in reopened:
        assert after.obj["status"]["startedAt"] > before.obj["status"]["startedAt"]
        assert "Failed" not in {node["phase"] for node in after.nodes.values()}
        assert {child for node in after.nodes.values() for child in node.get("children", ())} <= after.nodes.keys()
        well = {
            key: node for key, node in before.nodes.items() if node["phase"] == "Succeeded" and "nodeFlag" not in node
        }
        assert {key: (node["startedAt"], node["finishedAt"]) for key, node in well.items()} == {
            key: (after.nodes[key]["startedAt"], after.nodes[key]["finishedAt"]) for key in well
        }


def test_a_cron_run_is_named_after_its_due_time() -> None:
    """`{cron}-{unix due time}`, whole minutes, and the same instant in the annotation and in the cron's status."""
    runs = [it for it in fleet("workflows") if WORKFLOWS["cron"](it) and it.write.verb == "ADDED"]
    told = {it.obj["status"].get("lastScheduledTime") for it in fleet("cronworkflows") if "status" in it.obj}

    assert len(runs) >= 5
    for run in runs:
        due = int(run.obj["metadata"]["name"].rpartition("-")[2])
        stamp = run.obj["metadata"]["annotations"]["workflows.argoproj.io/scheduled-time"]
        assert due % 60 == 0
        assert stamp == datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert stamp in told


def test_a_run_that_comes_late_bears_its_due_time() -> None:
    """A fleet that slept over the full minute names the run, the annotation and the cron's last run after the minute."""
    objects, created = Objects(), list[Obj]()
    crons = Crons(cluster("prod-hz"), objects, lambda: "uid", lambda _recipe, run, _now: created.append(run))
    crons.furnish(NOON)
    crons.fire(NOON + 60, NOON + 67.3)
    metadata = created[0]["metadata"]
    it = objects.get(CRON_WORKFLOWS, "ci/every-minute")

    assert metadata["name"] == f"every-minute-{int(NOON) + 60}"
    assert metadata["annotations"] == {"workflows.argoproj.io/scheduled-time": "2026-11-21T12:01:00Z"}
    assert it["status"]["lastScheduledTime"] == "2026-11-21T12:01:00Z"
    assert metadata["creationTimestamp"] == "2026-11-21T12:01:07Z"


def test_a_quota_is_never_exceeded() -> None:
    """No more GPUs than the ResourceQuota admits are asked for by pods that have not ended."""
    live: dict[str, int] = {}
    most = 0
    for it in of(watched("gpu-bj", TWO_MINUTES_S, 1), "pods"):
        asked = it.obj["spec"]["containers"][-1]["resources"]["requests"].get("nvidia.com/gpu", "0")
        live[it.write.key] = int(asked) if it.phase in ("Pending", "Running") and it.write.verb != "DELETED" else 0
        most = max(most, sum(live.values()))

    assert most == 6
