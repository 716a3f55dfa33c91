"""Cases of alerts/burn_rates.py."""

from dataclasses import replace

from alerts.rules import Severity
from tests.promtool.cases import Case, Fires, Silent

QUEUE = {"cluster": "prod", "queue": "night"}
PLATFORM = {"cluster": "prod"}
FAST = {"long": "1h", "short": "5m"}
STEADY = {"long": "6h", "short": "30m"}
SLOW = {"long": "1d", "short": "2h"}
CREEPING = {"long": "3d", "short": "6h"}


def latency(fast: str, every: str) -> dict[str, str]:
    """The histogram of a queue: how many started within 300 s, and how many in all."""
    name = "lynceus_queue_latency_seconds"
    return {
        f'{name}_bucket{{cluster="prod", queue="night", le="300.0"}}': fast,
        f'{name}_bucket{{cluster="prod", queue="night", le="+Inf"}}': every,
        f'{name}_count{{cluster="prod", queue="night"}}': every,
    }


def finished(**outcomes: str) -> dict[str, str]:
    """Finished attempts by outcome."""
    return {
        f'lynceus_workflows_finished_total{{cluster="prod", namespace="ml", outcome="{outcome}"}}': values
        for outcome, values in outcomes.items()
    }


def late(severity: Severity, windows: dict[str, str], share: str, time: str, rest: str) -> Fires:
    """A queue whose budget burns."""
    return Fires(
        alert="QueueLatencyBudgetBurn",
        severity=severity,
        story="",
        series={},
        fires_at=(),
        labels={**QUEUE, **windows},
        summary="Workflows of a queue start too late too often.",
        text=(
            f"{share} of the workflows of night on prod waited for more than 300 seconds in the last {time}, "
            f"where the objective allows 5 %. At this pace the error budget of 30 days lasts less than {rest}."
        ),
    )


def broken(severity: Severity, windows: dict[str, str], share: str, time: str, rest: str) -> Fires:
    """A platform whose budget burns."""
    return Fires(
        alert="PlatformErrorBudgetBurn",
        severity=severity,
        story="",
        series={},
        fires_at=(),
        labels={**PLATFORM, **windows},
        summary="The platform makes workflows fail too often.",
        text=(
            f"{share} of the workflows on prod failed through the platform in the last {time}, where the objective allows 1 %. "
            f"At this pace the error budget of 30 days lasts less than {rest}."
        ),
    )


LATENCY: tuple[Case, ...] = (
    replace(
        late("critical", FAST, "80%", "hour", "50 hours"),
        story="four of five start late for an hour, which two pairs of windows see; later all are in time again",
        series=latency("0+10x60 602+2x59 730+10x129", "0+10x250"),
        silent_at=("59m", "245m"),
        fires_at=("120m",),
        along=(late("critical", STEADY, "39.66%", "6 hours", "5 days"),),
    ),
    replace(
        late("critical", STEADY, "40%", "6 hours", "5 days"),
        story="two of five start late all day: the fastest pair keeps silent, the second pages",
        series=latency("0+6x60", "0+10x60"),
        silent_at=("10m",),
        fires_at=("50m",),
    ),
    replace(
        late("warning", SLOW, "20%", "day", "10 days"),
        story="every fifth starts late all day: tickets, no page",
        series=latency("0+40x80", "0+50x80"),
        interval="5m",
        silent_at=("30m", "55m"),
        fires_at=("6h",),
        along=(late("warning", CREEPING, "20%", "3 days", "30 days"),),
    ),
    Silent(
        alert="QueueLatencyBudgetBurn",
        story="low traffic: all of nineteen an hour start late",
        series=latency("0x80", "0+1.58x80"),
        interval="5m",
        at=("1h30m", "4h", "6h"),
    ),
    Silent(
        alert="QueueLatencyBudgetBurn",
        story="all start in time while the collector restarts and its histogram begins at 0 again",
        series=latency("0+10x60 _ _ 0+10x60", "0+10x60 _ _ 0+10x60"),
        at=("62m", "70m", "120m"),
    ),
    Silent(
        alert="QueueLatencyBudgetBurn",
        story="the first 30 minutes: a burst of fifteen late ones is not a rate",
        series=latency("0x30", "0+0.5x30"),
        at=("5m", "15m", "30m"),
    ),
    Silent(
        alert="QueueLatencyBudgetBurn",
        story="one of twenty-five starts late for days",
        series=latency("0+48x100", "0+50x100"),
        interval="5m",
        at=("2h", "8h"),
    ),
)

ERRORS: tuple[Case, ...] = (
    replace(
        broken("critical", FAST, "19.87%", "hour", "50 hours"),
        story="every fifth fails through the platform from one moment on",
        series=finished(succeeded="0+10x60 608+8x59", platform="0x60 2+2x59", cancelled="0+9x120"),
        silent_at=("59m",),
        fires_at=("120m",),
        # Shares of six hours are recorded once a minute.
        along=(broken("critical", STEADY, "9.916%", "6 hours", "5 days"),),
    ),
    replace(
        broken("warning", SLOW, "4%", "day", "10 days"),
        story="four of a hundred fail all day: tickets, no page",
        series=finished(succeeded="0+480x80", platform="0+20x80"),
        interval="5m",
        silent_at=("30m", "55m"),
        fires_at=("6h",),
        along=(broken("warning", CREEPING, "4%", "3 days", "30 days"),),
    ),
    Silent(
        alert="PlatformErrorBudgetBurn",
        story="users' code fails, a run is cancelled, and nothing fails through the platform, whose series does not exist",
        series=finished(succeeded="0+5x120", failed="0+5x120", cancelled="0+50x120"),
        at=("30m", "119m"),
    ),
    Silent(
        alert="PlatformErrorBudgetBurn",
        story="low traffic: one of ten an hour fails",
        series=finished(succeeded="0+0.75x100", platform="0+0.08x100"),
        interval="5m",
        at=("2h", "8h"),
    ),
    Silent(
        alert="PlatformErrorBudgetBurn",
        story="the series of failures appears at 1, as after a restart of the collector with another address",
        series=finished(succeeded="0+1x120", platform="_x60 1x60"),
        at=("62m", "70m", "119m"),
    ),
    Silent(
        alert="PlatformErrorBudgetBurn",
        story="one failure of a hundred is what the objective allows",
        series=finished(succeeded="0+495x100", platform="0+5x100"),
        interval="5m",
        at=("2h", "8h"),
    ),
)

CASES: tuple[Case, ...] = (*LATENCY, *ERRORS)
