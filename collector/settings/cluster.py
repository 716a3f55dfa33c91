"""
The settings of one cluster.
"""

from typing import Literal

import msgspec


class ArchiveSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The argo-server that a cluster's missed workflows are imported from; without a url there is none."""

    url: str = ""
    """Address and base path, like https://argo-server.argo:2746."""
    token_file: str = ""
    """File with a bearer token that may get and list workflows. Empty: no token is sent."""
    ca_file: str = ""
    """Certificate authority of the server. Empty: the authorities of the system."""
    allow_insecure: bool = False
    """Permit plain http and unverified TLS to the argo-server."""


class ClusterSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One cluster to watch."""

    name: str
    """Name of the cluster in rows and labels; bound to the cluster's identity when it is first watched."""
    kubeconfig: str = ""
    """Path to a kubeconfig. Empty: $KUBECONFIG or the default file; inside a cluster, without `context`, the pod's service
    account."""
    context: str = ""
    """Context in the kubeconfig; without `kubeconfig`, in $KUBECONFIG or the default file. Empty: the current context."""
    region: str = ""
    """Region of pods whose labels and node name none."""
    product: str = ""
    """Price product of pods that carry no provider's annotation or label."""
    controller_namespace: str = "argo"
    """Namespace of Argo's workflow controller."""
    pods: Literal["all", "labelled"] = "all"
    """Which pods are watched. `labelled`: only pods that Argo creates; those of Jobs, Ray, Spark and the like are missed."""
    allow_insecure: bool = False
    """Permit plain http and unverified TLS to this cluster."""
    archive: ArchiveSettings = ArchiveSettings()
    argo_ui: str = ""
    """Address of Argo's UI as people open it, like https://argo.example.com. Pages and dashboards link a workflow to it. Empty:
    no link."""
