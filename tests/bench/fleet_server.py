"""
The API servers of a simulated fleet, as one process without product code: lists in pages, watches with bookmarks, and faults.

Reads orders from standard input, a line each: `go` starts the events, `stop` ends them and writes the truth, `fault NAME` and
`end fault` are about the first cluster. Ends when its standard input closes.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.bench.fleet_objects import PODS, WORKFLOWS, cluster_objects
from tests.bench.fleet_population import FleetCluster, split

GROUPS = {WORKFLOWS: "argoproj.io/v1alpha1", "cronworkflows": "argoproj.io/v1alpha1"}
NAMES = {
    WORKFLOWS: "Workflow",
    "cronworkflows": "CronWorkflow",
    PODS: "Pod",
    "namespaces": "Namespace",
    "nodes": "Node",
    "events": "Event",
}
PATHS = {f"/apis/{GROUPS[k]}/{k}" if k in GROUPS else f"/api/v1/{k}": k for k in NAMES}
BOOKMARK_S, TICK_S = 30.0, 0.01
BEHIND = 4_000
"""Events that a watch may be behind before it is disconnected, as by a real server."""
FAULTS = ("blackhole", "throttle", "flood")
FLOOD = 10
"""How many times its share the flooding cluster sends."""


class FleetServer:
    """One API server."""

    def __init__(self, name: str, index: int, population: FleetCluster) -> None:
        self.name, self.population = name, population
        self.fault = ""
        self.open = asyncio.Event()
        self.open.set()
        self.url = ""
        self._few: dict[str, list[bytes]] = {}
        for kind, made in cluster_objects(index):
            made["metadata"]["resourceVersion"] = "1000"
            self._few.setdefault(kind, []).append(json.dumps(made).encode())
        self._watches: dict[str, set[asyncio.Queue[bytes | None]]] = {kind: set() for kind in NAMES}
        self._lists: dict[str, tuple[int, list[Any]]] = {}

    def app(self) -> web.Application:
        """One handler for all paths."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    def set_fault(self, fault: str) -> None:
        """Starts a fault, or ends it."""
        self.fault = fault
        if fault == "blackhole":
            self.open.clear()
        else:
            self.open.set()
        if fault == "throttle":
            for queue in (q for queues in self._watches.values() for q in queues):
                queue.put_nowait(None)

    def emit(self, now_ms: int) -> None:
        """The next event, sent to who watches its kind."""
        changed = self.population.change(now_ms)
        queues = self._watches[changed.thing.kind]
        line = changed.thing.event(changed.change) if queues else b""
        for queue in queues:
            queue.put_nowait(line if queue.qsize() < BEHIND else None)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await self.open.wait()
        if self.fault == "throttle":
            return web.json_response(_status(429, "TooManyRequests"), status=429, headers={"Retry-After": "1"})
        if request.path == "/version":
            return web.json_response({"gitVersion": "v1.35.0", "major": "1", "minor": "35"})
        if request.method == "POST":
            return web.json_response({**await request.json(), "status": {"allowed": True}}, status=201)
        if request.path == "/apis":
            groups = [{"name": "argoproj.io", "versions": [{"groupVersion": GROUPS[WORKFLOWS], "version": "v1alpha1"}]}]
            return web.json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        kind = PATHS.get(request.path)
        if kind is None:
            return web.json_response(_status(404, "NotFound"), status=404)
        if request.query.get("watch") in ("1", "true"):
            return await self._stream(request, kind)
        return self._page(request, kind)

    def _page(self, request: web.Request, kind: str) -> web.Response:
        limit, token = int(request.query.get("limit", 0)), request.query.get("continue", "")
        if token:
            key, _, at = token.partition(".")
            begin = int(at)
            version, items = self._lists[key]
        else:
            version, begin = self.population.version, 0
            items = self.population.listed(kind) if kind in (WORKFLOWS, PODS) else self._few.get(kind, [])
            key = f"{kind}-{version}"
        end = begin + limit if limit and begin + limit < len(items) else len(items)
        meta: dict[str, Any] = {"resourceVersion": str(version)}
        if end < len(items) and limit > 1:
            self._lists[key] = (version, items)
            meta |= {"continue": f"{key}.{end}", "remainingItemCount": len(items) - end}
        else:
            self._lists.pop(key, None)
        bodies = [item if isinstance(item, bytes) else item.body() for item in items[begin:end]]
        named = f'"kind":"{NAMES[kind]}List","apiVersion":"{GROUPS.get(kind, "v1")}","metadata":{json.dumps(meta)}'
        body = b'{%s,"items":[%s]}' % (named.encode(), b",".join(bodies))
        return web.Response(body=body, content_type="application/json")

    async def _stream(self, request: web.Request, kind: str) -> web.StreamResponse:
        since = self.population.since(kind, int(request.query.get("resourceVersion") or 0))
        if since is None:
            return web.json_response(_status(410, "Expired"), status=410)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        for changed in since:
            queue.put_nowait(changed.thing.event(changed.change))
        self._watches[kind].add(queue)
        try:
            await response.prepare(request)
            await self._pass_on(response, kind, queue, float(request.query.get("timeoutSeconds", 1800)))
        except ConnectionError:
            pass
        finally:
            self._watches[kind].discard(queue)
        return response

    async def _pass_on(
        self, response: web.StreamResponse, kind: str, queue: "asyncio.Queue[bytes | None]", seconds: float
    ) -> None:
        clock = time.monotonic
        ends, marks = clock() + seconds, clock() + BOOKMARK_S
        while clock() < ends:
            try:
                async with asyncio.timeout(max(0.0, min(ends, marks) - clock())):
                    lines = [await queue.get()]
            except TimeoutError:
                marks = clock() + BOOKMARK_S
                lines = [_bookmark(kind, self.population.version)]
            while not queue.empty():
                lines.append(queue.get_nowait())
            await self.open.wait()
            await response.write(b"".join(line for line in lines if line))
            if None in lines:
                return


