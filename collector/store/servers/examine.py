"""
`lynceus check --store`: what of a store would lose, double or mix rows, one line each. It reads only.

Each check stands alone: what could not be asked is a line that says so, and the others still answer.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from collector.checked import Check
from collector.store.clickhouse import Store, StoreError, StoreRefusedError, StoreUnreachableError
from collector.store.schema.members import Servers, reason, servers_of
from collector.store.servers import of_cluster, of_server

ACCESS_DENIED = 497


@dataclass(frozen=True, slots=True)
class ExaminedStore:
    """What is examined, and how it is named."""

    name: str
    username: str
    cluster: str
    """The value of `store.cluster`; empty: one server."""
    unreachable: str
    """The remedy when it does not answer at all."""


def examine(store: Store, place: ExaminedStore) -> list[Check]:
    """All lines; the first is whether the store answers, and without it there are no others."""
    try:
        rows = [of_server.version(store, place.name)]
    except StoreError as error:
        remedy = place.unreachable if isinstance(error, StoreUnreachableError) else "look into the server's own log"
        return [Check(False, "store", f"{place.name}: {reason(error)}", remedy)]
    rows += _checked("settings", place, lambda: of_server.settings(store, place.cluster))
    rows += _checked("rights", place, lambda: of_server.account(store, place.cluster, place.username))
    rows += _checked("database", place, lambda: of_server.database(store))
    rows += _checked("migrations", place, lambda: of_server.schema(store))
    if not place.cluster:
        return [*rows, *_checked("clock", place, lambda: of_server.clock(store))]
    try:
        servers = servers_of(store, place.cluster)
    except StoreError as error:
        return [*rows, _unknown("servers", place, error)]
    if servers is None:
        remedy = "name in store.cluster one of the clusters in <remote_servers>: SELECT DISTINCT cluster FROM system.clusters"
        return [
            *rows,
            Check(False, "store: servers", f"there is no cluster {place.cluster!r} in system.clusters", remedy),
        ]
    return [*rows, *_of_cluster(servers, place)]


def _of_cluster(servers: Servers, place: ExaminedStore) -> Iterable[Check]:
    for subject, check in of_cluster.CHECKS.items():
        yield from _checked(subject, place, lambda check=check: check(servers))  # type: ignore[misc]


def _checked(subject: str, place: ExaminedStore, check: Callable[[], Iterable[Check]]) -> list[Check]:
    try:
        return list(check())
    except StoreError as error:
        return [_unknown(subject, place, error)]


def _unknown(subject: str, place: ExaminedStore, error: StoreError) -> Check:
    """A line that says what is not known, and why."""
    remedy = ""
    if isinstance(error, StoreRefusedError) and error.code == ACCESS_DENIED:
        right = "REMOTE" if "REMOTE" in str(error) else "SELECT"
        on = "*.*" if right == "REMOTE" else "system.*"
        remedy = f"GRANT {right} ON {on} TO {place.username}"
    return Check(False, f"store: {subject}", f"could not be asked: {reason(error)}", remedy, needed=False)
