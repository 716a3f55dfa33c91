-- The provider's bill, line by line, and which import of it counts.
--
-- The rules of 0001_first.sql hold here too.

CREATE TABLE IF NOT EXISTS lynceus.bill_import{on_cluster}
(
    month Date COMMENT 'First day of the billed month' CODEC(Delta(2), ZSTD(1)),
    provider LowCardinality(String) COMMENT 'Provider that billed: alibaba, aws, azure, google, or the name in the bill',
    account String COMMENT 'Account that is billed, as the bill spells it' CODEC(ZSTD(1)),
    version UInt64 COMMENT 'Time of the import, Unix milliseconds; the highest counts' CODEC(ZSTD(1)),
    files Array(String) COMMENT 'Files of the import' CODEC(ZSTD(1)),
    format LowCardinality(String) COMMENT 'Format of the files',
    lines UInt64 COMMENT 'Lines that were imported' CODEC(T64, ZSTD(1)),
    bad UInt64 COMMENT 'Lines that could not be read and were accepted as missing' CODEC(T64, ZSTD(1)),
    totals Map(String, String) COMMENT 'Exact sum of all lines by currency, as text' CODEC(ZSTD(1)),
    final_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the provider stops changing the month; NULL: not known' CODEC(Delta(8), ZSTD(1)),
    notes Array(String) COMMENT 'What was noticed while reading: one sentence each' CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the store received the row' CODEC(Delta(8), ZSTD(1))
)
ENGINE = {engine}(version)
ORDER BY (month, provider, account)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The imported bill of one provider, account and month; importing again replaces it';

CREATE TABLE IF NOT EXISTS lynceus.bill_line{on_cluster}
(
    month Date COMMENT 'First day of the billed month' CODEC(Delta(2), ZSTD(1)),
    provider LowCardinality(String) COMMENT 'Provider that billed: alibaba, aws, azure, google, or the name in the bill',
    account String COMMENT 'Account that is billed, as the bill spells it' CODEC(ZSTD(1)),
    load UInt64 COMMENT 'Time of the import, Unix milliseconds: the version of bill_import' CODEC(T64, ZSTD(1)),
    ordinal UInt64 COMMENT 'Number of the line in its import, from 1' CODEC(T64, ZSTD(1)),
    version UInt64 COMMENT 'Time of the import, Unix milliseconds; the highest counts' CODEC(ZSTD(1)),
    file_name LowCardinality(String) COMMENT 'File of the line',
    row UInt64 COMMENT 'Line of the file, or number of the record' CODEC(T64, ZSTD(1)),
    line_id String COMMENT 'The provider''s name of the line; it may differ in the next export' CODEC(ZSTD(1)),
    kind LowCardinality(String) COMMENT 'usage, refund, rounding, commitment, tax, credit, adjustment, purchase, fee, split',
    instance String COMMENT 'Id of what is billed, as the bill spells it' CODEC(ZSTD(1)),
    pod String COMMENT 'Instance id, uid or `namespace-name` that names a pod; empty: the line names no pod' CODEC(ZSTD(1)),
    product LowCardinality(String) COMMENT 'Code or name of the product in the bill',
    item LowCardinality(String) COMMENT 'Billing item, meter or usage type in the bill',
    meter LowCardinality(String) COMMENT 'vcpu, memory, gpu, ephemeral, instance_type; empty: none of them',
    region LowCardinality(String) COMMENT 'Region as the bill spells it',
    spec LowCardinality(String) COMMENT 'Size or instance type as the bill spells it',
    begin Nullable(DateTime64(3, 'UTC')) COMMENT 'Begin of the use; NULL: the bill does not state it' CODEC(Delta(8), ZSTD(1)),
    end Nullable(DateTime64(3, 'UTC')) COMMENT 'End of the use, exclusive; NULL: the bill does not state it' CODEC(Delta(8), ZSTD(1)),
    quantity Nullable(Decimal(38, 18)) COMMENT 'Billed quantity; NULL: the bill does not state it' CODEC(ZSTD(1)),
    unit LowCardinality(String) COMMENT 'Unit of the quantity, as the bill spells it',
    unit_seconds UInt32 COMMENT 'Seconds in the unit; 0: not a unit of time' CODEC(T64, ZSTD(1)),
    list_price Nullable(Decimal(38, 18)) COMMENT 'Price of a unit before discounts; NULL: the bill does not state it' CODEC(ZSTD(1)),
    list_amount Nullable(Decimal(38, 18)) COMMENT 'Amount before discounts; NULL: the bill does not state it' CODEC(ZSTD(1)),
    discount Nullable(Decimal(38, 18)) COMMENT 'Discount and coupons; NULL: the bill does not state them' CODEC(ZSTD(1)),
    amount Decimal(38, 18) COMMENT 'Amount to pay, before tax; negative: a refund or a credit' CODEC(ZSTD(1)),
    currency LowCardinality(String) COMMENT 'Currency of all amounts in the row',
    tags Map(LowCardinality(String), String) COMMENT 'Tags of the resource' CODEC(ZSTD(1)),
    other Map(LowCardinality(String), String) COMMENT 'Columns without a place of their own, as text' CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the store received the row' CODEC(Delta(8), ZSTD(1)),
    INDEX pod_bloom pod TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = {engine}(version)
ORDER BY (month, provider, account, load, ordinal)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A line of the provider''s bill; those count whose load is the version of their import';
