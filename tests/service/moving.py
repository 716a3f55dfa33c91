"""
A demo cluster whose API server counts its watches and notes which workflows ended, and Argo CD's secret of it.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from collector.demo import scenario
from collector.demo.fleet import Member
from collector.demo.objects import Write
from collector.service.tasks import background_task

ENDED = {"Succeeded", "Failed", "Error"}


class ObservedServer(Member):
    """One cluster of the demo, seen from its own side."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.watches: Counter[str] = Counter()
        """Watches that were opened, by kind."""
        self.closed: Counter[str] = Counter()
        """Watches that the collector closed; the server itself ends each after some minutes."""
        self.ended: dict[str, None] = {}
        """Uids of the workflows that ended, in their order."""
        self._runner.app.middlewares.append(self._count)
        publish = self._server.publish

        def noted(writes: list[Write]) -> None:
            self.ended |= dict.fromkeys(uid for write in writes if (uid := ended_in(write)))
            publish(writes)

        self._server.publish = noted  # type: ignore[method-assign]

    @web.middleware
    async def _count(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if not request.query.get("watch"):
            return await handler(request)
        kind = request.path.rpartition("/")[2]
        self.watches[kind] += 1
        try:
            return await handler(request)
        finally:
            if request.transport is None or request.transport.is_closing():
                self.closed[kind] += 1

    def secret(self, folder: Path, name: str = "") -> Path:
        """Writes Argo CD's secret of the cluster, at once, and under another name if one is given."""
        path, draft = folder / f"{self.name}.json", folder / f".{self.name}"
        config = json.dumps({"bearerToken": self.token})
        draft.write_text(json.dumps({"name": name or self.name, "server": self.url, "config": config}))
        return draft.replace(path)


def ended_in(write: Write) -> str:
    """The uid of the workflow that a write shows as ended; empty: it shows none."""
    if write.kind != "workflows" or write.verb == "DELETED":
        return ""
    body = msgspec.json.decode(write.body)
    return body["metadata"]["uid"] if body.get("status", {}).get("phase") in ENDED else ""


@asynccontextmanager
async def serving(folder: Path, clusters: int) -> AsyncIterator[list[ObservedServer]]:
    """So many demo clusters, which live as long as the block lasts."""
    folder.mkdir()  # noqa: ASYNC240  # a test waits for its disk
    made = [ObservedServer(cluster, 1, folder, 4000, time.time) for cluster in scenario.clusters(clusters)]
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        for member in made:
            stack.push_async_callback(member.close)
            await member.open()
        for member in made:
            await stack.enter_async_context(background_task(member.run(stop), member.name))
        yield made
