"""
The number of examples that hypothesis draws: a quarter in `make test`, all of them in `make test-laws`.

Every law is tried in both. The quarter is drawn the same way each time, so that the gate of coverage does not depend on
chance; the full number is drawn at random.
"""

import os

from hypothesis import settings

FULL = os.environ.get("LYNCEUS_EXAMPLES") == "full"
DEFAULT = 100
"""Hypothesis' own number, of laws that name none."""
FEWEST = 5


def examples(full: int) -> int:
    """How many examples to draw of a law that names its full number."""
    return full if FULL else max(min(full, FEWEST), full // 4)


def load_profile() -> None:
    """Sets the number for laws that name none, and no deadlines: the time of an example depends on the machine's load."""
    settings.register_profile("lynceus", deadline=None, max_examples=examples(DEFAULT), derandomize=not FULL)
    settings.load_profile("lynceus")
