-- What the provider billed for a month.
--
-- The rules of 0001_first.sql hold here too. A new column stands before inserted_at, where the catalogue has it.

ALTER TABLE lynceus.period{on_cluster}
    ADD COLUMN IF NOT EXISTS billed Map(String, String) CODEC(ZSTD(1)) AFTER late_run;
