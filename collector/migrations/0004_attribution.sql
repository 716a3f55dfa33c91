-- What attribution rules read and a row did not keep, so that changed rules can be put to it again.

ALTER TABLE lynceus.workflow_run{on_cluster}
    ADD COLUMN IF NOT EXISTS service_account LowCardinality(String) AFTER waited_on;
