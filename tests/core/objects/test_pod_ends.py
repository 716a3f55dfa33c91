"""Who took a pod away, by its conditions: schedulers, drains, taints and kubelets, or none of them."""

from typing import Any

import pytest

from collector.core.objects import kubernetes
from collector.core.objects.pod_ends import DISRUPTIONS, disruption
from collector.core.workflow import outcome
from tests.builders import NOON, SECOND, a_condition, a_container, a_pod

AT = NOON + 70 * SECOND
"""When the condition is set: a second before the container ends."""


def shown(
    reason: str | None = "PreemptionByScheduler", *, condition: str = "DisruptionTarget", value: str = "True",
    when: int = AT, before: str = "", phase: str = "Failed", status_reason: str = "", ended_by: str = "Error", **end: Any,
) -> str:  # fmt: skip
    """What a pod's conditions say, of a pod that was killed a second later."""
    main = {"started": NOON, "ended": AT + SECOND, "exit_code": 143, "reason": ended_by, **end}
    conditions = [a_condition("PodScheduled", NOON)]
    if reason is not None:
        conditions.append(a_condition(condition, when, value, reason=reason))
    pod = a_pod(phase=phase, reason=status_reason, conditions=conditions, containers=[a_container(**main)])
    status = pod.status or kubernetes.PodStatus()
    containers = status.containerStatuses or [kubernetes.ContainerStatus()]
    taken = next((c for c in status.conditions or () if c.type != "PodScheduled"), None)
    return disruption(status, taken, containers[0], before)


@pytest.mark.parametrize(
    "reason",
    [
        "PreemptionByScheduler",
        "EvictionByEvictionAPI",
        "DeletionByTaintManager",
        "DeletionByPodGC",
        "TerminationByKubelet",
    ],
)
def test_kubernetes_states_who_took_a_pod_away(reason: str) -> None:
    """Each of its own reasons is one of the platform's."""
    assert shown(reason) == reason
    assert DISRUPTIONS[reason] in outcome.PLATFORM_REASONS


def test_another_reason_is_a_disruption_too() -> None:
    """Operators of a cloud set the condition with words of their own."""
    assert shown("SpotInterruption") == shown("") == "DisruptionTarget"
    assert shown("WorkloadEvicted", condition="TerminationTarget") == "WorkloadEvicted"


@pytest.mark.parametrize(
    "life",
    [
        {"reason": None},
        {"value": "False"},
        {"phase": "Succeeded"},
        {"reason": "WorkloadDeleted", "condition": "TerminationTarget"},
        {"status_reason": "DeadlineExceeded"},
        {"exit_code": 137, "ended_by": "OOMKilled"},
        {"exit_code": 1, "ended": AT - SECOND},
        {"exit_code": 143, "ended": AT - 61 * SECOND},
    ],
)
def test_what_ended_by_itself_was_not_taken_away(life: dict[str, Any]) -> None:
    """A failure before the condition, an own limit, a condition that was taken back; another deletes a finished pod."""
    assert shown(**life) == ""


@pytest.mark.parametrize(
    "end",
    [
        {"exit_code": 1},
        {"exit_code": 0},
        {"exit_code": 1, "ended": AT},
        {"exit_code": 137, "ended": AT - 59 * SECOND},
        {"ended": None},
    ],
)
def test_a_pod_that_was_taken_away_may_end_with_any_code(end: dict[str, Any]) -> None:
    """A program may handle the signal; a kubelet's clock may be behind the scheduler's; Argo's own container may be hit."""
    assert shown(**end) == "PreemptionByScheduler"


def test_a_condition_that_a_later_write_dropped_is_remembered() -> None:
    """Conditions do vanish from the objects of real clusters; one that is taken back is not."""
    assert shown(None, before="DeletionByTaintManager") == "DeletionByTaintManager"
    assert shown(value="False", before="DeletionByTaintManager") == ""
    assert shown(None, before="DeletionByTaintManager", phase="Succeeded") == ""


def test_a_condition_without_an_instant_is_believed() -> None:
    """Nothing in an object is sure to be there."""
    condition = kubernetes.Condition("DisruptionTarget", "True", "EvictionByEvictionAPI")
    main = kubernetes.ContainerStatus(
        "main", state=kubernetes.ContainerState(None, None, kubernetes.ContainerTerminated(1))
    )

    assert disruption(kubernetes.PodStatus("Failed"), condition, main, "") == "EvictionByEvictionAPI"
