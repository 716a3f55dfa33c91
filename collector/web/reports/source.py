"""
What pages of bills are made from: questions to the store for a scope, the billing time zone, and the budgets.
"""

from collections.abc import Callable
from dataclasses import dataclass

from collector.core.cost.budget import Budget
from collector.core.model import Instant
from collector.web.history import AskStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSource:
    """Where reports come from."""

    ask: AskStore
    """Answers a report's question for a scope, in a thread of its own."""
    zone: str
    """The billing time zone: days and months begin at its midnights."""
    budgets: tuple[Budget, ...] = ()
    """All that are set: reports/budgets.py says which of them a scope may see."""
    units: tuple[str, ...] = ()
    """What workflows make, as `attribution.units` names it."""
    has_pool: Callable[[Instant], bool] = lambda _: False
    """Whether the price books have a node at an instant, with which savings are compared."""
