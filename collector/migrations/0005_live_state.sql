-- What a collector goes on from when its disk is gone, and what its reconciling lists found.

CREATE TABLE IF NOT EXISTS lynceus.live_state{on_cluster}
(
    cluster     LowCardinality(String),
    snapshot    LowCardinality(String),
    kind        LowCardinality(String),
    uid         String CODEC(ZSTD(1)),
    version     UInt64,
    is_deleted  UInt8,
    state       String CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version, is_deleted)
ORDER BY (cluster, snapshot, kind, uid)
TTL toDateTime(inserted_at) + toIntervalDay(7)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS lynceus.reconcile{on_cluster}
(
    cluster     LowCardinality(String),
    kind        LowCardinality(String),
    at          DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version     UInt64,
    objects     UInt32 CODEC(T64, ZSTD(1)),
    missing     UInt32 CODEC(T64, ZSTD(1)),
    stale       UInt32 CODEC(T64, ZSTD(1)),
    phantom     UInt32 CODEC(T64, ZSTD(1)),
    repaired    UInt32 CODEC(T64, ZSTD(1)),
    duration_ms UInt64 CODEC(T64, ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(at)
ORDER BY (cluster, kind, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
