"""What `lynceus check --store` asks the one server that `store.url` names: version, settings, rights, tables, clock."""

from collections.abc import Iterator

from collector.catalog.schema import DATABASE
from collector.checked import Check
from collector.clock import now_ms
from collector.store.clickhouse import Store, StoreRefusedError
from collector.store.schema.members import reason
from collector.store.schema.migrate import load, missing_migrations
from collector.store.schema.sharding import SchemaError
from collector.store.schema.verify import foreign_table, other_columns
from collector.store.servers.rights import grants, missing_rights
from collector.store.servers.used_settings import used_settings

TESTED = "26.9"
"""The only release of ClickHouse that the tests run."""

SKEWED_S = 30
"""Rollups look back two minutes for rows that took long to arrive: a clock that is off eats into that."""


def version(store: Store, place: str) -> Check:
    """The server's version."""
    ((number,),) = store.query_rows("SELECT version()")
    tested = "" if str(number).startswith(f"{TESTED}.") else f"; Lynceus is tested with {TESTED}"
    return Check(True, "store", f"{place} answers: ClickHouse {number}{tested}")


def settings(store: Store, cluster: str) -> Iterator[Check]:
    """Whether each setting that Lynceus sends exists and may be changed by this account."""
    refused, used = [], used_settings(cluster)
    for name, value in used.items():
        try:
            store.query_rows(f"SELECT 1 SETTINGS {name} = {value!r}")
        except StoreRefusedError as error:
            refused.append(f"{name} ({reason(error)})")
    subject = "store: settings"
    if not refused:
        yield Check(True, subject, f"{len(used)} that Lynceus sends exist and may be changed")
        return
    remedy = "allow it in the account's profile (readonly 0, no constraint), or use a version of ClickHouse that has it"
    yield Check(False, subject, "; ".join(refused), remedy)


def account(store: Store, cluster: str, username: str) -> Iterator[Check]:
    """Whether the account has each right."""
    missing = missing_rights(store, cluster)
    if missing is None:
        detail = "could not be asked: this ClickHouse has no CHECK GRANT; SHOW GRANTS lists them"
        yield Check(False, "store: rights", detail, needed=False)
    elif missing:
        names = ", ".join(f"{right.name} ON {right.on}" for right in missing)
        yield Check(False, "store: rights", f"{username} lacks {names}", grants(missing, username))
    else:
        yield Check(True, "store: rights", f"{username} has every right that Lynceus needs")


def database(store: Store) -> Iterator[Check]:
    """The engine of the database: what it is decides how tables are made."""
    rows = store.query_rows("SELECT engine FROM system.databases WHERE name = {name:String}", {"name": DATABASE})
    if not rows:
        yield Check(True, "store: database", f"{DATABASE} does not exist yet; `lynceus migrate` makes it")
        return
    engine = str(rows[0][0])
    if engine in ("Atomic", "Replicated", "Shared"):
        untried = "" if engine == "Atomic" else "; Lynceus has not been run on it"
        yield Check(True, "store: database", f"{DATABASE} has the engine {engine}{untried}")
        return
    remedy = f"move its tables to a database of the engine Atomic, and name that {DATABASE}"
    yield Check(False, "store: database", f"{DATABASE} has the engine {engine}, which Lynceus does not know", remedy)


def schema(store: Store) -> Iterator[Check]:
    """Whether the tables are Lynceus' and of this release."""
    if why := foreign_table(store):
        yield Check(False, "store: tables", why, "point store.url at another server")
        return
    try:
        missing = missing_migrations(store)
    except SchemaError as error:
        yield Check(False, "store: tables", str(error), "run the Lynceus that migrated it, or a later one")
        return
    if missing:
        detail = f"{len(missing)} migrations are missing, the first is {missing[0].name}"
        yield Check(True, "store: tables", f"{detail}; `lynceus run` and `lynceus migrate` apply them")
    elif why := other_columns(store):
        yield Check(False, "store: tables", why, "restore that column, or point store.url at another server")
    else:
        yield Check(True, "store: tables", f"all {len(load())} migrations are applied")


def clock(store: Store) -> Iterator[Check]:
    """The server's clock against this machine's."""
    before = now_ms()
    theirs = store.ping()
    skew = theirs - min(max(theirs, before), now_ms())
    yield clock_line({"the server": skew})


def clock_line(skews_ms: dict[str, int]) -> Check:
    """One line for the clocks of all servers; what counts is the farthest from ours, and the two farthest apart."""
    farthest = max(skews_ms, key=lambda name: abs(skews_ms[name]))
    apart = max(0, *skews_ms.values()) - min(0, *skews_ms.values())
    if apart <= SKEWED_S * 1000:
        return Check(True, "store: clock", f"within {max(1, -(-apart // 1000))} s of this machine's")
    side = "ahead of" if skews_ms[farthest] > 0 else "behind"
    detail = f"{farthest} is {abs(skews_ms[farthest]) // 1000} s {side} this machine"
    return Check(False, "store: clock", f"{detail}: rows that arrive late may be missed by a rollup", "set both by NTP")