def _bookmark(kind: str, version: int) -> bytes:
    made = {"kind": NAMES[kind], "apiVersion": GROUPS.get(kind, "v1"), "metadata": {"resourceVersion": str(version)}}
    return json.dumps({"type": "BOOKMARK", "object": made}).encode() + b"\n"


def _status(code: int, reason: str) -> dict[str, Any]:
    message = {404: "the server could not find the requested resource"}.get(code, reason)
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": {"retryAfterSeconds": 1} if code == 429 else {},
        "code": code,
    }


class FleetOfServers:
    """All servers, and the pace of their events."""

    def __init__(self, servers: list[FleetServer], events: float) -> None:
        self.servers, self._events = servers, events
        self._running: asyncio.Task[None] | None = None

    def go(self) -> None:
        """Starts the events."""
        self._running = asyncio.create_task(self._send())

    async def stop(self) -> None:
        """Ends the events."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running

    def truth(self) -> dict[str, Any]:
        """What was sent."""
        return {
            server.name: {"sent": server.population.sent, "finished": server.population.finished}
            for server in self.servers
        }

    def _turns(self) -> Iterator[FleetServer]:
        """Who sends the next event: each in turn, and one that floods more often."""
        while True:
            for server in self.servers:
                yield from (server,) * (FLOOD if server.fault == "flood" else 1)

    async def _send(self) -> None:
        due, last, turns = 0.0, time.monotonic(), self._turns()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            flooded = sum(FLOOD - 1 for server in self.servers if server.fault == "flood")
            due += (now - last) * self._events * (1 + flooded / len(self.servers))
            last = now
            while due >= 1:
                next(turns).emit(int(time.time() * 1000))
                due -= 1


async def serve(arguments: argparse.Namespace) -> None:
    """Serves, and carries out orders."""
    reader, now = asyncio.StreamReader(), int(time.time())
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    parts = [split(total, arguments.clusters) for total in (arguments.running, arguments.pending, arguments.pods)]
    servers, runners = [], []
    for index, (running, pending, pods) in enumerate(zip(*parts, strict=True)):
        made = FleetCluster(index, running=running, pending=pending, pods=pods, now=now)
        server = FleetServer(f"fleet-{index:02}", index, made)
        runner = web.AppRunner(server.app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        servers.append(server)
        runners.append(runner)
    _write_kubeconfig(arguments.folder / "kubeconfig.json", servers)
    say([server.name for server in servers])
    fleet = FleetOfServers(servers, arguments.events)
    while order := (await reader.readline()).decode().split():
        match order:
            case ["go"]:
                fleet.go()
            case ["stop"]:
                await fleet.stop()
                (arguments.folder / "truth.json").write_text(json.dumps(fleet.truth()), encoding="ascii")
            case ["fault", name]:
                servers[0].set_fault(name)
            case _:
                servers[0].set_fault("")
        say(order)
    for runner in runners:
        await runner.cleanup()


def _write_kubeconfig(path: Path, servers: list[FleetServer]) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": servers[0].name,
        "users": [{"name": "reader", "user": {"token": "none"}}],
        "clusters": [{"name": s.name, "cluster": {"server": s.url}} for s in servers],
        "contexts": [{"name": s.name, "context": {"cluster": s.name, "user": "reader"}} for s in servers],
    }
    path.write_text(json.dumps(document), encoding="ascii")


def say(words: list[str]) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(prog="tests.bench.fleet_server")
    parser.add_argument("--folder", type=Path, required=True)
    for name in ("clusters", "running", "pending", "pods"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--events", type=float, required=True, help="events a second, of all clusters together")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
