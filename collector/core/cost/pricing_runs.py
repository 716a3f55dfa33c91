"""
Pricing runs under which a charge is written: the active run of its month, and each run that is being prepared.

A locked month accepts no more charges. Late charges are kept under a separate late run, and their difference to the locked
amounts is booked in an open month (billing/corrections.py).
"""

from collections.abc import Mapping

import msgspec

from collector.core.cost.billing_days import month_of

FIRST_RUN = 1
"""Active run of a month that has no period."""


class Preparing(msgspec.Struct, frozen=True):
    """A run that a process is computing now, for the days of some months."""

    run: int
    from_day: int
    to_day: int
    """Exclusive."""


class Runs(msgspec.Struct, frozen=True):
    """Pricing runs of the store; by default every charge is written under the first run."""

    by_month: Mapping[int, int] = {}
    """Active run, or late run if the month is locked, by the month's first day."""
    preparing: tuple[Preparing, ...] = ()

    @property
    def numbers(self) -> frozenset[int]:
        """All runs under which charges are written."""
        return frozenset({FIRST_RUN, *self.by_month.values(), *(p.run for p in self.preparing)})

    def of(self, day: int) -> tuple[int, ...]:
        """Runs under which a charge of a day is written."""
        active = self.by_month.get(month_of(day), FIRST_RUN)
        return tuple(dict.fromkeys((active, *(p.run for p in self.preparing if p.from_day <= day < p.to_day))))
