"""
One replica's standing in one Lease, without sockets: when to read it, when to write what, and whether it is held.

All times are seconds of the replica's own monotonic clock. What the Lease says of times is for people and is never compared: a
wall clock may be set. A holder counts from before it sent its renewal, the others from when they first saw it, and the holder
gives up sooner: two replicas never both believe to hold a Lease while the rates of their clocks differ by less than a third. A
process that was stopped finds out when it next looks at its clock.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

LEASE_S = 8
"""After this long without a renewal another replica takes the Lease. A look and the courtesy to others add 4 s at most, which
leaves 3 s for reading the saved state: a shard is watched again within 15 s of its holder's death."""
DEADLINE_S = 6.0
"""After this long without a renewal the holder stops; less than LEASE_S."""
RENEW_S = 2.0
LOOK_S = 1.0
"""Between two looks at a Lease that another one holds, and before a failed request is repeated."""
YIELD_S = 1.0
LONGEST_YIELD_S = 3.0
"""A replica leaves a free Lease to others for a second for each that it holds, up to this long: replicas that start together
share the shards. Nothing is rebalanced later."""
LONGEST_LEASE_S = 60
"""A Lease may have been written by another release, or by hand."""


@dataclass(frozen=True, slots=True)
class ShardLease:
    """A Lease as the API server has it, or as it is to be written."""

    holder: str
    """Empty: it is free."""
    version: str = ""
    """resourceVersion; empty: it does not exist yet."""
    duration_s: int = LEASE_S
    transitions: int = 0
    acquired: str = ""
    """RFC 3339; empty: with this write."""


class ReadLease(NamedTuple):
    """Read the Lease now."""


class WriteLease(NamedTuple):
    """Write this to the Lease now; without a version create it."""

    lease: ShardLease


class Rest(NamedTuple):
    """Nothing to do before so many seconds have passed."""

    seconds: float


class Standing:
    """What a replica knows of a Lease."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self._lease: ShardLease | None = None
        self._since = -math.inf
        """When this version of the Lease was first seen."""
        self._not_before = self._read_at = self._written_at = -math.inf
        self._is_known = False
        self._held_until = -math.inf

    @property
    def holder(self) -> str:
        """Who holds the Lease as far as is known; empty: it is free."""
        return self._lease.holder if self._lease else ""

    @property
    def has_had_holders(self) -> bool:
        """Whether there was another holder before the present one, as far as is known."""
        return self._lease is not None and self._lease.transitions > 0

    def holds(self, now: float) -> bool:
        """Whether this replica may act as the holder."""
        return now < self._held_until

    def next(self, now: float, others_held: int) -> ReadLease | WriteLease | Rest:
        """What to do now; `others_held` is how many other Leases this replica holds."""
        if now < self._not_before:
            return Rest(self._not_before - now)
        if not self._is_known:
            return ReadLease()
        write_at = self._write_at(now, others_held)
        if now >= write_at:
            return WriteLease(self._own())
        # Its own Lease a holder only writes: that shows any change too.
        read_at = math.inf if self.holder == self.identity else self._read_at + LOOK_S
        return ReadLease() if now >= read_at else Rest(min(write_at, read_at) - now)

    def saw(self, lease: ShardLease | None, now: float) -> None:
        """Takes the answer to a read; None: there is no Lease."""
        if not self._is_known or (lease and lease.version) != (self._lease and self._lease.version):
            self._lease, self._since, self._is_known = lease, now, True
        self._read_at = now

    def wrote(self, lease: ShardLease, sent_at: float) -> None:
        """Takes the answer to a write that was sent at `sent_at`."""
        self._lease, self._since, self._is_known = lease, sent_at, True
        self._held_until = sent_at + DEADLINE_S if lease.holder == self.identity else -math.inf
        self._written_at = sent_at

    def conflicted(self) -> None:
        """A write was refused: the Lease has another version."""
        self._is_known = False

    def failed(self, now: float, pause_s: float = LOOK_S) -> None:
        """A request failed, or may have; the next one follows after a pause."""
        self._not_before = now + pause_s

    def release(self, now: float) -> ShardLease | None:
        """What to write when the replica ends; None: the Lease is not its own. From here on it is not held."""
        is_held, self._held_until = self.holds(now), -math.inf
        return replace(self._own(), holder="", acquired="") if is_held and self.holder == self.identity else None

    def _write_at(self, now: float, others_held: int) -> float:
        """When to write the Lease, unless it changes before."""
        if self.holder == self.identity:
            return self._written_at + RENEW_S
        is_deleted_from_us = self._lease is None and self.holds(now)
        return self._free_at() + (0.0 if is_deleted_from_us else min(others_held * YIELD_S, LONGEST_YIELD_S))

    def _own(self) -> ShardLease:
        """The Lease with this replica as its holder."""
        known = self._lease or ShardLease("")
        if known.holder == self.identity:
            return replace(known, duration_s=LEASE_S)
        return ShardLease(self.identity, known.version, LEASE_S, known.transitions + bool(self._lease))

    def _free_at(self) -> float:
        """Since when the Lease is free, or from when on it is unless it is renewed."""
        if self._lease is None or not self._lease.holder:
            return self._since
        return self._since + min(max(1, self._lease.duration_s), LONGEST_LEASE_S)
