"""
Every writer of the tree, through a recorder: no statement to a cluster is acknowledged before its rows are stored.

A writer that is added must be added here: the two tests at the end find it in the source.
"""

import ast
import asyncio
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from collector.backfill.withdraw import withdraw
from collector.billing import corrections, runs
from collector.billing.lock import LockOrder, lock, unlock
from collector.billing.reprice import activate, prepare
from collector.catalog.counters import Counters
from collector.catalog.retention import retention_days
from collector.catalog.rollups import ROLLUPS
from collector.catalog.schema import RECORD
from collector.connect import writing_store
from collector.core.cost.billing_days import day_of
from collector.core.messages import Commit
from collector.delivery.records import DeliveryRecord, advance
from collector.settings.model import Settings, StoreSettings
from collector.store.claim import acquire_claim
from collector.store.clickhouse import Store
from collector.store.rollup import roll_up
from collector.store.schema.migrate import migrate
from collector.store.schema.retention import apply_retention
from collector.store.servers.scratch import ScratchStore
from collector.store.servers.trial import verify
from collector.store.spool.inserter import Inserter
from collector.store.spool.spool import open_spool
from collector.store.worker import Worker
from tests.billing.stored import a_past, a_preparation, dearer, write_all
from tests.billing.test_lock import TERMS
from tests.builders import DAY, NOON, SECOND
from tests.store.facts import a_sample
from tests.store.recording import Recorder, Statement, recording
from tests.store.running import Running

ROOT = Path(__file__).parents[2]
THEN = NOON - 30 * DAY
OCTOBER = day_of(date(2026, 10, 1))
STORED = {
    "async_insert": "0",
    "wait_end_of_query": "1",
    "distributed_foreground_insert": "1",
    "insert_quorum": "auto",
}
"""What an INSERT needs, so that its acknowledgement means that its rows are stored, on more than one server."""
CHANGES = ("ALTER", "CREATE", "DROP", "TRUNCATE", "INSERT", "SYSTEM")
AGREED = {"claim", "delivery", "period", "pricing_run"}
"""Tables by which collectors agree: a row is read right after it is written, through whatever replica."""


async def insert(store: Store, folder: Path) -> None:
    """The way of all observations: from the spool."""
    disk, thread = Worker("spool"), Worker("store")
    spool = await disk.run(open_spool, folder / "spool.sqlite", 1 << 30, NOON)
    await disk.run(spool.commit, Commit(at=NOON, facts=[a_sample(number) for number in range(5)]))
    work = Inserter(
        spool=spool, spool_worker=disk, store=store, store_worker=thread, counters=Counters(), now=lambda: NOON
    )
    task = asyncio.create_task(work.run())
    async with asyncio.timeout(30):
        while spool.rows:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    await disk.run(spool.close)
    disk.close()
    thread.close()


def lock_and_correct(store: Store, _: Path) -> None:
    """A locked month, corrections of it, and the same month open again."""
    times = ("created_at", "instance_created_at", "scheduled_at", "main_started_at")
    changes: dict[str, Any] = dict.fromkeys(times, THEN)
    write_all(store, a_past(2, finished_at=THEN + 60 * SECOND, **changes))
    order = LockOrder(month=OCTOBER, today=date(2026, 11, 22), now=1_000, terms=TERMS, accept="a test")
    lock(store, order, lambda _: None)
    corrections.book(store, date(2026, 11, 22))
    unlock(store, OCTOBER, 2_000, lambda _: None)


def reprice(store: Store, folder: Path) -> None:
    """A run prepared and turned to."""
    write_all(store, a_past())
    work = a_preparation(store, dearer(folder))
    prepare(work)
    activate(work)


def roll_all_up(store: Store, _: Path) -> None:
    write_all(store, a_past())
    for rollup in ROLLUPS:
        roll_up(store, rollup)


def migrate_and_retain(store: Store, _: Path) -> None:
    """All migrations, in a database of their own; then another retention there."""
    store.command("CREATE DATABASE lynceus_writers ENGINE = Atomic")
    try:
        scratch = ScratchStore(store, "lynceus_writers")
        migrate(scratch)
        apply_retention(scratch, {**retention_days({}), "queue_sample": 7})
    finally:
        store.command("DROP DATABASE lynceus_writers SYNC")


def withdraw_all(store: Store, _: Path) -> None:
    """Estimated pods, replaced by observed ones or none."""
    write_all(store, a_past())
    withdraw(store, "c1", NOON - DAY, NOON + DAY)


