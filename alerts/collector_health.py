"""
Alerts about Lynceus itself: it runs, it watches every cluster, and it can store its rows.
"""

import msgspec

from alerts.numbers import Number
from alerts.rules import Alert, Group
from collector.catalog import metrics as catalog


class CollectorThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of Lynceus itself."""

    store_silent_s: Number
    store_hold_m: Number
    cluster_unreachable_m: Number
    collector_absent_m: Number


def build(own: CollectorThresholds) -> Group:
    """The group lynceus-collector."""
    rules = (_store_insert_failing(own), _cluster_unreachable(own), _collector_absent(own), _watchdog())
    return Group(name="lynceus-collector", interval="30s", rules=rules)


def _store_insert_failing(own: CollectorThresholds) -> Alert:
    silent_s = own.store_silent_s.value
    return Alert(
        name="StoreInsertFailing",
        # The counter of errors is not used: an insert that hangs makes no error. `unless` also holds if no insert ever
        # succeeded and the timestamp does not exist.
        expr="\n".join(
            (
                f"{catalog.SPOOL_ROWS.name} > 0",
                f"unless on (instance) time() - {catalog.STORE_LAST_INSERT.name} < {silent_s}",
            )
        ),
        severity="critical",
        summary="The store is not accepting rows.",
        description=(
            '{{ $value | printf "%.0f" }} rows wait in the spool of {{ $labels.instance }}. The store has acknowledged '
            f"none for {silent_s // 60} minutes. No row is lost while the disk has room; reports are behind."
        ),
        hold=f"{own.store_hold_m.value}m",
        labels=("instance",),
    )


def _cluster_unreachable(own: CollectorThresholds) -> Alert:
    return Alert(
        name="ClusterUnreachable",
        expr=f"max by (cluster) ({catalog.CLUSTER_UP.name}) == 0",
        severity="critical",
        summary="A cluster is not fully watched.",
        description=(
            "No replica has fully watched {{ $labels.cluster }} for "
            f"{own.cluster_unreachable_m.value} minutes. Its queues are not observed, and its queue alerts are silent."
        ),
        hold=f"{own.cluster_unreachable_m.value}m",
        labels=("cluster",),
    )


def _collector_absent(own: CollectorThresholds) -> Alert:
    return Alert(
        name="CollectorAbsent",
        expr=f"absent({catalog.BUILD_INFO.name})",
        severity="critical",
        summary="No Lynceus collector is scraped.",
        description=(
            f"Prometheus has had no {catalog.BUILD_INFO.name} for {own.collector_absent_m.value} minutes. "
            "No cluster is watched, or the scrape is misconfigured."
        ),
        hold=f"{own.collector_absent_m.value}m",
    )


def _watchdog() -> Alert:
    return Alert(
        name="Watchdog",
        expr="vector(1)",
        severity="none",
        summary="Alert delivery works.",
        description="This alert always fires. Route it to a dead man's switch that pages when it stops.",
    )
