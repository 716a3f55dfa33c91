"""A store that answers with a test's own rows of its system tables, in the place of a cluster of servers."""

from collections.abc import Mapping, Sequence
from typing import Any

from collector.catalog.rollups import Housekeeping
from collector.catalog.schema import DATABASE, Table
from collector.store.clickhouse import Row, Store, StoreError
from collector.store.schema.members import Servers, StoreServer

MEMBERS = [(1, 1, "n1", 9000, 1, 1), (1, 1, "n2", 9000, 0, 1), (2, 1, "n3", 9000, 0, 1), (2, 1, "n4", 9000, 0, 1)]
"""Two shards of two servers, as system.clusters has them."""


class CannedStore(Store):
    """Answers a query by the first of the names that is in it; what it does not know has no rows."""

    def __init__(self, tables: Mapping[str, Sequence[tuple[Any, ...]] | StoreError]):
        self.tables = tables
        self.refusal: StoreError | None = None
        """How inserts are refused."""
        self.inserted: list[tuple[str, Sequence[Row]]] = []
        self.commands: list[tuple[str, dict[str, Any]]] = []

    def query_rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        for name, rows in self.tables.items():
            if name in sql:
                if isinstance(rows, StoreError):
                    raise rows
                return list(rows)
        return []

    def insert(self, table: Table | Housekeeping, rows: Sequence[Row], token: str, *, database: str = DATABASE) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.inserted.append((table.name, rows))

    def command(self, sql: str, parameters: dict[str, Any] | None = None, *_: Any) -> None:
        self.commands.append((sql, parameters or {}))

    def answer(self, sql: str) -> str:
        return "1"


def canned_servers(
    tables: Mapping[str, Sequence[tuple[Any, ...]] | StoreError], members: Sequence[tuple[Any, ...]] = MEMBERS
) -> Servers:
    """The servers of a cluster `prod` whose system tables hold these rows, each row after its server's number."""
    servers = [
        StoreServer(
            number=number,
            shard=shard,
            weight=weight,
            address=f"{host}:{port}",
            is_local=bool(local),
            internal_replication=None if internal is None else bool(internal),
        )
        for number, (shard, weight, host, port, local, internal) in enumerate(members, 1)
    ]
    return Servers(CannedStore(tables), "prod", tuple(servers), "")
