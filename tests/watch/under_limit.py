"""
A process with little memory that watches two clusters: `python -m tests.watch.under_limit MIB FOLDER HOSTILE GOOD`.

Ends when the good cluster has synced and the other one's list was given up as too large; prints what was seen.
"""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

from collector.catalog.counters import Counters
from collector.core.messages import Outcome
from collector.kube.connection import Connection
from collector.watch.protocol import Watch
from collector.watch.reachability import Reachability
from collector.watch.reflector import Shared, reflect
from tests.watch.server import QUICK, Impatient, always_room, kubeconfig
from tests.watch.steps import WORKFLOWS

ENOUGH = 3
"""Objects of the good cluster: those of its list and those of its stream."""


async def watched(folder: Path, hostile: str, good: str) -> dict[str, object]:
    """Watches both clusters and measures how long the loop was blocked."""
    watches, seen = [], list[Outcome]()
    tasks = []
    blocked_s = 0.0
    for name, url in (("hostile", hostile), ("good", good)):
        (folder / name).mkdir()
        connection = await Connection(kubeconfig(folder / name, url)).__aenter__()
        watch = Watch(name, WORKFLOWS, dice=Impatient(1), counters=Counters())
        watches.append(watch)
        sink = seen.extend if name == "good" else (lambda _: None)
        shared = Shared(
            connection=connection,
            server=Reachability(connection, Impatient(1)),
            sink=sink,
            room=always_room,
            lists=asyncio.Lock(),
            patience=QUICK,
        )
        tasks.append(asyncio.create_task(reflect(watch, shared, asyncio.Event())))
    bad, well = (watch.health for watch in watches)
    while not (well().objects >= ENOUGH and "larger than" in bad().detail and bad().detail.startswith("cluster")):
        at = time.monotonic()
        await asyncio.sleep(0.01)
        blocked_s = max(blocked_s, time.monotonic() - at)
        for task in tasks:
            if task.done():
                task.result()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"detail": bad().detail, "objects": well().objects, "blocked_s": blocked_s, "peak_mib": peak}


def main() -> None:
    limit_mib, folder, hostile, good = sys.argv[1:]
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    limit = used + int(limit_mib) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    sys.stdout.write(json.dumps(asyncio.run(watched(Path(folder), hostile, good))))


if __name__ == "__main__":
    main()
