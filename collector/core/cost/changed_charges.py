"""
Filters out unchanged charges.

A running pod is priced again every hour, for all its days. Most of these rows equal the rows written before; to write
them again would change nothing and rebuild the rollup of each day. So a mark of each written row is remembered, and a
row with the same mark is not emitted. This module need not know what a row depends on: a new class, owner, price, end or
pricing run gives another row and so another mark.
"""

from collections.abc import Callable
from hashlib import blake2b

import msgspec

from collector.core.facts.bills import PodCost

MARK_BYTES = 8
"""Bytes of a mark: a changed row is mistaken for the row before once in 2^64."""

_encode = msgspec.msgpack.Encoder(decimal_format="string").encode

Runs = Callable[[int], tuple[int, ...]]
"""Function from a day to the pricing runs under which its charges are written."""


class WrittenCharges(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Written charges of a pod: their newest version, their billing days, a mark of each row."""

    version: int
    first_day: int
    last_day: int
    marks: tuple[int, ...] = ()
    """Marks of the newest rows. Empty: written by another process, or by a release that kept no marks."""


def changed_charges(
    charges: list[PodCost], runs: Runs, written: WrittenCharges | None
) -> tuple[list[PodCost], WrittenCharges | None]:
    """Filter out unchanged charges of a pod; also returns the charges that are written after this call."""
    marks = [_mark(charge, runs(charge.day)) for charge in charges]
    before = frozenset(written.marks) if written else frozenset()
    new = [charge for charge, mark in zip(charges, marks, strict=True) if mark not in before]
    if not new:
        return [], written
    return new, WrittenCharges(new[0].version, charges[0].day, charges[-1].day, tuple(marks))


def _mark(charge: PodCost, runs: tuple[int, ...]) -> int:
    """Hash of a row and its runs without the row's version; equal in every process."""
    row = _encode((msgspec.structs.replace(charge, version=0), runs))
    return int.from_bytes(blake2b(row, digest_size=MARK_BYTES).digest(), "big")
