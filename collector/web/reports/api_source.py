"""
What the API's reports are made from: questions to the store for a scope, with more patience than a page has.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from collector.access.scope import Scope
from collector.clock import now_ms
from collector.core.cost.budget import Budget
from collector.core.model import Instant
from collector.prices.lookup import Books
from collector.reports.questions import Question
from collector.reports.report import Report
from collector.web.history import AskStore

Answer = Callable[[Scope], Awaitable[Report]]
"""Makes a report for a scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiReportSource:
    """Where the API's reports come from."""

    ask: AskStore
    """Answers a report's question for a scope, in threads of its own: reports never keep pages from the store."""
    zone: str
    """The billing time zone: days and months begin at its midnights."""
    currency: str
    """Of the bill."""
    patience_s: float
    """For so long a report is waited for."""
    books: Books
    """The price books in force, for what a pool of nodes would cost."""
    units: tuple[str, ...] = ()
    """What workflows make, as the settings name it."""
    budgets: tuple[Budget, ...] = ()
    """Those of the settings."""
    months: Answer
    """Makes the list of months."""
    bill: Callable[[Scope, int], Awaitable[Report]]
    """Makes the report of a month's imported bill; months are days since 1970."""
    now: Callable[[], Instant] = field(default=now_ms)
    """The clock."""

    @property
    def today(self) -> datetime:
        """The clock, in the billing time zone."""
        return datetime.fromtimestamp(self.now() / 1000, ZoneInfo(self.zone))

    def report(self, name: str, question: Question) -> Answer:
        """Returns the answer to a question that the store answers alone."""
        return lambda scope: self.ask(name, scope, question)
