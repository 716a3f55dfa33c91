"""
The instants at which a crash would matter, by name: a test ends the process at each of them and compares what is left.

What writes takes a `reached` and calls it with the name of each point that it comes to. In a collector that is `passed`.
"""

from collections.abc import Callable

Failpoint = Callable[[str], object]

FAILPOINTS = (
    *(f"{step}:{at}" for step in ("commit", "seal", "acknowledge") for at in ("begun", "written", "durable")),
    "commit:facts",          # written, and the positions they led to are not
    "seal:positions",        # positions and live rows are facts by now, and not marked as sent
    "acknowledge:vacuumed",
    "insert:before",
    "insert:stored",         # the store has said so, the spool does not know
)  # fmt: skip
"""`begun`: the transaction is open. `written`: all but its commit. `durable`: synced to disk."""


def passed(_point: str) -> None:
    """Go on."""
