"""
Statements by which a department could try to find out about another one.

@foreign and @own stand for the other's department and one's own, in quotes, @canary and @cost for the other's canary and
amount; @table and @name for a table, with and without database, @at, @value and @text for columns of it.
"""

ORACLES = (
    "throwIf(department = @foreign) = 0",
    "intDiv(1, toInt64(@cost) - @value) < 2",
    "intDiv(1, toUnixTimestamp(@at) - toUnixTimestamp('2026-11-01 10:@cost:00')) < 2",
    "modulo(1, toInt64(@cost) - @value) < 2",
    "toUInt8OrNull(department) IS NULL AND throwIf(department = @foreign) = 0",
    "throwIf(@text LIKE '@canary%') = 0",
    "toDecimal32(if(department = @foreign, '9999999999', '1'), 4) > 0",
    "CAST(if(department = @foreign, 'x', '1'), 'UInt8') > 0",
    "if(department = @foreign, throwIf(1), 0) = 0",
    "multiIf(department = @foreign, throwIf(1), 0) = 0",
    "(department = @own OR throwIf(1)) AND throwIf(department = @foreign) = 0",
    "toDateTime64(@at, 9) > toDateTime64('2020-01-01', 3)",
    "department IN (SELECT department FROM @table WHERE throwIf(department = @foreign) = 0)",
    "repeat('x', if(department = @foreign, 1000001, 1)) != ''",
    "arrayElement([1], if(department = @foreign, 0, 1)) = 1",
    "parseDateTimeBestEffort(if(department = @foreign, 'x', '2026-11-01')) > toDateTime(0)",
    "match(@text, if(department = @foreign, '(', '.')) OR 1",
)
"""Conditions that fail for a row of the other one alone."""

PLACES = (
    "SELECT count() FROM @table WHERE @oracle",
    "SELECT count() FROM @table FINAL WHERE @oracle",
    "SELECT count() FROM (SELECT * FROM @table) WHERE @oracle",
    "WITH t AS (SELECT * FROM @table) SELECT count() FROM t WHERE @oracle",
    "WITH t AS MATERIALIZED (SELECT * FROM @table) SELECT count() FROM t WHERE @oracle",
    "SELECT countIf(@oracle) FROM @table",
    "SELECT max(@oracle) AS m FROM @table GROUP BY cluster HAVING m >= 0",
    "SELECT count() FROM @table GROUP BY @oracle",
    "SELECT department FROM @table ORDER BY @oracle, department LIMIT 1",
    "SELECT department FROM @table WHERE @oracle ORDER BY @at LIMIT 1",
    "SELECT department FROM @table ORDER BY department LIMIT 1 BY @oracle",
    "SELECT count() FROM (SELECT 1 AS one) AS o JOIN @table ON @oracle",
    "SELECT count() FROM @table AS a JOIN (SELECT number AS n FROM numbers(3)) AS b ON 1 = b.n WHERE @oracle",
    "SELECT count() FROM @table ARRAY JOIN [@oracle] AS z",
    "SELECT sum(1) OVER (PARTITION BY @oracle) FROM @table LIMIT 1",
    "SELECT DISTINCT @oracle FROM @table",
    "SELECT count() FROM @table QUALIFY max(@oracle) OVER () >= 0",
    "SELECT any(@oracle) FROM @table WHERE department = @foreign",
    "SELECT (SELECT count() FROM @table WHERE @oracle)",
    "SELECT count() FROM @table PREWHERE @oracle",
    "SELECT count() FROM (SELECT * FROM @table PREWHERE @oracle)",
    "SELECT count() FROM view(SELECT * FROM @table WHERE @oracle)",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM @table WHERE @oracle)",
    "SELECT count() FROM @table WHERE @oracle UNION ALL SELECT 0",
    "SELECT arrayMap(x -> @oracle, [1])[1] FROM @table LIMIT 1",
)

