-- What departments pay for a month, line by line, and the amount to pay beside the exact one.
--
-- The rules of 0001_first.sql hold here too. A new column stands before inserted_at, where the catalogue has it.

CREATE TABLE IF NOT EXISTS lynceus.month_statement{on_cluster}
(
    month Date COMMENT 'First day of the month, in the billing time zone' CODEC(Delta(2), ZSTD(1)),
    run UInt32 COMMENT 'Number of the pricing run' CODEC(T64, ZSTD(1)),
    version UInt64 COMMENT 'Time of the computation, Unix milliseconds; the highest counts' CODEC(ZSTD(1)),
    complete_until DateTime64(3, 'UTC') COMMENT 'Rows that the store had received by then are counted' CODEC(Delta(8), ZSTD(1)),
    books Array(String) COMMENT 'Price books with their hashes, from which shared costs were computed',
    rules String COMMENT 'Hash of the attribution and billing rules' CODEC(ZSTD(1)),
    unpriced UInt64 COMMENT 'Charges without a known price; they are in no line' CODEC(T64, ZSTD(1)),
    accruing UInt64 COMMENT 'Charges of pods that still run' CODEC(T64, ZSTD(1)),
    notes Array(String) COMMENT 'What is in no line, and why: one sentence each' CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the store received the row' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
ORDER BY (month, run)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A month''s statement under a pricing run: what its lines were computed from, and what they lack';

CREATE TABLE IF NOT EXISTS lynceus.statement_line{on_cluster}
(
    month Date COMMENT 'First day of the month, in the billing time zone' CODEC(Delta(2), ZSTD(1)),
    run UInt32 COMMENT 'Number of the pricing run' CODEC(T64, ZSTD(1)),
    currency LowCardinality(String) COMMENT 'Currency of all amounts in the row',
    department LowCardinality(String) COMMENT 'Department that pays, by the first attribution rule that matches; else `unallocated`',
    kind LowCardinality(String) COMMENT 'usage, correction, rounding, fee, idle, commitment, bill (an item of the provider''s bill)',
    what LowCardinality(String) COMMENT 'The product, the fee, the commitment, or the item of the provider''s bill',
    book LowCardinality(String) COMMENT 'Price book and its version, or the imported bill',
    cluster LowCardinality(String) COMMENT 'Cluster whose usage bears the line; empty: the department used nothing that it is shared by',
    product LowCardinality(String) COMMENT 'Product whose usage bears the line; empty: as with cluster',
    version UInt64 COMMENT 'Time of the computation, Unix milliseconds; the highest counts' CODEC(ZSTD(1)),
    basis LowCardinality(String) COMMENT 'How the whole was shared: proportional, even, fixed, pods, seconds; empty: not shared',
    weight Decimal(38, 18) COMMENT 'The department''s part of the weights of the sharing; of usage: its billed seconds' CODEC(ZSTD(1)),
    whole Decimal(38, 18) COMMENT 'Amount that was shared among departments; of usage: the line''s own amount' CODEC(ZSTD(1)),
    amount Decimal(38, 18) COMMENT 'Amount to pay; without the lines of kind rounding: the exact cost' CODEC(ZSTD(1)),
    rule LowCardinality(String) COMMENT 'Rule of the price book or of the bill that made the line',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the store received the row' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
ORDER BY (month, run, currency, department, kind, what, book, cluster, product)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A line of what a department pays for a month under a pricing run; statement_current has those that count';

-- A later migration that makes this view again keeps GLOBAL, as for cost_current.
CREATE OR REPLACE VIEW lynceus.statement_current{on_cluster} AS
SELECT
    month,
    run,
    currency,
    department,
    kind,
    what,
    book,
    cluster,
    product,
    version,
    basis,
    weight,
    whole,
    amount,
    rule,
    inserted_at
FROM lynceus.statement_line FINAL
WHERE amount != 0
  AND ((month, run) GLOBAL IN (SELECT month, active_run FROM lynceus.period FINAL)
       OR (run = 1 AND month GLOBAL NOT IN (SELECT month FROM lynceus.period FINAL)));

ALTER TABLE lynceus.statement_current{on_cluster}
    COMMENT COLUMN `month` 'First day of the month, in the billing time zone',
    COMMENT COLUMN `run` 'Number of the pricing run',
    COMMENT COLUMN `currency` 'Currency of all amounts in the row',
    COMMENT COLUMN `department` 'Department that pays, by the first attribution rule that matches; else `unallocated`',
    COMMENT COLUMN `kind` 'usage, correction, rounding, fee, idle, commitment, bill (an item of the provider''s bill)',
    COMMENT COLUMN `what` 'The product, the fee, the commitment, or the item of the provider''s bill',
    COMMENT COLUMN `book` 'Price book and its version, or the imported bill',
    COMMENT COLUMN `cluster` 'Cluster whose usage bears the line; empty: the department used nothing that it is shared by',
    COMMENT COLUMN `product` 'Product whose usage bears the line; empty: as with cluster',
    COMMENT COLUMN `version` 'Time of the computation, Unix milliseconds; the highest counts',
    COMMENT COLUMN `basis` 'How the whole was shared: proportional, even, fixed, pods, seconds; empty: not shared',
    COMMENT COLUMN `weight` 'The department''s part of the weights of the sharing; of usage: its billed seconds',
    COMMENT COLUMN `whole` 'Amount that was shared among departments; of usage: the line''s own amount',
    COMMENT COLUMN `amount` 'Amount to pay; without the lines of kind rounding: the exact cost',
    COMMENT COLUMN `rule` 'Rule of the price book or of the bill that made the line',
    COMMENT COLUMN `inserted_at` 'When the store received the row',
    MODIFY COMMENT 'Lines of the statement of each month''s active pricing run (run 1 where period has no row)';

ALTER TABLE lynceus.period{on_cluster}
    ADD COLUMN IF NOT EXISTS statement_hash String COMMENT 'Hash of the statement''s lines at the time of locking; empty: not known' CODEC(ZSTD(1)) AFTER billed,
    ADD COLUMN IF NOT EXISTS accepted Map(String, String) COMMENT 'What would have refused the lock and was accepted, each with the reason given' CODEC(ZSTD(1)) AFTER statement_hash;

ALTER TABLE lynceus.cost_daily{on_cluster}
    ADD COLUMN IF NOT EXISTS rounded_cost Nullable(Decimal(38, 18)) COMMENT 'Sum of the charges as the provider''s bill rounds each of them' CODEC(ZSTD(1)) AFTER list_cost;

-- Every day of cost_daily is computed again, with the new column: its days count as never built.
INSERT INTO lynceus.rollup_state (name, day, version, built_at, run)
SELECT name, day, version + 1, toDateTime64(0, 3, 'UTC'), run FROM lynceus.rollup_state FINAL WHERE name = 'cost_daily';
