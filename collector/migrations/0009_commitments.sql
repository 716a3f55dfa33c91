-- Commitments applied to charges: what they cover of each, and each hour of them.
--
-- The rules of 0001_first.sql hold here too. A new column stands before inserted_at, where the catalogue has it.

ALTER TABLE lynceus.pod_cost{on_cluster}
    ADD COLUMN IF NOT EXISTS price_class LowCardinality(String) AFTER corrects,
    ADD COLUMN IF NOT EXISTS covered_cost Nullable(Decimal(38, 18)) CODEC(ZSTD(1)) AFTER price_class,
    ADD COLUMN IF NOT EXISTS committed_cost Nullable(Decimal(38, 18)) CODEC(ZSTD(1)) AFTER covered_cost;

-- An hour of a savings plan under a pricing run.
CREATE TABLE IF NOT EXISTS lynceus.commitment_hour{on_cluster}
(
    run         UInt32 CODEC(T64, ZSTD(1)),
    at          DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    book        LowCardinality(String),
    commitment  LowCardinality(String),
    version     UInt64,
    day         Date CODEC(Delta(2), ZSTD(1)),
    currency    LowCardinality(String),
    committed   Decimal(38, 18) CODEC(ZSTD(1)),
    listed      Decimal(38, 18) CODEC(ZSTD(1)),
    covered     Decimal(38, 18) CODEC(ZSTD(1)),
    used        Decimal(38, 18) CODEC(ZSTD(1)),
    unused      Decimal(38, 18) CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(at)
ORDER BY (run, at, book, commitment)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
