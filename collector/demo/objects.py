"""
The objects of one API server, as dicts, and the writes that changed them.

Pure: no I/O and no clock. A write is encoded at the moment it is made, so that the dict may change again afterwards.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One resource that is served; `hollow` is the rest of an empty object in a bookmark."""

    plural: str
    name: str
    group_version: str = "v1"
    hollow: str = ""
    custom: bool = False
    """Of a CRD: its items repeat their kind inside a list, and without a status subresource each write moves the generation."""

    @property
    def path(self) -> str:
        """The path of the list over all namespaces."""
        return f"/{'apis' if '/' in self.group_version else 'api'}/{self.group_version}/{self.plural}"

    @property
    def resource(self) -> str:
        """The name of the resource in error messages."""
        group = self.group_version.rpartition("/")[0]
        return f"{self.plural}.{group}" if group else self.plural

    @property
    def prefix(self) -> bytes:
        """The first bytes of every encoded object of the kind; inside a list, built-in kinds omit them."""
        return b'{"apiVersion":"%s","kind":"%s",' % (self.group_version.encode(), self.name.encode())


NAMESPACES = ResourceKind("namespaces", "Namespace", hollow=',"spec":{},"status":{}')
NODES = ResourceKind("nodes", "Node", hollow=',"spec":{},"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":0}}}')
PODS = ResourceKind("pods", "Pod", hollow=',"spec":{"containers":null},"status":{}')
EVENTS = ResourceKind("events", "Event", hollow=',"involvedObject":{},"source":{}')
CONFIG_MAPS = ResourceKind("configmaps", "ConfigMap")
JOBS = ResourceKind(
    "jobs", "Job", "batch/v1", hollow=',"spec":{"template":{"metadata":{},"spec":{"containers":null}}},"status":{}'
)
"""Every cluster serves jobs; the demo has none."""
LEASES = ResourceKind("leases", "Lease", "coordination.k8s.io/v1", hollow=',"spec":{}')
WORKFLOWS = ResourceKind("workflows", "Workflow", "argoproj.io/v1alpha1", custom=True)
CRON_WORKFLOWS = ResourceKind("cronworkflows", "CronWorkflow", "argoproj.io/v1alpha1", custom=True)
KINDS = {
    kind.plural: kind
    for kind in (NAMESPACES, NODES, PODS, EVENTS, CONFIG_MAPS, JOBS, LEASES, WORKFLOWS, CRON_WORKFLOWS)
}
CLUSTER_WIDE = (NAMESPACES, NODES)


@dataclass(frozen=True, slots=True)
class Write:
    """One change of one object, as etcd would number it."""

    version: int
    verb: str
    """ADDED, MODIFIED or DELETED."""
    kind: str
    key: str
    body: bytes

    @property
    def line(self) -> bytes:
        """The watch event, ready for the wire."""
        return b'{"type":"%s","object":%s}\n' % (self.verb.encode(), self.body)


@dataclass(frozen=True, slots=True)
class Saved:
    """The saved state of a cluster."""

    version: int = 0
    objects: tuple[tuple[str, str, bytes], ...] = ()
    records: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepWrites:
    """The result of one step: writes to publish, and private records to store with them (None: delete the record)."""

    writes: list[Write]
    records: dict[str, bytes | None]


def key_of(obj: Obj) -> str:
    """namespace/name, or the name alone for an object without a namespace: the order of etcd's keys."""
    meta = obj["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else str(meta["name"])


class Objects:
    """All objects of a cluster under one increasing version."""

    def __init__(self, version: int = 0, saved: Iterable[tuple[str, str, bytes]] = ()) -> None:
        self.version = version
        self._held: dict[str, dict[str, Obj]] = {plural: {} for plural in KINDS}
        self._writes: list[Write] = []
        for plural, key, body in saved:
            self._held[plural][key] = msgspec.json.decode(body)

    def get(self, kind: ResourceKind, key: str) -> Obj:
        """The object itself, to be changed and put again."""
        return self._held[kind.plural][key]

    def of(self, kind: ResourceKind) -> dict[str, Obj]:
        """Every object of a kind by key."""
        return self._held[kind.plural]

    def put(self, kind: ResourceKind, obj: Obj) -> None:
        """Writes a new or a changed object."""
        key, held = key_of(obj), self._held[kind.plural]
        if key in held and kind.custom:
            obj["metadata"]["generation"] += 1
        self._record("MODIFIED" if key in held else "ADDED", kind, key, obj)
        held[key] = obj

    def remove(self, kind: ResourceKind, key: str) -> None:
        """Deletes an object; its last state is published under the version of the deletion."""
        self._record("DELETED", kind, key, self._held[kind.plural].pop(key))

    def take(self) -> list[Write]:
        """Takes the writes since the last call, in the order of their versions."""
        writes, self._writes = self._writes, []
        return writes

    def _record(self, verb: str, kind: ResourceKind, key: str, obj: Obj) -> None:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._writes.append(Write(self.version, verb, kind.plural, key, msgspec.json.encode(obj)))
