-- Which reports were sent, and which collector sends one just now.
--
-- The rules of 0001_first.sql hold here too, but for the window: of two collectors that write the same step of the same message
-- one must lose, also on a single server. After a kill between token and row the step has no row; the next step is
-- then written instead, see collector/delivery/records.py.

CREATE TABLE IF NOT EXISTS lynceus.delivery{on_cluster}
(
    name        LowCardinality(String) COMMENT 'Name of the report in `delivery.reports`',
    department  LowCardinality(String) COMMENT 'Whose costs it shows; `all`: of all',
    period      String COMMENT 'When it was due, in the billing time zone; `by hand` and a time: sent by a command; empty: when the report was first seen' CODEC(ZSTD(1)),
    version     UInt64 COMMENT '1 more than before; the highest counts',
    state       LowCardinality(String) COMMENT 'claimed, sending, sent, failed, unsure, missed; known: only seen',
    holder      String COMMENT 'Collector that wrote the row' CODEC(ZSTD(1)),
    mark        String COMMENT 'Random name of this step' CODEC(ZSTD(1)),
    attempt     UInt32 COMMENT 'Number of the attempt, from 1',
    doubts      UInt32 COMMENT 'Attempts after which it is unknown whether the message arrived',
    due         DateTime64(3, 'UTC') COMMENT 'When it was due' CODEC(Delta(8), ZSTD(1)),
    at          DateTime64(3, 'UTC') COMMENT 'When the state began' CODEC(Delta(8), ZSTD(1)),
    until       DateTime64(3, 'UTC') COMMENT 'When another attempt may begin' CODEC(Delta(8), ZSTD(1)),
    receiver    String COMMENT 'Mail addresses, or the name of the webhook' CODEC(ZSTD(1)),
    detail      String COMMENT 'What the receiver answered, or why it was not sent' CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the store received the row' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
ORDER BY (name, department, period)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000
COMMENT 'Reports that were sent, and how far each is';
