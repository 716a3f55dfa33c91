"""
Steps of the wall clock that clusters have not taken into account yet.

A step concerns every live object: each cluster takes it in a slice of its own, at the latest before its next event or commit.
"""

from collections.abc import Mapping

from collector.core.cluster.state import Cluster
from collector.core.slices import Slices


class PendingSteps:
    """By cluster the sum of the steps, in ms."""

    def __init__(self, clusters: Mapping[str, Cluster]) -> None:
        self._clusters = clusters
        self._steps: dict[str, int] = {}

    def add(self, by_ms: int) -> None:
        """Notes a step for all clusters."""
        for name in self._clusters:
            self._steps[name] = self._steps.get(name, 0) + by_ms

    def apply(self, cluster: str) -> None:
        """Applies what is noted for a cluster."""
        by_ms = self._steps.pop(cluster, None)
        if by_ms is not None and cluster in self._clusters:
            self._clusters[cluster].step_clock(by_ms)

    def apply_all(self) -> Slices[None]:
        """The same for all clusters, one in each slice."""
        for name in [*self._steps]:
            self.apply(name)
            yield
