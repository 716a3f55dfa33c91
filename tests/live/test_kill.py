"""
kill -9 of the collector, of the store, and of both, compared with an undisturbed collector on the same fleet.
"""

import asyncio
import contextlib
import os
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live.alike import Watcher, a_watcher, all_positions, differences, fleet
from tests.processes import alive, descendants, kill, started

ROUNDS = int(os.environ.get("LYNCEUS_KILL_ROUNDS", "60"))
SEED = int(os.environ.get("LYNCEUS_KILL_SEED", "1"))

pytestmark = [pytest.mark.live, pytest.mark.timeout(180 + 10 * ROUNDS)]


@dataclass
class Target:
    """The collector that is killed: it is started again whenever it is not running."""

    watcher: Watcher
    kills: Counter[str] = field(default_factory=Counter)
    left: list[int] = field(default_factory=list)
    """Processes that outlived the collector they belonged to."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Starts the collector unless it runs."""
        if self._process is None:
            log = self.watcher.folder / "log"
            self._process = self._stack.enter_context(started("run", "--config", str(self.watcher.config), log=log))
        return self._process

    async def hit(self, dice: random.Random) -> None:
        """One round: run on for a moment, then lose the collector, its store, or both."""
        process, what = self.start(), dice.choice(("collector", "store", "both"))
        while what != "collector" and not descendants(process.pid):
            await asyncio.sleep(0.02)
        await asyncio.sleep(dice.triangular(0.1, 2.2, 0.3))  # the instant of death is what the round draws
        tree = descendants(process.pid)
        what = what if tree else "collector"  # its store is just being started again
        self.kills[what] += 1
        if what != "collector":
            kill(tree[0])
        if what == "both":
            await asyncio.sleep(dice.choice((0, dice.uniform(0, 0.6))))
        if what != "store":
            await self._end(process)

    async def _end(self, process: subprocess.Popen[bytes]) -> None:
        tree = descendants(process.pid)
        process.kill()
        process.wait()
        self._process = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while any(map(alive, tree)):
                    await asyncio.sleep(0.02)
        self.left += filter(alive, tree)
        self._stack.close()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Runs the collector undisturbed at the end."""
        with self._stack:
            self.start()
            yield


async def test_nothing_is_lost_and_nothing_doubled_by_kill_9(tmp_path: Path) -> None:
    """After so many rounds of kill -9 at random instants all tables are equal, and no process is left of any round."""
    dice = random.Random(SEED)
    async with fleet(tmp_path / "fleet", SEED) as (kubeconfig, contexts):
        calm, hit = (a_watcher(tmp_path / name, kubeconfig, contexts) for name in ("calm", "hit"))
        target = Target(hit)
        with started("run", "--config", str(calm.config), log=calm.folder / "log"):
            target.start()
            begin = max([await all_positions(watcher, len(contexts)) for watcher in (calm, hit)])
            for _ in range(ROUNDS):
                await target.hit(dice)
            with target.running():
                ((ended, last),) = await calm.rows("SELECT count(), max(finished_at) FROM workflow_run FINAL")
                found = await differences(calm, hit, begin, last)
                doubles = await hit.rows("SELECT count() - uniqExact(cluster, pod_uid, day, entry) FROM cost_current")

    assert ended > 20
    assert found == []
    assert doubles == [(0,)]
    assert target.left == []
    assert target.kills.keys() == {"collector", "store", "both"}
