"""A spool that another process uses, or in which values changed: reported, and never misread."""

from pathlib import Path

import pytest

from collector.core.messages import Checkpoint, Commit
from collector.store.spool import packing
from collector.store.spool.batches import BatchRows
from collector.store.spool.file import SpoolBusyError, SpoolError, SpoolNewerError
from collector.store.spool.lost import Lost
from collector.store.spool.spool import Spool, open_spool
from tests.store.facts import a_sample
from tests.store.spool.spooled import NOW, a_cursor


def test_a_changed_byte_costs_the_rows_beside_it_only(spool: Spool) -> None:
    """Before or after it was sealed: what was committed together is lost together, and reported with its time."""
    for start in range(3):
        spool.commit(Commit(at=NOW + start, facts=[a_sample(start * 10 + n) for n in range(10)]))
    _change(spool, seq=2)
    (batch,) = spool.seal(NOW + 5)
    before = spool.read(batch)
    _change(spool, seq=3)
    after = spool.read(batch)

    assert [row[6] for row in before.rows] == [*range(10), *range(20, 30)]
    assert before.lost == Lost("queue_sample", 10, NOW + 1, NOW + 1)
    assert [row[6] for row in after.rows] == [*range(10)]
    assert after.lost == Lost("queue_sample", 20, NOW + 1, NOW + 2)


@pytest.mark.parametrize("column", ["name", "rows", "body", "at", "checksum"])
def test_any_changed_value_of_a_piece_is_noticed(column: str, spool: Spool) -> None:
    """The checksum is of all that a piece holds."""
    spool.commit(Commit(at=NOW, facts=[a_sample(1)]))
    (batch,) = spool.seal(NOW)
    changed = {"name": "name", "rows": "rows + 1", "body": "zeroblob(9)", "at": "at + 1", "checksum": "checksum + 1"}
    spool._connection.execute(f"UPDATE fact SET {column} = {changed[column]}")
    content = spool.read(batch)

    assert (content.lost is None) is (column == "name")
    assert len(content.rows) == (column == "name")


def test_a_piece_that_is_gone_is_noticed(spool: Spool) -> None:
    """A page may lack rows without an error; the batch knows how many it had."""
    for start in range(2):
        spool.commit(Commit(at=NOW, facts=[a_sample(start * 10 + n) for n in range(10)]))
    (batch,) = spool.seal(NOW + 5)
    spool._connection.execute("DELETE FROM fact WHERE seq = 1")

    assert spool.read(batch).lost == Lost("queue_sample", 10, NOW + 5, NOW + 5)


@pytest.mark.parametrize("table", ["cursor", "checkpoint"])
def test_a_changed_position_or_state_costs_its_cluster_the_positions(
    table: str, spool: Spool, spool_file: Path
) -> None:
    """SQLite does not notice a changed value, and no watch could resume from it; other clusters resume."""
    for cluster in ("bad", "good"):
        upserts = [Checkpoint(cluster=cluster, kind="pods", uid=uid, state=b"state") for uid in ("p", "q")]
        spool.commit(Commit(at=NOW, cursors=[a_cursor(cluster=cluster)], upserts=upserts))
    column = {"cursor": "body = body || x'00'", "checkpoint": "state = x'00'"}[table]
    spool._connection.execute(f"UPDATE {table} SET {column} WHERE cluster = 'bad' AND kind = 'pods'")
    spool.close()

    again = open_spool(spool_file, 1 << 30, NOW + 1)
    loaded = again.load()

    assert loaded.damaged == {"bad"}
    assert loaded.cursors == [a_cursor(cluster="good")]
    assert {state[:3] for state in loaded.checkpoints} >= {("good", "pods", "p"), ("good", "pods", "q")}
    assert all(state == b"state" for *_, state in loaded.checkpoints)
    again.close()


def test_a_state_of_an_unknown_cluster_costs_all_clusters_the_positions(spool: Spool, spool_file: Path) -> None:
    """The name may be what is damaged: it is not known which cluster lacks the state."""
    for cluster in ("a", "b"):
        upserts = [Checkpoint(cluster=cluster, kind="pods", uid="p", state=b"state")]
        spool.commit(Commit(at=NOW, cursors=[a_cursor(cluster=cluster)], upserts=upserts))
    spool._connection.execute("UPDATE checkpoint SET cluster = 'c' WHERE cluster = 'a'")
    spool.close()

    again = open_spool(spool_file, 1 << 30, NOW + 1)

    assert again.load().damaged == {"a", "b", "c"}
    assert again.load().cursors == []
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
def test_an_unreadable_fact_of_an_older_release_is_noticed(body: bytes, spool: Spool) -> None:
    """It has no checksum: what cannot be read is lost, and the collector does not crash."""
    spool.commit(Commit(at=NOW, facts=[a_sample(1)]))
    spool._connection.execute("UPDATE fact SET at = NULL, checksum = NULL, body = ?", (body,))
    (batch,) = spool.seal(NOW)

    assert spool.read(batch) == BatchRows([], Lost("queue_sample", 1, NOW, NOW))


def test_a_changed_batch_of_an_older_release_is_noticed(spool: Spool) -> None:
    """Its pieces have no checksums, but the batch has one: none of them can be reported from the damaged one."""
    for start in range(2):
        spool.commit(Commit(at=NOW, facts=[a_sample(start)]))
    (batch,) = spool.seal(NOW)
    spool._connection.execute("UPDATE fact SET at = NULL, checksum = NULL")
    sound = spool.read(batch)
    spool._connection.execute("UPDATE fact SET body = ? WHERE seq = 1", (packing.encode([["other"]]),))

    assert (len(sound.rows), sound.lost) == (2, None)
    assert spool.read(batch) == BatchRows([], Lost("queue_sample", 2, NOW, NOW))


def test_a_spool_that_cannot_be_opened_names_the_remedy(spool_file: Path) -> None:
    """A folder instead of the file, another user's file: one sentence names the file and the remedy."""
    spool_file.mkdir()

    with pytest.raises(SpoolError, match=rf"{spool_file}: unable to open .* let this user read and write the file"):
        open_spool(spool_file, 1 << 30, NOW)


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


def _change(spool: Spool, seq: int) -> None:
    """Flips one bit of a piece's body."""
    (body,) = spool._connection.execute("SELECT body FROM fact WHERE seq = ?", (seq,)).fetchone()
    changed = bytes([*body[:-1], body[-1] ^ 1])
    spool._connection.execute("UPDATE fact SET body = ? WHERE seq = ?", (changed, seq))
