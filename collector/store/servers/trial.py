"""`lynceus migrate --verify`: proves in a scratch database that a store does what Lynceus builds on."""

from collections.abc import Generator, Iterator

from collector.catalog.schema import DATABASE
from collector.checked import Check
from collector.store.clickhouse import Store, StoreError
from collector.store.schema.layout import kind_of
from collector.store.schema.members import one_server, reason, servers_of
from collector.store.schema.sharding import SchemaError
from collector.store.servers import of_cluster
from collector.store.servers.scratch import Trial, drop, left_behind, scratch
from collector.store.servers.steps import OF_A_CLUSTER, STEPS, StepError

LOG_REMEDY = "see `lynceus check --store`, and that server's log"


def verify(store: Store, second: Store, cluster: str, *, within_s: float = 30.0) -> Generator[Check, None, None]:
    """Yields a line for each step; the first that fails ends it. The scratch database is removed in any case."""
    try:
        servers = servers_of(store, cluster) if cluster else one_server(store)
        if servers is None:
            detail = f"there is no cluster {cluster!r} in system.clusters"
            yield Check(False, "servers", detail, "name in store.cluster one of <remote_servers>")
            return
        # A server that is down would make the scratch database when it returns, long after this has ended.
        if silent := next((line for line in of_cluster.answering(servers) if not line.ok), None):
            yield silent
            return
        if (kind := kind_of(store, cluster)) == "replicated":
            yield Check(False, "database", f"{DATABASE} has the engine Replicated, which is not tried", needed=False)
            return
        for old in left_behind(servers):
            drop(store, old, servers.cluster, kind)
            yield Check(True, "left behind", f"{old} of an earlier run is removed")
        with scratch(store, second, servers, kind, within_s) as trial:
            yield from _steps(trial)
        yield _removed(trial)
    except (StoreError, SchemaError) as error:
        yield Check(False, "store", reason(error), LOG_REMEDY)


def _steps(trial: Trial) -> Iterator[Check]:
    for name in STEPS:
        if name in OF_A_CLUSTER and not trial.cluster:
            continue
        line = _tried(name, trial)
        yield line
        if not line.ok:
            return


def _tried(name: str, trial: Trial) -> Check:
    try:
        return Check(True, name, STEPS[name](trial))
    except StepError as failed:
        return Check(False, name, str(failed), failed.remedy)
    except StoreError as error:
        return Check(False, name, reason(error), LOG_REMEDY)


def _removed(trial: Trial) -> Check:
    """Whether the scratch database is gone everywhere."""
    database, where = trial.store.database, f"system.databases WHERE name = '{trial.store.database}'"
    left = [server.address for server in trial.servers.ask("name", where)]
    if left:
        remedy = f"DROP DATABASE {database} SYNC there; the next --verify does it after an hour"
        return Check(False, "removed", f"{database} is left on {', '.join(left)}", remedy)
    silent = [line for line in of_cluster.answering(trial.servers) if not line.ok]
    if silent:
        remedy = f"it removes {database} when it is back; look there"
        return Check(False, "removed", silent[0].detail.partition(";")[0], remedy)
    return Check(True, "removed", f"nothing is left of {database}")
