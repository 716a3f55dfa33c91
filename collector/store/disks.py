"""
How full the disks of a ClickHouse server are, or of all servers of a cluster.
"""

from collector.core.live_view import Disk
from collector.store.clickhouse import Store

FULLEST = """
    SELECT free_space, total_space FROM {source}
    WHERE lower(type) = 'local' AND total_space > 0 ORDER BY free_space / total_space LIMIT 1
"""


def fullest(store: Store, cluster: str) -> Disk | None:
    """The server's local disk with the smallest share of free space; None: it has none, like one on object storage."""
    source = "clusterAllReplicas({cluster:String}, system.disks)" if cluster else "system.disks"
    settings = " SETTINGS skip_unavailable_shards = 1" if cluster else ""
    rows = store.query_rows(FULLEST.format(source=source) + settings, {"cluster": cluster} if cluster else {})
    return Disk("store", *map(int, rows[0])) if rows else None
