"""A damaged spool: what is still as it was written is read back, and everything else is reported."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.catalog.tables import TABLE_NAMED
from collector.core.messages import Checkpoint, Commit
from collector.store.spool import packing, salvage
from collector.store.spool.file import SpoolError, SpoolNewerError
from collector.store.spool.lost import BEFORE_MS, CAUSE
from collector.store.spool.spool import Spool, open_spool
from tests.examples import examples
from tests.store.facts import a_sample
from tests.store.spool.spooled import NOW, a_cursor, an_old_spool

COMMITS, FACTS, STATES = 40, 20, 60
PAGE = 4096


def fill(spool: Spool) -> None:
    """Commits facts whose depth counts them up, states and positions of two clusters; a part of it is sealed."""
    for number in range(COMMITS):
        spool.commit(
            Commit(
                at=NOW + number,
                facts=[a_sample(number * FACTS + n) for n in range(FACTS)],
                cursors=[a_cursor(str(number + 1), cluster) for cluster in ("a", "b")],
                upserts=[
                    Checkpoint(cluster="a", kind="pods", uid=f"p{number % STATES}", state=b"%d" % number * 200),
                    Checkpoint(cluster="b", kind="pods", uid=f"p{number % STATES}", state=b"%d" % number),
                ],
            )
        )
        if number == COMMITS // 2:
            spool.seal(NOW + number)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spool that was closed in good order."""
    file = tmp_path_factory.mktemp("whole") / "spool.sqlite"
    spool = open_spool(file, 1 << 30, NOW)
    fill(spool)
    spool.close()
    return file


@pytest.fixture
def damaged(whole: Path, spool_file: Path) -> Path:
    """A copy of it, for a test to damage."""
    shutil.copy(whole, spool_file)
    return spool_file


def depths(spool: Spool) -> list[int]:
    """The facts that a store would get, by their number."""
    found: list[int] = []
    while batches := spool.seal(NOW + COMMITS, positions=False):
        for batch in batches:
            if batch.table == "queue_sample":
                found += [row[6] for row in spool.read(batch).rows]
            spool.acknowledge(batch)
    return sorted(found)


def reported(spool: Spool) -> tuple[list[tuple[str, int, int, str]], list[str]]:
    """(gaps by cluster, begin, end and cause; reasons of quarantine rows)"""
    gaps: list[tuple[str, int, int, str]] = []
    reasons: list[str] = []
    for batch in spool.seal(NOW + COMMITS, positions=False):
        for row in spool.read(batch).rows:
            if batch.table == "watch_gap":
                gaps.append((row[0], row[2], row[4], row[5]))
            if batch.table == "quarantine":
                reasons.append(row[5])
    return sorted(gaps), reasons


def page_of(file: Path, seq: int) -> int:
    """The page in which a piece stands."""
    body = file.read_bytes()
    with closing(sqlite3.connect(file)) as connection:
        (piece,) = connection.execute("SELECT body FROM fact WHERE seq = ?", (seq,)).fetchone()
    return body.index(piece) // PAGE


def spoil(file: Path, page: int) -> None:
    """Writes nonsense over a page."""
    body = bytearray(file.read_bytes())
    body[page * PAGE : (page + 1) * PAGE] = b"\xff" * PAGE
    file.write_bytes(body)


