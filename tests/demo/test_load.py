"""The load of the demo: deterministic, within its limits, and with everything in it that a page should show."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest

from collector.demo.controller import SimulatedController
from collector.demo.load import EVENT_TTL_S, ClusterLoad
from collector.demo.objects import EVENTS, WORKFLOWS, Obj, Objects, Write
from collector.demo.plan import PodPlan, WorkflowPlan
from collector.demo.pods import Pods
from collector.demo.recipes import RECIPES
from collector.demo.scenario import clusters
from collector.demo.shapes import LIMIT_LABEL, POSTPONED, meta, workflow
from collector.demo.world import World
from tests.demo.simulated import NOON, SPAN_S, Held, Sight, batches, cluster, fleet, is_argos, of, watched

NAMES = [sight.name for sight in clusters(3)]


def test_the_same_seed_and_instants_give_the_same_bytes() -> None:
    """Two loads with one seed, stepped at the same instants, write the same events in the same order."""
    runs = [
        [write for _, batch in batches(ClusterLoad(cluster("prod-hz"), 7), 60) for write in batch.writes]
        for _ in range(2)
    ]

    assert runs[0] == runs[1]
    assert len(runs[0]) > 500


def test_another_seed_gives_another_story() -> None:
    """The seed decides what happens."""
    first, second = ({sight.write.key for sight in of(watched("prod-hz", 60, seed), "workflows")} for seed in (1, 2))

    assert not first & second


def test_two_fleets_of_one_seed_never_share_a_uid() -> None:
    """A cluster that starts at another instant is another cluster: a store that knew the first must not mix them."""
    uids = [
        {json.loads(write.body)["metadata"]["uid"] for write in ClusterLoad(cluster("prod-hz"), 1).step(at).writes}
        for at in (NOON, NOON + 1)
    ]

    assert not uids[0] & uids[1]


@pytest.mark.parametrize("name", NAMES)
def test_versions_count_up_by_one(name: str) -> None:
    """A cluster has one counter for all kinds, and each write takes the next number."""
    versions = [sight.write.version for sight in watched(name)]

    assert versions == list(range(1, len(versions) + 1))


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("throttled", lambda sight: sight.phase == "Pending" and sight.message == POSTPONED),
        (
            "semaphore",
            lambda sight: sight.message == "Waiting for perception/ConfigMap/locks/gpu lock. Lock status: 0/2",
        ),
        ("mutex", lambda sight: sight.message == "Waiting for mapping/Mutex/tile-merge lock. Lock status: 0/1"),
        ("suspended", lambda sight: _node(sight, type="Suspend", phase="Running")),
        ("resumed", lambda sight: _node(sight, type="Suspend", phase="Succeeded")),
        (
            "retried after exit 1",
            lambda sight: _node(sight, type="Pod", message="main: Error (exit code 1)", retried=True),
        ),
        ("retried after OOM", lambda sight: _node(sight, message="main: OOMKilled (exit code 137)", retried=True)),
        ("retry helped", lambda sight: sight.phase == "Succeeded" and _node(sight, phase="Failed", retried=True)),
        ("no retries left", lambda sight: sight.phase == "Failed" and sight.message == "No more retries left"),
        ("failed with its exit code", lambda sight: sight.message == "main: Error (exit code 3)"),
        ("failed in a step", lambda sight: sight.message.startswith("child '")),
        ("evicted", lambda sight: _node(sight, message="The node was low on resource: memory.")),
        ("started by a cron", lambda sight: "status" in sight.obj and not sight.phase),
        ("from a template", lambda sight: "workflows.argoproj.io/workflow-template" in sight.obj["metadata"]["labels"]),
        ("with its own department", lambda sight: "department" in sight.obj["metadata"]["labels"]),
        ("with a priority", lambda sight: sight.obj["spec"].get("priority", 0) > 0),
    ],
)
def test_every_state_of_a_workflow_occurs(state: str, found: Callable[[Sight], bool]) -> None:
    """Five minutes of the fleet show each state at least once."""
    assert any(found(sight) for sight in fleet("workflows")), state


def _node(sight: Sight, *, retried: bool | None = None, **wanted: str) -> bool:
    for node in sight.nodes.values():
        flagged = retried is None or node.get("nodeFlag", {}).get("retried", False) == retried
        if flagged and all(node.get(name) == value for name, value in wanted.items()):
            return True
    return False


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("reclaimed", lambda sight: sight.phase == "Failed" and sight.obj["status"].get("reason") == "BidExpired"),
        ("evicted", lambda sight: sight.phase == "Failed" and sight.obj["status"].get("reason") == "Evicted"),
        ("unschedulable", lambda sight: any(c.get("reason") == "Unschedulable" for c in _conditions(sight))),
        ("ECI spec", lambda sight: sight.obj["metadata"]["annotations"].get(ECI) == "2.0-4.0Gi"),
        ("ECI by type", lambda sight: sight.obj["metadata"]["annotations"].get(ECI) == "ecs.gn6i-c4g1.xlarge"),
        (
            "ACS spec",
            lambda sight: sight.obj["metadata"]["annotations"].get("alibabacloud.com/pod-use-spec") == "2-4Gi",
        ),
        ("ACS best effort", lambda sight: sight.obj["metadata"]["labels"].get(QOS) == "best-effort"),
        ("plain node", lambda sight: sight.obj["spec"].get("nodeName", "").endswith("10.0.0.11")),
        ("GPU", lambda sight: "nvidia.com/gpu" in sight.obj["spec"]["containers"][1]["resources"]["requests"]),
    ],
)
def test_every_state_of_a_pod_occurs(state: str, found: Callable[[Sight], bool]) -> None:
    """Five minutes of the fleet show each end and each product at least once."""
    pods = [sight for sight in fleet("pods") if not is_argos(sight)]

    assert any(found(sight) for sight in pods), state


ECI = "k8s.aliyun.com/eci-instance-spec"
QOS = "alibabacloud.com/compute-qos"


def _conditions(sight: Sight) -> list[Obj]:
    return list(sight.obj["status"].get("conditions", []))


def test_a_namespace_without_a_department_exists() -> None:
    """Neither it nor its workflows carry the label, so that `unallocated` is not empty."""
    workflows = [sight for sight in fleet("workflows") if sight.obj["metadata"]["namespace"] == "sandbox"]
    unlabelled = [sight for sight in fleet("namespaces") if sight.obj["metadata"]["name"] == "sandbox"]

    assert workflows
    assert not any("department" in sight.obj["metadata"]["labels"] for sight in workflows + unlabelled)


@pytest.mark.parametrize("name", NAMES)
def test_limits_are_never_exceeded(name: str) -> None:
    """No more workflows than label or ConfigMap allow hold a slot, and no more than a lock allows hold it."""
    own = next(other.obj["data"] for other in of(watched(name), "configmaps"))
    limits = {
        other.obj["metadata"]["name"]: int(
            other.obj["metadata"]["labels"].get(LIMIT_LABEL) or own.get("namespaceParallelism", 0)
        )
        for other in of(watched(name), "namespaces")
    }
    everywhere = int(own.get("parallelism", 1000))
    live: dict[str, Sight] = {}
    fullest: Counter[str] = Counter()
    for sight in of(watched(name), "workflows"):
        live[sight.write.key] = sight
        if sight.phase in ("Succeeded", "Failed"):
            del live[sight.write.key]
        fullest |= Counter(other.obj["metadata"]["namespace"] for other in live.values() if _holds_a_slot(other))
        fullest |= Counter(lock for other in live.values() for lock in _holds(other))
        fullest |= Counter({"everywhere": sum(_holds_a_slot(other) for other in live.values())})
        live = {key: other for key, other in live.items() if other.write.verb != "DELETED"}

    assert all(fullest[namespace] <= limit for namespace, limit in limits.items() if limit)
    assert fullest["perception/ConfigMap/locks/gpu"] in (0, 2)
    assert fullest["mapping/Mutex/tile-merge"] in (0, 1)
    assert fullest["mapping/ConfigMap/locks/db"] in (0, 2)
    assert fullest["everywhere"] <= everywhere
    assert any(fullest[namespace] == limit for namespace, limit in limits.items() if limit)


def _holds_a_slot(sight: Sight) -> bool:
    return sight.phase == "Running" or sight.message.startswith("Waiting for ")


def _holds(sight: Sight) -> list[str]:
    locks = sight.obj.get("status", {}).get("synchronization", {})
    return [
        str(entry[kind])
        for kind in locks
        for entry in locks[kind].get("holding", [])
        for _ in entry.get("holders", ["the mutex's one"])
    ]


def test_the_leader_is_killed_within_100_s_and_everything_waits_until_the_other_takes_over() -> None:
    """Without a leader no workflow changes; new ones stay without a status, and are reconciled afterwards."""
    sights = watched("prod-hz")
    states = [
        (sight.at, sight.obj["status"]["containerStatuses"][0]) for sight in of(sights, "pods") if is_argos(sight)
    ]
    died = next(at for at, container in states if container["state"].get("terminated", {}).get("reason") == "OOMKilled")
    back, last = next((at, container) for at, container in states if container["restartCount"] == 1)
    led = next(sight.at for sight in of(sights, "leases") if sight.obj["spec"]["leaseTransitions"] == 1)
    meanwhile = [sight for sight in of(sights, "workflows") if died < sight.at < led]
    arrived = {sight.write.key for sight in meanwhile}
    reconciled = {sight.write.key for sight in of(sights, "workflows") if sight.at > led and sight.phase}

    assert died - NOON < 100
    assert 15 <= led - died < 20 <= back - died <= 31
    assert (last["lastState"]["terminated"]["exitCode"], last["lastState"]["terminated"]["reason"]) == (
        137,
        "OOMKilled",
    )
    assert len(arrived) >= 5
    assert all(sight.write.verb == "ADDED" and not sight.phase for sight in meanwhile)
    assert arrived <= reconciled


def test_the_lease_names_the_leader() -> None:
    """The leader renews the Lease every five seconds; after its death the renewals pause until the other replica holds it."""
    leases = of(watched("prod-hz"), "leases")
    holders = [sight.obj["spec"]["holderIdentity"] for sight in leases]
    pauses = [later.at - earlier.at for earlier, later in pairwise(leases)]

    assert sorted(holders, key=holders.index) == holders
    assert len(set(holders)) == 2
    assert sum(pause > 6 for pause in pauses) == 1
    assert max(pauses) > 15


def test_only_the_first_clusters_controller_dies() -> None:
    """One cluster has the trouble, so that the others can be compared with it."""
    killed = {name for name in NAMES if any(_killed(sight.write) for sight in watched(name))}

    assert killed == {"prod-hz"}


def _killed(write: Write) -> bool:
    return write.key.startswith("argo/") and b'"state":{"terminated"' in write.body


def test_an_idle_controller_is_quick() -> None:
    """The first workflow of a user runs within 30 to 130 ms of its creation (one tick of 50 ms is the grain)."""
    workflows = of(watched("prod-sh"), "workflows")
    first = next(sight for sight in workflows if "generateName" in sight.obj["metadata"])
    running = next(sight for sight in workflows if sight.write.key == first.write.key and sight.phase)

    assert 0.03 <= running.at - first.at <= 0.13


@pytest.mark.parametrize("name", NAMES)
def test_pods_are_written_in_a_kubelets_order(name: str) -> None:
    """Pending, bound, containers created, Running, terminated, Succeeded or Failed; the cloud's words never come first."""
    ranks = {"Pending": 0, "Running": 1, "Succeeded": 2, "Failed": 2}
    seen: dict[str, Sight] = {}
    for sight in of(watched(name), "pods"):
        before = seen.get(uid := sight.obj["metadata"]["uid"])
        if before is None:
            assert is_argos(sight) or "nodeName" not in sight.obj["spec"]
            assert ECI not in sight.obj["metadata"].get("annotations", {})
        else:
            assert ranks[before.phase] <= ranks[sight.phase]
        assert sight.phase != "Running" or "nodeName" in sight.obj["spec"]
        seen[uid] = sight


