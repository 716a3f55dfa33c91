"""
The numbers of thresholds.yaml as typed values; a name that no alert knows is an error.

No number has a default here: what an operator does not see in the file cannot be tuned.
"""

from pathlib import Path

import msgspec

FILE = Path(__file__).parent / "thresholds.yaml"


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number and why it is that one."""

    value: int
    reason: str


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where links point, without a slash at the end."""

    value: str
    reason: str


class Links(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where runbooks and dashboards are read."""

    runbooks: Address
    grafana: Address


class OwnDepth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A queue whose usual depth is far from the others'."""

    queue: str
    depth: int
    reason: str


class QueueThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a queue is in trouble."""

    backlog_depth: Number
    backlog_own_depth: list[OwnDepth]
    backlog_age_s: Number
    backlog_hold_m: Number
    not_draining_window_m: Number
    not_draining_warning_m: Number
    not_draining_critical_m: Number
    not_draining_demand_m: Number


class ControllerThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a controller is in trouble."""

    oom_window_m: Number


class CollectorThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When Lynceus itself is in trouble."""

    store_silent_s: Number
    store_hold_m: Number
    cluster_unreachable_m: Number
    collector_absent_m: Number


class DurabilityThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When what was seen may be incomplete, late or wrong."""

    seen_window_m: Number
    stored_window_m: Number
    rollup_age_h: Number
    rollup_hold_m: Number
    clock_skew_s: Number
    clock_hold_m: Number
    spool_full_percent: Number
    spool_hold_m: Number


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything an operator tunes."""

    links: Links
    queue: QueueThresholds
    controller: ControllerThresholds
    collector: CollectorThresholds
    durability: DurabilityThresholds


def load(path: Path = FILE) -> Thresholds:
    """The thresholds of a file; raises with the file and the place in it."""
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=Thresholds)
    except msgspec.ValidationError as error:
        raise SystemExit(f"{path}: {error}") from error
