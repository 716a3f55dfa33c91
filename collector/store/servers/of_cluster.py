"""What `lynceus check --store` asks all servers of a cluster."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from collector.catalog.schema import DATABASE
from collector.catalog.tables import TABLES, local_name
from collector.checked import Check
from collector.clock import now_ms
from collector.store.schema.members import Servers, StoreServer, named
from collector.store.schema.shards import ShardLayout, layout_problem, recorded_layout, shard_names
from collector.store.servers.of_server import clock_line

BEHIND_S = 60
"""A replica that is farther behind gives sums that lack rows; rollups look back two minutes only."""
WAITS_S = 60
"""A statement for all servers, and rows on their way to a shard, need no longer than this."""

DDL_REMEDY = "start that server or see its log: statements run in order, and migrations wait behind these"


def answering(servers: Servers) -> Iterator[Check]:
    """Whether all servers answer, and which ones do not."""
    answers = servers.ask("version()", "system.one")
    silent = [server for server in servers.all if server not in answers]
    subject = "store: servers"
    shards = f"{len(servers.shards)} shards of weight {', '.join(map(str, servers.weights))}"
    if silent:
        detail = f"{len(answers)} of {len(servers.all)} answer, not {named(silent)}; what follows is of the others"
        yield Check(False, subject, detail, "start it, or take it out of <remote_servers>; migrations wait for it")
    else:
        yield Check(True, subject, f"{servers.cluster}: {len(servers.all)} of {len(servers.all)} answer; {shards}")
    versions = {str(rows[0][0]): server for server, rows in answers.items()}
    if len(versions) > 1:
        different = ", ".join(f"{server.address} {number}" for number, server in sorted(versions.items()))
        yield Check(True, "store: versions", f"they differ: {different}")


def internal_replication(servers: Servers) -> Iterator[Check]:
    """Whether a Distributed table leaves the copying of rows to the replicas."""
    subject = "store: internal_replication"
    answers = [server for server in servers.all if server.internal_replication is not None]
    wrong = {
        server.shard for server in answers if not server.internal_replication and len(servers.shards[server.shard]) > 1
    }
    if not answers:
        yield Check(False, subject, "could not be asked: this ClickHouse does not show it", needed=False)
    elif wrong:
        detail = f"is false for shard {', '.join(map(str, sorted(wrong)))} of {servers.cluster}: rows are written twice"
        remedy = "set <internal_replication>true</internal_replication> in each <shard> of <remote_servers>"
        yield Check(False, subject, detail, remedy)
    else:
        yield Check(True, subject, "replicas copy rows from one another")


def layout(servers: Servers) -> Iterator[Check]:
    """Whether the shards are those that rows were written to."""
    if why := layout_problem(servers.store, servers.cluster):
        detail, _, remedy = why.partition("count twice; ")
        yield Check(False, "store: shards", f"{detail}count twice", remedy)
        return
    recorded, names = recorded_layout(servers.store), shard_names(servers)
    if recorded is None:
        yield Check(True, "store: shards", "none recorded yet; the next `lynceus run` or `lynceus migrate` does")
    elif recorded.names and names and recorded.names != names:
        detail = f"rows were written to {recorded}, and the servers are {ShardLayout(recorded.weights, names)}"
        yield Check(False, "store: shards", detail, "restore the order of the shards in <remote_servers>")
    else:
        yield Check(True, "store: shards", f"as recorded: {recorded}")


def macros(servers: Servers) -> Iterator[Check]:
    """Whether every server has the macros that paths in Keeper consist of, and no two servers the same."""
    subject = "store: macros"
    answers = _pairs(servers.ask("macro, substitution", "system.macros"))
    answered = servers.ask("1", "system.one")
    lacking = [server for server in answered if not {"shard", "replica"} <= answers.get(server, {}).keys()]
    if lacking:
        yield Check(False, subject, f"no shard or replica on {named(lacking)}", "add both to <macros> of that server")
        return
    remedy = "give each shard one {shard} of its own, and each of its servers a {replica} of its own, in <macros>"
    by_pair: dict[str, list[StoreServer]] = {}
    by_shard: dict[str, set[int]] = {}
    of_shard: dict[int, set[str]] = {}
    for server in answered:
        shard, replica = answers[server]["shard"], answers[server]["replica"]
        by_pair.setdefault(f"{shard}-{replica}", []).append(server)
        by_shard.setdefault(shard, set()).add(server.shard)
        of_shard.setdefault(server.shard, set()).add(shard)
    problems = [f"{named(same)} all have {pair}" for pair, same in sorted(by_pair.items()) if len(same) > 1]
    problems += [f"{{shard}} is {name} in shards {_listed(n)}" for name, n in sorted(by_shard.items()) if len(n) > 1]
    problems += [f"shard {n} has {{shard}} {_listed(names)}" for n, names in sorted(of_shard.items()) if len(names) > 1]
    if problems:
        yield Check(False, subject, "; ".join(problems), remedy)
    else:
        yield Check(True, subject, f"{{shard}}-{{replica}} is {', '.join(sorted(by_pair))}")


def default_paths(servers: Servers) -> Iterator[Check]:
    """Whether the path that a new table gets is its own, and another in each shard."""
    subject = "store: default_replica_path"
    names = "name IN ('default_replica_path', 'default_replica_name')"
    answers = _pairs(servers.ask("name, value", f"system.server_settings WHERE {names}"))
    if not answers:
        yield Check(False, subject, "could not be asked: this ClickHouse does not show it", needed=False)
        return
    for server, values in answers.items():
        path, replica = values.get("default_replica_path", ""), values.get("default_replica_name", "")
        lacks = [macro for macro in ("{uuid}", "{shard}") if macro not in path]
        lacks += ["{replica} in default_replica_name"] if "{replica}" not in replica else []
        if lacks:
            remedy = (
                "set it to /clickhouse/tables/{uuid}/{shard}, and default_replica_name to {replica}, on every server"
            )
            why = "shards would replicate one another" if "{shard}" in lacks else "tables could meet in one path"
            yield Check(False, subject, f"{server.address}: {path} lacks {', '.join(lacks)}: {why}", remedy)
            return
    yield Check(True, subject, "each table and shard gets a path of its own")


def databases(servers: Servers) -> Iterator[Check]:
    """Whether the database is of one engine on all servers."""
    answers = servers.ask("engine", f"system.databases WHERE name = '{DATABASE}'")
    engines = {str(rows[0][0]) for rows in answers.values()}
    if len(engines) > 1:
        each = ", ".join(f"{server.address} {rows[0][0]}" for server, rows in answers.items())
        yield Check(False, "store: database", f"its engine differs: {each}", "make it the same on all servers")


def paths(servers: Servers) -> Iterator[Check]:
    """Whether the tables that are there are replicas of those that they should be."""
    subject = "store: replicas"
    answers = servers.ask("table, zookeeper_path", f"system.replicas WHERE database = '{DATABASE}'")
    sharded = {local_name(table.name) for table in TABLES if table.shard_by}
    where: dict[str, dict[str, list[StoreServer]]] = {}
    for server, rows in answers.items():
        for table, path in rows:
            where.setdefault(str(table), {}).setdefault(str(path), []).append(server)
    for table, by_path in sorted(where.items()):
        mixed = [servers_ for servers_ in by_path.values() if len({server.shard for server in servers_}) > 1]
        remedy = "see docs/operate/clickhouse-cluster.md, Add a server"
        if table in sharded and mixed:
            yield Check(
                False, subject, f"{table}: {named(mixed[0])} of several shards are replicas of one table", remedy
            )
            return
        apart = len(by_path) - (len({server.shard for server in answers}) if table in sharded else 1)
        if apart > 0:
            odd = min(by_path.values(), key=len)
            yield Check(False, subject, f"{table}: {named(odd)} does not replicate the others'", remedy)
            return


def replicas(servers: Servers) -> Iterator[Check]:
    """Whether each replica takes rows, and how far it is behind."""
    subject = "store: replicas"
    columns = "table, is_readonly, toUInt64(absolute_delay), toUInt64(queue_size)"
    answers = servers.ask(columns, f"system.replicas WHERE database = '{DATABASE}'")
    if not answers:
        yield Check(True, subject, "no replicated tables")
        return
    fixed = {server: [row[0] for row in rows if row[1]] for server, rows in answers.items()}
    for server, names in fixed.items():
        if names:
            remedy = f"see that server's log; SYSTEM RESTORE REPLICA {DATABASE}.{names[0]} where Keeper lost it"
            detail = f"{server.address}: {len(names)} are read-only, {names[0]} first"
            yield Check(False, subject, detail, remedy)
    server, (table, _, delay, queue) = max(
        ((server, row) for server, rows in answers.items() for row in rows), key=lambda one: (one[1][2], one[1][3])
    )
    if delay > BEHIND_S:
        why = _last_exception(servers, server, str(table))
        detail = f"{server.address}: {table} is {delay} s behind, {queue} entries wait{why}"
        yield Check(False, subject, detail, "see system.replication_queue and that server's log; SYSTEM START FETCHES")
    elif not any(fixed.values()):
        number = sum(len(rows) for rows in answers.values())
        yield Check(True, subject, f"{number} on {len(answers)} servers take rows, the slowest is {delay} s behind")


def _last_exception(servers: Servers, server: StoreServer, table: str) -> str:
    where = f"database = '{DATABASE}' AND table = '{table}' AND last_exception != ''"
    rows = servers.ask("last_exception", f"system.replication_queue WHERE {where} LIMIT 1").get(server, [])
    return f": {' '.join(str(rows[0][0]).split())[:200]}" if rows else ""


def ddl_queue(servers: Servers) -> Iterator[Check]:
    """Statements for all servers that some server has not run."""
    rows = servers.store.query_rows(
        "SELECT host, port, count(), min(query_create_time), argMin(query, query_create_time) "
        "FROM system.distributed_ddl_queue WHERE cluster = {cluster:String} AND status NOT IN ('Finished', 'Removing') "
        "AND query_create_time < now() - {age:UInt32} GROUP BY host, port ORDER BY host, port",
        {"cluster": servers.cluster, "age": WAITS_S},
    )
    for host, port, waiting, since, query in rows:
        first = " ".join(str(query).split())[:80]
        detail = f"{waiting} statements wait for {host}:{port}, since {_time(since)}: {first}"
        yield Check(False, "store: ON CLUSTER", detail, DDL_REMEDY)
    if not rows:
        yield Check(True, "store: ON CLUSTER", "no statement waits for a server")


def distribution_queue(servers: Servers) -> Iterator[Check]:
    """Rows that a server has acknowledged and not yet sent to their shard."""
    columns = "table, toUInt64(data_files), toUInt64(broken_data_files), toUInt64(error_count), last_exception"
    waits = "(data_files > 0 OR broken_data_files > 0)"
    answers = servers.ask(columns, f"system.distribution_queue WHERE database = '{DATABASE}' AND {waits}")
    for server, rows in answers.items():
        table, files, broken, _, why = rows[0]
        text = f": {' '.join(str(why).split())[:200]}" if why else ""
        detail = f"{server.address}: {files} files of {table} wait for their shard, {broken} are broken{text}"
        yield Check(False, "store: Distributed", detail, f"SYSTEM FLUSH DISTRIBUTED {DATABASE}.{table} on that server")
    if not answers:
        yield Check(True, "store: Distributed", "no rows wait for their shard")


def clocks(servers: Servers) -> Iterator[Check]:
    """The clock of each server against this machine's; in whole seconds, all that older versions show of each server."""
    before = now_ms()
    answers = servers.ask("toUnixTimestamp(nowInBlock())", "system.one")
    after = now_ms()
    skews = {}
    for server, rows in answers.items():
        begin = int(rows[0][0]) * 1000
        # An answer is a whole second: it is off by nothing if that second meets the time of the question.
        skews[server.address] = begin - after if begin > after else min(begin + 999 - before, 0)
    yield clock_line(skews)


