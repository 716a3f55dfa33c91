"""
The scenario of the demo: clusters, namespaces, departments, limits and schedules.

Data only: nothing about objects or time.
"""

import dataclasses
from dataclasses import dataclass

from collector.demo import recipes
from collector.demo.recipes import Recipe

DEPARTMENTS = ("perception", "mapping", "simulation", "planning", "ci", "quant")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedNamespace:
    """A namespace of a department, with the limit that Argo reads from its label."""

    name: str
    department: str | None
    limit: int = 0
    """0: the namespace has no such label, and the controller's own setting applies."""
    gpu_quota: int = 0
    """GPUs that the ResourceQuota of the namespace allows; 0: no quota."""
    bursts: tuple[Recipe, ...] = ()
    trickle: tuple[Recipe, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCron:
    """A CronWorkflow that is due each minute."""

    namespace: str
    recipe: Recipe
    policy: str = "Allow"
    template_exists: bool = True
    """False: the WorkflowTemplate was deleted, so that every submission fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCluster:
    """One cluster of the fleet, how Argo is set up in it and how busy its users are."""

    name: str
    region: str
    zone: str
    namespaces: tuple[SimulatedNamespace, ...]
    crons: tuple[SimulatedCron, ...] = ()
    parallelism: int = 0
    """In the controller's ConfigMap, for the whole cluster; 0: unlimited."""
    namespace_parallelism: int = 0
    helm: bool = False
    """Argo by its Helm chart: another name of the container, one text of configuration, no Lease for a single replica."""
    controller_dies: bool = False
    """The controller has two replicas, and the leader is OOM-killed again and again: the other one takes over."""
    standby: bool = False
    """The controller has two replicas, and nothing kills the leader by itself."""
    burst_size: tuple[int, int]
    burst_every_s: tuple[float, float]
    trickle_every_s: tuple[float, float]

    @property
    def virtual_node(self) -> str:
        """The node that ECI and ACS pods appear on."""
        return f"virtual-kubelet-{self.region}-{self.zone}"

    @property
    def plain_nodes(self) -> tuple[str, str]:
        """Two ordinary machines."""
        return (f"{self.region}.10.0.0.11", f"{self.region}.10.0.0.12")


_HANGZHOU = (
    SimulatedNamespace(
        name="perception", department="perception", limit=10, bursts=(recipes.LANE,),
        trickle=(recipes.LABEL, recipes.CALIBRATE),
    ),
    SimulatedNamespace(
        name="mapping", department="mapping", limit=9, bursts=(recipes.TILE,),
        trickle=(recipes.MERGE, recipes.IMPORT, recipes.TILE),
    ),
    SimulatedNamespace(name="ci", department="ci", limit=6, bursts=(recipes.UNIT,), trickle=(recipes.FIRMWARE, recipes.UNIT)),
    # Neither the namespace nor its workflows have a department: their cost is `unallocated`.
    SimulatedNamespace(name="sandbox", department=None, limit=4, trickle=(recipes.NOTEBOOK,)),
)  # fmt: skip
_SHANGHAI = (
    SimulatedNamespace(
        name="simulation", department="simulation", limit=10, bursts=(recipes.SCENARIO,),
        trickle=(recipes.REGRESSION, recipes.SWEEP),
    ),
    SimulatedNamespace(
        name="planning", department="planning", bursts=(recipes.EVALUATE,), trickle=(recipes.REWARD, recipes.ROUTE)
    ),
)  # fmt: skip
_BEIJING = (
    SimulatedNamespace(
        name="perception", department="perception", limit=9, gpu_quota=6, bursts=(recipes.INFER,),
        trickle=(recipes.BEV, recipes.INFER),
    ),
    SimulatedNamespace(
        name="quant", department="quant", limit=8, bursts=(recipes.BACKTEST,),
        trickle=(recipes.PREPARE, recipes.LABEL, recipes.RISK, recipes.EXPORT),
    ),
)  # fmt: skip

_FLEET = (
    SimulatedCluster(
        name="prod-hz", region="cn-hangzhou", zone="h", namespaces=_HANGZHOU, controller_dies=True,
        crons=(SimulatedCron(namespace="ci", recipe=recipes.EVERY_MINUTE),),
        burst_size=(20, 60), burst_every_s=(26.0, 40.0), trickle_every_s=(3.0, 9.0),
    ),
    SimulatedCluster(
        name="prod-sh", region="cn-shanghai", zone="b", namespaces=_SHANGHAI, parallelism=16, namespace_parallelism=8,
        crons=(
            SimulatedCron(namespace="simulation", recipe=recipes.SYNC, policy="Forbid"),
            SimulatedCron(namespace="planning", recipe=recipes.REPORT, template_exists=False),
        ),
        burst_size=(20, 60), burst_every_s=(28.0, 40.0), trickle_every_s=(6.0, 12.0),
    ),
    SimulatedCluster(
        name="gpu-bj", region="cn-beijing", zone="f", namespaces=_BEIJING, helm=True,
        burst_size=(12, 24), burst_every_s=(30.0, 40.0), trickle_every_s=(3.0, 8.0),
    ),
)  # fmt: skip


def clusters(count: int) -> tuple[SimulatedCluster, ...]:
    """The first `count` clusters of the fleet. The fourth and later ones are copies; only the first one's controller dies."""
    return tuple(_copy(_FLEET[number % len(_FLEET)], number // len(_FLEET) + 1) for number in range(count))


def _copy(cluster: SimulatedCluster, number: int) -> SimulatedCluster:
    if number == 1:
        return cluster
    return dataclasses.replace(cluster, name=f"{cluster.name}-{number}", controller_dies=False)
