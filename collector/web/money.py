"""
Today's money for the live page: departments with their shares, the highest cost first, and a total for each currency.

No SQL is here. Currencies are never added to each other. An unknown amount is reported as unknown, and never counted as 0.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Context, Decimal
from functools import reduce
from typing import Any

import msgspec

from collector.core.cluster.run_rate import sum_by_currency
from collector.core.cost.attribution import UNALLOCATED
from collector.core.live_view import HourlyCost
from collector.core.model import Instant
from collector.language.language import ENGLISH, Language
from collector.web.api_model import age
from collector.web.api_money import CurrencyTotal, DepartmentMoney, MoneyNow, MoneyPerHour
from collector.web.history import NoAnswerError, answered

KEEP_S = 5.0
"""Every open page polls each 2 s; for all pages together the store is queried at most this often."""

PATIENCE_S = 3.0
"""After this wait for the store, a page shows the money as unknown."""

EXACT = Context(prec=76)
"""Room for sums of Decimal(38,18); the default of 28 digits would round them from ten billion up."""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """Today's cost of one department in one currency."""

    department: str
    """`unallocated` if no rule names a department."""
    currency: str
    cost: Decimal | None
    """None if no pod of the department has a price."""
    accruing: bool
    """True while a pod behind this amount still runs: the amount grows by itself."""
    unpriced_pods: int = 0


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """The money of one billing day, of all departments or of those that a scope has, as read from the store."""

    day: str
    """The billing day, as in 2026-11-22."""
    at: Instant
    """Time of the query."""
    spent: tuple[Spent, ...]
    detail: str = ""
    """What is missing from these amounts; empty if nothing is known to be missing."""


class UnknownMoney(msgspec.Struct, frozen=True):
    """No answer from the store, and the reason for an operator."""

    detail: str
    """A message of the catalogues."""
    values: Mapping[str, str] = {}
    """What stands in the message."""


class MoneyToday:
    """Today's money, read again after a few seconds. A failure is kept as long, to spare a store in trouble."""

    def __init__(
        self, read: Callable[[], Awaitable[Money]], *, keep_s: float = KEEP_S, patience_s: float = PATIENCE_S
    ) -> None:
        self._read = read
        self._keep_s = keep_s
        self._patience_s = patience_s
        self._known: Money | UnknownMoney | None = None
        self._read_at = 0.0
        self._lock = asyncio.Lock()

    async def latest(self) -> Money | UnknownMoney:
        """Returns the newest answer. One query runs at a time; other callers wait for its answer."""
        async with self._lock:
            if self._known is None or time.monotonic() - self._read_at >= self._keep_s:
                self._known = await self._read_store()
                self._read_at = time.monotonic()
            return self._known

    async def _read_store(self) -> Money | UnknownMoney:
        try:
            return await answered(self._read(), self._patience_s)
        except NoAnswerError as error:
            return UnknownMoney(error.message, error.values)


def money_now(
    money: Money | UnknownMoney,
    now: Instant,
    burning: Iterable[HourlyCost] = (),
    *,
    of_all: bool = True,
    language: Language = ENGLISH,
) -> MoneyNow:
    """
    Today's money or the reason why it is unknown, and the cost per hour of running pods.

    `of_all`: whether the money is that of all departments, and of what belongs to none.
    """
    running = tuple(map(_hourly, sum_by_currency(burning)))
    if isinstance(money, UnknownMoney):
        return MoneyNow(known=False, detail=language.text(money.detail, **money.values), running=running)
    by_currency: dict[str, list[Spent]] = defaultdict(list)
    for spent in money.spent:
        by_currency[spent.currency].append(spent)
    totals: list[CurrencyTotal] = []
    departments: list[DepartmentMoney] = []
    for currency, rows in sorted(by_currency.items()):
        whole = _total(rows)
        totals.append(CurrencyTotal(currency=currency, cost=plain(whole), **_flags(rows)))
        departments.extend(_departments(currency, rows, whole, with_unallocated=of_all))
    return MoneyNow(
        known=True,
        detail=language.text(money.detail),
        day=money.day,
        age_ms=age(now, money.at),
        totals=tuple(totals),
        departments=tuple(departments),
        running=running,
    )


def _hourly(cost: HourlyCost) -> MoneyPerHour:
    return MoneyPerHour.of(cost, per_hour=plain(cost.per_hour))


def _departments(
    currency: str, rows: list[Spent], total: Decimal | None, *, with_unallocated: bool
) -> list[DepartmentMoney]:
    by_name: dict[str, list[Spent]] = defaultdict(list)
    for spent in rows:
        by_name[spent.department].append(spent)
    if with_unallocated and total is not None and UNALLOCATED not in by_name:
        # A line shows that nothing is unallocated, so that a reader need not wonder whether cost is missing.
        by_name[UNALLOCATED] = [Spent(department=UNALLOCATED, currency=currency, cost=Decimal(0), accruing=False)]
    priced = [(name, _total(of_one), of_one) for name, of_one in by_name.items()]
    priced.sort(key=lambda row: (row[1] is None, -(row[1] or 0), row[0]))
    return [
        DepartmentMoney(
            department=name, currency=currency, cost=plain(cost), share=_share(cost, total), **_flags(of_one)
        )
        for name, cost, of_one in priced
    ]


def _total(rows: list[Spent]) -> Decimal | None:
    return total(spent.cost for spent in rows)


def total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of the known amounts; None if no amount is known."""
    known = [amount for amount in amounts if amount is not None]
    return reduce(EXACT.add, known) if known else None


def _flags(rows: list[Spent]) -> dict[str, Any]:
    return {"accruing": any(s.accruing for s in rows), "unpriced_pods": sum(s.unpriced_pods for s in rows)}


def _share(cost: Decimal | None, total: Decimal | None) -> float | None:
    return float(cost / total) if cost is not None and total else None


def plain(amount: Decimal | None) -> str | None:
    """Formats an amount as plain digits, without trailing zeros of the column's 18 places."""
    if amount is None:
        return None
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
