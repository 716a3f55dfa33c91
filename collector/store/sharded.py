"""
The settings of a connection to a cluster of ClickHouse servers. Every statement of the connection carries all of them.

A cluster acknowledges early and answers from any replica, unless its settings say otherwise. So a writer's connection waits for
its inserts on the shards and on a quorum of replicas, reads what a quorum has, and never reads a replica that lags.
"""

from typing import Any, Literal

Settings = dict[str, Any]
Quorum = Literal["auto"] | int
"""Replicas that must have a row before an insert is acknowledged; `auto`: more than half of them."""

STORED: Settings = {
    "async_insert": 0,  # a batch is a batch, and its acknowledgement means that it is stored
    "wait_end_of_query": 1,  # an error is an answer of its own, and not the broken end of a good one
    "distributed_foreground_insert": 1,  # a Distributed table keeps no rows that it has acknowledged
}
"""An answer means that the statement is done."""

IN_ORDER: Settings = {"insert_quorum_parallel": 0}
"""
For rows that are read right after they are written: sequential reads know of quorum inserts that are not parallel.

Nothing may delete such rows: a sequential read would look for the last part in vain, until the next insert in order.
"""

SEQUENTIAL: Settings = {"select_sequential_consistency": 1}
"""A replica that lacks an acknowledged row of such an insert refuses to answer; elsewhere it changes nothing."""

WHOLE: Settings = {
    # A subquery inside a query on a sharded table runs once, and every shard gets its result: on a table that is sharded
    # too, and on one that each server has, which may be older on one of them.
    "distributed_product_mode": "global",
    "prefer_global_in_and_join": 1,
    "optimize_skip_unused_shards": 1,  # what names a whole key asks one shard
}
"""A query has one answer, of all shards."""

LAG_S = 3
"""A replica this many seconds behind is not read."""
QUORUM_S = 30
"""An insert waits so long for other replicas; less than a connection waits for the answer."""
DDL_S = 20
"""A statement on all servers waits so long for them; less than a connection waits for the answer."""


def reader_settings() -> Settings:
    """Returns the settings for queries of users: they answer also while replicas lag."""
    return dict(WHOLE)


def writer_settings(timeout_s: int, quorum: Quorum = "auto") -> Settings:
    """Returns the settings of a connection that writes, or whose answers are written."""
    return {
        **STORED,
        **WHOLE,
        **SEQUENTIAL,
        "insert_quorum": quorum,
        "insert_quorum_timeout": 1000 * min(QUORUM_S, timeout_s // 2),
        "load_balancing": "in_order",
        "max_replica_delay_for_distributed_queries": LAG_S,
        "fallback_to_stale_replicas_for_distributed_queries": 0,
        "distributed_ddl_task_timeout": min(DDL_S, timeout_s // 2),
        "distributed_ddl_output_mode": "null_status_on_timeout",
    }
