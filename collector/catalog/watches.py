"""Tables of watching itself: positions and states to resume from, gaps, comparisons, backfills and quarantined objects."""

from collector.catalog import columns as c
from collector.catalog.schema import Table
from collector.core.facts import watches

WATCH_GAP = Table(
    "watch_gap",
    watches.WatchGap,
    "A break in a watch that could not be replayed",
    order_by=("cluster", "kind", "from_at"),
    partition="toYYYYMM(from_at)",
    columns=(
        c.CLUSTER,
        c.low("kind", "Watched kind"),
        c.instant("from_at", "Last instant that is known to be complete"),
        c.VERSION,
        c.instant("to_at", "First instant that is complete again", observed=True),
        c.low("cause", "Why the break could not be replayed"),
        c.big("objects_unknown", "Objects that disappeared during the gap, with an unknown end"),
        c.INSERTED_AT,
    ),
)

WATCH_CURSOR = Table(
    "watch_cursor",
    watches.WatchCursor,
    "The watch position whose facts the store has acknowledged",
    order_by=("cluster", "kind"),
    columns=(
        c.CLUSTER,
        c.low("kind", "Watched kind"),
        c.VERSION,
        c.text("resource_version", "resourceVersion from which the watch may resume"),
        c.text("cluster_uid", "uid of the cluster's kube-system namespace"),
        c.instant("at", "When the position was reached", observed=True),
        c.Column(
            "totals",
            "Map(String, String)",
            "Values of the cluster's counters at that position, by metric and labels",
            observed=True,
            codec="ZSTD(1)",
        ),
        c.INSERTED_AT,
    ),
)

LIVE_STATE = Table(
    "live_state",
    watches.LiveState,
    "What a collector resumes from after it lost its disk: packed states and positions",
    order_by=("cluster", "snapshot", "kind", "uid"),
    engine_args=("version", "is_deleted"),
    # A collector begins a new copy each day and drops the old copy whole: a marker of a deletion is in one copy only.
    ttl="toDateTime(inserted_at) + toIntervalDay(7)",
    columns=(
        c.CLUSTER,
        c.low("snapshot", "Collector and begin of the copy; each copy is complete"),
        c.low("kind", "Kind of the object; `cursor`: a watch position"),
        c.text("uid", "uid of the object; for a position the watched kind"),
        c.Column("version", "UInt64", "Unix milliseconds of the round that wrote the row; the highest counts"),
        c.Column("is_deleted", "UInt8", "1: the state is no longer needed, FINAL hides the row"),
        c.Column("state", "String", "State packed by the collector; only the same release reads it", codec="ZSTD(1)"),
        c.INSERTED_AT,
    ),
)

RECONCILE = Table(
    "reconcile",
    watches.Reconciled,
    "A comparison of a list with what the watch had reported; 0 differences are expected",
    order_by=("cluster", "kind", "at"),
    partition="toYYYYMM(at)",
    columns=(
        c.CLUSTER,
        c.low("kind", "Listed kind"),
        c.instant("at", "When list and watch were compared"),
        c.VERSION,
        c.count("objects", "Objects in the list"),
        c.count("missing", "Objects in the list that the watch never reported"),
        c.count("stale", "Objects known in an older version than the list's"),
        c.count("phantom", "Known objects that two lists in a row did not contain"),
        c.count("repaired", "Differences that were repaired"),
        c.big("duration_ms", "Time from the first page to the comparison, milliseconds"),
        c.INSERTED_AT,
    ),
)

BACKFILL = Table(
    "backfill",
    watches.Backfill,
    "A period for which missed workflows were imported from Argo's archive",
    order_by=("cluster", "from_at", "to_at"),
    partition="toYYYYMM(to_at)",
    columns=(
        c.CLUSTER,
        c.instant("from_at", "Begin of the period"),
        c.instant("to_at", "End of the period, exclusive"),
        c.VERSION,
        c.instant("at", "When the archive was read", observed=True),
        c.count("found", "Workflows in the archive that finished in the period", observed=True),
        c.count("taken", "Workflows imported because the store had no row", observed=True),
        c.count("absent", "Workflows that ended unobserved in the period and are not in the archive", observed=True),
        c.count("failed", "Workflows that the archive did not return, or that were unreadable", observed=True),
        c.INSERTED_AT,
    ),
)

QUARANTINE = Table(
    "quarantine",
    watches.Quarantine,
    "An object or a row that could not be processed, and the reason",
    order_by=("cluster", "kind", "uid", "at"),
    partition="toYYYYMM(at)",
    columns=(
        c.CLUSTER,
        c.low("kind", "Kind of the object, or the table that the row was for"),
        c.text("uid", "uid of the object, if readable"),
        c.instant("at", "When the object or row was set aside"),
        c.VERSION,
        c.text("reason", "Why it could not be processed"),
        c.Column("sample", "String", "Start of the object or row, redacted and shortened", codec="ZSTD(3)"),
        c.INSERTED_AT,
    ),
)
