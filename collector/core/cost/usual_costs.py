"""
What is usual of the costs of runs, and when others stand out: the thresholds, and the evidence that they need.

All is on the scale of logarithms, with medians and median absolute deviations: costs of runs are skewed, and twice as much is
as far away as half as much.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil, exp, log, sqrt
from statistics import median
from typing import Literal, NamedTuple

from collector.core.cost.run_costs import DearRun, Micros, RunFigures, RunsOfDay, factors, is_less_spot, together

RUN_EVIDENCE = 30
"""Runs of earlier days before one run is judged."""
RUN_FACTOR, RUN_SPREADS = 2.25, 5.0
"""A run is unusual at this multiple of the median at least, and so many robust standard deviations away."""
LOST_FACTOR = 3.0
"""Where only lost tries make a run dear, it costs this multiple of its last tries: that one is done twice is ordinary."""
ABOVE_DEAREST, TAIL_RUNS, TAILS = 1.25, 10, 10.0
"""
Also at this multiple of the dearest usual run, since a template may have several kinds of runs, and as far above it as its
heavy tail may reach: so many times the mean distance of its dearest runs, on the scale of logarithms.
"""
VERSION_EVIDENCE, VERSION_FACTOR, VERSION_SPREADS = 8, 1.25, 4.0
"""Runs of a new version at least, the multiple of the version before, and the standard errors of a difference of medians."""
BEFORE_EVIDENCE = 10
"""Runs of the version before."""
RECENT_DAYS, FIRST_DAYS = 14, 7
"""The last days of the version before, if they have enough runs, and the first of the new one: costs may grow slowly."""
SOUGHT = log(1.5)
"""A version that is dearer by half is to be found as soon as its evidence is complete."""
SURE = 7.0
"""Standard errors that a difference of `SOUGHT` then has: 3 more than a verdict needs."""
DAYS_FACTOR, DAYS_SPREADS = 1.5, 5.0
DAYS_EVIDENCE = 8
"""Days of history before other days of the same version are judged: each day of the week, and one."""
CHANCE = log(1e-6)
"""How improbable it must be that so many runs are of a dear kind that the history has too."""
ABOVE_STRETCHES = {"version": 1.15, "days": 1.25}
"""Also at this multiple of the dearest day, and stretch of as many runs, in the history."""
LOSSY_RUNS, LOSSY_ODDS, LOSSY_PART = 5, 4.0, 0.3
"""
Runs with lost tries at least, the multiple of their odds, and what lost tries cost beyond the usual, as a part of what a run
usually costs.
"""
LEAST_SPREAD = 0.05
MEDIAN_ERROR = 1.2533
"""Standard error of a median, as times that of a mean."""
TO_DEVIATION = 1.4826
MOST_NEEDED = 400


class Usual(NamedTuple):
    """What runs usually cost."""

    median: float
    spread: float
    runs: int


def runs_needed(spread: float) -> int:
    """The runs of a new version after which it is judged, by the spread of the template's runs."""
    return min(MOST_NEEDED, max(VERSION_EVIDENCE, ceil((SURE * MEDIAN_ERROR * spread / SOUGHT) ** 2)))


def usual_of(costs: Sequence[Micros]) -> Usual:
    """The median of costs, and the robust standard deviation of their logarithms."""
    logs = [log(cost) for cost in costs]
    middle = median(logs)
    spread = TO_DEVIATION * median(abs(one - middle) for one in logs)
    return Usual(median(costs), max(LEAST_SPREAD, spread), len(costs))


def costs_of(days: Iterable[RunsOfDay]) -> list[Micros]:
    """What the runs of some days cost."""
    return [cost for one in days for cost in one.drawn]


