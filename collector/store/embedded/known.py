"""
Remembers what checks of statements returned: programs send few texts again and again, and a parse takes a millisecond.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

MOST = 256
LONGEST = 16 << 10
"""Characters of a statement that is remembered; with MOST it bounds the memory."""


@dataclass(slots=True)
class KnownStatements:
    """The results of one check, each by all that decides it. Several threads may use it; refusals are not remembered."""

    _results: dict[Hashable, str] = field(default_factory=dict)

    def result(self, statement: str, others: Hashable, check: Callable[[], str]) -> str:
        """Returns what a check of a statement, with the `others` that decide, returned or returns now."""
        if len(statement) > LONGEST:
            return check()
        key = statement, others
        known = self._results.get(key)
        if known is None:
            known = check()
            if len(self._results) >= MOST:
                self._results.clear()
            self._results[key] = known
        return known
