-- The trace that Argo itself makes of a workflow: with it a row leads to the trace, and our spans into it.
--
-- The rules of 0001_first.sql hold here too. A new column stands before inserted_at, where the catalogue has it.

ALTER TABLE lynceus.workflow_run{on_cluster}
    ADD COLUMN IF NOT EXISTS trace_id String COMMENT 'Trace of the workflow by Argo''s own annotation workflows.argoproj.io/trace-id; empty: Argo exports none' CODEC(ZSTD(1)) AFTER units;
