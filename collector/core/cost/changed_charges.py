"""
Which charges of a pod say something new.

A pod that runs is charged every hour, with all its days; of these all but today's, and yesterday's once it is over, say
what they said before. Telling them again would change nothing and have each of their days' rollups built anew. So a mark
of each row that was told is remembered, and a row of the same mark is left out. What a row depends on need not be known
here: a new class, owner, price, end or pricing run makes another row, whatever made it.
"""

from collections.abc import Callable
from hashlib import blake2b

import msgspec

from collector.core.facts.bills import PodCost

MARK_BYTES = 8
"""A corrected row is taken for the one before once in 2^64."""

_encode = msgspec.msgpack.Encoder(decimal_format="string").encode

Runs = Callable[[int], tuple[int, ...]]
"""The pricing runs under which a charge of a day is written."""


class WrittenCharges(msgspec.Struct, frozen=True, array_like=True):
    """The charges of a pod that were written: their newest version, their billing days, a mark of each row."""

    version: int
    first_day: int
    last_day: int
    marks: tuple[int, ...] = ()
    """Of the rows in force. Empty: written by another process, or by a release that kept no marks."""


def changed_charges(
    charges: list[PodCost], runs: Runs, told: WrittenCharges | None
) -> tuple[list[PodCost], WrittenCharges | None]:
    """Of all charges of a pod those that were not told before, and what has been told with them."""
    marks = [_mark(charge, runs(charge.day)) for charge in charges]
    before = frozenset(told.marks) if told else frozenset()
    new = [charge for charge, mark in zip(charges, marks, strict=True) if mark not in before]
    if not new:
        return [], told
    return new, WrittenCharges(new[0].version, charges[0].day, charges[-1].day, tuple(marks))


def _mark(charge: PodCost, runs: tuple[int, ...]) -> int:
    """The same for the same row under the same runs, in every process; its version says nothing of it."""
    row = _encode((msgspec.structs.replace(charge, version=0), runs))
    return int.from_bytes(blake2b(row, digest_size=MARK_BYTES).digest(), "big")
