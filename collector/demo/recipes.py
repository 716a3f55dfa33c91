"""
The workloads of the demo: products that pods run on, and WorkflowTemplates with the fates of their steps.

Data only: nothing about clusters, objects or time. Figures are small on purpose, so that the pages change every second.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

ECI_SPEC = "k8s.aliyun.com/eci-instance-spec"
ACS_SPEC = "alibabacloud.com/pod-use-spec"
_ACS = {"alibabacloud.com/acs": "true", "alibabacloud.com/compute-class": "general-purpose"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedProduct:
    """A product that pods run on, and the labels and annotations that mark its pods."""

    start_s: tuple[float, float]
    """Seconds from instance to running containers: the image pull, mostly."""
    spec_annotation: str = ""
    """The annotation in which the cloud writes the billed size, after scheduling; empty on a plain node."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Both as submitted with the pod."""


PRODUCTS = {
    "eci": SimulatedProduct(start_s=(0.9, 2.8), spec_annotation=ECI_SPEC),
    "eci-spot": SimulatedProduct(
        start_s=(0.9, 3.2), spec_annotation=ECI_SPEC, annotations={"k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo"}
    ),
    "acs": SimulatedProduct(
        start_s=(0.8, 2.2), spec_annotation=ACS_SPEC, labels={**_ACS, "alibabacloud.com/compute-qos": "default"}
    ),
    "acs-best-effort": SimulatedProduct(
        start_s=(0.8, 2.6), spec_annotation=ACS_SPEC, labels={**_ACS, "alibabacloud.com/compute-qos": "best-effort"}
    ),
    "plain": SimulatedProduct(start_s=(0.2, 0.7)),
}

Lock = tuple[str, int]
"""(name, how many may hold it): a mutex where it is 1, else a key of the ConfigMap `locks`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A template and the step that uses it: a pod, several of the same, a pause, or steps of its own."""

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
    """Bad ends of the first attempt and their probabilities; later attempts fail half as often."""
    unschedulable: float = 0.0
    """Probability that no node accepts the pod at first; `unschedulable_s` is for how long."""
    unschedulable_s: tuple[float, float] = (3, 9)
    no_stock: float = 0.0
    """Probability that the cloud has no machine for the pod at first."""
    image_fails: float = 0.0
    """Probability that the registry does not answer at first."""
    deadline_s: int = 0
    """Seconds after which the kubelet ends the pod; 0: never."""
    lock: Lock | None = None
    """Held by each pod of it."""
    cache: str = ""
    """A ConfigMap that remembers its result: every run but the first finds it there."""
    steps: tuple[tuple["Task", ...], ...] = ()
    dag: tuple["Task", ...] = ()
    """Steps or a DAG instead of a pod; the tasks of a DAG are listed after their dependencies."""
    after: tuple[str, ...] = ()
    """In a DAG: the tasks that must have succeeded before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A WorkflowTemplate."""

    name: str
    product: str
    entry: Task
    spec: str = ""
    """The billed size, as the cloud writes it."""
    lock: Lock | None = None
    """Held by the whole workflow."""
    on_exit: Task | None = None
    deadline_s: int = 0
    """Deadline of the whole workflow: pods that are still pending then fail; 0: none."""
    retried: float = 0.0
    """Probability that a user runs `argo retry` after a failure."""
    project: str = ""


_FLAKY = {"exit 1": 0.55, "oom": 0.25}

