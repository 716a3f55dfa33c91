"""
What the runs of many templates cost, drawn as real ones are: the normal days on which no anomaly may be found.

Templates differ by how often they run, by how much their runs differ, and by weekends, growth, releases, spot prices, retries,
failures, several kinds of runs, and heavy tails. Costs are in units of a currency.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from math import exp
from random import Random

from collector.core.cost.anomalies import RunSeries
from collector.core.cost.run_costs import DearRun, RunFigures, RunsOfDay, together

BEGIN = date(2026, 10, 4)
HISTORY, DAYS = 28, 30
DRAWN, DEAREST = 32, 3
TAIL = 2.2
BAD_DAY = 3
"""So many times more retries than usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """What a template is like."""

    name: str
    spread: float
    """Standard deviation of the logarithm of a run's time."""
    a_day: float
    cost: float = 20.0
    """Median."""
    weekend: float = 0.5
    longer_on_sunday: float = 1.0
    growth: float = 0.0
    """Of a run's time, in a month."""
    spot: float = 0.0
    """How far the price moves."""
    retried: float = 0.0
    failed: float = 0.0
    kinds: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
    """Weights and multiples of several kinds of runs."""
    tail: float = 0.0
    """How often a run differs by more than twice as much as the others: a heavy tail."""
    releases: tuple[int, ...] = ()
    """Days of new versions."""


@dataclass
class DrawnRun:
    """One run, which a test may change."""

    day: int
    version: int
    uid: str
    work: float
    lost: float
    seconds: int
    reclaimed: bool = False

    def longer(self, times: float) -> None:
        """Makes the run take longer."""
        self.work *= times
        self.seconds = round(self.seconds * times)

    @property
    def figures(self) -> RunFigures:
        """As the store sums them; a run has one pod of 2 vCPUs and 4 GiB."""
        work, lost = round(self.work * 1e6), round(self.lost * 1e6)
        return RunFigures(
            runs=1,
            cost=work + lost,
            pending=0,
            retried=0 if self.reclaimed else lost,
            reclaimed=lost if self.reclaimed else 0,
            pods=1,
            seconds=self.seconds,
            vcpu_ms=2000 * self.seconds,
            mib_seconds=4096 * self.seconds,
            spot_seconds=0,
            lossy=int(lost > 0),
        )


@dataclass
class Template:
    """A template and its runs."""

    nature: Nature
    runs: list[DrawnRun] = field(default_factory=list)


def natures(count: int, rng: Random) -> list[Nature]:
    """Templates of all sorts."""
    return [_nature(f"t{number}", rng) for number in range(count)]


def _nature(name: str, rng: Random) -> Nature:
    kinds: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
    if rng.random() < 0.12:
        share = rng.uniform(0.15, 0.5)
        kinds = ((1 - share, 1.0), (share, rng.uniform(3, 12)))
    every, first = rng.choice((0, 3, 9, 20)), rng.randrange(0, 20)
    return Nature(
        name=name,
        spread=rng.choice((0.05, 0.08, 0.12, 0.2, 0.3, 0.5, 0.8)) * rng.uniform(0.8, 1.2),
        a_day=exp(rng.gauss(1.8, 1.1)),
        cost=exp(rng.gauss(2.5, 1.2)),
        weekend=rng.choice((0.0, 0.3, 1.0)),
        longer_on_sunday=2.0 if rng.random() < 0.08 else 1.0,
        growth=rng.choice((0.0, 0.0, 0.1, 0.25)),
        spot=0.12 if rng.random() < 0.4 else 0.0,
        retried=rng.choice((0.0, 0.02, 0.1)),
        failed=rng.choice((0.0, 0.02, 0.08)),
        kinds=kinds,
        tail=rng.choice((0.0, 0.0, 0.15)),
        releases=tuple(range(first, HISTORY + DAYS, every)) if every else (),
    )


def draw(count: int, seed: int) -> list[Template]:
    """Draws templates and all their runs."""
    rng = Random(seed)
    return [Template(nature, list(_runs(nature, rng))) for nature in natures(count, rng)]


