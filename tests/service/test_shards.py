"""Replicas of one collector share its shards by Leases; without Leases each watches everything."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic

import msgspec
import pytest

from collector.core.shards import shard_of
from collector.kube import lease
from collector.kube.lease_requests import LeaseRequests, in_own_cluster
from collector.service import shards as module
from collector.service.shards import Shards, shards_of
from collector.settings.model import Settings, StoreSettings
from collector.settings.replicas import ReplicaSettings, ShardSettings
from tests.kube.lease_api import LeaseApi

SHARED = Settings(store=StoreSettings(url="http://clickhouse:8123"))


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LeaseApi]:
    """Leases of a tenth of their usual times."""
    for name in ("LEASE_S", "DEADLINE_S", "RENEW_S", "LOOK_S", "YIELD_S", "LONGEST_YIELD_S"):
        monkeypatch.setattr(lease, name, getattr(lease, name) / 10)
    monkeypatch.setattr(lease, "LEASE_S", 1)
    monkeypatch.setattr(module, "LEASE_S", 1)
    monkeypatch.setattr(module, "LOOK_S", 0.1)
    monkeypatch.setattr(module, "REFUSED_S", 0.2)
    monkeypatch.setattr(module, "LOOK_AGAIN_S", 0.02)
    with LeaseApi(tmp_path).serving() as api:
        monkeypatch.setattr(module, "in_own_cluster", own_cluster(api))
        yield api


def own_cluster(api: LeaseApi) -> Callable[[str], LeaseRequests | None]:
    return lambda namespace: in_own_cluster(namespace, api.account, api.environment)


def replica(of: int = 1) -> Shards:
    return shards_of(msgspec.structs.replace(SHARED, shard=ShardSettings(of=of)))


def held_by(shards: Shards) -> list[int]:
    return [shard.shard for shard in shards.replica().shards if shard.held]


async def until(what: Callable[[], bool], within_s: float = 10) -> None:
    async with asyncio.timeout(within_s):
        while not what():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(*replicas: Shards) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for shards in replicas:
            await stack.enter_async_context(shards.sharing())
        yield


async def test_one_is_active_and_one_stands_by(api: LeaseApi) -> None:
    """The one with the Lease watches every cluster, the other none, and says who holds it."""
    a, b = replica(), replica()
    async with running(a, b):
        await until(
            lambda: sorted([held_by(a), held_by(b)]) == [[], [0]] and not (a.replica().detail or b.replica().detail)
        )
        active, standby = (a, b) if held_by(a) else (b, a)
        await until(lambda: standby.replica().shards[0].holder == active.identity)
        assert (active.wanted("prod"), standby.wanted("prod")) == (True, False)
        (stored,) = api.leases.values()
        assert active.was_held_before("prod") == (stored["spec"]["leaseTransitions"] > 0)


async def test_after_a_clean_end_the_standby_takes_over_at_once(api: LeaseApi) -> None:
    """Sooner than a Lease expires; also if a renewal was under way."""
    a, b = replica(), replica()
    async with running(b):
        async with running(a):
            await until(lambda: bool(held_by(a) or held_by(b)))
            active = a if held_by(a) else None
        if active:
            assert api.holder("lynceus-0-of-1") in ("", b.identity)
        began = monotonic()
        await until(lambda: held_by(b) == [0])
        assert monotonic() - began < lease.LEASE_S
        assert not active or b.was_held_before("prod")


async def test_replicas_share_the_shards(api: LeaseApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds some of four, and every cluster is watched by one of them."""
    # As long as usual: on a slow machine the two start a while apart.
    for name, usual in (("LEASE_S", 8), ("DEADLINE_S", 6.0), ("YIELD_S", 1.0), ("LONGEST_YIELD_S", 3.0)):
        monkeypatch.setattr(lease, name, usual)
    a, b = replica(4), replica(4)
    async with running(a, b):
        await until(lambda: sorted(held_by(a) + held_by(b)) == [0, 1, 2, 3])
        assert held_by(a)
        assert held_by(b)
        names = [f"cluster-{i}" for i in range(50)]
        assert all(a.wanted(name) != b.wanted(name) for name in names)
        assert all(a.wanted(name) == (shard_of(name, 4) in held_by(a)) for name in names)


async def test_when_one_ends_the_other_has_every_shard(api: LeaseApi) -> None:
    """A replica takes as many as are free."""
    a, b = replica(3), replica(3)
    async with running(b):
        async with running(a):
            await until(lambda: sorted(held_by(a) + held_by(b)) == [0, 1, 2])
        await until(lambda: held_by(b) == [0, 1, 2])


async def test_a_holder_that_reaches_no_api_server_stops(api: LeaseApi) -> None:
    """At its deadline, although a request hangs; and it goes on when the server answers again."""
    a = replica()
    async with running(a):
        await until(lambda: held_by(a) == [0])
        a.changed.clear()
        api.hangs.clear()
        await until(lambda: not held_by(a))
        await asyncio.wait_for(a.changed.wait(), 5)
        await until(lambda: "no answer" in a.replica().detail)
        assert a.replica().alone == ""
        api.hangs.set()
        await until(lambda: held_by(a) == [0] and a.replica().detail == "")


async def test_without_the_right_every_cluster_is_watched(api: LeaseApi) -> None:
    """And when the right is granted, the shards are shared, without a restart."""
    api.status = 403
    a, b = replica(2), replica(2)
    async with running(a, b):
        await until(lambda: held_by(a) == held_by(b) == [0, 1])
        assert a.replica().alone == "refused"
        assert "grant get, create and update" in a.replica().detail
        api.status = 0
        await until(lambda: a.replica().alone == b.replica().alone == "" and sorted(held_by(a) + held_by(b)) == [0, 1])


async def test_a_right_that_is_withdrawn_ends_the_sharing(api: LeaseApi) -> None:
    """Rather than that no replica watches; not before the holder's time is over."""
    a = replica()
    async with running(a):
        await until(lambda: held_by(a) == [0] and a.replica().alone == "")
        api.status = 403
        await until(lambda: a.replica().alone == "refused")
        assert held_by(a) == [0]


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        (msgspec.structs.replace(SHARED, replicas=ReplicaSettings(lease="off")), "off"),
        (Settings(), "store"),
        (SHARED, "outside"),
    ],
)
async def test_without_leases_every_cluster_is_watched_from_the_start(settings: Settings, cause: str) -> None:
    """Switched off, with a store of its own, and outside a cluster."""
    shards = shards_of(settings)
    assert shards.replica().alone == cause
    assert shards.replica().detail
    async with running(shards):
        assert shards.wanted("prod")
        assert held_by(shards) == [0]


async def test_an_unforeseen_error_does_not_end_the_renewals(api: LeaseApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that died would hold nothing for ever, and its thread would say nothing."""
    read = LeaseRequests.read
    failures = iter([RuntimeError("unforeseen")])

    def fails_once(self: LeaseRequests, name: str) -> lease.ShardLease | None:
        for error in failures:
            raise error
        return read(self, name)

    monkeypatch.setattr(LeaseRequests, "read", fails_once)
    a = replica()
    async with running(a):
        await until(lambda: held_by(a) == [0])
