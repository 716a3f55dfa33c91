"""Test data for the spool."""

from collector.core.messages import Cursor

NOW = 1_700_000_000_000


def a_cursor(version: str = "7", cluster: str = "c", **totals: str) -> Cursor:
    """A position, with counters at it."""
    return Cursor(
        cluster=cluster, kind="pods", resource_version=version, epoch=2, cluster_uid="u", at=NOW, totals=totals
    )  # fmt: skip