WRITERS: dict[str, Callable[[Store, Path], object]] = {
    "inserter": lambda store, folder: asyncio.run(insert(store, folder)),
    "claim": lambda store, _: acquire_claim(store, "writers", "me", NOON, 60),
    "deliveries": lambda store, _: advance(
        store, DeliveryRecord(name="writers", department="maps", period=secrets.token_hex(8))
    ),
    "rollups": roll_all_up,
    "months": lambda store, _: runs.save_periods(store, [runs.default_period(OCTOBER)]),
    "reprice": reprice,
    "lock": lock_and_correct,
    "withdraw": withdraw_all,
    "migrations": migrate_and_retain,
    "verify": lambda store, _: list(verify(store, store, "")),
}
WRITTEN = {
    "inserter": {"queue_sample"},
    "claim": {"claim"},
    "deliveries": {"delivery"},
    "rollups": {"rollup_state", "cost_daily_next"},
    "months": {"period"},
    "reprice": {"pricing_run", "pod_cost", "period", "statement_line", "month_statement"},
    "lock": {"period", "pricing_run", "pod_cost", "statement_line", "month_statement"},
    "withdraw": {"pod_cost"},
    "migrations": {RECORD},
    "verify": {"pod_cost", "period", "claim"},
}
"""Some tables that each must have written to, or nothing was proven."""
SITES = {
    "collector/billing/queries.py": "reprice, lock",
    "collector/billing/rows.py": "reprice, lock, withdraw, and all that write facts",
    "collector/delivery/records.py": "deliveries",
    "collector/store/claim.py": "claim",
    "collector/store/rollup.py": "rollups",
    "collector/store/schema/migrate.py": "migrations",
    "collector/store/schema/shards.py": "tests/store_cluster",
    "collector/store/servers/scratch.py": "migrations, verify",
    "collector/store/servers/steps.py": "verify",
    "collector/store/spool/inserter.py": "inserter",
    "collector/store/spool/send.py": "its insert is Store.insert, as that of the inserter",
}
"""Every file that inserts into a store, and by which writers it is run here."""


@pytest.fixture
def recorder(engine: Running, store: Store) -> Iterator[Recorder]:
    with recording(engine) as one:
        yield one


def run_writer(writer: str, engine: Running, recorder: Recorder, folder: Path) -> None:
    """Runs a writer through the connection that a collector has to a cluster."""
    to = StoreSettings(url=recorder.url, username="lynceus", password_file=str(engine.token_file), cluster="prod")
    store = writing_store(Settings(store=to))
    WRITERS[writer](store, folder)
    store.close()


@pytest.mark.parametrize("writer", WRITERS)
def test_no_insert_is_acknowledged_early(writer: str, engine: Running, recorder: Recorder, tmp_path: Path) -> None:
    """Each INSERT waits for its shard and a quorum; a row of a table that collectors agree by, for those before it."""
    run_writer(writer, engine, recorder, tmp_path)

    inserts = recorder.of("INSERT")
    tables = {_table(one) for one in inserts}
    for one in inserts:
        assert {name: one.settings.get(name) for name in STORED} == STORED, one.sql[:200]
        if _table(one) in AGREED:
            assert one.settings.get("insert_quorum_parallel") == "0", one.sql[:200]
    assert WRITTEN[writer] <= tables
    # An error of a statement that changes anything is an answer of its own, and not the broken end of a good one.
    assert {one.settings.get("wait_end_of_query") for one in recorder.of(*CHANGES)} == {"1"}


def _table(statement: Statement) -> str:
    """The table of an INSERT; of a rollup's own table the beginning of its name."""
    found = re.match(r"\s*INSERT INTO (?:`?\w+`?\.)?`?(\w+)`?", statement.sql)
    assert found is not None, statement.sql[:200]
    return re.sub(r"_next_\w+$", "_next", found[1])


def test_every_place_that_inserts_is_run_here() -> None:
    """
    A new one must be run by a writer above, or it may acknowledge early unseen.

    The demo's past is laid down in an embedded store only.
    """
    inserts = re.compile(r"INSERT INTO \{|\bstore\.insert\(|\bstore\.insert,|\._inner\.insert\(")
    sources = [path for path in (ROOT / "collector").rglob("*.py") if not {"embedded", "past"} & set(path.parts)]
    found = {str(path.relative_to(ROOT)) for path in sources if inserts.search(path.read_text(encoding="utf-8"))}

    assert found == set(SITES)


def test_all_connections_to_a_cluster_are_made_in_one_place() -> None:
    """Only there are the settings chosen; a backup's connection is to an embedded store."""
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "collector").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "collector.store.clickhouse"
        if "connect" in {name.name for name in node.names}
    }

    assert found == {"collector/connect.py", "collector/store/backup.py"}
