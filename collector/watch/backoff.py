"""
The pause before the next try. No clock and no sleep: the instant and the dice are arguments.
"""

from dataclasses import dataclass
from random import Random

from collector.core.model import Instant

FIRST_S = 0.8
LONGEST_S = 30.0
HEALTHY_MS = 120_000
"""After this time without trouble, the next trouble counts as the first."""


@dataclass(slots=True)
class Backoff:
    """Exponential backoff with full jitter: watches that were cut at one instant must not reconnect at one instant."""

    dice: Random
    failures: int = 0
    healthy_since: Instant | None = None

    def healthy(self, now: Instant) -> None:
        """Records a good answer."""
        if self.healthy_since is None:
            self.healthy_since = now

    def forget(self) -> None:
        """Forgets the failures: the next trouble counts as the first."""
        self.failures = 0

    def delay_s(self, now: Instant, at_least_s: float = 0.0) -> float:
        """Records a failure; returns the pause after it, never shorter than the server asked for."""
        if self.healthy_since is not None and now - self.healthy_since >= HEALTHY_MS:
            self.failures = 0
        self.healthy_since = None
        # 2**10 is far above LONGEST_S. Without the bound, a month of failures would give a number of 80,000 digits.
        ceiling = min(LONGEST_S, FIRST_S * 2.0 ** min(self.failures, 10))
        self.failures += 1
        return max(self.dice.uniform(0, ceiling), at_least_s * (1 + 0.1 * self.dice.random()))
