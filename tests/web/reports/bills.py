"""
Months' bills as a store would hold them, and an app that shows them.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI

from collector.access.scope import Scope
from collector.core.cost.budget import Budget
from collector.core.cost.comparison import PARTS
from collector.core.model import Instant
from collector.core.units import ZERO
from collector.reports.budgets import BudgetState
from collector.reports.comparison_movers import ExplainedMover, Mover, RunsChanged
from collector.reports.forecast import MonthForecast
from collector.reports.likely_owner import NOTHING, Evidence, UnallocatedCost, UnallocatedRow
from collector.reports.month_bill import (
    AmountsBefore,
    BillRow,
    MonthAmounts,
    MonthOutlook,
    MonthPlace,
    MonthReport,
    SharedItem,
    WastePart,
)
from collector.reports.month_difference import AmountDifference
from collector.reports.month_state import MonthState
from collector.reports.report import Query
from collector.web.reports.routes import add_reports
from collector.web.reports.source import ReportSource
from tests.web.doors import an_app, an_entrance

NOVEMBER, TODAY = date(2026, 11, 1), date(2026, 11, 24)
NOW = int(datetime(2026, 11, 24, 3, 30, tzinfo=UTC).timestamp() * 1000)
T = TypeVar("T")


def a_place(department: str = "maps", **changes: Any) -> MonthPlace:
    """November of a department, as seen on its 24th day."""
    return replace(MonthPlace(month=NOVEMBER, department=department, today=TODAY), **changes)


def a_row(name: str, to_pay: str | None, **changes: Any) -> BillRow:
    """A row without waste."""
    amount = None if to_pay is None else Decimal(to_pay)
    row = BillRow(name=name, to_pay=amount, shared=ZERO, waste=ZERO, wasted={}, pods=1, unpriced=0)
    return replace(row, **changes)


def a_difference(**changes: Any) -> AmountDifference:
    """80 more, most of them by volume."""
    parts = dict.fromkeys(PARTS, ZERO) | {"volume": Decimal(95), "price": Decimal(-15)}
    mover = ExplainedMover(Mover("train", "volume", Decimal(95)), RunsChanged(after=30, before=20))
    made = AmountDifference(
        currency="CNY", before=Decimal(1000), after=Decimal(1080), parts=parts, movers=(mover,), gained=()
    )
    return replace(made, **changes)


def some_amounts(**changes: Any) -> MonthAmounts:
    """12,345.67 CNY: 23 days of 46.95, and 11,265.67 today; before, 1,000 by the same day."""
    days = {NOVEMBER + timedelta(days=number): Decimal(1080) / 24 for number in range(24)}
    made = MonthAmounts(
        currency="CNY",
        to_pay=Decimal("12345.6749"),
        exact=Decimal("12345.6712"),
        shared=Decimal("10.5"),
        rounding=Decimal("0.0037"),
        spent_on={"useful": Decimal("12000"), "failed": Decimal("335.1749")},
        waste=Decimal("335.1749"),
        pods=1000,
        unpriced=0,
        accruing=2,
        days=days,
        by_ended_days=Decimal(1080),
        before=AmountsBefore(to_pay=Decimal(1300), by_same_day=Decimal(1000), days={date(2026, 10, 1): Decimal(1300)}),
        breakdowns={
            name: (a_row("train", "12000.0049"), a_row("unallocated", "345.67"))
            for name in ("project", "template", "product", "purchase", "class")
        },
        wasted=(
            WastePart(money_class="failed", amount=Decimal("335.1749"), template="train", of_template=Decimal(300)),
        ),
        shared_items=(
            SharedItem(
                kind="fee",
                what="load-balancer",
                cluster="c1",
                product="alibaba-eci",
                basis="proportional",
                rule="clb",
                weight=Decimal(3),
                amount=Decimal("10.5"),
            ),
        ),
        unallocated=None,
        difference=a_difference(),
    )
    return replace(made, **changes)


def a_report(place: MonthPlace | None = None, *amounts: MonthAmounts, **changes: Any) -> MonthReport:
    """An estimate, complete until 02:59."""
    made = MonthReport(
        place=place or a_place(),
        state=MonthState(NOVEMBER, "estimate", 1, complete_until="2026-11-24 02:59 UTC"),
        gaps=(),
        amounts=amounts or (some_amounts(),),
        months=(NOVEMBER, date(2026, 10, 1)),
    )
    return replace(made, **changes)


def an_outlook() -> MonthOutlook:
    """A budget of maps that will be passed, and a forecast."""
    budget = Budget(
        name="maps",
        where=(("department", "maps"),),
        amount=Decimal(20000),
        currency="CNY",
        actual=(50, 80),
        forecast=(100,),
    )
    state = BudgetState(
        budget=budget,
        month=NOVEMBER,
        used=Decimal("12345.6749"),
        left=Decimal("7654.3251"),
        share=Decimal("0.6173"),
        low=Decimal(15000),
        likely=Decimal(18000),
        high=Decimal(21000),
        actual=(50,),
        forecast=(),
        passes_on=date(2026, 11, 29),
        state="near",
        days_left=6,
    )
    forecast = MonthForecast(
        month=NOVEMBER,
        currency="CNY",
        to_date=Decimal("12345.6749"),
        low=Decimal(15000),
        likely=Decimal(18000),
        high=Decimal(21000),
        until="2026-11-24 02:59 UTC",
        days_left=6,
    )
    return MonthOutlook(forecasts=(forecast,), budgets=(state,))


def some_unallocated() -> UnallocatedCost:
    """Two parts that are probably maps', one of quant, one without evidence, and one in another currency."""
    evidence = Evidence("creator", "ann", "maps", 9, 10)
    owned = {"guess": "maps", "because": evidence, "evidence": (evidence,)}
    other = Evidence("namespace", "trading", "quant", 7, 7)
    rows = (
        an_unallocated_row("200", **owned),
        an_unallocated_row("100"),
        an_unallocated_row("30.014", guess="quant", because=other, evidence=(other,)),
        an_unallocated_row("15.66", **owned),
        an_unallocated_row("9", **owned, currency="USD"),
        an_unallocated_row(None, **owned),
    )
    return UnallocatedCost(rows=rows, others=(), totals=())


