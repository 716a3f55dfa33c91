"""
Today's money as the page shows it: departments with their shares, the dearest first, and a total a currency.

Currencies are never added to each other, and an amount that nobody knows is never counted as 0.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Any

from collector.core.cluster.run_rate import sum_by_currency
from collector.core.cost.attribution import UNALLOCATED
from collector.core.live_view import HourlyCost
from collector.core.model import Instant
from collector.web.api_models import CurrencyTotal, DepartmentMoney, MoneyNow, MoneyPerHour
from collector.web.money import Money, Spent, UnknownMoney

EXACT = Context(prec=76)
"""Room for sums of Decimal(38,18); the default of 28 digits would round them from ten billion up."""


def money_now(money: Money | UnknownMoney, now: Instant, burning: Iterable[HourlyCost] = ()) -> MoneyNow:
    """Today's money, or why it is not known, and what runs now costs an hour."""
    running = tuple(map(_hourly, sum_by_currency(burning)))
    if isinstance(money, UnknownMoney):
        return MoneyNow(known=False, detail=money.detail, running=running)
    by_currency: dict[str, list[Spent]] = defaultdict(list)
    for spent in money.spent:
        by_currency[spent.currency].append(spent)
    totals: list[CurrencyTotal] = []
    departments: list[DepartmentMoney] = []
    for currency, rows in sorted(by_currency.items()):
        total = _total(rows)
        totals.append(CurrencyTotal(currency=currency, cost=_text(total), **_flags(rows)))
        departments.extend(_departments(currency, rows, total))
    age_ms = max(0, now - money.at)
    return MoneyNow(
        known=True,
        detail=money.detail,
        day=money.day,
        age_ms=age_ms,
        totals=tuple(totals),
        departments=tuple(departments),
        running=running,
    )


def _hourly(burning: HourlyCost) -> MoneyPerHour:
    return MoneyPerHour(
        currency=burning.currency, per_hour=_text(burning.per_hour), pods=burning.pods,
        unpriced_pods=burning.unpriced_pods,
    )  # fmt: skip


def _departments(currency: str, rows: list[Spent], total: Decimal | None) -> list[DepartmentMoney]:
    by_name: dict[str, list[Spent]] = defaultdict(list)
    for spent in rows:
        by_name[spent.department].append(spent)
    if total is not None and UNALLOCATED not in by_name:
        # Nobody may have to wonder whether something was left out: that nothing is unallocated is worth a line.
        by_name[UNALLOCATED] = [Spent(department=UNALLOCATED, currency=currency, cost=Decimal(0), accruing=False)]
    priced = [(name, _total(of_one), of_one) for name, of_one in by_name.items()]
    priced.sort(key=lambda row: (row[1] is None, -(row[1] or 0), row[0]))
    return [
        DepartmentMoney(
            department=name, currency=currency, cost=_text(cost), share=_share(cost, total), **_flags(of_one)
        )
        for name, cost, of_one in priced
    ]


def _total(rows: list[Spent]) -> Decimal | None:
    """The sum of what is known; None when nothing is."""
    total: Decimal | None = None
    for spent in rows:
        if spent.cost is not None:
            total = EXACT.add(total or Decimal(0), spent.cost)
    return total


def _flags(rows: list[Spent]) -> dict[str, Any]:
    return {"accruing": any(s.accruing for s in rows), "unpriced_pods": sum(s.unpriced_pods for s in rows)}


def _share(cost: Decimal | None, total: Decimal | None) -> float | None:
    return float(cost / total) if cost is not None and total else None


def _text(amount: Decimal | None) -> str | None:
    """Plain digits, without the zeros that a column of 18 places brings along."""
    if amount is None:
        return None
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
