"""Tables of watching itself: positions and states to go on from, and what was missed, compared, fetched or set aside."""

from collector.catalog import columns as c
from collector.catalog.schema import Table
from collector.core.facts import watches

WATCH_GAP = Table(
    "watch_gap", watches.WatchGap, "A break in a watch that could not be replayed",
    order_by=("cluster", "kind", "from_at"), partition="toYYYYMM(from_at)",
    columns=(
        c.CLUSTER,
        c.low("kind", "What was watched"),
        c.at("from_at", "Last instant known to be complete"),
        c.VERSION,
        c.at("to_at", "First instant complete again", observed=True),
        c.low("cause", "Why it could not be replayed"),
        c.big("objects_unknown", "Objects that vanished meanwhile with an unknown end"),
        c.INSERTED_AT,
    ),
)  # fmt: skip

WATCH_CURSOR = Table(
    "watch_cursor", watches.WatchCursor, "The watch position whose facts the store has acknowledged",
    order_by=("cluster", "kind"),
    columns=(
        c.CLUSTER,
        c.low("kind", "What is watched"),
        c.VERSION,
        c.text("resource_version", "Where a watch may resume"),
        c.text("cluster_uid", "uid of the cluster's kube-system namespace"),
        c.at("at", "When the position was reached", observed=True),
        c.Column("totals", "Map(String, String)", "Counters at that position, see catalog/counters.py", True, "ZSTD(1)"),
        c.INSERTED_AT,
    ),
)  # fmt: skip

LIVE_STATE = Table(
    "live_state", watches.LiveState, "What a collector goes on from when its disk is gone: states and positions, packed",
    order_by=("cluster", "snapshot", "kind", "uid"), engine_args=("version", "is_deleted"),
    # A collector begins a new copy each day and the old one is dropped whole: a marker of a deletion is in one copy only.
    ttl="toDateTime(inserted_at) + toIntervalDay(7)",
    columns=(
        c.CLUSTER,
        c.low("snapshot", "Whose copy, begun when; a new one holds everything again"),
        c.low("kind", "Kind of the object; `cursor`: a watch position"),
        c.text("uid", "The object's uid; of a position the kind that is watched"),
        c.Column("version", "UInt64", "The round that wrote it, in Unix milliseconds; the higher one stays"),
        c.Column("is_deleted", "UInt8", "1: no state is needed any more, FINAL hides the row"),
        c.Column("state", "String", "Packed by checkpoints.py, for the same release to read", codec="ZSTD(1)"),
        c.INSERTED_AT,
    ),
)  # fmt: skip

RECONCILE = Table(
    "reconcile", watches.Reconciled, "A list that was compared with what the watch had told; 0 differences are expected",
    order_by=("cluster", "kind", "at"), partition="toYYYYMM(at)",
    columns=(
        c.CLUSTER,
        c.low("kind", "What was listed"),
        c.at("at", "When the two were compared"),
        c.VERSION,
        c.count("objects", "Objects in the list"),
        c.count("missing", "In the list, and never told by the watch"),
        c.count("stale", "Known in an older version than the list's"),
        c.count("phantom", "Known, and gone from two lists"),
        c.count("repaired", "Of these, how many were put right"),
        c.big("duration_ms", "From the first page to the comparison, milliseconds"),
        c.INSERTED_AT,
    ),
)  # fmt: skip

BACKFILL = Table(
    "backfill", watches.Backfill, "A period for which Argo's archive was asked what nobody had watched",
    order_by=("cluster", "from_at", "to_at"), partition="toYYYYMM(to_at)",
    columns=(
        c.CLUSTER,
        c.at("from_at", "Begin of the period"),
        c.at("to_at", "End of it, exclusive"),
        c.VERSION,
        c.at("at", "When the archive was asked", observed=True),
        c.count("found", "Workflows in the archive that finished in the period", observed=True),
        c.count("taken", "Those that became rows, for there were none", observed=True),
        c.count("absent", "Workflows that ended unseen in the period and are not in the archive", observed=True),
        c.count("failed", "Those that the archive did not give, or that could not be read", observed=True),
        c.INSERTED_AT,
    ),
)  # fmt: skip

QUARANTINE = Table(
    "quarantine", watches.Quarantine, "An object or a row that could not be taken, and why",
    order_by=("cluster", "kind", "uid", "at"), partition="toYYYYMM(at)",
    columns=(
        c.CLUSTER,
        c.low("kind", "Kind of the object, or the table the row was meant for"),
        c.text("uid", "Its uid, as far as it could be read"),
        c.at("at", "When it was set aside"),
        c.VERSION,
        c.text("reason", "Why"),
        c.Column("sample", "String", "What it looked like, redacted and capped", codec="ZSTD(3)"),
        c.INSERTED_AT,
    ),
)  # fmt: skip