@pytest.mark.parametrize("name", NAMES)
def test_pods_belong_to_their_workflow_and_node(name: str) -> None:
    """A pod's owner is its workflow's uid, and its node-id is a Pod node there; the pod is seen before the status."""
    nodes: dict[str, set[str]] = {}
    for sight in of(watched(name), "workflows"):
        pod_nodes = {node["id"] for node in sight.nodes.values() if node["type"] == "Pod"}
        nodes.setdefault(sight.obj["metadata"]["uid"], set()).update(pod_nodes)
    for sight in of(watched(name), "pods"):
        if not is_argos(sight) and sight.at < NOON + SPAN_S - 2:
            metadata = sight.obj["metadata"]

            assert (
                metadata["annotations"]["workflows.argoproj.io/node-id"] in nodes[metadata["ownerReferences"][0]["uid"]]
            )


def test_the_first_attempt_is_flagged_as_retried_too() -> None:
    """All children of a Retry node carry nodeFlag.retried, as Argo writes it."""
    for sight in fleet("workflows"):
        nodes = sight.nodes
        for retry in (node for node in nodes.values() if node["type"] == "Retry"):
            assert all(nodes[child]["nodeFlag"] == {"retried": True} for child in retry["children"])


@pytest.mark.parametrize("name", NAMES)
def test_a_cluster_stays_small(name: str) -> None:
    """A quarter of an hour holds no more than a page can list, and the controller dies every ten minutes in it."""
    held, most, kills = Held(), 0, []
    for at, batch in batches(ClusterLoad(cluster(name), 4), 900):
        held.apply(batch)
        most = max(most, len(held.objects) + len(held.records))
        kills += [at for write in batch.writes if _killed(write)]

    assert most < 1000
    assert sum(kind == "events" for kind, _ in held.objects) < 2 * EVENT_TTL_S
    assert [560 <= later - earlier <= 640 for earlier, later in pairwise(kills)] == [True] * (name == "prod-hz")


