"""
How long to wait before trying again. No clock and no sleep: the instant and the dice are arguments.
"""

from dataclasses import dataclass
from random import Random

from collector.core.model import Instant

FIRST_S = 0.8
LONGEST_S = 30.0
HEALTHY_MS = 120_000
"""After this long without trouble the next trouble counts as the first."""


@dataclass(slots=True)
class Backoff:
    """Exponential with full jitter: a fleet of watches cut at one instant must not come back at one instant."""

    dice: Random
    failures: int = 0
    healthy_since: Instant | None = None

    def healthy(self, now: Instant) -> None:
        """Note that the other side answered as it should."""
        if self.healthy_since is None:
            self.healthy_since = now

    def delay_s(self, now: Instant, at_least_s: float = 0.0) -> float:
        """How long to wait after this failure; never less than the server asked for."""
        if self.healthy_since is not None and now - self.healthy_since >= HEALTHY_MS:
            self.failures = 0
        self.healthy_since = None
        # 2**10 is far beyond LONGEST_S; without the bound a month of failures would make a number of 80,000 digits.
        ceiling = min(LONGEST_S, FIRST_S * 2.0 ** min(self.failures, 10))
        self.failures += 1
        return max(self.dice.uniform(0, ceiling), at_least_s * (1 + 0.1 * self.dice.random()))
