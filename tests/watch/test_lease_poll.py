"""How often the Lease of the controller is read."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.watch.installation import (
    LEASE,
    Installation,
    an_installation,
)
from tests.watch.server import body
from tests.watch.steps import refusal


@pytest.fixture
async def argo(tmp_path: Path) -> AsyncIterator[Installation]:
    async with an_installation(tmp_path) as installation:
        yield installation


async def test_the_lease_is_read_often_while_its_holder_does_not_run(
    argo: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until a holder runs, or for two minutes; only of one that has led, since a standby may never be seen."""
    now = 0.0
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "time", lambda: now)
    poll = argo.poll(every_s=15)
    sent = []
    # Led, from 4 s on not, at 10 s another one leads, from 30 s on none does for longer than two minutes.
    for second in range(0, 220, 2):
        now, before = float(second), argo.requests()[LEASE]
        argo.led = second < 4 or 10 <= second < 30
        await poll.read_due()
        sent += [second] if argo.requests()[LEASE] > before else []

    assert sent[:4] == [0, 4, 6, 8]
    assert [second for second in sent if 10 <= second < 30] == [22]
    assert [second for second in sent if 30 <= second < 150] == list(range(30, 150, 2))
    assert [b - a for a, b in pairwise(second for second in sent if second >= 150)] == [14, 14, 14, 14]


async def test_a_lease_that_is_refused_is_not_read_often(argo: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing right does not come back within seconds."""
    now = 0.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    poll = argo.poll(every_s=15)
    await poll.read_due()
    argo.led, argo.answers[LEASE] = False, body(refusal(403), 403)
    for second in range(2, 30, 2):
        now = float(second)
        await poll.read_due()

    assert argo.requests()[LEASE] == 2
