-- Low confidence has one more cause: a price that no independent source confirms.
--
-- The rules of 0001_first.sql hold here too. A comment changes no data.

ALTER TABLE lynceus.pod_cost{on_cluster}
    COMMENT COLUMN `confidence` 'high (the provider''s own size, a confirmed price), low (a fallback), unpriced (no price, see rule)';

ALTER TABLE lynceus.cost_current{on_cluster}
    COMMENT COLUMN `confidence` 'high (the provider''s own size, a confirmed price), low (a fallback), unpriced (no price, see rule)';
