-- What each workflow made, as a number: with it a cost per unit can be computed.
--
-- The rules of 0001_first.sql hold here too. A new column stands before inserted_at, where the catalogue has it.

ALTER TABLE lynceus.workflow_run{on_cluster}
    ADD COLUMN IF NOT EXISTS units Nullable(Decimal(38, 18)) COMMENT 'Number of what the workflow made, by the annotation that `attribution.units` names; each attempt has the workflow''s number; NULL: none, or not a number' CODEC(ZSTD(1)) AFTER template_version;
