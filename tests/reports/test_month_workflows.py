"""The dearest workflows of a month: page by page, with the amounts of the cost report."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace

from collector.core.cost.billing_days import day_of
from collector.core.facts.bills import PodCost
from collector.core.model import Fact
from collector.reports.cost import cost
from collector.reports.cost_columns import COLUMNS
from collector.reports.filters import parse_filters
from collector.reports.month_workflows import COLUMNS as COLUMNS_OF
from collector.reports.month_workflows import PaidWorkflow, WorkflowsPage, month_workflows, report
from collector.reports.report import Query, Span
from tests.builders import a_pod_run
from tests.core.cost.charged import charge
from tests.core.cost.test_statement import fee, used
from tests.reports.engine import holding
from tests.reports.stored import a_run
from tests.reports.test_shared_inspect import lines_of

NOVEMBER = Span(date(2026, 11, 1), date(2026, 12, 1))
MAPS = parse_filters(["department=maps"], COLUMNS)
[ONE] = charge(a_pod_run())


def a_charge(uid: str, amount: str | None, **changes: object) -> PodCost:
    cost = None if amount is None else Decimal(amount)
    money = {"cost": cost, "rounded_cost": cost, "cost_pending": cost and Decimal(0), "list_cost": cost}
    named = {
        "workflow_name": changes.pop("name", f"run-{uid}"),
        "workflow_uid": uid,
        "template": "tile",
        "department": "maps",
    }
    return replace(ONE, pod_uid=f"p{uid}", cluster="u", **{**named, **money, **changes})


def facts() -> list[Fact]:
    """Workflows of one department, two of one name, and one of another department."""
    return [
        *(a_charge(f"w{i}", str(10 + i)) for i in range(5)),
        a_charge("w5", "30", name="run-w0", class_="failed"),
        a_charge("w6", "99", department="quant"),
        a_charge("w7", None),
        a_charge("", "1", name=""),
        a_charge("w8", "5", day=day_of(date(2026, 10, 31))),
        *(a_run(f"w{i}", name=f"run-w{i}", cluster="u") for i in range(6)),
        a_run("w5", attempt=2, outcome="failed", cluster="u"),
        *lines_of([used("91", department="maps", product=ONE.product)], [fee("18.2", what="argo")]),
    ]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    with holding(tmp_path_factory.mktemp("engine"), facts()) as query:
        yield query


def test_the_amounts_are_those_of_the_cost_report(ask: Query) -> None:
    """Of each workflow, two of one name apart, and of all together."""
    found = month_workflows(ask, NOVEMBER, MAPS)
    same = cost(ask, NOVEMBER, "workflow,workflow_uid", filters=MAPS)

    assert {(row.workflow_uid or "unallocated"): (row.to_pay, row.shared) for row in found.rows} == {
        row[1]: row[2:4] for row in same.rows
    }
    assert [(row.to_pay, row.shared, row.pods) for row in found.totals] == [(*same.totals[0][2:4], 7 + 1)]
    assert found.workflows == 8


def test_the_dearest_come_first_and_those_without_a_price_last(ask: Query) -> None:
    """Each with its last outcome; what has no workflow leads nowhere."""
    found = month_workflows(ask, NOVEMBER, MAPS)

    assert [row.workflow_uid for row in found.rows] == ["w5", "w4", "w3", "w2", "w1", "w0", "", "w7"]
    assert found.rows[0].outcome == "failed"
    assert found.rows[0].waste == 30
    assert found.rows[-1].to_pay is None
    assert [row.workflow_uid for row in month_workflows(ask, NOVEMBER, MAPS, sort="waste", most=1).rows] == ["w5"]


def test_pages_follow_each_other(ask: Query) -> None:
    """No row is missing or there twice, and the last page says that it is the last."""
    pages = [month_workflows(ask, NOVEMBER, MAPS, skipped=skipped, most=3) for skipped in (0, 3, 6)]

    assert [row for page in pages for row in page.rows] == [*month_workflows(ask, NOVEMBER, MAPS).rows]
    assert [page.more for page in pages] == [True, True, False]
    assert len({(page.totals[0].to_pay, page.workflows) for page in pages}) == 1


def test_all_of_them_are_those_of_all_pages(ask: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many statements their outcomes take."""
    monkeypatch.setattr("collector.reports.month_workflows.AT_ONCE", 2)
    found = month_workflows(ask, NOVEMBER, MAPS, most=0)

    assert found == month_workflows(ask, NOVEMBER, MAPS)
    assert {row.outcome for row in found.rows if row.workflow_uid in ("w0", "w4")} == {"succeeded"}


def test_the_table_has_the_same_rows_and_what_the_others_sum_up_to(ask: Query) -> None:
    """For programs and spreadsheets: the rows sum to the total, however few are listed."""
    made = report(month_workflows(ask, NOVEMBER, MAPS, most=1), NOVEMBER, MAPS)
    listed, others = (dict(zip(made.columns, row, strict=True)) for row in made.rows)
    [total] = (dict(zip(made.columns, row, strict=True)) for row in made.totals)

    assert (listed["workflow_uid"], others["workflow"], total["workflow"]) == ("w5", "others", "total")
    for column in ("to pay", "shared", "waste", "pods", "unpriced pods"):
        assert listed[column] + others[column] == total[column]
    assert (others["pods"], others["unpriced pods"]) == (7, 1)
    assert made.title.endswith("where department=maps")


def test_others_are_those_of_their_currency() -> None:
    """A currency whose workflows are all listed has no row of others, and what has no price stays unknown."""

    def paid(currency: str, to_pay: str | None, pods: int) -> PaidWorkflow:
        money = None if to_pay is None else Decimal(to_pay)
        return PaidWorkflow(
            workflow="w",
            template="",
            outcome="",
            to_pay=money,
            shared=Decimal(0),
            waste=Decimal(0),
            currency=currency,
            pods=pods,
            unpriced=0 if to_pay else pods,
            cluster="",
            namespace="",
            workflow_uid="",
        )

    listed = [paid("CNY", "3", 1), paid("USD", "2", 1), paid("EUR", None, 1)]
    totals = [paid("CNY", "5", 4), paid("USD", "2", 1), paid("EUR", None, 2)]
    found = WorkflowsPage(rows=listed, skipped=0, more=True, totals=totals, workflows=5)
    others = [dict(zip(COLUMNS_OF, row, strict=True)) for row in report(found, NOVEMBER, ()).rows[3:]]

    assert [(one["currency"], one["to pay"], one["pods"]) for one in others] == [("CNY", 2, 3), ("EUR", None, 1)]


def test_a_table_of_all_workflows_has_no_others(ask: Query) -> None:
    """Nor has one of a month without any."""
    everything = report(month_workflows(ask, NOVEMBER, MAPS, most=0), NOVEMBER, MAPS)

    assert "others" not in {row[0] for row in everything.rows}
    assert month_workflows(ask, Span(date(2026, 9, 1), date(2026, 10, 1)), MAPS).rows == []
