"""
The number of examples that hypothesis draws: a quarter in `make test`, all of them in `make test-laws`.

Both draw the same examples each time: what lands does not depend on chance, nor does the gate of coverage. `make
search-laws` draws others, to find what the landed examples miss.
"""

import os

from hypothesis import settings

NEW = os.environ.get("LYNCEUS_EXAMPLES") == "new"
"""Examples drawn at random, others in each run."""
FULL = NEW or os.environ.get("LYNCEUS_EXAMPLES") == "full"
DEFAULT = 100
"""Hypothesis' own number, of laws that name none."""
FEWEST = 5


def examples(full: int) -> int:
    """How many examples to draw of a law that names its full number."""
    return full if FULL else max(min(full, FEWEST), full // 4)


def load_profile() -> None:
    """Sets the number for laws that name none, and no deadlines: the time of an example depends on the machine's load."""
    settings.register_profile("lynceus", deadline=None, max_examples=examples(DEFAULT), derandomize=not NEW)
    settings.load_profile("lynceus")
