"""How an attempt ended, and whose fault it was."""

from typing import Any

import pytest

from collector.core import outcome
from collector.core.nodes import Node, read_nodes
from collector.core.outcome import Ending, Leaf, ending
from tests.builders import NOON, SECOND, a_step, a_workflow, iso


def steps(**nodes: dict[str, Any]) -> dict[str, Node]:
    """Steps by id, as the decoder gives them; `_` stands for the dash."""
    return read_nodes(a_workflow(nodes={k.replace("_", "-"): v for k, v in nodes.items()}).status)


def failed(at: int = 0, message: str = "main: Error (exit code 1)", **more: Any) -> dict[str, Any]:
    return a_step("Failed", message=message, finishedAt=iso(NOON + at * SECOND), **more)


def retry(*children: str, phase: str = "Failed") -> dict[str, Any]:
    return a_step(phase, kind="Retry", children=list(children))


# The phases and messages of the controller.


def test_success_is_success() -> None:
    """Whatever the message says."""
    assert ending("Succeeded", "child failed", "", []) == Ending("succeeded")


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_what_was_never_valid_is_nobodys_failure(phase: str) -> None:
    """An invalid spec counts neither as the user's failure nor as the platform's."""
    assert ending(phase, "invalid spec: template name 'x' undefined", "", []) == Ending("invalid", "invalid_spec")


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
    leaves = [Leaf(1, "Failed", "main: Error (exit code 1)")]

    assert ending("Failed", message, shutdown, leaves) == Ending("cancelled", reason)


def test_the_earliest_failure_decides() -> None:
    """Later ones are often its consequence."""
    leaves = [
        Leaf(9, "Failed", "main: Error (exit code 1)"),
        Leaf(3, "Failed", "The node was low on resource: memory."),
    ]

    assert ending("Failed", "child failed", "", leaves) == Ending("platform", "evicted")


def test_without_steps_the_workflows_own_words_decide() -> None:
    """Packed and offloaded steps cannot be read, the message can."""
    assert ending("Failed", "OOMKilled (exit code 137)", "", []) == Ending("failed", "oom")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The node was low on resource: memory.", Ending("platform", "evicted")),
        ("Pod Evicted", Ending("platform", "evicted")),
        ("Preempting: preempted to admit a critical pod", Ending("platform", "preempted")),
        ("NodeLost", Ending("platform", "node_lost")),
        ("pod was rejected: NodeShutdown", Ending("platform", "node_lost")),
        ("Pod was terminated: node is not ready", Ending("platform", "node_lost")),
        ("SpotReleased", Ending("platform", "spot_reclaimed")),
        ("BidExpired", Ending("platform", "spot_reclaimed")),
        ('ImagePullBackOff: Back-off pulling image "x"', Ending("platform", "image_pull")),
        ("ErrImageNeverPull", Ending("platform", "image_pull")),
        ('pods "x" is forbidden: exceeded quota: team', Ending("platform", "quota")),
        ("NoStock", Ending("platform", "no_stock")),
        ("pod deleted", Ending("platform", "pod_deleted")),
        ("main: OOMKilled (exit code 137)", Ending("failed", "oom")),
        ("main: Error (exit code 3)", Ending("failed", "exit_3")),
        ("Step exceeded its deadline", Ending("failed", "deadline")),
        ("Pod was active on the node longer than the specified deadline", Ending("failed", "deadline")),
        ("No more retries left", Ending("failed", "step_failed")),
        ("", Ending("failed", "step_failed")),
    ],
)
def test_whose_fault_a_failed_step_was(text: str, expected: Ending) -> None:
    """The cloud's, the cluster's and the controller's words page an SRE; an exit code and an OOM kill do not."""
    assert outcome.fault(Leaf(0, "Failed", text)) == expected


def test_an_error_without_a_reason_is_the_controllers() -> None:
    """Argo says Error where it could not do its work, Failed where the step did not do its."""
    assert outcome.fault(Leaf(0, "Error", "task 'x' errored: boom")) == Ending("platform", "controller_error")


# Steps.


def test_a_failure_begins_in_the_leaf() -> None:
    """Its parents failed because it did."""
    nodes = steps(root=failed(9, children=["leaf"]), leaf=failed(3), ok=a_step())

    assert outcome.failed_leaves(nodes) == [Leaf(NOON + 3 * SECOND, "Failed", "main: Error (exit code 1)")]


def test_a_step_that_was_retried_did_not_decide() -> None:
    """A retry that went well takes the failure back; the one that ended the workflow came later."""
    nodes = steps(
        root=failed(9, children=["again", "last"]),
        again=retry("again-0", "again-1", phase="Succeeded"),
        again_0=failed(1, "main: OOMKilled (exit code 137)"),
        again_1=a_step(),
        last=failed(8),
    )

    assert ending("Failed", "", "", outcome.failed_leaves(nodes)) == Ending("failed", "exit_1")


def test_the_last_attempt_of_an_exhausted_retry_decides() -> None:
    """The others were taken back, it was not."""
    nodes = steps(root=retry("r-0", "r-1"), r_0=failed(1), r_1=failed(5, "main: OOMKilled (exit code 137)"))

    assert ending("Failed", "No more retries left", "", outcome.failed_leaves(nodes)) == Ending("failed", "oom")


def test_an_error_of_a_step_counts_like_a_failure() -> None:
    """Both end a workflow."""
    nodes = steps(leaf=a_step("Error", message="pod deleted"))

    assert outcome.failed_leaves(nodes) == [Leaf(0, "Error", "pod deleted")]


def test_retries_are_the_attempts_beyond_the_first() -> None:
    """The flag `retried` is on the first child too; a hook is no attempt."""
    hook = a_step(nodeFlag={"hooked": True})
    nodes = steps(
        one=retry("a", "b", "c", "h"), a=failed(1), b=failed(2), c=a_step(), h=hook, two=retry("d"), d=a_step(),
        none=retry(),
    )  # fmt: skip

    assert outcome.retries(nodes) == 2


def test_what_a_later_attempt_replaced_was_retried_away() -> None:
    """All but the last; children that are not in the map are attempts too."""
    nodes = steps(one=retry("a", "gone", "c"), a=failed(1), c=a_step(), lone=retry())

    assert outcome.retried_away(nodes) == {"a", "gone"}
