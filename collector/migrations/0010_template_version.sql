-- Which version of its template a workflow runs, and what each version costs.
--
-- The rules of 0001_first.sql hold here too. A new column stands before inserted_at, where the catalogue has it.

ALTER TABLE lynceus.workflow_run{on_cluster}
    ADD COLUMN IF NOT EXISTS template_version LowCardinality(String) AFTER service_account;

ALTER TABLE lynceus.pod_cost{on_cluster}
    ADD COLUMN IF NOT EXISTS template_version LowCardinality(String) AFTER committed_cost;

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
    price_class,
    covered_cost,
    committed_cost,
    template_version,
    inserted_at
FROM lynceus.pod_cost FINAL
WHERE (toStartOfMonth(day), run) IN (SELECT month, active_run FROM lynceus.period FINAL)
   OR (run = 1 AND toStartOfMonth(day) NOT IN (SELECT month FROM lynceus.period FINAL));
