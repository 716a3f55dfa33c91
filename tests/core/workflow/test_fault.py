"""Whose fault a failed step was, by the words of kubelets, clouds and the controller."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.objects.pod_ends import DISRUPTIONS, POD_REASONS
from collector.core.objects.status_nodes import Node, Outputs
from collector.core.workflow import outcome
from collector.core.workflow.outcome import Ending, waits_out, with_pod
from tests.builders import a_leaf


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The node was low on resource: memory. Container main was using 3Gi", "evicted"),
        ("The node had condition: [DiskPressure]. ", "evicted"),
        ("Pod was rejected: The node had condition: [MemoryPressure]. ", "evicted"),
        ("Pod Evicted", "evicted"),
        ("Preempted in order to admit critical pod", "preempted"),
        ("Preempting: preempted to admit a critical pod", "preempted"),
        ("NodeLost", "node_lost"),
        ("Node gpu-7 which was running pod train-1 is unresponsive", "node_lost"),
        ("Pod was terminated in response to imminent node shutdown.", "node_lost"),
        ("Pod was rejected as the node is shutting down.", "node_lost"),
        ("Pod was rejected: Node is in progress of shutting down, not admitting any new pods", "node_lost"),
        ("main: ContainerStatusUnknown (exit code 137): The container could not be located", "node_lost"),
        ("Unknown (exit code 255)", "node_lost"),
        ("Pod was rejected: Node didn't have enough resource: cpu, requested: 2000", "rejected"),
        ("Pod Predicate NodeAffinity failed", "rejected"),
        ("SpotReleased", "spot_reclaimed"),
        ("BidExpired", "spot_reclaimed"),
        ("The pod is spot instance, and have been released at 2026-11-22T12:00Z", "spot_reclaimed"),
        ('ImagePullBackOff: Back-off pulling image "x"', "image_pull"),
        ("ErrImageNeverPull", "image_pull"),
        ('Pod failed before main container starts due to ImagePullBackOff: Back-off pulling image "x"', "image_pull"),
        ('pods "x" is forbidden: exceeded quota: team, requested: pods=1', "quota"),
        ("task 'wf.a' errored: pods \"x\" is forbidden: exceeded quota: team", "quota"),
        ("NoStock", "no_stock"),
        ("Create ECI failed because: OperationDenied.NoStock", "no_stock"),
        ("can't find failed message for pod wf-1 namespace team", "never_started"),
        ("Pod failed before wait container starts due to ContainerCreating: ", "never_started"),
        ("pod deleted", "pod_deleted"),
        ("pod failed: neither main nor wait container completed successfully", "pod_lost"),
        ("Request entity too large: limit is 3145728", "too_large"),
        ("workflow is longer than maximum allowed size. compressed size 2 > maxSize 1", "too_large"),
        ("offload node status is not supported", "too_large"),
        ("error in entry template execution: etcdserver: request is too large", "too_large"),
    ],
)
def test_the_platform_failed_in_these_words(text: str, reason: str) -> None:
    """The cloud's, the cluster's and the controller's words page an SRE."""
    assert outcome.fault(a_leaf(0, "Failed", text)) == Ending("platform", reason)
    assert reason in outcome.PLATFORM_REASONS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("main: OOMKilled (exit code 137)", "oom"),
        ("OOMKilled (exit code 137)", "oom"),
        ("main: Error (exit code 3)", "exit_3"),
        (" (exit code 2)", "exit_2"),
        ("main: Error (exit code 3221225786): crashed", "exit_3221225786"),
        ("main: Error (exit code 137)", "exit_137"),
        ("my-sidecar: Error (exit code 1)", "exit_1"),
        ("failed with exit code 4", "exit_4"),
        ("Step exceeded its deadline", "deadline"),
        ("Pod was active on the node longer than the specified deadline", "deadline"),
        ("Max duration limit exceeded", "deadline"),
        ("timeout", "deadline"),
        ("Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ", "ephemeral_storage"),
        ('Usage of EmptyDir volume "tmp" exceeds the limit "1Gi". ', "ephemeral_storage"),
        ("Pod failed before main container starts due to CreateContainerConfigError: no secret", "container_config"),
        ("failed to resolve {{inputs.parameters.x}}", "template_error"),
        ("No more retries left", "step_failed"),
        ("", "step_failed"),
    ],
)
def test_the_users_own_code_or_limit_failed_in_these_words(text: str, reason: str) -> None:
    """An exit code, an OOM kill or a full disk at the container's own limit, a deadline: no SRE can help."""
    assert outcome.fault(a_leaf(0, "Failed", text)) == Ending("failed", reason)


PLATFORM_WORDS = (
    "Evicted",
    "pod deleted",
    "NoStock",
    'pods "x" is forbidden: exceeded quota',
    "The node was low on resource",
)