READS = """
SELECT * FROM @table ORDER BY ALL
SELECT * FROM @table FINAL ORDER BY ALL
SELECT count() FROM @table
SELECT count(*), count(1), count(department) FROM @table
SELECT min(@at), max(@at), uniq(department) FROM @table
SELECT DISTINCT department FROM @table
SELECT department, count() FROM @table GROUP BY department WITH TOTALS
SELECT department, count() FROM @table GROUP BY ROLLUP(department) ORDER BY ALL
SELECT department, count() FROM @table GROUP BY GROUPING SETS ((department), ()) ORDER BY ALL
SELECT groupArray(department) FROM @table
SELECT @foreign IN (SELECT department FROM @table)
SELECT (SELECT max(department) FROM @table)
SELECT department FROM @table AS `lynceus.pod_cost` LIMIT 1
SELECT department FROM @table AS `@table` LIMIT 1
SELECT @foreign AS department, count() FROM @table
WITH @foreign AS department SELECT count(), any(department) FROM @table
SELECT count() FROM @table WHERE department = @foreign OR 1
SELECT count() FROM @table WHERE department != @own
SELECT a.department, b.department FROM @table AS a CROSS JOIN @table AS b GROUP BY ALL
SELECT count() FROM @table AS a FULL JOIN @table AS b ON a.department = b.department AND a.@at = b.@at
SELECT count() FROM (SELECT @foreign AS d) AS a LEFT JOIN @table AS b ON a.d = b.department WHERE b.department != ''
SELECT count() FROM @table AS a ANTI JOIN (SELECT @own AS d) AS b ON a.department = b.d
SELECT b.department FROM (SELECT @foreign AS d) AS a RIGHT JOIN @table AS b ON a.d = b.department GROUP BY ALL
SELECT department FROM @table EXCEPT SELECT @own
SELECT department FROM @table INTERSECT SELECT @foreign
SELECT department FROM @table UNION DISTINCT SELECT department FROM @table
SELECT row_number() OVER (ORDER BY @at), rank() OVER (ORDER BY @at) FROM @table ORDER BY ALL
SELECT lagInFrame(department) OVER (ORDER BY @at) FROM @table ORDER BY ALL LIMIT 3
SELECT quantiles(0.1, 0.9)(@value), avg(@value), sum(@value) FROM @table
SELECT topK(3)(department) FROM @table
SELECT * FROM @table ORDER BY @at DESC, ALL LIMIT 3
SELECT department FROM @table ORDER BY @at LIMIT 1 WITH TIES
SELECT department FROM @table LIMIT 1 FORMAT JSON
SELECT department FROM @table ORDER BY @at LIMIT 1 FORMAT JSONCompact
SELECT department FROM @table WHERE department = @foreign FORMAT XML
SELECT department FROM @table FORMAT JSONEachRowWithProgress
SELECT department FROM @table FORMAT JSONStringsEachRowWithProgress
SELECT count() FROM @table FORMAT Vertical
SELECT count() FROM @table FORMAT Null
SELECT _part_offset FROM @table ORDER BY @at LIMIT 1
SELECT `_part_offset` FROM @table LIMIT 1
SELECT t._part FROM @table AS t LIMIT 1
SELECT `t._part` FROM @table AS t LIMIT 1
SELECT _partition_id, count() FROM @table GROUP BY ALL
SELECT count() FROM @table WHERE _part != ''
SELECT max(blockSize()), max(blockNumber()), max(rowNumberInBlock()) FROM @table
SELECT arrayMap(blockSize, [1]) FROM @table LIMIT 1
SELECT count() FROM @table WHERE indexHint(department = @foreign)
SELECT neighbor(department, 1) FROM @table
SELECT max(rowNumberInAllBlocks()) FROM @table
SELECT count() FROM @table SAMPLE 1 / 2
SELECT count() FROM merge('lynceus', '.*')
SELECT count() FROM merge(lynceus, '.*')
SELECT * FROM mergeTreeIndex(lynceus, pod_cost)
SELECT * FROM loop(lynceus.pod_cost) LIMIT 5
SELECT * FROM remote('127.0.0.1', lynceus.pod_cost)
SELECT count() FROM @table SETTINGS additional_table_filters = {}
SELECT count() FROM @table SETTINGS additional_table_filters = {'@table': '1'}
SELECT count() FROM (SELECT * FROM @table SETTINGS additional_table_filters = {'@table': '1'})
SELECT count() FROM @table SETTINGS use_primary_key = 1
SELECT count() FROM @table SETTINGS max_rows_to_read = 1
SELECT count() FROM {x:Identifier}
SELECT {x:Identifier} FROM @table
SELECT count() FROM @table WHERE department = {y:String}
EXPLAIN SELECT * FROM @table
EXPLAIN ESTIMATE SELECT * FROM @table
EXPLAIN indexes = 1 SELECT * FROM @table WHERE department = @foreign
EXPLAIN PIPELINE SELECT * FROM @table
EXPLAIN QUERY TREE SELECT * FROM @table
EXPLAIN SYNTAX SELECT * FROM @table
EXPLAIN AST SELECT * FROM @table
DESCRIBE TABLE @table
SHOW CREATE TABLE @table
EXISTS TABLE @table
CHECK TABLE @table
SELECT * FROM @table INTO OUTFILE '/tmp/x'
SELECT getSetting('additional_table_filters') != ''
SELECT /* @foreign */ department FROM @table -- @foreign
SELECT department FROM `lynceus`.`@name` LIMIT 1
SELECT department FROM "lynceus"."@name" LIMIT 1
SELECT department FROM @name LIMIT 1
SELECT lynceus.@name.department FROM lynceus.@name LIMIT 1
SELECT COLUMNS('dep') FROM @table LIMIT 1
SELECT * EXCEPT (department) FROM @table ORDER BY ALL LIMIT 1
SELECT * APPLY(max) FROM (SELECT department FROM @table)
SELECT no_such_column FROM @table
SELECT departmen FROM @table
SELECT toUInt8(department) FROM @table
SELECT sumMap([department], [1]) FROM @table
SELECT count() FROM @table WHERE NOT ignore(throwIf(0))
SELECT x FROM (SELECT @value AS x FROM @table ORDER BY x WITH FILL) ORDER BY x LIMIT 5
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < (SELECT count() FROM @table)) SELECT max(n) FROM r
SELECT (SELECT any(b.department) FROM @table AS b WHERE b.department = a.d) FROM (SELECT @foreign AS d) AS a
SELECT count(), uniq(department) FROM @table AS a PASTE JOIN (SELECT number FROM numbers(2)) AS b
SELECT count() FROM @table AS a ASOF JOIN @table AS b ON a.department = b.department AND a.@at >= b.@at
SELECT count() FROM @table AS a SEMI JOIN @table AS b USING (department)
SELECT count() FROM @table AS a NATURAL JOIN (SELECT @foreign AS department) AS b
SELECT a FROM @table AS t(a)
""".strip().splitlines()
"""Read with each of OWNED."""

