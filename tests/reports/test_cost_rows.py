"""What charges come to, against sums made of the same charges in Python."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from collector.billing.rows import write_facts
from collector.catalog.rollups import COST_DAILY
from collector.core.cost.billing_days import date_of, day_of
from collector.core.cost.meters import CONTEXT, total
from collector.core.facts.bills import PodCost
from collector.core.units import ZERO
from collector.reports.cost_figures import CLASSES, CURRENCY, FIGURES, HIDDEN, SPENT_ON, TO_PAY
from collector.reports.cost_rows import CostLine, cost_rows
from collector.reports.cost_source import CostView
from collector.reports.report import Query, Span
from collector.store.clickhouse import Store
from collector.store.rollup import roll_up
from collector.store.schema.migrate import migrate
from tests.builders import a_pod_run
from tests.core.cost.charged import charge
from tests.examples import examples
from tests.reports.stored import a_run
from tests.store.running import start

BEGIN = date(2026, 11, 22)
SPAN = Span(BEGIN, date(2026, 11, 24))
[ONE] = charge(a_pod_run())
KEY = ("pod_uid", "run", "day", "entry")
READ = list(dict.fromkeys((*FIGURES, *SPENT_ON, *HIDDEN)))
AMOUNTS = st.none() | st.integers(-(10**30), 10**30).map(lambda units: Decimal(units).scaleb(-18, CONTEXT))


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    """Of one charge: few keys and values, so that they meet; amounts of any digits."""
    cost = draw(AMOUNTS)
    return {
        "pod_uid": draw(st.sampled_from("abcde")), "day": day_of(BEGIN) + draw(st.integers(-1, 2)),
        "entry": draw(st.integers(0, 1)), "run": draw(st.integers(1, 2)), "version": draw(st.integers(1, 3)),
        "workflow_uid": draw(st.sampled_from(["w1", "w2", "w3"])), "creator": draw(st.sampled_from(["ann", "bob"])),
        "department": draw(st.sampled_from(["maps", "slam"])), "class_": draw(st.sampled_from([*CLASSES, ""])),
        "product": draw(st.sampled_from(["alibaba-eci", "plain-node"])),
        "currency": draw(st.sampled_from(["CNY", "USD"])), "cost": cost, "billed_seconds": draw(st.integers(0, 10**6)),
        "cost_pending": None if cost is None else draw(AMOUNTS), "list_cost": cost,
        "rounded_cost": None if cost is None else draw(AMOUNTS),
        "status": draw(st.sampled_from(["final", "accruing"])),
    }  # fmt: skip


def charges_of(rows: Iterable[dict[str, Any]]) -> list[PodCost]:
    """Returns the charges; of rows with one key and version the last stays, as in the store."""
    return [replace(ONE, **one) for one in rows]


def latest(charges: Iterable[PodCost]) -> list[PodCost]:
    """One a key."""
    found: dict[Any, PodCost] = {}
    for one in sorted(charges, key=lambda one: one.version):
        found[tuple(getattr(one, name) for name in KEY)] = one
    return list(found.values())


def summed(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return total(known) if known else None


def spent(keys: tuple[Any, ...], some: list[PodCost]) -> CostLine:
    """What charges of one row come to."""
    priced = [one for one in some if one.cost is not None]
    workflows = {one.workflow_uid for one in some}
    exact = summed(one.cost for one in some)
    billed = summed(one.cost if one.rounded_cost is None else one.rounded_cost for one in priced)
    by_class = {
        name: total(
            CONTEXT.subtract(one.cost or ZERO, one.cost_pending or ZERO) for one in priced if one.class_ == name
        )
        for name in CLASSES
    }
    pending = summed(one.cost_pending for one in some) or ZERO
    named: dict[str, Any] = {
        "to pay": billed,
        "shared": ZERO,
        "exact": exact,
        "cost": exact,
        "rounding": ZERO if exact is None or billed is None else CONTEXT.subtract(billed, exact),
        "pending": pending,
        "currency": keys[-1],
        "workflows": len(workflows),
        "pods": sum(one.entry == 0 for one in some),
        "unpriced pods": len(some) - len(priced),
        "succeeded": len(workflows & {"w1"}),
        "accruing": sum(one.status == "accruing" for one in some),
        "waste": total([by_class["failed"], by_class["retried"], by_class["reclaimed"], pending]),
        **by_class,
    }
    return CostLine(keys=keys[:-1], figures={figure: named[figure.title] for figure in READ if figure.sql})


def grouped(charges: Iterable[PodCost], names: Iterable[str]) -> dict[tuple[Any, ...], list[PodCost]]:
    found: dict[tuple[Any, ...], list[PodCost]] = {}
    for one in charges:
        key = tuple(date_of(one.day) if name == "day" else getattr(one, name) for name in (*names, "currency"))
        found.setdefault(key, []).append(one)
    return found


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Query]]:
    """A store in which w1 has succeeded and w2 has not."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer, reader = running.writer(), running.reader()
    migrate(writer)
    write_facts(writer, [a_run("w1"), a_run("w2", outcome="failed")])
    with pytest.MonkeyPatch.context() as patch:
        # What was there when the rollup was built is in it, at once.
        patch.setattr("collector.catalog.rollups.SLOW_S", 0)
        yield writer, lambda sql, parameters: reader.query_rows(sql, dict(parameters))
    writer.close()
    reader.close()
    running.stop()


@settings(
    max_examples=examples(15),
    phases=(Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(changes(), min_size=4, max_size=25, unique_by=lambda one: (*map(one.get, KEY), one["version"])),
    late=st.integers(1, 4), run=st.integers(0, 2),
    names=st.sampled_from([(), ("department",), ("day", "department"), ("product", "day"), ("creator", "day")]),
)  # fmt: skip
def test_one_reading_gives_the_sums_of_the_charges(
    store: tuple[Store, Query], rows: list[dict[str, Any]], late: int, run: int, names: tuple[str, ...]
) -> None:
    """To the last digit, of whichever run, of days that the rollup holds and of charges that arrived after it was built."""
    writer, query = store
    for table in ("pod_cost", "cost_daily", "rollup_state"):
        writer.command(f"TRUNCATE TABLE lynceus.{table}")
    charges = charges_of(rows)
    write_facts(writer, charges[late:])
    roll_up(writer, COST_DAILY)
    write_facts(writer, charges[:late])

    view = CostView(span=SPAN, columns=names, run=run)
    found = cost_rows(query, view, READ, f"{TO_PAY.sql} DESC NULLS LAST, ", keys=["class", "day"])

    counted = [one for one in latest(charges) if one.run == (run or 1) and SPAN.begin <= date_of(one.day) < SPAN.end]
    assert {(*one.keys, one.figures[CURRENCY]): one for one in found} == by_key(counted, names)
    costs = [one.figures[TO_PAY] for one in found if one.figures[TO_PAY] is not None]
    assert costs == sorted(costs, reverse=True)


def by_key(counted: list[PodCost], names: tuple[str, ...]) -> dict[tuple[Any, ...], CostLine]:
    return {key: spent(key, some) for key, some in grouped(counted, names).items()}
