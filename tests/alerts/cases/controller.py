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

NOT_READY: tuple[Case, ...] = (
    Fires(
        alert="ControllerDown",
        severity="critical",
        story="all replicas lose their readiness at once",
        series={A_READY: "1x10 0x20 1x10", B_READY: "1x10 0x20 1x10"},
        silent_at=("10m", "12m30s", "32m"),
        fires_at=("13m30s", "30m"),
        labels={"cluster": "prod"},
        summary="No pod of the Argo controller is ready.",
        text=(
            "No pod of the Argo controller on prod has been ready for 2 minutes. Nothing starts there, and no step advances."
        ),
    ),
    Silent(
        alert="ControllerDown",
        story="a failover, a roll-out of a single replica, and a collector that restarts",
        interval="15s",
        series={
            A_READY: "1x20 0x100",
            B_READY: "1x100",
            'lynceus_controller_ready{cluster="one", pod="old"}': "1x20 stale",
            'lynceus_controller_ready{cluster="one", pod="new"}': "_x20 0x6 1x30 _x6 1x60",
        },
        at=("5m30s", "6m30s", "7m", "15m", "17m", "20m"),
    ),
    Fires(
        alert="ControllerMissing",
        severity="critical",
        story="scaled to 0; another cluster has its controller",
        series={
            'lynceus_cluster_up{cluster="prod"}': "1x60",
            'lynceus_cluster_up{cluster="other"}': "1x60",
            A_READY: "1x10 stale _x29 1x20",
            'lynceus_controller_ready{cluster="other", pod="a"}': "1x60",
        },
        silent_at=("10m", "20m30s", "41m"),
        fires_at=("22m", "39m"),
        labels={"cluster": "prod"},
        summary="A cluster has no pod of an Argo controller.",
        text=(
            "prod is watched, and for 10 minutes it has had no pod of an Argo controller. "
            "Either it is scaled to 0, or controller_namespace names another namespace."
        ),
    ),
    Silent(
        alert="ControllerMissing",
        story="a cluster that is not watched, a pod that is not ready, and a collector that restarts",
        series={
            'lynceus_cluster_up{cluster="prod"}': "0x60",
            'lynceus_cluster_up{cluster="down"}': "1x10 _x2 1x60",
            'lynceus_controller_ready{cluster="down", pod="a"}': "0x10 _x2 0x60",
        },
        at=("11m", "14m", "30m", "60m"),
    ),
    Fires(
        alert="ControllerReplicaNotReady",
        severity="warning",
        story="the spare is not ready, under changing names",
        series={
            A_READY: "1x60",
            B_READY: "1x10 0x10 stale",
            'lynceus_controller_ready{cluster="prod", pod="c"}': "_x20 0x20 1x20",
        },
        silent_at=("10m", "20m30s", "43m"),
        fires_at=("22m", "40m"),
        labels={"cluster": "prod"},
        summary="A replica of the Argo controller is not ready.",
        text=(
            "1 pod(s) of the Argo controller on prod are not ready, for more than 10 minutes. "
            "Another pod is ready; no spare is left for the next failover."
        ),
    ),
    Silent(
        alert="ControllerReplicaNotReady",
        story="a failover, and a cluster without any pod that is ready, which has its own alert",
        series={A_READY: "1x10 0x5 1x60", B_READY: "1x60", 'lynceus_controller_ready{cluster="down", pod="a"}': "0x60"},
        at=("11m", "15m", "20m", "60m"),
    ),
)

ERROR = 'lynceus_controller_restarts_total{cluster="prod", container="workflow-controller", reason="error"}'
EVICTED = ERROR.replace("error", "evicted")
OF_OOM = ERROR.replace("error", "oom")
CHANGES = 'lynceus_controller_leader_changes_total{cluster="prod"}'
AGAIN: tuple[Case, ...] = (
    Fires(
        alert="ControllerCrashLooping",
        severity="critical",
        story="three ends within twenty minutes, for two reasons",
        series={ERROR: "0x9 1x9 2x120", EVICTED: "0x29 1x120"},
        silent_at=("29m30s", "101m"),
        fires_at=("30m", "69m", "98m"),
        labels=CONTAINER,
        summary="An Argo controller restarts again and again.",
        text="workflow-controller on prod ended 3 times in 1 hour, and not by an OOM kill.",
    ),
    Silent(
        alert="ControllerCrashLooping",
        story="OOM kills, which have their own alert, and two other ends",
        series={OF_OOM: "0x9 1x9 2x9 3x60", ERROR: "0x9 1x9 2x70"},
        at=("30m", "60m"),
    ),
    Silent(
        alert="ControllerCrashLooping",
        story="ends of long ago: a collector that restarts with their total, and a release before the label",
        series={ERROR: "7x10 _x5 7x60", ERROR.replace(', reason="error"', ""): "7x10 stale"},
        at=("9m", "17m", "60m"),
    ),
    Fires(
        alert="ControllerLeaderFlapping",
        severity="warning",
        story="the Lease moves every five minutes",
        series={CHANGES: "0x9 1x4 2x4 3x4 4x4 5x60"},
        silent_at=("29m30s", "75m"),
        fires_at=("30m", "60m"),
        labels={"cluster": "prod"},
        summary="The leader of the Argo controller changes again and again.",
        text=(
            "The Lease of the Argo controller on prod went to another holder 5 times in 1 hour. "
            "Each time nothing starts for up to half a minute."
        ),
    ),
    Silent(
        alert="ControllerLeaderFlapping",
        story="an upgrade of nodes and controller, and a collector that restarts with a high total",
        series={
            CHANGES: "0x9 1x9 2x9 3x60",
            'lynceus_controller_leader_changes_total{cluster="other"}': "9x9 _x3 9x60",
        },
        at=("30m", "60m"),
    ),
)

CASES: tuple[Case, ...] = (*OOM, *NO_LEADER, *NOT_READY, *AGAIN)
