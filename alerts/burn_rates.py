"""
Alerts about error budgets, each judged by a long and a short window (Google, The Site Reliability Workbook, chapter 5).

A factor of 1 uses the budget of 30 days up in 30 days. The long window says that much of it went, the short one that it
goes on. A cluster with little traffic is not judged, since one failure of three is not a rate.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from alerts.numbers import Numbers, span
from alerts.promql import increase, part, rate
from alerts.rules import Alert, Builder, Recording, Severity
from alerts.text import PERCENT
from alerts.thresholds import ByAlert, ThresholdError
from collector.catalog import metrics as catalog
from collector.catalog.metrics import Metric

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Burn:
    """A pair of windows, and the factor above which the budget burns too fast."""

    factor: float
    long_s: int
    short_s: int
    severity: Severity
    hold_s: int


BURNS = (
    Burn(14.4, HOUR_S, 5 * MINUTE_S, "critical", 2 * MINUTE_S),
    Burn(6, 6 * HOUR_S, 30 * MINUTE_S, "critical", 15 * MINUTE_S),
    Burn(3, DAY_S, 2 * HOUR_S, "warning", HOUR_S),
    Burn(1, 3 * DAY_S, 6 * HOUR_S, "warning", 3 * HOUR_S),
)
"""Of the budget of 30 days 2 % in an hour, 5 % in six hours, 10 % in a day, 10 % in three days."""

WINDOWS_S = tuple(sorted({window for burn in BURNS for window in (burn.long_s, burn.short_s)}))
BUDGET_S = 30 * DAY_S
OFTEN_S = 2 * HOUR_S
"""Longest window that is evaluated each 30 s; the others move so little that once a minute is enough."""


@dataclass(frozen=True, slots=True)
class Sli:
    """What is counted: good and bad events of a histogram or of a counter by outcome."""

    metric: Metric
    by: str
    bad: str
    """Operation in the names of the recorded ratios."""

    def series(self, operation: str) -> str:
        """The name of a recorded series."""
        return f"{self.by.replace(', ', '_')}:{self.metric.name}:{operation}"

    def ratio(self, window_s: int) -> str:
        """The recorded share of bad events."""
        return self.series(f"{self.bad}_ratio_rate{span(window_s)}")

    def rate(self, window_s: int) -> str:
        """The recorded number of all events per second."""
        return self.series(f"rate{span(window_s)}")


LATENCY = Sli(catalog.QUEUE_LATENCY, "cluster, queue", "slow")
PLATFORM = Sli(catalog.FINISHED, "cluster", "platform")

_JUDGED = f'{catalog.FINISHED.name}{{outcome=~"succeeded|failed|platform"}}'
_FAILED = f'{catalog.FINISHED.name}{{outcome="platform"}}'
_TAKEN = part(catalog.QUEUE_LATENCY.name, "_count")


def exposed_bound(metric: Metric, bound: float) -> str:
    """The label `le` of a bucket as it is exposed; a bound that is not a bucket is an error."""
    if bound not in metric.buckets:
        known = ", ".join(f"{each:g}" for each in metric.buckets)
        raise ThresholdError(
            f"{bound:g} s is not a bucket of {metric.name}, so nothing counts it; its buckets are {known}"
        )
    return str(float(bound))


def recordings(alerts: ByAlert, time_scale: float = 1) -> Iterator[Recording]:
    """Rates and shares of bad events for each window, and both by the hour; 30 days of these make the budget."""
    bound = alerts["queue_latency_budget_burn"]["bound"]
    if bound.overrides:
        raise ThresholdError("queue_latency_budget_burn.bound: has no overrides, since all queues share its recordings")
    fast = f'{part(catalog.QUEUE_LATENCY.name, "_bucket")}{{le="{exposed_bound(catalog.QUEUE_LATENCY, bound.value)}"}}'
    latency, platform = catalog.QUEUE_LATENCY, catalog.FINISHED
    for window_s in WINDOWS_S:
        window = span(window_s / time_scale)
        taken = rate(latency, _TAKEN, window, LATENCY.by)
        finished = rate(platform, _JUDGED, window, PLATFORM.by)
        # Without a failure there is no series of failures: then the share is 0, not unknown.
        failed = f"({rate(platform, _FAILED, window, PLATFORM.by)} or 0 * {PLATFORM.rate(window_s)})"
        yield _recording(LATENCY.rate(window_s), taken, window_s)
        slow = f"1 - {rate(latency, fast, window, LATENCY.by)} / ({LATENCY.rate(window_s)} > 0)"
        yield _recording(LATENCY.ratio(window_s), slow, window_s)
        yield _recording(PLATFORM.rate(window_s), finished, window_s)
        yield _recording(PLATFORM.ratio(window_s), f"{failed} / ({PLATFORM.rate(window_s)} > 0)", window_s)
    hour = span(HOUR_S / time_scale)
    for sli, metric, events, series in (
        (LATENCY, latency, "all", _TAKEN),
        (LATENCY, latency, "good", fast),
        (PLATFORM, platform, "all", _JUDGED),
        (PLATFORM, platform, "bad", _FAILED),
    ):
        grown = increase(metric, series, hour, sli.by)
        expr = f"{grown} or 0 * {sli.series('all_increase1h')}" if events == "bad" else grown
        yield Recording(record=sli.series(f"{events}_increase1h"), expr=expr, interval_s=60)


def _recording(record: str, expr: str, window_s: int) -> Recording:
    return Recording(record=record, expr=expr, interval_s=30 if window_s <= OFTEN_S else 60)


def queue_latency_budget_burn(numbers: Numbers) -> tuple[Alert, ...]:
    """The promise to users of a queue is broken at a pace that its budget does not bear."""
    return tuple(
        _burn(
            numbers,
            LATENCY,
            burn,
            name="QueueLatencyBudgetBurn",
            summary="Workflows of a queue start too late too often.",
            what=(
                "of the workflows of {{ $labels.queue }} on {{ $labels.cluster }} "
                f"waited for more than {numbers.words('bound')}"
            ),
        )
        for burn in BURNS
    )


def platform_error_budget_burn(numbers: Numbers) -> tuple[Alert, ...]:
    """Failures that are the platform's, not those of the users' code."""
    return tuple(
        _burn(
            numbers,
            PLATFORM,
            burn,
            name="PlatformErrorBudgetBurn",
            summary="The platform makes workflows fail too often.",
            what="of the workflows on {{ $labels.cluster }} failed through the platform",
        )
        for burn in BURNS
    )


def _burn(numbers: Numbers, sli: Sli, burn: Burn, *, name: str, summary: str, what: str) -> Alert:
    limit = above(name, burn.factor, numbers.share("objective"))
    expr = (
        f"{numbers.of(sli.ratio(burn.long_s))} > {limit}",
        f"and {numbers.of(sli.ratio(burn.short_s))} > {limit}",
        f"and {HOUR_S} * {numbers.of(sli.rate(burn.long_s))} >= {numbers['traffic']}",
    )
    allowed = f"{100 - numbers['objective']:g} %"
    return Alert(
        name=name,
        expr="\n".join(expr),
        severity=burn.severity,
        summary=summary,
        description=(
            f"{PERCENT} {what} in the last {in_words(burn.long_s)}, where the objective allows {allowed}. "
            f"At this pace the error budget of 30 days lasts less than {in_words(BUDGET_S / burn.factor)}."
        ),
        hold=span(burn.hold_s / numbers.time_scale),
        labels=tuple(sli.by.split(", ")),
        more_labels={"long": span(burn.long_s), "short": span(burn.short_s)},
    )


def above(name: str, factor: float, objective: float) -> float:
    """The share of bad events above which a budget burns by a factor; one that no share exceeds is an error."""
    limit = round(factor * (1 - objective), 6)
    if limit >= 1:
        highest = f"{100 * (1 - 1 / factor):.4g}"
        raise ThresholdError(
            f"{name}: with an objective of {100 * objective:g} % a burn rate of {factor:g} means {100 * limit:g} % bad events, "
            f"which never occurs; the objective must be above {highest} %"
        )
    return limit


def in_words(seconds: float) -> str:
    """A time in days where these are whole, else in hours; one of either needs no number."""
    unit, size = ("day", DAY_S) if seconds % DAY_S == 0 else ("hour", HOUR_S)
    return unit if seconds == size else f"{seconds / size:g} {unit}s"


RECORDINGS = recordings

BUILDERS: tuple[Builder, ...] = (queue_latency_budget_burn, platform_error_budget_burn)
