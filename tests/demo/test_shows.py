"""The demo shows everything that Lynceus knows within two minutes, for each seed and each second of its start."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from collector.demo.crons import CronController
from collector.demo.objects import CRON_WORKFLOWS, Objects
from collector.demo.scenario import clusters
from collector.demo.world import World
from tests.demo.simulated import NOON, Obj, Sight, cluster, fleet, is_argos, of, watched

TWO_MINUTES_S = 120
SEEDS = (1, 2, 3, 4, 5)
Shows = Callable[[Sight], Any]


def sights(kind: str, seed: int) -> Iterator[Sight]:
    """The events of one kind in all clusters within two minutes."""
    for simulated in clusters(3):
        yield from of(watched(simulated.name, TWO_MINUTES_S, seed), kind)


def any_node(sight: Sight, **wanted: object) -> bool:
    """Whether a step has these fields."""
    return any(wanted.items() <= node.items() for node in sight.nodes.values())


def has_message(sight: Sight, text: str) -> bool:
    """Whether the message of a step has a text."""
    return any(text in node.get("message", "") for node in sight.nodes.values())


def has_dag_in_steps(sight: Sight) -> bool:
    """Whether a DAG is within steps and a retry within the DAG."""
    kinds = {key: node["type"] for key, node in sight.nodes.items()}
    pairs = {(node["type"], kinds.get(node.get("boundaryID", ""))) for node in sight.nodes.values()}
    return {("DAG", "Steps"), ("Retry", "DAG"), ("Pod", "DAG")} <= pairs


def wait_of(sight: Sight) -> str:
    """The reasons for which containers wait."""
    boxes = sight.obj["status"].get("containerStatuses", [])
    return " ".join(box["state"].get("waiting", {}).get("reason", "") for box in boxes)


def labels(sight: Sight) -> Obj:
    """The labels; a user's workflow may have none."""
    found: Obj = sight.obj["metadata"].get("labels", {})
    return found


WORKFLOWS: dict[str, Shows] = {
    "semaphore": lambda sight: sight.message.endswith("/ConfigMap/locks/gpu lock. Lock status: 0/2"),
    "mutex": lambda sight: sight.message == "Waiting for mapping/Mutex/tile-merge lock. Lock status: 0/1",
    "step lock": lambda sight: any_node(sight, synchronizationStatus={"waiting": "mapping/ConfigMap/locks/db"}),
    "throttled by a label": lambda sight: (
        sight.message.startswith("Workflow processing") and sight.write.key.startswith("quant")
    ),
    "throttled by a ConfigMap": lambda sight: (
        sight.message.startswith("Workflow processing") and sight.write.key.startswith("planning")
    ),
    "suspended": lambda sight: any_node(sight, type="Suspend", phase="Running"),
    "quota": lambda sight: has_message(
        sight, "exceeded quota: gpu-quota, requested: requests.nvidia.com/gpu=1, used: "
    ),
    "unschedulable": lambda sight: has_message(sight, "Unschedulable: 0/3 nodes are available"),
    "image pull": lambda sight: has_message(sight, 'ImagePullBackOff: Back-off pulling image "registry.local/'),
    "retry": lambda sight: (
        any_node(sight, type="Retry") and any_node(sight, phase="Failed", nodeFlag={"retried": True})
    ),
    "memoized": lambda sight: any(n.get("memoizationStatus", {}).get("hit") for n in sight.nodes.values()),
    "exit handler": lambda sight: any_node(sight, nodeFlag={"hooked": True}, phase="Succeeded"),
    "DAG in steps": has_dag_in_steps,
    "packed": lambda sight: "compressedNodes" in sight.obj.get("status", {}),
    "argo retry": lambda sight: sight.phase == "" and labels(sight).get("workflows.argoproj.io/phase") == "Failed",
    "deadline, waiting": lambda sight: sight.phase == "Failed" and sight.message == "Step exceeded its deadline",
    "deadline, running": lambda sight: sight.message == "Pod was active on the node longer than the specified deadline",
    "OOM": lambda sight: has_message(sight, "main: OOMKilled (exit code 137)"),
    "cron": lambda sight: "workflows.argoproj.io/cron-workflow" in labels(sight),
}
PODS: dict[str, Shows] = {
    "unschedulable": lambda sight: any(
        c.get("reason") == "Unschedulable" for c in sight.obj["status"].get("conditions", [])
    ),
    "no stock": lambda sight: any(c.get("reason") == "NoStock" for c in sight.obj["status"].get("conditions", [])),
    "image pull": lambda sight: "ImagePullBackOff" in wait_of(sight),
    "spot taken back": lambda sight: sight.obj["status"].get("reason") == "BidExpired",
    "controller killed": lambda sight: is_argos(sight) and b"OOMKilled" in sight.write.body,
    "controller waits": lambda sight: is_argos(sight) and "CrashLoopBackOff" in wait_of(sight),
}
OTHERS: dict[str, tuple[str, Shows]] = {
    "lease changes hands": ("leases", lambda sight: sight.obj["spec"]["leaseTransitions"] == 1),
    "spot announced": ("events", lambda sight: sight.obj["reason"] == "SpotToBeReleased"),
    "scheduling": ("events", lambda sight: sight.obj["reason"] == "FailedScheduling"),
    "not scheduled": ("cronworkflows", lambda sight: b"SubmissionError" in sight.write.body),
    "forbids": (
        "cronworkflows",
        lambda sight: sight.obj["spec"]["concurrencyPolicy"] == "Forbid" and "status" in sight.obj,
    ),
}
ALL = [(name, "workflows", shows) for name, shows in WORKFLOWS.items()]
ALL += [(name, "pods", shows) for name, shows in PODS.items()]
ALL += [(name, kind, shows) for name, (kind, shows) in OTHERS.items()]


