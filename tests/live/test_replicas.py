"""
Two replicas of one collector beside an undisturbed one: the active replica is killed, stopped or ended again and again.

Both write to one store; each has a disk of its own. The Leases are those of an API server of the test's own.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.kube.lease import LEASE_S
from collector.store.schema.migrate import migrate
from tests.kube.lease_api import LeaseApi
from tests.live.alike import Watcher, a_watcher, all_positions, differences, fleet
from tests.processes import ROOT, of_this_machine, started
from tests.store.running import start

ENOUGH = 20
ROUNDS = int(os.environ.get("LYNCEUS_REPLICA_ROUNDS", "3"))
EVERY_S = float(os.environ.get("LYNCEUS_REPLICA_EVERY_S", "20"))
"""Between two kills: 20 rounds of 30 s are ten minutes."""
TAKEOVER_S = 15
CLUSTERS = 3

pytestmark = [pytest.mark.live, pytest.mark.timeout(300 + (EVERY_S + 60) * ROUNDS)]


@dataclass
class Replica:
    """One of the two: its settings, and its process while it runs."""

    watcher: Watcher
    api: LeaseApi
    process: subprocess.Popen[bytes] | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def begin(self) -> None:
        """Starts it unless it runs."""
        if self.process is None or self.process.poll() is not None:
            log = self._stack.enter_context((self.watcher.folder / "log").open("ab"))
            command = [sys.executable, "-m", "tests.replica_process", str(self.api.account), "1", "run"]
            self.process = subprocess.Popen(
                [*command, "--config", str(self.watcher.config)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env=os.environ | self.api.environment,
            )

    def send(self, number: signal.Signals) -> None:
        """Sends its process a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def close(self) -> None:
        """kill -9, if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        self._stack.close()

    def live(self) -> dict[str, Any]:
        """What its live page shows; nothing while it does not answer."""
        listen = yaml.safe_load(self.watcher.config.read_text())["http"]["listen"]
        try:
            with urllib.request.urlopen(f"http://{listen}/api/v1/live", timeout=2) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (OSError, ValueError):
            return {}

    def watches(self) -> bool:
        """Whether it watches every cluster."""
        clusters = self.live().get("clusters", [])
        return len(clusters) == CLUSTERS and all(cluster["ready"] for cluster in clusters)

    def stands_by(self) -> bool:
        """Whether it is up and watches none."""
        live = self.live()
        return live.get("clusters") == [] and live["replica"].startswith("standby; shard 0 is held by")


@dataclass
class Pair:
    """The two replicas before their store, beside an undisturbed collector with a store of its own."""

    calm: Watcher
    replicas: tuple[Replica, Replica]

    async def roles(self) -> tuple[Replica, Replica]:
        """The active one and the standby, as soon as each is what it should be."""
        for replica in self.replicas:
            replica.begin()
        a, b = self.replicas
        await until(lambda: (a.watches() and b.stands_by()) or (b.watches() and a.stands_by()), 120, self.state)
        return (a, b) if a.watches() else (b, a)

    def state(self) -> str:
        """What the two say, and the end of their logs."""
        logs = [(replica.watcher.folder / "log").read_text()[-1500:] for replica in self.replicas]
        return "\n".join([*(str(replica.live())[:300] for replica in self.replicas), *logs])


async def until(holds: Callable[[], bool], within_s: float, words: Callable[[], str]) -> float:
    """Waits for a condition; returns how long that took."""
    began = time.monotonic()
    while not await asyncio.to_thread(holds):
        if time.monotonic() - began > within_s:
            raise AssertionError(f"not within {within_s:g} s: {words()}")
        await asyncio.sleep(0.1)
    return time.monotonic() - began


@contextmanager
def a_pair(folder: Path, kubeconfig: Path, contexts: list[str]) -> Iterator[Pair]:
    with ExitStack() as stack:
        calm = a_watcher(folder / "calm", kubeconfig, contexts)
        stack.enter_context(started("run", "--config", str(calm.config), log=calm.folder / "log"))
        store = start(folder)
        stack.callback(store.stop)
        with contextlib.closing(store.writer()) as writer:
            migrate(writer)  # by two at once it takes long on a small machine
        (folder / "api").mkdir()
        api = stack.enter_context(LeaseApi(folder / "api").serving())
        common = {"url": f"{store.url}/lynceus", "username": "lynceus", "password_file": str(store.token_file)}
        replicas = [Replica(a_watcher(folder / name, kubeconfig, contexts, store=common), api) for name in "ab"]
        for replica in replicas:
            replica.watcher.store = store.reader()
            stack.callback(replica.close)
        yield Pair(calm, (replicas[0], replicas[1]))


async def enough_ended(calm: Watcher) -> datetime:
    """Waits until so many workflows have ended that equal tables mean something; returns when the last one of them did."""
    async with asyncio.timeout(120):
        while True:
            ((ended, last),) = await calm.rows("SELECT count(), max(finished_at) FROM workflow_run FINAL")
            if ended > ENOUGH and isinstance(last, datetime):
                return last
            await asyncio.sleep(0.5)


@asynccontextmanager
async def disturbed(folder: Path) -> AsyncIterator[Pair]:
    """A pair to disturb; at the end its tables are those of the undisturbed collector."""
    async with fleet(folder / "fleet") as (kubeconfig, contexts):
        with a_pair(folder, kubeconfig, contexts) as pair:
            await pair.roles()
            hit = pair.replicas[0].watcher
            begin = max([await all_positions(watcher, CLUSTERS) for watcher in (pair.calm, hit)])
            yield pair
            last = await enough_ended(pair.calm)
            found = await differences(pair.calm, hit, begin, last)
            doubles = await hit.rows("SELECT count() - uniqExact(cluster, pod_uid, day, entry) FROM cost_current")
    assert found == []
    assert doubles == [(0,)]


async def test_nothing_is_lost_and_nothing_doubled_when_the_active_replica_is_killed(tmp_path: Path) -> None:
    """kill -9 of whichever watches; the other watches within 15 s, and the tables are as if nothing had happened."""
    took: list[float] = []
    async with disturbed(tmp_path) as pair:
        for _ in range(ROUNDS):
            active, standby = await pair.roles()
            await asyncio.sleep(EVERY_S)
            active.send(signal.SIGKILL)
            took.append(await until(standby.watches, 120, pair.state))
    sys.stdout.write(f"watched again after {took} s\n")
    assert max(took) < of_this_machine(TAKEOVER_S)


async def test_a_replica_that_ends_hands_over_at_once(tmp_path: Path) -> None:
    """SIGTERM: what it had is stored, its Lease is free, and the other takes it long before it would have expired."""
    async with disturbed(tmp_path) as pair:
        active, standby = await pair.roles()
        active.send(signal.SIGTERM)
        assert active.process is not None
        await asyncio.to_thread(active.process.wait, 60)
        took = await until(standby.watches, 120, pair.state)
    sys.stdout.write(f"watched again after {took} s\n")
    assert took < of_this_machine(LEASE_S / 2)


async def test_a_zombie_is_harmless(tmp_path: Path) -> None:
    """Stopped until another watches, and then continued: it finds out, stands by, and changes no row."""
    async with disturbed(tmp_path) as pair:
        for _ in range(max(1, ROUNDS // 2)):
            active, standby = await pair.roles()
            active.send(signal.SIGSTOP)
            await until(standby.watches, 120, pair.state)
            active.send(signal.SIGCONT)
            await until(active.stands_by, 60, pair.state)
            assert standby.watches()
