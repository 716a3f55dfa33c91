-- For which periods Argo's archive was asked what nobody had watched.
--
-- The rules of 0001_first.sql hold here too.

CREATE TABLE IF NOT EXISTS lynceus.backfill{on_cluster}
(
    cluster     LowCardinality(String),
    from_at     DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    to_at       DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version     UInt64,
    at          DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    found       UInt32 CODEC(T64, ZSTD(1)),
    taken       UInt32 CODEC(T64, ZSTD(1)),
    absent      UInt32 CODEC(T64, ZSTD(1)),
    failed      UInt32 CODEC(T64, ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(to_at)
ORDER BY (cluster, from_at, to_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
