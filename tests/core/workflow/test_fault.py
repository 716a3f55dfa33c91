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
        (
            'failed to look-up entrypoint/cmd for image "x:1", you must either: GET https://r: UNAUTHORIZED',
            "image_pull",
        ),
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


# A spec that was never valid, and a template that could not be filled in.

NEVER_VALID = [
    "template nope not found",
    "template  not found",
    "template nope not found in workflow template shared",
    "workflow template nowhere not found",
    'workflowtemplates.argoproj.io "nowhere" not found',
    'clusterworkflowtemplates.argoproj.io "nowhere" not found',
    'workflowtemplate.argoproj.io "nowhere" not found',
    "inputs.parameters.must was not supplied",
    "inputs.artifacts.model was not supplied",
    "inputs.artifacts.model missing location information",
    "template 'x' type is unknown",
    "Template 'x' missing specification",
    "Error applying PodSpecPatch",
    "Failed to merge the workflow PodSpecPatch with the template PodSpecPatch due to invalid format",
    "volume 'data' not found in workflow spec",
    "target nope does not exist",
    "dependency 'nope' not defined",
    "template name 'nope' undefined",
    "no base duration specified for retryStrategy",
    "Sometimes is not a valid RetryPolicy",
    "unable to parse soon as a duration: time: invalid duration",
    "invalid timeout format. time: unknown unit",
    "output parameters must have a valueFrom specified",
    "requested configuration is invalid: no lock named",
    "workflows must use workflowTemplateRef to be executed when the controller is in reference mode",
    'Pod "wf-1" is invalid: spec.containers[1].image: Required value',
    'Pod in version "v1" cannot be handled as a Pod: quantities must match the regular expression',
    'pods "wf-1" is forbidden: violates PodSecurity "restricted:latest": privileged',
    'pods "wf-1" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
    'pods "wf-1" is forbidden: failed quota: team: must specify limits.cpu',
    'pods "wf-1" is forbidden: no PriorityClass with name nope was found',
]
UNFILLED = [
    "failed to resolve {{inputs.parameters.x}}",
    "Invalid 'when' expression '{{= nosuch.thing }}': Invalid token (hint: try wrapping it in quotes)",
    "Failed to evaluate 'when' expresion 'a': b",
    "Expected boolean evaluation for '1'. Got 1",
    "unable to resolve references: Unable to resolve: {{steps.a.outputs.artifacts.b}}",
    "Unable to resolve: {{tasks.a.outputs.parameters.b}}",
    "unable to resolve expression: Invalid 'fromExpression' 'x'",
    "unable to parse argo variable: unclosed tag",
    "failed to evaluate expression: unexpected token",
    "depends expression evaluation failed for task b: unexpected token",
    "failed to parse sequence count: strconv.ParseInt: parsing",
    "withParam value could not be parsed as a JSON list: x: invalid character 'x'",
    "Maximum recursion depth exceeded. See https://argo-workflows.readthedocs.io/en/latest/scaling/",
    'strconv.Atoi: parsing "many": invalid syntax',
    "invalid character '}' after object key",
    "unable to retrieve inputs.parameters.a from ConfigMap: ConfigMap 'b' does not exist",
]
AROUND = [
    "{}",
    "error in entry template execution: {}",
    "error in exit template execution : {}",
    "task 'wf.a' errored: {}",
    "failed to resolve references: {}",
    "error in entry template execution: failed to resolve references: {}",
    "step group deemed errored due to child wf[0].a(0:x y) error: {}",
    "words of a later release: {}",
]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("text", NEVER_VALID)
def test_a_spec_that_was_never_valid_is_nobodys_failure(text: str, around: str) -> None:
    """Argo does not validate a workflow that it throttled first: the spec then fails on its way, in other words."""
    expected = Ending("invalid", "invalid_spec")
    if around.startswith(("failed to resolve references", "error in entry template execution: failed to resolve ref")):
        expected = Ending("failed", "template_error")  # its link says already that the template was being filled in

    assert outcome.fault(a_leaf(0, "Error", around.format(text))) == expected


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("text", UNFILLED)
def test_a_template_that_cannot_be_filled_in_is_the_users(text: str, around: str) -> None:
    """With whatever words the controller puts in front of the cause."""
    assert outcome.fault(a_leaf(0, "Error", around.format(text))) == Ending("failed", "template_error")


@pytest.mark.parametrize(
    "text",
    [
        'error in entry template execution: workflow template x: Get "https://10.0.0.1/apis/x": dial tcp: connection refused',
        'template x: workflowtemplates.argoproj.io "x" is forbidden: User "argo" cannot get resource "workflowtemplates"',
        "cannot get resource clusterWorkflowTemplate at cluster scope",
        'pods "wf-1" is forbidden: error looking up service account team/x: serviceaccount "x" not found',
        "failed to resolve artifact repository: config map missing",
        "pvc create error: storageclass not there",
        "unable to retrieve inputs.parameters.a from ConfigMap: etcdserver: request timed out",
        "runtime error: invalid memory address or nil pointer dereference",
    ],
)
def test_what_the_controller_could_not_do_is_the_platforms(text: str) -> None:
    """A right that it lacks, an API server that does not answer, an account that is missing: no spec is broken."""
    assert outcome.fault(a_leaf(0, "Error", text)) == Ending("platform", "controller_error")


@pytest.mark.parametrize("text", [*NEVER_VALID, *UNFILLED])
def test_who_quotes_a_broken_spec_did_not_break_one(text: str) -> None:
    """What a container, a server or a person says comes after words of its own."""
    assert outcome.fault(a_leaf(0, "Failed", f"main: Error (exit code 1): {text}")) == Ending("failed", "exit_1")
    assert outcome.fault(a_leaf(0, "Failed", f"it wrote: {text}")).reason in ("step_failed", "exit_1")
    assert outcome.fault(a_leaf(0, "Failed", text, "HTTP")).outcome == "failed"


def test_words_that_only_the_whole_workflow_has() -> None:
    """These end it as Failed, before any step."""
    unset = "failed to set global parameters: either value or valueFrom must be specified in order to set global parameter x"
    missing = "failed to set global parameters: failed to set global parameter x from configmap with name a and key b"

    assert outcome.fault(a_leaf(0, "Failed", unset)) == Ending("invalid", "invalid_spec")
    assert outcome.fault(a_leaf(0, "Failed", missing)) == Ending("failed", "template_error")


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
