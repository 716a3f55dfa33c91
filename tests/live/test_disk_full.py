"""A full disk on either side: rows that cannot be written are refused whole, and stored when there is room."""

import contextlib
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.core.facts.watches import Quarantine
from collector.core.messages import Commit
from collector.store.schema.migrate import migrate
from collector.store.spool import inserter
from collector.store.spool.file import SpoolFullError
from collector.store.spool.spool import RESERVE_BYTES, Spool, open_spool
from tests.store.facts import a_sample
from tests.store.running import start
from tests.store.spool.spooled import NOW
from tests.store.spool.test_inserter import inserting, until

pytestmark = pytest.mark.live

MIB = 1 << 20


@contextlib.contextmanager
def a_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of that many bytes."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"a small tmpfs is needed to fill a disk: {done.stderr.strip()}; run this as root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fills the disk from outside."""
    ballast = folder / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(os.urandom(64 << 10)):
            pass
    return ballast


def text(number: int) -> str:
    """A kilobyte that does not compress."""
    return random.Random(number).randbytes(1000).hex()


def large(number: int) -> Quarantine:
    return Quarantine(cluster="c", kind="k", uid=str(number), at=NOW, version=1, reason="r", sample=text(number))


def sent(spool: Spool) -> list[str]:
    """The rows that a store would get now, acknowledged batch by batch."""
    uids: list[str] = []
    while batches := spool.seal(NOW):
        for batch in batches:
            uids += [row[2] for row in spool.read(batch).rows]
            spool.acknowledge(batch)
    return uids


def test_a_spool_stops_before_the_disk_is_full_and_can_be_emptied(tmp_path: Path) -> None:
    """Removing rows writes too: the reserve is enough for that, and all accepted rows come out."""
    with a_disk(tmp_path / "disk", RESERVE_BYTES + 24 * MIB) as folder:
        spool, taken = open_spool(folder / "spool.sqlite", 1 << 33, NOW), 0
        why = ""
        while not why:
            try:
                spool.commit(Commit(at=NOW, facts=[large(taken + n) for n in range(500)]))
                taken += 500
            except SpoolFullError as error:
                why = str(error)
        free = os.statvfs(folder)
        assert free.f_bavail * free.f_frsize > RESERVE_BYTES // 2
        uids = sent(spool)
        spool.commit(Commit(at=NOW, facts=[a_sample(1)]))
        spool.close()

    assert "stay free" in why
    assert "move data_dir to a larger disk" in why
    assert uids == [str(n) for n in range(taken)]


def test_rows_wait_until_a_full_disk_has_room(tmp_path: Path) -> None:
    """Without a free byte every step reports the full disk, none is half done, and with room again all rows come out."""
    with a_disk(tmp_path / "disk", 64 * MIB) as folder:
        spool = open_spool(folder / "spool.sqlite", 1 << 33, NOW)
        for first in range(0, 4000, 500):
            spool.commit(Commit(at=NOW, facts=[large(first + n) for n in range(500)]))
        ballast = fill(folder)
        with pytest.raises(SpoolFullError):
            spool.commit(Commit(at=NOW, facts=[large(-1)]))
        with contextlib.suppress(SpoolFullError):
            spool.seal(NOW)
        ballast.unlink()
        uids = sent(spool)
        spool.close()

    assert sorted(map(int, uids)) == list(range(4000))


async def test_rows_wait_until_a_full_store_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine refuses (NOT_ENOUGH_SPACE, or the disk's own error), rows wait, and go in when there is room, each once."""
    monkeypatch.setattr(inserter, "EVERY_S", 0.05)
    monkeypatch.setattr(inserter, "LONGEST_PAUSE_S", 0.5)
    rows = 8000
    with a_disk(tmp_path / "disk", 160 * MIB) as folder:
        running = start(folder)
        writer, store = running.writer(), running.writer()
        migrate(writer)
        ballast = fill(folder)
        async with inserting(tmp_path / "spool.sqlite", store) as (work, commit):
            await commit(Commit(at=NOW, facts=[large(n) for n in range(rows)]))
            await until(lambda: not work.reachable and work.cause != "")
            cause, detail, waiting = work.cause, work.detail, work.spool.rows
            ballast.unlink()
            await until(lambda: work.spool.rows == 0, 60)
        found = writer.query_rows("SELECT count(), uniqExact(uid) FROM lynceus.quarantine FINAL")
        writer.close()
        running.stop()

    assert (cause, waiting) == ("store_disk_full", rows), detail
    assert found == [(rows, rows)]
