"""The copy of the spool in the store: the newest complete copy is found, and copies do not mix."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.catalog.tables import TABLE_NAMED
from collector.catalog.watches import LIVE_STATE
from collector.core.messages import Checkpoint, Commit, Cursor, Gone
from collector.store.clickhouse import Store
from collector.store.spool import snapshot
from collector.store.spool.packing import encode
from collector.store.spool.spool import Spool, open_spool
from tests.store.spool.spooled import NOW, an_old_spool

DAY = 86_400_000


@pytest.fixture(autouse=True)
def empty(writer: Store) -> None:
    """Copies are searched in the whole table."""
    for table in ("live_state", "watch_cursor"):
        writer.command(f"TRUNCATE TABLE lynceus.{table}")


@pytest.fixture
def spool(spool_file: Path) -> Iterator[Spool]:
    opened = open_spool(spool_file, 1 << 30, NOW)
    yield opened
    opened.close()


def a_cursor(version: int, kind: str = "workflows", cluster: str = "c", epoch: int = 0) -> Cursor:
    return Cursor(
        cluster=cluster, kind=kind, resource_version=str(version), epoch=epoch, cluster_uid="u", at=NOW + version,
        totals={"n": str(version)} if kind == "workflows" else {},
    )  # fmt: skip


def a_commit(version: int, *uids: str, gone: str = "", cluster: str = "c") -> Commit:
    """States that contain their version."""
    state = b"\xff\x00 %d" % version
    return Commit(
        at=NOW,
        cursors=[a_cursor(version, cluster=cluster), a_cursor(version + 1, "pods", cluster)],
        upserts=[Checkpoint(cluster=cluster, kind="pods", uid=uid, state=state) for uid in uids],
        deletes=[Gone(cluster=cluster, kind="pods", uid=gone)] if gone else [],
    )


def send(spool: Spool, writer: Store, now: int = NOW, leave_out: str = "") -> None:
    """Sends a round to the store."""
    for batch in spool.seal(now):
        if batch.table != leave_out:
            writer.insert(TABLE_NAMED[batch.table], spool.read(batch).rows, batch.content)
        spool.acknowledge(batch)


def states(copy: snapshot.Copy | None) -> dict[str, int]:
    assert copy is not None
    return {uid: int(state.split()[1]) for _, _, uid, state in copy.states}


def test_positions_and_states_come_back_as_they_were(spool: Spool, writer: Store) -> None:
    """After several rounds: the newest state of each object that still exists, and the last positions with their counters."""
    spool.commit(a_commit(5, "p1", "p2", "p3"))
    send(spool, writer)
    spool.commit(a_commit(9, "p2", gone="p3"))
    send(spool, writer, NOW + 5000)
    found = snapshot.newest(writer, "c")

    assert states(found) == {"p1": 5, "p2": 9}
    assert found is not None
    assert sorted(found.cursors, key=lambda c: c.kind) == [a_cursor(10, "pods"), a_cursor(9)]
    assert snapshot.newest(writer, "other") is None


def test_an_interrupted_round_is_not_complete(spool: Spool, writer: Store) -> None:
    """Events behind states that are newer than their position would count twice, so this copy is not used."""
    spool.commit(a_commit(5, "p1"))
    send(spool, writer)
    spool.commit(a_commit(9, "p1"))
    (batch,) = [batch for batch in spool.seal(NOW + 5000) if batch.table == "live_state"]
    rows = [row for row in spool.read(batch).rows if row[2] != snapshot.CURSOR]
    writer.insert(LIVE_STATE, rows, batch.content)

    assert snapshot.newest(writer, "c") is None


def test_of_two_copies_the_further_one_counts(tmp_path: Path, writer: Store) -> None:
    """Each collector writes its own copy; the chosen copy has nothing of the other one."""
    ahead, behind = (open_spool(tmp_path / name / "spool.sqlite", 1 << 30, NOW) for name in ("a", "b"))
    ahead.commit(a_commit(9, "p1", gone="p2"))
    behind.commit(a_commit(5, "p1", "p2"))
    send(ahead, writer)
    send(behind, writer, NOW + 5000)
    ahead.close()
    behind.close()

    assert states(snapshot.newest(writer, "c")) == {"p1": 9}


def test_a_new_copy_begins_each_day(spool: Spool, writer: Store) -> None:
    """Old copies may expire: a new copy also has states that did not change for days."""
    spool.commit(a_commit(5, "p1", "p2"))
    send(spool, writer)
    send(spool, writer, NOW + DAY - 1)
    once = writer.query_rows("SELECT uniqExact(snapshot) FROM lynceus.live_state")
    spool.commit(a_commit(6, "p1"))
    send(spool, writer, NOW + DAY)
    first = writer.query_rows("SELECT min(snapshot) FROM lynceus.live_state")[0][0]
    writer.command("DELETE FROM lynceus.live_state WHERE snapshot = {name:String}", {"name": first})

    assert once == [(1,)]
    assert states(snapshot.newest(writer, "c")) == {"p1": 6, "p2": 5}


def test_round_numbers_rise_although_the_clock_goes_back(spool: Spool, writer: Store) -> None:
    """Otherwise an older state would replace a newer one."""
    spool.commit(a_commit(5, "p1"))
    send(spool, writer, NOW + 1000)
    spool.commit(a_commit(6, "p1"))
    send(spool, writer, NOW + 10)

    assert states(snapshot.newest(writer, "c")) == {"p1": 6}


def test_positions_without_states_still_give_identity_and_counters(spool: Spool, writer: Store) -> None:
    """An older release wrote them, or the copy expired: identity of the cluster, its counters, and the begin of the gap."""
    spool.commit(a_commit(5, "p1"))
    send(spool, writer, leave_out="live_state")

    assert snapshot.newest(writer, "c") is None
    assert snapshot.past(writer, "c") == snapshot.Past("u", NOW + 5, {"n": "5"})
    assert snapshot.past(writer, "other") is None


def test_a_spool_of_an_older_release_is_copied_whole(spool_file: Path, writer: Store) -> None:
    """States that the spool had before copies existed are in the first copy."""
    commit, old = a_commit(5, "p1"), an_old_spool(spool_file, 1)
    for cursor in commit.cursors:
        old.execute("INSERT INTO cursor VALUES (?, ?, ?, 0)", (cursor.cluster, cursor.kind, encode(cursor)))
    for state in commit.upserts:
        row = (state.cluster, state.kind, state.uid, state.state)
        old.execute("INSERT INTO checkpoint VALUES (?, ?, ?, ?, NULL, 0)", row)
    old.close()
    new = open_spool(spool_file, 1 << 30, NOW)
    send(new, writer)
    new.close()

    assert states(snapshot.newest(writer, "c")) == {"p1": 5}


def test_a_state_is_bytes_to_the_end() -> None:
    """No text codec may change the bytes."""
    assert encode(b"\xff\x00") == b"\xc4\x02\xff\x00"
