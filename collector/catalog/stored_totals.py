"""
The counters of each cluster as text, for its cursor: written again only where they changed since they were last asked for.

Every commit has the totals of each cluster that changed, and of a cluster's thousand series a dozen change meanwhile.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

Labels = tuple[str, ...]
Series = Mapping[str, Mapping[Labels, Decimal | int]]

SEPARATOR = "\x1f"


class StoredTotals:
    """The texts of all clusters, and which series changed since."""

    def __init__(self, series: Series) -> None:
        self._texts: dict[str, dict[str, str]] = {}
        self._changed: dict[str, set[tuple[str, Labels]]] = {}
        for name, values in series.items():
            self.mark(name, values)

    def mark(self, name: str, changed: Iterable[Labels]) -> None:
        """Notes that series of a family changed, or ended. A cluster is the first label."""
        for labels in changed:
            if labels:
                self._changed.setdefault(labels[0], set()).add((name, labels))

    def of(self, cluster: str, series: Series) -> dict[str, str]:
        """The totals of a cluster by family and labels; those at 0 are omitted."""
        texts, changed = self._texts.setdefault(cluster, {}), self._changed.get(cluster, set())
        for name, labels in list(changed):
            changed.discard(
                (name, labels)
            )  # first: a thread may add to it meanwhile, and then it counts as changed again
            key, value = SEPARATOR.join((name, *labels)), series.get(name, {}).get(labels)
            if value:
                texts[key] = str(value)
            else:
                texts.pop(key, None)
        return texts.copy()

    def forget_cluster(self, cluster: str) -> None:
        """Drops the texts of a cluster that is not watched any more."""
        self._texts.pop(cluster, None)
        self._changed.pop(cluster, None)
