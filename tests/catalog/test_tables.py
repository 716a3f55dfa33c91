"""The catalogue of tables compared with the model."""

import types
import typing
from decimal import Decimal

import pytest

from collector.catalog.bills import COST_CURRENT
from collector.catalog.columns import INSERTED_AT, Column
from collector.catalog.schema import Table
from collector.catalog.tables import TABLE_OF, TABLES
from collector.core import model
from collector.core.facts import bills, workflows
from collector.core.model import Fact

TABLE = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@TABLE
def test_columns_are_the_facts_fields_in_order(table: Table) -> None:
    """A table's columns are its fact's fields in order, without a trailing underscore, and inserted_at last."""
    fields = [name.rstrip("_") for name in table.fact.__struct_fields__]

    assert [column.name for column in table.columns] == [*fields, "inserted_at"]
    assert table.stored == table.columns[:-1]


@TABLE
def test_a_column_is_nullable_exactly_where_the_fact_may_say_none(table: Table) -> None:
    """Unknown is never 0: None has its own value in the store, and only where the model knows it."""
    hints = typing.get_type_hints(table.fact)

    for name, column in zip(table.fact.__struct_fields__, table.stored, strict=True):
        optional = isinstance(hints[name], types.UnionType) and type(None) in typing.get_args(hints[name])
        assert column.type.startswith("Nullable(") == optional, column.name


@TABLE
def test_column_types_can_hold_what_the_facts_hold(table: Table) -> None:
    """Each Python type has its column types; money and quantities are decimals, never floats."""
    hints = typing.get_type_hints(table.fact)

    for name, column in zip(table.fact.__struct_fields__, table.stored, strict=True):
        kinds = [KINDS[hint] for hint in _parts(hints[name])]
        assert any(column.type.removeprefix("Nullable(").startswith(prefix) for kind in kinds for prefix in kind), (
            column
        )


KINDS: dict[object, tuple[str, ...]] = {
    str: ("LowCardinality(String)", "String"),
    bytes: ("String",),
    int: ("DateTime64(3, 'UTC')", "Date", "UInt", "Int"),
    bool: ("Bool",),
    Decimal: ("Decimal(",),
    dict: ("Map(",),
    list: ("Array(",),
    tuple: ("Array(Tuple(",),
}


def _parts(hint: object) -> list[object]:
    """The types that a field may have; a Literal has those of its words."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union) else (hint,)
    origins = [typing.get_origin(option) or option for option in options if option is not type(None)]
    return [str if origin is typing.Literal else origin for origin in origins]


@TABLE
def test_keys_are_columns_that_never_change(table: Table) -> None:
    """A key consists of declared columns; observed columns cannot be part of it."""
    columns = {column.name: column for column in table.columns}

    assert table.order_by
    assert not [name for name in table.order_by if columns[name].observed]
    assert "version" not in table.order_by
    assert table.engine_args[0] == "version"


@TABLE
def test_the_partition_is_the_month_of_an_instant_in_the_key(table: Table) -> None:
    """Rows of one key must meet in one partition, or they would never be merged."""
    instants = [name for name in table.order_by if _column(table, name).type.startswith("DateTime64")]

    assert table.partition == (f"toYYYYMM({instants[-1]})" if instants else "")


def test_every_fact_has_one_table() -> None:
    """Every fact of core can be stored, in one table."""
    assert set(TABLE_OF) == set(Fact.__subclasses__())
    assert len({table.name for table in TABLES}) == len(TABLES)


def test_every_column_is_explained_and_inserted_at_is_observed() -> None:
    """Documentation is generated from the comments; only observed columns are exempt from replay checks."""
    unexplained = [
        (table.name, column.name) for table in TABLES for column in table.columns if not column.comment.strip()
    ]

    assert unexplained == []
    assert INSERTED_AT.observed
    assert all(table.columns[-1] is INSERTED_AT for table in TABLES)


def test_each_reason_has_its_milliseconds() -> None:
    """The model's reasons and the columns of both workflow tables are the same words."""
    for fact in (workflows.WorkflowRun, workflows.WorkflowLive):
        named = {column.name for column in TABLE_OF[fact].columns}
        assert {f"{reason}_ms" for reason in model.REASONS} <= named


def test_the_view_shows_the_columns_of_its_table() -> None:
    """Readers of cost_current and of pod_cost need one set of names."""
    assert COST_CURRENT.of is TABLE_OF[bills.PodCost]


def _column(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.name == name)
