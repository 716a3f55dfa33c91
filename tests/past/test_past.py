"""
The past of the demo in the real store: what is in it, that it costs what the product would charge, and its months.

A small past: a part of the runs, on all of its days.
"""

import asyncio
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console

from collector.billing.bill_classes import CLASSES
from collector.billing.bill_import import imports
from collector.billing.bill_show import show
from collector.billing.commands import terms
from collector.billing.month_list import list_months
from collector.billing.reconcile import SHARED, WHOLE
from collector.billing.reprice import Preparation, price_pods
from collector.billing.runs import periods_of
from collector.catalog.rollups import ROLLUPS
from collector.clock import now_ms
from collector.core.cost.anomalies import LEAST_EXCESS
from collector.core.cost.billing_days import date_of
from collector.core.facts.bills import PodCost
from collector.core.units import DAY_MS
from collector.demo.scenario import DEPARTMENTS, clusters
from collector.past.bill import LONGER, PLANTED, RULES, SETTINGS, bill_name, budgets_of, rules_of, write_bill
from collector.past.calendar import calendar
from collector.past.lay import CLUSTERS, Draws, draw, lay_past
from collector.past.prices import books_of
from collector.past.rows import SCRATCH
from collector.past.story import BUDGETS
from collector.reports.anomalies import anomalies
from collector.reports.completeness import completeness
from collector.reports.render import print_report
from collector.reports.report import Span
from collector.settings.bill import BillSettings
from collector.settings.load import load_settings
from collector.settings.model import Settings
from collector.store.clickhouse import Store
from tests.core.cost.charged import shipped
from tests.store.running import start

SMALL = Draws(share=0.06)
DAYS = calendar(datetime.now(UTC))
PRICED = "cost, cost_pending, list_cost, rounded_cost, class, department, project, creator, product, purchase, currency"


def settings_of(folder: Path, data: Path) -> Settings:
    """The settings of a demo whose books are written by then."""
    prices = (*Settings().prices, "plain-node", *books_of(data))
    return Settings(data_dir=str(folder), prices=prices, bill=BillSettings(RULES), budgets=BUDGETS)


class Laid(NamedTuple):
    """A demo's folder with a past, and its running store."""

    folder: Path
    store: Store

    def rows(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """What the store answers; its tables are those of the database lynceus."""
        return self.store.query_rows(sql, parameters)


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laid]:
    """A past that is laid down as the demo does."""
    folder = tmp_path_factory.mktemp("demo")
    asyncio.run(lay_past(settings_of, folder, "collector", SMALL))
    running = start(folder / "collector")
    store = running.writer()
    yield Laid(folder, store)
    store.close()
    running.stop()


def test_every_charge_is_what_the_product_computes(laid: Laid) -> None:
    """Priced again from the stored evidence, under the demo's books and rules, no charge differs in any digit."""
    columns = ", ".join(f"`{name}`" for name in PRICED.split(", "))
    sql = f"SELECT pod_uid, toUInt16(day), {columns} FROM lynceus.pod_cost FINAL ORDER BY pod_uid, day"
    stored = laid.rows(sql)
    work = Preparation(
        store=laid.store,
        terms=terms(settings_of(laid.folder / "collector", laid.folder), Path()),
        months=periods_of(laid.store, list(DAYS.all_months)),
        now=now_ms,
        report_step=lambda _: None,
        progress=lambda _done, _all: None,
    )
    again = sorted(priced(charge) for charges in price_pods(work) for charge in charges)

    assert len(stored) > 3000
    assert [tuple(row) for row in stored] == again


def priced(charge: PodCost) -> tuple[Any, ...]:
    """What of a charge must be the same."""
    names = (name.replace("class", "class_") for name in PRICED.split(", "))
    return (charge.pod_uid, charge.day, *(getattr(charge, name) for name in names))


def test_the_months_are_locked_reconciled_and_open(laid: Laid) -> None:
    """The oldest month is as it was locked, with nothing accepted; the next has an imported bill; others are open."""
    periods = periods_of(laid.store, list(DAYS.all_months))
    listed = list_months(laid.store)
    as_locked = [row[listed.columns.index("as locked")] for row in listed.rows]

    assert [period.state for period in periods] == ["locked", "reconciled", "open", "open"]
    assert as_locked == ["yes", None, None, None]
    assert (periods[0].billed.keys() > {"alibaba-eci", "plain-node", SHARED, WHOLE}, periods[0].accepted) == (True, {})
    assert periods[1].billed.keys() == {"alibaba-eci", "alibaba-acs", SHARED, WHOLE}


