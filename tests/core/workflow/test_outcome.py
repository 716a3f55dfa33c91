"""How an attempt ended, and whose fault it was."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.objects.status_nodes import FAILED, Node, build_graph
from collector.core.workflow import outcome
from collector.core.workflow.outcome import Ending, ending
from tests.builders import NOON, SECOND, a_leaf, a_step, a_workflow, iso, read_nodes


def steps(**nodes: dict[str, Any]) -> dict[str, Node]:
    """Steps by id, as the decoder gives them; `_` stands for the dash."""
    return read_nodes(a_workflow(nodes={k.replace("_", "-"): v for k, v in nodes.items()}).status)


def failed(at: int = 0, message: str = "main: Error (exit code 1)", **more: Any) -> dict[str, Any]:
    return a_step("Failed", message=message, finishedAt=iso(NOON + at * SECOND), **more)


def retry(*children: str, phase: str = "Failed", **more: Any) -> dict[str, Any]:
    return a_step(phase, kind="Retry", children=list(children), **more)


# The phases and messages of the controller.


def test_success_is_success() -> None:
    """Whatever the message says."""
    assert ending("Succeeded", "child failed", "", []) == Ending("succeeded")


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_what_was_never_valid_is_nobodys_failure(phase: str) -> None:
    """An invalid spec counts neither as the user's failure nor as the platform's."""
    assert ending(phase, "invalid spec: template name 'x' undefined", "", []) == Ending("invalid", "invalid_spec")


def test_a_validation_that_could_not_be_done_is_the_platforms() -> None:
    """Argo writes the same words in front of what the API server refused it."""
    message = (
        'invalid spec: templates.a: workflowtemplates.argoproj.io "x" is forbidden: User "argo" cannot get resource'
    )

    assert ending("Failed", message, "", []) == Ending("platform", "controller_error")


@pytest.mark.parametrize(
    ("message", "shutdown", "reason"),
    [
        ("Stopped with strategy 'Terminate'", "Terminate", "terminate"),
        ("Stopped with strategy 'Stop'", "", "stop"),
        ("child 'x' failed", "Stop", "stop"),
    ],
)
def test_stopped_and_terminated_are_cancelled(message: str, shutdown: str, reason: str) -> None:
    """Somebody wanted it so; either the spec or the message says it."""
    leaves = [a_leaf(1, "Failed", "main: Error (exit code 1)")]

    assert ending("Failed", message, shutdown, leaves) == Ending("cancelled", reason)


def test_the_earliest_failure_decides() -> None:
    """Later ones are often its consequence."""
    leaves = [
        a_leaf(9, "Failed", "main: Error (exit code 1)"),
        a_leaf(3, "Failed", "The node was low on resource: memory.", "Pod", node_id="n", step="train"),
    ]

    assert ending("Failed", "child failed", "", leaves) == Ending("platform", "evicted", "n", "train")


def test_of_two_failures_in_one_second_it_is_always_the_same() -> None:
    """Argo's times are whole seconds, and the order of a map means nothing."""
    leaves = [a_leaf(3, "Failed", "", node_id="b"), a_leaf(3, "Failed", "", node_id="a")]

    assert (
        ending("Failed", "", "", leaves)
        == ending("Failed", "", "", leaves[::-1])
        == Ending("failed", "step_failed", "a")
    )


def test_without_steps_the_workflows_own_words_decide() -> None:
    """Packed and offloaded steps cannot be read, the message can."""
    assert ending("Failed", "OOMKilled (exit code 137)", "", []) == Ending("failed", "oom")


# Steps.


def begun(nodes: dict[str, Node]) -> list[str]:
    """The ids of the steps that may decide."""
    return [leaf.node_id for leaf in outcome.failed_leaves(nodes)]


def test_a_failure_begins_in_the_leaf() -> None:
    """Its parents failed because it did; a parent holds it by its boundary, its children are only the first steps."""
    nodes = steps(
        root=failed(9, "child 'leaf' failed", kind="Steps", children=["ok"]),
        ok=a_step(boundaryID="root", children=["leaf"]),
        leaf=failed(3, boundaryID="root", displayName="train", kind="Pod"),
    )

    assert outcome.failed_leaves(nodes) == [
        a_leaf(NOON + 3 * SECOND, "Failed", "main: Error (exit code 1)", "Pod", node_id="leaf", step="train")
    ]


def test_a_group_that_failed_by_itself_is_where_it_began() -> None:
    """A DAG whose template cannot be resolved has no failed step."""
    nodes = steps(root=failed(9, "failed to resolve {{x}}", kind="DAG", children=["a"]), a=a_step(boundaryID="root"))

    assert begun(nodes) == ["root"]


