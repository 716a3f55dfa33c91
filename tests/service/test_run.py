"""What the wiring itself decides: how a commit that cannot be taken is waited out, and which clocks are warned of."""

import asyncio
from pathlib import Path

import pytest
from msgspec import structs

from collector.catalog.counters import Counters
from collector.core.live_view import Clock
from collector.core.messages import Commit
from collector.service import jobs, storage
from collector.settings.model import ClusterSettings, EmbeddedSettings, Settings
from collector.store import clickhouse
from collector.store.clickhouse import StoreError
from collector.store.spool.file import SpoolError, connect
from collector.store.spool.spool import Spool
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
    kept = storage.Storage(Settings(data_dir=str(tmp_path)), a_pipeline(), Counters(), asyncio.Event())
    ailing = await kept.disk.run(lambda: Ailing(connect(tmp_path / "spool.sqlite"), 1 << 30))
    errors: list[str] = []
    monkeypatch.setattr(storage.log, "error", lambda *_, extra: errors.append(kept.spool_detail or extra["reason"]))

    await kept.commit(ailing, Commit(at=NOON, facts=[a_sample(1)]))

    assert errors == ["disk I/O error"]
    assert (kept.spool_detail, ailing.rows) == ("", 1)
    await kept.disk.run(ailing.close)
    kept.disk.close()


def test_a_clock_that_is_off_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """One warning for each clock; later changes are in the metric only."""
    off, right = Clock("cluster", "c1", -7_200_000), Clock("store", "", 400)
    warned: set[tuple[str, str]] = set()
    for _ in range(2):
        jobs.warn_of_clocks([off, right], warned)

    assert warned == {("cluster", "c1")}
    assert [record.message for record in caplog.records] == ["a clock is off, set both by NTP"]


async def test_the_embedded_store_serves_other_hosts_with_a_readers_token(tmp_path: Path) -> None:
    """`embedded.reader_token_file` reaches the store's process, and reports of this collector send the token."""
    kubeconfig = tmp_path / "kube.yaml"
    kubeconfig.write_text("apiVersion: v1\nkind: Config\n", encoding="utf-8")
    settings = a_service(tmp_path, ClusterSettings(name="absent", kubeconfig=str(kubeconfig)))
    listen = settings.embedded.listen.replace("127.0.0.1", "0.0.0.0")
    embedded = EmbeddedSettings(listen=listen, reader_token_file=str(tmp_path / "reader.token"))
    async with running(structs.replace(settings, embedded=embedded)) as collector:
        await collector.until("SELECT count() = 0 FROM pod_run")
        without_token = clickhouse.connect(f"http://{listen}")
        with pytest.raises(StoreError, match="readers need a token"):
            await asyncio.to_thread(without_token.query_rows, "SELECT 1")