def test_the_rate_is_what_a_small_machine_can_watch() -> None:
    """The fleet makes 20 to 70 events a second on average."""
    events = sum(len(watched(name)) for name in NAMES)

    assert 20 <= events / SPAN_S <= 70


@pytest.mark.parametrize("after_s", [45, 80, 130])
def test_a_restart_goes_on_with_the_same_objects(after_s: int) -> None:
    """A load that is made again from what was durable finishes every workflow that was alive, under the same uid."""
    held = Held()
    for _, batch in batches(ClusterLoad(cluster("prod-hz"), 1), after_s):
        held.apply(batch)
    alive = {key: _uid(body) for (kind, key), body in held.objects.items() if kind == "workflows"}
    version = held.version
    ended: dict[str, str] = {}
    for _, batch in batches(ClusterLoad(cluster("prod-hz"), 1, held.saved()), 420, NOON + after_s + 60):
        held.apply(batch)
        ended |= {
            write.key: _uid(write.body)
            for write in batch.writes
            if write.kind == "workflows" and write.verb == "DELETED"
        }

    assert held.version > version
    assert alive.items() <= ended.items()


def _uid(body: bytes) -> str:
    return str(json.loads(body)["metadata"]["uid"])


def test_the_queue_goes_by_priority_then_age() -> None:
    """Where a namespace is full, the next slot goes to the highest priority, and among equals to the oldest."""
    objects = Objects()
    world = World(cluster=cluster("prod-hz"), objects=objects, rng=Random(1), ids=Random(2))
    controller = SimulatedController(world, Pods(world, _ignore), _quiet)
    for number, priority in enumerate([0] * 4 + [0, 5, 0, 5]):
        _submit(controller, objects, f"it-{number}", priority, NOON + number)
    controller.step(NOON + 60)
    for key in ["sandbox/it-0", "sandbox/it-1", "sandbox/it-2"]:
        controller.plans[key].state = "done"
    controller.admit(NOON + 61)

    assert [key for key, plan in controller.plans.items() if plan.state == "throttled"] == ["sandbox/it-6"]