def an_unallocated_row(to_pay: str | None, **changes: Any) -> UnallocatedRow:
    """A row without evidence."""
    made: dict[str, Any] = {
        "cluster": "c1",
        "namespace": "sandbox",
        "creator": "ann",
        "template": "notebook",
        "currency": "CNY",
        "to_pay": None if to_pay is None else Decimal(to_pay),
        "shared": ZERO,
        "workflows": 1,
        "pods": 1,
    }
    return UnallocatedRow(**made | changes)


class Bills:
    """A store that answers bill pages with one report, and notes who wants what."""

    def __init__(self, report: MonthReport | None = None) -> None:
        self.report = report or a_report()
        self.outlook = MonthOutlook(forecasts=(), budgets=())
        self.unallocated = NOTHING
        self.questions: list[tuple[str, Scope]] = []
        self.failure: Exception | None = None

    async def ask(self, page: str, scope: Scope, question: Callable[[Query], T], /) -> T:
        self.questions.append((page, scope))
        if self.failure is not None:
            raise self.failure
        if page == "difference":
            return tuple(one.difference for one in self.report.amounts if one.difference)  # type: ignore[return-value]
        if page == "outlook":
            return self.outlook  # type: ignore[return-value]
        if page == "unallocated":
            return self.unallocated  # type: ignore[return-value]
        return self.report  # type: ignore[return-value]

    def app(
        self, folder: Path, *, units: tuple[str, ...] = ("km",), nodes_since: Instant = 0, **changes: Any
    ) -> FastAPI:
        """An app behind a door, with a token of each kind."""
        source = ReportSource(ask=self.ask, zone="UTC", units=units, has_pool=lambda at: at >= nodes_since)
        return an_app(an_entrance(folder), more=[partial(add_reports, reports=source, now=lambda: NOW)], **changes)
