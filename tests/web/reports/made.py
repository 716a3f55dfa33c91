"""A month's bill as the reader of reports makes it, of made-up figures."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from collector.core.cost.comparison import PARTS
from collector.reports.month_bill import (
    AmountsBefore,
    BillRow,
    MonthAmounts,
    MonthPlace,
    MonthReport,
    SharedItem,
    WastePart,
)
from collector.reports.month_difference import AmountDifference
from collector.reports.month_state import MonthState

NOVEMBER, DECEMBER_3 = date(2026, 11, 1), date(2026, 12, 3)
ZERO = Decimal(0)


def a_row(name: str, to_pay: str | None, **changes: Any) -> BillRow:
    """A row of a breakdown; a tenth of it was lost."""
    amount = None if to_pay is None else Decimal(to_pay)
    made: dict[str, Any] = {
        "name": name,
        "to_pay": amount,
        "shared": ZERO,
        "waste": (amount or ZERO) / 10,
        "wasted": {"failed": (amount or ZERO) / 10},
        "pods": 1,
        "unpriced": 0 if amount is not None else 1,
    }
    return BillRow(**{**made, **changes})


def an_item(number: int, amount: Decimal) -> SharedItem:
    """A fee of a cluster."""
    return SharedItem(
        kind="fee",
        what=f"fee-{number}",
        cluster="prod-hz",
        product="alibaba-eci",
        basis="proportional",
        rule="0.09 CNY per hour",
        weight=Decimal(1000),
        amount=amount,
    )


def some_amounts(rows: int = 3, currency: str = "CNY", **changes: Any) -> MonthAmounts:
    """What is to pay in one currency: each breakdown has so many rows of thirds."""
    third = Decimal("333.333333333333333333")
    whole = third * rows
    breakdown = tuple(a_row(f"name-{i:02}-of-some-length", str(third)) for i in range(rows))
    parts = dict.fromkeys(PARTS, Decimal("12.5"))
    made: dict[str, Any] = {
        "currency": currency,
        "to_pay": whole,
        "exact": whole,
        "shared": Decimal("33.3333"),
        "rounding": ZERO,
        "spent_on": {"useful": whole},
        "waste": Decimal("100"),
        "pods": rows,
        "unpriced": 0,
        "accruing": 0,
        "days": {NOVEMBER + timedelta(days=i): third * (i % 5) for i in range(30)},
        "by_ended_days": whole,
        "before": AmountsBefore(to_pay=whole - 100, by_same_day=whole - 100, days={}),
        "breakdowns": dict.fromkeys(("project", "template", "product", "purchase", "class"), breakdown),
        "wasted": (WastePart(money_class="failed", amount=Decimal(100), template="train", of_template=Decimal(60)),),
        "shared_items": tuple(an_item(i, Decimal("33.3333") / rows) for i in range(rows)),
        "unallocated": None,
        "difference": AmountDifference(
            currency=currency, before=whole - 100, after=whole, parts=parts, movers=(), gained=()
        ),
    }
    return MonthAmounts(**{**made, **changes})


def a_month(*amounts: MonthAmounts, department: str = "maps", **changes: Any) -> MonthReport:
    """The locked bill of November, looked at on the third of December."""
    made: dict[str, Any] = {
        "place": MonthPlace(month=NOVEMBER, department=department, today=DECEMBER_3),
        "state": MonthState(NOVEMBER, "locked", 3, "3fe2a1b2c3d4e5f60718", "2026-12-03 02:59 UTC"),
        "gaps": (),
        "amounts": amounts or (some_amounts(),),
    }
    return MonthReport(**{**made, **changes})
