"""Cases of alerts/outcomes.py."""

from dataclasses import replace

from tests.promtool.cases import Case, Fires, Silent

CLUSTER = {"cluster": "prod"}
NAMESPACE = {"cluster": "prod", "namespace": "ml"}
KILLS = 'lynceus_controller_oom_kills_total{cluster="prod", container="workflow-controller"}'
RETRIES = 'lynceus_workflow_retries_total{cluster="prod", namespace="ml"}'
RECLAIMED = 'lynceus_workflow_platform_failures_total{cluster="prod", namespace="ml", reason="spot_reclaimed"}'


def begun(reason: str) -> str:
    """The series of workflows that have begun."""
    return f'lynceus_workflows{{cluster="prod", namespace="ml", reason="{reason}"}}'


def finished(outcome: str) -> str:
    """The series of finished attempts."""
    return f'lynceus_workflows_finished_total{{cluster="prod", namespace="ml", outcome="{outcome}"}}'


def stuck(cause: str, namespace: str = "ml") -> str:
    """The series of stuck workflows."""
    return f'lynceus_workflows_stuck{{cluster="prod", namespace="{namespace}", cause="{cause}"}}'


def delay(of: str, le: str = "") -> str:
    """A series of the histogram of late ends."""
    bound = f', le="{le}"' if le else ""
    return f'lynceus_workflow_completion_delay_seconds_{of}{{cluster="prod"{bound}}}'


STEPS: tuple[Case, ...] = (
    Fires(
        alert="StepsNotAdvancing",
        severity="warning",
        story="half of the workflows are between two steps for long",
        series={begun("advancing"): "1x10 30x40 1x20", begun("running"): "60x10 31x40 60x20"},
        silent_at=("9m", "25m", "52m"),
        fires_at=("27m", "49m"),
        labels=CLUSTER,
        summary="Workflows wait for the controller between two steps.",
        text=(
            "30 workflows on prod are between two steps, and no pod of them exists: the controller does not keep up."
        ),
    ),
    Silent(
        alert="StepsNotAdvancing",
        story="a large fleet always has some between two steps",
        series={begun("advancing"): "90x60", begun("running"): "900x60"},
        at=("20m", "50m"),
    ),
    Silent(
        alert="StepsNotAdvancing",
        story="an OOM kill, after which the controller works its way through all workflows",
        series={begun("advancing"): "1x10 40x25 1x30", begun("running"): "60x65", KILLS: "0x9 1x60"},
        at=("12m", "27m", "34m", "60m"),
    ),
)

FAILURES: tuple[Case, ...] = (
    Fires(
        alert="UserFailureBurst",
        severity="warning",
        story="a change breaks three of four runs of a team",
        series={finished("succeeded"): "0+1x120", finished("failed"): "0+3x120", finished("cancelled"): "0+9x120"},
        silent_at=("2m",),
        fires_at=("60m", "110m"),
        labels=NAMESPACE,
        summary="Most workflows of a namespace fail through their own code.",
        text="75% of the workflows in namespace ml on prod failed in the last 1 hour, not through the platform.",
    ),
    Silent(
        alert="UserFailureBurst",
        story="low traffic: all of ten an hour fail",
        series={finished("succeeded"): "0x120", finished("failed"): "0+0.16x120"},
        at=("60m", "119m"),
    ),
    Silent(
        alert="UserFailureBurst",
        story="the platform fails, not the users; and nothing ever failed, so that no series says so",
        series={finished("succeeded"): "0+1x120", finished("platform"): "0+9x120"},
        at=("60m", "119m"),
    ),
)

FEW_STUCK = Fires(
    alert="WorkflowsStuck",
    severity="warning",
    story="one workflow of each of two namespaces is stuck for the same cause",
    series={stuck("image"): "0x5 1x40 0x10", stuck("image", "web"): "0x5 1x40 0x10", stuck("quota"): "0x55"},
    silent_at=("4m", "19m", "47m"),
    fires_at=("22m", "44m"),
    labels={**CLUSTER, "cause": "image"},
    summary="Workflows have begun and do not move.",
    text="2 workflows on prod have begun and do not move; the likely cause is image.",
)
MANY_STUCK = "25 workflows on prod have begun and do not move; the likely cause is no_pod_controller."
STUCK: tuple[Case, ...] = (
    FEW_STUCK,
    replace(
        FEW_STUCK,
        severity="critical",
        story="so many for one cause that others get no slot",
        series={stuck("no_pod_controller"): "0x5 25x40"},
        silent_at=("4m", "19m"),
        fires_at=("22m",),
        labels={**CLUSTER, "cause": "no_pod_controller"},
        text=MANY_STUCK,
        along=(replace(FEW_STUCK, labels={**CLUSTER, "cause": "no_pod_controller"}, text=MANY_STUCK),),
    ),
    Silent(
        alert="WorkflowsStuck",
        story="stuck for minutes, and a collector that restarts",
        series={stuck("starting"): "0x5 9x12 0x5 _x7 9x12 0x20"},
        at=("10m", "17m", "36m", "50m"),
    ),
)

