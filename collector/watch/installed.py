"""
Which kinds of other projects a cluster has, by one request: a kind that is not installed is then neither asked for nor watched.

Servers since Kubernetes 1.27 answer /apis with all groups, versions and resources if asked so (kubernetes.io, "Aggregated
discovery"); older ones name the groups and versions, and each version's resources are a request of their own.
"""

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from collector.kube.connection import Connection
from collector.kube.request import BROKEN, fetch
from collector.watch.kinds import Resource

AGGREGATED = {
    "Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
}

Served = set[tuple[str, str, str]]
"""Group, version and plural of what a server serves."""


class ServedResource(msgspec.Struct):
    resource: str = ""
    """In aggregated discovery."""
    name: str = ""
    """In a list of one version's resources."""


class ServedVersion(msgspec.Struct):
    version: str = ""
    resources: list[ServedResource] = []


class GroupMeta(msgspec.Struct):
    name: str = ""


class ServedGroup(msgspec.Struct):
    metadata: GroupMeta = msgspec.field(default_factory=GroupMeta)
    name: str = ""
    versions: list[ServedVersion] = []


class Discovery(msgspec.Struct):
    """An answer to /apis in either form, or to /apis/GROUP/VERSION."""

    items: list[ServedGroup] | None = None
    groups: list[ServedGroup] = []
    resources: list[ServedResource] = []


async def installed(connection: Connection, rows: Iterable[Resource]) -> list[Resource]:
    """The rows whose kind the cluster serves, each at a version that it serves; all rows if the server does not say."""
    rows = list(rows)
    try:
        served = await _served(connection, {row.group for row in rows if row.is_foreign})
    except (*BROKEN, msgspec.DecodeError, UnicodeDecodeError):
        return rows
    return rows if served is None else [found for row in rows if (found := _at_its_version(row, served)) is not None]


def _at_its_version(row: Resource, served: Served) -> Resource | None:
    if not row.is_foreign:
        return row
    versions = (version for version in row.versions if (row.group, version, row.plural) in served)
    return next((replace(row, version=version) for version in versions), None)


async def _served(connection: Connection, groups: set[str]) -> Served | None:
    """What the server has in these groups; None if it does not say."""
    found = await _discovery(connection, "/apis")
    if found is None:
        return None
    if found.items is not None:
        return {
            (group.metadata.name, version.version, resource.resource)
            for group in found.items
            if group.metadata.name in groups
            for version in group.versions
            for resource in version.resources
        }
    served: Served = set()
    for group in found.groups:
        for version in group.versions if group.name in groups else ():
            listed = await _discovery(connection, f"/apis/{group.name}/{version.version}")
            if listed is None:
                return None
            served |= {(group.name, version.version, resource.name) for resource in listed.resources}
    return served


async def _discovery(connection: Connection, path: str) -> Discovery | None:
    status, _, body = await fetch(connection, "GET", path, headers=AGGREGATED)
    return msgspec.json.decode(body, type=Discovery) if status == 200 else None
