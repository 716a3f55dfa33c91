"""Each report is a view of the same statement: a filter and its opposite, and the parts of a month, sum to the whole."""

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from collector.billing.rows import write_facts
from collector.catalog.rollups import COST_DAILY
from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.billing_days import day_of
from collector.core.cost.meters import CONTEXT
from collector.core.facts.bills import PodCost, StatementLine
from collector.core.units import ZERO
from collector.reports.cost import cost
from collector.reports.cost_columns import COLUMNS
from collector.reports.filters import Filter
from collector.reports.report import Query, Span
from collector.store.clickhouse import Store
from collector.store.rollup import roll_up
from collector.store.schema.migrate import migrate
from tests.builders import a_pod_run
from tests.core.cost.charged import charge
from tests.examples import examples
from tests.reports.stored import a_run
from tests.store.running import start

CASES = 100
"""Small fleets in one store, each a cluster of its own: no line of one is shared by another."""
MONTH = date(2026, 11, 1)
WHOLE = Span(MONTH, date(2026, 12, 1))
DAYS = 4
[ONE] = charge(a_pod_run())
MONEY = ("to pay", "shared", "exact")
FILTERED = [name for name in COLUMNS if name != "currency"]
OTHERS = ["", "workflow", "step", "creator,queue", "template,day"]


class Fleets(NamedTuple):
    """All rows of the store."""

    charges: list[PodCost]
    lines: list[StatementLine]


def some_amount(chance: random.Random, least: int = -(10**20)) -> Decimal:
    """Of any size and with any digits; often small or 0."""
    units = chance.choice([0, 1, chance.randrange(100), chance.randrange(10**18), chance.randrange(10**26)])
    return Decimal(units if chance.random() > 0.1 else max(least, -units)).scaleb(-18, CONTEXT)


def fleets(seed: int) -> Fleets:
    """Charges of few days, owners and steps, and shared costs of some who used something and of some who did not."""
    chance, charges, lines = random.Random(seed), list[PodCost](), list[StatementLine]()
    for case in range(CASES):
        charges += [a_charge(chance, f"case-{case}", f"{case}-{number}") for number in range(chance.randrange(1, 6))]
        lines += [a_line(chance, f"case-{case}", str(number)) for number in range(chance.randrange(4))]
    return Fleets(charges, lines)


def a_charge(chance: random.Random, cluster: str, uid: str) -> PodCost:
    paid = chance.choice([None, some_amount(chance), some_amount(chance)])
    return replace(
        ONE,
        cluster=cluster,
        pod_uid=uid,
        day=day_of(MONTH) + chance.randrange(DAYS),
        workflow_uid=chance.choice(["w1", "w2", "gone"]),
        workflow_name=chance.choice(["a", "b"]),
        attempt=chance.choice([1, 1, 2]),
        step=chance.choice(["a", "a.fit", "b(0)", ""]),
        department=chance.choice(["maps", "sre", UNALLOCATED]),
        creator=chance.choice(["", "ann", "bob"]),
        template=chance.choice(["", "train"]),
        class_=chance.choice(["useful", "failed"]),
        product=chance.choice(["alibaba-eci", "plain-node"]),
        cost=paid,
        rounded_cost=chance.choice([None, paid]),
        cost_pending=paid and ZERO,
        list_cost=paid,
    )


