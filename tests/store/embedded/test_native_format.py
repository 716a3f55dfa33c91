"""The Native format as clickhouse-go wants it: the same bytes with the same values between them."""

import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.catalog.bills import POD_COST
from collector.store.clickhouse import Store
from collector.store.embedded.native_format import UnknownLayoutError, layout_of, upgrade_native
from tests.store.running import Running, ask

EXPRESSIONS = [
    "1", "'x'", "toString(number)", "repeat('y', number % 300)", "toLowCardinality(toString(number % 3))", "NULL",
    "CAST(if(number % 2, NULL, 'a'), 'LowCardinality(Nullable(String))')", "if(number % 2, NULL, number)", "[number, 1]",
    "emptyArrayString()", "map(toLowCardinality('a'), 'b')", "(1, 'a', [toLowCardinality('q')])", "[]", "true",
    "CAST((1, 'a'), 'Tuple(`x, y` Int8, b String)')", "toDecimal128(number, 18)", "toDecimal256(number, 18)",
    "toDecimal64(number, 9)", "toDecimal32(number, 2)", "toDateTime64(number, 3, 'UTC')", "toDateTime(number, 'UTC')",
    "toDate(number % 60000)", "toDate32(number)", "toIntervalDay(1)", "generateUUIDv4()", "toFixedString('abc', 5)",
    "CAST('a', 'Enum8(\\'a\\' = 1, \\'b, (\\' = 2)')", "CAST('a', 'Enum16(\\'a\\' = 1)')", "toIPv4('1.2.3.4')",
    "toIPv6('::1')", "[[toLowCardinality('a')], []]", "arrayMap(x -> map('k', x), range(number % 4))",
    "CAST([(1, 'a')], 'Nested(a Int8, b String)')", "array(tuple(toLowCardinality('z')))", "toLowCardinality(toDate(1))",
    "if(number % 2, [], [toLowCardinality('a')])", "CAST(map(), 'Map(String, LowCardinality(String))')", "toTime64(1, 3)",
    "CAST(1.5, 'BFloat16')", "toInt256(1)", "toFloat32(1)", "toFloat64(1)", "toUInt8(1)", "toInt16(1)", "toUInt128(1)",
]  # fmt: skip

BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"


@pytest.mark.parametrize("rows", [0, 1, 7, 70_000])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_type_is_walked_to_its_end(expression: str, rows: int, running: Running) -> None:
    """Per block 8 bytes, per column 1, and nothing else, are added; a wrong end of one column would misplace the next."""
    query = f"SELECT {expression} AS v, number AS n FROM numbers({rows}) FORMAT Native"
    plain = ask(running, query).body
    upgraded = ask(running, query, client_protocol_version="54460").body

    if "UUID" not in expression:
        assert upgraded == upgrade_native(plain)
    assert (len(upgraded) - len(plain)) % (len(BLOCK_INFO) + 2) == 0
    assert upgraded.startswith(BLOCK_INFO) == (rows > 0)


def test_all_types_in_one_block(running: Running) -> None:
    """Columns stand one behind the other: each one's end is the next one's beginning."""
    columns = ", ".join(f"{expression} AS v{number}" for number, expression in enumerate(EXPRESSIONS))
    reply = ask(running, f"SELECT {columns} FROM numbers(1000) FORMAT Native", client_protocol_version="54460")

    assert reply.status == 200
    assert len(reply.body) > 100_000


def test_older_clients_get_what_the_engine_writes(running: Running) -> None:
    """clickhouse-connect probes with 54405 and copes with revision 0, which costs no walk."""
    query = "SELECT 1 AS check FORMAT Native"

    assert ask(running, query, client_protocol_version="54405").body == ask(running, query).body


def test_a_type_that_cannot_be_walked_is_refused_in_words(running: Running) -> None:
    """Aggregate states and dynamic types hold formats of their own; the reader learns what to do."""
    reply = ask(running, "SELECT sumState(1) AS s FORMAT Native", client_protocol_version="54460")

    assert reply.headers["X-ClickHouse-Exception-Code"] == "48"
    assert "wrap the column in toString()" in reply.text
    with pytest.raises(UnknownLayoutError, match="AggregateFunction"):
        layout_of("AggregateFunction(sum, UInt8)")


class Seen(msgspec.Struct):
    """What tests/store/goclient prints."""

    rows: int
    sum: int
    lengths: int
    last_time: str
    empty_rows: int
    error: str
    error_code: int
    refused: str
    total: str


@pytest.mark.live
@pytest.mark.timeout(300)
def test_clickhouse_go_as_it_comes(goclient: Path, running: Running, writer: Store) -> None:
    """Grafana's ClickHouse plugin reads through clickhouse-go: ping, sums, many blocks, empty results, errors, refusals."""
    for table in ("pod_cost", "period"):  # another test's period may make another run this month's
        writer.command(f"TRUNCATE TABLE lynceus.{table}")
    row: dict[str, Any] = dict.fromkeys((column.name for column in POD_COST.stored), 0)
    row |= {name: "" for name, column in zip(row, POD_COST.stored, strict=True) if "String" in column.type}
    row |= {"meters": [], "run": 1, "department": "vision", "cost": Decimal("0.123456789012345678")}
    writer.insert(POD_COST, [list(row.values())], "go")

    done = subprocess.run([goclient, running.address], capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    found = msgspec.json.decode(done.stdout, type=Seen)
    assert (found.rows, found.sum, found.last_time) == (200_000, 19_999_900_000, "2026-11-22T01:02:03.004Z")
    assert found.lengths == sum(len(str(number)) for number in range(200_000))
    assert found.empty_rows == 0
    assert found.total == "0.123456789012345678"
    assert (found.error_code, "no_such_column" in found.error) == (47, True)
    assert "may not run a DropQuery" in found.refused
