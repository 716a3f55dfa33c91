"""
Reads and checks a settings file.

Strict: an unknown key is an error that names the nearest known one, since a typo in `billing_timezone` is a wrong bill.
"""

import difflib
import re
from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml
from msgspec.structs import replace

from collector.catalog.retention import retention_days
from collector.core.cost.product import PRODUCTS
from collector.settings.argo_ui import argo_ui_problem
from collector.settings.attribution import check_rules, check_units
from collector.settings.backup import problem as backup_problem
from collector.settings.bill import check_bill
from collector.settings.budgets import budgets_of
from collector.settings.by_rule import Described, completed, places
from collector.settings.delivery import delivery_problem, external_url_problem
from collector.settings.derived import spool_limit_bytes
from collector.settings.doors import check_doors, verification_problem
from collector.settings.model import ArchiveSettings, ClusterSettings, DiscoverySettings, Settings, SettingsError
from collector.settings.replicas import problem as replica_problem
from collector.settings.traces import problem as trace_problem
from collector.shown_text import redact, redact_url

NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
INVALID_STORE_URL = "invalid address, expected a URL like http://clickhouse:8123/lynceus"
ARCHIVE_URL_EXAMPLE = "expected a URL like https://argo-server.argo:2746"


class _Strict(yaml.SafeLoader):
    """Refuses duplicate keys. Plain YAML takes the last one: a second `clusters:` would silently replace the first.

    Dates stay text, for the typed field to read: YAML's own error for 30 February names neither key nor place."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class's own, less dates
        first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"duplicate key {key.value!r}", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def load_settings(path: Path | None) -> Settings:
    """Reads settings from a file, or returns the defaults without one; SettingsError names file, key and remedy."""
    if path is None:
        return Settings()
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_settings(text, str(path))


def parse_settings(text: bytes, path: str) -> Settings:
    """Reads settings from YAML text."""
    try:
        raw = yaml.load(text, _Strict)  # noqa: S506  # a SafeLoader
    except RecursionError:
        raise SettingsError(f"{path}: is nested too deep to be settings") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{path}: not valid YAML: {redact(' '.join(str(error).split()))}") from None
    if raw is None:
        return Settings()
    if not isinstance(raw, dict):
        raise SettingsError(f"{path}: must hold keys and values, like `data_dir: ./lynceus-data`")
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {_explain(str(error))}") from None
    try:
        _check(settings)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from None
    own = [frozenset(entry) for entry in raw.get("clusters") or ()]
    return replace(settings, clusters=tuple(map(partial(_completed, settings), settings.clusters, own)))


def _completed(settings: Settings, cluster: ClusterSettings, own: Collection[str]) -> ClusterSettings:
    return completed(cluster, own, places(Described(cluster.name), settings.match, settings.cluster_defaults))


def _explain(message: str) -> str:
    """msgspec's message with the place first and, for an unknown key, the key that was probably meant."""
    problem, _, place = message.partition(" - at `")
    place = place.rpartition("$")[2].strip("`").removeprefix(".")
    if unknown := re.search(r"unknown field `(.*)`", problem):
        near = _near(unknown[1], place)
        hint = f"; did you mean `{near[0]}`?" if near else "; see docs/reference/settings.md for all settings"
        return f"{f'{place}.' if place else ''}{unknown[1]}: no such setting{hint}"
    chosen = _choices(place) if problem.startswith("Invalid enum value") else []
    return f"{place or 'top'}: {problem}" + (f"; expected one of {', '.join(chosen)}" if chosen else "")


def _struct_at(place: str) -> type[Any]:
    """The innermost struct on the way to a place."""
    struct: type[Any] = Settings
    for part in re.sub(r"\[[^]]*\]", "", place).split("."):
        struct = next(iter(_structs(_types(struct).get(part))), struct)
    return struct


def _types(struct: type[Any]) -> dict[str, Any]:
    """The type of each key of a struct."""
    return {field.encode_name: field.type for field in msgspec.structs.fields(struct)}


def _choices(place: str) -> list[str]:
    """The values that a place may have."""
    key = re.sub(r"\[[^]]*\]", "", place.rpartition(".")[2])
    return sorted(value for value in _literals(_types(_struct_at(place)).get(key)) if isinstance(value, str))


def _literals(hint: Any) -> Iterable[Any]:
    """The values that a type names, at any depth."""
    if get_origin(hint) is Literal:
        yield from get_args(hint)
    else:
        for inner in get_args(hint):
            yield from _literals(inner)


def _near(unknown: str, place: str) -> list[str]:
    """The key that was probably meant: of the same struct, else of any other."""
    struct = _struct_at(place)
    own = [field.encode_name for field in msgspec.structs.fields(struct)]
    others = [key for key in _keys(Settings) if key != unknown]
    return difflib.get_close_matches(unknown, own, n=1) or difflib.get_close_matches(unknown, others, n=1)


def _keys(struct: type[Any]) -> Iterable[str]:
    """Every key of the settings, at any depth."""
    for field in msgspec.structs.fields(struct):
        yield field.encode_name
        for inner in _structs(field.type):
            yield from _keys(inner)


