"""Test data for the spool."""

import sqlite3
from pathlib import Path

from collector.core.messages import Cursor
from collector.store.spool.file import UPGRADES

NOW = 1_700_000_000_000


def a_cursor(version: str = "7", cluster: str = "c", **totals: str) -> Cursor:
    """A position, with counters at it."""
    return Cursor(
        cluster=cluster, kind="pods", resource_version=version, epoch=2, cluster_uid="u", at=NOW, totals=totals
    )  # fmt: skip


def an_old_spool(file: Path, version: int) -> sqlite3.Connection:
    """An empty spool as a release with that schema made it."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    for script in UPGRADES[:version]:
        connection.executescript(script)
    connection.execute(f"PRAGMA user_version = {version}")
    return connection
