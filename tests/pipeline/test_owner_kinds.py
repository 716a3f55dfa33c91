"""
Each kind between a workflow and a pod: its chain leads to the workflow, and the pod's cost with it.

Objects are made by hand from the documented fields of each project. In each chain the pod stands first and what the workflow
owns stands last; `?` marks an object that the collector does not see, and `@` stands before the pod's labels.
"""

from itertools import permutations
from typing import Any

import msgspec
import pytest

from collector.core.facts.bills import PodCost, PodRun
from collector.core.messages import Observation
from collector.core.objects import kubernetes
from collector.core.objects.owner_kinds import OWNER_KINDS, OWNER_NAMES
from tests.builders import NOON, SECOND, an_observation, decoded, iso, pod_json
from tests.flow import SUBMITTED, a_pipeline, drained, only

BATCH, RAY, SPARK, KUBEFLOW = "batch/v1", "ray.io/v1", "sparkoperator.k8s.io/v1beta2", "kubeflow.org/v1"
JOBSET, LWS = "jobset.x-k8s.io/v1alpha2 JobSet", "leaderworkerset.x-k8s.io/v1 LeaderWorkerSet"
WORKFLOW = "argoproj.io/v1alpha1 Workflow"
STATEFUL = "?apps/v1 StatefulSet"

CHAINS: dict[str, tuple[str, ...]] = {
    "jobs": (f"{BATCH} Job",),
    "jobsets": (f"{BATCH} Job", JOBSET),
    "jobsets, its Job is gone": (f"?{BATCH} Job", JOBSET, "@jobset.sigs.k8s.io/jobset-name"),
    "rayclusters": (f"{RAY} RayCluster",),
    "rayjobs": (f"{RAY} RayCluster", f"{RAY} RayJob"),
    "rayjobs, submitter": (f"{BATCH} Job", f"{RAY} RayJob"),
    "rayservices": (f"{RAY} RayCluster", f"{RAY} RayService"),
    "raycronjobs": (f"{RAY} RayCluster", f"{RAY} RayJob", f"{RAY} RayCronJob"),
    "sparkapplications, driver": (f"{SPARK} SparkApplication",),
    "sparkapplications, executor of a driver that is gone": (
        "?v1 Pod", f"{SPARK} SparkApplication", "@sparkoperator.k8s.io/app-name",
    ),
    "scheduledsparkapplications": (f"{SPARK} SparkApplication", f"{SPARK} ScheduledSparkApplication"),
    "sparkconnects": ("sparkoperator.k8s.io/v1alpha1 SparkConnect",),
    "tfjobs": (f"{KUBEFLOW} TFJob",),
    "pytorchjobs": (f"{KUBEFLOW} PyTorchJob",),
    "mpijobs": (f"{KUBEFLOW} MPIJob",),
    "mpijobs, launcher of v2": (f"{BATCH} Job", "kubeflow.org/v2beta1 MPIJob"),
    "mpijobs, launcher whose Job is gone": (
        f"?{BATCH} Job", "kubeflow.org/v2beta1 MPIJob", "@training.kubeflow.org/job-name",
    ),
    "xgboostjobs": (f"{KUBEFLOW} XGBoostJob",),
    "paddlejobs": (f"{KUBEFLOW} PaddleJob",),
    "jaxjobs": (f"{KUBEFLOW} JAXJob",),
    "trainjobs": (f"{BATCH} Job", JOBSET, "trainer.kubeflow.org/v1alpha1 TrainJob"),
    "trainjobs, its JobSet is gone": (
        f"?{BATCH} Job", f"?{JOBSET}", "trainer.kubeflow.org/v1alpha1 TrainJob", "@jobset.sigs.k8s.io/jobset-name",
    ),
    "jobs.batch.volcano.sh": ("batch.volcano.sh/v1alpha1 Job",),
    "leaderworkersets, leader": (STATEFUL, LWS, "@leaderworkerset.sigs.k8s.io/name"),
    "leaderworkersets, worker": (STATEFUL, "?v1 Pod", STATEFUL, LWS, "@leaderworkerset.sigs.k8s.io/name"),
    "appwrappers": (f"{KUBEFLOW} PyTorchJob", "workload.codeflare.dev/v1beta2 AppWrapper"),
    "appwrappers, what it wraps is not watched": (
        "?apps/v1 Deployment", "workload.codeflare.dev/v1beta2 AppWrapper", "@workload.codeflare.dev/appwrapper",
    ),
}  # fmt: skip
NAMES = {(row.group, row.kind): row.name for row in OWNER_KINDS}


def reference(what: str, uid: str) -> list[dict[str, Any]]:
    """The owner references of what `uid` controls."""
    version, kind = what.removeprefix("?").split()
    return [{"apiVersion": version, "kind": kind, "name": uid, "uid": uid, "controller": True}]


