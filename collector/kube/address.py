"""
Where a cluster is and who we are there, before anything of it is read or opened. Values and their errors only.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """One cluster to watch, by where its address and credentials are kept; they are read anew each minute."""

    name: str
    kubeconfig: Path | None = None
    """None: $KUBECONFIG, else ~/.kube/config; of no meaning with `in_cluster` or `argocd_secret`."""
    context: str | None = None
    """None: the kubeconfig's current context."""
    in_cluster: bool = False
    """The account that Kubernetes mounts into our own pod."""
    allow_insecure: bool = False
    """Permit plain http beyond loopback and unverified TLS."""
    argocd_secret: Path | None = None
    """A mounted Argo CD cluster secret: a folder with the files `name`, `server` and `config`, or a JSON file."""

    def __str__(self) -> str:
        """How an error names it."""
        if self.in_cluster:
            return f"cluster {self.name} (this pod's own account)"
        if self.argocd_secret:
            return f"{self.argocd_secret}: cluster {self.name}"
        where = self.kubeconfig or "current kubeconfig"
        return f"{where}: context {self.context or '(current)'} of cluster {self.name}"


class AddressError(Exception):
    """A cluster cannot be addressed as configured; the text names the file, the context and the remedy, no secret."""

    def __init__(self, address: ClusterAddress, problem: str, remedy: str) -> None:
        super().__init__(f"{address}: {problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy
