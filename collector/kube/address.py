"""
The address of a cluster and its credentials by name, before any file is read. Values and their errors only.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """One cluster to watch, by the place of its address and credentials, which are read again each minute."""

    name: str
    kubeconfig: Path | None = None
    """None: $KUBECONFIG, else ~/.kube/config. Ignored with `in_cluster` or `argocd_secret`."""
    context: str | None = None
    """None: the kubeconfig's current context."""
    in_cluster: bool = False
    """Whether to use the service account that Kubernetes mounts into the collector's own pod."""
    allow_insecure: bool = False
    """Permit plain http beyond loopback and unverified TLS."""
    argocd_secret: Path | None = None
    """A mounted Argo CD cluster secret: a folder with the files `name`, `server` and `config`, or a JSON file."""
    exec_plugins: tuple[str, ...] = ()
    """Commands that may be run for credentials, as the setting of that name has them."""

    def __str__(self) -> str:
        """The name in errors."""
        if self.in_cluster:
            return f"cluster {self.name} (this pod's own account)"
        if self.argocd_secret:
            return f"{self.argocd_secret}: cluster {self.name}"
        where = self.kubeconfig or "current kubeconfig"
        return f"{where}: context {self.context or '(current)'} of cluster {self.name}"


class Unshown(msgspec.Struct):
    """A struct that holds credentials: its repr has only its name, so that none reaches a log, not even by accident."""

    def __repr__(self) -> str:
        return type(self).__name__


class AddressError(Exception):
    """A cluster cannot be reached as configured; the message names the file, the context and the remedy, no secret."""

    def __init__(self, address: ClusterAddress, problem: str, remedy: str) -> None:
        super().__init__(f"{address}: {problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy
