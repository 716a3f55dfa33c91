"""
The anomalies report from the real engine: what the runs of a template cost is summed from charges of all its days.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from collector.catalog.rollups import RUN_DAILY
from collector.core.cost.billing_days import day_of
from collector.core.cost.unusual_cost import UnusualCost
from collector.core.facts.bills import PodCost
from collector.core.units import DAY_MS
from collector.reports.anomalies import FILTERS, anomalies, anomalies_report, unusual_costs
from collector.reports.filters import parse_filters
from collector.reports.report import Query, Span
from collector.store.rollup import roll_up
from collector.store.schema.migrate import migrate
from tests.billing.stored import write_all
from tests.builders import NOON
from tests.store.focus_facts import a_charge
from tests.store.running import start

MONTH = Span(date(2026, 11, 1), date(2026, 12, 1))
TODAY = date(2026, 11, 22)
"""The day of NOON."""
DEAR = TODAY - timedelta(3)


def a_run(number: int, day: date, seconds: int, **changes: Any) -> PodCost:
    """The charge of a run of one pod, which costs a tenth of a unit a second."""
    cost = Decimal(seconds) / 10
    known: dict[str, Any] = {
        "created_at": NOON - (TODAY - day).days * DAY_MS + number,
        "day": day_of(day),
        "workflow_uid": f"w-{day}-{number}",
        "workflow_name": f"nightly-{number}",
        "template_version": "v1",
        "billed_seconds": seconds,
        "cost": cost,
        "cost_pending": Decimal(0),
        "list_cost": cost,
        "rounded_cost": cost,
    }
    return a_charge(f"p-{day}-{number}-{changes.get('step', '')}", **{**known, **changes})


def history() -> Iterator[PodCost]:
    """30 days of 5 runs of some 100 seconds, and 40 runs a day of a template of another department."""
    rng = Random(1)
    for back in range(30):
        day = TODAY - timedelta(back)
        for number in range(5):
            yield a_run(number, day, rng.randrange(95, 106))
        for number in range(40):
            name = f"other-{day}-{number}"
            other = {"template": "other", "department": "sim", "namespace": "sim", "workflow_uid": name}
            yield a_run(100 + number, day, rng.randrange(95, 106), **other)


CHARGES = [
    *history(),
    # A run of two pods, over midnight: each alone is usual, both together are not.
    a_run(50, DEAR, 250, workflow_uid="w-long"),
    a_run(51, DEAR + timedelta(1), 350, workflow_uid="w-long", workflow_name="nightly-50"),
    # A run whose tries were lost.
    a_run(60, DEAR, 100, workflow_uid="w-lost"),
    a_run(61, DEAR, 700, workflow_uid="w-lost", workflow_name="nightly-60", class_="retried"),
    # A run with a pod without a price is not compared, and neither is a workflow without a template.
    a_run(70, DEAR, 900, workflow_uid="w-unpriced"),
    a_run(71, DEAR, 900, workflow_uid="w-unpriced", cost=None, confidence="unpriced"),
    a_run(80, DEAR, 9000, workflow_uid="w-none", template=""),
]


@pytest.fixture(scope="module", params=["from charges", "from the rollup"])
def query(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """Questions to the engine that has those charges, before and after they were rolled up."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    write_all(writer, CHARGES)
    if request.param == "from the rollup":
        roll_up(writer, RUN_DAILY)
    reader = running.reader()
    yield lambda sql, parameters: reader.query_rows(sql, dict(parameters))
    reader.close()
    writer.close()
    running.stop()


def test_unusual_runs_are_found_with_their_causes(query: Query) -> None:
    """The sum of all pods of a run, on whatever days; time and lost tries are kept apart."""
    lost, long = anomalies(query, MONTH)

    assert (lost.workflow_uid, lost.cause, lost.now, lost.since) == ("w-lost", "retries", Decimal(80), DEAR)
    assert (long.workflow_uid, long.cause, long.now, long.since) == ("w-long", "time", Decimal(60), DEAR)
    assert (long.template, long.version, long.department, long.currency) == ("nightly", "v1", "maps", "USD")
    assert Decimal("9.5") < long.usual < Decimal("10.5")
    assert long.excess == long.now - long.usual
    assert long.evidence > 100


def test_sums_of_departments_are_those_of_yesterday_and_today(query: Query) -> None:
    """A day later they are still there, two days later they are not."""
    both = [UnusualCost("maps", "USD", 2, sum((one.excess for one in anomalies(query, MONTH)), Decimal()))]

    assert unusual_costs(query, DEAR + timedelta(1), "UTC") == both
    assert unusual_costs(query, DEAR + timedelta(2), "UTC") == []


def test_a_period_has_what_began_in_it(query: Query) -> None:
    """The day before has nothing; the days before a period are its history."""
    assert anomalies(query, Span(DEAR - timedelta(1), DEAR)) == []
    assert len(anomalies(query, Span(DEAR, DEAR + timedelta(2)))) == 2


def test_filters_choose_the_runs_that_are_judged(query: Query) -> None:
    """A filter leaves the figures as they are."""
    everything = anomalies(query, MONTH)

    assert anomalies(query, MONTH, parse_filters(["department=maps"], FILTERS)) == everything
    assert anomalies(query, MONTH, parse_filters(["department=sim"], FILTERS)) == []
    assert anomalies(query, MONTH, parse_filters(["template!=nightly"], FILTERS)) == []


def test_the_report_has_a_row_and_a_sentence_each(query: Query) -> None:
    """As many as asked for, the most excess first; the rest is counted."""
    report = anomalies_report(query, MONTH, most=1, sentence=lambda one: f"about {one.workflow_uid}")

    assert report.rows[0][:3] == ("nightly", "one run", DEAR)
    assert report.notes[:2] == ["about w-lost", "1 more; --top 0 shows all"]
    assert len(anomalies_report(query, MONTH, most=0, sentence=str).rows) == 2


def test_a_report_of_nothing_has_a_note(query: Query) -> None:
    """And that there must be runs to compare with."""
    filters = parse_filters(["department=sim"], FILTERS)
    report = anomalies_report(query, MONTH, filters, most=20, sentence=str)

    assert report.title == "Cost anomalies, 2026-11-01 to 2026-12-01 (exclusive), where department=sim"
    assert report.rows == []
    assert report.notes[0] == "no run cost far more than usual, as far as there are runs to compare with"
