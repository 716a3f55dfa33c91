"""The demo's objects look like the recorded ones."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import zstandard

from collector.demo.nodes import fnv32a, node_id, resources_duration
from tests.demo.simulated import Obj, Sight, fleet, is_argos

RECORDED = Path(__file__).parents[1] / "recorded"
FREE = ("labels", "annotations", "requests", "limits", "capacity", "allocatable", "resourcesDuration")
"""Maps whose keys are data."""

INVENTED = {
    # The recordings' kubelet pulls no images and initialises at once; the words are a real kubelet's.
    "pods": {
        "status/conditions/reason",
        "status/conditions/message",
        "status/initContainerStatuses/state/waiting",
        "status/initContainerStatuses/state/waiting/reason",
        "status/initContainerStatuses/started",
    },
    # Packed nodes are recorded in another folder; memoized steps are in none, their fields are those of Argo's own type.
    "workflows": {
        "spec/priority",
        "status/compressedNodes",
        "status/nodes/*/memoizationStatus",
        "status/nodes/*/memoizationStatus/hit",
        "status/nodes/*/memoizationStatus/key",
        "status/nodes/*/memoizationStatus/cacheName",
    },
}


@cache
def recorded_paths(kind: str) -> frozenset[str]:
    """Every path of a field in the recordings of a kind."""
    found: set[str] = set()
    with zstandard.open(RECORDED / "basics" / f"{kind}.watch.jsonl.zst", "rt", encoding="utf-8") as lines:
        for line in lines:
            found.update(paths(json.loads(line)["event"]["object"]))
    return frozenset(found)


def paths(obj: object, at: str = "") -> Iterator[str]:
    """The paths of an object's fields; the names of nodes, labels and resources do not count."""
    if isinstance(obj, list):
        for item in obj:
            yield from paths(item, at)
    if isinstance(obj, dict):
        for name, value in obj.items():
            if at.endswith(FREE) or at.endswith(("storedWorkflowTemplateSpec", "workflowSpec")):
                return
            path = f"{at}/*" if at.endswith("status/nodes") else f"{at}/{name}".lstrip("/")
            yield path
            yield from paths(value, path)


def sample(kind: str) -> list[Sight]:
    """Every fourth event: each stage of each template is there many times."""
    return fleet(kind)[::4]


@pytest.mark.parametrize("kind", ["workflows", "pods", "events", "cronworkflows"])
def test_no_field_is_there_that_a_real_control_plane_does_not_write(kind: str) -> None:
    """Each field of the demo's objects occurs in the recordings, at the same place, but for a short list."""
    ours = {path for sight in sample(kind) if not is_argos(sight) for path in paths(sight.obj)}

    assert ours - recorded_paths(kind) - INVENTED.get(kind, set()) == set()


def test_finished_workflow_has_all_fields_of_a_recorded_one() -> None:
    """Nothing that the recordings show on a one-pod workflow is missing, except what the demo omits."""
    omitted = ("managedFields", "spec", "storedTemplates", "inputs", "trace-id", "outputs/parameters")
    ours = {path for sight in sample("workflows") for path in paths(sight.obj)}
    missing = {path for path in recorded_paths("workflows") if not any(word in path for word in omitted)} - ours

    assert missing <= {
        "metadata/finalizers",
        "metadata/deletionTimestamp",
        "metadata/deletionGracePeriodSeconds",
        "status/nodes/*/daemoned",
        "status/nodes/*/podIP",
        "status/nodes/*/hooked",
    }


@pytest.mark.parametrize(("name", "number"), [("retry-then-ok(0)", 1982399623), ("suspend-short[0].wait", 1973042809)])
def test_node_ids_are_argos(name: str, number: int) -> None:
    """A node's id is the hash of its name, as the recordings have it."""
    assert fnv32a(name) == number
    assert node_id("retry-then-ok", "retry-then-ok") == "retry-then-ok"


def test_an_evicted_pod_has_no_container_end() -> None:
    """A kubelet that evicts leaves the containers as they were."""
    evicted = [sight.obj["status"] for sight in fleet("pods") if sight.obj["status"].get("reason") == "Evicted"]

    assert evicted
    assert all("running" in box["state"] for status in evicted for box in status["containerStatuses"])


def test_durations_are_argos() -> None:
    """cpu and memory are floored for each container: 1 core and 2Gi for one second give 1 and 20, wait gives 0 and 1."""
    pod: Obj = {
        "spec": {"containers": [_box("wait", {}), _box("main", {"requests": {"cpu": "1", "memory": "2Gi"}})]},
        "status": {"containerStatuses": [_ended("wait"), _ended("main")]},
    }

    assert resources_duration(pod) == {"cpu": 1, "memory": 21}


def _box(name: str, resources: Obj) -> Obj:
    return {"name": name, "resources": resources}


def _ended(name: str) -> Obj:
    times = {"startedAt": "2026-11-22T13:22:42Z", "finishedAt": "2026-11-22T13:22:43Z"}
    return {"name": name, "state": {"terminated": times}}
