"""
The payer of a pod's charges: its workflow, live (core/workflow/payer.py) or from stored rows (billing/payers.py).
"""

from collections.abc import Mapping

import msgspec


class Payer(msgspec.Struct, frozen=True, kw_only=True):
    """Owner of a workflow, and its state as far as it decides the class of a cost."""

    version: int
    template: str
    template_version: str
    department: str
    project: str
    creator: str
    attempt: int
    """Number of the newest attempt."""
    finished: bool
    outcome: str
    retried_nodes: frozenset[str] | None = None
    """Node ids of step attempts that a later one replaced."""
    repeated: Mapping[str, int] | None = None
    """By node id the newest attempt that made a pod for it, where that is not the first attempt."""
