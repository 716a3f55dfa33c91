"""
Objects whose state changed since the last checkpoint.

Every part of core that keeps state marks its changes here. A state that changes without a mark is lost at a restart.
"""

from typing import Literal

StateKind = Literal["workflows", "pods", "hints", "nodes", "cronworkflows", "controller"]
"""Kinds of saved state. `hints` are notices of release whose pod has not been seen, `controller` is one state a cluster."""


class ChangeLog:
    """Kind and key of each changed object, in the order of the first change."""

    def __init__(self) -> None:
        self._changed: dict[tuple[StateKind, str], None] = {}

    def __len__(self) -> int:
        return len(self._changed)

    def mark(self, kind: StateKind, key: str) -> None:
        """Records that an object's state is new, different or gone."""
        self._changed[kind, key] = None

    def drain(self) -> list[tuple[StateKind, str]]:
        """Returns the changed objects and empties the log."""
        changed, self._changed = self._changed, {}
        return [*changed]
