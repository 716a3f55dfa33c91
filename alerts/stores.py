"""
Alerts about what is stored: rows reach the store, the spool and the disks have room, and rollups are up to date.

Nothing is lost while the spool has room, so a store that takes no rows is a ticket, and only what ends in a pause pages.
"""

from alerts.numbers import Numbers, span
from alerts.promql import increase, once, quantile
from alerts.rules import ITSELF, Alert, Builder, Recording, Severity
from collector.catalog import metrics as catalog
from collector.catalog.metrics import Metric

RECORDINGS: tuple[Recording, ...] = ()


def _grew_or_appeared(numbers: Numbers, metric: Metric, labels: tuple[str, ...]) -> str:
    """PromQL that holds while a counter has grown, or appeared: its series are not all known in advance."""
    by, series = f"sum by ({', '.join(labels)})", numbers.of(metric)
    window = numbers.span("window")
    new = f"({by} ({once(metric, series)}) unless {by} ({series} offset {window})) > 0"
    # What the first scrapes ever show is not new.
    known = f"and on () count({catalog.BUILD_INFO.name} offset {window}) > 0"
    return f"{increase(metric, series, window, ', '.join(labels))} > 0\nor {new}\n{known}"


def store_insert_failing(numbers: Numbers) -> Alert:
    """Nothing is lost yet, so this is a ticket: SpoolFillsSoon and SpoolNearlyFull page."""
    silent = f"time() - {catalog.STORE_LAST_INSERT.name} < {numbers.seconds('silent')}"
    return Alert(
        name="StoreInsertFailing",
        # The counter of errors is not used: an insert that hangs makes no error. `unless` also holds if no insert ever
        # succeeded and the timestamp does not exist.
        expr=f"{catalog.SPOOL_ROWS.name} > 0\nunless on (instance) {silent}",
        severity="warning",
        summary="The store is not accepting rows.",
        description=(
            '{{ $value | printf "%.0f" }} rows wait in the spool of {{ $labels.instance }}. The store has acknowledged '
            f"none for {numbers.words('silent')}. No row is lost while the disk has room; reports are behind."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("instance",),
    )


def store_insert_slow(numbers: Numbers) -> Alert:
    """A store that slows down is one that soon takes too few rows."""
    series = catalog.STORE_INSERT_SECONDS.name
    slow = quantile(0.99, catalog.STORE_INSERT_SECONDS, series, numbers.span("window"), "table")
    return Alert(
        name="StoreInsertSlow",
        expr=f"{slow} > {numbers.seconds('duration')}",
        severity="warning",
        summary="Inserts into the store are slow.",
        description=(
            'Inserts into {{ $labels.table }} take {{ $value | printf "%.0f" }} s (99 of 100 are faster). '
            "Rows wait in the spool for longer; see the store's merges, memory and disk."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("table",),
    )


def spool_fills_soon(numbers: Numbers) -> Alert:
    """Hours before the watches pause, while there is time to repair the store."""
    bytes_, window = catalog.SPOOL_BYTES.name, numbers.span("window")
    return Alert(
        name="SpoolFillsSoon",
        expr=(
            f"predict_linear({bytes_}[{window}], {numbers.seconds('ahead')}) > {catalog.SPOOL_LIMIT.name}\n"
            f"and deriv({bytes_}[{window}]) > 0\n"
            f"and {bytes_} > {numbers.share('least')} * {catalog.SPOOL_LIMIT.name}\n"
            # A prediction needs the whole window.
            f"and {bytes_} offset {window}"
        ),
        severity="critical",
        summary="The spool will be full within hours.",
        description=(
            f"At this pace the spool of {{{{ $labels.instance }}}} is full within {numbers.words('ahead')}. "
            "A full spool pauses the watches. Make the store accept rows."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("instance",),
    )


def watches_paused(numbers: Numbers) -> Alert:
    """The only state in which nothing is seen, so it pages at once."""
    return Alert(
        name="WatchesPaused",
        expr=f'max by (instance) ({catalog.NOT_READY.name}{{cause="spool_full"}}) > 0',
        severity="critical",
        summary="The spool is full and the watches are paused.",
        description=(
            "{{ $labels.instance }} takes no more events, since its spool is full. What happens now may become a gap. "
            "Make the store accept rows, or free disk space and raise spool.max_bytes."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("instance",),
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
            "read more rows; an old `statement` lacks what arrived since. See its errors in the log; perhaps no collector "
            "holds its claim."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("rollup",),
    )


def disk_fills(numbers: Numbers) -> tuple[Alert, ...]:
    """Spool and tables share the fate of their disk, whatever the spool's own bound says."""
    return _disk_fills(numbers, "warning"), _disk_fills(numbers, "critical")


def _disk_fills(numbers: Numbers, severity: Severity) -> Alert:
    return Alert(
        name="DiskFills",
        expr=(
            f"100 * min by (instance, disk) ({catalog.DISK_FREE.name}) / "
            f"min by (instance, disk) ({catalog.DISK_SIZE.name}) < {numbers[severity]}"
        ),
        severity=severity,
        summary="A disk of the collector or of the store is nearly full.",
        description=(
            'The disk `{{ $labels.disk }}` of {{ $labels.instance }} has {{ $value | printf "%.0f" }} % free. '
            "`data` holds the spool, `store` the tables. Enlarge it, or shorten retention."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("instance", "disk"),
    )


def disk_full_soon(numbers: Numbers) -> Alert:
    """Days before a disk is full, while a volume can be ordered or retention be shortened."""
    window, half = numbers.span("window"), span(numbers.seconds("window") / 2)
    by = "min by (instance, disk)"
    # An hour's average: a merge takes room and gives it back.
    now, between, first = (
        f"{by} (avg_over_time({catalog.DISK_FREE.name}[1h]{offset}))"
        for offset in ("", f" offset {half}", f" offset {window}")
    )
    least = f"{numbers.share('each')} * ({first} - {now})"
    return Alert(
        name="DiskFullSoon",
        expr=(
            f"{by} (predict_linear({catalog.DISK_FREE.name}[{window}], {numbers.seconds('ahead')})) < 0\n"
            # What is written once, like a backfill, is in one half of the window.
            f"and {first} - {between} > {least}\n"
            f"and {between} - {now} > {least}"
        ),
        severity="warning",
        summary="A disk of the collector or of the store will be full within days.",
        description=(
            f"At the pace of the last {numbers.words('window')} the disk `{{{{ $labels.disk }}}}` of "
            f"{{{{ $labels.instance }}}} is full within {numbers.words('ahead')}. "
            "`data` holds the spool, `store` the tables. Enlarge it, or shorten retention."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("instance", "disk"),
    )


def backup_old(numbers: Numbers) -> Alert:
    """A backup that is not made is noticed when it is needed."""
    period, last = (f"max by (instance) ({metric.name})" for metric in (catalog.BACKUP_PERIOD, catalog.BACKUP_LAST))
    return Alert(
        name="BackupOld",
        # `unless` also holds where there never was a backup.
        expr=f"{period} > 0\nunless on (instance) (time() - {last}) < {numbers['periods']} * {period}",
        severity="warning",
        summary="The store is not backed up.",
        description=(
            f"The newest complete backup of the store of {{{{ $labels.instance }}}} is older than "
            f"{numbers['periods']:g} periods of {{{{ $value | humanizeDuration }}}}, or there is none. "
            "See its log and the free space of backup.to."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("instance",),
    )


def report_not_sent(numbers: Numbers) -> Alert:
    """People wait for a report on the first of the month, and ask for it when it is late."""
    return Alert(
        name="ReportNotSent",
        # Every collector reads from the store how far each message is, so all of them show the same.
        expr=f"max by (report) ({catalog.DELIVERY_OVERDUE.name}) > {numbers.seconds('overdue')}",
        severity="warning",
        summary="A report was not sent.",
        description=(
            "The last message of report {{ $labels.report }} was due {{ $value | humanizeDuration }} ago and is not known to "
            "be sent. `lynceus report deliveries` says why; /readyz has the remedy."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("report",),
    )


BUILDERS: tuple[Builder, ...] = (
    store_insert_failing,
    store_insert_slow,
    spool_fills_soon,
    spool_nearly_full,
    watches_paused,
    disk_fills,
    disk_full_soon,
    backup_old,
    report_not_sent,
    quarantine_growing,
    rollup_old,
)
