-- The shards that rows are written to: with other shards a row's versions would lie on two of them and count twice.
--
-- The rules of 0001_first.sql hold here too.

CREATE TABLE IF NOT EXISTS lynceus.shard_layout{on_cluster}
(
    name        LowCardinality(String) COMMENT 'Always `shards`',
    version     UInt64 COMMENT 'Time of the record, Unix milliseconds; the highest counts',
    weights     Array(UInt32) COMMENT 'Weight of each shard, in the order of system.clusters' CODEC(ZSTD(1)),
    names       Array(String) COMMENT 'Macro `shard` of each shard, in the same order; empty: not known' CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the store received the row' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
ORDER BY name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The shards of a ClickHouse cluster that rows were written to';