def _structs(hint: Any) -> Iterable[type[msgspec.Struct]]:
    """The structs that a type is made of."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for inner in getattr(hint, "__args__", ()):
        yield from _structs(inner)


def _check(settings: Settings) -> None:
    """Raises ValueError for values that do not fit, with key and remedy."""
    _check_clusters(settings.clusters)
    _check_rules_of_clusters(settings)
    _check_zone(settings.billing_timezone)
    for kind in ("department", "project", "creator"):
        check_rules(getattr(settings.attribution, kind), ZoneInfo(settings.billing_timezone), f"attribution.{kind}")
    check_units(settings.attribution.units)
    check_bill(settings.bill)
    budgets_of(settings.budgets, settings.currency)
    try:
        retention_days(settings.retention)
    except ValueError as error:
        raise SettingsError(f"retention.{error}") from None
    if problem := backup_problem(settings.backup, Path(settings.data_dir), has_server=bool(settings.store.url)):
        raise SettingsError(f"backup.{problem}")
    for url in settings.store.urls:
        if problem := _store_url_problem(url):
            raise SettingsError(f"store.url: {problem}")
    if problem := replica_problem(settings.replicas):
        raise SettingsError(f"replicas.{problem}")
    if problem := trace_problem(settings.traces):
        raise SettingsError(f"traces.{problem}")
    listed = {cluster.name for cluster in settings.clusters}
    if listed and not settings.discovery.is_set and (unknown := sorted({*settings.traces.clusters} - listed)):
        raise SettingsError(f"traces.clusters: {unknown[0]!r} is not in `clusters`")
    if problem := _namespace_problem(settings.discovery):
        raise SettingsError(f"discovery.{problem}")
    if problem := external_url_problem(settings.http.external_url):
        raise SettingsError(f"http.external_url: {problem}")
    if problem := delivery_problem(settings.delivery, settings.http.external_url):
        raise SettingsError(f"delivery.{problem}")
    check_doors(settings)
    spool_limit_bytes(settings)


def _check_clusters(clusters: tuple[ClusterSettings, ...]) -> None:
    names = [cluster.name for cluster in clusters]
    for i, (name, cluster) in enumerate(zip(names, clusters, strict=True)):
        place = f"clusters[{i}]"
        if not NAME.fullmatch(name):
            raise SettingsError(f"clusters[{i}].name: {name!r} must be lower-case letters, digits, `-`, `.` or `_`")
        if name in names[:i]:
            raise SettingsError(f"{place}.name: {name!r} is taken by clusters[{names.index(name)}]")
        _check_cluster(cluster, place)


def _check_rules_of_clusters(settings: Settings) -> None:
    given = {"cluster_defaults": settings.cluster_defaults}
    for i, rule in enumerate(settings.match):
        if not (rule.name or rule.server or rule.labels):
            raise SettingsError(f"match[{i}]: names no cluster; give name, server or labels, or use cluster_defaults")
        given[f"match[{i}].set"] = rule.set
    for place, defaults in given.items():
        _check_cluster(completed(ClusterSettings(name="example"), (), {place: defaults}), place)


def _check_cluster(cluster: ClusterSettings, place: str) -> None:
    if cluster.product and cluster.product not in PRODUCTS:
        raise SettingsError(f"{place}.product: {cluster.product!r} is unknown; known are {', '.join(PRODUCTS)}")
    if problem := _archive_problem(cluster.archive) or verification_problem(cluster.archive):
        raise SettingsError(f"{place}.archive.{problem}")
    if problem := argo_ui_problem(cluster.argo_ui):
        raise SettingsError(f"{place}.argo_ui: {problem}")


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(
            f"billing_timezone: {name!r} is not an IANA time zone, expected one like Asia/Shanghai"
        ) from None


def _namespace_problem(discovery: DiscoverySettings) -> str:
    """The problem with where cluster secrets are listed, or an empty text."""
    if discovery.argocd_namespace and not NAMESPACE.fullmatch(discovery.argocd_namespace):
        return f"argocd_namespace: {discovery.argocd_namespace!r} is not the name of a namespace, like argocd"
    if discovery.argocd_namespace and discovery.argocd_secrets:
        return "argocd_namespace: is set beside argocd_secrets; keep one of them"
    if not discovery.argocd_selector.strip():
        return "argocd_selector: is empty, so that every secret would be read; give a label, like lynceus.io/watch=true"
    return ""


def _store_url_problem(url: str) -> str:
    """The problem with a ClickHouse URL, or an empty text. The driver would take a missing host for localhost."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port out of range, a bracket that is not closed
        sound = False
    if not sound:
        return INVALID_STORE_URL
    if parts.username or parts.password:
        return "contains a user; put the name into store.username and the password into store.password_file"
    if parts.query or parts.fragment:
        return "contains parameters; give the address alone, and a password in store.password_file"
    return ""


def _archive_problem(archive: ArchiveSettings) -> str:
    """The problem with the settings of an argo-server, or an empty text."""
    try:
        parts = urlsplit(archive.url)
        host, user = parts.hostname or "", parts.username or parts.password
    except ValueError:
        return f"url: invalid address, {ARCHIVE_URL_EXAMPLE}"
    if not archive.url:
        return f"url: is missing; {ARCHIVE_URL_EXAMPLE}" if archive != ArchiveSettings() else ""
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        return f"url: invalid address {redact_url(archive.url)!r}, {ARCHIVE_URL_EXAMPLE}"
    if user:
        return "url: contains a user name; put a bearer token into token_file"
    if parts.scheme == "http" and not archive.allow_insecure and host not in ("localhost", "127.0.0.1", "::1"):
        return f"url: plain http to {host} would send the token unencrypted; use https, or set allow_insecure"
    return ""
