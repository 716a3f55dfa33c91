"""
Asks the store what pages and the API show: in threads of their own, for a time, and for a visitor's scope.

A question may take several statements. Who waits no longer ends it before its next statement.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from collector.access.own_statements import what_is_of_all
from collector.access.scope import Scope
from collector.measured import Measure
from collector.reports.report import NotPermittedError, Query, ReportError
from collector.service.scoped_stores import ScopedStores
from collector.store.clickhouse import ACCESS_DENIED, Store, StoreRefusedError

EVEN_S = 0.1
"""An answer for departments comes at a multiple of this time. The store reads rows of others before it omits them, so that its
own time shows whether there are any: tests/bench/timing.py measures it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionTerms:
    """What questions of one kind may take and read."""

    label: str
    """Names the kind in metrics: `page of a {}`."""
    patience_s: float
    checked: bool = False
    """Whether a statement of a department may name only what departments may read; else each question sees to it itself."""
    linked: bool = True
    """Whether the connection shows the steps and pods that belong to what a department ran; of checked questions."""
    most_rows: int | None = None
    """Rows that one statement may return."""
    most_waiting: int | None = None
    """Questions that are answered or wait for their turn."""


class TooManyQuestionsError(Exception):
    """So many questions wait that one more would not be answered in time."""


class ScopedRows:
    """The rows of the store that a scope may read, for as long as a question may take."""

    def __init__(self, store: Store, scope: Scope, terms: QuestionTerms, until: float) -> None:
        self._store, self._terms, self._until = store, terms, until
        self._checks = terms.checked and scope.kind != "all"

    def query_rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Returns the rows of a statement."""
        self._begin(sql)
        most = self._terms.most_rows
        try:
            if most is None:
                return self._store.query_rows(sql, dict(parameters or {}))
            rows = list(islice(self._store.query_stream(sql, dict(parameters or {})), most + 1))
        except StoreRefusedError as error:
            raise _in_words(error) from None
        if len(rows) > most:
            raise ReportError(
                f"more than {most} rows; ask for less with --from, --to, --where or fewer columns of --by"
            )
        return rows

    def query_stream(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
        """Yields the rows of a statement as they arrive, however many they are."""
        self._begin(sql)
        return self._store.query_stream(sql, dict(parameters or {}))

    def _begin(self, sql: str) -> None:
        if time.monotonic() > self._until:
            raise TimeoutError("who asked waits no longer")
        if self._checks and (what := what_is_of_all(sql, linked=self._terms.linked)):
            raise NotPermittedError(f"not with these rights: {what} is of all departments")


def _in_words(error: StoreRefusedError) -> Exception:
    return NotPermittedError("not with these rights") if error.code == ACCESS_DENIED else error


class StoreQuestions:
    """Questions of one kind."""

    def __init__(
        self, threads: ThreadPoolExecutor, stores: ScopedStores, measure: Measure, terms: QuestionTerms
    ) -> None:
        self._threads, self._stores, self._measure, self._terms = threads, stores, measure, terms
        self._waiting = 0

    async def ask(self, about: str, scope: Scope, question: Callable[[Query], T]) -> T:
        """Returns the answer to a question. A cancelled call that still waits is never run."""
        return await self.ask_rows(about, scope, lambda rows: question(_query_of(rows)))

    async def ask_rows(self, about: str, scope: Scope, question: Callable[[ScopedRows], T]) -> T:
        """Returns the answer to a question that reads some rows as they arrive."""
        if self._terms.most_waiting is not None and self._waiting >= self._terms.most_waiting:
            raise TooManyQuestionsError(f"{self._waiting} others wait for an answer")
        began = time.monotonic()
        until = began + self._terms.patience_s
        loop = asyncio.get_running_loop()
        self._waiting += 1
        try:
            with self._measure("report", report=self._terms.label.format(about)):
                return await loop.run_in_executor(self._threads, self._answer, scope, question, until)
        finally:
            self._waiting -= 1
            if scope.kind != "all":
                await asyncio.sleep(rest_of_step(time.monotonic() - began))

    def _answer(self, scope: Scope, question: Callable[[ScopedRows], T], until: float) -> T:
        with self._stores.lent(scope) as store:
            return question(ScopedRows(store, scope, self._terms, until))


def _query_of(rows: ScopedRows) -> Query:
    def query(sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        return rows.query_rows(sql, parameters)

    return query


def rest_of_step(took_s: float) -> float:
    """The seconds from an answer that took so long to the next multiple of EVEN_S."""
    return -took_s % EVEN_S
