-- A workflow that a queue manager holds waits for the manager, and not for Argo or for a person.
--
-- The rules of 0001_first.sql hold here too. A new column stands at the end, before inserted_at. Rows that were written before
-- have such waits in unseen_ms, suspended_ms or starting_ms.
-- A reason that holds before and after work began needs the instant between the two, also of a workflow that has not finished.

ALTER TABLE lynceus.workflow_run{on_cluster}
    ADD COLUMN IF NOT EXISTS queued_ms UInt64 COMMENT 'Time in waiting reason `queued`, milliseconds' CODEC(T64, ZSTD(1)) AFTER made;

ALTER TABLE lynceus.workflow_live{on_cluster}
    ADD COLUMN IF NOT EXISTS queued_ms UInt64 COMMENT 'Time in waiting reason `queued`, milliseconds' CODEC(T64, ZSTD(1)) AFTER stock_ms,
    ADD COLUMN IF NOT EXISTS picked_up_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When work began; NULL: it has not' CODEC(Delta(8), ZSTD(1)) AFTER queued_ms;

ALTER TABLE lynceus.workflow_hourly{on_cluster}
    ADD COLUMN IF NOT EXISTS queued_ms UInt64 COMMENT 'Time in `queued`, milliseconds' CODEC(T64, ZSTD(1)) AFTER stock_ms;