@pytest.mark.parametrize(("name", "kind", "shows"), ALL, ids=[f"{kind}: {name}" for name, kind, _ in ALL])
def test_two_minutes_show_each_situation(name: str, kind: str, shows: Shows) -> None:
    """Each situation is in the objects of some cluster, with each of five seeds."""
    missing = [seed for seed in SEEDS if not any(shows(sight) for sight in sights(kind, seed))]

    assert missing == [], name


def test_a_packed_status_is_the_recorded_form() -> None:
    """Base64 of gzip of the nodes, and no plain nodes; everything above them stays readable."""
    packed = next(sight for sight in sights("workflows", 1) if "compressedNodes" in sight.obj.get("status", {}))

    assert "nodes" not in packed.obj["status"]
    assert packed.obj["status"]["progress"].endswith("/24")
    assert sum(node["type"] == "Pod" for node in packed.nodes.values()) == 24


def test_argo_retry_keeps_what_went_well() -> None:
    """The same uid, a later start, no failed step; steps that succeeded before keep their times."""
    seen: dict[str, Sight] = {}
    reopened = []
    for sight in sights("workflows", 1):
        before = seen.get(sight.obj["metadata"]["uid"])
        if before is not None and before.phase == "Failed" and sight.phase == "":
            reopened.append((before, sight))
        seen[sight.obj["metadata"]["uid"]] = sight

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
    runs = [sight for sight in fleet("workflows") if WORKFLOWS["cron"](sight) and sight.write.verb == "ADDED"]
    scheduled = {
        sight.obj["status"].get("lastScheduledTime") for sight in fleet("cronworkflows") if "status" in sight.obj
    }

    assert len(runs) >= 5
    for run in runs:
        due = int(run.obj["metadata"]["name"].rpartition("-")[2])
        stamp = run.obj["metadata"]["annotations"]["workflows.argoproj.io/scheduled-time"]
        assert due % 60 == 0
        assert stamp == datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert stamp in scheduled


def test_a_run_that_comes_late_bears_its_due_time() -> None:
    """A fleet that slept over the full minute names the run, the annotation and the cron's last run after the minute."""
    objects, created = Objects(), list[Obj]()
    world = World(cluster=cluster("prod-hz"), objects=objects, rng=Random(1), ids=Random(2))
    crons = CronController(world, lambda _recipe, run, _now: created.append(run))
    crons.furnish(NOON)
    crons.fire(NOON + 60, NOON + 67.3)
    metadata = created[0]["metadata"]
    cron = objects.get(CRON_WORKFLOWS, "ci/every-minute")

    assert metadata["name"] == f"every-minute-{int(NOON) + 60}"
    assert metadata["annotations"] == {"workflows.argoproj.io/scheduled-time": "2026-11-21T12:01:00Z"}
    assert cron["status"]["lastScheduledTime"] == "2026-11-21T12:01:00Z"
    assert metadata["creationTimestamp"] == "2026-11-21T12:01:07Z"


def test_a_quota_is_never_exceeded() -> None:
    """Pods that have not ended request no more GPUs than the ResourceQuota allows."""
    live: dict[str, int] = {}
    most = 0
    for sight in of(watched("gpu-bj", TWO_MINUTES_S, 1), "pods"):
        gpus = sight.obj["spec"]["containers"][-1]["resources"]["requests"].get("nvidia.com/gpu", "0")
        live[sight.write.key] = (
            int(gpus) if sight.phase in ("Pending", "Running") and sight.write.verb != "DELETED" else 0
        )
        most = max(most, sum(live.values()))

    assert most == 6
