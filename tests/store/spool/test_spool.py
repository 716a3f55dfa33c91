"""The spool: commits are kept whole and in order, and leave only when the store has them."""

import contextlib
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from collector.catalog.workflows import QUEUE_SAMPLE
from collector.core.facts.watches import WatchCursor
from collector.core.facts.workflows import QueueSample
from collector.core.messages import Checkpoint, Commit, Gone
from collector.core.model import version_of
from collector.store.spool import batches as batches_module
from collector.store.spool import packing
from collector.store.spool import spool as spool_module
from collector.store.spool.file import SCHEMA_VERSION, SpoolFullError, connect, written_at
from collector.store.spool.spool import Spool, open_spool
from tests.examples import examples
from tests.store.facts import a_live, a_sample
from tests.store.running import ROOT
from tests.store.spool.committer import FACTS, committed
from tests.store.spool.spooled import NOW, a_cursor, an_old_spool


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests run in a folder of their own: a spool in memory leaves an empty file of that name where it is opened."""
    with contextlib.chdir(tmp_path_factory.mktemp("spools")):
        yield


def sent(spool: Spool) -> dict[str, list[list[object]]]:
    """The rows that a store would get now, by table in the order of sending; all are acknowledged."""
    tables: dict[str, list[list[object]]] = {}
    for batch in spool.seal(NOW):
        tables.setdefault(batch.table, []).extend(spool.read(batch).rows)
        spool.acknowledge(batch)
    return tables


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_spool_of_an_older_release_is_opened(version: int, spool_file: Path) -> None:
    """Its rows are sent, its positions and states are taken up, and it is marked: such a release does not open it again."""
    old = an_old_spool(spool_file, version)
    packed = packing.pack_facts([a_sample(1), a_sample(2)], NOW)
    old.executemany("INSERT INTO fact (name, rows, body) VALUES (?, ?, ?)", packed)
    old.execute("INSERT INTO cursor VALUES ('c', 'pods', ?, 1)", (packing.encode(a_cursor("8")),))
    old.execute("INSERT INTO checkpoint VALUES ('c', 'workflows', 'w', x'77', NULL, 1)")
    old.close()

    again = open_spool(spool_file, 1 << 30, NOW)
    loaded = again.load()

    assert (loaded.damage, loaded.damaged) == ("", frozenset())
    assert loaded.cursors == [a_cursor("8")]
    assert loaded.checkpoints == [("c", "workflows", "w", b"w")]
    assert [row[6] for row in sent(again)["queue_sample"]] == [1, 2]
    assert again._connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    again.close()


def test_everything_of_a_commit_is_there_after_reopening(spool: Spool, spool_file: Path) -> None:
    """A start reads positions and states, and the facts still wait for the store."""
    spool.commit(
        Commit(
            at=NOW,
            facts=[a_sample(1), a_sample(2)],
            cursors=[a_cursor("8", a="1")],
            upserts=[Checkpoint(cluster="c", kind="workflows", uid="w", state=b"state", live=a_live("w"))],
        )
    )
    spool.close()

    again = open_spool(spool_file, 1 << 30, NOW)
    loaded = again.load()

    assert loaded.cursors == [a_cursor("8", a="1")]
    assert loaded.checkpoints == [("c", "workflows", "w", b"state")]
    assert loaded.damage == ""
    assert again.rows == 2
    assert list(sent(again)) == ["queue_sample", "workflow_live", "live_state", "watch_cursor"]
    again.close()


def test_when_a_spool_was_last_written_is_known_without_reading_it(
    spool: Spool, spool_file: Path, tmp_path: Path
) -> None:
    """The gap of a damaged spool begins at that time."""
    before = time.time_ns() // 1_000_000 - 1000
    spool.commit(Commit(at=NOW, facts=[a_sample(1)]))

    assert before < written_at(spool_file) <= time.time_ns() // 1_000_000
    assert written_at(tmp_path / "none") == 0


def test_the_newest_position_and_state_replace_the_older(spool: Spool) -> None:
    """One row per watch and per object: the spool does not grow without new objects."""
    for number in range(3):
        upsert = Checkpoint(cluster="c", kind="pods", uid="p", state=str(number).encode())
        spool.commit(Commit(at=NOW, cursors=[a_cursor(str(number))], upserts=[upsert]))

    assert [cursor.resource_version for cursor in spool.load().cursors] == ["2"]
    assert spool.load().checkpoints == [("c", "pods", "p", b"2")]


def test_positions_are_sent_last_and_once(spool: Spool) -> None:
    """A collector that resumes from a position in the store must find all of its rows there."""
    spool.commit(Commit(at=NOW, facts=[a_sample(1)], cursors=[a_cursor("9", n="5")]))

    tables = sent(spool)
    ((*_, version, resource_version, _, _, totals),) = tables["watch_cursor"]

    assert list(tables) == ["queue_sample", "live_state", "watch_cursor"]
    assert (version, resource_version, totals) == (version_of(2, 9), "9", {"n": "5"})
    assert sent(spool) == {}
    assert len(tables["watch_cursor"][0]) == len(WatchCursor.__struct_fields__)


def test_facts_can_be_sent_without_positions(spool: Spool) -> None:
    """Positions are sent only every few seconds; until then they are kept."""
    spool.commit(Commit(at=NOW, facts=[a_sample(1)], cursors=[a_cursor()]))

    first = [batch.table for batch in spool.seal(NOW, positions=False)]
    for batch in spool.seal(NOW):
        spool.acknowledge(batch)

    assert first == ["queue_sample"]
    assert list(sent(spool)) == ["live_state", "watch_cursor"]


def test_live_rows_are_sent_as_they_are_now(spool: Spool) -> None:
    """Of many changes between two rounds the last is sent; an ended workflow is sent as deleted, then dropped."""
    for phase in ("Pending", "Running"):
        upsert = Checkpoint(cluster="c", kind="workflows", uid="w", state=b"s", live=a_live("w", phase=phase))
        spool.commit(Commit(at=NOW, upserts=[upsert]))
    assert [row[11] for row in sent(spool)["workflow_live"]] == ["Running"]

    gone = Gone(cluster="c", kind="workflows", uid="w", live=a_live("w", version=2, is_deleted=1))
    spool.commit(Commit(at=NOW, deletes=[gone]))

    assert spool.load().checkpoints == []
    assert [row[2:4] for row in sent(spool)["workflow_live"]] == [[2, 1]]
    assert sent(spool) == {}


def test_a_state_can_be_dropped_without_a_row(spool: Spool) -> None:
    """Pods have states and no live rows."""
    spool.commit(Commit(at=NOW, upserts=[Checkpoint(cluster="c", kind="pods", uid="p", state=b"s")]))
    spool.commit(
        Commit(at=NOW, deletes=[Gone(cluster="c", kind="pods", uid="p"), Gone(cluster="c", kind="pods", uid="x")])
    )

    assert spool.load().checkpoints == []
    assert [row[2:4] + row[5:] for row in sent(spool)["live_state"]] == [["pods", "p", 1, b""], ["pods", "x", 1, b""]]
    assert sent(spool) == {}


def test_a_retry_sends_the_same_bytes(spool: Spool, spool_file: Path) -> None:
    """Boundaries are kept: what is committed later, or a restart, changes neither rows nor token of a sealed batch."""
    spool.commit(Commit(at=NOW, facts=[a_sample(1), a_live("w")]))
    before = [(batch, spool.read(batch).rows) for batch in spool.seal(NOW)]
    spool.commit(Commit(at=NOW, facts=[a_sample(2)], cursors=[a_cursor()]))
    spool.close()

    again = open_spool(spool_file, 1 << 30, NOW)
    after = [(batch, again.read(batch).rows) for batch in again.seal(NOW + 1)]

    assert after == before
    assert len({batch.content for batch, _ in before}) == 2
    again.close()


def test_batches_are_cut_at_their_size(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large commit becomes several batches, a backlog several rounds; no row is lost or doubled at the cuts."""
    monkeypatch.setattr(packing, "BATCH_ROWS", 10)
    monkeypatch.setattr(batches_module, "ROUND_ROWS", 40)
    for start in range(0, 105, 35):
        spool.commit(Commit(at=NOW, facts=[a_sample(start + n) for n in range(35)], cursors=[a_cursor(str(start))]))

    depths: list[int] = []
    tables: list[str] = []
    while batches := spool.seal(NOW):
        assert max(batch.rows for batch in batches) <= 10
        assert sum(batch.rows for batch in batches) <= 70
        for batch in batches:
            tables.append(batch.table)
            depths += [row[6] for row in spool.read(batch).rows if batch.table == "queue_sample"]
            spool.acknowledge(batch)

    assert depths == list(range(105))
    assert tables.index("watch_cursor") == len(tables) - 1
    assert spool.rows == 0


