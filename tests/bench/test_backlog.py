"""The bench of an outage counts what it says. Nothing is timed here."""

import asyncio
from pathlib import Path

import pytest

from tests.bench.backlog import backlog, lateness

pytestmark = pytest.mark.live


def test_every_row_of_an_outage_is_stored_once(tmp_path: Path) -> None:
    """Those that queued up and those that arrived while they drained."""
    figures = asyncio.run(backlog(4_000, 1_000, tmp_path))

    assert figures.stored == figures.rows >= 4_000
    assert figures.left_bytes < figures.spool_bytes


def test_each_workflow_has_its_lateness(tmp_path: Path) -> None:
    """From its last event, and none was stored before it arrived."""
    late = asyncio.run(lateness(50, 200, tmp_path))

    assert len(late) == 50
    assert late[0] >= 0
