"""
kill -9 of the collector, of the store, and of both, against a twin on the same fleet that nobody disturbs.

The fleet lives on while its watchers die, so the twin's tables are the truth. Columns that hold arrival instants are
observed, not derived, and may differ; every other column of every finished workflow, pod and charge must be equal.
"""

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.demo.fleet import run_fleet
from collector.store.clickhouse import Store, StoreError, connect
from tests.processes import alive, descendants, kill, started
from tests.running import free_port

pytestmark = pytest.mark.live

ROUNDS = int(os.environ.get("LYNCEUS_KILL_ROUNDS", "50"))
SEED = int(os.environ.get("LYNCEUS_KILL_SEED", "1"))

TERMINAL = {
    "workflow_run": "cluster, uid, attempt, name, namespace, template, queue, department, created_at, started_at, "
    "finished_at, phase, outcome, reason, message, pods, failed_pods, retries",
    "pod_run": "cluster, uid, name, namespace, workflow_uid, attempt, step, node_id, template, node_name, region, zone, "
    "cpu, memory_bytes, gpu, pricing, scheduled_at, instance_created_at, main_started_at, finished_at, phase, reason, "
    "exit_code",
    "cost_current": "cluster, pod_uid, day, entry, workflow_uid, attempt, department, product, purchase, class, currency, "
    "cost, cost_pending, billed_from, billed_to, billed_seconds, price_book, rule, status",
}
"""What must be equal: all that is derived from the objects' own words."""


class Watcher:
    """One collector of the pair: its settings, its process, its tables."""

    def __init__(self, folder: Path, kubeconfig: Path, contexts: list[str]) -> None:
        folder.mkdir()
        self.folder = folder
        self.store_port = free_port()
        self.config = folder / "lynceus.yaml"
        self.config.write_text(yaml.safe_dump({
            "clusters": [{"name": name, "kubeconfig": str(kubeconfig), "context": name} for name in contexts],
            "data_dir": str(folder / "data"),
            "http": {"listen": f"127.0.0.1:{free_port()}"},
            "embedded": {"listen": f"127.0.0.1:{self.store_port}"},
        }), encoding="utf-8")  # fmt: skip
        self.store: Store = connect(f"http://127.0.0.1:{self.store_port}", database="lynceus")

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query, as soon as the store answers."""
        ends = asyncio.get_running_loop().time() + 60
        while True:
            try:
                return await asyncio.to_thread(self.store.query_rows, sql)
            except StoreError:
                if asyncio.get_running_loop().time() > ends:
                    raise
                await asyncio.sleep(0.1)


@asynccontextmanager
async def fleet(folder: Path) -> AsyncIterator[tuple[Path, list[str]]]:
    """A fleet in this process, which outlives every watcher of it."""
    stop, up = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_fleet(folder, 3, SEED, lambda path, names: up.set_result((path, names)), stop))
    try:
        yield await up
    finally:
        stop.set()
        await task


async def test_nothing_is_lost_and_nothing_doubled_by_kill_9(tmp_path: Path) -> None:
    """After so many rounds of kill -9 at random instants both tables are equal, and no process is left of any round."""
    dice = random.Random(SEED)
    async with fleet(tmp_path / "fleet") as (kubeconfig, contexts):
        calm, hit = (Watcher(tmp_path / name, kubeconfig, contexts) for name in ("calm", "hit"))
        with started("run", "--config", str(calm.config), log=calm.folder / "log"):
            await calm.rows("SELECT 1 FROM workflow_run LIMIT 1")
            left = [pid for _ in range(ROUNDS) for pid in await _one_round(hit, dice)]
            with started("run", "--config", str(hit.config), log=hit.folder / "log"):
                finished = await _same_moment(calm, hit)
                differences = [d for table in TERMINAL for d in await _differences(table, calm, hit)]
                doubles = await hit.rows("SELECT count() - uniqExact(cluster, pod_uid, day, entry) FROM cost_current")
                quarantined = await hit.rows("SELECT count() FROM quarantine")

    assert finished > 20
    assert differences == []
    assert doubles == [(0,)]
    assert quarantined == [(0,)]
    assert left == []


async def _one_round(watcher: Watcher, dice: random.Random) -> list[int]:
    """Start the collector, kill something of it, and tell which processes are left a moment after the collector is gone."""
    with started("run", "--config", str(watcher.config), log=watcher.folder / "log") as process:
        await asyncio.sleep(dice.uniform(0.3, 4))  # the instant of death is what the round draws
        tree = descendants(process.pid)
        if tree and dice.random() < 0.4:
            kill(tree[0])
            await asyncio.sleep(dice.uniform(0, 1.5))
            tree = [*tree, *descendants(process.pid)]
        process.kill()
        process.wait()
        for _ in range(100):
            if not any(map(alive, tree)):
                return []
            await asyncio.sleep(0.05)
        return [pid for pid in tree if alive(pid)]


async def _same_moment(calm: Watcher, hit: Watcher) -> int:
    """Wait until the disturbed one has every workflow that the calm one has now; how many those are."""
    ((newest,),) = await calm.rows("SELECT max(finished_at) FROM workflow_run")
    known = "SELECT uniqExact(cluster, uid) FROM workflow_run WHERE finished_at <= {at}"
    at = f"toDateTime64('{newest:%Y-%m-%d %H:%M:%S}', 3, 'UTC')"
    ((wanted,),) = await calm.rows(known.format(at=at))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60):
            while (await hit.rows(known.format(at=at)))[0][0] < wanted:
                await asyncio.sleep(0.5)
    # A round of each inserter, so that charges that follow a workflow's end are in both.
    await asyncio.sleep(5)
    return int(wanted)


async def _differences(table: str, calm: Watcher, hit: Watcher) -> list[str]:
    """Rows that one has and the other has not, of workflows that had ended in both a while ago."""
    uid = {"workflow_run": "uid", "pod_run": "workflow_uid", "cost_current": "workflow_uid"}[table]
    final = "" if table == "cost_current" else "FINAL"
    ended = "SELECT uid FROM workflow_run WHERE finished_at < now() - 15"
    sql = f"SELECT {TERMINAL[table]} FROM {table} {final} WHERE {uid} IN ({ended})"
    ours = {repr(row) for row in await calm.rows(sql)}
    theirs = {repr(row) for row in await hit.rows(sql)}
    return [f"{table} calm only {row}" for row in sorted(ours - theirs)] + [
        f"{table} hit only {row}" for row in sorted(theirs - ours)
    ]