OTHERS = """
SELECT * FROM bill_line
SELECT count() FROM bill_line
SELECT 1 IN bill_line
SELECT 1 IN lynceus.bill_line
SELECT in(1, bill_line)
SELECT 1 GLOBAL NOT IN (bill_line)
WITH bill_line AS t SELECT 1 IN t
WITH lynceus.bill_line AS t SELECT 1 IN t
SELECT arrayExists(x -> x IN bill_line, [1])
WITH bill_line AS (SELECT 1 AS a) SELECT * FROM bill_line
WITH x AS (SELECT * FROM bill_line) SELECT count() FROM x
SELECT (WITH bill_line AS (SELECT 1 AS a) SELECT a FROM bill_line), (SELECT count() FROM bill_line)
SELECT * FROM view(SELECT * FROM node_run)
SELECT count() FROM queue_sample
SELECT * FROM quarantine
SELECT * FROM live_state
SELECT * FROM cron_run
SELECT * FROM commitment_hour
SELECT * FROM controller_incident
SELECT * FROM watch_cursor
SELECT * FROM reconcile
SELECT * FROM backfill
SELECT * FROM bill_import
SELECT * FROM schema_migrations
SELECT * FROM claim
SELECT * FROM no_such_table
SELECT 1 FROM workflow_run AS a JOIN bill_line AS b ON 1 = 1
SELECT 1 UNION ALL SELECT amount FROM bill_line
SELECT * FROM period
SELECT p.* FROM period AS p
SELECT COLUMNS('.*') FROM period
SELECT COLUMNS(total) FROM period
SELECT total FROM period
SELECT `total` FROM period
SELECT p.total FROM period AS p
SELECT lynceus.period.total FROM lynceus.period
SELECT month FROM period WHERE total > 5
SELECT month FROM period ORDER BY total
SELECT month FROM period GROUP BY month HAVING sum(total) > 1
SELECT month FROM period AS a JOIN (SELECT 5 AS total) AS b USING (total)
SELECT month FROM period AS a NATURAL JOIN (SELECT 5 AS total) AS b
SELECT a FROM period AS p(a, b, c, d, e)
WITH COLUMNS('.*') AS c SELECT (SELECT c FROM period LIMIT 1)
WITH total AS c SELECT (SELECT c FROM period LIMIT 1)
SELECT (1, 1) IN period
WITH period AS t SELECT (1, 1) IN t
SELECT * FROM (SELECT * FROM period)
SELECT * FROM (SELECT month, state FROM period) ORDER BY ALL
SELECT count(*) FROM period
SELECT count(*), any(hash) FROM period
SELECT month, state, active_run, late_run FROM period FINAL ORDER BY month
SELECT hash, statement_hash, totals, billed, accepted FROM period
SELECT sum(LENGTH(totals)) FROM period
SELECT notes FROM month_statement
SELECT unpriced, accruing FROM month_statement
SELECT month, run, complete_until FROM month_statement ORDER BY ALL
SELECT objects_unknown FROM watch_gap
SELECT cluster, kind, from_at, to_at FROM watch_gap ORDER BY ALL
SELECT run, books, rules, state FROM pricing_run ORDER BY ALL
SELECT * FROM pricing_run ORDER BY ALL
SELECT whole FROM statement_line
SELECT * FROM statement_line
SELECT * FROM statement_current
SELECT department, amount FROM statement_current ORDER BY ALL
SELECT department, amount FROM statement_line ORDER BY ALL
SELECT sum(whole) FROM statement_current
SELECT x.amount FROM statement_current AS x WHERE x.whole > 0
SELECT * FROM step_run ORDER BY ALL
SELECT count(), uniq(message) FROM step_run
SELECT count() FROM step_run WHERE throwIf(message LIKE '@canary%') = 0
SELECT count() FROM step_run PREWHERE throwIf(message LIKE '@canary%') = 0
SELECT * FROM pod_run ORDER BY ALL
SELECT count() FROM pod_run FINAL WHERE intDiv(1, toInt64(exit_code) - @cost) < 2
SELECT s.message FROM step_run AS s JOIN pod_run AS p ON s.pod_uid = p.uid ORDER BY ALL
SELECT * FROM pod_cost AS `lynceus.step_run` ORDER BY ALL
SELECT * FROM cost_current ORDER BY ALL
SELECT count() FROM cost_current WHERE throwIf(department = @foreign) = 0
SELECT name, total_rows FROM system.tables WHERE database = 'lynceus'
SELECT * FROM system.tables
SELECT name FROM system.tables WHERE total_rows > 100
SELECT name FROM system.tables WHERE `TOTAL_ROWS` > 100
SELECT name, engine, comment FROM system.tables WHERE database = 'lynceus' ORDER BY name
SELECT total_bytes, parts, lifetime_rows FROM system.tables
SELECT name FROM system.tables ORDER BY metadata_modification_time
SELECT table, name, type FROM system.columns WHERE database = 'lynceus' ORDER BY ALL
SELECT data_compressed_bytes FROM system.columns
SELECT statistics FROM system.columns
SELECT * FROM system.columns
SELECT ('lynceus', 'pod_cost') IN system.tables
SELECT ('lynceus', 'pod_cost') IN (SELECT database, name FROM system.tables)
SELECT * FROM system.parts
SELECT sum(rows) FROM system.parts
SELECT 1 IN system.parts
SELECT * FROM system.parts_columns
SELECT * FROM system.events
SELECT * FROM system.metrics
SELECT * FROM system.asynchronous_metrics
SELECT * FROM system.merges
SELECT * FROM system.mutations
SELECT * FROM system.data_skipping_indices
SELECT * FROM system.query_log
SELECT * FROM system.processes
SELECT * FROM system.databases
SELECT name FROM system.databases ORDER BY name
SELECT * FROM system.one
SELECT * FROM system.time_zones ORDER BY ALL LIMIT 2
SELECT count() > 100 FROM system.functions
SELECT name, value FROM system.settings WHERE name = 'readonly'
SELECT * FROM information_schema.tables
SELECT table_rows FROM information_schema.tables
SELECT TABLE_ROWS FROM INFORMATION_SCHEMA.TABLES
SELECT data_length FROM information_schema.TABLES
SELECT table_name FROM information_schema.tables WHERE table_schema = 'lynceus' ORDER BY 1
SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'lynceus' ORDER BY 1
SELECT column_name FROM information_schema.columns WHERE table_name = 'pod_cost' ORDER BY 1
SELECT * FROM information_schema.schemata ORDER BY ALL
SELECT cardinality FROM information_schema.statistics
SHOW TABLES
SHOW FULL TABLES FROM lynceus
SHOW TABLES WHERE total_rows > 5
SHOW TABLES WHERE name IN (SELECT product FROM bill_line)
SHOW DATABASES
SHOW COLUMNS FROM pod_cost
SHOW TABLE STATUS
DESCRIBE TABLE lynceus.period
DESCRIBE TABLE lynceus.bill_line
SHOW CREATE TABLE lynceus.bill_line
SHOW CREATE VIEW lynceus.cost_current
EXISTS TABLE lynceus.bill_line
SELECT hasColumnInTable('lynceus', 'bill_line', 'amount')
SELECT dictGet('x', 'y', 1)
SELECT joinGet('lynceus.bill_line', 'amount', 1)
SELECT * FROM numbers(3)
SELECT * FROM values('a String', ('x'))
SELECT 1 FROM numbers((SELECT count() FROM pod_cost)) FORMAT Null
SELECT throwIf(count() > 60) FROM pod_cost
SELECT throwIf(1, @canary)
SELECT toUInt8('x')
SELECT 1 / 0
SELECT 'unclosed
SELECT 1; SELECT 2
INSERT INTO pod_cost (department) VALUES ('x')
DROP TABLE pod_cost
SET additional_table_filters = {}
SYSTEM FLUSH LOGS
KILL QUERY WHERE 1
CREATE VIEW lynceus.stolen AS SELECT * FROM pod_cost
ALTER TABLE pod_cost DELETE WHERE 1
""".strip().splitlines()
"""Statements of their own."""
