-- What a workflow waited for and how it ended, in more detail: its steps, its cron schedule, its latencies.
--
-- The rules of 0001_first.sql hold here too. A new column stands before inserted_at, where the catalogue has it.

-- A finished step attempt of a finished workflow attempt.
CREATE TABLE IF NOT EXISTS lynceus.step_run{on_cluster}
(
    cluster             LowCardinality(String),
    namespace           LowCardinality(String),
    workflow_created_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    workflow_uid        String CODEC(ZSTD(1)),
    attempt             UInt32 CODEC(T64, ZSTD(1)),
    node_id             String CODEC(ZSTD(1)),
    version             UInt64,
    workflow_name       String CODEC(ZSTD(1)),
    step                String CODEC(ZSTD(1)),
    template            LowCardinality(String),
    type                LowCardinality(String),
    phase               LowCardinality(String),
    started_at          Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    finished_at         Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    pod_uid             String CODEC(ZSTD(1)),
    message             String CODEC(ZSTD(3)),
    boundary_id         String CODEC(ZSTD(1)),
    try_number          UInt32 CODEC(T64, ZSTD(1)),
    retried             Bool,
    hook                Bool,
    memoized            Bool,
    exit_code           Nullable(Int32) CODEC(ZSTD(1)),
    critical            Bool,
    critical_ms         UInt64 CODEC(T64, ZSTD(1)),
    waiting_reason      LowCardinality(String),
    waiting_on          String CODEC(ZSTD(1)),
    waiting_ms          UInt64 CODEC(T64, ZSTD(1)),
    inserted_at         DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),
    INDEX workflow_uid_bloom workflow_uid TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(workflow_created_at)
ORDER BY (cluster, namespace, workflow_created_at, workflow_uid, attempt, node_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- A due time of a cron workflow, and what became of it.
CREATE TABLE IF NOT EXISTS lynceus.cron_run{on_cluster}
(
    cluster            LowCardinality(String),
    namespace          LowCardinality(String),
    cron               LowCardinality(String),
    due_at             DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version            UInt64,
    outcome            LowCardinality(String),
    reason             LowCardinality(String),
    workflow_name      String CODEC(ZSTD(1)),
    started_at         Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    schedule           LowCardinality(String),
    concurrency_policy LowCardinality(String),
    inserted_at        DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(due_at)
ORDER BY (cluster, namespace, cron, due_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

ALTER TABLE lynceus.workflow_run{on_cluster}
    ADD COLUMN IF NOT EXISTS start_latency_ms Nullable(UInt64) CODEC(ZSTD(1)) AFTER complete,
    ADD COLUMN IF NOT EXISTS start_latency_source LowCardinality(String) AFTER start_latency_ms,
    ADD COLUMN IF NOT EXISTS completion_delay_ms Nullable(UInt64) CODEC(ZSTD(1)) AFTER start_latency_source,
    ADD COLUMN IF NOT EXISTS deciding_node String CODEC(ZSTD(1)) AFTER completion_delay_ms,
    ADD COLUMN IF NOT EXISTS deciding_step String CODEC(ZSTD(1)) AFTER deciding_node,
    ADD COLUMN IF NOT EXISTS node_status LowCardinality(String) AFTER deciding_step,
    ADD COLUMN IF NOT EXISTS waited_on Map(LowCardinality(String), String) CODEC(ZSTD(1)) AFTER node_status;

ALTER TABLE lynceus.workflow_live{on_cluster}
    ADD COLUMN IF NOT EXISTS waiting_words String CODEC(ZSTD(1)) AFTER running_ms,
    ADD COLUMN IF NOT EXISTS progress String CODEC(ZSTD(1)) AFTER waiting_words,
    ADD COLUMN IF NOT EXISTS moved_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)) AFTER progress;

ALTER TABLE lynceus.pod_run{on_cluster}
    ADD COLUMN IF NOT EXISTS start_latency_ms Nullable(UInt64) CODEC(ZSTD(1)) AFTER exit_code,
    ADD COLUMN IF NOT EXISTS start_latency_source LowCardinality(String) AFTER start_latency_ms,
    ADD COLUMN IF NOT EXISTS hint String CODEC(ZSTD(1)) AFTER start_latency_source;
