-- Several numbers of what a workflow made, each by the name of its unit.
--
-- The rules of 0001_first.sql hold here too. A new column stands at the end, before inserted_at. Rows that were written before
-- have their only number in `units` alone.

ALTER TABLE lynceus.workflow_run{on_cluster}
    COMMENT COLUMN units 'Number of the first unit in `attribution.units` that the workflow states; each attempt has the workflow''s number; NULL: none, or not a number',
    ADD COLUMN IF NOT EXISTS made Map(LowCardinality(String), Decimal(38, 18)) COMMENT 'Numbers of what the workflow made, by the name of the unit in `attribution.units`; each attempt has the workflow''s numbers; a unit without a number is not in it' CODEC(ZSTD(1)) AFTER stock_ms;
