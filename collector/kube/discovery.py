"""
Finds clusters when the settings list none: the contexts of the current kubeconfig, or a folder of Argo CD secrets.

Opens no connection. An unreadable secret is reported with its path and does not affect the other clusters.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from collector.kube import argocd, kubeconfig
from collector.kube.address import ClusterAddress


def current_contexts(*, allow_insecure: bool = False) -> list[ClusterAddress]:
    """Every context of $KUBECONFIG or ~/.kube/config, named as in the file; raises AddressError if neither can be read."""
    whole = kubeconfig.merge(ClusterAddress("(all)"))
    names = [str(entry["name"]) for entry in whole["contexts"]]
    return [ClusterAddress(name, context=name, allow_insecure=allow_insecure) for name in names]


class FoundCluster(NamedTuple):
    """A cluster of a secret, with what rules may ask of it."""

    address: ClusterAddress
    server: str
    labels: dict[str, str]


@dataclass(slots=True)
class Discovered:
    """The clusters of a folder of secrets, and the secrets that are not used, each with the reason."""

    clusters: list[FoundCluster] = field(default_factory=list)
    refused: dict[Path, str] = field(default_factory=dict)


def argocd_secrets(folder: Path) -> Discovered:
    """Every cluster secret in the folder: a sub-folder with one file per key, or a JSON file; named by its key `name`."""
    found = Discovered()
    for path in sorted(folder.iterdir()):
        # kubelet keeps the versions of a mounted secret in hidden folders beside the links to them.
        if path.name.startswith(".") or not (path.is_dir() or path.suffix == ".json"):
            continue
        try:
            secret = argocd.secret(path)
        except (OSError, UnicodeDecodeError, RecursionError, msgspec.MsgspecError) as error:
            found.refused[path] = f"cannot be read: {error}"
            continue
        address = ClusterAddress(secret.name, argocd_secret=path)
        found.clusters.append(FoundCluster(address, secret.server.strip(), secret.labels))
    return found
