-- Sums that reports read, what was rebuilt of them and by whom; and ranges by which new rows and days are found.
--
-- The rules of 0001_first.sql hold here too. Columns and keys are declared in collector/catalog/rollups.py.

-- Charges of cost_current by billing day, a day rebuilt whole.
CREATE TABLE IF NOT EXISTS lynceus.cost_daily{on_cluster}
(
    day          Date CODEC(Delta(2), ZSTD(1)),
    department   LowCardinality(String),
    cluster      LowCardinality(String),
    namespace    LowCardinality(String),
    project      LowCardinality(String),
    template     LowCardinality(String),
    product      LowCardinality(String),
    region       LowCardinality(String),
    purchase     LowCardinality(String),
    class        LowCardinality(String),
    currency     LowCardinality(String),
    cost         Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    cost_pending Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    list_cost    Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    pods         UInt64 CODEC(T64, ZSTD(1)),
    seconds      UInt64 CODEC(T64, ZSTD(1)),
    unpriced     UInt64 CODEC(T64, ZSTD(1)),
    accruing     UInt64 CODEC(T64, ZSTD(1)),
    workflows    Array(UInt64) CODEC(ZSTD(1)),
    inserted_at  DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(inserted_at)
PARTITION BY day
ORDER BY (day, department, cluster, namespace, project, template, product, region, purchase, class, currency)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Finished attempts of workflow_run by the hour they finished; a day of creation rebuilt whole.
CREATE TABLE IF NOT EXISTS lynceus.workflow_hourly{on_cluster}
(
    created_day      Date CODEC(Delta(2), ZSTD(1)),
    hour             DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    cluster          LowCardinality(String),
    namespace        LowCardinality(String),
    queue            LowCardinality(String),
    department       LowCardinality(String),
    project          LowCardinality(String),
    template         LowCardinality(String),
    outcome          LowCardinality(String),
    runs             UInt64 CODEC(T64, ZSTD(1)),
    pods             UInt64 CODEC(T64, ZSTD(1)),
    retries          UInt64 CODEC(T64, ZSTD(1)),
    unseen_ms        UInt64 CODEC(T64, ZSTD(1)),
    throttled_ms     UInt64 CODEC(T64, ZSTD(1)),
    lock_ms          UInt64 CODEC(T64, ZSTD(1)),
    volume_ms        UInt64 CODEC(T64, ZSTD(1)),
    suspended_ms     UInt64 CODEC(T64, ZSTD(1)),
    quota_ms         UInt64 CODEC(T64, ZSTD(1)),
    unschedulable_ms UInt64 CODEC(T64, ZSTD(1)),
    image_ms         UInt64 CODEC(T64, ZSTD(1)),
    step_lock_ms     UInt64 CODEC(T64, ZSTD(1)),
    starting_ms      UInt64 CODEC(T64, ZSTD(1)),
    advancing_ms     UInt64 CODEC(T64, ZSTD(1)),
    running_ms       UInt64 CODEC(T64, ZSTD(1)),
    queue_latency    AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Nullable(UInt64)),
    start_latency    AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Nullable(UInt64)),
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(inserted_at)
PARTITION BY created_day
ORDER BY (created_day, hour, cluster, namespace, queue, department, project, template, outcome)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- When a day of a rollup was last rebuilt.
CREATE TABLE IF NOT EXISTS lynceus.rollup_state{on_cluster}
(
    name        LowCardinality(String),
    day         Date,
    version     UInt64,
    built_at    DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    run         UInt32 CODEC(T64, ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
ORDER BY (name, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Which collector does a job that one is enough for.
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

ALTER TABLE lynceus.pod_cost{on_cluster}
    ADD INDEX IF NOT EXISTS day_range day TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS inserted_at_range inserted_at TYPE minmax GRANULARITY 1;

ALTER TABLE lynceus.workflow_run{on_cluster}
    ADD INDEX IF NOT EXISTS inserted_at_range inserted_at TYPE minmax GRANULARITY 1;

-- A version takes two bytes so, and four without; old parts are written so when they are merged.
ALTER TABLE lynceus.pod_run{on_cluster} MODIFY COLUMN version UInt64 CODEC(ZSTD(1));

ALTER TABLE lynceus.pod_cost{on_cluster} MODIFY COLUMN version UInt64 CODEC(ZSTD(1));

-- For the rows that are there already.
ALTER TABLE lynceus.pod_cost{on_cluster} MATERIALIZE INDEX day_range;

ALTER TABLE lynceus.pod_cost{on_cluster} MATERIALIZE INDEX inserted_at_range;

ALTER TABLE lynceus.workflow_run{on_cluster} MATERIALIZE INDEX inserted_at_range;
