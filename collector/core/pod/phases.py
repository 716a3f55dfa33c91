"""
How many pods exist, by namespace and phase.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, get_args

from collector.core.pod.state import PodState
from collector.core.slices import Slices, in_batches

Phase = Literal["pending", "running", "succeeded", "failed", "unknown"]
"""Kubernetes' phases of a pod (core/v1 PodPhase), in lower case."""
_PHASES: dict[str, Phase] = {phase.capitalize(): phase for phase in get_args(Phase)}


def phases(pods: Sequence[PodState]) -> Slices[dict[tuple[str, Phase], int]]:
    """Numbers of the pods that exist, by namespace and phase; a pod without a phase is `unknown`."""
    found = Counter[tuple[str, str]]()
    for batch in in_batches(pods):
        found.update((pod.run.namespace, pod.run.phase) for pod in batch if not pod.gone)
        yield
    counts: dict[tuple[str, Phase], int] = {}
    for (namespace, text), number in found.items():
        phase = _PHASES.get(text, "unknown")
        counts[namespace, phase] = counts.get((namespace, phase), 0) + number
    return counts
