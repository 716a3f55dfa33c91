"""Leases on a real API server, with the rights of deploy/replicas and no other."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from collector.kube.lease import ShardLease
from collector.kube.lease_requests import (
    HOST,
    LeaseConflictError,
    LeaseRefusedError,
    LeaseRequests,
    in_own_cluster,
)
from collector.service import shards as module
from collector.service.shards import Shards, shards_of
from collector.settings.model import Settings, StoreSettings
from collector.settings.replicas import ReplicaSettings
from tests.cluster.rights import grant_deployed_roles
from tests.cluster.testbed import ApiError, ControlPlane

REPLICAS = Path(__file__).resolve().parents[2] / "deploy" / "replicas"
NAME = "lynceus-0-of-1"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"


def account(plane: ControlPlane, folder: Path) -> tuple[Path, Mapping[str, str]]:
    """A pod's service account and environment, of the user that has only the granted rights."""
    folder.mkdir(exist_ok=True)
    (folder / "ca.crt").write_bytes(plane.ca_file.read_bytes())
    (folder / "token").write_text(plane.restricted_token)
    (folder / "namespace").write_text("lynceus")
    return folder, {HOST: "127.0.0.1", "KUBERNETES_SERVICE_PORT": plane.url.rpartition(":")[2]}


def requests(plane: ControlPlane, folder: Path) -> LeaseRequests:
    found = in_own_cluster("", *account(plane, folder))
    assert found is not None
    return found


@pytest.fixture
def replica(control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Shards]:
    """Makes replicas that share one Lease in a namespace."""
    monkeypatch.setattr(
        module, "in_own_cluster", lambda namespace: in_own_cluster(namespace, *account(control_plane, tmp_path / "pod"))
    )
    shared = Settings(store=StoreSettings(url="http://clickhouse:8123"))
    return lambda namespace: shards_of(msgspec.structs.replace(shared, replicas=ReplicaSettings(namespace=namespace)))


def holds(shards: Shards) -> bool:
    return shards.replica().shards[0].held


async def until(what: Callable[[], bool], within_s: float = 40) -> None:
    async with asyncio.timeout(within_s):
        while not what():
            await asyncio.sleep(0.05)


def test_the_deployed_role_is_enough_for_one_lease_and_no_other(control_plane: ControlPlane, tmp_path: Path) -> None:
    """Created, renewed, contended, released; the Lease of another name is refused with what to grant."""
    grant_deployed_roles(control_plane, REPLICAS)
    ours = requests(control_plane, tmp_path / "pod")
    with contextlib.suppress(ApiError):  # of another test
        control_plane.call("DELETE", f"{LEASES.format('lynceus')}/{NAME}")

    assert ours.read(NAME) is None
    made = ours.write(NAME, ShardLease("a"))
    assert made is not None
    renewed = ours.write(NAME, made)
    assert renewed is not None
    with pytest.raises(LeaseConflictError):
        ours.write(NAME, replace(made, holder="b"))
    with pytest.raises(LeaseConflictError):
        ours.write(NAME, ShardLease("b"))
    spec = control_plane.call("GET", f"{LEASES.format('lynceus')}/{NAME}")["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("a", 8, 0)
    assert datetime.fromisoformat(spec["acquireTime"]) <= datetime.fromisoformat(spec["renewTime"])
    released = ours.write(NAME, replace(renewed, holder="", acquired=""))
    assert released is not None
    assert released == ours.read(NAME)
    assert released.holder == ""
    with pytest.raises(LeaseRefusedError, match="grant get, create and update"):
        ours.read("lynceus-0-of-2")
    control_plane.call("DELETE", f"{LEASES.format('lynceus')}/{NAME}")
    again = ours.write(NAME, replace(released, holder="a"))  # a real server makes a deleted Lease again
    assert again is not None
    assert again == ours.read(NAME)


async def test_one_of_two_replicas_watches(control_plane: ControlPlane, replica: Callable[[str], Shards]) -> None:
    """The other one takes over when the first has ended."""
    await asyncio.to_thread(grant_deployed_roles, control_plane, REPLICAS)
    a, b = replica("lynceus"), replica("lynceus")
    async with b.sharing():
        async with a.sharing():
            await until(lambda: holds(a) != holds(b) and bool(a.replica().shards[0].holder))
        await until(lambda: holds(b))
        assert b.replica().alone == ""


async def test_without_the_right_in_a_namespace_everything_is_watched(
    control_plane: ControlPlane, replica: Callable[[str], Shards]
) -> None:
    """The Role is of one namespace, and a real server's refusal is understood."""
    a = replica("default")
    async with a.sharing():
        await until(lambda: holds(a))
        assert a.replica().alone == "refused"
        assert "in namespace default" in a.replica().detail


async def test_while_the_api_server_is_away_no_replica_watches(
    fresh_control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder stops at its deadline, and is the first to go on."""
    await asyncio.to_thread(grant_deployed_roles, fresh_control_plane, REPLICAS)
    monkeypatch.setattr(
        module, "in_own_cluster", lambda _: in_own_cluster("", *account(fresh_control_plane, tmp_path / "pod"))
    )
    a = shards_of(Settings(store=StoreSettings(url="http://clickhouse:8123")))
    async with a.sharing():
        await until(lambda: holds(a))
        fresh_control_plane.kill_apiserver()
        await until(lambda: not holds(a))
        assert a.replica().alone == ""
        await asyncio.to_thread(fresh_control_plane.start_apiserver)
        await until(lambda: holds(a))
