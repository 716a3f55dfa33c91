"""The disk is gone and the store is not: another collector goes on where the acknowledged rounds ended."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from collector.catalog import metrics
from collector.catalog.tables import TABLE_NAMED
from collector.demo.fleet import run_fleet
from collector.settings.model import ClusterSettings, DiscoverySettings, Settings, StoreSettings
from tests.running import Running, a_service, running
from tests.store.running import Running as RunningStore
from tests.store.running import start

pytestmark = pytest.mark.live

ENDS = ("workflow_run", "step_run", "pod_run", "pod_cost")
"""Compared in every column that does not say who looked when."""


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
    """The workflows whose end is in the store."""
    return {uid for (uid,) in await collector.rows("SELECT DISTINCT uid FROM lynceus.workflow_run")}


async def rows_of(collector: Running, table: str, uids: set[Any]) -> list[Any]:
    """What must be equal of some workflows, in whatever order."""
    uid = "uid" if table == "workflow_run" else "workflow_uid"
    # A row is written again if a watch brings evidence after the end: which watch is first is a matter of the observer, and so
    # is the version. A busy machine reads streams in blocks, so that a workflow's end may come before that of its last pod.
    columns = [column.name for column in TABLE_NAMED[table].columns if not column.observed and column.name != "version"]
    found = await collector.rows(f"SELECT {uid}, {', '.join(columns)} FROM lynceus.{table} FINAL")
    return sorted(repr(row[1:]) for row in found if row[0] in uids)


async def same_as(calm: Running, other: Running, uids: set[Any]) -> list[str]:
    """The tables in which two collectors differ over some workflows; given a few seconds for what still comes."""
    different = list(ENDS)
    for _ in range(100):
        if not uids - await finished(calm):
            different = [t for t in ENDS if await rows_of(calm, t, uids) != await rows_of(other, t, uids)]
            if not different:
                break
        await asyncio.sleep(0.1)
    return different


def submitted(collector: Running) -> dict[Any, Any]:
    series = collector.runtime.counters.series[metrics.SUBMITTED.name]
    # Zeros are of what a process has seen, and are not stored.
    return {labels: count for labels, count in series.items() if count}


GAPS = "SELECT kind, toUnixTimestamp64Milli(from_at), cause FROM lynceus.watch_gap FINAL ORDER BY kind"
FIRST_STARTS = [("pods", 0, "first start"), ("workflows", 0, "first start")]


async def test_a_new_disk_goes_on_where_the_old_ones_were(tmp_path: Path, store: RunningStore) -> None:
    """Two collectors on one store continue on new disks; a third has the rows of a fourth that kept its disk, and no gap."""
    async with a_fleet(tmp_path / "fleet") as cluster:
        lossy, other = (beside(tmp_path / name, store, cluster) for name in ("hit", "other"))
        async with running(a_service(tmp_path / "calm", cluster)) as calm:
            async with running(lossy) as before, running(other) as beside_it:
                await before.until("SELECT count() > 2 FROM lynceus.workflow_run")
                await before.until("SELECT uniq(snapshot) = 2 FROM lynceus.live_state WHERE kind = 'cursor'")
            counted = [submitted(before), submitted(beside_it)]
            shutil.rmtree(lossy.data_dir)
            again = msgspec.structs.replace(lossy, reconcile_hours=0.0002)
            async with running(again) as after:
                went_on = after.runtime.pipeline.positions.resume(cluster.name, "workflows")
                at_start, known = submitted(after), await finished(after)
                await after.until(f"SELECT count(DISTINCT uid) > {len(known) + 4} FROM lynceus.workflow_run")
                await after.until("SELECT count(DISTINCT kind) = 2 FROM lynceus.reconcile")
                found = await after.rows(
                    "SELECT sum(missing + stale + phantom), min(objects) > 0 FROM lynceus.reconcile"
                )
                gaps, both = await after.rows(GAPS), await finished(after)
                different = await same_as(calm, after, both)

    assert went_on is not None
    assert went_on.known
    assert at_start in counted
    assert gaps == FIRST_STARTS
    assert different == []
    assert found == [(0, True)]


def a_secret(folder: Path, cluster: ClusterSettings) -> None:
    """Argo CD's secret of a cluster of the fleet."""
    content = yaml.safe_load(Path(cluster.kubeconfig).read_text())
    server = next(c["cluster"]["server"] for c in content["clusters"] if c["name"] == cluster.name)
    token = next(u["user"]["token"] for u in content["users"] if u["name"] == cluster.name)
    config = json.dumps({"bearerToken": token})
    (folder / "cluster.json").write_text(json.dumps({"name": cluster.name, "server": server, "config": config}))


async def test_a_cluster_that_is_added_later_goes_on_where_the_old_disk_was(
    tmp_path: Path, store: RunningStore
) -> None:
    """A running collector takes it up from the store exactly as a start does."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    async with a_fleet(tmp_path / "fleet") as cluster:
        settings = beside(tmp_path / "hit", store, cluster)
        async with running(settings) as before:
            await before.until("SELECT count() > 2 FROM lynceus.workflow_run")
            await before.until("SELECT count() > 0 FROM lynceus.live_state WHERE kind = 'cursor'")
        counted = submitted(before)
        shutil.rmtree(settings.data_dir)
        found = DiscoverySettings(argocd_secrets=str(secrets))
        async with running(msgspec.structs.replace(settings, clusters=(), discovery=found)) as after:
            a_secret(secrets, cluster)
            await after.until(lambda: any(each.ready for each in after.runtime.view().clusters))
            at_start = submitted(after)
            gaps = await after.rows(GAPS)

    assert all(at_start[labels] >= count for labels, count in counted.items())
    assert gaps == FIRST_STARTS


def remove_disk(data: Path) -> None:
    """Everything but the embedded store's own folder."""
    for part in data.glob("*"):
        if part.is_dir() and part.name != "store":
            shutil.rmtree(part)
        elif part.is_file():
            part.unlink()


async def test_a_lost_spool_beside_its_own_store_is_made_good(tmp_path: Path) -> None:
    """The embedded store is on the same disk and was spared: it is waited for."""
    async with a_fleet(tmp_path / "fleet") as cluster:
        settings = a_service(tmp_path, cluster)
        async with running(settings) as before:
            await before.until("SELECT count() > 5 FROM lynceus.live_state")
        remove_disk(Path(settings.data_dir))
        async with running(settings) as after:
            went_on = after.runtime.pipeline.positions.resume(cluster.name, "pods")
            await after.until(lambda: after.runtime.view().clusters[0].ready)
            gaps = await after.rows(GAPS)

    assert went_on is not None
    assert gaps == FIRST_STARTS


async def test_a_store_that_is_slow_to_come_up_is_waited_for(tmp_path: Path) -> None:
    """Both were restarted, and the collector is faster: it must not start from lists for that."""
    async with a_fleet(tmp_path / "fleet") as cluster:
        first = await asyncio.to_thread(start, tmp_path)
        settings = beside(tmp_path / "hit", first, cluster)
        async with running(settings) as before:
            await before.until("SELECT count() > 5 FROM lynceus.live_state")
        await asyncio.to_thread(first.stop)
        shutil.rmtree(settings.data_dir)
        coming = asyncio.create_task(asyncio.to_thread(start, tmp_path, first.address))
        async with running(settings) as after:
            went_on = after.runtime.pipeline.positions.resume(cluster.name, "workflows")
            await after.until(lambda: after.runtime.view().clusters[0].ready)
            gaps = await after.rows(GAPS)
        await asyncio.to_thread((await coming).stop)

    assert went_on is not None
    assert gaps == FIRST_STARTS
