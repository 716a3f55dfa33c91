"""
What every fact is, and the words they are told in: facts/ has one for each table, by domain; what carries them is in stream.py.

An instant is an int: Unix milliseconds, UTC. It cannot be naive, it costs nothing to compare, and it is what ClickHouse's
DateTime64(3) stores; zones matter in billing only, which names its own. Money and quantities are Decimal, floats lose cents.
A fact is a frozen struct whose fields are, in this order, the columns of its table (catalog/ binds the two).
A field that a later release adds stands at the end and has a default, so that what an older one spooled is still read.
No I/O happens here, and nothing here imports another module of this project.
"""

import msgspec

Instant = int
"""Unix milliseconds, UTC."""

BEFORE_WORK = ("unseen", "throttled", "lock", "volume")
"""Waiting reasons of a workflow whose work has not begun; only these count as queue depth."""

AFTER_WORK = ("suspended", "quota", "unschedulable", "image", "volume", "step_lock", "starting", "advancing")
"""Waiting reasons of a workflow that began but runs no main container, the first that holds wins."""

WAITING_REASONS = (*BEFORE_WORK, *(r for r in AFTER_WORK if r not in BEFORE_WORK))
REASONS = (*WAITING_REASONS, "running")
"""One millisecond column each; they sum to finished - created within the clock's resolution."""

OUTCOMES = ("succeeded", "failed", "platform", "cancelled", "invalid", "unknown")
"""How an attempt ended. `unknown`: the object vanished while nobody watched."""

TERMINAL_PHASES = frozenset({"Succeeded", "Failed", "Error"})


def version_of(epoch: int, resource_version: int, revision: int = 0) -> int:
    """The version column of a fact; grows with the object, with a restored cluster, and with our own re-derivation."""
    return epoch << 56 | resource_version << 8 | revision


class Fact(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """A row to be: packs as an array in column order, so that the spool and the insert need no code of their own a table."""
