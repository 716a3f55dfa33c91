"""
Answers the reports of the API: with more patience than a page has, in threads of their own, so that pages go on.

The embedded store has two threads for the collector's own reads. One report at a time leaves the other to pages.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from collector import connect
from collector.access.scope import Scope
from collector.billing.bill_show import show
from collector.billing.month_list import list_months
from collector.measured import Measure
from collector.prices.lookup import Books
from collector.reports.report import Report
from collector.service.history import report_store
from collector.service.scoped_stores import ScopedStores
from collector.service.store_questions import QuestionTerms, StoreQuestions
from collector.settings.attribution import annotations_of
from collector.settings.budgets import budgets_of
from collector.settings.model import Settings
from collector.store.clickhouse import Store
from collector.web.reports.api_source import ApiReportSource

PATIENCE_S = 40.0
"""For so long a report is waited for; an exchange may take 60 s, and some of it is for sending (connections.py)."""
AT_ONCE = 2
"""Reports that a ClickHouse server makes at a time."""
AT_ONCE_EMBEDDED = 1
MOST_WAITING = 16
"""Reports that are made or wait for their turn; further ones are refused."""
MOST_ROWS = 150_000
"""Rows that one statement may return; pods are read in slices of up to 100,000."""


class ApiReader:
    """Threads that make reports."""

    def __init__(
        self, settings: Settings, measure: Measure, *, at_once: int = 0, patience_s: float = PATIENCE_S
    ) -> None:
        """`at_once`: 0 for the usual number."""
        self._settings, self._patience_s = settings, patience_s
        usual = AT_ONCE if settings.store.url else AT_ONCE_EMBEDDED
        self._threads = ThreadPoolExecutor(at_once or usual, "api-reports")
        terms = QuestionTerms(
            label="{} of the API",
            patience_s=patience_s,
            checked=True,
            linked=not settings.store.cluster,
            most_rows=MOST_ROWS,
            most_waiting=MOST_WAITING,
        )
        self.questions = StoreQuestions(self._threads, ScopedStores(self._connect), measure, terms)

    def source(self, books: Books | None = None) -> ApiReportSource:
        """What the API's reports are made from; `books`: None for those that the settings name."""
        return ApiReportSource(
            ask=self.questions.ask,
            zone=self._settings.billing_timezone,
            currency=self._settings.currency,
            patience_s=self._patience_s,
            books=books or connect.books(self._settings, Path()),
            units=tuple(annotations_of(self._settings.attribution.units)),
            budgets=tuple(budgets_of(self._settings.budgets, self._settings.currency)),
            months=lambda scope: self.questions.ask_rows("months", scope, list_months),
            bill=self._bill,
        )

    def close(self) -> None:
        """Ends the threads after their present statement, without waiting for it."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _bill(self, scope: Scope, month: int) -> Report:
        rules = self._settings.bill.rules
        return await self.questions.ask_rows("bill", scope, lambda rows: show(rows, month, rules))

    def _connect(self, scope: Scope) -> Store:
        return report_store(self._settings, scope, self._patience_s)
