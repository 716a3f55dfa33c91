"""
Two collectors that watch one fleet, and whether their tables are alike.

The fleet continues while collectors are killed, so the tables of an undisturbed one are the reference. Columns that the
catalogue marks as observed may differ; all other columns of rows about ended objects must be equal, in all tables.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from collector.catalog.tables import TABLE_NAMED
from collector.demo.fleet import run_fleet
from collector.store.clickhouse import Store, StoreError, connect
from tests.ports import free_port

AS_ONE_S = 60
"""How long the two may take, after the last kill, to agree about everything that had ended."""

WHOLE = """
    SELECT cluster, uid FROM (
        SELECT cluster, uid, created_at, finished_at FROM workflow_run
        UNION ALL SELECT cluster, uid, created_at, now64(3) FROM workflow_live FINAL
    ) GROUP BY cluster, uid HAVING min(created_at) >= {begin:DateTime64(3)} AND max(finished_at) <= {last:DateTime64(3)}
"""
"""Workflows that were created and ended between two instants."""

BETWEEN = "BETWEEN {begin:DateTime64(3)} AND {last:DateTime64(3)}"
EVICTED = "(SELECT uid FROM pod_run WHERE reason = 'Evicted')"
OF_EVICTED = "(SELECT workflow_uid FROM pod_run WHERE reason = 'Evicted')"
ENDED = [
    ("workflow_run", f"uid NOT IN {OF_EVICTED} AND (cluster, uid) IN ({WHOLE})", ""),
    ("workflow_run", f"uid IN {OF_EVICTED} AND (cluster, uid) IN ({WHOLE})", "completion_delay_ms"),
    ("step_run", f"(cluster, workflow_uid) IN ({WHOLE})", ""),
    ("pod_run", f"reason != 'Evicted' AND (cluster, workflow_uid) IN ({WHOLE})", ""),
    ("pod_run", f"reason = 'Evicted' AND (cluster, workflow_uid) IN ({WHOLE})", "finished_at"),
    ("pod_cost", f"pod_uid NOT IN {EVICTED} AND (cluster, workflow_uid) IN ({WHOLE})", ""),
    (
        "pod_cost",
        f"pod_uid IN {EVICTED} AND (cluster, workflow_uid) IN ({WHOLE})",
        "day billed_from billed_to billed_seconds cost cost_pending list_cost rounded_cost covered_cost committed_cost meters",
    ),
    ("cron_run", f"outcome = 'started' AND due_at {BETWEEN}", ""),
    ("controller_incident", f"kind != 'leader_change' AND at {BETWEEN}", ""),
    ("period", "1", ""),
    ("watch_gap", "1", ""),
    ("quarantine", "1", ""),
]
"""
The tables of facts, the rows about what had ended before the last kill, and the columns that are not compared.

Whether a cron run was missed or skipped depends on the collector that ran when it was due, and a Lease is only polled.
Kubernetes does not record when an evicted pod ended: that, the cost, and the delay from then to its workflow's end depend on
the observer's clock.
"""

A_MATTER_OF_WHEN = "version"
"""The last version that was seen of an object depends on the time of the observation; the row's content does not."""


@dataclass
class Watcher:
    """One collector of the pair: its settings, its process, its tables."""

    folder: Path
    config: Path
    store: Store

    async def rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query, as soon as the store answers."""
        ends = asyncio.get_running_loop().time() + 150
        while True:
            try:
                return await asyncio.to_thread(self.store.query_rows, sql, parameters)
            except StoreError:
                if asyncio.get_running_loop().time() > ends:
                    raise
                await asyncio.sleep(0.1)


def a_watcher(folder: Path, kubeconfig: Path, contexts: list[str], **more: Any) -> Watcher:
    """A collector of all clusters, with ports and data of its own; `more` are further settings."""
    folder.mkdir()
    port, config = free_port(), folder / "lynceus.yaml"
    config.write_text(yaml.safe_dump(more | {
        "clusters": [{"name": name, "kubeconfig": str(kubeconfig), "context": name} for name in contexts],
        "data_dir": str(folder / "data"),
        "http": {"listen": f"127.0.0.1:{free_port()}"},
        "embedded": {"listen": f"127.0.0.1:{port}"},
    }), encoding="utf-8")  # fmt: skip
    return Watcher(folder, config, connect(f"http://127.0.0.1:{port}", database="lynceus"))


@asynccontextmanager
async def fleet(folder: Path, seed: int = 1) -> AsyncIterator[tuple[Path, list[str]]]:
    """A fleet in this process, which outlives every collector."""
    stop, up = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_fleet(folder, 3, seed, lambda path, names: up.set_result((path, names)), stop))
    try:
        yield await up
    finally:
        stop.set()
        await task


async def all_positions(watcher: Watcher, clusters: int) -> datetime:
    """When everything was listed: both see objects created later from their creation on."""
    while True:
        found = await watcher.rows(
            "SELECT count(), now64(3) FROM watch_cursor FINAL WHERE kind IN ('workflows', 'pods', 'events')"
        )
        if found[0][0] == 3 * clusters:
            return found[0][1] + timedelta(seconds=1)  # type: ignore[no-any-return]
        await asyncio.sleep(0.2)


async def differences(calm: Watcher, hit: Watcher, begin: datetime, last: datetime) -> list[str]:
    """Rows about objects of the interval that only one of the two has, after both had time to catch up."""
    found: list[str] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(AS_ONE_S):
            while found := [line for part in ENDED for line in await _of_table(*part, calm, hit, begin, last)]:
                await asyncio.sleep(0.5)
    return found


async def _of_table(
    name: str, where: str, unlike: str, calm: Watcher, hit: Watcher, begin: datetime, last: datetime
) -> list[str]:
    excluded = {A_MATTER_OF_WHEN, *unlike.split()}
    columns = ", ".join(c.name for c in TABLE_NAMED[name].stored if not c.observed and c.name not in excluded)
    between: dict[str, Any] = {"begin": begin, "last": last}
    sql = f"SELECT {columns} FROM {name} FINAL WHERE {where}"
    ours, theirs = [{_as_text(row) for row in await watcher.rows(sql, between)} for watcher in (calm, hit)]
    return [f"{name} calm only {row}" for row in sorted(ours - theirs)] + [
        f"{name} hit only {row}" for row in sorted(theirs - ours)
    ]


def _as_text(row: tuple[Any, ...]) -> str:
    """A row as text; a map has no order, and the engine keeps none."""
    return repr([sorted(value.items()) if isinstance(value, dict) else value for value in row])
