"""
Finds clusters when the settings list none: the contexts of the current kubeconfig, or a folder of Argo CD secrets.

Opens no connection. An unreadable secret is logged with its path and does not affect the other clusters.
"""

import logging
from pathlib import Path

import msgspec

from collector.kube import argocd, kubeconfig
from collector.kube.address import ClusterAddress

log = logging.getLogger(__name__)


def current_contexts(*, allow_insecure: bool = False) -> list[ClusterAddress]:
    """Every context of $KUBECONFIG or ~/.kube/config, named as in the file; raises AddressError if neither can be read."""
    whole = kubeconfig.merge(ClusterAddress("(all)"))
    names = [str(entry["name"]) for entry in whole["contexts"]]
    return [ClusterAddress(name, context=name, allow_insecure=allow_insecure) for name in names]


def argocd_secrets(folder: Path, *, allow_insecure: bool = False) -> list[ClusterAddress]:
    """Every cluster secret in the folder: a sub-folder with one file per key, or a JSON file; named by its key `name`."""
    found: dict[str, ClusterAddress] = {}
    for path in sorted(folder.iterdir()):
        # kubelet keeps the versions of a mounted secret in hidden folders beside the links to them.
        if path.name.startswith(".") or not (path.is_dir() or path.suffix == ".json"):
            continue
        try:
            name = argocd.secret(path).name
        except (OSError, msgspec.MsgspecError) as error:
            log.error("a cluster secret cannot be read", extra={"path": str(path), "detail": str(error)})
            continue
        if name in found:
            extra = {"path": str(path), "detail": f"{found[name].argocd_secret} has the same name"}
            log.error("two cluster secrets have the same name, the second is ignored", extra=extra)
            continue
        found[name] = ClusterAddress(name, argocd_secret=path, allow_insecure=allow_insecure)
    return list(found.values())