def drawn(nature: Nature, seed: int) -> Template:
    """Draws the runs of one template."""
    return Template(nature, list(_runs(nature, Random(seed))))


def _runs(nature: Nature, rng: Random) -> Iterable[DrawnRun]:
    price, number, level = 0.0, 0, 1.0
    for day in range(HISTORY + DAYS):
        weekday = (BEGIN + timedelta(day)).weekday()
        price += -0.15 * price + rng.gauss(0, nature.spot * 0.5)
        if day in nature.releases:
            level *= exp(rng.gauss(0, 0.03))
        version = sum(release <= day for release in nature.releases)
        busy = rng.gauss(1, 0.15) * (nature.weekend if weekday > 4 else 1)
        today = replace(nature, retried=nature.retried * (BAD_DAY if rng.random() < 0.03 else 1))
        for _ in range(_count(nature.a_day * max(0.0, busy), rng)):
            number += 1
            times = level * (1 + nature.growth * day / 30) * (nature.longer_on_sunday if weekday == 6 else 1)
            yield _run(
                today,
                rng,
                times,
                price,
                DrawnRun(day, version, uid=f"{nature.name}-{number}", work=0, lost=0, seconds=0),
            )


def _run(nature: Nature, rng: Random, times: float, price: float, run: DrawnRun) -> DrawnRun:
    [kind] = rng.choices([multiple for _, multiple in nature.kinds], [weight for weight, _ in nature.kinds])
    length = times * kind * exp(rng.gauss(0, nature.spread * (TAIL if rng.random() < nature.tail else 1)))
    if rng.random() < nature.failed:
        length *= rng.random()
    lost = length * rng.random() if rng.random() < nature.retried else 0.0
    each = nature.cost * exp(price)
    return replace(run, work=max(1e-5, each * length), lost=each * lost, seconds=max(1, round(600 * length)))


def _count(mean: float, rng: Random) -> int:
    whole = int(mean)
    return whole + (rng.random() < mean - whole)


def days_of(template: Template, rng: Random, until: int = HISTORY + DAYS) -> list[RunsOfDay]:
    """What the store answers of a template's runs: the runs of each day and version, of many as many as are drawn."""
    found: dict[tuple[int, int], list[DrawnRun]] = {}
    for run in template.runs:
        if run.day < until:
            found.setdefault((run.day, run.version), []).append(run)
    return [_day(day, version, runs, rng) for (day, version), runs in found.items()]


def _day(day: int, version: int, runs: list[DrawnRun], rng: Random) -> RunsOfDay:
    dearest = sorted(runs, key=lambda run: -run.figures.cost)[:DEAREST]
    drawn = runs if len(runs) <= DRAWN else rng.sample(runs, DRAWN)
    return RunsOfDay(
        day=BEGIN + timedelta(day),
        version=f"v{version}",
        department="maps",
        drawn=tuple(run.figures.cost for run in drawn),
        dearest=tuple(DearRun(run.figures.cost, run.uid, run.uid, run.figures) for run in dearest),
        figures=together(run.figures for run in runs),
    )


def stored(
    templates: Iterable[Template], seed: int = 0, until: int = HISTORY + DAYS
) -> Mapping[RunSeries, list[RunsOfDay]]:
    """The days of all templates, as far as some day."""
    return {
        RunSeries("c1", "team", template.nature.name, "CNY"): days_of(template, Random(seed), until)
        for template in templates
    }


def day_of_runs(day: int, version: int, runs: Sequence[RunFigures]) -> RunsOfDay:
    """A day of some runs."""
    return RunsOfDay(
        day=BEGIN + timedelta(day),
        version=f"v{version}",
        department="maps",
        drawn=tuple(run.cost for run in runs),
        dearest=tuple(DearRun(run.cost, f"{day}-{number}", "w", run) for number, run in enumerate(runs[:DEAREST])),
        figures=together(runs),
    )
