"""
Several replicas of one collector: shards, and the Leases that say which replica watches which of them.
"""

import re
from typing import Annotated, Literal

import msgspec

MOST_SHARDS = 64

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class ShardSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How clusters are divided between replicas."""

    of: Annotated[int, msgspec.Meta(ge=1, le=MOST_SHARDS)] = 1
    """Number of shards. A cluster's shard is the CRC-32 of its name modulo this number."""


class ReplicaSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How replicas agree on which of them watches: by one Lease for each shard, like `lynceus-0-of-1`."""

    lease: Literal["auto", "off"] = "auto"
    """`auto`: a replica watches a shard while it holds its Lease, if it runs in a cluster with the right to Leases and has a
    `store.url`. Otherwise, and with `off`, it watches every cluster."""
    name: str = "lynceus"
    """What names of Leases begin with. Replicas of one collector have the same, two collectors in one namespace do not."""
    namespace: str = ""
    """Namespace of the Leases. Empty: the pod's own."""


def problem(replicas: ReplicaSettings) -> str:
    """The problem with the names of Leases, or an empty text."""
    if not _LABEL.fullmatch(replicas.name):
        return f"name: {replicas.name!r} must be lower-case letters, digits or `-`"
    if replicas.namespace and not _LABEL.fullmatch(replicas.namespace):
        return f"namespace: {replicas.namespace!r} does not name a namespace"
    return ""
