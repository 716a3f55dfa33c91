"""
The shards that rows were written to, recorded in the store and compared at each start.

A row's shard is its hash, cut by the weights of all shards. With another shard, another weight or another order, a new
version of a row goes to another shard than its earlier one, FINAL sees both, and every sum counts them twice.
"""

import logging
from dataclasses import dataclass

from collector.catalog.rollups import SHARD_LAYOUT
from collector.catalog.schema import DATABASE
from collector.clock import now_ms
from collector.store.clickhouse import Store, StoreError
from collector.store.schema.members import Servers, servers_of

_CLUSTERS = r"""
    SELECT DISTINCT extract(engine_full, '^Distributed\\(\'([^\']+)\'') FROM system.tables
    WHERE database = {database:String} AND engine = 'Distributed'
"""

log = logging.getLogger(__name__)

REMEDY = (
    "give remote_servers their former shards, order and weights, or move the rows "
    "(docs/operate/clickhouse-cluster.md, Change the shards)"
)


@dataclass(frozen=True, slots=True)
class ShardLayout:
    """The shards of a cluster in their order."""

    weights: tuple[int, ...]
    names: tuple[str, ...]
    """The macro `{shard}` of each; empty: not known."""

    def __str__(self) -> str:
        """The shards in words."""
        weights = ", ".join(map(str, self.weights))
        shards = f"{len(self.weights)} shard{'s' * (len(self.weights) != 1)} of weight {weights}"
        return f"{shards} ({', '.join(self.names)})" if self.names else shards


def layout_problem(store: Store, cluster: str) -> str:
    """What of the cluster's shards differs from those that the rows were written to; empty: nothing, or no record yet."""
    recorded = recorded_layout(store)
    if recorded is None:
        return ""
    rows = store.query_rows(_CLUSTERS, {"database": DATABASE})
    # The tables may name another cluster than the settings do today: rows are written to the shards of that one.
    names = dict.fromkeys([cluster, *(str(name) for (name,) in rows if name)])
    return next(filter(None, (_difference(store, name, recorded) for name in names)), "")


def _difference(store: Store, cluster: str, recorded: ShardLayout) -> str:
    servers = servers_of(store, cluster)
    if servers is None:
        return f"system.clusters has no cluster {cluster!r}; name one of <remote_servers> in store.cluster"
    now = ShardLayout(tuple(servers.weights), ())
    here = {server.shard for server in servers.all if server.is_local}
    name = shard_macro(store)
    moved = recorded.names and name and [n for n in here if recorded.names[n - 1 : n] != (name,)]
    if now.weights == recorded.weights and not moved:
        return ""
    found = f"{now}, and this server, {name}, is shard {min(here)}" if moved else f"{now}"
    return (
        f"the shards of {servers.cluster} have changed: rows were written to {recorded}, system.clusters has {found}; "
        f"rows of one key would lie on two shards and count twice; {REMEDY}"
    )


def record_layout(store: Store, cluster: str) -> None:
    """Records the shards once, when the tables are made; later starts compare."""
    if recorded_layout(store) is not None or (servers := servers_of(store, cluster)) is None:
        return
    now = now_ms()
    row = ("shards", now, servers.weights, list(shard_names(servers)))
    try:
        store.insert(SHARD_LAYOUT, [row], f"shards {now}")
    except StoreError as error:  # a quorum may lack while a server is down; a start must not wait for it
        log.warning("the shards are recorded at the next start", extra={"reason": str(error)})


def recorded_layout(store: Store) -> ShardLayout | None:
    """The shards that rows were written to; None: nothing is recorded."""
    exists = store.query_rows(
        "SELECT count() FROM system.tables WHERE database = {database:String} AND name = {table:String}",
        {"database": DATABASE, "table": SHARD_LAYOUT.name},
    )
    if exists != [(1,)]:
        return None
    rows = store.query_rows(f"SELECT weights, names FROM {DATABASE}.{SHARD_LAYOUT.name} FINAL")
    return ShardLayout(tuple(map(int, rows[0][0])), tuple(map(str, rows[0][1]))) if rows else None


def shard_macro(store: Store) -> str:
    """The macro `{shard}` of the server that answers; empty: it has none."""
    rows = store.query_rows("SELECT substitution FROM system.macros WHERE macro = 'shard'")
    return str(rows[0][0]) if rows else ""


def shard_names(servers: Servers) -> tuple[str, ...]:
    """The macro `{shard}` of each shard, in order; empty unless every shard has answers one."""
    try:
        answers = servers.ask("substitution", "system.macros WHERE macro = 'shard'")
    except StoreError:  # without the right to ask every server the weights alone are compared
        return ()
    names = {server.shard: str(rows[0][0]) for server, rows in answers.items()}
    return tuple(names[shard] for shard in sorted(names)) if names.keys() == servers.shards.keys() else ()
