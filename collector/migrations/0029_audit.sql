-- Who saw and changed what.
--
-- The rules of 0001_first.sql hold here too. An entry is written when something begins and again when it has ended.

CREATE TABLE IF NOT EXISTS lynceus.audit_entry{on_cluster}
(
    at DateTime64(3, 'UTC') COMMENT 'When it was first done' CODEC(Delta(8), ZSTD(1)),
    id String COMMENT 'Random name of the entry' CODEC(ZSTD(1)),
    version UInt64 COMMENT '1 at the begin; the highest counts' CODEC(T64, ZSTD(1)),
    until DateTime64(3, 'UTC') COMMENT 'When it was last done' CODEC(Delta(8), ZSTD(1)),
    times UInt32 COMMENT 'How often it was done from `at` to `until`' CODEC(T64, ZSTD(1)),
    actor LowCardinality(String) COMMENT 'Name of the token or of the person; user@machine of a command; empty: not known',
    via LowCardinality(String) COMMENT 'How the actor is known: token, proxy, certificate, open, local; empty: it is not',
    scope LowCardinality(String) COMMENT 'What the actor may read: `all`, `metrics`, or the departments; empty: nothing',
    address String COMMENT 'Address of the client; empty: a command' CODEC(ZSTD(1)),
    action LowCardinality(String) COMMENT 'What was done: read, refuse, sign_in, lock, reprice, create_token and others',
    target String COMMENT 'Path of the page, or the month, period, file or token that was changed' CODEC(ZSTD(1)),
    outcome LowCardinality(String) COMMENT '`ok`, `failed`, or the status of the answer; `begun`: it has not ended, or was cut short',
    detail String COMMENT 'What else is known, in words' CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the store received the row' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
PARTITION BY toYYYYMM(at)
ORDER BY (at, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Who saw or changed what; only readers of everything see it';
