"""Pods by phase: those that exist, each once."""

from collector.core.pod.phases import phases
from collector.core.pod.state import PodState
from tests.builders import NOON, a_pod_run
from tests.slices import whole


def a_state(uid: str, phase: str, *, namespace: str = "team", gone: bool = False) -> PodState:
    return PodState(a_pod_run(uid=uid, phase=phase, namespace=namespace), "running", NOON, live=True, gone=gone)


def test_pods_are_counted_by_namespace_and_phase() -> None:
    """A deleted pod is kept for its workflow, but exists no more."""
    pods = [
        a_state("a", "Running"),
        a_state("b", "Running"),
        a_state("c", "Pending"),
        a_state("d", "Succeeded", namespace="other"),
        a_state("e", "Failed", gone=True),
    ]

    assert whole(phases(pods)) == {("team", "running"): 2, ("team", "pending"): 1, ("other", "succeeded"): 1}


def test_a_phase_that_is_not_known_is_unknown() -> None:
    """The kubelet's own `Unknown`, none yet, or a word that Kubernetes adds later."""
    assert whole(phases([a_state("a", ""), a_state("b", "Unknown"), a_state("c", "Halted")])) == {
        ("team", "unknown"): 3
    }
