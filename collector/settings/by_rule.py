"""
What clusters have in common: keys that a cluster does not set itself, by default and by rules over names, servers and labels.

A key is taken from the first place that sets it: the cluster's own entry, then the rules in their order, then the defaults.
"""

from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec.structs import asdict, replace

from collector.settings.cluster import ArchiveSettings, ClusterSettings

NAME_HERE = "{name}"
"""Stands for the cluster's name in addresses and paths."""


class ClusterDefaults(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Keys of clusters that do not set them; `{name}` in an address or a path stands for the cluster's name."""

    region: str | None = None
    """As `clusters[].region`."""
    product: str | None = None
    """As `clusters[].product`."""
    controller_namespace: str | None = None
    """As `clusters[].controller_namespace`."""
    pods: Literal["all", "labelled"] | None = None
    """As `clusters[].pods`."""
    allow_insecure: bool | None = None
    """As `clusters[].allow_insecure`."""
    archive: ArchiveSettings | None = None
    """As `clusters[].archive`, taken as a whole. `{name}` stands for the cluster's name."""
    argo_ui: str | None = None
    """As `clusters[].argo_ui`. `{name}` stands for the cluster's name."""

    @property
    def is_set(self) -> bool:
        """Whether a key is set."""
        return any(value is not None for value in asdict(self).values())


class MatchRule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Keys of the clusters that a pattern fits; all that the rule names must fit."""

    name: str = ""
    """Pattern of the cluster's name, like `prod-*`. Empty: any name."""
    server: str = ""
    """Pattern of the API server's address in an Argo CD secret. Empty: any address. Fits no other cluster."""
    labels: dict[str, str] = {}
    """Labels of an Argo CD secret and the pattern of each value. Empty: any labels. Fits no other cluster."""
    set: ClusterDefaults = ClusterDefaults()
    """What these clusters have, unless their own entry or an earlier rule sets it."""


class Described(NamedTuple):
    """What rules may ask of a cluster."""

    name: str
    server: str = ""
    """Empty: not known before it is connected to."""
    labels: Mapping[str, str] = {}


def places(described: Described, match: Collection[MatchRule], defaults: ClusterDefaults) -> dict[str, ClusterDefaults]:
    """The rules that fit a cluster, in their order, and the defaults, each by its place in the settings."""
    fitting = {f"match[{i}]": rule.set for i, rule in enumerate(match) if fits(rule, described)}
    return fitting | ({"cluster_defaults": defaults} if defaults.is_set else {})


def fits(rule: MatchRule, described: Described) -> bool:
    """Whether all that a rule names fits a cluster."""
    return (
        (not rule.name or fnmatchcase(described.name, rule.name))
        and (not rule.server or (bool(described.server) and fnmatchcase(described.server, rule.server)))
        and all(
            key in described.labels and fnmatchcase(described.labels[key], value) for key, value in rule.labels.items()
        )
    )


def completed(cluster: ClusterSettings, own: Collection[str], found: Mapping[str, ClusterDefaults]) -> ClusterSettings:
    """A cluster with the keys that it does not set itself; `own` are those that it does."""
    values: dict[str, Any] = {}
    for given in found.values():
        values |= {key: value for key, value in _set_in(given) if key not in values and key not in own}
    return replace(cluster, **{key: for_cluster(value, cluster.name) for key, value in values.items()})


def for_cluster(value: Any, name: str) -> Any:
    """A value of a rule as it is for one cluster."""
    if isinstance(value, str):
        return value.replace(NAME_HERE, name)
    if isinstance(value, ArchiveSettings):
        return replace(value, **{key: for_cluster(part, name) for key, part in asdict(value).items()})
    return value


def _set_in(given: ClusterDefaults) -> Iterator[tuple[str, Any]]:
    return ((key, value) for key, value in asdict(given).items() if value is not None)
