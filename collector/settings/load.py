"""
The settings file as typed values; what a key means and in which unit stands beside it.

Strict: a key that is not here is an error that names the nearest one, since a typo in `billing_timezone` is a wrong bill.
"""

import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml

from collector.catalog.retention import kept_days
from collector.core.cost import attribution
from collector.core.cost.product import PRODUCTS
from collector.core.objects.quantity import quantity
from collector.core.rules import Rules
from collector.settings import attribution as rule_settings

SMALLEST_SPOOL = 1 << 20
NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")


class SettingsError(ValueError):
    """Settings that cannot be used; says which file, which key and what to do."""


class ArchiveSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An argo-server that is asked for the workflows of a gap; without a url nobody is."""

    url: str = ""
    """Its own address and base path, like https://argo-server.argo:2746."""
    token_file: str = ""
    """Holds a bearer token that may get and list workflows; empty: the server asks for none."""
    ca_file: str = ""
    """Authority of its certificate; empty: those of the system."""
    allow_insecure: bool = False
    """Permit plain http and unverified TLS to it."""


class ClusterSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One cluster to watch."""

    name: str
    """What rows and labels call it; bound to the cluster's identity at first sight."""
    kubeconfig: str = ""
    """Path to a kubeconfig; empty: $KUBECONFIG or the default one, or the pod's own account inside a cluster."""
    context: str = ""
    """Context in it; empty: its current one."""
    region: str = ""
    """Used for pods whose labels and node tell none."""
    product: str = ""
    """Used for pods that carry no provider's mark."""
    controller_namespace: str = "argo"
    pods: Literal["all", "labelled"] = "all"
    """`labelled` asks for Argo's own pods only; pods of Jobs, Ray and Spark are then not seen."""
    allow_insecure: bool = False
    """Permit plain http and unverified TLS to this cluster."""
    archive: ArchiveSettings = ArchiveSettings()


class StoreSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The ClickHouse to write to; without a url the embedded one is started."""

    url: str = ""
    username: str = "default"
    password_file: str = ""
    cluster: str = ""
    """ClickHouse cluster name for ON CLUSTER; empty: a single node."""
    wait_seconds: Annotated[int, msgspec.Meta(ge=0)] = 60
    """How long a collector that knows nothing of its clusters waits for the store before it starts from lists."""


class SpoolSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What waits on disk for the store."""

    max_bytes: str = "8Gi"
    """As Kubernetes writes sizes. A full spool pauses the watches until the store has taken some; nothing is dropped."""


class TlsSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Files for serving over TLS; a client_ca asks for client certificates."""

    cert: str = ""
    key: str = ""
    client_ca: str = ""


class HttpSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where pages, API and metrics are served."""

    listen: str = "127.0.0.1:8470"
    tls: TlsSettings = TlsSettings()


class EmbeddedSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the embedded store listens; open to readers on loopback."""

    listen: str = "127.0.0.1:8471"


class QueueSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How workflows queue."""

    label: str = ""
    """Workflow label that names the queue; empty, or absent on a workflow: its namespace."""


class OwnershipSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How pods that no owner reference leads from are joined with workflows."""

    labels: tuple[str, ...] = ()
    """Labels of a pod, or of what owns it, whose value is the name of a workflow in its namespace."""


class TemplateVersionSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the version of a workflow's template is named."""

    label: str = ""
    """Label or annotation of the workflow; empty, or absent on it: a hash of the templates that Argo stored with it."""


class DiscoverySettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Clusters found instead of listed."""

    argocd_secrets: str = ""
    """Folder of mounted Argo CD cluster secrets."""


class Settings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Everything an operator can choose."""

    clusters: tuple[ClusterSettings, ...] = ()
    """Empty: the contexts of the current kubeconfig."""
    discovery: DiscoverySettings = DiscoverySettings()
    store: StoreSettings = StoreSettings()
    data_dir: str = "./lynceus-data"
    """Spool, embedded store and their token; mode 0700."""
    spool: SpoolSettings = SpoolSettings()
    http: HttpSettings = HttpSettings()
    embedded: EmbeddedSettings = EmbeddedSettings()
    retention: dict[str, str] = {}
    """How long rows of a table are kept, like `{queue_sample: 90d, pod_run: forever}`; see catalog/retention.py."""
    queues: QueueSettings = QueueSettings()
    reconcile_hours: Annotated[float, msgspec.Meta(ge=0)] = 6
    """How often what is known is compared with a list, besides after each gap; 0: never."""
    stuck_after_minutes: Annotated[int, msgspec.Meta(ge=1)] = 15
    """How long a workflow that began may stand still, without a container running, before it counts as stuck."""
    attribution: rule_settings.AttributionSettings = rule_settings.AttributionSettings()
    ownership: OwnershipSettings = OwnershipSettings()
    template_version: TemplateVersionSettings = TemplateVersionSettings()
    prices: tuple[str, ...] = ("alibaba-eci", "alibaba-acs", "aws-fargate-eks", "gke-autopilot", "azure-aci")
    """Shipped books by id, own ones by path relative to this file. plain-node is a guess until an own file mends it."""
    currency: str = "USD"
    """What amounts are told in; a bill in another currency needs a rate of exchange in one of `prices`."""
    billing_timezone: str = "UTC"
    """IANA zone whose midnights cut charges into billing days."""


class _Strict(yaml.SafeLoader):
    """YAML takes the last of two equal keys; here the first list of clusters would silently be none.

    Dates stay text, for the field that wants one to read: YAML itself says of the 30th of February neither key nor place."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class's own, less dates
        first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands there twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def load(path: Path | None) -> Settings:
    """Settings from a file, or the defaults without one; SettingsError names file, key and remedy."""
    if path is None:
        return Settings()
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    return parse(text, str(path))


def parse(text: bytes, path: str) -> Settings:
    """Settings from YAML text."""
    try:
        raw = yaml.load(text, _Strict)  # noqa: S506  # a SafeLoader
    except RecursionError:
        raise SettingsError(f"{path}: is nested too deep to be settings") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{path}: is no YAML: {' '.join(str(error).split())}") from None
    if raw is None:
        return Settings()
    if not isinstance(raw, dict):
        raise SettingsError(f"{path}: must hold keys and values, like `data_dir: ./lynceus-data`")
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {_explain(str(error))}") from None
    _check(settings, path)
    return settings


def _explain(message: str) -> str:
    """msgspec's words with the place first and, for an unknown key, the key that was probably meant."""
    what, _, place = message.partition(" - at `")
    place = place.rpartition("$")[2].strip("`").removeprefix(".")
    if unknown := re.search(r"unknown field `(.*)`", what):
        near = difflib.get_close_matches(unknown[1], _keys(Settings), n=1)
        hint = f"; did you mean `{near[0]}`?" if near else "; see the README for the keys there are"
        return f"{f'{place}.' if place else ''}{unknown[1]}: no such setting{hint}"
    return f"{place or 'top'}: {what}"