def same_schema(servers: Servers) -> Iterator[Check]:
    """Whether all servers have the same tables with the same columns, and the same views."""
    columns = servers.ask(
        "table, toString(cityHash64(arraySort(groupArray((name, type)))))",
        f"system.columns WHERE database = '{DATABASE}' AND NOT match(table, '_next_[0-9a-f]+$') GROUP BY table",
    )
    views = servers.ask(
        "concat('view ', name), toString(cityHash64(as_select))",
        f"system.tables WHERE database = '{DATABASE}' AND engine = 'View'",
    )
    answered = list(servers.ask("1", "system.one"))
    subject, remedy = (
        "store: schema",
        f"make it there as SHOW CREATE TABLE {DATABASE}.x shows it on another server",
    )
    differences = list(_differences(answered, _pairs(columns), _pairs(views)))
    if differences:
        yield Check(False, subject, "; ".join(differences[:5]), remedy)
    elif columns:
        tables = len(next(iter(columns.values())))
        yield Check(True, subject, f"{tables} tables are the same on {len(answered)} servers")


def _differences(servers: Iterable[StoreServer], *answers: Mapping[StoreServer, Mapping[str, str]]) -> Iterator[str]:
    """What some server lacks, or has differently than most."""
    for by_server in answers:
        names = sorted({name for named_ in by_server.values() for name in named_})
        for name in names:
            found = {server: by_server.get(server, {}).get(name) for server in servers}
            usual = max(set(found.values()) - {None}, key=list(found.values()).count)
            for server, value in found.items():
                if value != usual:
                    yield f"{server.address} {'lacks' if value is None else 'differs in'} {name}"


def _pairs(answers: Mapping[StoreServer, list[tuple[str, str]]]) -> dict[StoreServer, dict[str, str]]:
    return {server: {str(name): str(value) for name, value in rows} for server, rows in answers.items()}


def _listed(values: Iterable[object]) -> str:
    return " and ".join(map(str, sorted(values, key=str)))


def _time(at: object) -> str:
    return at.strftime("%F %T") if isinstance(at, datetime) else re.sub(r"\..*", "", str(at))


CHECKS: dict[str, Callable[[Servers], Iterable[Check]]] = {
    "servers": answering,
    "shards": layout,
    "internal_replication": internal_replication,
    "macros": macros,
    "default_replica_path": default_paths,
    "database": databases,
    "schema": same_schema,
    "replicas": replicas,
    "paths": paths,
    "ON CLUSTER": ddl_queue,
    "Distributed": distribution_queue,
    "clock": clocks,
}
"""In the order of the lines."""
