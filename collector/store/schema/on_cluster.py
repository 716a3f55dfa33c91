"""
Runs statements on all servers of a cluster, by their queue of such statements (system.distributed_ddl_queue).

The queue keeps a statement until each server has run it, for a week. So a statement that waits there is not sent again. A
server that is down runs it when it is back, in order: it is named in the log, and the others go on. For a server that is
up but does not get done, nothing goes on; the error names it, and the next attempt continues to wait for it.
"""

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from collector.store.clickhouse import Store, StoreError, StoreRefusedError

log = logging.getLogger(__name__)

WAIT_S = 60.0
"""For servers that are up, for one statement."""
DOWN_AFTER_S = 20.0
"""A server that has begun no statement for so long is down."""
SOON_S = 1
"""For the answer about a statement while a server is down: the others are asked for by the queue."""
POLL_S = 0.5

_UNFINISHED = "ifNull(status, 'Unknown') IN ('Inactive', 'Active')"
_QUEUED = f"""
    SELECT settings['log_comment'], max(entry) FROM system.distributed_ddl_queue
    WHERE startsWith(settings['log_comment'], 'lynceus ') GROUP BY entry, settings['log_comment']
    HAVING countIf({_UNFINISHED}) > 0 AND countIf(ifNull(exception_code, 0) != 0) = 0
"""
_SERVERS = f"""
    SELECT host, port, {_UNFINISHED} AS is_unfinished, ifNull(exception_code, 0), ifNull(exception_text, ''),
        (host, port) IN (SELECT host, port FROM system.distributed_ddl_queue WHERE status = 'Active') AS is_busy
    FROM system.distributed_ddl_queue WHERE settings['log_comment'] = {{tag:String}} AND entry = (
        SELECT max(entry) FROM system.distributed_ddl_queue WHERE settings['log_comment'] = {{tag:String}}
    ) ORDER BY host, port
"""


class ServersPendingError(StoreError):
    """Servers are up and do not get done with a statement."""

    @property
    def cause(self) -> str:
        return "store_servers"


@dataclass(slots=True)
class ClusterStatements:
    """Runs statements one after another; `down` are the servers that will run them later."""

    store: Store
    down: set[str] = field(default_factory=set)
    _queued: set[str] | None = None

    def run(self, sql: str, identity: str) -> None:
        """Runs a statement on every server that is up, unless it waits in the queue already; then waits for it."""
        tag, begun = tag_of(identity), time.monotonic()
        if self._queued is None:
            self._queued = {queued for queued, _ in self.store.query_rows(_QUEUED)}
        if tag not in self._queued:
            more = {"distributed_ddl_task_timeout": SOON_S} if self.down else {}
            left = unfinished(self.store.run_on_cluster(sql, {"log_comment": tag, **more}))
            if left <= self.down:
                return
            if not self.store.query_rows(_SERVERS, {"tag": tag}):  # a cluster of old servers keeps no settings there
                raise ServersPendingError(_pending(sql, sorted(left), int(time.monotonic() - begun)))
        self._wait(sql, tag, begun)

    def _wait(self, sql: str, tag: str, begun: float) -> None:
        while True:
            idle, busy = self._look(tag)
            if not idle and not busy:
                return
            waited = time.monotonic() - begun
            if not busy and (waited >= DOWN_AFTER_S or idle <= self.down):
                if new := idle - self.down:
                    log.warning(
                        "servers are down; they run the statement when they are back", extra={"servers": sorted(new)}
                    )
                self.down |= idle
                return
            if waited >= WAIT_S:
                raise ServersPendingError(_pending(sql, sorted(busy), int(waited)))
            time.sleep(POLL_S)

    def _look(self, tag: str) -> tuple[set[str], set[str]]:
        """Returns the servers that have not run a statement: those that run nothing, and those at work."""
        idle: set[str] = set()
        busy: set[str] = set()
        for host, port, is_unfinished, code, text, is_busy in self.store.query_rows(_SERVERS, {"tag": tag}):
            if code:
                raise StoreRefusedError(f"there was an error on [{host}:{port}]: {text}", int(code))
            if is_unfinished:
                (busy if is_busy else idle).add(f"{host}:{port}")
        return idle, busy


def tag_of(identity: str) -> str:
    """Returns the text by which a statement is found in the queue."""
    return f"lynceus {hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def unfinished(answers: Sequence[Sequence[str]]) -> set[str]:
    """Returns the servers that have not answered: host, port, status, error and so on, without a status."""
    return {f"{host}:{port}" for host, port, status, *_ in answers if status == r"\N"}


def _pending(sql: str, servers: list[str], waited_s: int) -> str:
    return (
        f"{', '.join(servers)}: not done after {waited_s} s with {' '.join(sql.split())[:80]} …; the statement stays "
        "queued and is not sent again. See system.replication_queue, system.mutations and system.distributed_ddl_queue "
        "there; then run `lynceus migrate` again, which goes on from here (a collector does so by itself)"
    )
