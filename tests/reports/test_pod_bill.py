"""The lines of the provider's bill that are some pods: the same that `bill show` counts as matched."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from collector.billing.bill_show import show
from collector.core.cost.billing_days import day_of
from collector.core.cost.meters import total
from collector.core.facts.bills import PodRun
from collector.reports.pod_bill import NO_BILL, PodsOnBills, pods_on_bills
from collector.reports.report import Query
from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from tests.billing.billed import Item, charged, import_items, lines_of, other, pods
from tests.billing.stored import write_all
from tests.builders import DAY, NOON
from tests.store.running import start

NOVEMBER = date(2026, 11, 1)
PODS = pods(4)
TWINS = pods(1, uid="t1", name="twin", cluster="c1", pricing={}) + pods(
    1, uid="t2", name="twin", cluster="c2", pricing={}
)


def items() -> list[Item]:
    """Lines of three pods with a refund, of a name that two pods have, and of no pod."""
    billed = [item for item in lines_of(charged(PODS)) if item["InstanceID"] != "eci-3"]
    return [
        *billed,
        other("eci", "eci-1", "-0.05", Item="Refund"),
        other("eci", "team-twin", "0.5"),
        other("nat_gw", "ngw-1", "38"),
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The engine with pods, charges and a bill that was imported twice."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    write_all(writer, [*charged(PODS), *TWINS])
    import_items(writer, tmp_path_factory.mktemp("first"), [other("eci", "eci-0", "99")], load=NOON)
    import_items(writer, tmp_path_factory.mktemp("bill"), items(), load=NOON + 1)
    yield writer
    writer.close()
    running.stop()


@pytest.fixture
def ask(store: Store) -> Query:
    return lambda sql, bound: store.query_rows(sql, dict(bound))


def read(ask: Query, some: list[PodRun]) -> PodsOnBills:
    return pods_on_bills(ask, some)


def test_a_pod_has_its_own_lines(ask: Query) -> None:
    """Of the import that counts; refunds are lines too, and a pod without one has none."""
    found = read(ask, PODS)

    assert found.months == (NOVEMBER,)
    assert [line.kind for line in found.lines["p1"]] == ["usage", "usage", "refund"]
    assert [(one.currency, one.amount, one.lines) for one in found.sums("p0")] == [("USD", Decimal("0.069264"), 2)]
    assert found.sums("p1")[0].amount == Decimal("0.019264")
    assert found.sums("p3") == []


def test_the_lines_are_those_that_bill_show_has_matched(ask: Query, store: Store) -> None:
    """As many, with the same sum."""
    found = read(ask, PODS)
    lines = [line for some in found.lines.values() for line in some]

    [matched] = [row for row in show(store, day_of(NOVEMBER), ()).rows if row[0] == "matched"]
    assert matched[1:] == (len(lines), total(line.amount for line in lines), "USD")


def test_a_name_of_two_pods_names_none(ask: Query) -> None:
    """Its line is unexplained, whichever of them is looked at."""
    assert read(ask, TWINS[:1]).lines == {}


def test_of_months_without_a_bill_there_is_nothing(ask: Query) -> None:
    """So that a page does not say that a pod is not billed; the lines themselves are not always asked for."""
    assert read(ask, pods(1, created_at=NOON - 400 * DAY)) == NO_BILL
    assert read(ask, []) == NO_BILL
    assert pods_on_bills(ask, PODS, lines=False) == PodsOnBills(months=(NOVEMBER,))
