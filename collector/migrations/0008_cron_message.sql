-- What Argo said when it could not submit a run that was due.
--
-- The rules of 0001_first.sql hold here too.

ALTER TABLE lynceus.cron_run{on_cluster}
    ADD COLUMN IF NOT EXISTS message String CODEC(ZSTD(3)) AFTER concurrency_policy;
