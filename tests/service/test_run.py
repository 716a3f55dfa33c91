"""What the wiring itself decides: how a commit that cannot be taken is waited out, and which clocks are warned of."""

import asyncio
from pathlib import Path

import pytest
from msgspec import structs

from collector.catalog.counters import Counters
from collector.core.live_view import Clock
from collector.core.messages import Commit
from collector.service import run, storage
from collector.service.runtime import Runtime
from collector.settings.model import ClusterSettings, EmbeddedSettings, Settings
from collector.store import clickhouse
from collector.store.clickhouse import StoreError
from collector.store.spool.file import SpoolError, connect
from collector.store.spool.spool import Spool
from collector.store.worker import Worker
from tests.builders import NOON
from tests.flow import a_pipeline
from tests.running import a_service, running
from tests.store.facts import a_sample


class Ailing(Spool):
    """A spool whose disk fails a few times, not by being full."""

    fails = 3

    def commit(self, commit: Commit) -> None:
        self.fails -= 1
        if self.fails >= 0:
            raise SpoolError("disk I/O error")
        super().commit(commit)


async def test_a_disk_that_fails_is_waited_out_with_the_same_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever SQLite says: what was drained exists nowhere else, and /readyz says so meanwhile."""
    monkeypatch.setattr(storage, "SPOOL_RETRY_S", 0.01)
    disk = Worker("spool")
    ailing = await disk.run(lambda: Ailing(connect(tmp_path / "spool.sqlite"), 1 << 30, ""))
    parts = Runtime(Settings(), tmp_path, tmp_path, {}, a_pipeline(), Counters(), asyncio.Event())
    parts.spool, said = ailing, []
    monkeypatch.setattr(storage.log, "error", lambda *_, extra: said.append(parts.spool_detail or extra["reason"]))

    await storage.commit_until_done(parts, disk, Commit(at=NOON, facts=[a_sample(1)]))

    assert said == ["disk I/O error"]
    assert (parts.spool_detail, ailing.rows) == ("", 1)
    await disk.run(ailing.close)
    disk.close()


def test_a_clock_that_is_off_is_warned_of_once() -> None:
    """By whose it is; one that is right again and off again is no news for the log, the metric tells."""
    off, right = Clock("cluster", "c1", -7_200_000), Clock("store", "", 400)
    warned = set(run._warn_of_clocks([off, right], set()))

    assert warned == {("cluster", "c1")}
    assert set(run._warn_of_clocks([off, right], warned)) == set()


async def test_the_embedded_store_serves_other_hosts_with_a_readers_token(tmp_path: Path) -> None:
    """`embedded.reader_token_file` reaches the store's process, and reports of this collector send the token."""
    kubeconfig = tmp_path / "kube.yaml"
    kubeconfig.write_text("apiVersion: v1\nkind: Config\n", encoding="utf-8")
    settings = a_service(tmp_path, ClusterSettings(name="nobody", kubeconfig=str(kubeconfig)))
    listen = settings.embedded.listen.replace("127.0.0.1", "0.0.0.0")
    embedded = EmbeddedSettings(listen=listen, reader_token_file=str(tmp_path / "reader.token"))
    async with running(structs.replace(settings, embedded=embedded)) as collector:
        await collector.until("SELECT count() = 0 FROM pod_run")
        without_token = clickhouse.connect(f"http://{listen}")
        with pytest.raises(StoreError, match="Authentication failed"):
            await asyncio.to_thread(without_token.query_rows, "SELECT 1")
