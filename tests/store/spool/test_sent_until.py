"""Until when the store has all that was committed: what is read there may rest on it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from collector.catalog.counters import Counters
from collector.store.clickhouse import Store, StoreUnreachableError
from collector.store.spool.batches import ROUND_ROWS, Batch
from collector.store.spool.inserter import Inserter
from collector.store.spool.packing import BATCH_ROWS
from collector.store.worker import Worker
from tests.store.spool.spooled import NOW
from tests.store.spool.test_inserter import a_commit, hurry, inserting, store, until

__all__ = ["hurry", "store"]


async def test_it_moves_with_each_round_and_stands_while_the_store_takes_nothing(
    spool_file: Path, store: Store
) -> None:
    """An empty round moves it too. A batch that failed was cut earlier, and shows nothing of later rows."""
    clock = [NOW]
    async with inserting(spool_file, store) as (work, commit):
        work.now = lambda: clock[0]
        await until(lambda: work.sent_until == NOW)
        clock[0] += 1000
        await until(lambda: work.sent_until == NOW + 1000)

        def refuse(*_: Any) -> None:
            raise StoreUnreachableError("down")

        with pytest.MonkeyPatch.context() as down:
            down.setattr(work.store, "insert", refuse)
            await commit(a_commit(0, 10))
            clock[0] += 1000
            await until(lambda: bool(work.detail))
            assert work.sent_until == NOW + 1000
            clock[0] += 1000
        await until(lambda: work.sent_until == NOW + 3000)
        assert work.spool.rows == 0


async def test_a_round_that_may_have_left_facts_behind_proves_nothing() -> None:
    """A round is bounded: what is left over may be older than its cut."""
    rounds = [[a_batch(ROUND_ROWS, NOW + 1)], [a_batch(5, NOW + 2)], []]
    seen: list[int] = []

    def seal(*_: Any, **__: Any) -> list[Batch]:
        seen.append(work.sent_until)
        return rounds.pop(0)

    async def sent(*_: Any) -> None:
        """The store takes every batch."""

    disk = Worker("spool")
    spool: Any = SimpleNamespace(rows=BATCH_ROWS, seal=seal)
    nowhere: Any = SimpleNamespace(ping=lambda: NOW)
    work = Inserter(
        spool=spool, spool_worker=disk, store=nowhere, store_worker=disk, counters=Counters(), now=lambda: NOW + 3
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Inserter, "_send", sent)
        await work._send_all()
    disk.close()

    assert (seen, work.sent_until) == ([0, 0, NOW + 2], NOW + 3)


def a_batch(rows: int, sealed_at: int) -> Batch:
    return Batch(id=1, table="queue_sample", first_seq=1, last_seq=rows, rows=rows, content="c", sealed_at=sealed_at)
