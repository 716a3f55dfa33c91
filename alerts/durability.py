"""
Alerts about complete data: is everything observed, stored and summed, and do the clocks agree?

Only a spool that is about to pause the watches pages a person; the others are tickets, since nothing is lost yet.
"""

import msgspec

from alerts.numbers import Number
from alerts.rules import ITSELF, Alert, Group
from collector.catalog import metrics as catalog
from collector.catalog.metrics import Metric


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


def build(own: DurabilityThresholds) -> Group:
    """The group lynceus-durability."""
    rules = (
        _watch_gap(own),
        _reconcile_differences(own),
        _backfill_failing(own),
        _quarantine_growing(own),
        _spool_nearly_full(own),
        _rollup_old(own),
        _clock_skewed(own),
    )
    return Group(name="lynceus-durability", interval="30s", rules=rules)


def _grew(metric: Metric, labels: tuple[str, ...], window_m: int) -> str:
    """PromQL that holds while a counter has grown in the window; counters continue after a restart."""
    return f"sum by ({', '.join(labels)}) (increase({metric.name}[{window_m}m])) > 0"


def _grew_or_appeared(metric: Metric, labels: tuple[str, ...], window_m: int) -> str:
    """PromQL like _grew, for a counter whose series are not known in advance, so that none exists at 0."""
    by = f"sum by ({', '.join(labels)})"
    new = f"({by} ({metric.name}) unless {by} ({metric.name} offset {window_m}m)) > 0"
    return f"{_grew(metric, labels, window_m)} or {new}"


def _watch_gap(own: DurabilityThresholds) -> Alert:
    labels = ("cluster", "kind")
    return Alert(
        name="WatchGap",
        expr=_grew(catalog.WATCH_GAPS, labels, own.seen_window_m.value),
        severity="warning",
        summary="A break in a watch could not be replayed.",
        description=(
            "The watch of {{ $labels.kind }} in {{ $labels.cluster }} was down for longer than the API server keeps history. "
            "Reports of that time are marked incomplete. See the table watch_gap. Backfill from Argo's archive if there is one."
        ),
        dashboard=ITSELF,
        labels=labels,
    )


def _reconcile_differences(own: DurabilityThresholds) -> Alert:
    labels = ("cluster", "kind", "difference")
    return Alert(
        name="ReconcileDifferences",
        expr=_grew(catalog.RECONCILE_DIFFERENCES, labels, own.seen_window_m.value),
        severity="warning",
        summary="A watch missed changes.",
        description=(
            "{{ $labels.kind }} of {{ $labels.cluster }} were {{ $labels.difference }} when compared with a list. "
            "The difference is corrected, but the watch missed it. Look for a proxy that drops or caches responses."
        ),
        dashboard=ITSELF,
        labels=labels,
    )


def _backfill_failing(own: DurabilityThresholds) -> Alert:
    labels = ("cluster", "reason")
    return Alert(
        name="BackfillFailing",
        expr=_grew(catalog.BACKFILL_FAILURES, labels, own.seen_window_m.value),
        severity="warning",
        summary="Backfill from the Argo archive is failing.",
        description=(
            "The archive of {{ $labels.cluster }} could not be read ({{ $labels.reason }}). Workflows that ended in a gap stay "
            "missing. Fix clusters[].archive, then run lynceus backfill."
        ),
        dashboard=ITSELF,
        labels=labels,
    )


def _quarantine_growing(own: DurabilityThresholds) -> Alert:
    labels = ("cluster", "kind", "reason")
    return Alert(
        name="QuarantineGrowing",
        expr=_grew_or_appeared(catalog.QUARANTINED, labels, own.stored_window_m.value),
        severity="warning",
        summary="Objects or rows are quarantined.",
        description=(
            "{{ $labels.kind }} of {{ $labels.cluster }} are quarantined ({{ $labels.reason }}) and missing from reports. "
            "The table quarantine holds the reason and a sample."
        ),
        dashboard=ITSELF,
        labels=labels,
    )


def _spool_nearly_full(own: DurabilityThresholds) -> Alert:
    share = own.spool_full_percent.value
    return Alert(
        name="SpoolNearlyFull",
        expr=f"100 * {catalog.SPOOL_BYTES.name} / {catalog.SPOOL_LIMIT.name} > {share}",
        severity="critical",
        summary="The spool is nearly full.",
        description=(
            'The spool of {{ $labels.instance }} is {{ $value | printf "%.0f" }} % full. A full spool pauses the watches. '
            "Make the store accept rows, or free disk space and raise spool.max_bytes."
        ),
        hold=f"{own.spool_hold_m.value}m",
        dashboard=ITSELF,
        labels=("instance",),
    )


def _rollup_old(own: DurabilityThresholds) -> Alert:
    hours = own.rollup_age_h.value
    return Alert(
        name="RollupOld",
        expr=f"time() - max by (rollup) ({catalog.ROLLED_UP.name}) > {hours * 3600}",
        severity="warning",
        summary="A rollup is out of date.",
        description=(
            f"{{{{ $labels.rollup }}}} has not been updated for more than {hours} hours. Reports stay correct but read "
            "more rows. See its errors in the log; perhaps no collector holds its claim."
        ),
        hold=f"{own.rollup_hold_m.value}m",
        dashboard=ITSELF,
        labels=("rollup",),
    )


def _clock_skewed(own: DurabilityThresholds) -> Alert:
    labels = ("subject", "cluster")
    return Alert(
        name="ClockSkewed",
        expr=f"max by ({', '.join(labels)}) (abs({catalog.CLOCK_SKEW.name})) > {own.clock_skew_s.value}",
        severity="warning",
        summary="A clock differs from the collector's.",
        description=(
            'The clock of {{ $labels.subject }} {{ $labels.cluster }} is {{ $value | printf "%.0f" }} s off the collector\'s. '
            "Durations across both clocks are wrong by the same amount. Check time synchronisation on both sides."
        ),
        hold=f"{own.clock_hold_m.value}m",
        dashboard=ITSELF,
        labels=labels,
    )