def test_a_step_that_was_retried_did_not_decide() -> None:
    """A retry that succeeded revokes the failure; the failure that ended the workflow was later."""
    nodes = steps(
        root=failed(9, children=["again", "last"]),
        again=retry("again-0", "again-1", phase="Succeeded", boundaryID="root"),
        again_0=failed(1, "main: OOMKilled (exit code 137)", boundaryID="root"),
        again_1=a_step(boundaryID="root"),
        last=failed(8, boundaryID="root"),
    )

    assert ending("Failed", "", "", outcome.failed_leaves(nodes)) == Ending("failed", "exit_1", "last", "last")


def test_the_last_attempt_of_an_exhausted_retry_decides() -> None:
    """The others were taken back, it was not."""
    nodes = steps(root=retry("r-0", "r-1"), r_0=failed(1), r_1=failed(5, "main: OOMKilled (exit code 137)"))

    assert ending("Failed", "No more retries left", "", outcome.failed_leaves(nodes)) == Ending(
        "failed", "oom", "r-1", "r-1"
    )


def test_what_failed_in_a_whole_try_that_was_repeated_did_not_decide() -> None:
    """A retried DAG takes all that ran in it back."""
    nodes = steps(
        r=retry("r-0", "r-1"),
        r_0=failed(2, kind="DAG"), x=failed(1, "pod deleted", boundaryID="r-0"),
        r_1=failed(6, kind="DAG"), y=failed(5, boundaryID="r-1"),
    )  # fmt: skip

    assert begun(nodes) == ["y"]
    assert outcome.retried_away(nodes) == {"r-0", "x"}


def test_a_failure_that_a_group_was_reported_to_bear_did_not_decide() -> None:
    """continueOn: the step's group, its DAG or one above ended well in spite of it."""
    nodes = steps(
        root=failed(9, kind="DAG"),
        inner=a_step(kind="DAG", boundaryID="root"),
        deep=failed(2, kind="DAG", boundaryID="inner"),
        borne=failed(1, "pod deleted", boundaryID="deep"),
        group=a_step(kind="StepGroup", children=["alike"], boundaryID="root"),
        alike=failed(1, "pod deleted", boundaryID="root"),
        last=failed(8, boundaryID="root"),
    )

    assert begun(nodes) == ["last"]


def test_a_failure_after_which_the_graph_went_on_did_not_decide() -> None:
    """In a DAG whose other branch failed nothing else shows it; for a retried or nested step, its group was followed."""
    nodes = steps(
        root=failed(9, kind="DAG"),
        borne=retry("borne-0", boundaryID="root"),
        borne_0=failed(1, boundaryID="root", children=["next"]),
        next=a_step(boundaryID="root"),
        last=failed(8, boundaryID="root", children=["left-out"]),
        left_out=a_step("Omitted", boundaryID="root"),
    )

    assert begun(nodes) == ["last"]


HOOKED: dict[str, Any] = {"nodeFlag": {"hooked": True}}


def test_an_exit_handler_decides_only_if_nothing_else_failed() -> None:
    """Argo makes a workflow that went well fail with its exit handler, and one that failed fail anyway."""
    handler = {"exit": failed(1, kind="Steps", **HOOKED), "mail": failed(1, boundaryID="exit")}

    assert begun(steps(root=a_step(), **handler)) == ["mail"]
    assert begun(steps(root=failed(5), **handler)) == ["root"]


def test_a_hook_of_a_step_never_failed_a_workflow_that_went_on() -> None:
    """It runs within the DAG, which ended well."""
    nodes = steps(root=a_step(kind="DAG"), hook=failed(1, boundaryID="root", **HOOKED))

    assert begun(nodes) == []


def test_a_daemon_that_was_still_up_did_not_decide() -> None:
    """It is killed when its group ends."""
    assert begun(steps(daemon=failed(1, daemoned=True), job=failed(2, daemoned=False))) == ["job"]


def test_a_pod_speaks_for_its_containers() -> None:
    """Its message says why, theirs only that it did."""
    nodes = steps(
        pod=failed(3, "The node was low on resource: memory.", children=["c"]),
        c=failed(2, "Pod Failed whilst container running", kind="Container", boundaryID="pod"),
    )

    assert begun(nodes) == ["pod"]


def test_an_error_of_a_step_counts_like_a_failure() -> None:
    """Both end a workflow; one without an end ended after it began."""
    nodes = steps(leaf=a_step("Error", message="pod deleted"), begun=a_step("Failed", startedAt=iso(NOON)))

    assert outcome.failed_leaves(nodes) == [
        a_leaf(NOON, "Failed", "", "Pod", node_id="begun", step="begun"),
        a_leaf(0, "Error", "pod deleted", "Pod", node_id="leaf", step="leaf"),
    ]


