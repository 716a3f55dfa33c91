"""
What a running collector consists of, and what its rooms ask of one another while it runs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.live_view import Clock, LiveView, StoreHealth
from collector.core.model import Instant
from collector.kube.address import ClusterAddress
from collector.kube.connection import Connection
from collector.pipeline.pipeline import Pipeline
from collector.settings.derived import spool_limit_bytes
from collector.settings.model import Settings
from collector.store.clickhouse import Store
from collector.store.spool import inserter
from collector.store.spool.spool import Spool
from collector.watch.protocol import Watch

ACCRUE_S = 3600

COLLECT_AFTER = 10_000
"""Objects made and not freed after which Python looks for cycles. Of those there are few here, but a batch of rows has as
many objects as Python's own 700 a dozen times over, and each look walks through them again: a tenth of all CPU."""


@dataclass(slots=True)
class Runtime:
    """What runs, for whoever serves or ends it."""

    settings: Settings
    folder: Path
    data: Path
    addresses: dict[str, ClusterAddress]
    pipeline: Pipeline
    counters: Counters
    stop: asyncio.Event
    accrue_s: int = ACCRUE_S
    watches: dict[str, list[Watch]] = field(default_factory=dict)
    store: Store | None = None
    inserts: inserter.Inserter | None = None
    spool: Spool | None = None
    spool_detail: str = ""
    connections: dict[str, Connection] = field(default_factory=dict)
    failure: str = ""
    """Why everything was stopped, when nobody asked for it."""
    store_detail: str = "starting"
    migrated: asyncio.Event = field(default_factory=asyncio.Event)
    """The store answers, and its tables are this release's."""
    rolled_up_at: dict[str, Instant] = field(default_factory=dict)
    """Until when each rollup holds everything."""

    def view(self) -> LiveView:
        """What is known now."""
        health = {name: [watch.health() for watch in watches] for name, watches in self.watches.items()}
        view = self.pipeline.view(now_ms(), health, self._store_health())
        return msgspec.structs.replace(view, clocks=self.clocks())

    def clocks(self) -> list[Clock]:
        """How far other clocks are from ours, where they were heard."""
        told = {("cluster", name): connection.skew_ms for name, connection in self.connections.items()}
        told["store", ""] = self.inserts.skew_ms if self.inserts else None
        return [Clock(subject, name, skew_ms) for (subject, name), skew_ms in told.items() if skew_ms is not None]

    def _store_health(self) -> StoreHealth:
        rows, size = (self.spool.rows, self.spool.bytes) if self.spool else (0, 0)
        limit = spool_limit_bytes(self.settings)
        if self.inserts is None:
            return StoreHealth(
                False,
                self.store_detail,
                rows,
                size,
                None,
                "store_starts",
                self.spool_detail,
                spool_limit_bytes=limit,
            )
        inserts = self.inserts
        return StoreHealth(
            inserts.reachable,
            inserts.detail,
            rows,
            size,
            inserts.last_insert_at,
            inserts.cause,
            self.spool_detail,
            self.rolled_up_at,
            limit,
        )


@asynccontextmanager
async def background_task(work: Any, name: str, patience_s: float = 2.0) -> AsyncIterator[asyncio.Task[Any]]:
    """A task for as long as the block lasts."""
    task = asyncio.create_task(work, name=name)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=patience_s)