def _keys(struct: type[Any]) -> Iterable[str]:
    """Every key of the settings, at any depth."""
    for field in msgspec.structs.fields(struct):
        yield field.encode_name
        for inner in (field.type, *getattr(field.type, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                yield from _keys(inner)


def _check(settings: Settings, path: str) -> None:
    names = [c.name for c in settings.clusters]
    for i, name in enumerate(names):
        if not NAME.fullmatch(name):
            raise SettingsError(
                f"{path}: clusters[{i}].name: {name!r} must be lower-case letters, digits, `-`, `.` or `_`"
            )
        if name in names[:i]:
            raise SettingsError(f"{path}: clusters[{i}].name: {name!r} is taken by clusters[{names.index(name)}]")
        product = settings.clusters[i].product
        if product and product not in PRODUCTS:
            known = f"known are {', '.join(PRODUCTS)}"
            raise SettingsError(f"{path}: clusters[{i}].product: {product!r} is unknown; {known}")
        if why := _unsafe(settings.clusters[i].archive):
            raise SettingsError(f"{path}: clusters[{i}].archive.{why}")
    try:
        ZoneInfo(settings.billing_timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(
            f"{path}: billing_timezone: {settings.billing_timezone!r} is no IANA zone, like Asia/Shanghai"
        ) from None
    for kind in ("department", "project", "creator"):
        try:
            rule_settings.check(
                getattr(settings.attribution, kind), ZoneInfo(settings.billing_timezone), f"attribution.{kind}"
            )
        except ValueError as error:
            raise SettingsError(f"{path}: {error}") from None
    try:
        kept_days(settings.retention)
    except ValueError as error:
        raise SettingsError(f"{path}: retention.{error}") from None
    if settings.store.url and (why := _no_store(settings.store.url)):
        raise SettingsError(f"{path}: store.url: {why}")
    for key, value in (("http.listen", settings.http.listen), ("embedded.listen", settings.embedded.listen)):
        address(value, f"{path}: {key}")
    _spool_bytes(settings, f"{path}: ")


def _no_store(url: str) -> str:
    """What is wrong with the address of a ClickHouse; empty: nothing. The driver takes a missing host for localhost."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port out of range, a bracket that is not closed
        sound = False
    if not sound:
        return "is no address; write it like http://clickhouse:8123/lynceus"
    if parts.username or parts.password:
        return "holds a user; put the name into store.username and the password into store.password_file"
    return ""


def _unsafe(archive: ArchiveSettings) -> str:
    """What is wrong with the address of an argo-server; empty: nothing."""
    try:
        parts = urlsplit(archive.url)
        host, named = parts.hostname or "", parts.username or parts.password
    except ValueError:
        return "url: is no address; write it like https://argo-server.argo:2746"
    if not archive.url:
        return "url: is missing; write it like https://argo-server.argo:2746" if archive != ArchiveSettings() else ""
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        return f"url: {archive.url!r} is no address; write it like https://argo-server.argo:2746"
    if named:
        return "url: holds a user name; put a bearer token into token_file"
    if parts.scheme == "http" and not archive.allow_insecure and host not in ("localhost", "127.0.0.1", "::1"):
        return f"url: plain http to {host} would show its token; use https, or set allow_insecure"
    return ""


def address(text: str, place: str) -> tuple[str, int]:
    """Host and port of a `host:port`; SettingsError names the place."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 <= int(port) < 65536:
        raise SettingsError(f"{place}: {text!r} is no address; write it like 127.0.0.1:8470")
    return host.strip("[]"), int(port)


def spool_bytes(settings: Settings) -> int:
    """The bound of the spool, in bytes."""
    return _spool_bytes(settings, "")


def _spool_bytes(settings: Settings, path: str) -> int:
    size = quantity(settings.spool.max_bytes)
    if size is None or size < SMALLEST_SPOOL:
        told = settings.spool.max_bytes
        raise SettingsError(f"{path}spool.max_bytes: {told!r} is no size of 1Mi or more; write it like 8Gi")
    return int(size)


def rules_of(settings: Settings, cluster: ClusterSettings) -> Rules:
    """What core needs of the settings to judge one cluster."""
    zone, told = ZoneInfo(settings.billing_timezone), settings.attribution
    department, project, creator = (
        tuple(rule_settings.rule_of(rule, zone) for rule in rules)
        for rules in (told.department, told.project, told.creator)
    )
    return Rules(
        queue_label=settings.queues.label,
        department=department,
        project=project,
        creator=creator,
        owner_labels=settings.ownership.labels,
        version_label=settings.template_version.label,
        controller_namespace=cluster.controller_namespace,
        region=cluster.region,
        product=cluster.product,
    )


def rules_version(settings: Settings) -> str:
    """A hash of the attribution rules, which no cluster has of its own."""
    return attribution.version(rules_of(settings, ClusterSettings(name="")))


def data_dir(settings: Settings) -> Path:
    """The data directory, made for this user alone; SettingsError when it cannot be."""
    path = Path(settings.data_dir).expanduser().resolve()
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(path, os.W_OK):
            raise SettingsError(f"data_dir: {path} cannot be written; choose another or change its owner")
    except OSError as error:
        raise SettingsError(f"data_dir: {path} cannot be made: {error.strerror}") from None
    return path