def a_line(chance: random.Random, cluster: str, what: str) -> StatementLine:
    return StatementLine(
        month=day_of(MONTH),
        run=1,
        currency="USD",
        department=chance.choice(["maps", "sre", UNALLOCATED]),
        kind=chance.choice(["fee", "idle", "commitment", "bill", "usage", "rounding"]),
        what=what,
        book="",
        cluster=cluster,
        product=chance.choice(["alibaba-eci", "plain-node", ""]),
        version=1,
        basis="proportional",
        weight=ZERO,
        whole=ZERO,
        amount=some_amount(chance),
        rule="",
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Query]]:
    """A store in which w1 and w2 have ended."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer, reader = running.writer(), running.reader()
    migrate(writer)
    write_facts(writer, [a_run("w1", queue=""), a_run("w2", outcome="failed"), a_run("w2", attempt=2)])
    with pytest.MonkeyPatch.context() as patch:
        # What was there when the rollup was built is in it, at once.
        patch.setattr("collector.catalog.rollups.SLOW_S", 0)
        yield writer, lambda sql, parameters: reader.query_rows(sql, dict(parameters))
    writer.close()
    reader.close()
    running.stop()


def by_cluster(
    query: Query, span: Span, filters: Sequence[Filter] = (), more: str = "", run: int = 0
) -> dict[str, Any]:
    """Sums of the amounts of each cluster."""
    report = cost(query, span, f"cluster,{more}", run, filters=filters)
    places = [report.columns.index(name) for name in MONEY]
    found: dict[str, Any] = {}
    for row in report.rows:
        known = found.get(row[0], (ZERO, ZERO, ZERO))
        found[row[0]] = plus(known, tuple(row[place] or ZERO for place in places))
    return found


def plus(one: Sequence[Decimal], other: Sequence[Decimal]) -> tuple[Decimal, ...]:
    return tuple(map(CONTEXT.add, one, other))


def together(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    nothing = (ZERO, ZERO, ZERO)
    return {name: plus(one.get(name, nothing), other.get(name, nothing)) for name in {**one, **other}}


@pytest.mark.timeout(600)
@settings(
    max_examples=examples(20),
    phases=(Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 2**32),
    column=st.sampled_from(FILTERED),
    more=st.sampled_from(OTHERS),
    other=st.sampled_from(OTHERS),
    at=st.integers(0, DAYS),
    run=st.integers(0, 1),
)
def test_views_sum_to_the_whole(
    store: tuple[Store, Query], seed: int, column: str, more: str, other: str, at: int, run: int
) -> None:
    """To the last digit in each of 100 fleets at once: by any column, of any days, from the rollup or from rows."""
    writer, query = store
    for table in ("pod_cost", "statement_line", "cost_daily", "rollup_state"):
        writer.command(f"TRUNCATE TABLE lynceus.{table}")
    charges, lines = fleets(seed)
    write_facts(writer, charges)
    write_facts(writer, lines)
    if seed % 2:
        roll_up(writer, COST_DAILY)
    day = MONTH + timedelta(at)
    value = random.Random(seed).choice([row[0] for row in cost(query, WHOLE, column).rows])
    only, rest = Filter(column, (str(value),)), Filter(column, (str(value),), excluded=True)

    whole = by_cluster(query, WHOLE, more=more, run=run)
    assert whole == expected(charges, lines)
    assert whole == together(by_cluster(query, WHOLE, [only], other, run), by_cluster(query, WHOLE, [rest], more, run))
    if day > MONTH:
        parts = (Span(MONTH, day), Span(day, WHOLE.end))
        assert whole == together(*(by_cluster(query, part, more=other, run=run) for part in parts))
        within = [by_cluster(query, part, [only], more, run) for part in parts]
        assert by_cluster(query, WHOLE, [only], more, run) == together(*within)


def expected(charges: Sequence[PodCost], lines: Sequence[StatementLine]) -> dict[str, Any]:
    """The same, added up in Python."""
    found: dict[str, Any] = {}
    for one in charges:
        billed = one.cost if one.rounded_cost is None else one.rounded_cost
        found = found | {
            one.cluster: plus(found.get(one.cluster, (ZERO,) * 3), (billed or ZERO, ZERO, one.cost or ZERO))
        }
    for line in lines:
        if line.kind not in ("usage", "rounding") and line.amount:
            found = found | {line.cluster: plus(found.get(line.cluster, (ZERO,) * 3), (line.amount,) * 3)}
    return found
