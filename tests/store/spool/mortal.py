"""
A process that forks children; each commits, seals, inserts and acknowledges until a named point kills it.

One line of JSON in and one line out per child. Fork, since starting Python and the driver again costs a second per child.
"""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from functools import cache, partial
from pathlib import Path

import msgspec

from collector.catalog.counters import Counters
from collector.catalog.workflows import QUEUE_SAMPLE
from collector.core.messages import Checkpoint, Commit, Cursor, Gone
from collector.store.clickhouse import connect
from collector.store.spool.failpoints import Failpoint
from collector.store.spool.inserter import Inserter
from collector.store.spool.spool import open_spool
from collector.store.worker import Worker
from tests.store.facts import a_live, a_sample
from tests.store.spool.spooled import NOW

COMMITS, FACTS = 4, 5
POISON = 2
"""The commit with a row that the store refuses."""


class Task(msgspec.Struct):
    """The task of one process: cluster, spool, store, and the point that ends the process."""

    cluster: str
    spool: str
    url: str
    token_file: str
    point: str = ""
    """Empty: it runs to its end."""
    hit: int = 1


def a_commit(cluster: str, number: int) -> Commit:
    """Facts, a live row that appears and one that disappears, and their position; always the same rows."""
    depths = {number * FACTS + n: None for n in range(FACTS)}
    facts = [a_sample(at, cluster=cluster, depth=depth) for at, depth in depths.items()]
    if number == POISON:
        facts[1] = a_sample(number * FACTS + 1, cluster=cluster, depth=-1)
    live = msgspec.structs.replace(a_live(f"w{number}", version=number), cluster=cluster)
    gone = msgspec.structs.replace(a_live(f"w{number - 1}", version=number, is_deleted=1), cluster=cluster)
    return Commit(
        at=NOW,
        facts=facts,
        cursors=[
            Cursor(
                cluster=cluster, kind="workflows", resource_version=str(number), epoch=0, cluster_uid="u", at=NOW,
                totals={"n": str(number)},
            )
        ],
        upserts=[Checkpoint(cluster=cluster, kind="workflows", uid=f"w{number}", state=b"s", live=live)],
        deletes=[Gone(cluster=cluster, kind="workflows", uid=f"w{number - 1}", live=gone)] if number % 2 == 0 else [],
    )  # fmt: skip


async def live(task: Task, failpoint: Failpoint) -> None:
    """Continues where an earlier process ended, until everything is stored."""
    disk, asking = Worker("spool"), Worker("store")
    spool = await disk.run(partial(open_spool, Path(task.spool), 1 << 30, NOW, failpoint=failpoint))
    store = connect(task.url, "lynceus", Path(task.token_file))
    work = Inserter(
        spool=spool,
        spool_worker=disk,
        store=store,
        store_worker=asking,
        counters=Counters(),
        now=lambda: NOW,
        reachable=True,
        failpoint=failpoint,
    )
    cursors = (await disk.run(spool.load)).cursors
    done = int(cursors[0].resource_version) if cursors else 0
    for number in range(done + 1, COMMITS + 1):
        await disk.run(spool.commit, a_commit(task.cluster, number))
        if number % 3:  # else the next round takes two commits
            await work.finish(30)
    while spool.rows or not done:
        await work.finish(30)
        done = 1
    await work.finish(30)
    await disk.run(spool.close)
    disk.close()
    asking.close()


def _one_process(task: Task, answer: int) -> None:
    hits: Counter[str] = Counter()

    def kill_at(point: str) -> None:
        hits[point] += 1
        if point == task.point and hits[point] == task.hit:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(live(task, kill_at))
    os.write(answer, json.dumps(hits).encode())
    os._exit(0)


@cache
def _warm(url: str, token_file: str) -> None:
    """Imports once, for all processes, what the driver imports with its first request."""
    store = connect(url, "lynceus", Path(token_file))
    store.insert(QUEUE_SAMPLE, [], "warm")
    store.ping()
    store.close()


def main() -> None:
    """Runs one process for each line."""
    for line in sys.stdin:
        task = msgspec.json.decode(line, type=Task)
        _warm(task.url, task.token_file)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                _one_process(task, writing)
            finally:
                os._exit(1)
        os.close(writing)
        _, status = os.waitpid(pid, 0)
        hits = json.loads(os.read(reading, 1 << 16) or b"{}")
        os.close(reading)
        sys.stdout.write(json.dumps({"code": os.waitstatus_to_exitcode(status), "hits": hits}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
