"""
Values that follow from settings: the rules of a cluster, addresses, sizes, the data directory.
"""

import logging
import os
from pathlib import Path
from zoneinfo import ZoneInfo

from collector.core.cost import attribution
from collector.core.live_view import ClusterInfo
from collector.core.objects.quantity import parse_quantity
from collector.core.rules import Rules
from collector.settings.attribution import annotations_of, rule_of
from collector.settings.model import ClusterSettings, Settings, SettingsError
from collector.shown_text import redact_url

SMALLEST_SPOOL = 1 << 20

_OURS = ("spool.", "store", "lost+found")
"""How names in a data directory begin."""

log = logging.getLogger(__name__)


def parse_address(text: str, place: str) -> tuple[str, int]:
    """Host and port of a `host:port`; SettingsError names the place."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 <= int(port) < 65536:
        raise SettingsError(f"{place}: invalid address {redact_url(text)!r}, expected HOST:PORT, like 127.0.0.1:8470")
    return host.strip("[]"), int(port)


def spool_limit_bytes(settings: Settings) -> int:
    """The size at which the spool is full, in bytes."""
    size = parse_quantity(settings.spool.max_bytes)
    if size is None or size < SMALLEST_SPOOL:
        raise SettingsError(
            f"spool.max_bytes: invalid size {settings.spool.max_bytes!r}, expected 1Mi or more, like 8Gi"
        )
    return int(size)


def rules_of(settings: Settings, cluster: ClusterSettings) -> Rules:
    """The part of the settings that core needs for one cluster."""
    zone, kinds = ZoneInfo(settings.billing_timezone), settings.attribution
    department, project, creator = (
        tuple(rule_of(rule, zone) for rule in rules) for rules in (kinds.department, kinds.project, kinds.creator)
    )
    return Rules(
        queue_label=settings.queues.label,
        department=department,
        project=project,
        creator=creator,
        owner_labels=settings.ownership.labels,
        version_label=settings.template_version.label,
        controller_namespace=cluster.controller_namespace,
        units=annotations_of(kinds.units),
        region=cluster.region,
        product=cluster.product,
    )


def info_of(name: str, cluster: ClusterSettings) -> ClusterInfo:
    """What pages, metrics and dashboards show of a cluster's settings."""
    return ClusterInfo(name, cluster.argo_ui.rstrip("/"), cluster.region, cluster.product)


def rules_version(settings: Settings) -> str:
    """A hash of the attribution rules, which are the same for every cluster."""
    return attribution.version(rules_of(settings, ClusterSettings(name="")))


def data_dir(settings: Settings) -> Path:
    """The path of the data directory, whether it exists or not."""
    return Path(settings.data_dir).expanduser().resolve()


def make_data_dir(settings: Settings) -> Path:
    """Creates the data directory for this user alone, if it is missing, and returns its path."""
    path = data_dir(settings)
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(path, os.W_OK):
            raise SettingsError(f"data_dir: {path} is not writable; choose another directory or change its owner")
        _make_private(path)
    except OSError as error:
        raise SettingsError(f"data_dir: cannot create {path}: {error.strerror}; choose another directory") from None
    return path


def _make_private(path: Path) -> None:
    """
    Takes a directory that was there before from other users, if it is ours alone to change.

    A volume of a pod belongs to root and is opened by its group: there our files in it are private by their own modes.
    """
    status = path.stat()
    if status.st_uid != os.geteuid() or not status.st_mode & 0o077:
        return
    if others := sorted(file.name for file in path.iterdir() if not file.name.startswith(_OURS)):
        raise SettingsError(
            f"data_dir: other users may enter {path}, and it holds {others[0]}; choose a directory of its own, or chmod 700"
        )
    path.chmod(status.st_mode & 0o7700)
    log.warning("data_dir was open to other users, its mode is 0700 now", extra={"path": str(path)})
