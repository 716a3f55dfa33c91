-- Who took a pod away: preemption, drain, taint or eviction, by the pod's condition DisruptionTarget.
--
-- The rules of 0001_first.sql hold here too. A new column stands before inserted_at, where the catalogue has it.

ALTER TABLE lynceus.pod_run{on_cluster}
    ADD COLUMN IF NOT EXISTS disruption LowCardinality(String)
        COMMENT 'Reason of the condition DisruptionTarget, if it ended the pod; empty: the pod ended by itself' AFTER hint;