def test_a_fact_that_cannot_be_packed_does_not_hold_up_its_neighbours(spool: Spool) -> None:
    """It becomes a quarantine row of the same commit, with the reason."""
    bad = QueueSample(
        cluster="c", namespace="n", queue="q", reason="lock", at=2**70, version=1, depth=1, oldest_age_ms=1
    )
    live = Checkpoint(cluster="c", kind="workflows", uid="w", state=b"s", live=a_live("w", version=2**70))
    spool.commit(Commit(at=NOW, facts=[a_sample(1), bad, a_sample(2)], upserts=[live]))

    tables = sent(spool)

    assert [row[6] for row in tables["queue_sample"]] == [1, 2]
    assert [(row[0], row[1], row[3]) for row in tables["quarantine"]] == [
        ("c", "queue_sample", NOW),
        ("c", "workflow_live", NOW),
    ]
    assert "OverflowError" in str(tables["quarantine"][0])
    assert spool.load().checkpoints == [("c", "workflows", "w", b"s")]


def test_rows_set_aside_take_the_batchs_place(spool: Spool) -> None:
    """Acknowledging and quarantining are one transaction: a crash between them would lose or double."""
    spool.commit(Commit(at=NOW, facts=[a_sample(1)]))
    (batch,) = spool.seal(NOW)
    aside = packing.quarantine_row(QUEUE_SAMPLE, spool.read(batch).rows[0], "why", batch.sealed_at)
    spool.acknowledge(batch, [aside])

    assert spool.rows == 1
    assert [row[1] for row in sent(spool)["quarantine"]] == ["queue_sample"]


