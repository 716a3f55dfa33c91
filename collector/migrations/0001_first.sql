-- The first schema. Keys and columns are declared in collector/catalog/tables.py; a test compares the two.
--
-- Placeholders: {on_cluster} is empty, or ` ON CLUSTER 'name'` for replicas of one shard; {engine} is
-- ReplacingMergeTree, or ReplicatedReplacingMergeTree with the server's default_replica_path.
-- Every statement can be run twice. A statement ends with a semicolon at the end of its line.
--
-- A row is partitioned by the month of the instant in its key, which never changes: rows of one key can always be merged.
-- No deduplication window: the engine notes a batch's token before its rows are safe, and after a kill between the two it
-- takes the re-sent batch for one it has. Keys and versions make a re-sent batch harmless; on a replicated store, where
-- token and rows are committed together, the server's own window still applies.
-- The spool forgets a batch once it is acknowledged, so an acknowledged row must survive a power cut: hence fsync.

-- A finished attempt of a workflow.
CREATE TABLE IF NOT EXISTS lynceus.workflow_run{on_cluster}
(
    cluster          LowCardinality(String),
    namespace        LowCardinality(String),
    created_at       DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    uid              String CODEC(ZSTD(1)),
    attempt          UInt32 CODEC(T64, ZSTD(1)),
    version          UInt64,
    name             String CODEC(ZSTD(1)),
    template         LowCardinality(String),
    queue            LowCardinality(String),
    priority         Int32 CODEC(ZSTD(1)),
    labels           Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    department       LowCardinality(String),
    project          LowCardinality(String),
    creator          LowCardinality(String),
    first_seen_at    DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    picked_up_at     Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    first_pod_at     Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    started_at       Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    finished_at      Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    phase            LowCardinality(String),
    outcome          LowCardinality(String),
    reason           LowCardinality(String),
    message          String CODEC(ZSTD(3)),
    queue_latency_ms Nullable(UInt64) CODEC(ZSTD(1)),
    latency_source   LowCardinality(String),
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
    pods             UInt32 CODEC(T64, ZSTD(1)),
    failed_pods      UInt32 CODEC(T64, ZSTD(1)),
    retries          UInt32 CODEC(T64, ZSTD(1)),
    complete         Bool,
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),
    INDEX uid_bloom uid TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(created_at)
ORDER BY (cluster, namespace, created_at, uid, attempt)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- The newest state of a workflow that has not finished.
CREATE TABLE IF NOT EXISTS lynceus.workflow_live{on_cluster}
(
    cluster          LowCardinality(String),
    uid              String CODEC(ZSTD(1)),
    version          UInt64,
    is_deleted       UInt8,
    namespace        LowCardinality(String),
    name             String CODEC(ZSTD(1)),
    created_at       DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    attempt          UInt32 CODEC(T64, ZSTD(1)),
    template         LowCardinality(String),
    queue            LowCardinality(String),
    department       LowCardinality(String),
    phase            LowCardinality(String),
    waiting_reason   LowCardinality(String),
    waiting_since    DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    waiting_on       String CODEC(ZSTD(1)),
    first_seen_at    DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
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
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version, is_deleted)
ORDER BY (cluster, uid)
TTL toDateTime(inserted_at) + toIntervalDay(90)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- A finished pod, as evidence: what was seen, nothing concluded.
CREATE TABLE IF NOT EXISTS lynceus.pod_run{on_cluster}
(
    cluster             LowCardinality(String),
    namespace           LowCardinality(String),
    created_at          DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    uid                 String CODEC(ZSTD(1)),
    version             UInt64,
    name                String CODEC(ZSTD(1)),
    workflow_uid        String CODEC(ZSTD(1)),
    workflow_name       String CODEC(ZSTD(1)),
    attempt             UInt32 CODEC(T64, ZSTD(1)),
    step                String CODEC(ZSTD(1)),
    node_id             String CODEC(ZSTD(1)),
    template            LowCardinality(String),
    owner_kind          LowCardinality(String),
    service_account     LowCardinality(String),
    node_name           String CODEC(ZSTD(1)),
    region              LowCardinality(String),
    zone                LowCardinality(String),
    cpu                 Decimal(18, 9) CODEC(ZSTD(1)),
    memory_bytes        UInt64 CODEC(T64, ZSTD(1)),
    gpu                 Decimal(18, 9) CODEC(ZSTD(1)),
    ephemeral_bytes     UInt64 CODEC(T64, ZSTD(1)),
    pricing             Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scheduled_at        Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    instance_created_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    main_started_at     Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    finished_at         Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    phase               LowCardinality(String),
    reason              LowCardinality(String),
    exit_code           Nullable(Int32) CODEC(ZSTD(1)),
    inserted_at         DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),
    INDEX uid_bloom uid TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX workflow_uid_bloom workflow_uid TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(created_at)
