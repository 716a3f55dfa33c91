"""
Rows behind the dashboard about Lynceus itself: time that was not seen, and how much the store holds.
"""

from collector.catalog.schema import DATABASE
from collector.catalog.watches import WATCH_GAP
from dashboards.sql import CHOSEN_CLUSTERS

_OVERLAPS = f"from_at <= $__toTime AND to_at >= $__fromTime AND {CHOSEN_CLUSTERS}"

NOT_SEEN = f"""
SELECT max(seconds) AS not_seen
FROM (
    SELECT
        cluster,
        kind,
        sum(dateDiff('millisecond', greatest(from_at, $__fromTime), least(to_at, $__toTime))) / 1000 AS seconds
    FROM {DATABASE}.{WATCH_GAP.name} FINAL
    WHERE {_OVERLAPS} AND kind IN ('workflows', 'pods')
    GROUP BY cluster, kind
)
ORDER BY not_seen
""".strip()
"""The kinds of a cluster break together or apart, so the worst of them is what is lacking; 0 without any gap."""

GAPS = f"""
SELECT nullIf(from_at, toDateTime64(0, 3)) AS begin, to_at AS end, cluster, kind, cause, objects_unknown AS lost
FROM {DATABASE}.{WATCH_GAP.name} FINAL
WHERE {_OVERLAPS}
ORDER BY to_at DESC
LIMIT 200
""".strip()
"""A gap that has no begin is the time before a first start."""

TABLES = f"""
SELECT
    table,
    sum(rows) AS rows,
    sum(bytes_on_disk) AS bytes,
    sum(data_uncompressed_bytes) AS raw,
    count() AS parts,
    max(modification_time) AS written
FROM system.parts
WHERE active AND database = '{DATABASE}'
GROUP BY table
ORDER BY bytes DESC
LIMIT 50
""".strip()
"""A user may read system.parts without a grant, and finds the tables that it may read."""
