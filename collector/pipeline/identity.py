"""
Which cluster a name stands for: the uid of its kube-system namespace, bound when the cluster is first watched.

A name belongs to one cluster for good: rows of two clusters under one name could never be separated again.
"""

from collections.abc import Callable, Container

Listener = Callable[[str, str], object]
"""Called with a cluster's name, and with the reason why the cluster is refused."""


class Identities:
    """The uid of each cluster, and the clusters that are refused because their uid does not fit."""

    def __init__(self, names: Container[str]) -> None:
        self._names = names
        """The clusters that are watched; a name that was removed does not count as taken."""
        self.uids: dict[str, str] = {}
        """Uid of the kube-system namespace by cluster name."""
        self.refused: dict[str, str] = {}
        """Reason of the refusal by cluster name."""
        self.listeners: list[Listener] = []

    def restore(self, cluster: str, uid: str) -> None:
        """Takes up the uid that an earlier process bound."""
        if uid:
            self.uids[cluster] = uid

    def forget_cluster(self, cluster: str) -> None:
        """Takes a name as free: its cluster is not watched any more."""
        self.uids.pop(cluster, None)
        self.refused.pop(cluster, None)

    def bind(self, cluster: str, uid: str) -> None:
        """Binds a cluster's name to its uid; refuses the cluster if the name or the uid is bound otherwise."""
        bound = self.uids.setdefault(cluster, uid)
        others = [n for n, known in self.uids.items() if known == uid and n != cluster and n in self._names]
        if bound != uid:
            self._refuse(
                cluster,
                f"is bound to kube-system {bound} but this is {uid}: another cluster answers under this name; "
                "give it a name of its own in the settings",
            )
        elif others:
            self._refuse(
                cluster, f"is the same cluster as {others[0]}: both have kube-system {uid}; remove one of them"
            )

    def _refuse(self, cluster: str, reason: str) -> None:
        self.refused[cluster] = reason
        for listener in self.listeners:
            listener(cluster, reason)
