"""
Today's money as the live page asks for it: the shape that whoever reads the store fills in, and a short memory of it.

No SQL and no sum of pods happens here. Unknown is said in words and never drawn as 0.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from decimal import Context, Decimal
from typing import Any

import msgspec

from collector.core.cluster.run_rate import sum_by_currency
from collector.core.cost.attribution import UNALLOCATED
from collector.core.live_view import HourlyCost
from collector.core.model import Instant
from collector.web.api_model import age
from collector.web.api_money import CurrencyTotal, DepartmentMoney, MoneyNow, MoneyPerHour

KEEP_S = 5.0
"""Every open page polls each 2 s; the store is asked at most this often for all of them together."""

PATIENCE_S = 3.0
"""A page that waits longer than this for the store is better served by the word `unknown`."""

DETAIL_LIMIT = 300

EXACT = Context(prec=76)
"""Room for sums of Decimal(38,18); the default of 28 digits would round them from ten billion up."""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What one department has spent today in one currency."""

    department: str
    """`unallocated` where no rule names one."""
    currency: str
    cost: Decimal | None
    """None when not one of its pods could be priced."""
    accruing: bool
    """True while a pod behind this amount still runs, so that it will grow without anything new happening."""
    unpriced_pods: int = 0


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """All departments' money of one billing day, as the store had it."""

    day: str
    """The billing day, as in 2026-11-22."""
    at: Instant
    """When the store was asked."""
    spent: tuple[Spent, ...]
    detail: str = ""
    """What these amounts lack, in words; empty when nothing is known to be missing."""


class UnknownMoney(msgspec.Struct, frozen=True):
    """The store did not say; `detail` tells why, in words for an operator."""

    detail: str


class MoneyToday:
    """Today's money, read again when a few seconds old; a failure is kept as long, to spare a store in need."""

    def __init__(
        self, read: Callable[[], Awaitable[Money]], *, keep_s: float = KEEP_S, patience_s: float = PATIENCE_S
    ) -> None:
        self._read = read
        self._keep_s = keep_s
        self._patience_s = patience_s
        self._known: Money | UnknownMoney | None = None
        self._asked_at = 0.0
        self._lock = asyncio.Lock()

    async def latest(self) -> Money | UnknownMoney:
        """The newest answer; one question at a time, whoever else asks waits for its answer."""
        async with self._lock:
            if self._known is None or time.monotonic() - self._asked_at >= self._keep_s:
                self._known = await self._ask()
                self._asked_at = time.monotonic()
            return self._known

    async def _ask(self) -> Money | UnknownMoney:
        try:
            return await asyncio.wait_for(self._read(), self._patience_s)
        except TimeoutError:
            return UnknownMoney(f"the store did not answer within {self._patience_s:g} s")
        # The edge between the page and whatever client reads the store: the rest of the page must not fall with it.
        except Exception as error:  # noqa: BLE001
            first_line = next(iter(str(error).splitlines()), "") or type(error).__name__
            return UnknownMoney(f"the store could not be read: {first_line[:DETAIL_LIMIT]}")


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
    return MoneyNow(
        known=True,
        detail=money.detail,
        day=money.day,
        age_ms=age(now, money.at),
        totals=tuple(totals),
        departments=tuple(departments),
        running=running,
    )


def _hourly(cost: HourlyCost) -> MoneyPerHour:
    return MoneyPerHour.of(cost, per_hour=_text(cost.per_hour))


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