def test_what_pages_about_months_need_is_there(laid: Laid) -> None:
    """All departments, an owner's former name, purchases, classes and outcomes; retries; runs over midnight."""

    def distinct(column: str, table: str) -> set[str]:
        return {value for (value,) in laid.rows(f"SELECT DISTINCT {column} FROM lynceus.{table}")}

    assert distinct("department", "pod_cost") == {*DEPARTMENTS, "unallocated", "hd-maps"}
    assert distinct("purchase", "pod_cost") == {"on_demand", "spot", "best_effort"}
    assert distinct("class", "pod_cost") == {"useful", "failed", "retried", "reclaimed"}
    assert distinct("outcome", "workflow_run") >= {"succeeded", "failed", "platform"}
    assert distinct("cluster", "pod_cost") == {cluster.name for cluster in clusters(CLUSTERS)}
    assert distinct("type", "step_run") == {"Pod", "Retry", "Steps", "DAG", "Suspend"}
    assert laid.rows("SELECT count() > 0 FROM lynceus.pod_cost GROUP BY pod_uid HAVING count() > 1 LIMIT 1") == [
        (True,)
    ]


def test_the_causes_are_planted(laid: Laid) -> None:
    """
    In the last month a template's new version takes twice as long, GPUs cost a tenth more, and backtests fail.

    Since yesterday trainings take three times as long.
    """
    longer = laid.rows(
        "SELECT avg(dateDiff('second', started_at, finished_at)) FROM lynceus.workflow_run "
        "WHERE template = 'lane-detect' AND outcome = 'succeeded' GROUP BY template_version ORDER BY min(created_at)"
    )
    price = laid.rows(
        "SELECT DISTINCT meters[1].unit_price FROM lynceus.pod_cost WHERE template = 'infer-bev' "
        "GROUP BY toStartOfMonth(day), meters[1].unit_price ORDER BY toStartOfMonth(day)"
    )
    storm = laid.rows(
        "SELECT countIf(class = 'retried') FROM lynceus.pod_cost WHERE template = 'factor-backtest' "
        "GROUP BY toStartOfMonth(day) ORDER BY toStartOfMonth(day)"
    )

    hung = laid.rows(
        "SELECT avgIf(dateDiff('second', started_at, finished_at), created_at >= toDate({yesterday:UInt16})) / "
        "avgIf(dateDiff('second', started_at, finished_at), created_at < toDate({yesterday:UInt16})), "
        "uniqExact(template_version) FROM lynceus.workflow_run WHERE template = 'train-bev'",
        yesterday=DAYS.end - 2,
    )

    assert 2 < hung[0][0] < 4
    assert hung[0][1] == 1
    assert 1.5 < longer[1][0] / longer[0][0] < 2.5
    assert price == [(Decimal("1.2"),), (Decimal("1.32"),)]
    assert storm[2][0] > 2 * storm[0][0]


def test_what_cost_more_than_usual_is_what_was_planted(laid: Laid) -> None:
    """The version that takes twice as long, the days on which backtests were tried again, and nothing else."""

    def query(sql: str, parameters: Any) -> list[tuple[Any, ...]]:
        return laid.store.query_rows(sql, dict(parameters))

    spans = [Span(date_of(a), date_of(b)) for a, b in itertools.pairwise([*DAYS.months, DAYS.end])]
    # A small past has a part of the money.
    least = LEAST_EXCESS * Decimal(SMALL.share)
    found = [[(one.template, one.kind, one.cause) for one in anomalies(query, span, least=least)] for span in spans]

    assert found == [[], [], [("lane-detect", "version", "time"), ("factor-backtest", "days", "retries")]]


def test_the_rollups_are_built_and_nothing_is_left(laid: Laid) -> None:
    """No day before today is computed when somebody asks; sums are those of the rows; patterns are gone."""
    for rollup in ROLLUPS:
        assert {day for day, *_ in laid.rows(rollup.stale())} <= {date_of(DAYS.end - 1)}
    assert laid.rows("SELECT sum(cost), sum(pods) FROM lynceus.cost_daily") == laid.rows(
        "SELECT sum(cost), count() FROM lynceus.cost_current"
    )
    assert laid.rows("SELECT sum(runs) FROM lynceus.workflow_hourly") == laid.rows(
        "SELECT count() FROM lynceus.workflow_run"
    )
    assert laid.rows("SELECT count() FROM system.databases WHERE name = {name:String}", name=SCRATCH) == [(0,)]


def test_the_past_was_watched(laid: Laid) -> None:
    """Reports of its months are complete, but for the one in which a watch was lost on purpose."""

    def query(sql: str, parameters: Any) -> list[tuple[Any, ...]]:
        return laid.store.query_rows(sql.replace("FROM watch_gap", "FROM lynceus.watch_gap"), dict(parameters))

    bounds = [*DAYS.all_months, DAYS.end]
    found = [completeness(query, Span(date_of(a), date_of(b))) for a, b in itertools.pairwise(bounds)]

    assert found == [
        "complete: no gap in any watch",
        "not complete: gaps in prod-sh (1)",
        "complete: no gap in any watch",
        "complete: no gap in any watch",
    ]