def test_a_full_spool_takes_nothing_and_loses_nothing(spool_file: Path) -> None:
    """The bound is ours; commits go on as soon as the store has taken something."""
    spool = open_spool(spool_file, 400_000, NOW)
    taken = 0
    while not spool.full:
        spool.commit(Commit(at=NOW, facts=[a_sample(taken * 100 + n) for n in range(100)]))
        taken += 1
    with pytest.raises(SpoolFullError, match="of 400000 bytes"):
        spool.commit(Commit(at=NOW, facts=[a_sample(1)], cursors=[a_cursor()]))
    assert spool.load().cursors == []

    rows = sent(spool)["queue_sample"]
    spool.commit(Commit(at=NOW, cursors=[a_cursor()]))

    assert len(rows) == taken * 100
    assert not spool.full
    spool.close()


def test_a_full_disk_has_its_own_error(spool_file: Path) -> None:
    """SQLite's own bound stands in for the disk's: the commit is refused whole and can be tried again."""
    spool = open_spool(spool_file, 1 << 30, NOW)
    thousand = [a_sample(n) for n in range(1000)]
    spool.commit(Commit(at=NOW, facts=thousand))
    pages = spool._connection.execute("PRAGMA page_count").fetchone()[0]
    spool._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SpoolFullError, match="full"):
        spool.commit(Commit(at=NOW, facts=thousand * 20))
    kept = spool.rows
    spool.close()

    again = open_spool(spool_file, 1 << 30, NOW)
    assert again.rows == kept
    assert kept == 1000
    again.close()


