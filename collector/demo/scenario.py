"""
Who runs what in the demo: clusters, namespaces, departments, templates and how their pods end.

Data and draws from it; nothing here knows about objects or time. Figures are small on purpose: a page must move.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

import msgspec

DEPARTMENTS = ("perception", "mapping", "simulation", "planning", "ci", "quant")
ECI_SPEC = "k8s.aliyun.com/eci-instance-spec"
ACS_SPEC = "alibabacloud.com/pod-use-spec"
_ACS = {"alibabacloud.com/acs": "true", "alibabacloud.com/compute-class": "general-purpose"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What a pod runs on, and what marks it so."""

    start_s: tuple[float, float]
    """Seconds from instance to running containers: the image pull, mostly."""
    spec_annotation: str = ""
    """Where the cloud writes the billed size, after scheduling; empty on a plain node."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Both as submitted with the pod."""


PRODUCTS = {
    "eci": Product(start_s=(0.9, 2.8), spec_annotation=ECI_SPEC),
    "eci-spot": Product(
        start_s=(0.9, 3.2), spec_annotation=ECI_SPEC, annotations={"k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo"}
    ),
    "acs": Product(
        start_s=(0.8, 2.2), spec_annotation=ACS_SPEC, labels={**_ACS, "alibabacloud.com/compute-qos": "default"}
    ),
    "acs-best-effort": Product(
        start_s=(0.8, 2.6), spec_annotation=ACS_SPEC, labels={**_ACS, "alibabacloud.com/compute-qos": "best-effort"}
    ),
    "plain": Product(start_s=(0.2, 0.7)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One box of a template: a pod, several of the same, or a pause."""

    name: str = "main"
    cpu_m: int = 1000
    memory_mib: int = 2048
    gpu: int = 0
    run_s: tuple[float, float] = (3, 12)
    width: int = 1
    retries: int = 0
    suspend_s: float = 0.0
    """A pause of this length instead of a pod."""
    fates: Mapping[str, float] = field(default_factory=dict)
    """How the first attempt ends if not well, with its probability; later attempts are twice as lucky."""
    unschedulable: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A WorkflowTemplate."""

    name: str
    product: str
    spec: str = ""
    """The size the cloud bills, as it writes it."""
    steps: tuple[tuple[Task, ...], ...]
    lock: tuple[str, int] | None = None
    """(name, how many may hold it): a mutex where it is 1, else a key of the ConfigMap `locks`."""
    project: str = ""

    @property
    def single(self) -> bool:
        """True where the entry point is the pod itself, without Steps around it."""
        return len(self.steps) == 1 and len(self.steps[0]) == 1 and self.steps[0][0].width == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A namespace of a department, with the limit that Argo reads from its label."""

    name: str
    department: str | None
    limit: int
    bursts: tuple[Recipe, ...] = ()
    trickle: tuple[Recipe, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One cluster of the fleet and how busy its users are."""

    name: str
    region: str
    zone: str
    namespaces: tuple[Namespace, ...]
    burst_size: tuple[int, int]
    burst_every_s: tuple[float, float]
    trickle_every_s: tuple[float, float]
    controller_dies: bool = False

    @property
    def virtual_node(self) -> str:
        """The node that ECI and ACS pods appear on."""
        return f"virtual-kubelet-{self.region}-{self.zone}"

    @property
    def plain_nodes(self) -> tuple[str, str]:
        """Two ordinary machines."""
        return (f"{self.region}.10.0.0.11", f"{self.region}.10.0.0.12")


def _one(name: str, product: str, spec: str, task: Task, project: str = "") -> Recipe:
    return Recipe(name=name, product=product, spec=spec, steps=((task,),), project=project)


_FLAKY = {"exit 1": 0.55, "oom": 0.25}

LANE = _one(
    "lane-detect",
    "eci",
    "2.0-4.0Gi",
    Task(cpu_m=2000, memory_mib=4096, run_s=(3, 14), fates={"exit 1": 0.04, "evicted": 0.01}),
    "lane-detect",
)
LABEL = Recipe(
    name="label-review",
    product="eci",
    spec="1.0-2.0Gi",
    project="lane-detect",
    steps=((Task(name="approve", suspend_s=12),), (Task(name="publish", run_s=(3, 8)),)),
)
CALIBRATE = Recipe(
    name="calibrate",
    product="eci",
    spec="4.0-8.0Gi",
    project="sensors",
    lock=("gpu", 2),
    steps=((Task(cpu_m=4000, memory_mib=8192, run_s=(8, 22)),),),
)
TILE = _one(
    "map-tile",
    "eci-spot",
    "ecs.c6.large",
    Task(cpu_m=2000, memory_mib=4096, run_s=(3, 13), retries=2, fates={"reclaimed": 0.16, "evicted": 0.02}),
    "hd-map",
)
MERGE = Recipe(
    name="map-merge",
    product="eci",
    spec="4.0-16.0Gi",
    project="hd-map",
    lock=("tile-merge", 1),
    steps=((Task(cpu_m=4000, memory_mib=16384, run_s=(8, 20)),),),
)
UNIT = _one(
    "unit-test",
    "plain",
    "",
    Task(cpu_m=500, memory_mib=1024, run_s=(2, 9), fates={"exit 1": 0.06, "exit 2": 0.03, "evicted": 0.03}),
)
EVERY_MINUTE = _one("every-minute", "plain", "", Task(cpu_m=100, memory_mib=128, run_s=(2, 4)))
NOTEBOOK = _one("notebook", "eci", "0.5-1.0Gi", Task(cpu_m=500, memory_mib=1024, run_s=(8, 40), fates={"exit 1": 0.1}))
SCENARIO = _one("sim-scenario", "acs-best-effort", "1-2Gi", Task(fates={"exit 3": 0.04}), "sim-night")
REGRESSION = Recipe(
    name="sim-regression",
    product="acs",
    spec="2-4Gi",
    project="sim-night",
    steps=(
        (Task(name="scenario", cpu_m=2000, memory_mib=4096, run_s=(4, 18), width=4),),
        (Task(name="report", cpu_m=500, memory_mib=1024, run_s=(2, 5)),),
    ),
)
EVALUATE = _one("plan-eval", "acs", "2-4Gi", Task(cpu_m=2000, memory_mib=4096, fates={"exit 1": 0.03}), "planner")
REWARD = _one(
    "reward-fit", "acs", "2-8Gi", Task(cpu_m=2000, memory_mib=8192, run_s=(4, 12), retries=2, fates=_FLAKY), "planner"
)
BEV = Recipe(
    name="train-bev",
    product="eci",
    spec="ecs.gn6i-c4g1.xlarge",
    project="bev",
    lock=("gpu", 2),
    steps=((Task(cpu_m=4000, memory_mib=15360, gpu=1, run_s=(8, 24)),),),
)
INFER = _one(
    "infer-bev",
    "eci",
    "ecs.gn6i-c4g1.xlarge",
    Task(cpu_m=4000, memory_mib=15360, gpu=1, unschedulable=0.12, fates={"oom": 0.04}),
    "bev",
)
BACKTEST = _one(
    "factor-backtest",
    "eci",
    "2.0-4.0Gi",
    Task(cpu_m=2000, memory_mib=4096, retries=1, fates={"exit 134": 0.05}),
    "alpha-7",
)
PREPARE = Recipe(
    name="data-prep",
    product="plain",
    steps=(
        (Task(name="fetch", run_s=(2, 6)),),
        (Task(name="clean", run_s=(4, 12), retries=1, fates=_FLAKY),),
    ),
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        LANE,
        LABEL,
        CALIBRATE,
        TILE,
        MERGE,
        UNIT,
        EVERY_MINUTE,
        NOTEBOOK,
        SCENARIO,
        REGRESSION,
        EVALUATE,
        REWARD,
        BEV,
        INFER,
        BACKTEST,
        PREPARE,
    )
}

_HANGZHOU = (
    Namespace(name="perception", department="perception", limit=10, bursts=(LANE,), trickle=(LABEL, CALIBRATE)),
    Namespace(name="mapping", department="mapping", limit=9, bursts=(TILE,), trickle=(MERGE, TILE)),
    Namespace(name="ci", department="ci", limit=6, bursts=(UNIT,), trickle=(UNIT,)),
    # No label and no workflow label either: this is what `unallocated` is made of.
    Namespace(name="sandbox", department=None, limit=4, trickle=(NOTEBOOK,)),
)
_SHANGHAI = (
    Namespace(name="simulation", department="simulation", limit=10, bursts=(SCENARIO,), trickle=(REGRESSION,)),
    Namespace(name="planning", department="planning", limit=8, bursts=(EVALUATE,), trickle=(REWARD,)),
)
_BEIJING = (
    Namespace(name="perception", department="perception", limit=8, bursts=(INFER,), trickle=(BEV, INFER, INFER)),
    Namespace(name="quant", department="quant", limit=8, bursts=(BACKTEST,), trickle=(PREPARE, LABEL)),
)


def clusters(count: int) -> tuple[Cluster, ...]:
    """The first `count` clusters of the fleet; only the first one has a controller that dies."""
    known = [
        ("prod-hz", "cn-hangzhou", "h", _HANGZHOU, (20, 60), (26.0, 40.0)),
        ("prod-sh", "cn-shanghai", "b", _SHANGHAI, (20, 60), (28.0, 40.0)),
        ("gpu-bj", "cn-beijing", "f", _BEIJING, (20, 30), (30.0, 40.0)),
    ]
    return tuple(
        Cluster(
            name=name if number < len(known) else f"{name}-{number // len(known) + 1}",
            region=region,
            zone=zone,
            namespaces=namespaces,
            burst_size=size,
            burst_every_s=every,
            trickle_every_s=(4.0, 11.0),
            controller_dies=number == 0,
        )
        for number in range(count)
        for name, region, zone, namespaces, size, every in [known[number % len(known)]]
    )


class Attempt(msgspec.Struct):
    """One pod of a workflow and all that will happen to it, drawn when it is created."""

    pod: str
    base: str
    """The name of the node without the number of the attempt."""
    node_id: str
    number: int
    step: int
    task: int
    fate: str
    """ok, `exit N`, oom, evicted or reclaimed."""
    todo: list[tuple[str, float]]
    """What the kubelet writes next, with the seconds before it."""
    due: float = 0.0


def fate_of(rng: Random, task: Task, number: int) -> str:
    """How an attempt ends."""
    chance = rng.random() * (1 if number == 0 else 2)
    for fate, probability in task.fates.items():
        if chance < probability:
            return fate
        chance -= probability
    return "ok"


def future(rng: Random, product: Product, task: Task, fate: str) -> list[tuple[str, float]]:
    """Every write of a pod's life after its creation, in the order a scheduler, a cloud and a kubelet make them."""
    todo = [("scheduled", rng.uniform(0.004, 0.02))]
    if rng.random() < task.unschedulable:
        todo = [("unschedulable", 0.02), ("scheduled", rng.uniform(3, 9))]
    creating = [("creating", rng.uniform(0.02, 0.06)), ("running", rng.uniform(*product.start_s))]
    annotated = [("annotated", rng.uniform(0.08, 0.3))] if product.spec_annotation else []
    # ACS often writes its annotation after the start, and and so late that a reader must look again.
    todo += creating + annotated if product.spec_annotation == ACS_SPEC else annotated + creating
    run_s = rng.uniform(*task.run_s) * (1 if fate == "ok" else rng.uniform(0.2, 0.8))
    if fate == "reclaimed":
        return [*todo, ("warned", run_s * 0.6), ("reclaimed", run_s * 0.4)]
    if fate == "evicted":
        return [*todo, ("evicted", run_s)]
    return [*todo, ("main_ended", run_s), ("ended", rng.uniform(0.05, 0.3))]
