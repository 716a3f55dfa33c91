"""
How a migration reads on a cluster of several servers, from the same text that serves one.

Readers and writers use the same names in both worlds. What is `x` on one server is on a cluster a Distributed table `x`
over `x_local` on every shard; a table that is small and asked of by all others (`shard_by=()` in the catalogue) is `x`
on every server, each with all of its rows. Rows of one key must lie on one shard, since FINAL picks the newest of what
one shard holds: so a table is sharded by columns of its key only, which never change. Pure text, no store.
"""

import re

from collector.catalog.schema import DATABASE
from collector.catalog.tables import TABLE_NAMED

_ABOUT_A_TABLE = re.compile(rf"(CREATE TABLE IF NOT EXISTS|ALTER TABLE) {DATABASE}\.(\w+)\{{on_cluster\}}")
_NAME = re.compile(r"[\w.-]+|\{\w+\}")

_OF_A_SHARD = "ReplicatedReplacingMergeTree("
"""Path and replica are the server's default_replica_path and default_replica_name: /{shard}, {replica}."""
_OF_ALL_SERVERS = (
    "ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/{table}', '{shard}-{replica}', "  # macros, no fields
)


class SchemaError(Exception):
    """The store's schema and this program do not fit; the text names both and the remedy."""


def rendered(statement: str, cluster: str) -> list[str]:
    """What a statement of a migration is on a cluster, which is the server's name of one or a macro like {cluster}."""
    if not _NAME.fullmatch(cluster):
        raise SchemaError(f"store.cluster {cluster!r} is no name of a cluster: letters, digits, '.', '-' and '_'")
    on_cluster = f" ON CLUSTER '{cluster}'"
    about = _ABOUT_A_TABLE.match(statement)
    name = about.group(2) if about else ""
    if local_name(name) == name:
        return [statement.replace("{engine}(", _OF_ALL_SERVERS).replace("{on_cluster}", on_cluster)]
    local = statement.replace(f"{name}{{on_cluster}}", f"{local_name(name)}{on_cluster}", 1)
    return [local.replace("{engine}(", _OF_A_SHARD), _distributed(name, cluster)]


def local_name(table: str) -> str:
    """Where a table's rows lie on each server of a cluster: whose partitions can be replaced, detached or dropped."""
    known = TABLE_NAMED.get(table)
    return f"{table}_local" if known and known.shard_by else table


def shard_of(table: str) -> str:
    """The expression that says which shard a row of a sharded table lies on."""
    return f"cityHash64({', '.join(TABLE_NAMED[table].shard_by)})"


def _distributed(table: str, cluster: str) -> str:
    """
    The table that readers and writers name. It holds nothing, so that it is made anew with each change of the columns.

    Inserts must be sent with distributed_foreground_insert = 1, or it would hold what it acknowledged.
    """
    return (
        f"CREATE OR REPLACE TABLE {DATABASE}.{table} ON CLUSTER '{cluster}' AS {DATABASE}.{local_name(table)}\n"
        f"ENGINE = Distributed('{cluster}', '{DATABASE}', '{local_name(table)}', {shard_of(table)})"
    )
