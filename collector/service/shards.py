"""
Which shards this replica holds: it watches the clusters of these and stands by for the others.

Each shard has a Lease, and each replica a task, a thread and a connection for it: a request that hangs delays no other Lease.
Without Leases (outside a cluster, without a common store, without the right) a replica watches every cluster. Several that do
so write the same rows.
"""

import asyncio
import logging
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from time import monotonic
from zlib import crc32

from collector.core.live_view import AloneCause, ReplicaHealth, ShardHolder
from collector.core.shards import lease_name, shard_of
from collector.kube.lease import LEASE_S, LOOK_S, ReadLease, Rest, ShardLease, Standing, WriteLease
from collector.kube.lease_requests import (
    LeaseConflictError,
    LeaseFailedError,
    LeaseRefusedError,
    LeaseRequests,
    in_own_cluster,
)
from collector.service.tasks import background_task
from collector.settings.model import Settings
from collector.store.worker import Worker

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 0.1
"""Between two looks at what is held: a shard that was lost is known to be lost so much later at most."""
REFUSED_S = 15.0
"""Before a refused request is repeated: the right may be granted meanwhile."""
RELEASE_S = 3.0
"""Time limit for giving the Leases back at the end; after it they expire."""

ALONE: dict[AloneCause, str] = {
    "off": "replicas.lease is off",
    "store": "store.url is empty, and several replicas need a common store",
    "outside": "it runs outside a cluster",
}


class LeasedShard:
    """One shard's Lease, and the requests that take and keep it."""

    def __init__(self, name: str, identity: str, requests: LeaseRequests) -> None:
        self.name, self.standing = name, Standing(identity)
        self.is_taking = False
        """A write is under way that may begin the hold."""
        self.failure = ""
        """Why the last request failed; empty: it did not."""
        self._refused_since: float | None = None
        self._was_answered = False
        self._requests = requests
        self._worker = Worker(f"lease {name}")

    def holds(self) -> bool:
        """Whether this replica may act for the shard now."""
        return self.standing.holds(monotonic())

    def refusal(self) -> str:
        """Why this replica may not use the Lease; empty: it may, or it did a short time ago."""
        since = self._refused_since
        is_settled = since is not None and (not self._was_answered or monotonic() - since > LEASE_S)
        return self.failure if is_settled and not self.holds() else ""

    async def keep_forever(self, others_held: Callable[[], int]) -> None:
        """Takes the Lease when it is free, and renews it."""
        while True:
            step = self.standing.next(monotonic(), others_held())
            if isinstance(step, Rest):
                await asyncio.sleep(step.seconds)
                continue
            self.is_taking = isinstance(step, WriteLease)
            await self._send(step)
            self.is_taking = False

    async def release(self) -> None:
        """Gives the Lease back, so that another replica takes it at once."""
        lease = self.standing.release(monotonic())
        if lease is None:
            return
        with suppress(LeaseConflictError, LeaseRefusedError, LeaseFailedError):
            try:
                await self._worker.run(self._requests.write, self.name, lease)
            except LeaseConflictError:  # a renewal was under way
                found = await self._worker.run(self._requests.read, self.name)
                if found is not None and found.holder == self.standing.identity:
                    await self._worker.run(self._requests.write, self.name, replace(lease, version=found.version))

    def close(self) -> None:
        """Ends the thread."""
        self._worker.close()

    async def _send(self, step: ReadLease | WriteLease) -> None:
        """Sends one request and takes its answer."""
        sent_at = monotonic()
        try:
            answer = await self._worker.run(self._ask, step)
        except LeaseConflictError:
            self.standing.conflicted()
        except (LeaseRefusedError, LeaseFailedError) as error:
            self._failed(error)
            return
        except Exception as error:
            log.exception("unexpected error in a request for a Lease", extra={"lease": self.name})
            self._failed(LeaseFailedError(type(error).__name__))
            return
        else:
            if isinstance(step, ReadLease) or answer is None:
                self.standing.saw(answer, monotonic())
            else:
                self.standing.wrote(answer, sent_at)
        self.failure, self._refused_since, self._was_answered = "", None, True

    def _ask(self, step: ReadLease | WriteLease) -> ShardLease | None:
        return (
            self._requests.write(self.name, step.lease)
            if isinstance(step, WriteLease)
            else self._requests.read(self.name)
        )

    def _failed(self, error: LeaseRefusedError | LeaseFailedError) -> None:
        if not self.failure:
            log.warning("a request for a Lease failed", extra={"lease": self.name, "reason": str(error)})
        self.failure, now = str(error), monotonic()
        is_refused = isinstance(error, LeaseRefusedError)
        self._refused_since = (self._refused_since or now) if is_refused else None
        self.standing.failed(now, REFUSED_S if self.refusal() else LOOK_S)


