"""Cases of alerts/controller.py."""

from tests.promtool.cases import Case, Fires, Silent

KILLS = 'lynceus_controller_oom_kills_total{cluster="prod", container="workflow-controller"}'

CASES: tuple[Case, ...] = (
    Fires(
        alert="ControllerOOMKilled",
        severity="critical",
        story="one kill pages at once, and clears when the controller has held for a while",
        series={KILLS: "0x10 1x50"},
        silent_at=("10m", "40m"),
        fires_at=("11m", "25m", "29m"),
        labels={"cluster": "prod", "container": "workflow-controller"},
        summary="An Argo controller was OOM-killed.",
        text=(
            "workflow-controller on prod was OOM-killed 1 time(s) in 15 minutes. "
            "Nothing starts on this cluster until it is back."
        ),
    ),
    Silent(
        alert="ControllerOOMKilled",
        story="kills of long ago, and a collector that restarts with their total",
        series={KILLS: "7x10 _x5 7x30"},
        at=("9m", "17m", "30m"),
    ),
)
