"""
Two ClickHouse servers as the two shards of a cluster, on free ports of loopback; and a store that plays ON CLUSTER.

What is real: the servers' HTTP and native protocol, users.xml with passwords, profiles and grants, Distributed tables over
two servers, clusterAllReplicas, system.clusters, macros. What is played: there is no Keeper, so each statement for all
servers is sent to each of them, and a table that every server has whole is on the first and is reached from the second.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from collector.store.clickhouse import Store, StoreError, connect
from collector.store.sharded import Settings, writer_settings
from tests.cluster.processes import Child, until
from tests.ports import free_ports

LIVES_S = 900
"""A server ends by itself after so long, whatever becomes of the tests."""
HOST = "127.0.0.1"
USERS = """<clickhouse>
 <profiles>
  <default/>
  <reader>
   <readonly>2</readonly><max_execution_time>60</max_execution_time>
   <distributed_product_mode>global</distributed_product_mode>
   <constraints><max_execution_time><max>60</max></max_execution_time></constraints>
  </reader>
  <fixed><constraints><insert_quorum><readonly/></insert_quorum></constraints></fixed>
 </profiles>
 <quotas><default/></quotas>
 <users>
  <default>
   <password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
  </default>
  <writer>
   <password>secret-of-writer</password><networks><ip>127.0.0.1</ip></networks>
   <profile>default</profile><quota>default</quota>
  </writer>
  <reader>
   <password>secret-of-reader</password><networks><ip>127.0.0.1</ip></networks>
   <profile>reader</profile><quota>default</quota>
   <grants><query>GRANT SELECT ON lynceus.*</query></grants>
  </reader>
  <partly>
   <password>secret-of-partly</password><networks><ip>127.0.0.1</ip></networks>
   <profile>default</profile><quota>default</quota>
   <grants><query>GRANT SELECT, INSERT ON lynceus.*</query><query>GRANT SELECT ON system.*</query></grants>
  </partly>
  <admin>
   <password>secret-of-admin</password><networks><ip>127.0.0.1</ip></networks>
   <profile>default</profile><quota>default</quota><access_management>1</access_management>
  </admin>
  <fixed>
   <password>secret-of-fixed</password><networks><ip>127.0.0.1</ip></networks>
   <profile>fixed</profile><quota>default</quota>
  </fixed>
 </users>
 <roles><lynceus_everything/><lynceus_department/></roles>
</clickhouse>
"""
"""LocalServer logs in as `default` with an empty password, which therefore may come from loopback only."""


@dataclass(frozen=True, slots=True)
class Node:
    """One server."""

    shard: int
    http: int
    tcp: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.http}"


class TwoShards:
    """Both servers, running for as long as the block lasts."""

    def __init__(self, folder: Path, more_users: Sequence[str] = ("", "")) -> None:
        """`more_users`: for each server, a file of users beside USERS."""
        self._more_users = more_users
        ports = free_ports(5)
        self.folder = folder
        self.nodes = (Node(1, ports[0], ports[1]), Node(2, ports[2], ports[3]))
        self._nowhere = ports[4]
        self._children: list[Child] = []

    def __enter__(self) -> "TwoShards":
        for user in ("writer", "reader", "partly", "fixed", "admin"):
            (self.folder / user).write_text(f"secret-of-{user}", encoding="utf-8")
        for node in self.nodes:
            home = self.folder / f"n{node.shard}"
            (home / "users.d").mkdir(parents=True)
            (home / "users.xml").write_text(USERS, encoding="utf-8")
            if more := self._more_users[node.shard - 1]:
                (home / "users.d" / "lynceus.xml").write_text(more, encoding="utf-8")
            (home / "config.xml").write_text(self._config(node), encoding="utf-8")
            command = [sys.executable, "-m", "tests.store_cluster.node", str(home), str(LIVES_S)]
            self._children.append(Child(f"n{node.shard}", command, self.folder / f"n{node.shard}.log", {}))
        for node in self.nodes:
            until(lambda node=node: self._answers(node), f"{node.url} answers", self._children, 60)  # type: ignore[misc]
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        for child in self._children:
            child.kill()

    def store(self, node: Node, user: str = "writer", **more: Any) -> Store:
        """A plain connection to one server."""
        return connect(node.url, user, self.folder / user, **more)

    def played(self, number: int = 0) -> "PlayedStore":
        """The product's connection to a server, with ON CLUSTER played on both."""
        return PlayedStore(self, self.store(self.nodes[number], settings=writer_settings(60)))

    def settings_file(self, cluster: str = "prod", user: str = "writer", node: int = 0) -> Path:
        """A settings file as an operator writes it."""
        file = self.folder / f"{cluster}-{user}-{node}.yaml"
        login = f"username: {user}, password_file: {self.folder / user}"
        file.write_text(
            f"data_dir: {self.folder / 'data'}\nstore: {{url: '{self.nodes[node].url}', {login}, cluster: '{cluster}'}}\n",
            encoding="utf-8",
        )
        return file

    def _answers(self, node: Node) -> bool:
        try:
            return self.store(node).query_rows("SELECT 1") == [(1,)]
        except StoreError:
            return False

    def _config(self, node: Node) -> str:
        first, second = (server.tcp for server in self.nodes)
        clusters = {
            "prod": [(first, 1), (second, 1)],
            "first": [(first, 1)],
            "grown": [(first, 1), (second, 1), (self._nowhere, 1)],
            "heavier": [(first, 1), (second, 3)],
            "swapped": [(second, 1), (first, 1)],
            "halved": [(first, 1), (self._nowhere, 1)],
        }
        servers = "".join(
            f"<{name}>{''.join(_shard(port, weight) for port, weight in shards)}</{name}>"
            for name, shards in clusters.items()
        )
        return f"""<clickhouse>
 <logger><level>warning</level><log>{self.folder}/n{node.shard}.server.log</log><console>false</console></logger>
 <tcp_port>{node.tcp}</tcp_port><http_port>{node.http}</http_port><listen_host>{HOST}</listen_host>
 <user_directories><users_xml><path>{self.folder}/n{node.shard}/users.xml</path></users_xml></user_directories>
 <macros><shard>{node.shard:02}</shard><replica>r1</replica><cluster>prod</cluster></macros>
 <default_replica_path>/clickhouse/tables/{{uuid}}/{{shard}}</default_replica_path>
 <default_replica_name>{{replica}}</default_replica_name>
 <remote_servers>{servers}</remote_servers>
</clickhouse>
"""


