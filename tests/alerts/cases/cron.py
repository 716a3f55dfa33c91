"""Cases of alerts/cron.py."""

from tests.promtool.cases import Case, Fires, Silent

LABELS = {"cluster": "prod", "namespace": "ml", "cron": "report"}


def cron(metric: str, more: str = "") -> str:
    """A series of one cron workflow."""
    return f'lynceus_cron_{metric}{{cluster="prod", namespace="ml", cron="report"{more}}}'


MISSED = cron("missed_total")
FORBIDDEN = cron("skipped_total", ', reason="forbid"')
LAST = cron("last_run_timestamp_seconds")
SUCCESS = cron("last_success_timestamp_seconds")
PERIOD = cron("period_seconds")

CASES: tuple[Case, ...] = (
    Fires(
        alert="CronMissed",
        severity="warning",
        story="one run is missed while the controller is away",
        series={MISSED: "0x10 1x40"},
        silent_at=("10m", "30m"),
        fires_at=("11m", "20m"),
        labels=LABELS,
        summary="A cron workflow missed a run.",
        text="1 due runs of ml/report on prod did not start in the last 15 minutes.",
    ),
    Silent(
        alert="CronMissed",
        story="misses of long ago: the collector restarts with their total, at another address",
        series={
            MISSED.replace("{", '{instance="a", '): "7x20",
            MISSED.replace("{", '{instance="b", '): "_x22 7x30",
        },
        at=("10m", "21m", "24m", "40m"),
    ),
    Silent(
        alert="CronMissed",
        story="the series appears at 1 with a cluster whose counters were restored",
        series={MISSED: "_x5 1x30"},
        at=("6m", "15m", "30m"),
    ),
    Fires(
        alert="CronMissedRepeatedly",
        severity="critical",
        story="the template of a cron that is due each hour is gone",
        series={MISSED: "0x60 1x60 2x60 3x400"},
        silent_at=("170m", "560m"),
        fires_at=("183m", "300m"),
        labels=LABELS,
        summary="A cron workflow misses run after run.",
        text="3 due runs of ml/report on prod did not start in the last 6 hours.",
    ),
    Silent(
        alert="CronMissedRepeatedly",
        story="a cron of each minute loses two runs in a change of the leader",
        series={MISSED: "0x30 1 2x300"},
        at=("31m", "40m", "100m", "300m"),
    ),
    Silent(
        alert="CronMissedRepeatedly",
        story="two are missed in the first minutes after a cron was created",
        series={MISSED: "_x10 0 1 2x50"},
        at=("12m", "15m", "30m"),
    ),
    Fires(
        alert="CronSkipping",
        severity="warning",
        story="each run takes longer than the period, and the policy is Forbid",
        series={FORBIDDEN: "0+0.05x120 6x400"},
        silent_at=("30m", "500m"),
        fires_at=("200m",),
        labels=LABELS,
        summary="A cron workflow skips runs.",
        text="6 due runs of ml/report on prod were skipped by its own policy in the last 6 hours.",
    ),
    Silent(
        alert="CronSkipping",
        story="one long run, which costs the next two",
        series={FORBIDDEN: "0x30 1x10 2x100", cron("skipped_total", ', reason="when"'): "0x140"},
        at=("31m", "60m", "130m"),
    ),
    Fires(
        alert="CronNoRecentSuccess",
        severity="warning",
        story="a cron of each ten minutes runs and fails",
        series={
            LAST: "0x9 600x9 1200x9 1800x9 2400x9 3000x9 3600x9 4200x9 4800x9 5400x9 6000x9 6600x9",
            SUCCESS: "0x110 6600x9",
            PERIOD: "600x120",
        },
        silent_at=("39m", "90m", "112m"),
        fires_at=("105m",),
        labels=LABELS,
        summary="A cron workflow has not succeeded for long.",
        text=(
            "The last run of ml/report on prod that succeeded was due 1h 40m 0s before its last run, "
            "which is more than 3 periods."
        ),
    ),
    Silent(
        alert="CronNoRecentSuccess",
        story="on Monday the last success was on Friday, and the first run of the week takes half an hour",
        series={LAST: "0x20 259200x100", SUCCESS: "0x50 259200x70", PERIOD: "600x120"},
        at=("22m", "49m", "90m"),
    ),
    Silent(
        alert="CronNoRecentSuccess",
        story="suspended for days, and never run at all",
        series={LAST: "900000x200", SUCCESS: "0x200", cron("period_seconds").replace("report", "other"): "60x200"},
        at=("90m", "190m"),
    ),
)
