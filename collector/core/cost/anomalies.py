"""
Cost anomalies: runs that cost far more than usual, versions that are dearer than the one before, and days that were dear.

A run is compared with the median of its own template's version, by the median absolute deviation of the logarithms: costs of
runs are skewed, and twice as much is as far away as half as much. Without evidence nothing is reported: how many runs it takes
follows from how much a template's runs differ, and templates of several kinds of runs are compared with their dearest kind.
Only what costs more is reported.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from math import sqrt
from statistics import median
from typing import Literal, NamedTuple

from collector.core.cost.run_costs import MICRO, Cause, DearRun, RunFigures, RunsOfDay, factors, grown, together
from collector.core.cost.usual_costs import (
    ABOVE_DEAREST,
    BEFORE_EVIDENCE,
    FIRST_DAYS,
    RECENT_DAYS,
    RUN_EVIDENCE,
    VERSION_FACTOR,
    costs_of,
    has_each_weekday,
    is_lossy,
    lossy_share,
    runs_needed,
    stand_out,
    unusual_runs,
    usual_of,
)

AnomalyKind = Literal["run", "version", "days"]
HISTORY_DAYS = 28
"""A run is compared with those of so many days before it: four of each day of the week."""
WEEK_DAYS = 7
"""Days at most that are judged together."""
LEAST_EXCESS = Decimal(5)
"""In units of the currency: less is not worth a sentence."""
HUNDREDTH = Decimal("0.01")


class RunSeries(NamedTuple):
    """Whose runs are compared with each other."""

    cluster: str
    namespace: str
    template: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """Something that costs more than usual, with the facts of the sentence about it."""

    kind: AnomalyKind
    """run: single runs; version: all runs since a version; days: all runs of some days, of the same version."""
    cause: Cause
    cluster: str
    namespace: str
    template: str
    version: str
    """Empty: the template has no known version."""
    version_before: str
    """What a new version is compared with; else empty."""
    department: str
    workflow_uid: str
    """The run, or the dearest of them."""
    workflow_name: str
    since: date
    until: date
    """The last day with such a run."""
    lasts: bool
    """Whether it went on until the last day on which the template ran."""
    usual: Decimal
    """Median of a run before."""
    now: Decimal
    """Median of a run since; of single runs the dearest."""
    factor: Decimal
    excess: Decimal
    """What all of these runs cost beyond the usual."""
    currency: str
    runs: int
    evidence: int
    """Runs that it was compared with."""
    parts: Mapping[Cause, Decimal]
    """What the difference of a run consists of, in money; it sums to the difference of the mean costs."""
    ratios: Mapping[str, Decimal]
    """By what pods, time, size and price of a run were multiplied."""


@dataclass(slots=True)
class SeriesDays:
    """The days of one series, and what of them does not show what is usual."""

    key: RunSeries
    days: Sequence[RunsOfDay]
    begin: date
    dear: set[int] = field(default_factory=set)
    """Places in `days` of days that were dear."""
    dear_versions: set[str] = field(default_factory=set)
    """They are usual for themselves alone."""
    dear_runs: set[str] = field(default_factory=set)
    """Workflows."""

    def judged(self) -> Iterator[tuple[int, RunsOfDay]]:
        """The days of the period that are not reported yet, with their places."""
        for place, one in enumerate(self.days):
            if one.day >= self.begin and place not in self.dear:
                yield place, one

    def before(self, day: date, version: str) -> list[RunsOfDay]:
        """The usual days of a version before a day."""
        return [one for one in self.known(day, version) if one.version == version]

    def known(self, day: date, version: str) -> list[RunsOfDay]:
        """The usual days of all versions before a day; a dear version is usual for itself."""
        first = day - timedelta(HISTORY_DAYS)
        return [
            one
            for place, one in enumerate(self.days)
            if first <= one.day < day
            and place not in self.dear
            and (one.version == version or one.version not in self.dear_versions)
        ]

    def windows(self, place: int) -> Iterator[list[int]]:
        """A day, and the days of the same version before it: first alone, at last a week."""
        last, places = self.days[place], list[int]()
        for at in range(place, -1, -1):
            one = self.days[at]
            if (last.day - one.day).days >= WEEK_DAYS:
                return
            if one.version == last.version and at not in self.dear:
                places.insert(0, at)
                yield list(places)

    def stretch(self, places: Sequence[int], holds: Callable[[RunsOfDay], bool]) -> list[RunsOfDay]:
        """Marks as dear the days that fulfil a condition, and those after them as long as they do; returns them."""
        found = [at for at in places if holds(self.days[at])]
        for at in range(places[-1] + 1, len(self.days)):
            one = self.days[at]
            if one.version == self.days[places[-1]].version and at not in self.dear:
                if not holds(one):
                    break
                found.append(at)
        self.dear.update(found)
        return [self.days[at] for at in found]


def find_anomalies(
    series: Mapping[RunSeries, Iterable[RunsOfDay]], begin: date, end: date, least: Decimal = LEAST_EXCESS
) -> list[Anomaly]:
    """Finds what began in a period, `end` exclusive; the days before `begin` are the history. The dearest first."""
    found = [
        anomaly
        for key, days in series.items()
        for anomaly in _of_series(SeriesDays(key, _in_order(days, end), begin))
        if anomaly.excess >= least
    ]
    return sorted(found, key=lambda one: (one.currency, -one.excess, one.template, one.cluster, one.namespace))


def _in_order(days: Iterable[RunsOfDay], end: date) -> list[RunsOfDay]:
    return sorted((one for one in days if one.day < end), key=lambda one: (one.day, one.version))


def _of_series(series: SeriesDays) -> Iterator[Anomaly]:
    yield from _versions(series)
    yield from _dear_days(series)
    yield from _lossy_days(series)
    yield from _single_runs(series)


def _versions(series: SeriesDays) -> Iterator[Anomaly]:
    """Versions whose first run is in the period, each against the version that ran last before it."""
    versions: dict[str, list[RunsOfDay]] = {}
    for one in series.days:
        versions.setdefault(one.version, []).append(one)
    for version, days in versions.items():
        before = _version_before(series, days[0].day, version) if days[0].day >= series.begin else []
        if before and _is_dearer(series, before, days):
            series.dear_versions.add(version)
            yield replace(_anomaly(series, before, days), kind="version", version_before=before[0].version)


def _version_before(series: SeriesDays, first: date, version: str) -> list[RunsOfDay]:
    """The last days of the version that ran last before a day; a dear version is as usual as another here."""
    since = first - timedelta(HISTORY_DAYS)
    earlier = [one for one in series.days if since <= one.day < first and one.version != version]
    days = [one for one in earlier if one.version == earlier[-1].version]
    recent = [one for one in days if one.day >= first - timedelta(RECENT_DAYS)]
    costs = costs_of(recent)
    enough = len(costs) >= BEFORE_EVIDENCE and len(costs) >= runs_needed(usual_of(costs).spread)
    return recent if enough else days


def _is_dearer(series: SeriesDays, before: Sequence[RunsOfDay], days: Sequence[RunsOfDay]) -> bool:
    """Whether the first runs of a version are dearer."""
    old = costs_of(before)
    if len(old) < BEFORE_EVIDENCE:
        return False
    needed, first = runs_needed(usual_of(old).spread), list[RunsOfDay]()
    for one in days:
        if len(costs_of(first)) >= needed and (one.day - days[0].day).days >= FIRST_DAYS:
            break
        first.append(one)
    history = series.known(days[0].day, before[0].version)
    return len(costs_of(first)) >= needed and stand_out("version", before, first, history)


def _dear_days(series: SeriesDays) -> Iterator[Anomaly]:
    """Stretches of days on which all runs of a version cost more than on the days before."""
    for place, one in series.judged():
        history = series.before(one.day, one.version)
        if not history or one.median <= VERSION_FACTOR * median(day.median for day in history):
            continue  # most days end here
        needed = runs_needed(usual_of(costs_of(history)).spread)
        for places in series.windows(place):
            days = [series.days[at] for at in places]
            if len(costs_of(days)) >= needed:
                history = series.before(days[0].day, one.version)
                if _has_evidence(history) and stand_out("days", history, days, history):
                    limit = VERSION_FACTOR * usual_of(costs_of(history)).median
                    found = series.stretch(places, partial(_is_above, limit))
                    yield replace(_anomaly(series, history, found), kind="days")
                break


def _has_evidence(history: Sequence[RunsOfDay]) -> bool:
    return len(costs_of(history)) >= RUN_EVIDENCE and has_each_weekday(history)


def _is_above(limit: float, day: RunsOfDay) -> bool:
    return day.median > limit


def _lossy_days(series: SeriesDays) -> Iterator[Anomaly]:
    """Stretches of days on which far more runs than before had tries that were lost, and cost so much more by them."""
    for place, one in series.judged():
        for places in series.windows(place) if one.figures.lossy else ():
            history = series.before(series.days[places[0]].day, one.version)
            old, new = (together(day.figures for day in days) for days in (history, (series.days[at] for at in places)))
            if _has_evidence(history) and is_lossy(old, new):
                limit = sqrt(lossy_share(old) * lossy_share(new))
                found = _anomaly(series, history, series.stretch(places, partial(_is_lossier, limit)))
                reclaims = found.parts["reclaims"] > found.parts["retries"]
                yield replace(found, kind="days", cause="reclaims" if reclaims else "retries")
                break


def _is_lossier(limit: float, day: RunsOfDay) -> bool:
    return lossy_share(day.figures) > limit


def _single_runs(series: SeriesDays) -> Iterator[Anomaly]:
    """Single runs far beyond what their version's runs cost, grouped by cause."""
    groups: dict[tuple[str, Cause], list[Anomaly]] = {}
    for _, one in series.judged():
        days = series.known(one.day, one.version)
        known = [run for day in days for run in day.dearest if run.workflow_uid not in series.dear_runs]
        if one.dearest[0].cost <= ABOVE_DEAREST * max((run.cost for run in known), default=0):
            continue  # most days end here
        history = [day for day in days if day.version == one.version]
        for run in unusual_runs(history, known, one.dearest):
            series.dear_runs.add(run.workflow_uid)
            found = _anomaly(series, history, [_alone(one, run)])
            groups.setdefault((one.version, found.cause), []).append(found)
    yield from map(_grouped, groups.values())


