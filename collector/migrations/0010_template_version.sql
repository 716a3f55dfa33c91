-- Which version of its template a workflow runs, and what each version costs.
--
-- The rules of 0001_first.sql hold here too. A new column stands before inserted_at, where the catalogue has it.

ALTER TABLE lynceus.workflow_run{on_cluster}
    ADD COLUMN IF NOT EXISTS template_version LowCardinality(String) AFTER service_account;

ALTER TABLE lynceus.pod_cost{on_cluster}
    ADD COLUMN IF NOT EXISTS template_version LowCardinality(String) AFTER committed_cost;
