"""
What happened in the demo's past: which templates ran how often, and the planted causes of a higher bill.

Data only. Templates, departments and clusters are those of the fleet; a second of the fleet stands for minutes here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from collector.demo import recipes
from collector.demo.recipes import Recipe
from collector.settings.budgets import BudgetSettings

MONTHS = 3
GPU_TYPE = "ecs.gn6i-c4g1.xlarge"
OPEN_24_H, WORKING_HOURS = (0, 24), (8, 18)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How one template is used: where, how often and for how long."""

    recipe: Recipe
    cluster: str
    namespace: str
    runs: float
    """Workflows on an ordinary working day."""
    pace: float
    """Seconds of the past that stand for a second of the fleet."""
    hours: tuple[int, int] = OPEN_24_H
    """Hours of the day, UTC, in which it starts and ends; on plain nodes those in which the nodes exist."""
    at_night: float = 0.0
    """Share of the runs that go on over midnight."""
    weekend: float = 0.5
    """Runs on a day of the weekend, as a share of a working day's."""
    growth: float = 0.2
    """How much more runs the last day has than the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A planted cause: what is different for a template, or for a namespace, on some days."""

    template: str = ""
    namespace: str = ""
    month: int = 0
    """Counted back from the last whole month of the past, which is 0."""
    begin: int = 1
    """Day of that month, from 1."""
    days: int = 0
    """0: to the end of the past."""
    last_days: int = 0
    """The last days of the past, whatever the month; 0: those above."""
    longer: float = 1.0
    release: int = 0
    """Number of the template's version from then on; 0: unchanged."""
    fates: Mapping[str, float] = field(default_factory=dict)
    retries: int | None = None
    department: str = ""


HABITS = (
    Habit(recipe=recipes.LANE, cluster="prod-hz", namespace="perception", runs=250, pace=240, at_night=0.04),
    Habit(recipe=recipes.LABEL, cluster="prod-hz", namespace="perception", runs=16, pace=120),
    Habit(recipe=recipes.CALIBRATE, cluster="prod-hz", namespace="perception", runs=14, pace=200),
    Habit(recipe=recipes.TILE, cluster="prod-hz", namespace="mapping", runs=250, pace=300, growth=0.35),
    Habit(recipe=recipes.MERGE, cluster="prod-hz", namespace="mapping", runs=40, pace=360),
    Habit(recipe=recipes.IMPORT, cluster="prod-hz", namespace="mapping", runs=80, pace=240),
    Habit(recipe=recipes.UNIT, cluster="prod-hz", namespace="ci", runs=170, pace=90, hours=WORKING_HOURS, weekend=0),
    Habit(
        recipe=recipes.FIRMWARE, cluster="prod-hz", namespace="ci", runs=24, pace=200, hours=WORKING_HOURS, weekend=0
    ),
    Habit(recipe=recipes.NOTEBOOK, cluster="prod-hz", namespace="sandbox", runs=25, pace=240),
    Habit(recipe=recipes.SCENARIO, cluster="prod-sh", namespace="simulation", runs=200, pace=240),
    Habit(recipe=recipes.REGRESSION, cluster="prod-sh", namespace="simulation", runs=40, pace=360, growth=0.3),
    Habit(recipe=recipes.SWEEP, cluster="prod-sh", namespace="simulation", runs=16, pace=300),
    Habit(recipe=recipes.EVALUATE, cluster="prod-sh", namespace="planning", runs=140, pace=200),
    Habit(recipe=recipes.REWARD, cluster="prod-sh", namespace="planning", runs=25, pace=400),
    Habit(recipe=recipes.ROUTE, cluster="prod-sh", namespace="planning", runs=15, pace=200),
    Habit(recipe=recipes.BEV, cluster="gpu-bj", namespace="perception", runs=10, pace=480, at_night=0.3),
    Habit(recipe=recipes.INFER, cluster="gpu-bj", namespace="perception", runs=50, pace=160, growth=0.1),
    Habit(recipe=recipes.BACKTEST, cluster="gpu-bj", namespace="quant", runs=140, pace=300),
    Habit(
        recipe=recipes.PREPARE, cluster="gpu-bj", namespace="quant", runs=30, pace=120, hours=WORKING_HOURS, weekend=0
    ),
    Habit(recipe=recipes.EXPORT, cluster="gpu-bj", namespace="quant", runs=20, pace=120),
)

BUDGETS = (
    BudgetSettings(name="all departments", month="5000"),
    # Nearly used up by the last whole month, and likely passed by the next.
    BudgetSettings(month="2050", where={"department": "perception"}),
    BudgetSettings(month="700", where={"department": "quant"}),
    BudgetSettings(month="600", where={"department": "mapping"}),
    BudgetSettings(month="700", where={"department": "simulation"}),
)

WHO_WORKS_IN: Mapping[str, tuple[str, ...]] = {
    "perception": ("li-wei",),
    "mapping": ("wang-fang",),
    "simulation": ("chen-yu",),
    "planning": ("zhao-min",),
    "quant": ("chen-yu", "zhao-min"),
    "ci": ("chen-yu", "zhao-min"),
}
"""Whose templates are started by hand, by namespace; in others everybody starts some."""

PLANTS = (
    # A new version of a template takes twice as long.
    Plant(template="lane-detect", month=0, begin=8, longer=2.0, release=2),
    # A bad input: each backtest fails, is tried again and fails again, for five days.
    Plant(template="factor-backtest", month=0, begin=12, days=5, fates={"exit 134": 0.7}, retries=4),
    # Yesterday and today trainings go on for three times as long, with the same version.
    Plant(template="train-bev", last_days=2, longer=3.0),
    # The same people under another name.
    Plant(namespace="mapping", month=2, begin=1, department="hd-maps"),
    Plant(namespace="mapping", month=0, begin=1, department="mapping"),
)
