-- Plain nodes as evidence, and on which of them a charge lay: what of a node no pod took is idle.
--
-- The rules of 0001_first.sql hold here too. A new column stands before inserted_at, where the catalogue has it.

CREATE TABLE IF NOT EXISTS lynceus.node_run{on_cluster}
(
    cluster       LowCardinality(String),
    name          String CODEC(ZSTD(1)),
    created_at    DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    uid           String CODEC(ZSTD(1)),
    version       UInt64,
    first_seen_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    last_seen_at  DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    gone_at       Nullable(DateTime64(3, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    instance_type LowCardinality(String),
    region        LowCardinality(String),
    zone          LowCardinality(String),
    cpu           Decimal(18, 9) CODEC(ZSTD(1)),
    memory_bytes  UInt64 CODEC(T64, ZSTD(1)),
    gpu           Decimal(18, 9) CODEC(ZSTD(1)),
    pricing       Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    inserted_at   DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(created_at)
ORDER BY (cluster, name, created_at, uid)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

ALTER TABLE lynceus.pod_cost{on_cluster}
    ADD COLUMN IF NOT EXISTS node_name LowCardinality(String) AFTER template_version;

-- The view again, with the columns of this migration and of 0009 and 0010.
CREATE OR REPLACE VIEW lynceus.cost_current{on_cluster} AS
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
    corrects,
    price_class,
    covered_cost,
    committed_cost,
    template_version,
    node_name,
    inserted_at
FROM lynceus.pod_cost FINAL
WHERE (toStartOfMonth(day), run) IN (SELECT month, active_run FROM lynceus.period FINAL)
   OR (run = 1 AND toStartOfMonth(day) NOT IN (SELECT month FROM lynceus.period FINAL));
