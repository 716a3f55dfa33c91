"""A spool that another process uses, or that was damaged: reported, moved aside, and never misread."""

from pathlib import Path

import pytest

from collector.core.messages import Commit
from collector.store.spool import packing
from collector.store.spool.file import SpoolBusyError, SpoolDamagedError, SpoolError, SpoolNewerError
from collector.store.spool.spool import Spool, open_spool
from tests.store.facts import a_sample
from tests.store.spool.spooled import NOW, a_cursor


@pytest.mark.parametrize("damage", ["text", "header", "middle"])
def test_a_damaged_file_is_moved_aside(damage: str, spool_file: Path) -> None:
    """The collector starts with an empty spool, reports why, and keeps the damaged file; its content is a gap."""
    spool = open_spool(spool_file, 1 << 30, NOW)
    for start in range(20):
        spool.commit(Commit(at=NOW, facts=[a_sample(start * 100 + n) for n in range(100)]))
    spool.close()
    body = bytearray(spool_file.read_bytes())
    spoilt = {"text": b"not a database" * 100, "header": b"\0" * 200 + bytes(body[200:]), "middle": _spoilt(body)}[
        damage
    ]
    spool_file.write_bytes(spoilt)

    again = open_spool(spool_file, 1 << 30, NOW + 1)

    assert f"{spool_file.name}.damaged-{NOW + 1}" in again.load().damage
    assert spool_file.with_name(f"{spool_file.name}.damaged-{NOW + 1}").stat().st_size == len(spoilt)
    assert again.rows == 0
    again.commit(Commit(at=NOW, facts=[a_sample(1)]))
    again.close()


def test_a_damaged_position_is_a_damaged_file(spool: Spool, spool_file: Path) -> None:
    """SQLite does not notice a changed value, and no watch could resume from it."""
    spool.commit(Commit(at=NOW, facts=[a_sample(1)], cursors=[a_cursor()]))
    spool._connection.execute("UPDATE cursor SET body = x'93ca01'")
    spool.close()

    again = open_spool(spool_file, 1 << 30, NOW + 1)

    assert "a position in the spool is damaged" in again.load().damage
    assert spool_file.with_name(f"{spool_file.name}.damaged-{NOW + 1}").exists()
    again.close()


FRAME = packing.pack_rows([["row"] * 1000])


@pytest.mark.parametrize(
    "body",
    [
        b"\xc1", b"\x91\xa2\xca\xfe", b"\x07", b"\x91\x07", FRAME[:20], FRAME[:4] + b"\xff" * 8 + FRAME[12:],
        FRAME[:4] + b"\xe0" + (1 << 60).to_bytes(8, "little") + FRAME[7:],
    ],
    ids=["code", "text", "number", "row", "frame", "header", "size"],
)  # fmt: skip
def test_a_fact_that_changed_before_it_was_sealed_is_noticed(body: bytes, spool: Spool) -> None:
    """The hash of a batch does not cover earlier damage: such a batch is set aside, and the collector does not crash."""
    spool.commit(Commit(at=NOW, facts=[a_sample(1)]))
    spool._connection.execute("UPDATE fact SET body = ?", (body,))
    (batch,) = spool.seal(NOW)

    with pytest.raises(SpoolDamagedError, match=f"batch {batch.id} of queue_sample"):
        spool.read(batch)


def test_a_spool_that_cannot_be_opened_names_the_remedy(spool_file: Path) -> None:
    """A folder instead of the file, another user's file: one sentence names the file and the remedy."""
    spool_file.mkdir()

    with pytest.raises(SpoolError, match=rf"{spool_file}: unable to open .* let this user read and write the file"):
        open_spool(spool_file, 1 << 30, NOW)


def _spoilt(body: bytearray) -> bytes:
    for page in range(4096 * 2, len(body), 4096):
        body[page : page + 64] = b"\xff" * 64
    return bytes(body)


def test_rows_that_changed_on_disk_are_noticed(spool: Spool) -> None:
    """SQLite has no checksums; a batch has one."""
    spool.commit(Commit(at=NOW, facts=[a_sample(1)]))
    (batch,) = spool.seal(NOW)
    spool._connection.execute("UPDATE fact SET body = ?", (packing.encode([["other"]]),))

    with pytest.raises(SpoolDamagedError, match="not as it was sealed"):
        spool.read(batch)


def test_a_second_collector_on_the_same_spool_is_refused(spool: Spool, spool_file: Path) -> None:
    """Two collectors would send each other's positions."""
    with pytest.raises(SpoolBusyError, match="another Lynceus uses it"):
        open_spool(spool_file, 1 << 30, NOW)


def test_a_newer_spool_is_refused_with_the_remedy(spool: Spool, spool_file: Path) -> None:
    """A downgrade must neither misread a newer program's file nor treat it as damaged."""
    spool._connection.execute("PRAGMA user_version = 99")
    spool.close()

    with pytest.raises(SpoolNewerError, match=r"newer Lynceus \(spool schema 99"):
        open_spool(spool_file, 1 << 30, NOW)
    assert spool_file.exists()
