"""
What a load takes: CPU, memory and disk, from what was measured, as data.

The figures are means of `python -m tests.bench.size` and of the runs in docs/develop/benchmarks.md; that bench compares a
month of other rows with what is predicted here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

DAY_S = 86_400
SAMPLES_A_DAY = 5_760
"""A sample each 15 seconds."""
PART_DAYS = 31
"""Rows stay up to a month longer than their retention: a part is dropped when its last row is old enough."""
EVENTS_A_POD = 5.2
EVENTS_A_WORKFLOW = 5.1
"""Events of one object's life, in the recordings of a real control plane (tests/recorded/basics)."""
CPU_S_AN_EVENT = 60 / 100_000
"""Collector and embedded store together: 41 to 66 CPU seconds for 100,000 events of a fleet of full size."""
BYTES_A_WORKFLOW, BYTES_A_POD = 1_053, 2_100
"""What the collector keeps of an object that has not ended (`python -m tests.bench.state`)."""
FIRST_SYNC = 2.5
"""Peak memory of a first list, as times what is kept: 1,018 MiB for 240,000 workflows and 60,000 pods of 20 clusters."""
COLLECTOR_MIB, STORE_MIB = 100, 1_300
"""A collector without objects; an embedded store while it merges millions of rows (350 MiB while it does not)."""
FREE = 0.15
"""The share of a disk below which DiskFills speaks: merges write a copy of what they merge."""
MIB = 2**20
LONGEST_DAYS = 7_300


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is watched; numbers of a day are means."""

    pods_per_day: int
    workflows_per_day: int
    steps_per_pod: float = 1.2
    """Rows of steps for each pod: its own, and those of groups, retries and suspensions."""
    templates: int = 200
    """Pairs of a template and a cluster that it runs on, in a usual day."""
    queues: int = 20
    """Queues and reasons in which something waits, in the mean over a day."""
    pod_minutes: float = 10
    waiting: int = 0
    """Workflows that wait or run at most at a time, besides those that the pods are of."""
    peak: float = 3
    """Load of the busiest hour, as times the mean."""


@dataclass(frozen=True, slots=True)
class Weight:
    """Bytes on disk of what a table keeps, by what makes it grow. Merged and compressed, in the embedded store."""

    pod: float = 0
    workflow: float = 0
    other_step: float = 0
    """A row of a step that has no pod."""
    sample: float = 0
    group: float = 0
    """A row of a rollup."""


WEIGHTS: Mapping[str, Weight] = {
    "workflow_run": Weight(workflow=96),
    "step_run": Weight(pod=39, workflow=34, other_step=27),
    "pod_run": Weight(pod=63, workflow=45),
    "pod_cost": Weight(pod=56.3, workflow=38),
    "queue_sample": Weight(sample=5.4),
    "cost_daily": Weight(group=28, workflow=8),
    "workflow_hourly": Weight(group=35),
    "run_daily": Weight(workflow=70),
}


@dataclass(frozen=True, slots=True)
class Growth:
    """How one table grows."""

    table: str
    bytes_per_day: float
    kept_days: int
    """0: for ever."""

    def after(self, days: int) -> float:
        """Bytes after so many days, at the most of a month."""
        return self.bytes_per_day * (min(days, self.kept_days + PART_DAYS) if self.kept_days else days)


def growth(load: Load, retention: Mapping[str, int]) -> list[Growth]:
    """How each table that matters grows, by its days of retention (0, or no entry: for ever)."""
    return [Growth(table, _bytes(load, table, weight), retention.get(table, 0)) for table, weight in WEIGHTS.items()]


def _bytes(load: Load, table: str, weight: Weight) -> float:
    others = max(0.0, load.steps_per_pod - 1) * load.pods_per_day
    # A pod that runs over midnight has a charge for each of its days.
    rows = load.pods_per_day * (1 + load.pod_minutes * 60 / DAY_S) if table == "pod_cost" else load.pods_per_day
    return (
        rows * weight.pod
        + load.workflows_per_day * weight.workflow
        + others * weight.other_step
        + load.queues * SAMPLES_A_DAY * weight.sample
        + _groups(load, table) * weight.group
    )


def _groups(load: Load, table: str) -> float:
    """Rows of a rollup that a day adds: each combination once, and none without a workflow."""
    if table == "workflow_hourly":
        return min(load.workflows_per_day, load.templates * 24)
    return min(load.workflows_per_day, load.templates) * 2.0


def cores(load: Load) -> tuple[float, float]:
    """CPU cores of the collector and its embedded store together: in the mean, and in the busiest hour."""
    events = load.pods_per_day * EVENTS_A_POD + load.workflows_per_day * EVENTS_A_WORKFLOW
    mean = events * CPU_S_AN_EVENT / DAY_S
    return mean, mean * load.peak


def memory_mib(load: Load) -> int:
    """Peak resident memory in MiB of the collector and its embedded store together."""
    pods = load.pods_per_day * load.pod_minutes * 60 / DAY_S * load.peak
    workflows = load.waiting + min(pods, load.workflows_per_day)
    kept = workflows * BYTES_A_WORKFLOW + pods * BYTES_A_POD
    return round(COLLECTOR_MIB + FIRST_SYNC * kept / MIB + STORE_MIB)


def bytes_after(tables: Iterable[Growth], days: int) -> float:
    """Bytes of all tables after so many days."""
    return sum(table.after(days) for table in tables)


def disk_bytes(tables: Iterable[Growth], days: int, spool_bytes: int) -> float:
    """The disk that has room for the tables after so many days, a full spool beside them, and free space for merges."""
    return (bytes_after(tables, days) + spool_bytes) / (1 - FREE)


def lasts_days(tables: Sequence[Growth], disk: int, spool_bytes: int) -> int:
    """Days until a disk of so many bytes is too small; at most 20 years, which stand for ever."""
    days = range(LONGEST_DAYS)
    return next((day for day in days if disk_bytes(tables, day + 1, spool_bytes) > disk), LONGEST_DAYS)
