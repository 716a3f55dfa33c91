"""Refusals of a store: bad rows go to quarantine one by one, after other errors rows wait, and each cause has a word."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.catalog.workflows import QUEUE_SAMPLE
from collector.core.facts.workflows import QueueSample
from collector.core.messages import Commit
from collector.store.clickhouse import Store, connect
from collector.store.schema.migrate import migrate
from collector.store.spool.packing import BATCH_ROWS, encode, hash_rows
from tests.examples import examples
from tests.store.facts import a_sample
from tests.store.running import Running
from tests.store.spool.refusing import refusing
from tests.store.spool.spooled import NOW
from tests.store.spool.test_inserter import depths, hurry, inserting, samples, store, until

__all__ = ["hurry", "store"]

WAITED_OUT = {
    "wrong password": (516, "lynceus: Authentication failed. (AUTHENTICATION_FAILED)", "store_password"),
    "read-only user": (164, "Cannot execute query in readonly mode. (READONLY)", "store_read_only"),
    "missing grant": (497, "lynceus: Not enough privileges. (ACCESS_DENIED)", "store_read_only"),
    "full disk": (243, "Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)", "store_disk_full"),
    "memory limit": (241, "Memory limit (total) exceeded. (MEMORY_LIMIT_EXCEEDED)", "store_overloaded"),
    "merges lag behind": (252, "Too many parts (3000). (TOO_MANY_PARTS)", "store_overloaded"),
    "anything else": (1001, "std::exception. (STD_EXCEPTION)", "store_refuses"),
}


@pytest.mark.parametrize("fault", WAITED_OUT)
async def test_after_an_error_without_bad_rows_the_rows_wait(
    fault: str, spool_file: Path, running: Running, store: Store, writer: Store
) -> None:
    """Rows stay in the spool, none is set aside, one word names the cause; afterwards each row is stored once."""
    async with refusing(running) as door:
        through = connect(door.address, "lynceus", running.token_file)
        door.code, door.text, cause = WAITED_OUT[fault]
        async with inserting(spool_file, through) as (work, commit):
            await commit(Commit(at=NOW, facts=samples(0, 20)))
            await until(lambda: door.refused >= 2 and not work.reachable)
            assert (work.cause, work.spool.rows) == (cause, 20)
            assert str(door.code) in work.detail
            door.code = 0
            await until(lambda: work.spool.rows == 0 and work.reachable)

    assert (work.cause, work.detail) == ("", "")
    assert depths(writer) == (20, 20, 190)
    assert writer.query_rows("SELECT count() FROM lynceus.quarantine") == [(0,)]


async def test_a_reader_cannot_write_and_the_cause_names_it(spool_file: Path, running: Running, store: Store) -> None:
    """A read-only account at a real engine: the inserter waits from the first migration on."""
    async with inserting(spool_file, running.reader(), prepare=migrate) as (work, commit):
        await commit(Commit(at=NOW, facts=samples(0, 3)))
        await until(lambda: work.cause == "store_read_only")

    assert work.spool.rows == 3


async def test_the_stores_clock_is_compared_with_the_collectors(spool_file: Path, store: Store) -> None:
    """The skew is measured with the check that the store answers; the collector's clock is fixed years ago here."""
    async with inserting(spool_file, store) as (work, _):
        await until(lambda: work.skew_ms is not None)

    assert work.skew_ms is not None
    assert work.skew_ms > 365 * 86_400_000


async def test_a_corrected_password_file_is_read_again(
    spool_file: Path, tmp_path: Path, running: Running, store: Store, writer: Store
) -> None:
    """A real engine refuses the wrong password; after the file is corrected no restart is needed."""
    password = tmp_path / "password"
    password.write_text("wrong", encoding="ascii")
    async with inserting(spool_file, connect(running.url, "lynceus", password)) as (work, commit):
        await commit(Commit(at=NOW, facts=samples(0, 3)))
        await until(lambda: work.cause == "store_password")
        password.write_text(running.token_file.read_text(encoding="ascii"), encoding="ascii")
        await until(lambda: work.spool.rows == 0)

    assert depths(writer) == (3, 3, 3)


async def test_refused_rows_in_any_place_of_a_batch_are_found(spool_file: Path, store: Store, writer: Store) -> None:
    """Bad rows are first, in the middle and last of a full batch: the other 9,997 are stored."""
    facts: list[QueueSample] = samples(0, BATCH_ROWS)
    bad = (0, BATCH_ROWS // 2, BATCH_ROWS - 1)
    for place in bad:
        facts[place] = a_sample(place, depth=-1 - place)
    async with inserting(spool_file, store) as (work, commit):
        await commit(Commit(at=NOW, facts=facts))
        await until(lambda: work.spool.rows == 0 and work.last_insert_at is not None)

    aside = writer.query_rows("SELECT sample, reason FROM lynceus.quarantine FINAL")
    assert depths(writer)[0] == BATCH_ROWS - len(bad)
    assert {place for place in bad for sample, _ in aside if f", {-1 - place}, " in sample} == set(bad)
    assert all("depth" in reason for _, reason in aside)


async def test_a_batch_of_bad_rows_only_is_set_aside_whole(spool_file: Path, store: Store, writer: Store) -> None:
    """Nothing of the batch is stored, each row is reported, and later batches are not delayed."""
    async with inserting(spool_file, store) as (work, commit):
        await commit(Commit(at=NOW, facts=[a_sample(n, depth=-1) for n in range(16)]))
        await until(lambda: work.spool.rows == 0)
        await commit(Commit(at=NOW, facts=samples(100, 2)))
        await until(lambda: depths(writer)[0] == 2)

    assert writer.query_rows("SELECT count() FROM lynceus.quarantine FINAL") == [(16,)]


_number = count()
SIGHTS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3)), min_size=1, max_size=12)
"""Facts by key and version; one key and version always has the same values."""


@settings(max_examples=examples(12), deadline=None)
@given(sights=SIGHTS, data=st.data())
def test_the_same_facts_in_any_order_batches_and_number_of_writers_make_the_same_table(
    running: Running, sights: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Two writers at once, each with all facts in its own order and batches, some facts twice."""
    cluster = f"law {next(_number)}"
    each = [data.draw(st.permutations(sights + sights[: data.draw(st.integers(0, len(sights)))])) for _ in range(2)]
    sizes = [data.draw(st.integers(1, 5)) for _ in range(2)]
    with ThreadPoolExecutor(2) as writers:
        list(writers.map(lambda facts, size: _insert(running, cluster, facts, size), each, sizes))
    store = running.reader()
    rows = store.query_rows(
        "SELECT toUnixTimestamp64Milli(at), version, depth FROM lynceus.queue_sample FINAL WHERE cluster = {c:String}",
        {"c": cluster},
    )
    store.close()

    newest = {key: max(version for other, version in sights if other == key) for key, _ in sights}
    assert sorted(rows) == sorted(
        (_of(cluster, *fact).at, fact[1], _of(cluster, *fact).depth) for fact in newest.items()
    )


def _of(cluster: str, key: int, version: int) -> QueueSample:
    return a_sample(key, cluster=cluster, version=version, depth=key * 10 + version)


def _insert(running: Running, cluster: str, facts: Sequence[tuple[int, int]], size: int) -> None:
    store = running.writer()
    for start in range(0, len(facts), size):
        piece = [_of(cluster, *fact) for fact in facts[start : start + size]]
        rows = [[getattr(fact, name) for name in fact.__struct_fields__] for fact in piece]
        store.insert(QUEUE_SAMPLE, rows, hash_rows("queue_sample", [encode(piece)]))
    store.close()
