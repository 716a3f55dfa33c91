"""The cost report as people see it on a terminal of 80 columns, letter by letter."""

import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from collector.core.cost.billing_days import day_of
from collector.core.facts.bills import MonthStatement, Period, PodCost, StatementLine
from collector.core.model import Fact
from collector.reports.cost import cost
from collector.reports.cost_columns import COLUMNS
from collector.reports.filters import parse_filters
from collector.reports.render import as_json, print_report
from collector.reports.report import Query, Report, Span
from tests.builders import NOON, a_pod_run
from tests.core.cost.charged import charge
from tests.reports.engine import holding
from tests.reports.stored import a_run

MONTH = day_of(date(2026, 11, 1))
SPAN = Span(date(2026, 11, 1), date(2026, 12, 1))
GOLDEN = Path(__file__).parent / "printed"
[ONE] = charge(a_pod_run())
VIEWS: dict[str, tuple[str, list[str], int]] = {
    "by-department": ("department", [], 0),
    "by-template-and-queue": ("template,queue", ["department!=sre"], 2),
    "by-week-step-and-creator": ("week,step,creator", [], 0),
    "of-nothing": ("department", ["department=law"], 0),
}


def a_charge(uid: str, amount: str, **changes: object) -> PodCost:
    money = {"cost": Decimal(amount), "rounded_cost": Decimal(amount).quantize(Decimal("0.01"))}
    return replace(ONE, pod_uid=uid, workflow_uid=uid, workflow_name=uid, cost_pending=Decimal(0), **money | changes)


def a_line(department: str, amount: str) -> StatementLine:
    return StatementLine(
        month=MONTH,
        run=1,
        currency="USD",
        department=department,
        kind="fee",
        what="gateway",
        book="ours@1",
        cluster="c1",
        product="alibaba-eci",
        version=1,
        basis="even",
        weight=Decimal(1),
        whole=Decimal(100),
        amount=Decimal(amount),
        rule="fee",
    )


def facts() -> list[Fact]:
    """Three departments, one of them without a name for its template, of a locked month."""
    perception = {"department": "perception", "template": "train-bird-eye-view-of-the-city"}
    return [
        *(a_charge(f"p{i}", "1234.333333333333333333", step=f"p{i}", **perception) for i in range(3)),
        a_charge("m1", "0.001", department="maps", step="m1.fit", template="tile", class_="failed"),
        a_charge("s1", "2.5", department="sre", creator="ann", template="", class_="retried"),
        replace(a_charge("s2", "0"), department="sre", cost=None, rounded_cost=None, cost_pending=None, list_cost=None),
        *(a_run(f"p{i}", queue="nightly-of-the-fleet") for i in range(3)),
        *(a_line(name, "33.333333333333333333") for name in ("perception", "maps", "unallocated")),
        MonthStatement(
            month=MONTH,
            run=1,
            version=1,
            complete_until=NOON,
            books=[],
            rules="",
            unpriced=1,
            accruing=0,
            notes=["fee nat of ours@1: no exchange rate for EUR; in no line"],
        ),
        Period(
            month=MONTH,
            version=1,
            active_run=1,
            state="locked",
            total=None,
            hash="h",
            statement_hash="3fe2a1b2c3d4e5f6",
        ),
    ]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """Questions to the engine that holds them."""
    with holding(tmp_path_factory.mktemp("engine"), facts()) as query:
        yield query


def printed(report: Report, *, width: int = 80, exact: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_report(report, "table", console, exact=exact)
    assert isinstance(console.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


@pytest.mark.parametrize("name", VIEWS)
def test_a_report_looks_as_it_did(ask: Query, name: str) -> None:
    """In 80 columns: minor units that sum to the printed total, blocks of columns, and what the month stands on."""
    by, filters, most = VIEWS[name]

    found = printed(cost(ask, SPAN, by, filters=parse_filters(filters, COLUMNS), most=most))

    assert found == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("exact", [False, True])
def test_no_line_is_longer_than_the_terminal(ask: Query, exact: bool) -> None:
    """By whatever columns, and with all places."""
    for by in ("", *COLUMNS, "department,project,creator,cluster,namespace,template,step,workflow"):
        assert max(map(len, printed(cost(ask, SPAN, by), exact=exact).splitlines())) <= 80


def test_programs_get_the_state_of_each_month(ask: Query) -> None:
    """With the whole hash, and amounts with all places."""
    found = as_json(cost(ask, SPAN, "department"))

    assert '"complete_until": "2026-11-22 12:00 UTC"' in found
    assert '"hash": "3fe2a1b2c3d4e5f6"' in found
    assert '"shared": "33.333333333333333333"' in found


def test_a_run_that_is_not_the_bill_is_named_so(ask: Query) -> None:
    """Nor is it locked."""
    assert cost(ask, SPAN, "department", 2).notes[0].startswith("2026-11: not the bill, shared costs are not computed")


def test_unknown_order_is_an_error(ask: Query) -> None:
    """It lists what there is; a column of the report is an order too."""
    with pytest.raises(ValueError, match="--sort size: unknown, expected one of cost, shared"):
        cost(ask, SPAN, "department", sort="size")
    names = [row[0] for row in cost(ask, SPAN, "department", sort="department").rows]
    assert names == sorted(names)
    assert cost(ask, SPAN, "department", sort="waste").rows[0][0] == "sre"


def test_a_filter_without_a_row_names_the_remedy(ask: Query) -> None:
    """A misspelt department must not look like one that spent nothing."""
    found = cost(ask, SPAN, "class", filters=parse_filters(["department=mars"], COLUMNS))

    assert found.rows == []
    assert found.notes[0] == "nothing matches department=mars; `--by department` lists all values"
