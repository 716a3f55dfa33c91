"""
A miniature fleet: starts one API server for each cluster, steps the load, and ends when its parent ends.

Run as `python -m collector.demo.fleet --data DIR --clusters 3 --seed N`. It prints one JSON line when every cluster
answers, and ends when its standard input closes or on SIGTERM, so that a killed parent leaves no process behind.
"""

import argparse
import asyncio
import contextlib
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import yaml
from aiohttp import web

from collector.demo import scenario
from collector.demo.apiserver import ApiServer
from collector.demo.load import ClusterLoad
from collector.demo.scenario import SimulatedCluster
from collector.demo.store import FleetError, ObjectStore

SHORTEST_NAP_S = 0.02
"""Events that are due closer together are written in one transaction."""
LONGEST_NAP_S = 0.5

Clock = Callable[[], float]
Ready = Callable[[Path, list[str]], None]
"""Called with the kubeconfig and the names of its contexts."""


class Member:
    """One running cluster of the fleet."""

    def __init__(self, cluster: SimulatedCluster, seed: int, folder: Path, window: int, clock: Clock) -> None:
        self.name, self._clock = cluster.name, clock
        self._store = ObjectStore(folder / f"{cluster.name}.sqlite", window)
        self.token = self._store.note("token") or secrets.token_urlsafe(24)
        self._store.write_note("token", self.token)
        self.load = ClusterLoad(cluster, seed, self._store.saved())
        self._server = ApiServer(self._store, self.token, self.load, clock)
        self._runner = web.AppRunner(
            self._server.app(), handler_cancellation=True, access_log=None, shutdown_timeout=2.0
        )
        self.url = ""

    async def open(self) -> None:
        """Starts to serve, at the address of the last run if it is still free."""
        self._tick()
        await self._runner.setup()
        last = int(self._store.note("port") or 0)
        try:
            await web.TCPSite(self._runner, "127.0.0.1", last).start()
        except OSError:
            await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        self._store.write_note("port", str(port))
        self.url = f"http://127.0.0.1:{port}"

    async def run(self, stop: asyncio.Event) -> None:
        """Steps the cluster until `stop` is set."""
        while not stop.is_set():
            nap_s = min(max(self.load.next_due() - self._clock(), SHORTEST_NAP_S), LONGEST_NAP_S)
            try:
                async with asyncio.timeout(nap_s):
                    await stop.wait()
            except TimeoutError:
                self._tick()

    async def close(self) -> None:
        """Ends the watches and closes the file."""
        self._server.close()
        await self._runner.cleanup()
        self._store.close()

    def _tick(self) -> None:
        batch = self.load.step(self._clock())
        if batch.writes or batch.records:
            self._store.commit(batch)
            self._server.publish(batch.writes)


async def run_fleet(
    data_dir: Path,
    clusters: int,
    seed: int,
    ready: Ready,
    stop: asyncio.Event,
    *,
    window: int = 4000,
    clock: Clock = time.time,
) -> None:
    """Serves a number of clusters until `stop` is set; `ready` is called once, when all of them answer."""
    members = make_members(data_dir, scenario.clusters(clusters), seed, window=window, clock=clock)
    await serve_members(members, data_dir, ready, stop)


async def serve_members(made: Iterable[Member], data_dir: Path, ready: Ready, stop: asyncio.Event) -> None:
    """Serves these clusters until `stop` is set."""
    members: list[Member] = []
    try:
        members.extend(made)
        for member in members:
            await member.open()
        ready(write_kubeconfig(data_dir / "kubeconfig.yaml", members), [member.name for member in members])
        async with asyncio.TaskGroup() as group:
            for member in members:
                group.create_task(member.run(stop))
    finally:
        for member in members:
            await member.close()


def make_members(
    data_dir: Path,
    clusters: Iterable[SimulatedCluster],
    seed: int,
    *,
    window: int = 4000,
    clock: Clock = time.time,
) -> Iterator[Member]:
    """The members of a fleet, each with its file in the folder."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for cluster in clusters:
        yield Member(cluster, seed, data_dir, window, clock)


def write_kubeconfig(path: Path, members: list[Member]) -> Path:
    """Writes a kubeconfig with one context for each cluster, readable by this user alone; the file is replaced atomically."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": member.name, "cluster": {"server": member.url}} for member in members],
        "users": [{"name": member.name, "user": {"token": member.token}} for member in members],
        "contexts": [
            {"name": member.name, "context": {"cluster": member.name, "user": member.name}} for member in members
        ],
        "current-context": members[0].name,
    }
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        yaml.safe_dump(content, file, sort_keys=False)
    draft.replace(path)
    return path


def _announce(kubeconfig: Path, contexts: list[str]) -> None:
    line = msgspec.json.encode({"kubeconfig": str(kubeconfig), "contexts": contexts}).decode()
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _watch_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # os.read and not sys.stdin: a thread that holds the lock of sys.stdin would break the interpreter's end.
    with contextlib.suppress(OSError):  # No standard input at all counts as a closed one.
        while os.read(0, 4096):
            pass
    loop.call_soon_threadsafe(stop.set)


async def _main(data: Path, clusters: int, seed: int) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    threading.Thread(target=_watch_parent, args=(loop, stop), daemon=True).start()
    await run_fleet(data, clusters, seed, _announce, stop)


def main() -> int:
    """Runs the process; 0 when it was stopped, 1 when it cannot start."""
    parser = argparse.ArgumentParser(prog="collector.demo.fleet", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder for the clusters and the kubeconfig")
    parser.add_argument("--clusters", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.clusters < 1:
        parser.error("--clusters must be at least 1")
    try:
        asyncio.run(_main(arguments.data, arguments.clusters, arguments.seed))
    except FleetError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