class Shards:
    """All shards as this replica sees them; without Leases it has every cluster."""

    def __init__(self, of: int, identity: str, leases: list[LeasedShard], alone: AloneCause) -> None:
        self.of, self.identity = of, identity
        self._leases = leases
        """By shard; none: Leases are not used."""
        self._alone = alone
        """Why Leases are not used; empty: they are."""
        self.changed = asyncio.Event()
        """Set when another set of shards is held than before."""
        self._before: tuple[bool, ...] = ()

    def wanted(self, cluster: str) -> bool:
        """Whether this replica is to watch a cluster now."""
        return self._holds(shard_of(cluster, self.of))

    def replica(self) -> ReplicaHealth:
        """What pages, readiness and metrics show."""
        cause, detail = self._why_alone()
        failure = next((lease.failure for lease in self._leases if lease.failure), "")
        return ReplicaHealth(
            identity=self.identity,
            alone=cause,
            detail=detail if cause else failure,
            shards=[
                ShardHolder(
                    shard=shard,
                    held=self._holds(shard),
                    holder=self._leases[shard].standing.holder if self._leases else "",
                )
                for shard in range(self.of)
            ],
        )

    def was_held_before(self, cluster: str) -> bool:
        """Whether another replica may have watched a cluster before this one."""
        return bool(self._leases) and self._leases[shard_of(cluster, self.of)].standing.has_had_holders

    async def follow_forever(self, look: Callable[[], Awaitable[object]]) -> None:
        """Calls `look` each time when another set of shards is held than before."""
        while True:
            await self.changed.wait()
            self.changed.clear()
            await look()

    @asynccontextmanager
    async def sharing(self) -> AsyncIterator[None]:
        """Takes and keeps Leases for as long as the block lasts; at its end gives back those that are held."""
        async with AsyncExitStack() as stack:
            for lease in self._leases:
                stack.callback(lease.close)
            stack.push_async_callback(self._release)
            for lease in self._in_own_order():
                work = lease.keep_forever(lambda lease=lease: self._others_held(lease))  # type: ignore[misc]
                await stack.enter_async_context(background_task(work, lease.name, 0.1))
            if self._leases:
                await stack.enter_async_context(background_task(self._follow_held(), "shards"))
            yield

    def _holds(self, shard: int) -> bool:
        return bool(self._why_alone()[0]) or self._leases[shard].holds()

    def _why_alone(self) -> tuple[AloneCause, str]:
        if self._alone:
            return self._alone, ALONE[self._alone]
        refusal = next((why for lease in self._leases if (why := lease.refusal())), "")
        return ("refused" if refusal else ""), refusal

    def _in_own_order(self) -> Iterator[LeasedShard]:
        """Each replica begins with another Lease, so that those that start together rarely ask for the same."""
        first = crc32(self.identity.encode()) % max(1, len(self._leases))
        yield from (*self._leases[first:], *self._leases[:first])

    def _others_held(self, lease: LeasedShard) -> int:
        return sum(other.holds() or other.is_taking for other in self._leases if other is not lease)

    async def _follow_held(self) -> None:
        while True:
            held = tuple(self._holds(shard) for shard in range(self.of))
            if held != self._before:
                self._log(held)
                self._before = held
                self.changed.set()
            await asyncio.sleep(LOOK_AGAIN_S)

    def _log(self, held: tuple[bool, ...]) -> None:
        cause, detail = self._why_alone()
        if cause:
            log.warning("no Leases: every cluster is watched", extra={"reason": detail})
            return
        for shard, (before, now) in enumerate(zip(self._before or (False,) * self.of, held, strict=True)):
            if now and not before:
                log.info("shard is held, its clusters are watched", extra={"lease": self._leases[shard].name})
            elif before and not now:
                log.warning("shard is not held any more", extra={"lease": self._leases[shard].name})

    async def _release(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_S):
                await asyncio.gather(*(lease.release() for lease in self._leases))


def shards_of(settings: Settings) -> Shards:
    """The shards of a collector with these settings, in this process and this place."""
    of, identity = settings.shard.of, f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    replicas = settings.replicas
    if replicas.lease == "off":
        return Shards(of, identity, [], "off")
    if not settings.store.url:
        return Shards(of, identity, [], "store")
    leases: list[LeasedShard] = []
    for shard in range(of):
        requests = in_own_cluster(replicas.namespace)
        if requests is None:
            return Shards(of, identity, [], "outside")
        leases.append(LeasedShard(lease_name(replicas.name, shard, of), identity, requests))
    return Shards(of, identity, leases, "")