def observed(chain: tuple[str, ...]) -> list[Observation]:
    """The objects of a chain that the collector sees, and its pod last. Uids count upwards from the pod, and are the names."""
    label = next((part[1:] for part in chain if part.startswith("@")), "")
    objects = [part for part in chain if not part.startswith("@")]
    owners = [reference(what, f"o{n}") for n, what in enumerate(objects)] + [reference(WORKFLOW, "w1")]
    seen = [an_owner(what, f"o{n}", owners[n + 1]) for n, what in enumerate(objects) if not what.startswith("?")]
    reported = pod_json(
        "p1", phase="Succeeded", started=NOON, ended=NOON + 70 * SECOND, labels={label: f"o{len(objects) - 1}"}
    )
    reported["metadata"]["ownerReferences"] = owners[0]
    return [*seen, an_observation(decoded(reported, kubernetes.Pod), when=NOON + 71 * SECOND)]


def an_owner(what: str, uid: str, owners: list[dict[str, Any]], created: int = NOON) -> Observation:
    """A sight of the object."""
    version, kind = what.split()
    meta = {"name": uid, "namespace": "team", "uid": uid, "creationTimestamp": iso(created), "ownerReferences": owners}
    seen = decoded({"metadata": meta}, kubernetes.PartialObject)
    return Observation(NAMES[version.rpartition("/")[0], kind], "added", uid, seen, version=1, at=created, live=True)


def test_there_is_a_chain_for_each_kind() -> None:
    """A row without one is a guess."""
    assert {name.partition(",")[0] for name in CHAINS} == set(OWNER_NAMES)
    assert len(set(OWNER_NAMES)) == len(OWNER_KINDS)


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_leads_to_the_workflow_and_its_cost(name: str) -> None:
    """The pod's row and its charge are those of the workflow, and the row says what owns the pod."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, *observed(CHAINS[name])])
    facts = drained(flow).facts
    direct = CHAINS[name][0].split()[1]

    assert {(run.uid, run.workflow_uid, run.owner_kind) for run in only(PodRun, facts)} == {("p1", "w1", direct)}
    (charge,) = only(PodCost, facts)
    assert charge.workflow_uid == "w1"
    assert charge.cost is not None
    assert charge.cost > 0


@pytest.mark.parametrize("name", [name for name, chain in CHAINS.items() if not any("?" in part for part in chain)])
def test_the_order_of_a_chain_changes_nothing(name: str) -> None:
    """Each kind is watched on a connection of its own; a pod waits for whichever object is missing."""
    for order in permutations(observed(CHAINS[name])):
        flow = a_pipeline()
        flow.take("c1", [SUBMITTED, *order])
        assert [charge.workflow_uid for charge in only(PodCost, drained(flow).facts)] == ["w1"]


def test_a_kind_of_another_group_is_no_link() -> None:
    """Two groups have a Job: each is known by its own, and a third one's leads nowhere."""
    job, pod = observed((f"{BATCH} Job",))
    assert isinstance(pod.object, kubernetes.Pod)
    (owner,) = pod.object.metadata.ownerReferences or [kubernetes.OwnerReference()]
    found = []
    for group in ("batch/v1", "batch.volcano.sh/v1alpha1", "example.com/v1"):
        owner.apiVersion = group
        flow = a_pipeline()
        flow.take("c1", [SUBMITTED, job, pod])
        found.append(len(only(PodCost, drained(flow).facts)))

    assert found == [1, 1, 0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, "w2"), ({"labels": {"jobset.sigs.k8s.io/jobset-name": "another"}}, ""), ({"namespace": "another"}, "")],
)
def test_a_label_names_the_newest_object_that_is_not_younger_than_the_pod(changes: Any, expected: str) -> None:
    """Names are reused: by the JobSet of an earlier workflow, and by one that is made after the pod."""
    pod = observed(CHAINS["jobsets, its Job is gone"])[-1]
    assert isinstance(pod.object, kubernetes.Pod)
    meta = msgspec.structs.replace(pod.object.metadata, creationTimestamp=iso(NOON + 10 * SECOND), **changes)
    pod = msgspec.structs.replace(pod, object=msgspec.structs.replace(pod.object, metadata=meta))
    sets = [an_owner(JOBSET, "o1", reference(WORKFLOW, f"w{n}"), created=NOON + n * 4 * SECOND) for n in range(1, 4)]
    sets = [msgspec.structs.replace(seen, uid=f"s{n}") for n, seen in enumerate(sets)]
    flow = a_pipeline()
    flow.take("c1", [*sets, pod])

    assert [state.run.workflow_uid for state in flow.clusters["c1"].pods.values()] == ([expected] if expected else [])


def test_a_label_is_forgotten_with_its_object() -> None:
    """Memory is bounded: what is forgotten leads nowhere any more, and no name is left behind."""
    flow = a_pipeline()
    owners = flow.clusters["c1"].owners
    owners.at_most = 2
    flow.take("c1", [an_owner(JOBSET, f"s{n}", reference(WORKFLOW, "w1")) for n in range(3)])
    twice = msgspec.structs.replace(an_owner(JOBSET, "s2", reference(WORKFLOW, "w1")), uid="t2", version=2)
    flow.take("c1", [twice, an_owner(JOBSET, "s9", reference(WORKFLOW, "w1"))])

    assert {name: [*uids] for name, uids in owners._between_named.items()} == {
        "jobset.sigs.k8s.io/jobset-name=team/s2": ["t2"],
        "jobset.sigs.k8s.io/jobset-name=team/s9": ["s9"],
    }
