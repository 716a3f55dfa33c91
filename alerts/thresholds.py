"""
The numbers of thresholds.yaml as typed values; an unknown name is an error.

No number has a default here: an operator can only tune a number that is in the file.
"""

from pathlib import Path

import msgspec

FILE = Path(__file__).parent / "thresholds.yaml"


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number and its reason."""

    value: int
    reason: str


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Target of links, without a slash at the end."""

    value: str
    reason: str


class Links(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses of runbooks and dashboards."""

    runbooks: Address
    grafana: Address


class OwnDepth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A queue with a usual depth of its own."""

    queue: str
    depth: int
    reason: str


class QueueThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of queues."""

    backlog_depth: Number
    backlog_own_depth: list[OwnDepth]
    backlog_age_s: Number
    backlog_hold_m: Number
    not_draining_window_m: Number
    not_draining_warning_m: Number
    not_draining_critical_m: Number
    not_draining_demand_m: Number


class ControllerThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of controllers."""

    oom_window_m: Number


class CollectorThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of Lynceus itself."""

    store_silent_s: Number
    store_hold_m: Number
    cluster_unreachable_m: Number
    collector_absent_m: Number


class DurabilityThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of incomplete, late or wrong data."""

    seen_window_m: Number
    stored_window_m: Number
    rollup_age_h: Number
    rollup_hold_m: Number
    clock_skew_s: Number
    clock_hold_m: Number
    spool_full_percent: Number
    spool_hold_m: Number


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every number that an operator tunes."""

    links: Links
    queue: QueueThresholds
    controller: ControllerThresholds
    collector: CollectorThresholds
    durability: DurabilityThresholds


def load(path: Path = FILE) -> Thresholds:
    """Reads the thresholds of a file; an error names the file and the place in it."""
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=Thresholds)
    except msgspec.ValidationError as error:
        raise SystemExit(f"{path}: {error}") from error