def stand_out(
    kind: Literal["version", "days"],
    before: Sequence[RunsOfDay],
    after: Sequence[RunsOfDay],
    history: Sequence[RunsOfDay],
) -> bool:
    """
    Whether the median of runs is beyond chance and the least factor, and not because the price rose a little for all.

    A template may have several kinds of runs: it must be improbable that there were only more runs of a dear kind, and the
    median must be beyond that of each day and of each stretch of as many runs in the history.
    """
    factor, spreads = (VERSION_FACTOR, VERSION_SPREADS) if kind == "version" else (DAYS_FACTOR, DAYS_SPREADS)
    old, new = costs_of(before), costs_of(after)
    usual, now = usual_of(old), usual_of(new)
    error = MEDIAN_ERROR * max(usual.spread, now.spread) * sqrt(1 / len(old) + 1 / len(new))
    if log(now.median / usual.median) < max(log(factor), spreads * error):
        return False
    level, known = sqrt(usual.median * now.median), costs_of(history)
    usually = (sum(cost >= level for cost in known) + 0.5) / (len(known) + 1)
    if chance(usually, sum(cost >= level for cost in new) / len(new), len(new)) > CHANCE:
        return False
    if now.median < ABOVE_STRETCHES[kind] * _dearest_stretch(history, len(new)):
        return False
    price = _price_ratio(before, after)
    return now.median >= factor * price * usual.median or (kind == "days" and price >= factor)


def chance(usual: float, now: float, runs: int) -> float:
    """The logarithm of the chance that a share of so many runs is that high, by Chernoff's bound."""
    if now <= usual:
        return 0.0
    below = (1 - now) * log((1 - now) / (1 - usual)) if now < 1 else 0.0
    return -runs * (now * log(now / usual) + below)


def _dearest_stretch(history: Sequence[RunsOfDay], runs: int) -> float:
    """The highest median of a day, or of a stretch of so many runs."""
    costs = costs_of(history)
    length = min(runs, max(1, len(costs) // 3))
    stretches = (costs[at : at + length] for at in range(0, len(costs) - length + 1, max(1, length // 2)))
    days = (one.median for one in history if len(one.drawn) >= max(2, runs // 2))
    return max(*(median(one) for one in stretches), *days)


def _price_ratio(before: Sequence[RunsOfDay], after: Sequence[RunsOfDay]) -> float:
    """By what the price was multiplied; a price that rose because less was on spot machines is the template's own."""
    old, new = (together(one.figures for one in days) for days in (before, after))
    return 1.0 if is_less_spot(old, new) else factors(old, new)["price"]


def has_each_weekday(history: Sequence[RunsOfDay]) -> bool:
    """Whether each day of the week is in a history."""
    return bool(history) and (history[-1].day - history[0].day).days + 1 >= DAYS_EVIDENCE


def is_lossy(old: RunFigures, new: RunFigures) -> bool:
    """Whether so many lost tries are beyond chance, and make a run far dearer."""
    was, now = ((one.retried + one.reclaimed) / one.runs for one in (old, new))
    usually, lately = lossy_share(old), lossy_share(new)
    return (
        new.lossy >= LOSSY_RUNS
        and now - was >= LOSSY_PART * old.cost / old.runs
        and lately * (1 - usually) >= LOSSY_ODDS * usually * (1 - lately)
        and chance(usually, lately, new.runs) <= CHANCE
    )


def lossy_share(figures: RunFigures) -> float:
    """The share of runs with lost tries, never 0."""
    return (figures.lossy + 0.5) / (figures.runs + 1)


def unusual_runs(
    history: Sequence[RunsOfDay], known: Sequence[DearRun], dearest: Sequence[DearRun]
) -> Iterator[DearRun]:
    """The runs of a day that are beyond what their version's runs usually cost."""
    costs = costs_of(history)
    if len(costs) < RUN_EVIDENCE:
        return
    usual = usual_of(costs)
    # The fewer runs, the less is their spread known.
    spread = usual.spread * (1 + 2 / sqrt(usual.runs))
    least = usual.median * max(RUN_FACTOR, exp(RUN_SPREADS * spread))
    net, whole = (
        max(least, _end_of_tail(amounts))
        for amounts in ([run.figures.net for run in known], [run.cost for run in known])
    )
    for run in dearest:
        if run.figures.net > net or run.cost > max(whole, LOST_FACTOR * run.figures.net):
            yield run


def _end_of_tail(amounts: Iterable[Micros]) -> float:
    """What a usual run may cost at most, by the dearest so far: by Hill's estimate of how heavy their tail is."""
    dearest = sorted((amount for amount in amounts if amount > 0), reverse=True)[: TAIL_RUNS + 1]
    if not dearest:
        return 0.0
    tail = sum(log(one / dearest[-1]) for one in dearest) / len(dearest)
    return dearest[0] * max(ABOVE_DEAREST, exp(TAILS * tail))
