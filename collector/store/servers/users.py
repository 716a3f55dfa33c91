"""
The users of a ClickHouse server, as data: who may read what, and within which limits.

A department's user may read the tables that shared_tables.py names, and of those whose rows have a department its own rows.
Rows are hidden by policies on the tables that hold them. A Distributed table has none: ClickHouse refuses to read one with a
policy, and each shard applies the policies of the user who asked to its own table, as whichever user the servers connect.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from collector.access.scope import of_departments
from collector.access.shared_tables import CLOSED, HIDDEN, SHARED, VIEWS, readable_tables
from collector.access.table_filters import OWNED_TABLES, predicate_of, stored_names
from collector.catalog.schema import DATABASE
from collector.catalog.tables import local_name
from collector.store.servers.rights import rights

READER = "lynceus_reader"
"""The user that reads everything: Grafana of those who run the fleet."""
PREFIX = "lynceus_dept_"
"""Before a department's name, the name of its user; other users of the server keep their names."""
EVERYTHING = "lynceus_everything"
"""The role that reads everything, for people."""
DEPARTMENT = "lynceus_department"
"""The role of every department's user: its tables and columns. Which rows, the policies of the user decide."""

EXAMINED = ("disks", "distribution_queue", "mutations", "server_settings")
"""Tables of `system` that the collector asks for the state of a server, beside those that it needs to work."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A setting in a profile."""

    value: str = ""
    """Empty: the server's."""
    bound: Literal["most", "fixed", "free"] = "fixed"
    """What a query may do: lower it, but not to 0, which limits nothing; nothing; change it."""


LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "max_execution_time": Limit("60", "most"),
        "max_memory_usage": Limit("4000000000", "most"),
        "max_result_rows": Limit("1000000", "most"),
        "result_overflow_mode": Limit("throw"),
        "distributed_product_mode": Limit("global", "free"),
        "prefer_global_in_and_join": Limit("1", "free"),
        "additional_table_filters": Limit(),
        "additional_result_filter": Limit(),
    }
)
"""Of readers. `additional_table_filters` is an expression that ClickHouse may compute before the row policies."""
QUERIES_AN_HOUR = 20_000
SECONDS_AN_HOUR = 7_200
"""Time that the queries of one user may take together."""


@dataclass(frozen=True, slots=True)
class ServerUser:
    """A user of the server."""

    name: str
    grants: tuple[str, ...]
    """What follows GRANT, each with its object."""
    predicate: str
    """What the department of a row must fulfil; `1`: every row."""
    is_limited: bool
    """Whether it only reads, within LIMITS and a quota."""
    sha256: str
    """Hash of its password; empty: none is given."""


@dataclass(frozen=True, slots=True)
class WantedUsers:
    """What the users are made for."""

    departments: tuple[str, ...]
    cluster: str = ""
    """Value of `store.cluster`; empty: one server."""
    writer: str = "lynceus"
    others: tuple[str, ...] = ()
    """Users that go on reading every row: administrators, and the one in <remote_servers> of a cluster."""
    removed: tuple[str, ...] = ()
    """Departments whose users are to be removed."""
    passwords: Path | None = None
    """Folder with a file for each user that holds its password."""


def user_of(department: str) -> str:
    """The name of a department's user."""
    return f"{PREFIX}{department}"


def problem(wanted: WantedUsers) -> str:
    """What is wrong with the names, or an empty text."""
    if not wanted.departments:
        return "names no department"
    for name in (*wanted.departments, *wanted.removed):
        if not name or not name.isprintable():
            return f"{name!r} cannot be the name of a department's user"
    both = {*wanted.departments} & {*wanted.removed}
    clash = {READER, *map(user_of, wanted.departments)} & {wanted.writer, *wanted.others}
    return next(
        (f"{name} is to be made and to be removed" for name in sorted(both)),
        next((f"{name} would read every row" for name in sorted(clash)), ""),
    )


def users(wanted: WantedUsers) -> tuple[ServerUser, ...]:
    """The collector's user, the reader of everything, and each department's."""
    folder = wanted.passwords

    def user(name: str, grants: Sequence[str], predicate: str, *, is_limited: bool) -> ServerUser:
        return ServerUser(name, tuple(grants), predicate, is_limited, _hash_of(folder, name))

    return (
        user(wanted.writer, writer_grants(wanted.cluster), "1", is_limited=False),
        user(READER, reader_grants(), "1", is_limited=True),
        *(
            user(
                user_of(name), department_grants(wanted.cluster), predicate_of(of_departments([name])), is_limited=True
            )
            for name in wanted.departments
        ),
    )


def writer_grants(cluster: str) -> list[str]:
    """What the collector needs, and no more."""
    by_object: dict[str, list[str]] = {}
    for right in rights(cluster):
        by_object.setdefault(right.on, []).append(right.name)
    for table in EXAMINED:
        by_object.setdefault(f"system.{table}", []).append("SELECT")
    return [f"{', '.join(names)} ON {on}" for on, names in by_object.items()]


def reader_grants() -> list[str]:
    """All of the database, and nothing else of the server."""
    return [f"SELECT ON {DATABASE}.*"]


def department_grants(cluster: str) -> list[str]:
    """The tables that a department may read, each with its columns unless it may read all of them."""
    views = {view.name: view.of.name for view in VIEWS}
    grants: list[str] = []
    for table, columns in readable_tables().items():
        source = views.get(table, table)
        is_whole = source in OWNED_TABLES and source not in HIDDEN
        listed = "" if is_whole else f"({', '.join(f'`{name}`' for name in columns)})"
        names = (table,) if table in views or not cluster else stored_names(table)
        grants += [f"SELECT{listed} ON {DATABASE}.{name}" for name in names]
    return grants


@dataclass(frozen=True, slots=True)
class PolicedTable:
    """A table that holds rows."""

    name: str
    group: Literal["owned", "shared", "closed"]
    """As in shared_tables.py."""


def policed_tables(cluster: str) -> tuple[PolicedTable, ...]:
    """The tables that hold rows on a server; of a cluster not those above them."""
    groups: Mapping[Literal["owned", "shared", "closed"], Iterable[str]] = {
        "owned": OWNED_TABLES,
        "shared": SHARED,
        "closed": CLOSED,
    }
    return tuple(
        PolicedTable(local_name(table) if cluster else table, group)
        for group, tables in groups.items()
        for table in tables
    )


def _hash_of(folder: Path | None, name: str) -> str:
    """The hash of a user's password; empty without a file of that name. OSError if it cannot be read."""
    if folder is None or Path(name).name != name or not (folder / name).is_file():
        return ""
    return hashlib.sha256((folder / name).read_bytes().strip()).hexdigest()
