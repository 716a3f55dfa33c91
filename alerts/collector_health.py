"""
Alerts about Lynceus itself: it runs, it watches every cluster, and it can store its rows.
"""

from alerts.numbers import Numbers
from alerts.rules import Alert, Builder, Recording
from collector.catalog import metrics as catalog

RECORDINGS: tuple[Recording, ...] = ()


def store_insert_failing(numbers: Numbers) -> Alert:
    """Nothing is lost yet, so this is a ticket: SpoolNearlyFull pages before the disk is full."""
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
        labels=("instance",),
    )


def cluster_unreachable(numbers: Numbers) -> Alert:
    """A cluster that is not watched has no figures, and every other alert of it is silent."""
    return Alert(
        name="ClusterUnreachable",
        expr=f"max by (cluster) ({numbers.of(catalog.CLUSTER_UP)}) == 0",
        severity="critical",
        summary="A cluster is not fully watched.",
        description=(
            "No replica has fully watched {{ $labels.cluster }} for "
            f"{numbers.words('hold')}. Its queues are not observed, and its queue alerts are silent."
        ),
        hold=numbers.span("hold"),
        labels=("cluster",),
    )


def collector_absent(numbers: Numbers) -> Alert:
    """Without a collector no other alert can fire."""
    return Alert(
        name="CollectorAbsent",
        expr=f"absent({catalog.BUILD_INFO.name})",
        severity="critical",
        summary="No Lynceus collector is scraped.",
        description=(
            f"Prometheus has had no {catalog.BUILD_INFO.name} for {numbers.words('hold')}. "
            "No cluster is watched, or the scrape is misconfigured."
        ),
        hold=numbers.span("hold"),
    )


def watchdog(numbers: Numbers) -> Alert:  # noqa: ARG001
    """Proves that alerts arrive: silence of this one is the fault."""
    return Alert(
        name="Watchdog",
        expr="vector(1)",
        severity="none",
        summary="Alert delivery works.",
        description="This alert always fires. Route it to a dead man's switch that pages when it stops.",
    )


BUILDERS: tuple[Builder, ...] = (store_insert_failing, cluster_unreachable, collector_absent, watchdog)
