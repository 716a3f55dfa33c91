"""
A scratch database in which the product's own statements run: made, named everywhere instead of the real one, removed.

Its name has the time at which it was made. One that a killed run left is removed by the next run, an hour later.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from collector.catalog.rollups import Housekeeping
from collector.catalog.schema import DATABASE, Table
from collector.clock import now_ms
from collector.store.clickhouse import Row, Store, StoreError
from collector.store.schema.layout import Kind
from collector.store.schema.members import Servers
from collector.store.schema.migrate import CREATE_DATABASE, runner
from collector.store.sharded import Settings

PREFIX = f"{DATABASE}_verify_"
LEFT_AFTER_S = 3600

_NAMED = re.compile(rf"\b{DATABASE}\b")
_MADE_AT = re.compile(rf"{PREFIX}(\d{{10}})_[0-9a-f]{{8}}")


class ScratchStore(Store):
    """A store whose statements mean the scratch database wherever they name the real one."""

    def __init__(self, inner: Store, database: str):
        self._inner, self.database = inner, database

    def query_rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self._inner.query_rows(self._in(sql), self._of(parameters))

    def insert(self, table: Table | Housekeeping, rows: Sequence[Row], token: str, *, database: str = DATABASE) -> None:
        self._inner.insert(table, rows, token, database=self.database if database == DATABASE else database)

    def command(self, sql: str, parameters: dict[str, Any] | None = None, settings: Settings | None = None) -> None:
        self._inner.command(self._in(sql), self._of(parameters), settings)

    def run_on_cluster(self, sql: str, settings: Settings) -> list[list[str]]:
        return self._inner.run_on_cluster(self._in(sql), settings)

    def _in(self, sql: str) -> str:
        return _NAMED.sub(self.database, sql)

    def _of(self, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
        if parameters is None:
            return None
        return {name: self.database if value == DATABASE else value for name, value in parameters.items()}


@dataclass(frozen=True, slots=True)
class Trial:
    """A scratch database, and all that the steps ask."""

    store: ScratchStore
    cluster: str
    """As in `store.cluster`; empty: one server."""
    servers: Servers
    run: Callable[[str], None]
    """Runs a statement that is written as those of migrations are."""
    second: ScratchStore
    """Another server of the cluster if `store.url` names one, else the same."""

    within_s: float
    """How long a step waits for other servers; one that needs longer for a few rows is out of order."""

    @property
    def has_second(self) -> bool:
        """Whether two servers are asked directly."""
        return self.second is not self.store

    @property
    def on_all(self) -> str:
        """Where a step has looked, in words."""
        return f" on {len(self.servers.all)} servers" if self.cluster else ""


@contextmanager
def scratch(store: Store, second: Store, servers: Servers, kind: Kind, within_s: float = 30.0) -> Iterator[Trial]:
    """Makes a scratch database on all servers, and removes it whatever happens."""
    database = f"{PREFIX}{now_ms() // 1000}_{secrets.token_hex(4)}"
    here, cluster = ScratchStore(store, database), servers.cluster
    run = runner(here, cluster, kind)
    trial = Trial(
        store=here,
        cluster=cluster,
        servers=servers,
        run=lambda statement: run(statement, database),
        second=here if second is store else ScratchStore(second, database),
        within_s=within_s,
    )
    try:
        trial.run(CREATE_DATABASE[kind])
        yield trial
    finally:
        drop(store, database, cluster, kind)


def drop(store: Store, database: str, cluster: str, kind: Kind) -> None:
    """Removes a scratch database from all servers. One that cannot be removed now is left to a later run."""
    with suppress(StoreError):
        runner(store, cluster, kind)(f"DROP DATABASE IF EXISTS {database}{{on_cluster}} SYNC", database)


def left_behind(servers: Servers) -> list[str]:
    """The scratch databases that are an hour old: their runs were killed."""
    where = f"system.databases WHERE startsWith(name, '{PREFIX}')"
    rows = [row for rows_ in servers.ask("name", where).values() for row in rows_]
    oldest = now_ms() // 1000 - LEFT_AFTER_S
    found = {str(name): _MADE_AT.fullmatch(str(name)) for (name,) in rows}
    return sorted(name for name, made in found.items() if made and int(made[1]) < oldest)
