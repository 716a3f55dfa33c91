"""The engine's data after a kill during writes, and on a full disk."""

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.catalog.workflows import QUEUE_SAMPLE
from collector.store import backup
from collector.store.clickhouse import Store, StoreError, StoreRefusedError
from collector.store.manifest import BackupError
from collector.store.schema.migrate import migrate
from tests.store.facts import a_sample, row_of
from tests.store.running import start

MIB = 1 << 20


@pytest.mark.live
def test_acknowledged_rows_survive_kill_9_under_inserts(tmp_path: Path) -> None:
    """After repeated kills during inserts every acknowledged batch is there, and each is whole."""
    acknowledged: set[int] = set()
    for round_ in range(3):
        running = start(tmp_path)
        writer = running.writer()
        migrate(writer)
        began, enough = len(acknowledged), threading.Event()
        thread = threading.Thread(target=_insert_until_it_fails, args=(writer, round_ * 10_000, acknowledged, enough))
        thread.start()
        enough.wait(20)
        running.process.kill()
        thread.join()
        running.reap()
        writer.close()
        assert len(acknowledged) > began

    running = start(tmp_path)
    reader = running.reader()
    found = dict(reader.query_rows("SELECT cluster, count() FROM lynceus.queue_sample FINAL GROUP BY cluster"))
    reader.close()
    assert running.stop() == 0
    assert {f"b{number}" for number in acknowledged} - found.keys() == set()
    assert set(found.values()) == {20}


def _insert_until_it_fails(writer: Store, first: int, acknowledged: set[int], enough: threading.Event) -> None:
    """Batches of 20 rows, each with its own cluster."""
    with contextlib.suppress(StoreError):
        for number in range(first, first + 10_000):
            writer.insert(QUEUE_SAMPLE, [row_of(a_sample(n, cluster=f"b{number}")) for n in range(20)], f"b{number}")
            acknowledged.add(number)
            if number == first + 10:
                enough.set()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting needs root: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.live
def test_a_full_disk_refuses_inserts_until_there_is_room(small_disk: Path) -> None:
    """No acknowledged row is lost or incomplete; readers get answers all the time; free space is the remedy."""
    running = start(small_disk)
    writer, reader = running.writer(), running.reader()
    migrate(writer)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 8 * MIB))

    acknowledged, refused = _fill_up(writer)
    rows = reader.query_rows("SELECT count() FROM lynceus.queue_sample FINAL")
    ballast.unlink()
    writer.insert(QUEUE_SAMPLE, [row_of(a_sample(-1, depth=0))], "there is room")
    after = reader.query_rows("SELECT count() FROM lynceus.queue_sample FINAL")

    assert (refused.code, "space" in str(refused)) == (243, True), str(refused)
    assert rows == [(acknowledged,)]
    assert after == [(acknowledged + 1,)]
    writer.close()
    reader.close()
    assert running.stop() == 0
    again = start(small_disk)
    reader = again.reader()
    assert reader.query_rows("SELECT count() FROM lynceus.queue_sample FINAL") == after
    reader.close()
    again.stop()


@pytest.mark.live
def test_a_backup_without_room_leaves_nothing(small_disk: Path, tmp_path: Path) -> None:
    """The folder is not a backup, the error says what is wrong, and the store continues."""
    running = start(tmp_path / "elsewhere")
    writer = running.writer()
    migrate(writer)
    writer.command(
        "INSERT INTO lynceus.queue_sample (cluster, at, version, depth, oldest_age_ms) "
        "SELECT toString(rand64()), now64(3), 1, rand(), rand64() FROM numbers(3000000)"
    )

    with pytest.raises(BackupError, match="is the disk full"):
        backup.back_up(writer, small_disk / "one", "1", lambda _text: None)

    assert list(small_disk.iterdir()) == []
    assert writer.query_rows("SELECT count() FROM lynceus.queue_sample") == [(3_000_000,)]
    writer.close()
    running.stop()


def _fill_up(writer: Store) -> tuple[int, StoreRefusedError]:
    """Inserts until a refusal; returns the acknowledged rows and the refusal."""
    acknowledged, ends = 0, time.monotonic() + 60
    while time.monotonic() < ends:
        rows = [row_of(a_sample(acknowledged + n, cluster=f"{n:064x}")) for n in range(2_000)]
        try:
            writer.insert(QUEUE_SAMPLE, rows, str(acknowledged))
        except StoreRefusedError as refused:
            return acknowledged, refused
        acknowledged += len(rows)
    raise AssertionError(f"64 MiB hold {acknowledged} rows and more")
