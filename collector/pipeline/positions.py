"""
How far each watch has come: where it resumes after a restart, and which gap its first list ends.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from collector.core.cluster.state import Cluster
from collector.core.messages import WORKLOAD_KINDS, Cursor, Position
from collector.core.model import Instant

FIRST_START = (0, "first start")
"""The gap of a cluster that was never watched: all time before its first list."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a watch resumes after a restart: its position and the versions of the objects that it knew."""

    resource_version: str
    epoch: int
    known: dict[str, int]
    at: Instant | None
    """When the position became durable: a gap that follows begins here."""


class Positions:
    """The position of each cluster's watch of each kind."""

    def __init__(self, clusters: Mapping[str, Cluster]) -> None:
        self._clusters = clusters
        self._positions: dict[tuple[str, str], Position] = {}
        self._durable_at: dict[tuple[str, str], Instant] = {}
        self._lost: dict[str, tuple[Instant, str]] = {}
        """The clusters whose state was lost: since when, and why."""

    def advance(self, cluster: str, position: Position) -> None:
        """Moves a watch's position forward."""
        self._positions[cluster, position.kind] = position

    def restore(self, cursor: Cursor) -> None:
        """Takes up a position that an earlier process made durable."""
        self._clusters[cursor.cluster].resume(cursor.kind)
        key = (cursor.cluster, cursor.kind)
        self._positions[key] = Position(cursor.kind, cursor.resource_version, cursor.epoch)  # type: ignore[arg-type]
        self._durable_at[key] = cursor.at

    def restore_last_seen(self, cluster: str, at: Instant) -> None:
        """Takes up when a cluster without a position was last watched: its gap begins there."""
        self._durable_at[cluster, "workflows"] = at

    def forget(self, cluster: str) -> None:
        """Drops a cluster's positions: its watches start from lists."""
        for key in [key for key in self._positions if key[0] == cluster]:
            del self._positions[key]

    def forget_cluster(self, cluster: str) -> None:
        """Drops all that is known of a cluster that is not watched any more."""
        self.forget(cluster)
        self._durable_at = {key: at for key, at in self._durable_at.items() if key[0] != cluster}
        self._lost.pop(cluster, None)

    def mark_state_lost(self, since: Instant, why: str, clusters: Iterable[str]) -> None:
        """Records that clusters start from lists; the gap of each begins at its last durable position, or at `since`."""
        for name in clusters:
            known = [at for (cluster, _), at in self._durable_at.items() if cluster == name]
            begin = min(known, default=since)
            self._lost[name] = (begin, why)
            self._clusters[name].drop_state(begin)

    def clusters_without_position(self) -> list[str]:
        """The clusters whose watches start from lists: new ones, and those whose state was lost."""
        known = {cluster for cluster, _ in self._positions}
        return [name for name in self._clusters if name not in known]

    def pending_gap(self, cluster: str, kind: str) -> tuple[Instant, str] | None:
        """Begin and cause of the gap that the first list of a kind ends; None when there is none."""
        if kind not in WORKLOAD_KINDS or (cluster, kind) in self._positions:
            return None
        return self._lost.get(cluster, FIRST_START)

    def resume(self, cluster: str, kind: str) -> Resume | None:
        """Where the watch of a kind resumes; None when it starts from a list and no object of the kind is known."""
        position, known = self._positions.get((cluster, kind)), self._known_versions(cluster, kind)
        if kind == "nodes":
            # Listed all the same, but with the known versions, so that nodes that vanished meanwhile are noticed.
            return Resume("", position.epoch if position else 0, known, None) if known else None
        if kind not in (*WORKLOAD_KINDS, "events"):
            return None
        if position is None:
            # Killed during its first list: known objects that the next list lacks must be noticed as vanished.
            return Resume("", 0, known, None) if known else None
        return Resume(position.resource_version, position.epoch, known, self._durable_at.get((cluster, kind)))

    def _known_versions(self, cluster: str, kind: str) -> dict[str, int]:
        """The versions of a kind's live objects, by uid."""
        state = self._clusters[cluster]
        if kind == "nodes":
            return {uid: run.version for uid, run in state.plain_nodes.runs.items()}
        if kind == "workflows":
            return {uid: workflow.version for uid, workflow in state.workflows.items() if not workflow.deleted}
        if kind == "pods":
            known = {uid: pod.run.version for uid, pod in state.pods.items() if not pod.gone}
            return known | {uid: pod.version for uid, pod in state.controllers.pods.items()}
        return {}

    def make_durable(
        self, changed: Iterable[str], advanced: Mapping[tuple[str, str], Position], now: Instant
    ) -> list[tuple[str, Position]]:
        """Marks and returns the positions of the next commit: the advanced ones, and the workflows' of changed clusters.

        The workflows' cursor carries a cluster's counters, which must be stored with the states that moved them."""
        workflows = {(c, "workflows"): p for c in changed if (p := self._positions.get((c, "workflows")))}
        durable = {**workflows, **advanced}
        self._durable_at.update(dict.fromkeys(durable, now))
        return [(cluster, position) for (cluster, _), position in durable.items()]
