-- What the class of a cost may be. A comment changes no data.

ALTER TABLE lynceus.pod_cost{on_cluster}
    COMMENT COLUMN `class` 'Use of the money: useful, failed, cancelled, retried, reclaimed; unknown: no end was observed';

ALTER TABLE lynceus.cost_current{on_cluster}
    COMMENT COLUMN `class` 'Use of the money: useful, failed, cancelled, retried, reclaimed; unknown: no end was observed';

ALTER TABLE lynceus.cost_daily{on_cluster}
    COMMENT COLUMN `class` 'Use of the money: useful, failed, cancelled, retried, reclaimed; unknown: no end was observed';
