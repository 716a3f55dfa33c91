"""
The instants at which a crash would matter, by name: a test ends the process at each of them and compares what is left.

Code that writes takes a `failpoint` and calls it with the name of each instant. In a collector it does nothing.
"""

from collections.abc import Callable

Failpoint = Callable[[str], object]

FAILPOINTS = (
    *(f"{step}:{at}" for step in ("load", "commit", "seal", "acknowledge") for at in ("begun", "written", "durable")),
    "commit:facts",  # facts are written, the positions that they belong to are not
    "seal:positions",  # positions and live rows are facts by now, and not marked as sent
    "acknowledge:vacuumed",
    "insert:before",
    "insert:stored",  # the store has acknowledged, the spool has not recorded it
)
"""`begun`: the transaction is open. `written`: everything but its commit. `durable`: synced to disk."""


def no_failpoint(_name: str) -> None:
    """Does nothing."""
