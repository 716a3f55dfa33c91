"""
What the next commit makes durable.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from collector.core.messages import Checkpoint, Cursor, Gone, Position
from collector.core.model import Fact


@dataclass(slots=True)
class Gathered:
    """Everything to make durable with the next commit, besides the changed states in core."""

    facts: list[Fact] = field(default_factory=list)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    deletes: list[Gone] = field(default_factory=list)
    upserts: list[Checkpoint] = field(default_factory=list)
    """The last states of removed clusters."""
    cursors: list[Cursor] = field(default_factory=list)
    """The last positions of removed clusters."""

    def with_packed(self, packed: Iterable[tuple[list[Checkpoint], list[Gone]]]) -> tuple[list[Checkpoint], list[Gone]]:
        """The states to save and to delete: these, and those that were packed. An object that is there again is not deleted."""
        upserts, deletes = self.upserts, list[Gone]()
        for saved, gone in packed:
            upserts += saved
            deletes += gone
        if self.deletes:
            there = {(one.cluster, one.kind, one.uid) for one in upserts}
            deletes += [gone for gone in self.deletes if (gone.cluster, gone.kind, gone.uid) not in there]
        return upserts, deletes
