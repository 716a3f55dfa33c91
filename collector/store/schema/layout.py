"""
How a store is laid out: one server, a cluster, or a database that copies its tables by itself.

A database of the engine Replicated, and ClickHouse Cloud, send each statement to all their servers: it is rendered for
them without ON CLUSTER and without a path in Keeper.
"""

from typing import Literal

from collector.catalog.schema import DATABASE
from collector.store.clickhouse import Store
from collector.store.schema.sharding import SchemaError

Kind = Literal["plain", "replicated", "cloud"]
"""Of the database: one of Atomic on each server, one of the engine Replicated, or ClickHouse Cloud's."""

_ENGINE = "SELECT engine FROM system.databases WHERE name = {database:String}"
_CLOUD = "SELECT value FROM system.settings WHERE name = 'cloud_mode'"
_SHARDS = "SELECT uniqExact(shard_num) FROM system.clusters WHERE cluster = {database:String}"


def kind_of(store: Store, cluster: str) -> Kind:
    """Returns what the database is, or will be; raises SchemaError if it cannot hold Lynceus' tables."""
    if store.query_rows(_CLOUD) in ([("1",)], [("true",)]):
        if cluster:
            raise SchemaError("store.cluster: leave it empty for ClickHouse Cloud, which copies its tables by itself")
        return "cloud"
    if store.query_rows(_ENGINE, {"database": DATABASE}) != [("Replicated",)]:
        return "plain"
    ((shards,),) = store.query_rows(_SHARDS, {"database": DATABASE})
    if shards > 1:
        raise SchemaError(
            f"the database {DATABASE} has the engine Replicated and {shards} shards: tables that every server needs "
            "whole, like period, cannot be made in it; use one shard, or a database of the engine Atomic"
        )
    return "replicated"
