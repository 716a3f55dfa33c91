"""
Today's money as the live page asks for it: the shape that whoever reads the store fills in, and a short memory of it.

No SQL and no sum of pods happens here. Unknown is said in words and never drawn as 0.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal

import msgspec

from collector.core.model import Instant

KEEP_S = 5.0
"""Every open page polls each 2 s; the store is asked at most this often for all of them together."""

PATIENCE_S = 3.0
"""A page that waits longer than this for the store is better served by the word `unknown`."""

DETAIL_LIMIT = 300


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
