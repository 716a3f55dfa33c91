"""
The upgrade from the last release: 100,000 rows in its spool and a store of it, taken up by this release without a loss.

recorded/releases holds what a release wrote, as text (record_release.py makes it); the rows are copied here under new uids.
The way back is refused: test_damage.py has the spool's part, schema/test_migrate.py the store's.
"""

import asyncio
import json
import re
import sqlite3
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.catalog.counters import Counters
from collector.catalog.tables import TABLE_NAMED
from collector.store.clickhouse import Store
from collector.store.schema.migrate import load, migrate
from collector.store.spool.inserter import Inserter
from collector.store.spool.spool import open_spool
from collector.store.worker import Worker
from tests.store.running import Running, ask, start

RELEASES = sorted((Path(__file__).parents[2] / "recorded" / "releases").glob("*.json"))
ROWS = 100_000
PIECE_ROWS = 250
"""Rows that a release packs together."""
AT = 1_796_000_000_000
UID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-)[0-9a-f]{12}")

Row = list[Any]


def copied(rows: list[Row], copies: int) -> Iterator[Row]:
    """The rows so many times, each time with other uids."""
    text = json.dumps(rows)
    for number in range(copies):
        yield from json.loads(UID.sub(rf"\g<1>{number:012x}", text))


def spool_of(release: dict[str, Any], rows: dict[str, list[Row]], file: Path) -> None:
    """A spool as the release leaves it: pieces of one table, each with the time and a checksum of what stands in its row."""
    with sqlite3.connect(file) as connection:
        connection.executescript(release["spool"]["sql"])
        connection.execute(f"PRAGMA user_version = {release['spool']['schema']}")
        for table, some in rows.items():
            for first in range(0, len(some), PIECE_ROWS):
                piece = some[first : first + PIECE_ROWS]
                body = msgspec.msgpack.encode(piece)
                parts = (table.encode(), str(len(piece)).encode(), str(AT).encode(), body)
                connection.execute(
                    "INSERT INTO fact (name, rows, body, at, checksum) VALUES (?, ?, ?, ?, ?)",
                    (table, len(piece), body, AT, zlib.crc32(b"\0".join(parts))),
                )
    connection.close()


def store_of(release: dict[str, Any], running: Running, store: Store) -> None:
    """The release's tables with its rows."""
    migrate(store, migrations=load()[: release["migrations"]])
    for table, lines in release["stored"].items():
        statement = f"INSERT INTO lynceus.{table} FORMAT JSONCompactEachRowWithNames\n" + "\n".join(lines)
        reply = ask(running, statement, user="lynceus", key=running.token())
        assert reply.status == 200, reply.text


def newest(table: str, rows: list[Row]) -> list[Row]:
    """Of each key the row with the highest version: what the store keeps."""
    names = [column.name for column in TABLE_NAMED[table].columns]
    key, version = [names.index(name) for name in TABLE_NAMED[table].order_by], names.index("version")
    kept: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        of = tuple(row[place] for place in key)
        if of not in kept or kept[of][version] <= row[version]:
            kept[of] = row
    return list(kept.values())


async def drain(file: Path, store: Store) -> int:
    """Lets the inserter of this release empty a spool; returns how many rows are left."""
    disk, asking = Worker("spool"), Worker("store")
    spool = await disk.run(open_spool, file, 1 << 30, AT)
    work = Inserter(
        spool=spool, spool_worker=disk, store=store, store_worker=asking, counters=Counters(), now=lambda: AT
    )
    assert spool.rows == ROWS
    task = asyncio.create_task(work.run())
    async with asyncio.timeout(300):
        while spool.rows and not task.done():
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    left = spool.rows
    await disk.run(spool.close)
    disk.close()
    asking.close()
    return left


@pytest.mark.timeout(400)
@pytest.mark.parametrize("path", RELEASES[-1:], ids=lambda path: path.stem)
def test_no_row_of_the_last_release_is_lost(path: Path, tmp_path: Path) -> None:
    """Those in its store stay, those in its spool arrive, and none is set aside."""
    release = json.loads(path.read_text(encoding="utf-8"))
    each = sum(map(len, release["spooled"].values()))
    rows = {table: list(copied(some, ROWS // each)) for table, some in release["spooled"].items()}
    rows["workflow_run"] += copied(release["spooled"]["workflow_run"][: ROWS - sum(map(len, rows.values()))], 1)
    spool_of(release, rows, tmp_path / "spool.sqlite")
    running = start(tmp_path)
    store = running.writer()
    try:
        store_of(release, running, store)
        migrate(store)
        left = asyncio.run(drain(tmp_path / "spool.sqlite", store))
        found = {
            table: store.query_rows(f"SELECT count() FROM lynceus.{table} FINAL")[0][0]
            for table in (*rows, "quarantine")
        }
        ((cost,),) = store.query_rows("SELECT sum(cost) FROM lynceus.pod_cost FINAL WHERE cost IS NOT NULL")
    finally:
        store.close()
        running.stop()

    before = {table: len(release["stored"][table]) - 1 for table in rows}
    assert left == 0
    arrived = {table: len(newest(table, some)) for table, some in rows.items()}
    # A month is one row, whatever the uids are.
    assert found == {table: before[table] + (arrived[table] if table != "period" else 0) for table in rows} | {
        "quarantine": 0
    }
    assert cost == _costs(release["stored"]["pod_cost"]) + sum(
        (Decimal(amount) for row in newest("pod_cost", rows["pod_cost"]) if (amount := _cost(row)) is not None),
        Decimal(0),
    )


def _cost(row: Row) -> str | None:
    found: str | None = row[[column.name for column in TABLE_NAMED["pod_cost"].columns].index("cost")]
    return found


def _costs(lines: list[str]) -> Decimal:
    """The sum of the charges in a recorded store."""
    names, *rows = (json.loads(line, parse_float=Decimal) for line in lines)
    return sum((Decimal(row[names.index("cost")] or 0) for row in rows), Decimal(0))