def test_steps_in_a_circle_end() -> None:
    """No real workflow looks like this, but a user can write one; then the workflow's own message decides."""
    nodes = steps(a=failed(1, boundaryID="b"), b=failed(2, boundaryID="a"))

    assert begun(nodes) == []


def test_a_message_of_any_length_is_kept_short() -> None:
    """A container may say a megabyte before it dies."""
    (leaf,) = outcome.failed_leaves(steps(a=failed(1, "x" * 10_000, displayName="y" * 10_000)))

    assert (len(leaf.text), len(leaf.step)) == (4096, 4096)


GIVEN_UP = "Workflow operation error"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "workflow is longer than maximum allowed size. compressed size 4089 > maxSize 4000Tried to offload node status",
            Ending("platform", "too_large"),
        ),
        ("Request entity too large: limit is 3145728", Ending("platform", "too_large")),
        ("target nope does not exist", Ending("invalid", "invalid_spec")),
        ("runtime error: index out of range", Ending("platform", "controller_error")),
    ],
)
def test_a_workflow_that_the_controller_gave_up_has_the_cause_in_its_own_message(
    message: str, expected: Ending
) -> None:
    """Its root node has words of no meaning, and a step that had failed before did not end it."""
    nodes = steps(
        root=a_step("Error", kind="DAG", message=GIVEN_UP, startedAt=iso(NOON)),
        earlier=failed(1, kind="Pod", boundaryID="root"),
        ran=a_step("Running", boundaryID="root"),
    )

    assert ending("Error", message, "", outcome.failed_leaves(nodes)) == expected


def test_a_step_may_be_called_so_by_its_server() -> None:
    """Only the root's words are the controller's."""
    nodes = steps(root=failed(9, kind="DAG"), leaf=failed(3, GIVEN_UP, kind="HTTP", boundaryID="root"))

    assert begun(nodes) == ["leaf"]


IDS = st.sampled_from("abcdefgh")


@given(st.dictionaries(IDS, st.builds(
    Node, type=st.sampled_from(["Pod", "Retry", "DAG"]), phase=st.sampled_from(["Succeeded", "Failed", "Error", "Omitted"]),
    boundaryID=st.none() | IDS, children=st.lists(IDS, max_size=4), finishedAt=st.just(iso(NOON)),
)))  # fmt: skip
def test_what_decides_is_a_failed_step_that_was_not_taken_back(nodes: dict[str, Node]) -> None:
    """In any graph, and none of them holds another, of whatever type; a Retry holds its tries whatever bounds they name."""
    deciding, away, holder = begun(nodes), outcome.retried_away(nodes), build_graph(nodes).holder

    assert all(nodes[key].phase in FAILED and key not in away for key in deciding)
    assert not any(holder.get(key) in deciding for key in deciding)


def test_retries_are_the_attempts_beyond_the_first() -> None:
    """The flag `retried` is on the first child too; hooks and results from a cache do not count as tries."""
    nodes = steps(
        one=retry("a", "b", "c", "h"), a=failed(1), b=failed(2), c=a_step(), h=a_step(**HOOKED), two=retry("d"), d=a_step(),
        none=retry(), three=retry("e", "f", "gone"), e=failed(1), f=a_step(memoizationStatus={"hit": True}),
    )  # fmt: skip

    assert outcome.retries(nodes) == 3


def test_what_a_later_attempt_replaced_was_retried_away() -> None:
    """All but the last; children that are not in the map are attempts too."""
    nodes = steps(one=retry("a", "gone", "c"), a=failed(1), c=a_step(), lone=retry())

    assert outcome.retried_away(nodes) == {"a", "gone"}


def test_failed_pods_end_when_the_controller_states() -> None:
    """A second witness where no kubelet wrote it down; one without an end is none."""
    nodes = steps(a=failed(3), b=a_step(finishedAt=iso(NOON)), c=a_step("Error"), d=failed(1, kind="Retry"))

    assert outcome.failed_ends(nodes) == {"a": NOON + 3 * SECOND}


# Rates.


@pytest.mark.parametrize(
    ("runs", "success", "platform"),
    [
        ({}, None, None),
        ({"cancelled": 3, "invalid": 2, "unknown": 1}, None, None),
        ({"succeeded": 1, "failed": 2, "platform": 1, "cancelled": 96}, 0.25, 0.75),
        ({"failed": 2}, 0.0, 1.0),
    ],
)
def test_rates_count_what_ran_to_its_own_end(
    runs: dict[str, int], success: float | None, platform: float | None
) -> None:
    """Cancelled and invalid runs do not count; without any run there is no rate."""
    assert (outcome.success_rate(runs), outcome.platform_success_rate(runs)) == (success, platform)
