"""
What every part of one simulated cluster shares: its scenario, its objects, its locks and its two sources of chance.

Pure: a source of chance is given, and each instant is an argument of the parts.
"""

from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from collector.demo.locks import Locks
from collector.demo.objects import Objects
from collector.demo.scenario import SimulatedCluster


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One simulated cluster, as its parts see it."""

    cluster: SimulatedCluster
    objects: Objects
    rng: Random
    """Decides what happens."""
    ids: Random
    """Makes uids and suffixes of names, so that those differ between two fleets of one seed while events are the same."""
    locks: Locks = field(default_factory=Locks)

    def new_uid(self) -> str:
        """A uid as an API server makes one."""
        return str(UUID(int=self.ids.getrandbits(128), version=4))
