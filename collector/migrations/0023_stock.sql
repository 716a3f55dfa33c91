-- A cloud without a machine left is a reason of its own, apart from a quota: other people mend it.
--
-- The rules of 0001_first.sql hold here too. A new column stands at the end, before inserted_at. Rows that were written before
-- have such waits in quota_ms.

ALTER TABLE lynceus.workflow_run{on_cluster}
    ADD COLUMN IF NOT EXISTS stock_ms UInt64 COMMENT 'Time in waiting reason `stock`, milliseconds' CODEC(T64, ZSTD(1)) AFTER trace_id;

ALTER TABLE lynceus.workflow_live{on_cluster}
    ADD COLUMN IF NOT EXISTS stock_ms UInt64 COMMENT 'Time in waiting reason `stock`, milliseconds' CODEC(T64, ZSTD(1)) AFTER moved_at;

ALTER TABLE lynceus.workflow_hourly{on_cluster}
    ADD COLUMN IF NOT EXISTS stock_ms UInt64 COMMENT 'Time in `stock`, milliseconds' CODEC(T64, ZSTD(1)) AFTER running_ms;
