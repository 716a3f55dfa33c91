"""
The way of rows from the spool to the store, and rollups.
"""

from collector.catalog.metrics.metric import INSERT_BUCKETS, Metric

STORE_UP = Metric("lynceus_store_up", "gauge", (), "1 when the store answered the last request.")
STORE_INSERT_SECONDS = Metric(
    "lynceus_store_insert_duration_seconds",
    "histogram",
    ("table",),
    "Duration of acknowledged inserts.",
    INSERT_BUCKETS,
)
STORE_INSERT_ERRORS = Metric("lynceus_store_insert_errors_total", "counter", ("table",), "Inserts that failed.")
STORE_INSERTED_ROWS = Metric("lynceus_store_inserted_rows_total", "counter", ("table",), "Rows acknowledged.")
STORE_LAST_INSERT = Metric(
    "lynceus_store_last_insert_timestamp_seconds", "gauge", (), "When the last insert was acknowledged."
)
SPOOL_ROWS = Metric(
    "lynceus_store_spool_rows", "gauge", (), "Rows in the spool that the store has not acknowledged yet."
)
SPOOL_BYTES = Metric("lynceus_store_spool_bytes", "gauge", (), "Size of the spool file.")
SPOOL_LIMIT = Metric(
    "lynceus_store_spool_limit_bytes", "gauge", (), "Size at which the spool accepts no more rows: spool.max_bytes."
)
ROLLED_UP = Metric(
    "lynceus_rollup_last_success_timestamp_seconds",
    "gauge",
    ("rollup",),
    "Until when a rollup holds all rows; reports read newer rows from the rollup's source. `statement`: of the months' lines.",
)
ROLLED_UP_DAYS = Metric(
    "lynceus_rollup_rebuilt_total", "counter", ("rollup",), "Days of a rollup that were rebuilt; of `statement` months."
)
ROLLUP_ERRORS = Metric("lynceus_rollup_errors_total", "counter", ("rollup",), "Failed updates of a rollup.")
BACKUP_LAST = Metric(
    "lynceus_backup_last_success_timestamp_seconds", "gauge", (), "When the newest complete backup of the store began."
)
BACKUP_PERIOD = Metric(
    "lynceus_backup_period_seconds",
    "gauge",
    (),
    "Time from one backup to the next: backup.every. Absent: none are made.",
)
BACKUP_ERRORS = Metric("lynceus_backup_errors_total", "counter", (), "Backups that failed.")
DISK_FREE = Metric(
    "lynceus_disk_free_bytes", "gauge", ("disk",), "Free space of a disk: `data` holds the spool, `store` the tables."
)
DISK_SIZE = Metric("lynceus_disk_size_bytes", "gauge", ("disk",), "Size of a disk: `data` or `store`.")
