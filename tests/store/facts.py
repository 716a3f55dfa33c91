"""
Facts of any kind, drawn from the declared types of their tables: what hypothesis feeds to round trips.
"""

import decimal
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import astuple

from collector.catalog.columns import Column
from collector.catalog.schema import Table
from collector.core.facts.bills import Meter
from collector.core.facts.workflows import QueueSample, WorkflowLive
from collector.core.model import Fact

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INSTANT = st.integers(0, 4_102_444_800_000)
"""1970 to 2100."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WIDE = decimal.Context(prec=80)


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    """Every value such a column can hold."""
    most = 10**precision - 1
    return st.integers(-most, most).map(lambda units: Decimal(units).scaleb(-scale, context=_WIDE))


_SIMPLE: dict[str, st.SearchStrategy[Any]] = {
    "String": TEXT,
    "LowCardinality(String)": TEXT,
    "DateTime64(3, 'UTC')": INSTANT,
    "Date": st.integers(0, 65_535),
    "Bool": st.booleans(),
    "UInt8": st.integers(0, 1),
    "UInt32": st.integers(0, 2**32 - 1),
    "UInt64": st.integers(0, 2**64 - 1),
    "Int32": st.integers(-(2**31), 2**31 - 1),
    "Array(String)": st.lists(TEXT, max_size=3),
    "Map(String, String)": st.dictionaries(TEXT, TEXT, max_size=3),
    "Map(LowCardinality(String), String)": st.dictionaries(TEXT, TEXT, max_size=3),
    "Map(LowCardinality(String), Decimal(38, 18))": st.dictionaries(TEXT, decimals(38, 18), max_size=3),
}


def values(column_type: str) -> st.SearchStrategy[Any]:
    """Values a fact may hold in a column of that type."""
    if column_type in _SIMPLE:
        return _SIMPLE[column_type]
    if inner := re.fullmatch(r"Nullable\((.*)\)", column_type):
        return st.none() | values(inner.group(1))
    if digits := re.fullmatch(r"Decimal\((\d+), (\d+)\)", column_type):
        return decimals(int(digits.group(1)), int(digits.group(2)))
    assert column_type.startswith("Array(Tuple(meter "), f"no strategy for {column_type}"
    money = decimals(38, 18)
    meter = st.builds(Meter, meter=TEXT, quantity=money, unit=TEXT, unit_price=money, cost=money)
    return st.lists(meter, max_size=3).map(tuple)


def facts(table: Table) -> st.SearchStrategy[Fact]:
    """Facts of one table."""
    names = table.fact.__struct_fields__
    row = st.tuples(*(values(column.type) for column in table.stored))
    return row.map(lambda drawn: table.fact(**dict(zip(names, drawn, strict=True))))


def key_of(table: Table, fact: Fact) -> tuple[Any, ...]:
    """What facts replace one another by."""
    return tuple(getattr(fact, name) for name in table.order_by)


def as_fact(table: Table, row: tuple[Any, ...]) -> Fact:
    """The fact of a row as clickhouse-connect gives it back."""
    values = [_as_fact_value(column, value) for column, value in zip(table.stored, row, strict=True)]
    return table.fact(**dict(zip(table.fact.__struct_fields__, values, strict=True)))


def row_of(fact: Fact) -> list[Any]:
    """A fact as a row to insert."""
    values = [getattr(fact, name) for name in fact.__struct_fields__]
    return [list(map(astuple, value)) if isinstance(value, tuple) else value for value in values]


def _as_fact_value(column: Column, value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, date):
        return (value - _EPOCH.date()).days
    if column.name == "meters":
        return tuple(Meter(**meter) for meter in value)
    return value


def a_sample(number: int, *, cluster: str = "c", depth: int | None = None, version: int = 1) -> QueueSample:
    """The smallest fact, with a key of its own for each number."""
    return QueueSample(
        cluster=cluster, namespace="n", queue="q", reason="lock", at=1_700_000_000_000 + number * 15_000,
        version=version, depth=number if depth is None else depth, oldest_age_ms=1,
    )  # fmt: skip


def a_live(uid: str, *, version: int = 1, is_deleted: int = 0, phase: str = "Running") -> WorkflowLive:
    """A live workflow's row."""
    times: dict[str, Any] = {name: 0 for name in WorkflowLive.__struct_fields__ if name.endswith("_ms")}
    return WorkflowLive(
        cluster="c", uid=uid, version=version, is_deleted=is_deleted, namespace="n", name=uid, created_at=1, attempt=1,
        template="t", queue="q", department="d", phase=phase, waiting_reason="running", waiting_since=1, waiting_on="",
        first_seen_at=1, **times,
    )  # fmt: skip
