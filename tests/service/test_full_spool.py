"""A spool that takes no rows: watches close cleanly, the reason is shown, and they continue from their positions."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
import yaml

from collector.pipeline import pipeline
from collector.service import storage
from collector.service.runtime import Runtime
from collector.settings.model import ClusterSettings, StoreSettings
from collector.store.embedded import child
from collector.store.spool import inserter
from tests.ports import free_port
from tests.running import Running, a_service, running
from tests.service.test_faults import good_cluster

pytestmark = pytest.mark.live


async def ended_workflows(cluster: ClusterSettings) -> set[str]:
    """The uids of the workflows that have ended, from the API server itself."""
    document = yaml.safe_load(await asyncio.to_thread(Path(cluster.kubeconfig).read_bytes))
    context = next(c["context"] for c in document["contexts"] if c["name"] == cluster.context)
    server = next(c["cluster"]["server"] for c in document["clusters"] if c["name"] == context["cluster"])
    user = next(u["user"] for u in document["users"] if u["name"] == context["user"])
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{server}/apis/argoproj.io/v1alpha1/workflows") as answer,
    ):
        items = (await answer.json())["items"]
    return {i["metadata"]["uid"] for i in items if i.get("status", {}).get("finishedAt")}


async def fetch(collector: Running, path: str) -> str:
    """What the collector answers on its port."""
    async with aiohttp.ClientSession() as session, session.get(f"{collector.url}{path}") as answer:
        return await answer.text()


async def test_a_full_spool_pauses_the_watches_and_nothing_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store is away the spool reaches its bound; once it is back all that ended is in it, without a gap."""
    monkeypatch.setattr(pipeline, "PENDING_LIMIT", 3)
    monkeypatch.setattr(storage, "SPOOL_RETRY_S", 0.2)
    monkeypatch.setattr(inserter, "LONGEST_PAUSE_S", 0.5)
    port, token = free_port(), tmp_path / "token"
    store = StoreSettings(
        url=f"http://127.0.0.1:{port}/lynceus", username="lynceus", password_file=str(token), wait_seconds=1
    )
    async with good_cluster(tmp_path) as good, running(a_service(tmp_path, good, store=store)) as collector:
        parts = collector.runtime
        await collector.until(lambda: parts.view().clusters[0].ready and parts.view().store.spooled_rows > 0)
        assert parts.storage.inserter is not None
        spool = parts.storage.inserter.spool
        spool._max_bytes = spool.bytes  # as if it had taken that long to fill
        await collector.until(lambda: _paused(parts) == {"workflows", "pods"})
        readiness, scraped = await fetch(collector, "/readyz"), await fetch(collector, "/metrics")
        while not (before := await ended_workflows(good)):
            await asyncio.sleep(0.1)

        late = await child.start_child(tmp_path / "late", f"127.0.0.1:{port}", token)
        spool._max_bytes = 8 << 30
        await collector.until(lambda: not _paused(parts) and not parts.storage.spool_detail)
        ended = await ended_workflows(good)
        uids = ", ".join(f"'{uid}'" for uid in ended)
        await collector.until(f"SELECT uniqExact(uid) = {len(ended)} FROM workflow_run WHERE uid IN ({uids})")
        gaps = await collector.rows("SELECT count() FROM watch_gap WHERE cause != 'first start'")
        await late.stop()

    assert "spool_full" in readiness
    assert "raise spool.max_bytes" in readiness
    assert 'lynceus_not_ready{subject="collector",cluster="",cause="spool_full"} 1' in scraped
    assert 'cause="store_unreachable"' in scraped
    assert 'lynceus_clock_skew_seconds{subject="cluster",cluster="good"} 0' in scraped
    assert len(ended) >= len(before)
    assert gaps == [(0,)]


def _paused(parts: Runtime) -> set[str]:
    """The kinds whose stream was closed for want of room."""
    watches = parts.view().clusters[0].watches
    return {w.kind for w in watches if "paused until" in w.detail} & {"workflows", "pods"}
