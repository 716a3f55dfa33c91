"""
Reads and checks a settings file.

Strict: an unknown key is an error that names the nearest known one, since a typo in `billing_timezone` is a wrong bill.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml

from collector.catalog.retention import retention_days
from collector.core.cost.product import PRODUCTS
from collector.settings.attribution import check_rules
from collector.settings.derived import spool_limit_bytes
from collector.settings.doors import check_doors
from collector.settings.model import ArchiveSettings, ClusterSettings, Settings, SettingsError
from collector.settings.traces import problem as trace_problem
from collector.shown_text import redact, redact_url

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
    return settings


def _explain(message: str) -> str:
    """msgspec's message with the place first and, for an unknown key, the key that was probably meant."""
    problem, _, place = message.partition(" - at `")
    place = place.rpartition("$")[2].strip("`").removeprefix(".")
    if unknown := re.search(r"unknown field `(.*)`", problem):
        near = difflib.get_close_matches(unknown[1], _keys(Settings), n=1)
        hint = f"; did you mean `{near[0]}`?" if near else "; see docs/reference/settings.md for all settings"
        return f"{f'{place}.' if place else ''}{unknown[1]}: no such setting{hint}"
    return f"{place or 'top'}: {problem}"


def _keys(struct: type[Any]) -> Iterable[str]:
    """Every key of the settings, at any depth."""
    for field in msgspec.structs.fields(struct):
        yield field.encode_name
        for inner in (field.type, *getattr(field.type, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                yield from _keys(inner)


def _check(settings: Settings) -> None:
    """Raises ValueError for values that do not fit, with key and remedy."""
    _check_clusters(settings.clusters)
    _check_zone(settings.billing_timezone)
    for kind in ("department", "project", "creator"):
        check_rules(getattr(settings.attribution, kind), ZoneInfo(settings.billing_timezone), f"attribution.{kind}")
    try:
        retention_days(settings.retention)
    except ValueError as error:
        raise SettingsError(f"retention.{error}") from None
    for url in settings.store.urls:
        if problem := _store_url_problem(url):
            raise SettingsError(f"store.url: {problem}")
    if problem := trace_problem(settings.traces):
        raise SettingsError(f"traces.{problem}")
    listed = {cluster.name for cluster in settings.clusters}
    if listed and not settings.discovery.argocd_secrets and (unknown := sorted({*settings.traces.clusters} - listed)):
        raise SettingsError(f"traces.clusters: {unknown[0]!r} is not in `clusters`")
    check_doors(settings)
    spool_limit_bytes(settings)


def _check_clusters(clusters: tuple[ClusterSettings, ...]) -> None:
    names = [cluster.name for cluster in clusters]
    for i, (name, cluster) in enumerate(zip(names, clusters, strict=True)):
        if not NAME.fullmatch(name):
            raise SettingsError(f"clusters[{i}].name: {name!r} must be lower-case letters, digits, `-`, `.` or `_`")
        if name in names[:i]:
            raise SettingsError(f"clusters[{i}].name: {name!r} is taken by clusters[{names.index(name)}]")
        if cluster.product and cluster.product not in PRODUCTS:
            raise SettingsError(
                f"clusters[{i}].product: {cluster.product!r} is unknown; known are {', '.join(PRODUCTS)}"
            )
        if problem := _archive_problem(cluster.archive):
            raise SettingsError(f"clusters[{i}].archive.{problem}")


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(
            f"billing_timezone: {name!r} is not an IANA time zone, expected one like Asia/Shanghai"
        ) from None


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