@pytest.mark.parametrize("words", PLATFORM_WORDS)
def test_a_user_who_quotes_the_platform_is_still_the_user(words: str) -> None:
    """What follows an exit code is the container's own last message, and of an HTTP step all is."""
    assert outcome.fault(a_leaf(0, "Failed", f"main: Error (exit code 1): {words} from cache")) == Ending(
        "failed", "exit_1"
    )
    assert outcome.fault(a_leaf(0, "Failed", f"it wrote: {words}")) == Ending("failed", "step_failed")
    for kind in ("HTTP", "Plugin", "Suspend"):
        assert outcome.fault(a_leaf(0, "Failed", words, kind)) == Ending("failed", "step_failed")


@given(st.sampled_from(["Failed", "Error"]), st.text(), st.sampled_from(["Pod", "HTTP", ""]))
def test_every_platform_reason_is_one_of_the_known(phase: str, text: str, kind: str) -> None:
    """They label a metric."""
    ended = outcome.fault(a_leaf(0, phase, text, kind))

    assert ended.outcome == "failed" or ended.reason in outcome.PLATFORM_REASONS


def test_a_long_message_is_judged_by_its_beginning() -> None:
    """A megabyte of a container's last words must cost no second."""
    assert outcome.fault(a_leaf(0, "Failed", "x" * 5000 + "exit code 3")) == Ending("failed", "step_failed")


def test_an_error_without_a_reason_is_the_controllers() -> None:
    """Argo says Error where it could not do its work, Failed where the step did not do its."""
    assert outcome.fault(a_leaf(0, "Error", "task 'x' errored: boom")) == Ending("platform", "controller_error")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wait: Error (exit code 64): failed to put file: connection refused", Ending("platform", "executor_error")),
        ("init: OOMKilled (exit code 137)", Ending("platform", "executor_error")),
        ("Error (exit code 64): path /tmp/out does not exist", Ending("failed", "missing_artifact")),
        ("wait: Error (exit code 64): open /in: no such file or directory", Ending("failed", "missing_artifact")),
    ],
)
def test_an_error_of_argos_own_container(text: str, expected: Ending) -> None:
    """An Error with an exit code is init's or wait's: theirs, unless what the user promised is not there."""
    assert outcome.fault(a_leaf(0, "Error", text)) == expected


# A deadline, and what the pod says.

DEADLINE = Ending("failed", "deadline", "n", "train")


@pytest.mark.parametrize(
    ("started", "node", "waited"),
    [
        (False, None, True),
        (True, None, False),
        (True, Node(type="Pod"), False),
        (False, Node(type="Pod", hostNodeName="m"), True),
        (None, Node(type="Pod"), True),
        (None, Node(type="Pod", hostNodeName="m"), False),
        (None, Node(type="Pod", outputs=Outputs("1")), False),
        (None, Node(type="Suspend"), False),
        (None, None, False),
    ],
)
def test_a_deadline_that_was_spent_waiting_is_the_platforms(
    started: bool | None, node: Node | None, waited: bool
) -> None:
    """The pod shows whether its main container ever ran; without a pod, a step without a node did not."""
    expected = Ending("platform", "deadline_waiting", "n", "train") if waited else DEADLINE

    assert waits_out(DEADLINE, started, node) == expected


def test_only_a_deadline_can_be_spent_waiting() -> None:
    """Other ends have their own reason."""
    for ended in (Ending("failed", "exit_1"), Ending("succeeded"), Ending("platform", "quota")):
        assert waits_out(ended, False, None) == ended


def test_the_pods_own_reason_states_who_killed_a_container() -> None:
    """Argo's message has the pod's message and not its reason; an own exit code is the user's, whatever followed."""
    assert with_pod(Ending("failed", "exit_143", "n"), "BidExpired", "") == Ending("platform", "spot_reclaimed", "n")
    assert with_pod(Ending("platform", "pod_deleted"), "Preempting", "") == Ending("platform", "preempted")
    assert with_pod(Ending("failed", "exit_143"), "Error", "") == Ending("failed", "exit_143")
    for ended in (Ending("failed", "exit_1"), Ending("failed", "ephemeral_storage"), Ending("succeeded")):
        assert with_pod(ended, "Evicted", "") == ended
    assert {*POD_REASONS.values(), *DISRUPTIONS.values()} <= outcome.PLATFORM_REASONS


@pytest.mark.parametrize("reason", ["exit_143", "exit_137", "exit_1", "pod_deleted", "executor_error", "step_failed"])
def test_the_pods_condition_states_who_took_it_away(reason: str) -> None:
    """With any exit code; what the cloud says of a spot instance explains a drain."""
    ended = Ending("failed", reason, "n")

    assert with_pod(ended, "Error", "EvictionByEvictionAPI") == Ending("platform", "drained", "n")
    assert with_pod(Ending("failed", "exit_143"), "SpotReleased", "EvictionByEvictionAPI").reason == "spot_reclaimed"


@pytest.mark.parametrize("ended", [Ending("failed", "oom"), Ending("failed", "deadline"), Ending("succeeded")])
def test_an_own_limit_is_the_users_in_spite_of_a_disruption(ended: Ending) -> None:
    """The step's own words name it."""
    assert with_pod(ended, "Error", "PreemptionByScheduler") == ended
