"""
The servers of a cluster as one of them sees them: who they are, and what each of them answers.

`clusterAllReplicas` numbers the servers from 1, in the order of system.clusters; so an answer names its server, and a
server that does not answer is known by its absence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from collector.store.clickhouse import Store, StoreRefusedError

PATIENCE = {
    "skip_unavailable_shards": 1,
    "connections_with_failover_max_tries": 1,
    "connect_timeout_with_failover_ms": 2000,
    "handshake_timeout_ms": 2000,
    "receive_timeout": 5,
}
"""A server that is down or hangs costs seconds, and its neighbours still answer."""


@dataclass(frozen=True, slots=True)
class StoreServer:
    """One server of a cluster."""

    number: int
    """From 1, as clusterAllReplicas counts."""
    shard: int
    weight: int
    address: str
    is_local: bool
    internal_replication: bool | None
    """None: this version of ClickHouse does not show it."""


@dataclass(frozen=True, slots=True)
class Servers:
    """A cluster's servers, and how to ask all of them."""

    store: Store
    cluster: str
    """The name in system.clusters; empty: a single server."""
    all: tuple[StoreServer, ...]
    settings: str
    """The clause that bounds how long a server is waited for."""

    @property
    def shards(self) -> dict[int, list[StoreServer]]:
        """The servers of each shard."""
        shards: dict[int, list[StoreServer]] = {}
        for server in self.all:
            shards.setdefault(server.shard, []).append(server)
        return shards

    @property
    def weights(self) -> list[int]:
        """The weight of each shard, in order."""
        return [servers[0].weight for _, servers in sorted(self.shards.items())]

    def ask(
        self, columns: str, source: str, parameters: dict[str, Any] | None = None
    ) -> dict[StoreServer, list[tuple[Any, ...]]]:
        """The rows of a query on each server by itself; servers that do not answer, or have no rows, are absent."""
        if self.cluster:
            each = f"view(SELECT {columns} FROM {source})"
            sql = f"SELECT _shard_num, * FROM clusterAllReplicas('{self.cluster}', {each}) {self.settings}"
        else:
            sql = f"SELECT 1, {columns} FROM {source}"
        answers: dict[StoreServer, list[tuple[Any, ...]]] = {}
        for number, *row in sorted(self.store.query_rows(sql, parameters), key=lambda row: int(row[0])):
            answers.setdefault(self.all[int(number) - 1], []).append(tuple(row))
        return answers


def one_server(store: Store) -> Servers:
    """A server that is of no cluster."""
    return Servers(
        store,
        "",
        (StoreServer(number=1, shard=1, weight=1, address="the server", is_local=True, internal_replication=None),),
        "",
    )


def servers_of(store: Store, cluster: str) -> Servers | None:
    """The servers of a cluster, named as `store.cluster` does; None: the server knows no such cluster."""
    name = resolved(store, cluster)
    has = {
        column for (column,) in store.query_rows(
            "SELECT name FROM system.columns WHERE database = 'system' AND table = 'clusters'"
        )
    }  # fmt: skip
    internal = "internal_replication" if "internal_replication" in has else "NULL"
    rows = store.query_rows(
        f"SELECT shard_num, shard_weight, host_name, port, is_local, {internal} FROM system.clusters "
        "WHERE cluster = {cluster:String} ORDER BY shard_num, replica_num",
        {"cluster": name},
    )
    servers = [
        StoreServer(
            number=number,
            shard=int(shard),
            weight=int(weight),
            address=f"{host}:{port}",
            is_local=bool(local),
            internal_replication=None if replicates is None else bool(replicates),
        )
        for number, (shard, weight, host, port, local, replicates) in enumerate(rows, 1)
    ]
    return Servers(store, name, tuple(servers), _settings(store)) if servers else None


def resolved(store: Store, cluster: str) -> str:
    """The name of a cluster; one like `{cluster}` is a macro of the server."""
    if not cluster.startswith("{"):
        return cluster
    rows = store.query_rows(
        "SELECT substitution FROM system.macros WHERE macro = {macro:String}", {"macro": cluster.strip("{}")}
    )
    return str(rows[0][0]) if rows else cluster


def _settings(store: Store) -> str:
    """The settings of `PATIENCE` that this server knows."""
    rows = store.query_rows(
        "SELECT name FROM system.settings WHERE name IN {names:Array(String)}", {"names": list(PATIENCE)}
    )
    known = sorted(str(name) for (name,) in rows)
    return f"SETTINGS {', '.join(f'{name} = {PATIENCE[name]}' for name in known)}" if known else ""


def named(servers: Sequence[StoreServer]) -> str:
    """Servers by their addresses, as system.clusters has them."""
    return ", ".join(server.address for server in servers)


def reason(error: Exception) -> str:
    """What the server text, without the client's words around it."""
    if not isinstance(error, StoreRefusedError):
        return str(error)
    text = str(error).partition("server response: ")[2].partition(" (for url")[0] or str(error)
    return " ".join(text.partition("DB::Exception: ")[2].partition(" (version")[0].split()) or text
