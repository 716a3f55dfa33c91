"""
The settings that each statement of a connection carries: what the server permits, and what it must take.
"""

from collections.abc import Mapping

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import OperationalError, ProgrammingError
from clickhouse_connect.driver.httpclient import HttpClient

from collector.store.sharded import Settings

_REPLICAS = """
    SELECT min(replicas), sum(replicas) FROM (
        SELECT count() AS replicas FROM system.clusters WHERE cluster = {cluster:String} OR cluster IN (
            SELECT substitution FROM system.macros WHERE concat('{', macro, '}') = {cluster:String}
        ) GROUP BY cluster, shard_num
    )
"""


def carry(client: Client, settings: Settings, *, optional: bool) -> Client:
    """Makes each statement of a client carry settings; returns the client."""
    for name, value in settings.items():
        try:
            client.set_client_setting(name, value)
        except ProgrammingError:
            if not optional:
                raise
    return client


def require(client: Client, settings: Mapping[str, str]) -> Client:
    """
    Makes each statement of a client carry settings, and asks the server whether it has them; returns the client.

    The driver itself drops or refuses what the server's list of settings calls unchangeable, before it sends anything.
    """
    for name, value in settings.items():
        assert isinstance(client, HttpClient)  # noqa: S101 - get_client makes no others of an address
        client.params[name] = value
        (row,) = client.query("SELECT toString(getSetting({name:String}))", {"name": name}).result_rows
        if not row[0] or row[0] == "{}":
            raise OperationalError(f"the server does not take the setting {name}, so nothing is read for this visitor")
    return client


def fit_quorum(client: Client, cluster: str) -> Settings:
    """
    Lets a client not wait for replicas that a shard does not have; returns what inserts into whole tables need instead.

    A quorum of the only replica would never be reached: ClickHouse waits for another one to report.
    """
    least, servers = client.query(_REPLICAS, {"cluster": cluster}).result_rows[0]
    if client.get_client_setting("insert_quorum") != "auto" or least != 1:
        return {}
    client.set_client_setting("insert_quorum", 0)
    return {"insert_quorum": "auto"} if servers > 1 else {}
