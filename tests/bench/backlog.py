"""
A store that is away while a million rows queue up, and how long an event takes to be found in the store otherwise.

    python -m tests.bench.backlog

Real spool, real embedded engine. Rows arrive as pods end: their evidence and their charge. Nothing may be lost; the backlog
must leave at least five times as fast as rows arrive, in memory that does not grow with it.
"""

import argparse
import asyncio
import itertools
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from collector.catalog.counters import Counters
from collector.catalog.rollups import Housekeeping
from collector.catalog.schema import WRITER, Table
from collector.clock import now_ms
from collector.core.cost import charge as billing
from collector.core.messages import Commit, Cursor, Observation, Outcome
from collector.core.model import Fact
from collector.service.storage import COMMIT_S
from collector.store.clickhouse import Store, connect
from collector.store.embedded.child import start_child
from collector.store.schema.migrate import migrate
from collector.store.spool.inserter import Inserter
from collector.store.spool.spool import Spool, open_spool
from collector.store.worker import Worker
from tests.bench.__main__ import about, out, say, verdict
from tests.bench.clients import serving
from tests.bench.collector_watch import CLUSTER, SPOOL_BYTES, Counted, a_pipeline, commit_for_ever, watch_until_done
from tests.builders import NOON, a_pod_run
from tests.flow import UTC, books

ROWS = 1_000_000
ARRIVAL = 1_000
"""Rows a second that go on arriving: each of design.md's watch events a row, which is ten times what they lead to."""

TIMES_FASTER, FLAT_BYTES = 5.0, 100 << 20
EVENTS_A_SECOND, WORKFLOWS, P99_S = 1_000, 6_000, 2.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """The figures of one outage."""

    rows: int
    stored: int
    taken_a_second: float
    """What the spool took while the store was away, rows a second."""
    spool_bytes: int
    left_bytes: int
    """What the spool's file has when all is stored."""
    drained_s: float
    drained_a_second: float
    rss_before: int
    rss_peak: int


def facts() -> Iterator[Fact]:
    """A pod that ended, and its charge, and the next pod."""
    run = a_pod_run(cluster=CLUSTER)
    (charge,) = billing.charges(run, None, books(), UTC, NOON + 3_600_000)
    for number in itertools.count():
        uid, at = f"{number:032x}", run.created_at + number * 10
        yield msgspec.structs.replace(run, uid=uid, created_at=at)
        yield msgspec.structs.replace(charge, pod_uid=uid, created_at=at)


def a_commit(source: Iterator[Fact], rows: int, number: int) -> Commit:
    """So many facts with the position they led to."""
    cursor = Cursor(
        cluster=CLUSTER, kind="pods", resource_version=str(number), epoch=0, cluster_uid="u", at=number, totals={}
    )  # fmt: skip
    return Commit(at=now_ms(), facts=list(itertools.islice(source, rows)), cursors=[cursor])


