"""What a pod that has not started waits for, by its conditions and containers."""

from typing import Any

import pytest

from collector.core.objects import kubernetes
from collector.core.pod import lifecycle as pod_lifecycle
from collector.core.pod.state import PodState
from tests.builders import (
    DAY,
    NOON,
    a_condition,
    a_pod,
    running_pod,
)
from tests.core.pod.test_lifecycle import PLACE, hanging, lived
from tests.replay import observations


def unfit(message: str) -> kubernetes.Pod:
    stated = [a_condition("PodScheduled", NOON, "False", reason="Unschedulable", message=message)]
    return a_pod(conditions=stated, containers=[])


def awaits(pod: kubernetes.Pod) -> tuple[str, str, str]:
    pod_state = lived(pod)
    return pod_state.waits, pod_state.waits_on, pod_state.waits_words


@pytest.mark.parametrize(
    ("words", "reason", "on"),
    [
        ("0/2 nodes are available: 2 Insufficient nvidia.com/gpu.", "unschedulable", ""),
        ("exceeds ElasticQuota max of team", "quota", ""),
        ("Pod team/p1 is rejected in PreFilter because ElasticQuota team is more than Max", "quota", "team"),
        ("rejected in PreFilter because total ElasticQuota used is more than min", "quota", ""),
        ("Insufficient quotas, quotaName: maps, runtime: {}, used: {}, exceedDimensions: [cpu]", "quota", "maps"),
        ('pods "p1" is forbidden: exceeded quota: gpu, requested: pods=1', "quota", "gpu"),
        ("pod has unbound immediate PersistentVolumeClaims", "volume", ""),
        ('0/3 nodes are available: persistentvolumeclaim "data" not found.', "volume", "data"),
        ("1 node(s) had volume node affinity conflict", "volume", ""),
    ],
)
def test_a_scheduler_states_why_it_does_not_place_a_pod(words: str, reason: str, on: str) -> None:
    """The message distinguishes a quota or a volume from a lack of nodes, and is kept."""
    assert awaits(unfit(words)) == (reason, on, words)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"reason": "NoStock", "message": "Create ECI failed because the specified instance is out of stock. 2c4g"},
         "Create ECI failed because the specified instance is out of stock. 2c4g"),
        ({"reason": "NoStock"}, "NoStock"),
        ({"reason": "Failed", "message": "out of stock"}, "out of stock"),
    ],
)  # fmt: skip
def test_a_cloud_without_a_machine_left_is_no_quota(condition: dict[str, str], words: str) -> None:
    """It says so in a condition of its own, before anything of the pod starts; raising a quota does not help."""
    assert awaits(a_pod(conditions=[a_condition("ContainerInstanceCreated", NOON, "False", **condition)])) == (
        "stock", "", words,
    )  # fmt: skip


@pytest.mark.parametrize(
    "condition", [{"status": "True", "reason": "NoStock"}, {"status": "False", "reason": "Creating"}]
)
def test_an_instance_that_is_being_made_waits_for_nothing(condition: dict[str, str]) -> None:
    """Nor does one that was made after all."""
    assert awaits(a_pod(conditions=[a_condition("ContainerInstanceCreated", NOON, **condition)])) == ("", "", "")


@pytest.mark.parametrize(
    ("container", "on", "words"),
    [
        (hanging("ImagePullBackOff", image="a:1", message='Back-off  pulling image "a:1"'), "a:1",
         'ImagePullBackOff: Back-off pulling image "a:1"'),
        (hanging("ErrImagePull", message='failed to pull image "b:2": not found'), "b:2",
         'ErrImagePull: failed to pull image "b:2": not found'),
        (hanging("InvalidImageName"), "", "InvalidImageName"),
    ],
)  # fmt: skip
def test_an_image_that_cannot_be_had_is_named(container: dict[str, Any], on: str, words: str) -> None:
    """By the container's status, else by the kubelet's message."""
    assert awaits(a_pod(containers=[container])) == ("image", on, words)
    assert awaits(a_pod(initContainerStatuses=[container])) == ("image", on, words)


def test_of_several_images_the_users_is_named() -> None:
    """Argo's own containers stand before it, in every pod of a node that cannot reach its registry."""
    own = [hanging("ErrImagePull", image=f"{name}:1") | {"name": name} for name in ("wait", "sidecar", "main")]
    init = [hanging("ErrImagePull", image="argoexec:1") | {"name": "init"}]

    assert awaits(a_pod(containers=own, initContainerStatuses=init))[1] == "main:1"
    assert awaits(a_pod(containers=own[:2], initContainerStatuses=init))[1] == "sidecar:1"
    assert awaits(a_pod(containers=own[:1], initContainerStatuses=init))[1] == "argoexec:1"


@pytest.mark.parametrize("container", [hanging("ContainerCreating"), hanging(""), {"name": "main"}])
def test_a_container_on_its_way_waits_for_nothing(container: dict[str, Any]) -> None:
    """Most are created for seconds."""
    assert awaits(a_pod(containers=[container])) == ("", "", "")


def test_a_pod_that_got_on_or_is_gone_waits_for_nothing() -> None:
    """What held it is forgotten with it, also if its deletion was missed."""
    hung = a_pod(containers=[hanging("ErrImagePull", image="a:1")])
    ends = [
        lived(hung, running_pod()),
        lived(hung, (hung, "deleted")),
        pod_lifecycle.close(lived(hung), NOON + DAY, 7, "x", over_by=NOON + DAY),
    ]

    assert [(pod_state.waits, pod_state.waits_on, pod_state.waits_words) for pod_state in ends] == [("", "", "")] * 3


def test_pods_that_wait_with_the_same_words_share_them() -> None:
    """Thousands do."""
    first, second = lived(unfit("no node for it")), lived(unfit("no node for it"))

    assert first.waits_words is second.waits_words


def test_recorded_pods_that_never_started_say_why() -> None:
    """Read from the raw JSON: an image pull that hangs in two containers, and a pod without a fitting node."""
    pod_states: dict[str, PodState] = {}
    for seen in observations("basics"):
        if seen.kind == "pods":
            pod_states[seen.uid] = pod_lifecycle.observe(pod_states.get(seen.uid), seen, PLACE)
    waiting = {
        pod_state.run.name: (pod_state.waits, pod_state.waits_on, pod_state.waits_words)
        for pod_state in pod_states.values()
        if pod_state.waits
    }

    assert waiting == {
        "image-pull-stuck": ("image", "nosuch", 'ImagePullBackOff: Back-off pulling image "nosuch"'),
        "unschedulable": ("unschedulable", "", "0/2 nodes are available: 2 Insufficient nvidia.com/gpu."),
    }
