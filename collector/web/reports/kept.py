"""
Months that were just read: a few seconds for one scope and place, so that a reload or a page with its JSON asks once.

What takes long is read beside the page: why a month costs more, how it will end, and whose the unallocated cost is. A page
waits for it a moment, and shows it when it is there.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from collector.access.scope import Scope
from collector.core.cost.attribution import UNALLOCATED
from collector.core.model import Instant
from collector.language.language import Language, in_catalog
from collector.reports.budgets import visible
from collector.reports.likely_owner import NOTHING, UnallocatedCost, unallocated_cost
from collector.reports.month_bill import MonthOutlook, MonthPlace, MonthReport
from collector.reports.month_difference import AmountDifference
from collector.reports.month_outlook import read_outlook
from collector.reports.month_report import read_month_report, read_why
from collector.web.history import NoAnswerError, NotThereError, answered
from collector.web.reports.source import ReportSource

KEEP_S = 5.0
"""Figures are at most this old."""
KEEP_WHY_S = 60.0
"""What a difference is made of is of days that have ended, and slow to read."""
KEEP_OUTLOOK_S = 15.0
KEEP_UNALLOCATED_S = 60.0
MOST_KEPT = 64
WAIT_FOR_SLOW_S = 0.3
"""A page waits so long for what is slow to read; the browser asks for the rest."""
UNKNOWN = in_catalog("The name is that of a department as bills have it: `lynceus report cost` lists those of a month.")

ScopedPlace = tuple[Scope, MonthPlace]
K = TypeVar("K")
V = TypeVar("V")


class KeptAnswers(Generic[K, V]):
    """Answers to questions, kept for some seconds; those who ask at the same time wait for one answer."""

    def __init__(self, keep_s: float, most: int = MOST_KEPT) -> None:
        self._keep_s, self._most = keep_s, most
        self._tasks: OrderedDict[K, tuple[float, asyncio.Task[V]]] = OrderedDict()

    async def of(self, key: K, question: Callable[[], Awaitable[V]], patience_s: float | None = None) -> V:
        """The answer; TimeoutError if it takes longer than `patience_s`: it is read on, for who asks next."""
        task = self._task(key, question)
        return await asyncio.wait_for(asyncio.shield(task), patience_s)

    def _task(self, key: K, question: Callable[[], Awaitable[V]]) -> "asyncio.Task[V]":
        now = time.monotonic()
        began, task = self._tasks.get(key, (0.0, None))
        if task is None or _failed(task) or (task.done() and now - began >= self._keep_s):
            task = asyncio.ensure_future(question())
            # A failure is for those who wait; asyncio would warn of one that no request waits for any more.
            task.add_done_callback(_failed)
            self._tasks[key] = now, task
            self._tasks.move_to_end(key)
            while len(self._tasks) > self._most:
                self._tasks.popitem(last=False)
        return task


def _failed(task: "asyncio.Task[V]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


class SlowParts(NamedTuple):
    """What of a month takes long to read."""

    why: tuple[AmountDifference, ...] | None
    """None: not read in time."""
    outlook: MonthOutlook | None
    unallocated: UnallocatedCost | None


class MonthReports:
    """The months that pages and the API show."""

    def __init__(self, reports: ReportSource, now: Callable[[], Instant]) -> None:
        self._reports, self._now = reports, now
        self._months: KeptAnswers[ScopedPlace, MonthReport] = KeptAnswers(KEEP_S)
        self._why: KeptAnswers[ScopedPlace, tuple[AmountDifference, ...]] = KeptAnswers(KEEP_WHY_S)
        self._outlooks: KeptAnswers[ScopedPlace, MonthOutlook] = KeptAnswers(KEEP_OUTLOOK_S)
        self._unallocated: KeptAnswers[ScopedPlace, UnallocatedCost] = KeptAnswers(KEEP_UNALLOCATED_S)

    async def of(self, scope: Scope, place: MonthPlace, language: Language) -> MonthReport:
        """A month without what takes long; NotThereError in a language if the scope has no such department."""
        if not _permits(scope, place.department):
            raise _unknown(place, language)
        of_all = scope.kind == "all"
        found = await self._months.of(
            (scope, place),
            lambda: answered(
                self._reports.ask(
                    "month", scope, lambda query: read_month_report(query, place, of_all=of_all, why=False)
                )
            ),
        )
        if of_all and place.department not in ("", UNALLOCATED) and not found.is_known:
            raise _unknown(place, language)
        return found

    async def whole(
        self, scope: Scope, place: MonthPlace, language: Language, patience_s: float | None = None
    ) -> tuple[MonthReport, bool]:
        """A month with what takes long, and whether all of that is read: it may take longer than `patience_s`."""
        found = await self.of(scope, place, language)
        if not found.amounts:
            return found, True
        slow = await self._slow(scope, found, patience_s)
        by_currency = {one.currency: one for one in slow.why or ()}
        amounts = tuple(replace(one, difference=by_currency.get(one.currency)) for one in found.amounts)
        whole = replace(found, amounts=amounts, outlook=slow.outlook, unallocated=slow.unallocated)
        return whole, None not in slow

    async def _slow(self, scope: Scope, found: MonthReport, patience_s: float | None) -> SlowParts:
        place, key = found.place, (scope, found.place)
        why = self._why.of(key, lambda: self._ask_why(scope, place), patience_s) if place.compared else _known(())
        outlook = self._outlooks.of(key, lambda: self._ask_outlook(scope, place), patience_s)
        unallocated = (
            self._unallocated.of(key, lambda: self._ask_unallocated(scope, place), patience_s)
            if any(one.unallocated for one in found.amounts)
            else _known(NOTHING)
        )
        return SlowParts(*await asyncio.gather(_in_time(why), _in_time(outlook), _in_time(unallocated)))

    async def _ask_why(self, scope: Scope, place: MonthPlace) -> tuple[AmountDifference, ...]:
        return await answered(self._reports.ask("difference", scope, lambda query: read_why(query, place)))

    async def _ask_unallocated(self, scope: Scope, place: MonthPlace) -> UnallocatedCost:
        return await answered(
            self._reports.ask("unallocated", scope, lambda query: unallocated_cost(query, place.span))
        )

    async def _ask_outlook(self, scope: Scope, place: MonthPlace) -> MonthOutlook:
        now = datetime.fromtimestamp(self._now() / 1000, ZoneInfo(place.zone))
        budgets = visible(self._reports.budgets, scope)
        return await answered(
            self._reports.ask("outlook", scope, lambda query: read_outlook(query, place, now, budgets))
        )


async def _known(answer: V) -> V:
    return answer


async def _in_time(answer: Awaitable[V]) -> V | None:
    """The answer; None if it takes too long, or fails: the rest of the page does without."""
    try:
        return await answer
    except (TimeoutError, NoAnswerError):
        return None


def _permits(scope: Scope, department: str) -> bool:
    """Whether a scope may ask for a department: what belongs to none is for those who see everything."""
    if scope.kind == "all" or not department:
        return True
    return department != UNALLOCATED and scope.permits(department)


def _unknown(place: MonthPlace, language: Language) -> NotThereError:
    what = language.text("There is no bill of a department {department}", department=place.department)
    return NotThereError(what, language.text(UNKNOWN))
