"""
Renders migrations for a cluster of several servers, from the same text that serves one server.

Readers and writers use the same names in both cases. A table `x` of a single server is on a cluster a Distributed table
`x` over `x_local` on every shard; a small table that queries on all shards need (`shard_by=()` in the catalogue) is `x`
on every server, with all rows. Rows of one key must be on one shard, since FINAL chooses the newest row within a shard:
so a table is sharded only by columns of its key, which never change. Pure text, no store.
"""

import re
from collections.abc import Mapping

from collector.catalog.schema import DATABASE
from collector.catalog.tables import TABLE_NAMED, local_name

_ABOUT_A_TABLE = re.compile(rf"(CREATE TABLE IF NOT EXISTS|ALTER TABLE) {DATABASE}\.(\w+)\{{on_cluster\}}")
_CREATES = re.compile(rf"CREATE TABLE IF NOT EXISTS {DATABASE}\.(\w+)")
_NAME = re.compile(r"[\w.-]+|\{\w+\}")

_OF_A_SHARD = "ReplicatedReplacingMergeTree("
"""Path and replica are the server's default_replica_path and default_replica_name: /{shard}, {replica}."""
_OF_ALL_SERVERS = "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}', '{shard}-{replica}', "  # macros, no fields
"""One uuid is given to a table on all servers, so two clusters with one Keeper do not meet. Older stores have a path with
the table's name instead, and keep it."""


class SchemaError(Exception):
    """The store's schema does not fit this program; the text names both and the remedy."""


def render_on_cluster(statement: str, cluster: str) -> list[str]:
    """Renders a statement of a migration for a cluster, given by the server's name for it or a macro like {cluster}."""
    if not _NAME.fullmatch(cluster):
        raise SchemaError(
            f"store.cluster {cluster!r} is not a valid cluster name: use letters, digits, '.', '-' and '_'"
        )
    on_cluster = f" ON CLUSTER '{cluster}'"
    about = _ABOUT_A_TABLE.match(statement)
    name = about.group(2) if about else ""
    if local_name(name) == name:
        return [statement.replace("{engine}(", _OF_ALL_SERVERS).replace("{on_cluster}", on_cluster)]
    local = statement.replace(f"{name}{{on_cluster}}", f"{local_name(name)}{on_cluster}", 1)
    return [local.replace("{engine}(", _OF_A_SHARD), _distributed(name, cluster)]


def render_replicated(statement: str, cluster: str) -> list[str]:
    """Renders a statement for a database of the engine Replicated, which sends it to all servers and chooses the paths."""
    if not cluster:
        return [statement.replace("{on_cluster}", "").replace("{engine}(", _OF_A_SHARD)]
    rendered = render_on_cluster(statement.replace("{engine}(", _OF_A_SHARD), cluster)
    return [one.replace(f" ON CLUSTER '{cluster}'", "") for one in rendered]


def with_uuid(sql: str, uuids: Mapping[str, str]) -> str:
    """
    Gives a table that some servers have already the same uuid on the others.

    The path of a replicated table is made of its uuid: with another uuid a server would have its own rows for ever.
    """
    about = _CREATES.match(sql)
    if about is None or about.group(1) not in uuids:
        return sql
    return f"{sql[: about.end(1)]} UUID '{uuids[about.group(1)]}'{sql[about.end(1) :]}"


def shard_of(table: str) -> str:
    """The expression that chooses the shard of a row."""
    return f"cityHash64({', '.join(TABLE_NAMED[table].shard_by)})"


def _distributed(table: str, cluster: str) -> str:
    """
    The table that readers and writers name. It holds no rows, so each change of columns replaces it.

    Inserts must use distributed_foreground_insert = 1, or the table would hold rows that it has acknowledged.
    """
    return (
        f"CREATE OR REPLACE TABLE {DATABASE}.{table} ON CLUSTER '{cluster}' AS {DATABASE}.{local_name(table)}\n"
        f"ENGINE = Distributed('{cluster}', '{DATABASE}', '{local_name(table)}', {shard_of(table)})"
    )
