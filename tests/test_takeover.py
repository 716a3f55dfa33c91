"""The disk is gone and the store is not: another collector goes on where the acknowledged rounds ended."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from collector.catalog import metrics
from collector.demo.fleet import run_fleet
from collector.settings import ClusterSettings, Settings, StoreSettings
from tests.live.test_kill import TERMINAL
from tests.running import Running, a_service, running
from tests.store.running import Running as RunningStore
from tests.store.running import start

pytestmark = pytest.mark.live


@asynccontextmanager
async def a_fleet(folder: Path) -> AsyncIterator[ClusterSettings]:
    """One cluster, which lives on while its collectors come and go."""
    stop, up = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_fleet(folder, 1, 1, lambda path, names: up.set_result((path, names)), stop))
    path, names = await up
    try:
        yield ClusterSettings(name=names[0], kubeconfig=str(path), context=names[0])
    finally:
        stop.set()
        await task


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunningStore]:
    """A store that outlives its collectors' disks."""
    process = start(tmp_path)
    yield process
    assert process.stop() == 0


def beside(folder: Path, store: RunningStore, cluster: ClusterSettings) -> Settings:
    """A collector with a disk of its own, before a store that is not its own."""
    url = f"{store.url}/lynceus"
    outside = StoreSettings(url=url, username="lynceus", password_file=str(store.token_file), wait_seconds=20)
    return a_service(folder, cluster, store=outside)


async def finished(collector: Running) -> set[Any]:
    """The workflows of which the store has an end."""
    return {uid for (uid,) in await collector.rows("SELECT DISTINCT uid FROM lynceus.workflow_run")}


async def rows_of(collector: Running, table: str, uids: set[Any]) -> list[Any]:
    """What must be equal of some workflows, in whatever order."""
    uid = "uid" if table == "workflow_run" else "workflow_uid"
    final = "" if table == "cost_current" else "FINAL"
    found = await collector.rows(f"SELECT {uid}, {TERMINAL[table]} FROM lynceus.{table} {final}")
    return sorted(repr(row[1:]) for row in found if row[0] in uids)


async def test_a_new_disk_goes_on_where_the_old_one_was(tmp_path: Path, store: RunningStore) -> None:
    """Same rows as a collector whose disk was never lost, no gap but the first start's, and counters that go on."""
    async with a_fleet(tmp_path / "fleet") as cluster:
        lossy, name = beside(tmp_path / "hit", store, cluster), cluster.name
        async with running(a_service(tmp_path / "calm", cluster)) as calm:
            async with running(lossy) as before:
                await before.until("SELECT count() > 2 FROM lynceus.workflow_run")
                await before.until("SELECT count() > 10 FROM lynceus.live_state")
            counted = before.parts.tally.counters[metrics.SUBMITTED.name].copy()
            shutil.rmtree(lossy.data_dir)
            async with running(lossy) as after:
                went_on = after.parts.pipeline.resume(name, "workflows")
                at_start = dict(after.parts.tally.counters[metrics.SUBMITTED.name])
                known = await finished(after)
                await after.until(f"SELECT count(DISTINCT uid) > {len(known) + 4} FROM lynceus.workflow_run")
                gaps = await after.rows(
                    "SELECT kind, toUnixTimestamp64Milli(from_at), cause FROM lynceus.watch_gap FINAL"
                )
                both = await finished(after)
                while both - await finished(calm):
                    await asyncio.sleep(0.1)
                await asyncio.sleep(3)
                same = [await rows_of(one, table, both) for table in TERMINAL for one in (calm, after)]

    assert went_on is not None
    assert went_on.known
    assert at_start == counted
    assert sorted(gaps) == [("pods", 0, "first start"), ("workflows", 0, "first start")]
    assert same[0::2] == same[1::2]
