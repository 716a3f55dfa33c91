"""
Which clusters are wanted: those that the settings list, and those of Argo CD secrets or of a kubeconfig.

Reads files and opens no connection. A source that is unreadable, or a name that two places give, affects no other cluster.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from collector.core.live_view import SourceProblem
from collector.kube import credentials, discovery
from collector.kube.address import AddressError, ClusterAddress
from collector.settings.by_rule import ClusterDefaults, Described, completed, places
from collector.settings.load import NAME
from collector.settings.model import ClusterSettings, Settings, SettingsError

NOT_LISTED = SourceProblem(
    ("discovery.argocd_namespace",), "its secrets are not listed yet", "wait for some seconds", blocking=False
)
CORRECT_OR_REMOVE = "correct the secret, or remove it from the folder"
RENAME = "rename the cluster in Argo CD"
TWICE = "give each cluster one name and one place: remove or rename one of them"


class WantedCluster(NamedTuple):
    """A cluster to watch."""

    address: ClusterAddress
    settings: ClusterSettings
    place: str
    """What names the cluster: `clusters[2]`, the path of a secret, or a context of a kubeconfig."""
    rules: tuple[str, ...]
    """What gives it the keys that it does not set itself: `match[0]`, `cluster_defaults`."""


class Desired(NamedTuple):
    """The clusters to watch by name, and the places that name none although they should."""

    clusters: dict[str, WantedCluster]
    problems: list[SourceProblem]


def desired(settings: Settings, copied: Path | None = None) -> Desired:
    """
    The clusters to watch now; SettingsError: a whole source cannot be read, so that its clusters are unknown.

    `copied` is the folder with the secrets of `discovery.argocd_namespace`; None: they were not listed yet.
    """
    problems: list[SourceProblem] = []
    discovers, folder = settings.discovery.is_set, copied
    if settings.discovery.argocd_secrets:
        folder = Path(settings.discovery.argocd_secrets)
    elif discovers and copied is None:
        problems.append(NOT_LISTED)
    try:
        found = [
            WantedCluster(_address(cluster), cluster, f"clusters[{i}]", (*_rules(settings, Described(cluster.name)),))
            for i, cluster in enumerate(settings.clusters)
        ]
        if discovers and folder is not None:
            found += _of_secrets(settings, folder, problems)
        elif not (found or discovers):
            found += _of_contexts(settings)
    except AddressError as error:
        raise SettingsError(f"clusters: {error}") from None
    except OSError as error:
        raise SettingsError(f"discovery.argocd_secrets: {error.filename}: {error.strerror}") from None
    if not (found or discovers):
        raise SettingsError("clusters: none to watch; list one, or create a kubeconfig with a context")
    plugins = settings.exec_plugins
    found = [each._replace(address=dataclasses.replace(each.address, exec_plugins=plugins)) for each in found]
    return Desired(_named_once(found, problems), problems)


def keys_of_clusters(settings: Settings, copied: Path | None = None) -> dict[str, ClusterSettings]:
    """The keys of each cluster by name, those by rule included; none if nothing names a cluster. Else as `desired`."""
    try:
        found = desired(settings, copied).clusters
    except SettingsError:
        if settings.clusters or settings.discovery.is_set:
            raise
        return {}
    return {name: each.settings for name, each in found.items()}


def keys_by_name(settings: Settings, name: str) -> ClusterSettings:
    """The keys of a cluster that is known by its name alone, like one that was removed."""
    return completed(ClusterSettings(name=name), (), _rules(settings, Described(name)))


def _named_once(found: Iterable[WantedCluster], problems: list[SourceProblem]) -> dict[str, WantedCluster]:
    """The clusters by name, without those that two places name: which of them is meant is not known."""
    by_name: dict[str, list[WantedCluster]] = defaultdict(list)
    for each in found:
        by_name[each.address.name].append(each)
    for name, named in by_name.items():
        if len(named) > 1:
            places = tuple(each.place for each in named)
            problems.append(SourceProblem(places, f"name the same cluster, {name!r}", TWICE, name))
    return {name: named[0] for name, named in by_name.items() if len(named) == 1}


def _of_secrets(settings: Settings, folder: Path, problems: list[SourceProblem]) -> Iterator[WantedCluster]:
    """The clusters of a folder of secrets whose names may be used."""
    secrets = discovery.argocd_secrets(folder)
    for path, reason in secrets.refused.items():
        problems.append(SourceProblem((str(path),), reason, CORRECT_OR_REMOVE))
    for address, server, labels in secrets.clusters:
        place, name = str(address.argocd_secret), address.name
        if NAME.fullmatch(name):
            yield _discovered(settings, address, Described(name, server, labels), place)
        else:
            problem = f"the name {name[:80]!r} must be lower-case letters, digits, `-`, `.` or `_`"
            problems.append(SourceProblem((place,), problem, RENAME))


def _of_contexts(settings: Settings) -> Iterator[WantedCluster]:
    for address in discovery.current_contexts():
        place = f"context {address.context} of the kubeconfig"
        yield _discovered(settings, address, Described(address.name), place)


def _discovered(settings: Settings, address: ClusterAddress, described: Described, place: str) -> WantedCluster:
    """A cluster that the settings do not list: all of its keys are by rule."""
    rules = _rules(settings, described)
    cluster = completed(ClusterSettings(name=described.name), (), rules)
    return WantedCluster(dataclasses.replace(address, allow_insecure=cluster.allow_insecure), cluster, place, (*rules,))


def _rules(settings: Settings, described: Described) -> dict[str, ClusterDefaults]:
    return places(described, settings.match, settings.cluster_defaults)


def own_cluster() -> ClusterAddress:
    """The cluster that this runs in; outside of one the current context of the kubeconfig."""
    return _address(ClusterSettings(name="own"))


def _address(cluster: ClusterSettings) -> ClusterAddress:
    # A context names a cluster of a kubeconfig: our own cluster must not be watched under its name.
    in_cluster = not (cluster.kubeconfig or cluster.context) and (credentials.SERVICE_ACCOUNT / "token").exists()
    path = Path(cluster.kubeconfig).expanduser() if cluster.kubeconfig else None
    return ClusterAddress(cluster.name, path, cluster.context or None, in_cluster, cluster.allow_insecure)
