"""
The users of a ClickHouse server as SQL that can be run again, in an order that at no moment shows a row to others.

Users and profiles are made once and then altered, since others refer to them; policies and quotas are replaced. A table has
one permissive policy, and restrictive ones that all must let a row pass: so a policy that somebody adds by mistake
shows no more, and a user that no policy names reads nothing, whatever `users_without_row_policies_can_read_rows` is.
"""

from collections.abc import Iterator, Sequence

from collector.catalog.schema import DATABASE
from collector.store.servers.users import (
    DEPARTMENT,
    EVERYTHING,
    LIMITS,
    QUERIES_AN_HOUR,
    SECONDS_AN_HOUR,
    Limit,
    ServerUser,
    WantedUsers,
    department_grants,
    policed_tables,
    reader_grants,
    user_of,
    users,
)

PROFILE = "lynceus_readers"
QUOTA = "lynceus_readers"
LOCKED_HASH = "0" * 64
"""No password has this hash."""
LOCKED = """\
-- There is no file with the password of the next user. If it is new it cannot log in, until this is run with its name:
-- ALTER USER name IDENTIFIED WITH sha256_hash BY 'what `printf %s PASSWORD | sha256sum` prints'"""
HEAD = """\
-- Users of Lynceus on this server, made by `lynceus generate users`. Make and run it again after an upgrade, and when
-- departments change. For a user with access_management: clickhouse-client --multiquery < users.sql
"""


def users_sql(wanted: WantedUsers) -> str:
    """All statements, in their order."""
    return HEAD + "".join(f"{statement};\n" for statement in statements(wanted))


def statements(wanted: WantedUsers) -> Iterator[str]:
    """Profile and users, then which rows they read, and then what they may read at all."""
    everyone, on = users(wanted), f" ON CLUSTER {text(wanted.cluster)}" if wanted.cluster else ""
    if wanted.cluster:
        yield _refuse_strangers(wanted)
    yield f"CREATE SETTINGS PROFILE IF NOT EXISTS {PROFILE}{on}"
    yield f"ALTER SETTINGS PROFILE {PROFILE}{on} SETTINGS readonly = 2, {', '.join(map(_limit, LIMITS, LIMITS.values()))}"
    for role in (EVERYTHING, DEPARTMENT):
        yield f"CREATE ROLE IF NOT EXISTS {role}{on}"
    for user in everyone:
        yield from _user(user, on)
    yield from _policies(wanted, everyone, on)
    for name in wanted.removed:
        yield f"DROP USER IF EXISTS {identifier(user_of(name))}{on}"
    readers = ", ".join(identifier(user.name) for user in everyone if user.is_limited)
    limits = f"MAX queries = {QUERIES_AN_HOUR}, execution_time = {SECONDS_AN_HOUR}"
    yield f"CREATE QUOTA OR REPLACE {QUOTA}{on} KEYED BY user_name FOR INTERVAL 1 hour {limits} TO {readers}"
    yield from _grants(wanted, everyone, on)


def _refuse_strangers(wanted: WantedUsers) -> str:
    """Ends the run before anything is changed if the servers of the cluster connect as a user that would read no row."""
    name, known = text(wanted.cluster), ", ".join(map(text, (wanted.writer, *wanted.others)))
    macro = f"SELECT substitution FROM system.macros WHERE concat('{{', macro, '}}') = {name}"
    return (
        "SELECT throwIf(count() > 0, 'the user of <remote_servers> would read no row: name it with --everything') "
        f"FROM system.clusters WHERE (cluster = {name} OR cluster IN ({macro})) AND user NOT IN ({known})"
    )


def _user(user: ServerUser, on: str) -> Iterator[str]:
    """Makes a user; without a password it cannot log in, until it gets one."""
    name = identifier(user.name)
    profile = f" SETTINGS PROFILE {PROFILE}" if user.is_limited else ""
    how = f"IDENTIFIED WITH sha256_hash BY {text(user.sha256 or LOCKED_HASH)}{profile}"
    if not user.sha256:
        yield f"{LOCKED}\nCREATE USER IF NOT EXISTS {name}{on} {how}"
        return
    yield f"CREATE USER IF NOT EXISTS {name}{on} {how}"
    yield f"ALTER USER {name}{on} {how}"


def _policies(wanted: WantedUsers, everyone: Sequence[ServerUser], on: str) -> Iterator[str]:
    """
    Which rows each user reads.

    First that those who read everything go on doing so, whatever the server takes the lack of a policy for.
    """
    departments = [user for user in everyone if user.predicate != "1"]
    readers = [*map(identifier, (wanted.writer, *wanted.others)), EVERYTHING]
    for table in policed_tables(wanted.cluster):
        named = [*readers, *(identifier(user.name) for user in departments if table.group != "closed")]
        yield _policy("lynceus_rows", table.name, "1", f"PERMISSIVE TO {', '.join(named)}", on)
        for user in departments if table.group == "owned" else ():
            yield _policy(user.name, table.name, user.predicate, f"RESTRICTIVE TO {identifier(user.name)}", on)
        yield _policy("lynceus_others", table.name, "0", f"RESTRICTIVE TO ALL EXCEPT {', '.join(named)}", on)
        for name in wanted.removed if table.group == "owned" else ():
            yield f"DROP ROW POLICY IF EXISTS {identifier(user_of(name))}{on} ON {DATABASE}.{table.name}"


def _policy(name: str, table: str, predicate: str, kind: str, on: str) -> str:
    place = f"{identifier(name)}{on} ON {DATABASE}.{table}"
    return f"CREATE ROW POLICY OR REPLACE {place} FOR SELECT USING {predicate} AS {kind}"


def _grants(wanted: WantedUsers, everyone: Sequence[ServerUser], on: str) -> Iterator[str]:
    """Rights of roles replace those that an earlier release gave; the collector's are added to what it has."""
    on_first = on.removeprefix(" ")
    roles = {EVERYTHING: reader_grants(), DEPARTMENT: department_grants(wanted.cluster)}
    for role, granted in roles.items():
        yield _grant(on_first, ", ".join(granted), f"{role} WITH REPLACE OPTION")
    writer, *readers = everyone
    for right in writer.grants:
        yield _grant(on_first, right, identifier(writer.name))
    for user in readers:
        role, name = (EVERYTHING if user.predicate == "1" else DEPARTMENT), identifier(user.name)
        yield _grant(on_first, role, name)
        yield f"ALTER USER {name}{on} DEFAULT ROLE {role}"


def _grant(on: str, what: str, whom: str) -> str:
    return f"GRANT {on}{' ' if on else ''}{what} TO {whom}"


def _limit(name: str, limit: Limit) -> str:
    value = limit.value if limit.value.isdecimal() else text(limit.value)
    bounds = {"most": f" MIN 1 MAX {value}", "fixed": " CONST", "free": ""}
    return f"{name}{f' = {value}' * bool(limit.value)}{bounds[limit.bound]}"


def identifier(name: str) -> str:
    """A name as SQL writes it, whatever is in it."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