async def backlog(rows: int, arrival: int, folder: Path) -> Backlog:
    """Queue up, let the store come, and wait until all is stored."""
    disk, asking, source, a_time = Worker("spool"), Worker("store"), facts(), int(arrival * COMMIT_S)
    spool = await disk.run(open_spool, folder / "spool.sqlite", SPOOL_BYTES, now_ms())
    numbers, began = itertools.count(1), time.perf_counter()
    for _ in range(rows // a_time):
        await disk.run(spool.commit, a_commit(source, a_time, next(numbers)))
    taken, size = spool.rows / (time.perf_counter() - began), spool.bytes
    queued, child = spool.rows, await start_child(folder / "store", "127.0.0.1:0", folder / "token")
    store = connect(child.url, WRITER, folder / "token")
    await asking.run(migrate, store)
    inserts = Inserter(
        spool=spool, spool_worker=disk, store=store, store_worker=asking, counters=Counters(), now=now_ms
    )
    before, began = _resident(), time.perf_counter()
    sending = asyncio.create_task(inserts.run())
    more, peak = 0, before
    while spool.rows > arrival:
        await asyncio.sleep(max(0.0, began + COMMIT_S * (more + 1) - time.perf_counter()))
        await disk.run(spool.commit, a_commit(source, a_time, next(numbers)))
        more, peak = more + 1, max(peak, _resident())
    drained_s, drained = time.perf_counter() - began, queued + more * a_time - spool.rows
    await inserts.finish(60)
    stored = await asking.run(_distinct, store)
    sending.cancel()
    figures = Backlog(
        rows=queued + more * a_time,
        stored=stored,
        taken_a_second=taken,
        spool_bytes=size,
        left_bytes=spool.bytes,
        drained_s=drained_s,
        drained_a_second=drained / drained_s,
        rss_before=before,
        rss_peak=peak,
    )
    await disk.run(spool.close)
    await child.stop()
    return figures


def _resident() -> int:
    """Resident bytes as they are: a collection at each look would be what is measured."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def _distinct(store: Store) -> int:
    """Rows by key, in both tables, and -1 if a key has two."""
    ((runs, keys),) = store.query_rows("SELECT count(), uniqExact(uid) FROM lynceus.pod_run FINAL")
    ((charges, of),) = store.query_rows("SELECT count(), uniqExact(pod_uid) FROM lynceus.pod_cost FINAL")
    return int(runs) + int(charges) if (runs, charges) == (keys, of) else -1


class Noting(Store):
    """A store that notes when each run of a workflow could first be found in it."""

    found_at: dict[str, int]

    def insert(
        self, table: Table | Housekeeping, rows: Sequence[Any], token: str, *, database: str = "lynceus"
    ) -> None:
        super().insert(table, rows, token)
        if table.name == "workflow_run":
            uid, now = [column.name for column in table.stored].index("uid"), now_ms()
            for row in rows:
                self.found_at.setdefault(row[uid], now)


async def lateness(workflows: int, pace: int, folder: Path) -> list[float]:
    """Seconds from the last event of each workflow on our socket to its row in the store, sorted; the whole pipeline."""
    counters, token, arrived_at = Counters(), folder / "store.token", dict[str, int]()
    pipe, child = a_pipeline(counters), await start_child(folder / "store", "127.0.0.1:0", token)
    store, disk, asking = Noting(connect(child.url, WRITER, token)._make_client), Worker("spool"), Worker("store")
    store.found_at = {}
    spool: Spool = await disk.run(open_spool, folder / "spool.sqlite", SPOOL_BYTES, now_ms())
    await asking.run(migrate, store)
    inserts = Inserter(spool=spool, spool_worker=disk, store=store, store_worker=asking, counters=counters, now=now_ms)

    def take(outcomes: list[Outcome]) -> None:
        pipe.take(CLUSTER, outcomes)
        arrived_at.update({o.uid: o.at for o in outcomes if isinstance(o, Observation)})

    background = [asyncio.create_task(inserts.run()), asyncio.create_task(commit_for_ever(pipe, disk, spool))]
    with serving("workflows", objects=workflows, pace=pace) as server:
        await watch_until_done(
            server.server,
            "workflows",
            Counted(server.events, take),
            room=pipe.room,
            counters=counters,
            folder=folder,
        )
    while len(store.found_at) < workflows:
        await asyncio.sleep(0.05)
    for task in background:
        task.cancel()
    await child.stop()
    return sorted((store.found_at[uid] - at) / 1000 for uid, at in arrived_at.items())


def show_backlog(figures: Backlog, arrival: int) -> None:
    """The outage in words, then as JSON."""
    faster, grown = figures.drained_a_second / arrival, figures.rss_peak - figures.rss_before
    exact = figures.stored == figures.rows
    out.print(
        f"store away for {figures.rows:,} rows: {figures.stored:,} stored, each once ({verdict(exact)})\n"
        f"  the spool took {figures.taken_a_second:,.0f} rows/s into {figures.spool_bytes / 2**20:,.0f} MiB, "
        f"{figures.left_bytes / 2**20:,.1f} MiB in use when all was stored\n"
        f"  drained at {figures.drained_a_second:,.0f} rows/s while {arrival:,}/s went on arriving: {faster:.1f}x "
        f"({verdict(faster >= TIMES_FASTER)}: at least {TIMES_FASTER:g}x)\n"
        f"  resident memory grew by {grown / 2**20:,.0f} MiB from {figures.rss_before / 2**20:,.0f} "
        f"({verdict(grown <= FLAT_BYTES)}: at most {FLAT_BYTES >> 20})"
    )
    say({"case": "backlog", **asdict(figures), "arrival": arrival})


def show_lateness(late: Sequence[float], pace: int) -> None:
    """How late rows are."""
    p50, p99, most = late[len(late) // 2], late[int(len(late) * 0.99)], late[-1]
    out.print(
        f"event to queryable at {pace:,} events/s: p50 {p50:.2f} s, p99 {p99:.2f} s "
        f"({verdict(p99 <= P99_S)}: at most {P99_S:g}), most {most:.2f} s, of {len(late):,} workflows"
    )
    say(
        {"case": "event to queryable", "pace": pace, "workflows": len(late), "p50_s": p50, "p99_s": p99, "most_s": most}
    )


def main() -> None:
    """Measure and print both."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.backlog", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--arrival", type=int, default=ARRIVAL, help="rows a second")
    parser.add_argument("--workflows", type=int, default=WORKFLOWS, help="lives of 5 events each")
    arguments = parser.parse_args()
    say(about())
    with tempfile.TemporaryDirectory() as folder:
        show_lateness(asyncio.run(lateness(arguments.workflows, EVENTS_A_SECOND, Path(folder))), EVENTS_A_SECOND)
    with tempfile.TemporaryDirectory() as folder:
        show_backlog(asyncio.run(backlog(arguments.rows, arguments.arrival, Path(folder))), arguments.arrival)


if __name__ == "__main__":
    main()
