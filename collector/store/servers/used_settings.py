"""Every setting of ClickHouse that Lynceus sends to a store, with a value that it sends: none may be unknown or fixed."""

from typing import Any

from collector.store.sharded import IN_ORDER, SEQUENTIAL, STORED, writer_settings

_OF_HTTP = {"wait_end_of_query"}
"""Parameters of ClickHouse's HTTP protocol, which no profile can forbid."""
_OF_STATEMENTS = {
    "insert_deduplication_token": "x",
    "do_not_merge_across_partitions_select_final": 1,
    "max_threads": 1,
}


def used_settings(cluster: str) -> dict[str, Any]:
    """The settings that are sent to one server, or to a cluster."""
    sent = {**(writer_settings(60) if cluster else {**STORED, **SEQUENTIAL}), **IN_ORDER, **_OF_STATEMENTS}
    return {name: value for name, value in sent.items() if name not in _OF_HTTP}
