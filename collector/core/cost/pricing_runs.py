"""
Under which pricing runs a charge is written: its month's active one, and beside it each run that is being prepared.

A locked month takes no charge any more: what arrives for it is kept under a late run of its own, and its difference to
what was locked is booked in an open month (repricing/corrections.py).
"""

from collections.abc import Mapping

import msgspec

from collector.core.cost.billing_days import month_of

FIRST_RUN = 1
"""The active run of a month of which no period says otherwise."""


class Preparing(msgspec.Struct, frozen=True):
    """A run that somebody computes now, for the days of some months."""

    run: int
    from_day: int
    to_day: int
    """Exclusive."""


class Runs(msgspec.Struct, frozen=True):
    """What the store says of its runs; without a word everything is written under the first."""

    by_month: Mapping[int, int] = {}
    """By the month's first day its active run, or its late run where it is locked."""
    preparing: tuple[Preparing, ...] = ()

    @property
    def numbers(self) -> frozenset[int]:
        """Every run that is written."""
        return frozenset({FIRST_RUN, *self.by_month.values(), *(p.run for p in self.preparing)})

    def of(self, day: int) -> tuple[int, ...]:
        """The runs under which a charge of that day is to be written."""
        active = self.by_month.get(month_of(day), FIRST_RUN)
        return tuple(dict.fromkeys((active, *(p.run for p in self.preparing if p.from_day <= day < p.to_day))))