def test_a_bad_page_costs_its_own_rows(damaged: Path) -> None:
    """All other rows go to the store, watches resume, and the gap says when the lost rows were committed."""
    spoil(damaged, page_of(damaged, 5))

    spool = open_spool(damaged, 1 << 30, NOW + 99, clusters=["a", "b"])
    loaded = spool.load()
    gaps, reasons = reported(spool)
    missing = sorted({*range(COMMITS * FACTS)} - {*depths(spool)})

    lost = sorted({number // FACTS for number in missing})
    assert len(missing) == len(lost) * FACTS
    assert 4 in lost
    assert len(lost) < COMMITS / 4
    assert [one.rows for one in loaded.lost] == [FACTS] * len(lost)
    assert gaps == [(name, NOW + n - BEFORE_MS, NOW + n, CAUSE) for name in ("a", "b") for n in lost]
    assert {reason.split(":")[0] for reason in reasons} == {f"{FACTS} rows"}
    assert f"{COMMITS * FACTS - len(missing)} rows were read back, {len(missing)} are lost" in loaded.damage
    assert {cursor.resource_version for cursor in loaded.cursors} == {str(COMMITS)}
    assert len(loaded.checkpoints) == 2 * COMMITS
    assert loaded.damaged == frozenset()
    spool.close()


def test_a_bad_page_of_states_costs_the_positions_and_no_row(damaged: Path) -> None:
    """Positions without all of their states would resume to a wrong picture: the watches start from lists."""
    body = damaged.read_bytes()
    spoil(damaged, body.index(b"12" * 200) // PAGE)

    spool = open_spool(damaged, 1 << 30, NOW + 99, clusters=["a", "b"])
    loaded = spool.load()

    assert (loaded.cursors, loaded.checkpoints) == ([], [])
    assert "0 are lost, positions and states are lost" in loaded.damage
    assert depths(spool) == [*range(COMMITS * FACTS)]
    spool.close()


def _no_header(file: Path) -> None:
    file.write_bytes(bytes(200) + file.read_bytes()[200:])


def _no_first_page(file: Path) -> None:
    file.write_bytes(b"\xff" * PAGE + file.read_bytes()[PAGE:])


@pytest.mark.parametrize("harm", [_no_header, _no_first_page])
def test_a_lost_first_page_costs_nothing(harm: Callable[[Path], None], damaged: Path) -> None:
    """It lists the tables, which are the same in each spool."""
    harm(damaged)

    spool = open_spool(damaged, 1 << 30, NOW + 99, clusters=["a", "b"])

    assert len(spool.load().cursors) == 2
    assert depths(spool) == [*range(COMMITS * FACTS)]
    spool.close()


@pytest.mark.parametrize("main", [b"", None], ids=["empty", "missing"])
def test_an_empty_file_beside_its_journal_costs_nothing(main: bytes | None, tmp_path: Path) -> None:
    """SQLite takes it for a new file and throws the journal away, in which all rows stand."""
    killed, file = tmp_path / "killed.sqlite", tmp_path / "spool.sqlite"
    spool = open_spool(killed, 1 << 30, NOW)
    fill(spool)
    shutil.copy(killed.with_name("killed.sqlite-wal"), file.with_name("spool.sqlite-wal"))  # as a kill leaves it
    spool.close()
    if main is not None:
        file.write_bytes(main)

    again = open_spool(file, 1 << 30, NOW + 99, clusters=["a", "b"])
    loaded = again.load()

    assert "is empty, but its journal is not" in loaded.damage
    assert {cursor.resource_version for cursor in loaded.cursors} == {str(COMMITS)}
    assert depths(again) == [*range(COMMITS * FACTS)]
    again.close()


@pytest.mark.parametrize("body", [b"not a database" * 100, b"\xff" * 50_000], ids=["text", "nonsense"])
def test_a_file_without_any_row_is_a_gap_of_every_cluster(body: bytes, spool_file: Path) -> None:
    """It is not known what was in it; the file is kept, and the new one is used."""
    spool_file.write_bytes(body)

    spool = open_spool(spool_file, 1 << 30, NOW + 99, clusters=["a", "b"])
    loaded = spool.load()
    gaps, reasons = reported(spool)

    assert "an unknown number" in loaded.damage
    assert [(name, cause) for name, _, _, cause in gaps] == [("a", CAUSE), ("b", CAUSE)]
    assert len(reasons) == 1
    assert spool_file.with_name(f"{spool_file.name}.damaged-{NOW + 99}").exists()
    spool.close()


def test_a_damaged_spool_of_an_older_release_is_read_too(spool_file: Path) -> None:
    """Its pieces have neither checksum nor time."""
    old = an_old_spool(spool_file, 3)
    for number in range(COMMITS):
        packed = packing.pack_facts([a_sample(number * FACTS + n) for n in range(FACTS)], NOW)
        old.executemany("INSERT INTO fact (name, rows, body) VALUES (?, ?, ?)", packed)
    old.execute("INSERT INTO cursor VALUES ('a', 'pods', ?, 1)", (packing.encode(a_cursor("8", "a")),))
    old.close()
    spoil(spool_file, page_of(spool_file, 5))

    spool = open_spool(spool_file, 1 << 30, NOW + 99, clusters=["a"])
    loaded = spool.load()
    found = depths(spool)

    assert loaded.cursors == [a_cursor("8", "a")]
    assert COMMITS * FACTS > len(found) > COMMITS * FACTS * 0.75
    assert {one.table for one in loaded.lost} == {"queue_sample"}
    spool.close()


def test_an_interrupted_replacement_is_finished(damaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill after the damaged file was moved and before the new one took its place: no start finds an empty spool."""
    spoil(damaged, page_of(damaged, 5))
    rename = Path.rename

    def dies_at_the_second(path: Path, target: Path) -> Path:
        if path.suffix == ".new":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        open_spool(damaged, 1 << 30, NOW + 99, clusters=["a", "b"])
    monkeypatch.undo()
    assert not damaged.exists()

    spool = open_spool(damaged, 1 << 30, NOW + 100, clusters=["a", "b"])

    assert len(depths(spool)) > COMMITS * FACTS * 0.75
    assert len(spool.load().cursors) == 2
    spool.close()


def test_a_full_disk_while_rows_are_read_back_changes_nothing(damaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The damaged file stays where it is, and the next start reads it again."""
    spoil(damaged, page_of(damaged, 5))
    monkeypatch.setattr(salvage, "read_pieces", _full)
    with pytest.raises(SpoolError, match="full"):
        open_spool(damaged, 1 << 30, NOW + 99, clusters=["a", "b"])
    monkeypatch.undo()

    spool = open_spool(damaged, 1 << 30, NOW + 100, clusters=["a", "b"])

    assert len(depths(spool)) > COMMITS * FACTS * 0.75
    spool.close()


def _full(*_: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


@settings(max_examples=examples(200), deadline=None)
@given(seed=st.integers(0, 10**6), flips=st.integers(1, 30))
def test_whatever_bits_change_no_row_is_wrong_and_no_loss_is_silent(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, seed: int, flips: int
) -> None:
    """Each row that is sent was written so; where one is missing, a gap or a quarantine row reports it."""
    chance, body = random.Random(seed), bytearray(whole.read_bytes())
    for _ in range(flips):
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    file = tmp_path_factory.mktemp("flipped") / "spool.sqlite"
    file.write_bytes(body)

    try:
        spool = open_spool(file, 1 << 30, NOW + 99, clusters=["a", "b"])
    except SpoolNewerError:  # a changed number of the schema; the start is refused, and the file stays
        return
    loaded = spool.load()
    lost = bool(loaded.lost)
    found: list[int] = []
    while batches := spool.seal(NOW + COMMITS, positions=False):
        for batch in batches:
            content = spool.read(batch)
            lost = lost or content.lost is not None or batch.table not in TABLE_NAMED
            if batch.table == "queue_sample":
                found += [row[6] for row in content.rows]
            spool.acknowledge(batch)

    assert len(found) == len({*found})
    assert {*found} <= {*range(COMMITS * FACTS)}
    assert lost or len(found) == COMMITS * FACTS
    states = {(cluster, uid): state for cluster, _, uid, state in loaded.checkpoints}
    for cluster in {cursor.cluster for cursor in loaded.cursors} - loaded.damaged:
        for number in range(COMMITS):
            assert states[cluster, f"p{number}"] == b"%d" % number * (200 if cluster == "a" else 1)
    spool.close()
