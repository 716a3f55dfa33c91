-- What the provider billed for a month, and who is at work on months.
--
-- The rules of 0001_first.sql hold here too. A new column stands before inserted_at, where the catalogue has it.

ALTER TABLE lynceus.period{on_cluster}
    ADD COLUMN IF NOT EXISTS billed Map(String, String) CODEC(ZSTD(1)) AFTER late_run;

-- Who does a job that two must not do at once.
CREATE TABLE IF NOT EXISTS lynceus.claim{on_cluster}
(
    name        LowCardinality(String),
    version     UInt64,
    holder      String CODEC(ZSTD(1)),
    until       DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
ORDER BY name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