def _shard(port: int, weight: int) -> str:
    login = "<user>writer</user><password>secret-of-writer</password>"
    replica = f"<replica><host>{HOST}</host><port>{port}</port>{login}</replica>"
    return f"<shard><weight>{weight}</weight><internal_replication>true</internal_replication>{replica}</shard>"


class PlayedStore(Store):
    """A store whose statements for all servers are run on each of them, since there is no Keeper."""

    def __init__(self, shards: TwoShards, inner: Store) -> None:
        super().__init__(inner._make_client, inner._cluster)
        self.nodes = [shards.store(node, settings=writer_settings(60)) for node in shards.nodes]
        self.addresses = [(HOST, str(node.tcp)) for node in shards.nodes]

    def command(self, sql: str, parameters: dict[str, Any] | None = None, settings: Settings | None = None) -> None:
        if " ON CLUSTER " in sql:
            self.run_on_cluster(sql, settings or {})
        else:
            super().command(sql, parameters, settings)

    def query_rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return [] if "system.distributed_ddl_queue" in sql else super().query_rows(sql, parameters)

    def run_on_cluster(self, sql: str, settings: Settings) -> list[list[str]]:
        """Runs the statement on each server; answers as a cluster does, host by host."""
        for number, node in enumerate(self.nodes):
            if statement := played(sql, is_first=not number):
                node.command(statement)
        return [[host, port, "0", "", "0", "0"] for host, port in self.addresses]

    def close(self) -> None:
        super().close()
        for store in self.nodes:
            store.close()


_WHOLE = re.compile(r"ENGINE = ReplicatedReplacingMergeTree\('[^']*', '[^']*', ")
_OWN_INDEX = re.compile(r",\s+INDEX \w+ [^\n]*(?=\n)")
_OF_ONE_SERVER = re.compile(r"MODIFY TTL|REMOVE TTL|MODIFY SETTING|RESET SETTING|INDEX|MODIFY COMMENT")


def played(sql: str, *, is_first: bool) -> str:
    """A statement for all servers as one of them gets it; empty: the first alone does it."""
    alone = re.sub(r" ON CLUSTER '[^']*'", "", sql.strip())
    table = re.match(r"[\w ]+ (\w+)\.(\w+)", alone)
    if whole := _WHOLE.search(alone):
        assert table is not None
        if is_first:
            return _WHOLE.sub("ENGINE = ReplacingMergeTree(", alone)
        stand_in = _OWN_INDEX.sub("", alone[: whole.start()])
        return f"{stand_in}ENGINE = Distributed('first', '{table[1]}', '{table[2]}')"
    if alone.startswith("ALTER") and table is not None and not table[2].endswith("_local") and not is_first:
        return "" if _OF_ONE_SERVER.search(alone) else alone
    return alone.replace("ReplicatedReplacingMergeTree(", "ReplacingMergeTree(")