def _alone(day: RunsOfDay, run: DearRun) -> RunsOfDay:
    return replace(day, drawn=(run.cost,), dearest=(run,), figures=run.figures)


def _grouped(found: Sequence[Anomaly]) -> Anomaly:
    """Single runs of one version with one cause: the dearest stands for all."""
    return replace(
        max(found, key=lambda one: one.now),
        excess=sum((one.now - one.usual for one in found), Decimal()),
        runs=len(found),
        since=min(one.since for one in found),
        until=max(one.until for one in found),
        lasts=False,
    )


def _anomaly(series: SeriesDays, before: Sequence[RunsOfDay], after: Sequence[RunsOfDay]) -> Anomaly:
    """The facts of runs that cost more than those before."""
    old, new = together(one.figures for one in before), together(one.figures for one in after)
    usual, now = _money(median(costs_of(before))), _money(median(costs_of(after)))
    parts = grown(old, new)
    dearest = max((run for one in after for run in one.dearest), key=lambda run: run.cost)
    return Anomaly(
        **series.key._asdict(),
        kind="run",
        cause=max(parts, key=lambda cause: parts[cause]),
        version=after[0].version,
        version_before="",
        department=after[-1].department,
        workflow_uid=dearest.workflow_uid,
        workflow_name=dearest.workflow_name,
        since=after[0].day,
        until=after[-1].day,
        lasts=after[-1].day == max(one.day for one in series.days),
        usual=usual,
        now=now,
        factor=(now / usual).quantize(HUNDREDTH),
        excess=_excess(old, new),
        runs=new.runs,
        evidence=old.runs,
        parts=parts,
        ratios={name: Decimal(ratio).quantize(HUNDREDTH) for name, ratio in factors(old, new).items()},
    )


def _excess(old: RunFigures, new: RunFigures) -> Decimal:
    """What runs cost beyond as many usual ones, in the mean."""
    return _money(new.cost - new.runs * old.cost / old.runs)


def _money(micros: float) -> Decimal:
    return (Decimal(micros) * MICRO).quantize(MICRO)