def _submit(controller: SimulatedController, objects: Objects, name: str, priority: int, at: float) -> None:
    manifest = workflow(RECIPES["notebook"], meta(name, name, at, "sandbox", generation=1, labels={}), priority)
    objects.put(WORKFLOWS, manifest)
    controller.submit(WorkflowPlan(key=f"sandbox/{name}", recipe="notebook", priority=priority, created=at), at)


def _ignore(plan: WorkflowPlan, attempt: PodPlan, now: float) -> None:
    """Leaves a new pod as it is."""


def _quiet(plan: WorkflowPlan, ended: Obj, now: float) -> None:
    """Ignores the end of a workflow."""


def test_two_events_of_one_instant_about_one_object_are_forgotten_once() -> None:
    """They have one name; the second to fall due must not end the fleet."""
    load = ClusterLoad(cluster("prod-hz"), 1)
    load.step(0.0)
    metadata = {"name": "p", "namespace": "ci", "uid": "u", "resourceVersion": "1"}
    for _ in range(2):
        load._write_event(
            {"kind": "Pod", "apiVersion": "v1", "metadata": metadata}, ("Rebooted", "it did", "kubelet"), 0.0
        )

    load.step(EVENT_TTL_S)

    assert not any(e["reason"] == "Rebooted" for e in load._objects.of(EVENTS).values())
