-- Repricing and locked months: which runs are being prepared, what a month held when it was locked, what corrects it.
--
-- The rules of 0001_first.sql hold here too. A new column stands before inserted_at, where the catalogue has it.

ALTER TABLE lynceus.pod_cost{on_cluster}
    ADD COLUMN IF NOT EXISTS corrects Date CODEC(ZSTD(1)) AFTER status;

ALTER TABLE lynceus.pricing_run{on_cluster}
    ADD COLUMN IF NOT EXISTS state LowCardinality(String) AFTER rules,
    ADD COLUMN IF NOT EXISTS from_day Date AFTER state,
    ADD COLUMN IF NOT EXISTS to_day Date AFTER from_day;

ALTER TABLE lynceus.period{on_cluster}
    ADD COLUMN IF NOT EXISTS totals Map(String, String) CODEC(ZSTD(1)) AFTER hash,
    ADD COLUMN IF NOT EXISTS late_run UInt32 CODEC(T64, ZSTD(1)) AFTER totals;

-- The view again, with the new column.
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
    inserted_at
FROM lynceus.pod_cost FINAL
WHERE (toStartOfMonth(day), run) IN (SELECT month, active_run FROM lynceus.period FINAL)
   OR (run = 1 AND toStartOfMonth(day) NOT IN (SELECT month FROM lynceus.period FINAL));
