-- What each run of a template cost, by which unusual costs are found.
--
-- The rules of 0001_first.sql hold here too. Columns and keys are declared in collector/catalog/rollups.py. The collector computes
-- the days that are stored already, the newest first; what it has not computed yet is read from the charges.

CREATE TABLE IF NOT EXISTS lynceus.run_daily{on_cluster}
(
    day Date COMMENT 'Billing day, in the billing time zone' CODEC(Delta(2), ZSTD(1)),
    department LowCardinality(String) COMMENT 'Department that pays, by the first attribution rule that matches; else `unallocated`',
    cluster LowCardinality(String) COMMENT 'Name of the cluster in the settings',
    namespace LowCardinality(String) COMMENT 'Kubernetes namespace',
    template LowCardinality(String) COMMENT 'Name of the workflow template; of a pod or a step the template inside the workflow',
    template_version LowCardinality(String) COMMENT 'Version of the template: the value of a label, or a hash of the stored templates; empty: not made from a template',
    currency LowCardinality(String) COMMENT 'Currency of all amounts in the row',
    workflow_name String COMMENT 'Name of the workflow' CODEC(ZSTD(1)),
    workflow_uid String COMMENT 'uid of the workflow; empty: the pod belongs to no known workflow' CODEC(ZSTD(1)),
    cost Nullable(Decimal(38, 18)) COMMENT 'Sum of the charges that have a price; NULL: no charge has one' CODEC(ZSTD(1)),
    cost_pending Nullable(Decimal(38, 18)) COMMENT 'Part of cost before main containers started, but for tries that were lost' CODEC(ZSTD(1)),
    retried Nullable(Decimal(38, 18)) COMMENT 'Part of cost for tries that another try followed' CODEC(ZSTD(1)),
    reclaimed Nullable(Decimal(38, 18)) COMMENT 'Part of cost for pods that the provider took back' CODEC(ZSTD(1)),
    pods UInt64 COMMENT 'Pods but for tries that were lost, as in all figures that follow' CODEC(T64, ZSTD(1)),
    seconds UInt64 COMMENT 'Billed time, seconds' CODEC(T64, ZSTD(1)),
    vcpu_ms UInt64 COMMENT 'Billed vCPUs by time, milliseconds of one vCPU' CODEC(T64, ZSTD(1)),
    mib_seconds UInt64 COMMENT 'Billed memory by time, MiB and seconds' CODEC(T64, ZSTD(1)),
    spot_seconds UInt64 COMMENT 'Part of seconds on spot or best-effort machines' CODEC(T64, ZSTD(1)),
    unpriced UInt64 COMMENT 'Charges without a known price' CODEC(T64, ZSTD(1)),
    accruing UInt64 COMMENT 'Charges of pods that still run' CODEC(T64, ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the store received the row' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(inserted_at)
PARTITION BY day
ORDER BY (day, department, cluster, namespace, template, template_version, currency, workflow_name, workflow_uid)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Charges of cost_current by workflow and billing day, of workflows from a template; each day is rebuilt whole';
