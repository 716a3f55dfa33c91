"""What is kept of a pod: its names, owner, node and the labels that decide a price."""

import pytest

from collector.core.objects import kubernetes
from collector.core.pod import lifecycle as pod_lifecycle
from collector.core.pod.price_marks import REGION, ZONE
from tests.builders import (
    MINUTE,
    NOON,
    SECOND,
    a_place,
    a_pod,
    a_pod_run,
    an_observation,
    decoded,
    ended_pod,
    pod_json,
)
from tests.core.pod.test_lifecycle import PLACE, run_of


def test_only_what_decides_a_price_is_kept() -> None:
    """Labels and annotations of a pod may hold anything."""
    reported = ended_pod(labels={"alibabacloud.com/acs": "true", "secret": "s"}, annotations={"token": "t"})

    assert run_of(reported).pricing == {"alibabacloud.com/acs": "true"}


ACS_GRANTED = {
    "alibabacloud.com/instance-id": "acs-2ze1", "alibabacloud.com/pod-use-spec": "2-8Gi",
    "alibabacloud.com/pod-gpu-use-spec": "1", "alibabacloud.com/pod-ephemeral-storage": "30Gi",
}  # fmt: skip


def test_what_a_bill_of_acs_can_name_is_kept() -> None:
    """The id of the instance, its GPUs and its storage, as the provider states them."""
    granted = ACS_GRANTED | {REGION: "cn-beijing", ZONE: "cn-beijing-k"}

    run = run_of(ended_pod(annotations=granted))

    assert (run.pricing, run.region, run.zone) == (ACS_GRANTED, "cn-beijing", "cn-beijing-k")


@pytest.mark.parametrize("instance", ["i-wz960", "acs", "", "ACS-1", " acs-1"])
def test_the_id_of_a_machine_is_no_instance_of_acs(instance: str) -> None:
    """Nodes of other kinds have a label of the same name; a pod may bear a copy of it."""
    key = "alibabacloud.com/instance-id"
    pods = [ended_pod(labels={key: instance}), ended_pod(annotations={key: instance}), ended_pod(labels={key: "acs-1"})]
    on_node = a_place(node_labels={key: "acs-1"})

    assert all(key not in run_of(reported).pricing for reported in pods)
    run = pod_lifecycle.observe(None, an_observation(ended_pod()), on_node).run
    assert not any(key in kept for kept in run.pricing)


NODE = {REGION: "cn-hangzhou", ZONE: "cn-hangzhou-h"}
STATED = {REGION: "cn-beijing", ZONE: "cn-beijing-k"}
CLUSTER_ONLY = ("eu-central-1", "")


@pytest.mark.parametrize(
    ("labels", "annotations", "node", "expected"),
    [
        ({}, {}, {}, CLUSTER_ONLY),
        ({}, {}, NODE, tuple(NODE.values())),
        (STATED, {}, NODE, tuple(STATED.values())),
        ({}, STATED, NODE, tuple(NODE.values())),
        ({}, STATED, {}, tuple(STATED.values())),
        ({}, STATED | ACS_GRANTED, NODE, tuple(STATED.values())),
        ({}, ACS_GRANTED, NODE, tuple(NODE.values())),
        ({REGION: ""}, {REGION: ""} | ACS_GRANTED, NODE, tuple(NODE.values())),
        ({}, {"k8s.aliyun.com/eci-instance-zone": "cn-hangzhou-k"}, NODE, tuple(NODE.values())),
        (
            {},
            {"k8s.aliyun.com/eci-instance-zone": "cn-hangzhou-k", "k8s.aliyun.com/eci-instance-id": "eci-1"},
            NODE,
            ("cn-hangzhou", "cn-hangzhou-k"),
        ),
    ],
)
def test_a_providers_word_on_region_and_zone_counts_for_its_own_instances(
    labels: dict[str, str], annotations: dict[str, str], node: dict[str, str], expected: tuple[str, str]
) -> None:
    """On a real node its labels count: an annotation there is anyone's. The cluster's region is the last resort."""
    place = a_place(node_labels=node, region="eu-central-1")
    run = pod_lifecycle.observe(None, an_observation(ended_pod(labels=labels, annotations=annotations)), place).run

    assert (run.region, run.zone) == expected


@pytest.mark.parametrize(
    ("name", "node_id", "template"),
    [
        ("w1-train-123", "w1-123", "train"),
        ("w1-two-words-123", "w1-123", "two-words"),
        ("w1", "w1", ""),
        ("w1-123", "w1-123", ""),
        ("other-train-123", "w1-123", ""),
        ("w1-train-999", "w1-123", ""),
    ],
)
def test_the_template_is_read_from_a_name_of_the_known_form_only(name: str, node_id: str, template: str) -> None:
    """Names are workflow-template-hash from Argo 3.4 on; other names have no template."""
    reported = pod_json(name=name)
    reported["metadata"]["annotations"] = {pod_lifecycle.NODE_ID: node_id}

    assert run_of(decoded(reported, kubernetes.Pod)).template == template


def test_a_pod_of_an_unnamed_workflow_has_its_name_from_the_label() -> None:
    """The owner reference has it nearly always."""
    reported = pod_json(labels={pod_lifecycle.WORKFLOW_LABEL: "nightly"})
    place = a_place(workflow_name="")
    run = pod_lifecycle.observe(None, an_observation(decoded(reported, kubernetes.Pod)), place).run

    assert (run.workflow_name, run.template) == ("nightly", "")


def test_a_pod_without_a_creation_instant_was_made_when_it_was_first_seen() -> None:
    """It is part of its key and must not move."""
    reported = pod_json()
    del reported["metadata"]["creationTimestamp"]
    pod = decoded(reported, kubernetes.Pod)

    assert run_of(pod, pod, when=NOON + MINUTE).created_at == NOON + MINUTE


def test_an_empty_object_is_a_pod_all_the_same() -> None:
    """Everything may be missing but the identity."""
    empty = kubernetes.Pod(kubernetes.Meta(uid="p1"))
    pod_state = pod_lifecycle.observe(None, an_observation(empty, "listed", when=NOON), PLACE)

    assert (pod_state.stage, pod_state.run.name, pod_state.historic) == ("starting", "", False)


def test_only_argo_workflows_own_pods_directly() -> None:
    """Other groups may have a kind of that name."""
    owners = [
        {"apiVersion": "other.io/v1", "kind": "Workflow", "uid": "a"},
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "uid": "b"},
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"},
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "uid": "c"},
    ]
    reported = pod_json()
    reported["metadata"]["ownerReferences"] = owners
    owner = pod_lifecycle.workflow_owner(decoded(reported, kubernetes.Pod).metadata)

    assert owner is not None
    assert owner.uid == "c"
    assert pod_lifecycle.workflow_owner(kubernetes.Meta()) is None


def test_the_node_may_be_overruled_by_the_pods_own_labels() -> None:
    """A virtual node spans zones; the pod knows its own."""
    place = a_place(node_labels={ZONE: "z-node", REGION: "r-node"})
    pod = a_pod(labels={ZONE: "z-pod"})
    run = pod_lifecycle.observe(None, an_observation(pod), place).run

    assert (run.zone, run.region) == ("z-pod", "r-node")


def test_the_builders_pod_is_what_the_decoder_makes_of_the_builders_object() -> None:
    """Tests that start from evidence must not drift from those that start from objects."""
    run = pod_lifecycle.observe(None, an_observation(ended_pod()), PLACE).run
    expected = a_pod_run(version=run.version, region="", start_latency_ms=10 * SECOND, start_latency_source="object")

    assert run == expected
