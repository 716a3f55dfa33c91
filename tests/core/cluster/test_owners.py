"""Pods that no workflow owns directly: found through what stands between, in any order, once, and never by a name alone."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.cluster.owners import Owners
from collector.core.cluster.state import Cluster
from collector.core.facts.bills import PodRun
from collector.core.messages import Observation
from collector.core.objects import kubernetes
from collector.core.objects.owner_kinds import OWNER_KINDS
from collector.core.rules import Rules
from tests.builders import NOON, SECOND, a_workflow, an_observation, decoded, ended_pod, iso, pod_json
from tests.core.observed import a_cluster, feed, finished, only, running, submitted

GROUPS = {
    "Job": "batch/v1", "RayCluster": "ray.io/v1", "RayJob": "ray.io/v1", "Pod": "v1", "Workflow": "argoproj.io/v1alpha1",
    "SparkApplication": "sparkoperator.k8s.io/v1beta2", "ReplicaSet": "apps/v1",
}  # fmt: skip
KINDS = {row.kind: row.name for row in reversed(OWNER_KINDS)}
LABELLED = Rules(owner_labels=("flow",))


def owned_by(*owners: str) -> list[dict[str, Any]]:
    """Owner references like `Job/j1`."""
    parts = [owner.split("/") for owner in owners]
    return [{"apiVersion": GROUPS[kind], "kind": kind, "name": uid, "uid": uid} for kind, uid in parts]


def an_owner(what: str, *owners: str, labels: Any = None, change: Any = "added", created: int = NOON) -> Observation:
    """A sight of a Job, a Ray or a Spark object, like `Job/j1`, and who owns it."""
    kind, uid = what.split("/")
    meta = {"name": uid, "namespace": "team", "uid": uid, "labels": labels, "creationTimestamp": iso(created)}
    seen = decoded({"metadata": meta | {"ownerReferences": owned_by(*owners)}}, kubernetes.PartialObject)
    return msgspec.structs.replace(an_observation(seen, change), kind=KINDS[kind])


def a_child(uid: str, *owners: str, labels: Any = None, when: int = NOON + 90 * SECOND, **more: Any) -> Observation:
    """A pod that ran and ended, and who owns it."""
    reported = pod_json(
        uid, **{"phase": "Succeeded", "started": NOON, "ended": NOON + SECOND, "labels": labels, **more}
    )
    reported["metadata"]["ownerReferences"] = owned_by(*owners)
    return an_observation(decoded(reported, kubernetes.Pod), when=when)


def places(cluster: Cluster) -> dict[str, tuple[str, str, int, str]]:
    """Where each pod was put."""
    return {
        uid: (p.run.workflow_uid, p.run.workflow_name, p.run.attempt, p.run.owner_kind)
        for uid, p in cluster.pods.items()
    }


CHAINS = [
    submitted(), running(),
    an_owner("Job/j1", "Workflow/w1"), a_child("of-job", "Job/j1"),
    an_owner("RayJob/rj", "Workflow/w1"), an_owner("RayCluster/rc", "RayJob/rj"), a_child("of-ray", "RayCluster/rc"),
    an_owner("SparkApplication/s1", "Workflow/w1"), a_child("driver", "SparkApplication/s1"), a_child("executor", "Pod/driver"),
    a_child("direct", "Workflow/w1"), an_owner("Job/j2", "Pod/direct"), a_child("of-step", "Job/j2"),
    an_owner("Job/nobodys"), a_child("other", "Job/nobodys"), a_child("served", "ReplicaSet/r1"),
]  # fmt: skip
FOUND = {
    "of-job": ("w1", "w1", 1, "Job"), "of-ray": ("w1", "w1", 1, "RayCluster"), "driver": ("w1", "w1", 1, "SparkApplication"),
    "executor": ("w1", "w1", 1, "Pod"), "direct": ("w1", "w1", 1, "Workflow"), "of-step": ("w1", "w1", 1, "Job"),
}  # fmt: skip


@given(st.permutations(CHAINS))
def test_the_order_of_owners_and_pods_changes_nothing(seen: list[Observation]) -> None:
    """A pod may be observed before its Job, a Job before its workflow; each pod is counted once."""
    cluster = a_cluster()
    runs = only(PodRun, feed(cluster, *seen))

    assert places(cluster) == FOUND
    assert sorted(run.uid for run in runs) == sorted(FOUND)
    assert (list(cluster.tracked.pods_of), cluster.workflows["w1"].attempt.pods) == (["w1"], len(FOUND))


def test_a_pod_belongs_to_the_first_owner_that_leads_to_a_workflow() -> None:
    """One pod, one workflow, whatever else owns it; a workflow itself goes before all."""
    cluster = a_cluster()
    feed(cluster, an_owner("Job/j1", "Workflow/w1"), an_owner("Job/j2", "Workflow/w2"), an_owner("Job/j0"))
    feed(cluster, a_child("a", "ReplicaSet/r", "Job/j0", "Job/j2", "Job/j1"), a_child("b", "Job/j1", "Workflow/w3"))

    assert {uid: place[0] for uid, place in places(cluster).items()} == {"a": "w2", "b": "w3"}


def test_an_owner_of_another_group_leads_nowhere() -> None:
    """Anybody may call a kind Job."""
    cluster = a_cluster()
    reported = pod_json(phase="Succeeded", started=NOON, ended=NOON + SECOND)
    reported["metadata"]["ownerReferences"] = [
        {"apiVersion": "example.com/v1", "kind": "Job", "name": "j", "uid": "j1"}
    ]
    feed(cluster, an_owner("Job/j1", "Workflow/w1"), an_observation(decoded(reported, kubernetes.Pod)))

    assert cluster.pods == {}


def test_a_circle_of_owners_leads_nowhere() -> None:
    """And ends: uids come from outside."""
    cluster = a_cluster()
    feed(cluster, an_owner("Job/a", "Job/b"), an_owner("RayJob/b", "Job/a"), an_owner("Job/c", "Job/c"))
    feed(cluster, a_child("p", "Job/a"), a_child("q", "Job/c"))

    assert (cluster.pods, cluster.owners.parked("p")) == ({}, "")


def test_a_tower_of_owners_leads_nowhere() -> None:
    """Nine are more than anybody builds."""
    cluster = a_cluster()
    feed(cluster, *(an_owner(f"Job/{n}", f"Job/{n + 1}") for n in range(12)), an_owner("Job/12", "Workflow/w1"))
    feed(cluster, a_child("low", "Job/0"), a_child("high", "Job/5"))

    assert list(cluster.pods) == ["high"]


def test_what_is_gone_still_owns_until_room_is_needed() -> None:
    """The last word of a pod comes after its Job was deleted; memory is bounded all the same."""
    owners = Owners(at_most=2)
    pods = [a_child(uid, f"Job/{uid}").object for uid in ("a", "b", "c")]
    for seen in (
        an_owner("Job/a", "Workflow/w1"),
        an_owner("Job/b", "Workflow/w1"),
        an_owner("Job/b", "Workflow/w1", change="deleted"),
        Observation(KINDS["Job"], "vanished", "x", None, version=1, at=NOON, live=False),
    ):
        owners.learn(seen)
    before = [owners.resolve(pod.metadata, {}).workflow_uid for pod in pods]  # type: ignore[attr-defined]
    owners.learn(an_owner("Job/c", "Workflow/w1"))
    after = [owners.resolve(pod.metadata, {}).workflow_uid for pod in pods]  # type: ignore[attr-defined]

    assert (before, after) == (["w1", "w1", ""], ["w1", "", "w1"])


def test_a_placed_pod_outlives_the_memory_of_its_owner() -> None:
    """The end is that of the same workflow."""
    cluster = a_cluster()
    cluster.owners.at_most = 1
    feed(cluster, submitted(), an_owner("Job/j1", "Workflow/w1"))
    feed(cluster, a_child("p", "Job/j1", phase="Running", ended=None), an_owner("Job/j2", "Workflow/w1"))
    (run,) = only(PodRun, feed(cluster, a_child("p", "Job/j1", when=NOON + 95 * SECOND)))

    assert (run.workflow_uid, run.owner_kind) == ("w1", "Job")


def test_parked_pods_are_bounded_and_the_oldest_go() -> None:
    """A kind that is not watched leaves its pods waiting for ever."""
    cluster = a_cluster()
    cluster.owners.park_at_most = 2
    feed(cluster, *(a_child(uid, "Job/j1") for uid in "abc"), an_owner("Job/j1", "Workflow/w1"))

    assert sorted(cluster.pods) == ["b", "c"]


def test_a_parked_pod_is_reported_as_it_was_seen() -> None:
    """Its first sight, its end and its going, in order, when its owner comes."""
    cluster = a_cluster()
    sights = [a_child("p", "Job/j1", phase="Running", ended=None, when=NOON + n) for n in range(0, 60, 10)]
    gone = Observation("pods", "vanished", "p", None, version=10**12, at=NOON + 99 * SECOND, live=False)
    before = feed(cluster, submitted(), *sights, gone)
    after = feed(cluster, an_owner("Job/j1", "Workflow/w1"))

    assert only(PodRun, before) == []
    assert [(run.workflow_uid, run.reason) for run in only(PodRun, after)] == [("w1", "vanished")]


def test_a_parked_pod_waits_for_what_is_missing_next() -> None:
    """Its Ray cluster is known, its Ray job is not yet."""
    cluster = a_cluster()
    child = a_child("p", "RayCluster/rc")
    feed(cluster, child, an_owner("RayCluster/rc", "RayJob/rj"))
    first = cluster.owners.parked("p")
    feed(cluster, a_child("q", "Job/j1"), a_child("q", "Job/j2", when=NOON + 95 * SECOND))

    assert (first, cluster.owners.parked("q"), cluster.owners.parked("unknown")) == ("rj", "j2", "")


# By label, where the operator says so.


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        ([a_child("p", labels={"flow": "w1"})], ""),
        ([a_child("p", "ReplicaSet/r1", labels={"flow": "w1"})], "ReplicaSet"),
        ([an_owner("Job/j1", labels={"flow": "w1"}), a_child("p", "Job/j1")], "Job"),
    ],
)
def test_a_label_names_the_workflow(seen: list[Observation], kind: str, turned: bool) -> None:
    """On the pod or on its owner, whichever kind is observed first."""
    cluster = a_cluster(LABELLED)
    feed(cluster, *([*seen, submitted()] if turned else [submitted(), *seen]))

    assert places(cluster) == {"p": ("w1", "w1", 1, kind)}


@pytest.mark.parametrize(
    ("workflows", "labels"),
    [
        ([submitted("w1"), submitted("w2")], {"flow": ""}),
        ([an_observation(a_workflow("w1", name="a")), an_observation(a_workflow("w2", name="a"))], {"flow": "a"}),
        ([an_observation(a_workflow("w1", name="a", namespace="other"))], {"flow": "a"}),
        (
            [
                an_observation(a_workflow("w1", name="a"), "added"),
                an_observation(a_workflow("w1", name="a"), "deleted", when=NOON + 9000),
            ],
            {"flow": "a"},
        ),
        ([an_observation(a_workflow("w1", name="a", created=NOON + SECOND))], {"flow": "a"}),
        ([an_observation(a_workflow("w1", name="a"), "deleted")], {"flow": "a"}),
    ],
    ids=[
        "empty",
        "two of one name",
        "another namespace",
        "deleted",
        "made later than the pod",
        "deleted at first sight",
    ],
)
def test_a_label_that_names_no_one_workflow_joins_nothing(workflows: list[Observation], labels: dict[str, str]) -> None:
    """Names are reused: a bill must not go to the present holder of the name."""
    cluster = a_cluster(LABELLED)
    feed(cluster, *workflows, a_child("p", labels=labels))

    assert cluster.pods == {}


def test_of_two_workflows_of_one_name_the_one_that_is_left_counts() -> None:
    """A deleted one does not stand in the way of its successor."""
    cluster = a_cluster(LABELLED)
    first, second = (an_observation(a_workflow(uid, name="a"), when=NOON + n) for n, uid in enumerate(("w1", "w2")))
    feed(cluster, first, second, an_observation(a_workflow("w1", name="a"), "deleted", when=NOON + 5000))
    feed(cluster, a_child("p", labels={"flow": "a"}))

    assert places(cluster) == {"p": ("w2", "a", 1, "")}


def test_an_owner_goes_before_a_label() -> None:
    """A reference is a uid, a label is a word."""
    cluster = a_cluster(LABELLED)
    feed(cluster, submitted("w1"), submitted("w2"), an_owner("Job/j1", "Workflow/w1"))
    feed(cluster, a_child("p", "Job/j1", labels={"flow": "w2"}))

    assert places(cluster)["p"][0] == "w1"


def test_a_label_still_names_the_workflow_after_a_restart() -> None:
    """Names are known again from the checkpoint, before a list comes."""
    cluster = a_cluster(LABELLED)
    feed(cluster, submitted())
    again = a_cluster(LABELLED)
    again.adopt(cluster.workflows.values(), ())
    feed(again, a_child("p", labels={"flow": "w1"}))

    assert places(again) == {"p": ("w1", "w1", 1, "")}


def test_a_pod_of_the_second_attempt_is_reported_by_when_it_was_made() -> None:
    """As one that the workflow owns itself."""
    cluster = a_cluster()
    again = a_workflow(phase="Running", started=NOON + 500 * SECOND)
    feed(cluster, submitted(), finished(phase="Failed"), an_observation(again, when=NOON + 501 * SECOND))
    feed(cluster, an_owner("Job/j1", "Workflow/w1"), a_child("early", "Job/j1"), an_observation(ended_pod("direct")))
    feed(cluster, a_child("late", "Job/j1", created=NOON + 510 * SECOND, when=NOON + 600 * SECOND))

    assert {uid: place[2] for uid, place in places(cluster).items()} == {"early": 1, "direct": 1, "late": 2}
