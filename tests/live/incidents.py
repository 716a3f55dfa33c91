"""
A fleet whose incidents a test plays: each cluster has one, and its users are quiet enough that nothing else happens.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from collector.demo import recipes
from collector.demo.fleet import Member, make_members, serve_members
from collector.demo.load import ClusterLoad
from collector.demo.scenario import SimulatedCluster, SimulatedCron, SimulatedNamespace
from tests.ports import free_port

QUIET = recipes.EVERY_MINUTE
"""Runs for some seconds and never fails."""
HOURS = (7200.0, 7200.0)


def a_cluster(name: str, *, standby: bool = False, crons: tuple[SimulatedCron, ...] = ()) -> SimulatedCluster:
    """A cluster with a run every second or two, without a limit and without failures."""
    return SimulatedCluster(
        name=name,
        region="cn-hangzhou",
        zone="h",
        namespaces=(SimulatedNamespace(name="ci", department="ci", bursts=(QUIET,), trickle=(QUIET,)),),
        crons=crons,
        standby=standby,
        burst_size=(1, 2),
        burst_every_s=HOURS,
        trickle_every_s=(1.0, 1.5),
    )


@dataclass(frozen=True, slots=True)
class Fleet:
    """A running fleet, and its kubeconfig."""

    kubeconfig: Path
    members: dict[str, Member]

    def load(self, cluster: str) -> ClusterLoad:
        """What happens in a cluster."""
        return self.members[cluster].load

    def fail_over(self, cluster: str) -> float:
        """Kills the leading controller; returns the second that the kubelet writes."""
        now = time.time()
        self.load(cluster).fail_over(now)
        return now


@asynccontextmanager
async def fleet(folder: Path, *clusters: SimulatedCluster) -> AsyncIterator[Fleet]:
    """A fleet of these clusters, in this process."""
    stop, up = asyncio.Event(), asyncio.get_running_loop().create_future()
    members = list(make_members(folder, clusters, seed=1))
    task = asyncio.create_task(serve_members(members, folder, lambda path, _: up.set_result(path), stop))
    await asyncio.wait([task, up], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        yield Fleet(up.result(), {member.name: member for member in members})
    finally:
        stop.set()
        await task


def settings_file(folder: Path, fleet: Fleet) -> tuple[Path, str]:
    """Settings of a collector that watches the fleet, and the address of its pages."""
    address = f"127.0.0.1:{free_port()}"
    path = folder / "lynceus.yaml"
    clusters = [{"name": name, "kubeconfig": str(fleet.kubeconfig), "context": name} for name in fleet.members]
    content = {
        "clusters": clusters,
        "data_dir": str(folder / "data"),
        "http": {"listen": address},
        "embedded": {"listen": f"127.0.0.1:{free_port()}"},
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path, address
