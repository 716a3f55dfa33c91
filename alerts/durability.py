"""
Alerts about complete data: is everything observed, stored and summed, and do the clocks agree?

Only a spool that is about to pause the watches pages a person; the others are tickets, since nothing is lost yet.
"""

from alerts.numbers import Numbers
from alerts.promql import increase
from alerts.rules import ITSELF, Alert, Builder, Recording
from collector.catalog import metrics as catalog
from collector.catalog.metrics import Metric

RECORDINGS: tuple[Recording, ...] = ()


def _grew(numbers: Numbers, metric: Metric, labels: tuple[str, ...]) -> str:
    """PromQL that holds while a counter has grown in the window; counters continue after a restart."""
    return f"{increase(metric, numbers.of(metric), numbers.span('window'), ', '.join(labels))} > 0"


def _grew_or_appeared(numbers: Numbers, metric: Metric, labels: tuple[str, ...]) -> str:
    """PromQL like _grew, for a counter whose series are not known in advance, so that none exists at 0."""
    by, series = f"sum by ({', '.join(labels)})", numbers.of(metric)
    new = f"({by} ({series}) unless {by} ({series} offset {numbers.span('window')})) > 0"
    return f"{_grew(numbers, metric, labels)} or {new}"


def watch_gap(numbers: Numbers) -> Alert:
    """What was not seen is missing from reports, so somebody must know."""
    labels = ("cluster", "kind")
    return Alert(
        name="WatchGap",
        expr=_grew(numbers, catalog.WATCH_GAPS, labels),
        severity="warning",
        summary="A break in a watch could not be replayed.",
        description=(
            "The watch of {{ $labels.kind }} in {{ $labels.cluster }} was down for longer than the API server keeps history. "
            "Reports of that time are marked incomplete. See the table watch_gap. Backfill from Argo's archive if there is one."
        ),
        dashboard=ITSELF,
        labels=labels,
    )


def reconcile_differences(numbers: Numbers) -> Alert:
    """A watch that misses changes without an error is the worst fault of a watch."""
    labels = ("cluster", "kind", "difference")
    return Alert(
        name="ReconcileDifferences",
        expr=_grew(numbers, catalog.RECONCILE_DIFFERENCES, labels),
        severity="warning",
        summary="A watch missed changes.",
        description=(
            "{{ $labels.kind }} of {{ $labels.cluster }} were {{ $labels.difference }} when compared with a list. "
            "The difference is corrected, but the watch missed it. Look for a proxy that drops or caches responses."
        ),
        dashboard=ITSELF,
        labels=labels,
    )


def backfill_failing(numbers: Numbers) -> Alert:
    """A gap that the archive could fill stays open."""
    labels = ("cluster", "reason")
    return Alert(
        name="BackfillFailing",
        expr=_grew(numbers, catalog.BACKFILL_FAILURES, labels),
        severity="warning",
        summary="Backfill from the Argo archive is failing.",
        description=(
            "The archive of {{ $labels.cluster }} could not be read ({{ $labels.reason }}). Workflows that ended in a gap stay "
            "missing. Fix clusters[].archive, then run lynceus backfill."
        ),
        dashboard=ITSELF,
        labels=labels,
    )


def quarantine_growing(numbers: Numbers) -> Alert:
    """What is quarantined is missing from reports and bills."""
    labels = ("cluster", "kind", "reason")
    return Alert(
        name="QuarantineGrowing",
        expr=_grew_or_appeared(numbers, catalog.QUARANTINED, labels),
        severity="warning",
        summary="Objects or rows are quarantined.",
        description=(
            "{{ $labels.kind }} of {{ $labels.cluster }} are quarantined ({{ $labels.reason }}) and missing from reports. "
            "The table quarantine holds the reason and a sample."
        ),
        dashboard=ITSELF,
        labels=labels,
    )


def spool_nearly_full(numbers: Numbers) -> Alert:
    """The last warning before the watches pause."""
    return Alert(
        name="SpoolNearlyFull",
        expr=f"100 * {catalog.SPOOL_BYTES.name} / {catalog.SPOOL_LIMIT.name} > {numbers['full']}",
        severity="critical",
        summary="The spool is nearly full.",
        description=(
            'The spool of {{ $labels.instance }} is {{ $value | printf "%.0f" }} % full. A full spool pauses the watches. '
            "Make the store accept rows, or free disk space and raise spool.max_bytes."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("instance",),
    )


def rollup_old(numbers: Numbers) -> Alert:
    """Reports get slow, and a rollup that is not moving hides an error."""
    return Alert(
        name="RollupOld",
        expr=f"time() - max by (rollup) ({catalog.ROLLED_UP.name}) > {numbers.seconds('age')}",
        severity="warning",
        summary="A rollup is out of date.",
        description=(
            f"{{{{ $labels.rollup }}}} has not been updated for more than {numbers.words('age')}. Reports stay correct but "
            "read more rows. See its errors in the log; perhaps no collector holds its claim."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("rollup",),
    )


def clock_skewed(numbers: Numbers) -> Alert:
    """Two clocks that differ make durations wrong."""
    labels = ("subject", "cluster")
    return Alert(
        name="ClockSkewed",
        expr=f"max by ({', '.join(labels)}) (abs({catalog.CLOCK_SKEW.name})) > {numbers['skew']}",
        severity="warning",
        summary="A clock differs from the collector's.",
        description=(
            'The clock of {{ $labels.subject }} {{ $labels.cluster }} is {{ $value | printf "%.0f" }} s off the collector\'s. '
            "Durations across both clocks are wrong by the same amount. Check time synchronisation on both sides."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=labels,
    )


BUILDERS: tuple[Builder, ...] = (
    watch_gap,
    reconcile_differences,
    backfill_failing,
    quarantine_growing,
    spool_nearly_full,
    rollup_old,
    clock_skewed,
)
