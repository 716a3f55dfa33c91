"""
What the writer's account must be allowed, and how each lack is named.

`CHECK GRANT` answers 1 or 0 and changes nothing. A server that is too old for it refuses the statement, and then the rights
show themselves at the first migration and the first insert only.
"""

from dataclasses import dataclass

from collector.catalog.schema import DATABASE
from collector.store.clickhouse import Store, StoreRefusedError

ON_THE_DATABASE = (
    "SELECT", "INSERT", "ALTER", "CREATE DATABASE", "CREATE TABLE", "CREATE VIEW", "DROP TABLE", "DROP VIEW", "TRUNCATE",
)  # fmt: skip
"""Tables and the view are made and changed by migrations; rollups make, empty and drop a table of their own."""

SYSTEM_TABLES = ("clusters", "distributed_ddl_queue", "macros", "replicas", "replication_queue")
"""What is read of a cluster; other tables of `system` that are read need no right."""

SYNTAX_ERROR = 62


@dataclass(frozen=True, slots=True)
class Privilege:
    """One privilege as GRANT names it."""

    name: str
    on: str

    @property
    def grant(self) -> str:
        """The statement that gives it, without the account."""
        return f"GRANT {self.name} ON {self.on}"


def rights(cluster: str) -> list[Privilege]:
    """What a collector needs; on a cluster also to run a statement on all servers, and to ask all of them."""
    whole = [Privilege(privilege, f"{DATABASE}.*") for privilege in ON_THE_DATABASE]
    if not cluster:
        return [*whole, Privilege("TABLE ENGINE", "MergeTree"), Privilege("TABLE ENGINE", "ReplacingMergeTree")]
    engines = ("MergeTree", "ReplicatedReplacingMergeTree", "Distributed")
    return [
        *whole,
        *(Privilege("TABLE ENGINE", engine) for engine in engines),
        Privilege("CLUSTER", "*.*"),
        Privilege("REMOTE", "*.*"),
        *(Privilege("SELECT", f"system.{table}") for table in SYSTEM_TABLES),
    ]


def missing_rights(store: Store, cluster: str) -> list[Privilege] | None:
    """The rights that the account lacks; None: this version of ClickHouse cannot be asked."""
    try:
        return [right for right in rights(cluster) if not _has(store, right)]
    except StoreRefusedError as error:
        if error.code == SYNTAX_ERROR:
            return None
        raise


def grants(missing: list[Privilege], username: str) -> str:
    """The statements that give the rights, joined by what they are given on."""
    by_object: dict[str, list[str]] = {}
    for right in missing:
        by_object.setdefault(right.on, []).append(right.name)
    return "; ".join(f"GRANT {', '.join(names)} ON {on} TO {username}" for on, names in by_object.items())


def _has(store: Store, right: Privilege) -> bool:
    """Whether the account has a right; one whose name this version does not know does not count as lacking."""
    try:
        return store.answer(f"CHECK GRANT {right.name} ON {right.on}") == "1"
    except StoreRefusedError as error:
        if error.code == SYNTAX_ERROR and right.name not in ON_THE_DATABASE:
            return True
        raise