def test_some_room_is_kept_on_the_disk(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removing rows from a spool writes too: on a completely full disk no row could ever leave."""
    spool.commit(Commit(at=NOW, facts=[a_sample(1)]))
    with monkeypatch.context() as patched:
        patched.setattr(spool_module, "RESERVE_BYTES", 1 << 60)
        with pytest.raises(
            SpoolFullError, match="stay free, so that the spool can be emptied; free some space, or move"
        ):
            spool.commit(Commit(at=NOW, facts=[a_sample(2)]))
        assert [row[6] for row in sent(spool)["queue_sample"]] == [1]
    spool.commit(Commit(at=NOW, facts=[a_sample(2)]))

    assert spool.rows == 1


def test_the_pragmas_are_in_force(spool: Spool) -> None:
    """WAL with full sync, or a power cut would take acknowledged commits; and the file shrinks after an outage."""
    names = ("journal_mode", "synchronous", "auto_vacuum")
    pragmas = {name: spool._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "auto_vacuum": 2}


def test_kill_9_at_any_moment_leaves_a_whole_number_of_commits(spool_file: Path) -> None:
    """Each commit's facts, position and state are there together or not at all, and none that was reported done is missing."""
    dice = random.Random(7)
    reported = 0
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.store.spool.committer", str(spool_file)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert process.stdout is not None
        for _ in range(dice.randrange(1, 40)):
            reported = int(process.stdout.readline())
        process.kill()
        rest, _ = process.communicate(timeout=10)
        reported = max([reported, *map(int, rest.split("\n")[:-1])])

        spool = open_spool(spool_file, 1 << 30, NOW)
        done = committed(spool)
        facts = spool._connection.execute("SELECT sum(rows) FROM fact").fetchone()[0]
        states = {int(state) for *_, state in spool.load().checkpoints}
        spool.close()
        assert done >= reported
        assert (facts, states) == (done * FACTS, {done})


class SpoolMachine(RuleBasedStateMachine):
    """Any order of commits, seals, acknowledgements and restarts, compared with a list in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.committed: list[int] = []
        self.stored: list[int] = []
        self.position = 0
        self.stored_position = 0
        self.copied: dict[tuple[str, str], tuple[int, int, bytes]] = {}
        self.states_at: dict[int, dict[str, int]] = {0: {}}

    @initialize(batch=st.sampled_from([3, 10_000]))
    def begin(self, batch: int) -> None:
        """With small batches a round takes several inserts, and a disk may be lost between any two."""
        self.spool = Spool(_in_memory(), 1 << 30)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(packing, "BATCH_ROWS", batch)

    @rule(count=st.integers(0, 5))
    def commit(self, count: int) -> None:
        numbers = [len(self.committed) + n for n in range(count)]
        self.position += 1
        uids = [f"p{n % 4}" for n in numbers]
        gone = [uid for uid in uids[:1] if uid in self.states_at[self.position - 1]]
        living = dict.fromkeys((uid for uid in uids if uid not in gone), self.position)
        before = {uid: at for uid, at in self.states_at[self.position - 1].items() if uid not in gone}
        self.states_at[self.position] = before | living
        self.spool.commit(
            Commit(
                at=NOW,
                facts=[a_sample(n) for n in numbers],
                cursors=[a_cursor(str(self.position))],
                upserts=[Checkpoint(cluster="c", kind="pods", uid=u, state=b"%d" % at) for u, at in living.items()],
                deletes=[Gone(cluster="c", kind="pods", uid=uid) for uid in gone],
            )
        )
        self.committed += numbers

    @rule(positions=st.booleans())
    def send_one(self, positions: bool) -> None:
        for batch in self.spool.seal(NOW, positions=positions)[:1]:
            rows = self.spool.read(batch).rows
            if batch.table == "watch_cursor":
                self.stored_position = int(rows[0][3])
            elif batch.table == "live_state":
                self.copied |= {tuple(row[2:4]): (row[4], row[5], row[6]) for row in rows}
            else:
                self.stored += [row[6] for row in rows]
            self.spool.acknowledge(batch)

    @invariant()
    def a_whole_copy_is_what_was_at_its_position(self) -> None:
        """Between any two inserts: a copy in the store equals the spool at the copy's position, or is visibly incomplete."""
        states = {key: row for key, row in self.copied.items() if key[0] != "cursor"}
        position = self.copied.get(("cursor", "pods"))
        if position and all(round_ <= position[0] for round_, _, _ in states.values()):
            at = int(packing.decode_cursor(position[2]).resource_version)
            there = {uid: int(state) for (_, uid), (_, is_deleted, state) in states.items() if not is_deleted}
            assert there == self.states_at[at]

    @precondition(lambda self: self.spool.rows == 0)
    @rule()
    def nothing_is_left_over(self) -> None:
        assert self.stored == self.committed

    @invariant()
    def the_store_has_the_first_facts_in_order(self) -> None:
        assert self.stored == self.committed[: len(self.stored)]
        assert self.stored_position <= self.position

    def teardown(self) -> None:
        self.patch.undo()
        self.spool.close()


def _in_memory() -> sqlite3.Connection:
    return connect(Path(":memory:"))


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=examples(40), stateful_step_count=30, deadline=None)
