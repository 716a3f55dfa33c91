"""Cases of alerts/controller.py."""

from tests.promtool.cases import Case, Fires, Silent

KILLS = 'lynceus_controller_oom_kills_total{cluster="prod", container="workflow-controller"}'
CONTAINER = {"cluster": "prod", "container": "workflow-controller"}


def _killed(times: int) -> str:
    return (
        f"The kubelet reports OOMKilled for workflow-controller on prod: {times} time(s) in 15 minutes. "
        "If no replica leads, ControllerNoLeader fires as well."
    )


KILLED = "An Argo controller was OOM-killed."
OOM: tuple[Case, ...] = (
    Fires(
        alert="ControllerOOMKilled",
        severity="critical",
        story="one kill pages at once, and clears when the controller has held for a while",
        series={KILLS: "0x10 1x50"},
        silent_at=("10m", "40m"),
        fires_at=("11m", "25m", "29m"),
        labels=CONTAINER,
        summary=KILLED,
        text=_killed(1),
    ),
    Fires(
        alert="ControllerOOMKilled",
        severity="critical",
        story="the first evaluation after the scrape that has the kill pages",
        interval="15s",
        series={KILLS: "0x19 1x100"},
        silent_at=("4m50s",),
        fires_at=("5m", "5m10s"),
        labels=CONTAINER,
        summary=KILLED,
        text=_killed(1),
    ),
    Fires(
        alert="ControllerOOMKilled",
        severity="critical",
        story="between two kills ten minutes apart it does not end; before and after the second",
        series={KILLS: "0x9 1x9 2x40"},
        silent_at=("9m", "45m"),
        fires_at=("10m", "15m", "19m30s"),
        labels=CONTAINER,
        summary=KILLED,
        text=_killed(1),
    ),
    Fires(
        alert="ControllerOOMKilled",
        severity="critical",
        story="between two kills ten minutes apart it does not end; from the second on",
        series={KILLS: "0x9 1x9 2x40"},
        fires_at=("20m", "20m30s", "21m", "23m"),
        labels=CONTAINER,
        summary=KILLED,
        text=_killed(2),
    ),
    Silent(
        alert="ControllerOOMKilled",
        story="kills of long ago, and a collector that restarts with their total",
        series={KILLS: "7x10 _x5 7x30"},
        at=("9m", "17m", "30m"),
    ),
    Silent(
        alert="ControllerOOMKilled",
        story="the total of a cluster that Prometheus sees for the first time",
        series={KILLS: "_x10 3x30"},
        at=("11m", "15m", "30m"),
    ),
    Fires(
        alert="ControllerOOMLoop",
        severity="critical",
        story="the third kill in twenty minutes is a loop, until half an hour after the hour has fewer than three",
        series={KILLS: "0x9 1x9 2x9 3x120"},
        silent_at=("29m30s", "101m"),
        fires_at=("30m", "60m", "69m", "98m"),
        labels=CONTAINER,
        summary="An Argo controller is OOM-killed again and again.",
        text=(
            "The kubelet reports OOMKilled for workflow-controller on prod: 3 times in 1 hour. "
            "It will not recover by itself: raise its memory limit now."
        ),
    ),
    Silent(
        alert="ControllerOOMLoop",
        story="two kills ten minutes apart, and a third two hours later",
        series={KILLS: "0x9 1x9 2x120 3x60"},
        at=("10m", "20m", "60m", "141m", "170m"),
    ),
    Silent(
        alert="ControllerOOMLoop",
        story="kills of long ago, and a collector that restarts with their total",
        series={KILLS: "7x10 _x5 7x60"},
        at=("9m", "17m", "60m"),
    ),
)

A_LEADS, A_READY = (f'lynceus_controller_{what}{{cluster="prod", pod="a"}}' for what in ("leader", "ready"))
B_LEADS, B_READY = (f'lynceus_controller_{what}{{cluster="prod", pod="b"}}' for what in ("leader", "ready"))
NO_LEADER: tuple[Case, ...] = (
    Fires(
        alert="ControllerNoLeader",
        severity="critical",
        story="the Lease names a pod that is not ready, and the other replica does not take over",
        series={A_LEADS: "1x60", A_READY: "1x10 0x20 1x30", B_LEADS: "0x60", B_READY: "1x60"},
        silent_at=("10m", "11m30s", "32m"),
        fires_at=("12m10s", "30m"),
        labels={"cluster": "prod"},
        summary="No replica of the Argo controller leads.",
        text=(
            "No replica of the Argo controller on prod has been both ready and the leader for 1 minute. "
            "Nothing starts there, and no step advances."
        ),
    ),
    Fires(
        alert="ControllerNoLeader",
        severity="critical",
        story="the leader's pod is gone, and the one that is left waits for a Lease that names the other",
        series={A_LEADS: "1x10 stale", A_READY: "1x10 stale", B_LEADS: "0x60", B_READY: "1x60"},
        silent_at=("10m",),
        fires_at=("13m", "50m"),
        labels={"cluster": "prod"},
        summary="No replica of the Argo controller leads.",
        text=(
            "No replica of the Argo controller on prod has been both ready and the leader for 1 minute. "
            "Nothing starts there, and no step advances."
        ),
    ),
    Silent(
        alert="ControllerNoLeader",
        story="a failover of 32 s, and of up to 15 s more until the Lease is read",
        interval="15s",
        series={A_LEADS: "1x24 0x60", A_READY: "1x21 0x60", B_LEADS: "0x24 1x60", B_READY: "1x84"},
        at=("5m", "5m30s", "6m", "6m30s", "10m"),
    ),
    Silent(
        alert="ControllerNoLeader",
        story="a collector that restarts: no figure for a while",
        series={A_LEADS: "1x10 _x10 1x10", A_READY: "1x10 _x10 1x10"},
        at=("11m", "15m", "20m", "25m"),
    ),
    Silent(
        alert="ControllerNoLeader",
        story="a single replica whose leader is not known",
        series={A_READY: "1x60"},
        at=("1m", "30m"),
    ),
)

CASES: tuple[Case, ...] = (*OOM, *NO_LEADER)
