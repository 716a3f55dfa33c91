-- What the type and the critical time of a step mean. A comment changes no data.

ALTER TABLE lynceus.step_run{on_cluster}
    COMMENT COLUMN `type` 'Argo''s node type: Pod, Container, Steps, DAG, Retry, Skipped, Suspend, HTTP, Plugin; its groups of parallel steps, StepGroup and TaskGroup, have no row',
    COMMENT COLUMN `critical_ms` 'Part of the workflow''s duration that this step alone accounts for, milliseconds; without its waits for a lock, a quota or its pod';