def test_the_bill_has_every_difference(laid: Laid) -> None:
    """All nine classes, each of as many pods as planted; every other pod is matched, and one product is unexplained."""
    made = show(laid.store, DAYS.months[1], RULES)
    differences, _, unexplained = made.parts
    pods = {(name, currency): count for name, count, _, currency in differences.rows}
    lines = {(part, currency): count for part, count, _, currency in made.rows}

    assert {name for name, _ in pods} == set(CLASSES)
    assert {name: pods[name, "USD"] for name in PLANTED if name != "rounding"} == {
        name: count for name, count in PLANTED.items() if name != "rounding"
    }
    assert pods["rounding", "USD"] >= PLANTED["rounding"] / 2, "an amount may have no more places than it is rounded to"
    assert (pods["seconds", "USD"], pods["unseen", "USD"], pods["not a workflow's", "USD"]) == (LONGER, 5, 4)
    assert lines["shared", "USD"] == 5
    assert {row[0]: row[2] for row in unexplained.rows} == {"acs": 5, "eci": 4, "sls": 1}
    assert lines["matched", "USD"] > 2500
    of_charges = laid.rows(
        "SELECT uniqExact(pod_uid) FROM lynceus.cost_current WHERE product IN ('alibaba-eci', 'alibaba-acs') "
        "AND day >= toDate({begin:UInt16}) AND day < toDate({end:UInt16})",
        begin=DAYS.months[1],
        end=DAYS.months[2],
    )
    assert of_charges == [(lines["matched", "USD"] + lines["matched", "CNY"] + PLANTED["missing"] - PLANTED["refund"],)]


def test_the_bill_is_shown_in_80_columns(laid: Laid) -> None:
    """With the demo's names each table is one block, and no line is longer."""
    shown = StringIO()
    print_report(show(laid.store, DAYS.months[1], RULES), "table", Console(file=shown, width=80))
    lines = [line.rstrip() for line in shown.getvalue().splitlines()]

    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if line.endswith("currency")] == ["part", "why", "why", "product"]


def test_the_bill_is_a_file_that_the_charges_decide(laid: Laid, tmp_path: Path) -> None:
    """Written again it is the same; it has a line for each line that was imported."""
    [stored] = imports(laid.store)
    path = laid.folder / bill_name(DAYS.months[1])
    again = write_bill(laid.store, DAYS.months[1], tmp_path)

    assert sorted(again.read_bytes().splitlines()) == sorted(path.read_bytes().splitlines())
    assert stored.files == [path.name]
    assert stored.lines == len(path.read_bytes().splitlines()) - 1
    assert stored.notes == []


def test_the_settings_name_the_store_the_prices_and_the_rules(laid: Laid) -> None:
    """The file that the past leaves for commands is valid, wherever they are run; a demo without a past has no rules."""
    settings = load_settings(laid.folder / SETTINGS)

    assert settings.bill.rules == RULES == rules_of(laid.folder)
    assert settings.data_dir == str((laid.folder / "collector").resolve())
    assert settings.prices == settings_of(laid.folder, laid.folder).prices
    assert rules_of(laid.folder / "prices") == ()
    assert settings.budgets == BUDGETS == budgets_of(laid.folder)
    assert budgets_of(laid.folder / "prices") == ()


def test_names_and_uids_are_unique(laid: Laid) -> None:
    """No two workflows of a cluster share a name, no two pods a uid or an instance of the provider."""
    unique = laid.rows("SELECT uniqExact(cluster, name) = count(), uniqExact(uid) = count() FROM lynceus.workflow_run")
    instance = "pricing['k8s.aliyun.com/eci-instance-id'] || pricing['alibabacloud.com/instance-id']"
    pods = laid.rows(
        f"SELECT uniqExact(uid) = count() FROM lynceus.pod_run UNION ALL SELECT uniqExact({instance}) = count() "
        f"FROM lynceus.pod_run WHERE {instance} != ''"
    )

    assert unique == [(True, True)]
    assert pods == [(True,), (True,)]


def test_a_seed_draws_the_same_past() -> None:
    """The same seed draws the same workflows at the same times; another one others."""
    fleet = {cluster.name: cluster for cluster in clusters(CLUSTERS)}
    books = shipped()
    first, second, other = (draw(fleet, DAYS, books, Draws(seed=seed, share=0.01, patterns=2)) for seed in (1, 1, 2))

    assert first == second
    assert first[1] != other[1]


@pytest.mark.parametrize(
    ("at", "at_most"),
    [("2026-12-01T00:00:01Z", 220_000), ("2026-12-31T23:00:00Z", 300_000), ("2028-02-29T12:00:00Z", 300_000)],
)
def test_a_whole_past_goes_on_until_now(at: str, at_most: int) -> None:
    """The demo's own past: 180,000 pods and more, none that ends later than now, and some on each day of this month."""
    now = datetime.fromisoformat(at)
    fleet, days = {cluster.name: cluster for cluster in clusters(CLUSTERS)}, calendar(now)
    patterns, copies = draw(fleet, days, shipped(), Draws(patterns=3))
    by_number = {pattern.number: pattern for pattern in patterns}
    ends = [by_number[copy.pattern].end + copy.shift_ms for copy in copies]

    assert 180_000 < sum(len(by_number[copy.pattern].pods) for copy in copies) < at_most
    assert max(ends) <= days.until == int(now.timestamp() * 1000)
    assert {end // DAY_MS for end in ends} >= set(range(days.current, days.end - 1))