DELAYS: tuple[Case, ...] = (
    Fires(
        alert="CompletionDelayHigh",
        severity="warning",
        story="one workflow of ten ends one to two minutes after its last container",
        series={
            delay("bucket", "60.5"): "0+9x80",
            delay("bucket", "120.5"): "0+10x80",
            delay("bucket", "+Inf"): "0+10x80",
            delay("count"): "0+10x80",
        },
        silent_at=("1m", "14m"),
        fires_at=("40m",),
        labels=CLUSTER,
        summary="Workflows finish long after their last container.",
        text="One workflow of twenty on prod finishes more than 1m 30s after its last container.",
    ),
    Silent(
        alert="CompletionDelayHigh",
        story="a change of the leader delays the ends of half a minute by 32 s and more",
        series={
            delay("bucket", "1.5"): "0+10x20 200 200 210+10x50",
            delay("bucket", "60.5"): "0+10x20 207 214 224+10x50",
            delay("bucket", "120.5"): "0+10x20 210 220 230+10x50",
            delay("bucket", "+Inf"): "0+10x20 210 220 230+10x50",
            delay("count"): "0+10x20 210 220 230+10x50",
        },
        at=("22m", "30m", "60m"),
    ),
    Silent(
        alert="CompletionDelayHigh",
        story="a workflow each ten minutes, all late",
        series={
            delay("bucket", "60.5"): "0x80",
            delay("bucket", "120.5"): "0x20 1x9 2x9 3x9 4x30",
            delay("bucket", "+Inf"): "0x20 1x9 2x9 3x9 4x30",
            delay("count"): "0x20 1x9 2x9 3x9 4x30",
        },
        at=("22m", "45m", "55m", "70m"),
    ),
)

WORK_TWICE: tuple[Case, ...] = (
    Fires(
        alert="RetryStorm",
        severity="warning",
        story="each workflow that finishes had three steps that were retried",
        series={RETRIES: "0+3x120", finished("succeeded"): "0+1x120"},
        silent_at=("5m", "15m"),
        fires_at=("110m",),
        labels=NAMESPACE,
        summary="Steps are retried more often than workflows finish.",
        text=(
            "180 tries of steps in namespace ml on prod were repeated in the last 1 hour, more than 2 times the workflows that "
            "finished."
        ),
    ),
    Silent(
        alert="RetryStorm",
        story="low traffic: one workflow with nine retries; and many workflows with one retry each",
        series={
            RETRIES: "0x10 9x110",
            finished("succeeded"): "0x10 1x110",
            RETRIES.replace("ml", "web"): "0+9x120",
            finished("succeeded").replace("ml", "web"): "0+9x120",
        },
        at=("40m", "119m"),
    ),
    Fires(
        alert="SpotReclaimStorm",
        severity="warning",
        story="a wave takes one run of ten",
        series={
            RECLAIMED: "0x60 0+1x20 20x100",
            finished("succeeded"): "0+3x180",
            finished("platform"): "0x60 0+1x20 20x100",
        },
        silent_at=("59m", "65m", "150m"),
        fires_at=("90m",),
        labels=CLUSTER,
        summary="The cloud takes many spot machines back.",
        text="20 workflows on prod failed in the last 1 hour, because the cloud took their spot machines back.",
    ),
    Silent(
        alert="SpotReclaimStorm",
        story="fifteen in an hour of a thousand runs, and all five of a small fleet",
        series={
            RECLAIMED: "0+0.25x120",
            finished("succeeded"): "0+16x120",
            RECLAIMED.replace("prod", "small"): "0x60 5x60",
            finished("platform").replace("prod", "small"): "0x60 5x60",
        },
        at=("60m", "90m", "119m"),
    ),
)

CASES: tuple[Case, ...] = (*STEPS, *FAILURES, *STUCK, *DELAYS, *WORK_TWICE)
