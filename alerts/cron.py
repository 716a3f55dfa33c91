"""
Alerts about cron workflows: runs that are missed, skipped, or never succeed.
"""

from alerts.numbers import Numbers
from alerts.promql import increase, once
from alerts.rules import Alert, Builder, Recording
from alerts.text import COUNT, CRON, DURATION
from collector.catalog import metrics as catalog
from collector.catalog.metrics import Metric

BY = "cluster, namespace, cron"
LABELS = ("cluster", "namespace", "cron")

RECORDINGS: tuple[Recording, ...] = ()


def _runs(numbers: Numbers, metric: Metric) -> str:
    """How often in the window; rounded, since an increase is an estimate and 2.9 of 3 would not count."""
    return f"round({increase(metric, numbers.of(metric), numbers.span('window'), BY)})"


def cron_missed(numbers: Numbers) -> Alert:
    """Work that was due did not run, and no policy forbade it."""
    return Alert(
        name="CronMissed",
        expr=f"{_runs(numbers, catalog.CRON_MISSED)} > {numbers['runs']}",
        severity="warning",
        summary="A cron workflow missed a run.",
        description=f"{COUNT} due runs of {CRON} did not start in the last {numbers.words('window')}.",
        labels=LABELS,
        needs_watch=True,
    )


def cron_missed_repeatedly(numbers: Numbers) -> Alert:
    """One missed run may be an outage of minutes; several mean that the schedule no longer works."""
    return Alert(
        name="CronMissedRepeatedly",
        expr=f"{_runs(numbers, catalog.CRON_MISSED)} >= {numbers['runs']}",
        severity="critical",
        summary="A cron workflow misses run after run.",
        description=f"{COUNT} due runs of {CRON} did not start in the last {numbers.words('window')}.",
        labels=LABELS,
        needs_watch=True,
    )


def cron_skipping(numbers: Numbers) -> Alert:
    """Runs longer than the period: with the policy Forbid each of them costs the next."""
    return Alert(
        name="CronSkipping",
        expr=f"{_runs(numbers, catalog.CRON_SKIPPED)} >= {numbers['runs']}",
        severity="warning",
        summary="A cron workflow skips runs.",
        description=f"{COUNT} due runs of {CRON} were skipped by its own policy in the last {numbers.words('window')}.",
        labels=LABELS,
        needs_watch=True,
    )


def cron_no_recent_success(numbers: Numbers) -> Alert:
    """It runs and fails, which no alert about missed runs sees."""
    last_run = once(catalog.CRON_LAST_RUN, numbers.of(catalog.CRON_LAST_RUN))
    success = once(catalog.CRON_LAST_SUCCESS, catalog.CRON_LAST_SUCCESS.name)
    period = once(catalog.CRON_PERIOD, catalog.CRON_PERIOD.name)
    # Both are due times: nights and weekends in which nothing is due do not count. While it is suspended it has no period.
    return Alert(
        name="CronNoRecentSuccess",
        expr=f"{last_run} - {success} > {numbers['periods']} * {period}",
        severity="warning",
        summary="A cron workflow has not succeeded for long.",
        description=(
            f"The last run of {CRON} that succeeded was due {DURATION} before its last run, "
            f"which is more than {numbers['periods']:g} periods."
        ),
        hold=numbers.span("hold"),
        labels=LABELS,
        needs_watch=True,
    )


BUILDERS: tuple[Builder, ...] = (cron_missed, cron_missed_repeatedly, cron_skipping, cron_no_recent_success)
