"""The store returns each fact unchanged, for every table and every value of its columns."""

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.catalog.bills import POD_COST
from collector.catalog.schema import Table
from collector.catalog.tables import TABLES
from collector.catalog.workflows import QUEUE_SAMPLE
from collector.core.facts.bills import PodCost
from collector.core.messages import Commit
from collector.core.model import Fact
from collector.store.clickhouse import RowsRefusedError, Store, StoreRefusedError, StoreUnreachableError, connect
from collector.store.spool.spool import open_spool
from tests.examples import examples
from tests.store.facts import a_sample, as_fact, facts, key_of


def through_the_spool(drawn: list[Fact]) -> list[tuple[list[list[object]], str]]:
    """Rows and token of each batch, as the inserter would send them."""
    with TemporaryDirectory() as folder:
        spool = open_spool(Path(folder) / "spool.sqlite", 1 << 30, now=1)
        spool.commit(Commit(at=1, facts=drawn))
        batches = [(spool.read(batch).rows, batch.content) for batch in spool.seal(1)]
        spool.close()
    return batches


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_facts_are_read_back_unchanged(table: Table, writer: Store, data: st.DataObject) -> None:
    """Through spool, insert and select a fact keeps every value; of each key the highest version remains."""
    drawn = data.draw(st.lists(facts(table), min_size=1, max_size=16))
    expected: dict[object, Fact] = {}
    for fact in drawn:
        other = expected.get(key_of(table, fact))
        if other is None or fact.version >= other.version:  # type: ignore[attr-defined]
            expected[key_of(table, fact)] = fact
    writer.command(f"TRUNCATE TABLE lynceus.{table.name}")

    for rows, token in through_the_spool(drawn):
        writer.insert(table, rows, token)
    names = ", ".join(column.name for column in table.stored)
    found = [as_fact(table, row) for row in writer.query_rows(f"SELECT {names} FROM lynceus.{table.name} FINAL")]

    alive = [fact for fact in expected.values() if not getattr(fact, "is_deleted", 0)]
    assert sorted(found, key=repr) == sorted(alive, key=repr)


def test_unknown_money_is_not_0(writer: Store) -> None:
    """An unpriced charge is stored as NULL, and does not lower an average or disappear in a sum."""
    row: dict[str, object] = dict.fromkeys(PodCost.__struct_fields__, 0)
    row |= {name: "" for name, column in zip(row, POD_COST.stored, strict=True) if "String" in column.type}
    row |= {"cost": None, "cost_pending": None, "list_cost": None, "rounded_cost": Decimal(0), "meters": []}
    writer.command("TRUNCATE TABLE lynceus.pod_cost")

    writer.insert(POD_COST, [list(row.values())], "unknown money")

    assert writer.query_rows("SELECT cost, rounded_cost FROM lynceus.pod_cost") == [(None, Decimal(0))]


def test_a_value_that_does_not_fit_is_refused_before_anything_is_stored(writer: Store) -> None:
    """One bad value keeps its whole batch out, and the error differs from that of a store that is down."""
    writer.command("TRUNCATE TABLE lynceus.queue_sample")
    good = [getattr(a_sample(1), name) for name in a_sample(1).__struct_fields__]
    for bad in (-1, 2**32, "many", None):
        row = [
            bad if column.name == "depth" else value for column, value in zip(QUEUE_SAMPLE.stored, good, strict=True)
        ]
        with pytest.raises(RowsRefusedError):
            writer.insert(QUEUE_SAMPLE, [good, row], "does not fit")

    assert writer.query_rows("SELECT count() FROM lynceus.queue_sample") == [(0,)]


def test_a_batch_over_too_many_months_has_its_own_error(writer: Store) -> None:
    """More than 100 partitions in one insert are an error of the batch; halves of the batch can be stored."""
    month = 31 * 86_400_000
    rows = [[*row[:4], number * month, *row[5:]] for number, row in enumerate([_row(0)] * 150)]

    with pytest.raises(RowsRefusedError, match="partitions"):
        writer.insert(QUEUE_SAMPLE, rows, "too many months")


def test_a_missing_store_is_unreachable(tmp_path: Path) -> None:
    """No server listens: the same bytes may be sent again."""
    store = connect("http://127.0.0.1:9", connect_timeout_s=1)

    with pytest.raises(StoreUnreachableError):
        store.ping()
    with pytest.raises(StoreUnreachableError, match="token"):
        connect("http://127.0.0.1:9", "lynceus", tmp_path / "token").ping()


def test_a_server_error_keeps_its_code(writer: Store) -> None:
    """The store's own message is kept, with ClickHouse's error number."""
    with pytest.raises(StoreRefusedError) as refused:
        writer.query_rows("SELECT no_such_column")

    assert refused.value.code == 47


def test_parameters_are_bound_and_rows_have_names(reader: Store) -> None:
    """Any text in a value stays a value."""
    hostile = "'); DROP TABLE lynceus.pod_cost; -- \\ \n\t{x}"

    assert reader.query_rows("SELECT {hostile:String}", {"hostile": hostile}) == [(hostile,)]
    assert reader.query_named("SELECT {n:UInt8} AS number", {"n": 7}) == [{"number": 7}]
    assert reader.query_rows("SELECT 1 WHERE 0") == []


def _row(number: int) -> list[object]:
    sample = a_sample(number)
    return [getattr(sample, name) for name in sample.__struct_fields__]