ORDER BY (cluster, namespace, created_at, uid)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- A charge: one pod, pricing run, billing day and entry.
CREATE TABLE IF NOT EXISTS lynceus.pod_cost{on_cluster}
(
    cluster           LowCardinality(String),
    namespace         LowCardinality(String),
    created_at        DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    pod_uid           String CODEC(ZSTD(1)),
    run               UInt32 CODEC(T64, ZSTD(1)),
    day               Date CODEC(Delta(2), ZSTD(1)),
    entry             UInt32 CODEC(T64, ZSTD(1)),
    version           UInt64,
    workflow_uid      String CODEC(ZSTD(1)),
    workflow_name     String CODEC(ZSTD(1)),
    attempt           UInt32 CODEC(T64, ZSTD(1)),
    step              String CODEC(ZSTD(1)),
    template          LowCardinality(String),
    department        LowCardinality(String),
    project           LowCardinality(String),
    creator           LowCardinality(String),
    product           LowCardinality(String),
    region            LowCardinality(String),
    purchase          LowCardinality(String),
    class             LowCardinality(String),
    currency          LowCardinality(String),
    cost              Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    cost_pending      Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    list_cost         Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    rounded_cost      Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    billed_from       DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    billed_to         DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    billed_seconds    UInt64 CODEC(T64, ZSTD(1)),
    billed_vcpu       Decimal(18, 9) CODEC(ZSTD(1)),
    billed_memory_gib Decimal(18, 9) CODEC(ZSTD(1)),
    instance_type     LowCardinality(String),
    gpu               Decimal(18, 9) CODEC(ZSTD(1)),
    meters            Array(Tuple(meter String, quantity Decimal(38, 18), unit String,
                                  unit_price Decimal(38, 18), cost Decimal(38, 18))) CODEC(ZSTD(1)),
    price_book        LowCardinality(String),
    rule              LowCardinality(String),
    spec_source       LowCardinality(String),
    confidence        LowCardinality(String),
    status            LowCardinality(String),
    inserted_at       DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),
    INDEX pod_uid_bloom pod_uid TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX workflow_uid_bloom workflow_uid TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(created_at)
ORDER BY (cluster, namespace, created_at, pod_uid, run, day, entry)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- A set of price books and rules under which charges were computed.
CREATE TABLE IF NOT EXISTS lynceus.pricing_run{on_cluster}
(
    run         UInt32 CODEC(T64, ZSTD(1)),
    version     UInt64,
    created_at  DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    books       Array(String),
    rules       String CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
ORDER BY run
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- A month's active pricing run and its state.
CREATE TABLE IF NOT EXISTS lynceus.period{on_cluster}
(
    month       Date,
    version     UInt64,
    active_run  UInt32 CODEC(T64, ZSTD(1)),
    state       LowCardinality(String),
    total       Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    hash        String CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
ORDER BY month
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- The depth of one queue for one reason at an instant of the 15 s grid.
CREATE TABLE IF NOT EXISTS lynceus.queue_sample{on_cluster}
(
    cluster       LowCardinality(String),
    namespace     LowCardinality(String),
    queue         LowCardinality(String),
    reason        LowCardinality(String),
    at            DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version       UInt64,
    depth         UInt32 CODEC(T64, ZSTD(1)),
    oldest_age_ms UInt64 CODEC(T64, ZSTD(1)),
    inserted_at   DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(at)
ORDER BY (cluster, namespace, queue, reason, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- An OOM kill or restart of an Argo controller, once each.
CREATE TABLE IF NOT EXISTS lynceus.controller_incident{on_cluster}
(
    cluster            LowCardinality(String),
    pod_uid            String CODEC(ZSTD(1)),
    container          LowCardinality(String),
    at                 DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version            UInt64,
    namespace          LowCardinality(String),
    pod                String CODEC(ZSTD(1)),
    kind               LowCardinality(String),
    reason             LowCardinality(String),
    exit_code          Nullable(Int32) CODEC(ZSTD(1)),
    memory_limit_bytes UInt64 CODEC(T64, ZSTD(1)),
    inserted_at        DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(at)
ORDER BY (cluster, pod_uid, container, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- A break in a watch that could not be replayed.
CREATE TABLE IF NOT EXISTS lynceus.watch_gap{on_cluster}
(
    cluster         LowCardinality(String),
    kind            LowCardinality(String),
    from_at         DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version         UInt64,
    to_at           DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    cause           LowCardinality(String),
    objects_unknown UInt64 CODEC(T64, ZSTD(1)),
    inserted_at     DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(from_at)
ORDER BY (cluster, kind, from_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- The watch position whose facts the store has acknowledged.
CREATE TABLE IF NOT EXISTS lynceus.watch_cursor{on_cluster}
(
    cluster          LowCardinality(String),
    kind             LowCardinality(String),
    version          UInt64,
    resource_version String CODEC(ZSTD(1)),
    cluster_uid      String CODEC(ZSTD(1)),
    at               DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    totals           Map(String, String) CODEC(ZSTD(1)),
    inserted_at      DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
ORDER BY (cluster, kind)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- An object or a row that could not be taken, and why.
CREATE TABLE IF NOT EXISTS lynceus.quarantine{on_cluster}
(
    cluster     LowCardinality(String),
    kind        LowCardinality(String),
    uid         String CODEC(ZSTD(1)),
    at          DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version     UInt64,
    reason      String CODEC(ZSTD(1)),
    sample      String CODEC(ZSTD(3)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(at)
ORDER BY (cluster, kind, uid, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Charges of each month's active pricing run (run 1 where no period says otherwise), one row a key.
-- FINAL: one row a key whatever has been merged. The set of months is small and is read once a query.
CREATE VIEW IF NOT EXISTS lynceus.cost_current{on_cluster} AS
SELECT
    cluster,
    namespace,
    created_at,
    pod_uid,
    run,
    day,
    entry,
    version,
    workflow_uid,
    workflow_name,
    attempt,
    step,
    template,
    department,
    project,
    creator,
    product,
    region,
    purchase,
    class,
    currency,
    cost,
    cost_pending,
    list_cost,
    rounded_cost,
    billed_from,
    billed_to,
    billed_seconds,
    billed_vcpu,
    billed_memory_gib,
    instance_type,
    gpu,
    meters,
    price_book,
    rule,
    spec_source,
    confidence,
    status,
    inserted_at
FROM lynceus.pod_cost FINAL
WHERE (toStartOfMonth(day), run) IN (SELECT month, active_run FROM lynceus.period FINAL)
   OR (run = 1 AND toStartOfMonth(day) NOT IN (SELECT month FROM lynceus.period FINAL));