LANE = Recipe(
    name="lane-detect", product="eci", spec="2.0-4.0Gi", project="lane-detect", retried=0.3,
    entry=Task(cpu_m=2000, memory_mib=4096, run_s=(3, 14), fates={"exit 1": 0.04, "evicted": 0.01}),
)  # fmt: skip
LABEL = Recipe(
    name="label-review", product="eci", spec="1.0-2.0Gi", project="lane-detect",
    entry=Task(steps=((Task(name="approve", suspend_s=12),), (Task(name="publish", run_s=(3, 8)),))),
)  # fmt: skip
CALIBRATE = Recipe(
    name="calibrate", product="eci", spec="4.0-8.0Gi", project="sensors", lock=("gpu", 2),
    entry=Task(cpu_m=4000, memory_mib=8192, run_s=(8, 22)),
)  # fmt: skip
TILE = Recipe(
    name="map-tile", product="eci-spot", spec="ecs.c6.large", project="hd-map",
    entry=Task(
        cpu_m=2000, memory_mib=4096, run_s=(3, 13), retries=2, no_stock=0.1, fates={"reclaimed": 0.16, "evicted": 0.02},
    ),
)  # fmt: skip
MERGE = Recipe(
    name="map-merge", product="eci", spec="4.0-16.0Gi", project="hd-map", lock=("tile-merge", 1),
    entry=Task(
        steps=(
            (Task(name="merge", cpu_m=4000, memory_mib=16384, run_s=(5, 12)),),
            # Suspended it still holds the lock, for which others wait.
            (Task(name="accept", suspend_s=4),),
        )
    ),
)  # fmt: skip
IMPORT = Recipe(
    name="map-import", product="eci", spec="0.5-1.0Gi", project="hd-map",
    entry=Task(steps=((Task(name="load", cpu_m=500, memory_mib=1024, run_s=(3, 6), width=5, lock=("db", 2)),),)),
)  # fmt: skip
UNIT = Recipe(
    name="unit-test", product="plain",
    entry=Task(
        cpu_m=500, memory_mib=1024, run_s=(2, 9), fates={"exit 1": 0.06, "exit 2": 0.03, "evicted": 0.03}
    ),
)  # fmt: skip
FIRMWARE = Recipe(
    name="firmware", product="plain", project="firmware", retried=1.0,
    entry=Task(
        steps=(
            (Task(name="build", cpu_m=2000, run_s=(3, 6)),),
            (Task(name="test", cpu_m=500, run_s=(2, 5), fates={"exit 1": 0.7}),),
        )
    ),
    on_exit=Task(name="notify", cpu_m=100, memory_mib=128, run_s=(1, 2)),
)  # fmt: skip
EVERY_MINUTE = Recipe(
    name="every-minute", product="plain", entry=Task(cpu_m=100, memory_mib=128, run_s=(2, 4))
)  # fmt: skip
SYNC = Recipe(
    name="bucket-sync", product="plain", entry=Task(cpu_m=200, memory_mib=256, run_s=(70, 100))
)  # fmt: skip
REPORT = Recipe(
    name="weekly-report", product="plain", entry=Task(cpu_m=200, memory_mib=256)
)  # fmt: skip
NOTEBOOK = Recipe(
    name="notebook", product="eci", spec="0.5-1.0Gi",
    entry=Task(cpu_m=500, memory_mib=1024, run_s=(8, 40), image_fails=0.2, fates={"exit 1": 0.1}),
)  # fmt: skip
SCENARIO = Recipe(
    name="sim-scenario", product="acs-best-effort", spec="1-2Gi", project="sim-night",
    entry=Task(fates={"exit 3": 0.04, "reclaimed": 0.04}),
)  # fmt: skip
REGRESSION = Recipe(
    name="sim-regression", product="acs", spec="2-4Gi", project="sim-night",
    entry=Task(
        steps=(
            (Task(name="scenario", cpu_m=2000, memory_mib=4096, run_s=(4, 18), width=4),),
            (Task(name="report", cpu_m=500, memory_mib=1024, run_s=(2, 5)),),
        )
    ),
)  # fmt: skip
SWEEP = Recipe(
    name="sim-sweep", product="acs-best-effort", spec="1-2Gi", project="sim-night",
    entry=Task(steps=((Task(name="run", run_s=(2, 14), width=24),), (Task(name="rank", run_s=(2, 3)),))),
)  # fmt: skip
EVALUATE = Recipe(
    name="plan-eval", product="acs", spec="2-4Gi", project="planner",
    entry=Task(cpu_m=2000, memory_mib=4096, fates={"exit 1": 0.03}),
)  # fmt: skip
REWARD = Recipe(
    name="reward-fit", product="acs", spec="2-8Gi", project="planner",
    entry=Task(cpu_m=2000, memory_mib=8192, run_s=(4, 12), retries=2, fates=_FLAKY),
)  # fmt: skip
ROUTE = Recipe(
    name="route-graph", product="acs", spec="2-4Gi", project="planner",
    entry=Task(
        steps=(
            (Task(name="roads", cpu_m=2000, memory_mib=4096, run_s=(3, 6), cache="roads"),),
            (
                Task(
                    name="solve",
                    dag=(
                        Task(name="split", run_s=(2, 4)),
                        Task(name="north", run_s=(3, 9), after=("split",)),
                        Task(name="south", run_s=(3, 9), after=("split",), retries=1, fates={"exit 1": 0.4}),
                        Task(name="join", run_s=(2, 3), after=("north", "south")),
                    ),
                ),
            ),
            (Task(name="publish", cpu_m=500, memory_mib=1024, run_s=(2, 3)),),
        )
    ),
)  # fmt: skip
BEV = Recipe(
    name="train-bev", product="eci", spec="ecs.gn6i-c4g1.xlarge", project="bev", lock=("gpu", 2),
    entry=Task(cpu_m=4000, memory_mib=15360, gpu=1, run_s=(8, 24)),
)  # fmt: skip
INFER = Recipe(
    name="infer-bev", product="eci", spec="ecs.gn6i-c4g1.xlarge", project="bev",
    entry=Task(cpu_m=4000, memory_mib=15360, gpu=1, run_s=(3, 9), unschedulable=0.12, fates={"oom": 0.04}),
)  # fmt: skip
BACKTEST = Recipe(
    name="factor-backtest", product="eci", spec="2.0-4.0Gi", project="alpha-7",
    entry=Task(cpu_m=2000, memory_mib=4096, retries=1, fates={"exit 134": 0.05}),
)  # fmt: skip
PREPARE = Recipe(
    name="data-prep", product="plain",
    entry=Task(
        steps=(
            (Task(name="fetch", run_s=(2, 6)),),
            (Task(name="clean", run_s=(4, 12), retries=1, fates=_FLAKY),),
        )
    ),
)  # fmt: skip
RISK = Recipe(
    name="risk-check", product="plain", deadline_s=8,
    entry=Task(cpu_m=8000, run_s=(1, 3), unschedulable=0.6, unschedulable_s=(15, 20)),
)  # fmt: skip
EXPORT = Recipe(
    name="order-export", product="eci", spec="1.0-2.0Gi", project="alpha-7",
    entry=Task(run_s=(2, 4), deadline_s=6, image_fails=0.6, fates={"deadline": 0.5}),
)  # fmt: skip

RECIPES = {
    recipe.name: recipe
    for recipe in (
        LANE, LABEL, CALIBRATE, TILE, MERGE, IMPORT, UNIT, FIRMWARE, EVERY_MINUTE, SYNC, REPORT, NOTEBOOK, SCENARIO,
        REGRESSION, SWEEP, EVALUATE, REWARD, ROUTE, BEV, INFER, BACKTEST, PREPARE, RISK, EXPORT,
    )
}  # fmt: skip
