"""Cases of alerts/queue.py; longer stories are in tests/promtool/queue.yaml."""

from tests.promtool.cases import Case, Fires, Silent

IN_ML = 'cluster="prod", namespace="ml", queue="night"'
LABELS = {"cluster": "prod", "namespace": "ml", "queue": "night"}


def depth(reason: str) -> str:
    """The series of workflows that wait for a reason."""
    return f'lynceus_queue_depth{{{IN_ML}, reason="{reason}"}}'


OLDEST = f"lynceus_queue_oldest_age_seconds{{{IN_ML}}}"
SUBMITTED = f"lynceus_workflows_submitted_total{{{IN_ML}}}"
STARTED = f"lynceus_workflows_started_total{{{IN_ML}}}"

PREDICTED: tuple[Case, ...] = (
    Fires(
        alert="QueueBacklogPredicted",
        severity="warning",
        story="a queue that grows by half a workflow a minute, two hours before it is deep",
        series={depth("throttled"): "0x30 0+0.5x300"},
        silent_at=("70m", "95m", "250m"),
        fires_at=("110m",),
        labels=LABELS,
        summary="A queue will soon be deep.",
        text="At the pace of the last 1 hour, 159 workflows will wait in ml/night on prod in 4 hours.",
    ),
    Silent(
        alert="QueueBacklogPredicted",
        story="the first 30 minutes of a queue, whatever a line through them says",
        series={depth("throttled"): "0+3x30"},
        at=("5m", "15m", "29m"),
    ),
    Silent(
        alert="QueueBacklogPredicted",
        story="a burst that drains",
        series={depth("throttled"): "0x60 80-2x40 0x60"},
        at=("61m", "70m", "85m", "99m", "120m"),
    ),
    Silent(
        alert="QueueBacklogPredicted",
        story="the series is absent for a minute while the collector restarts, and the depth holds",
        series={depth("throttled"): "40x80 _ _ 40x60"},
        at=("82m", "83m", "90m", "100m", "120m"),
    ),
)

OLDEST_WAITING: tuple[Case, ...] = (
    Fires(
        alert="QueueOldestWaiting",
        severity="warning",
        story="one workflow waits for hours, and no other alert minds it",
        series={OLDEST: "0+60x300 0x20"},
        silent_at=("239m", "250m", "302m"),
        fires_at=("256m",),
        labels=LABELS,
        summary="A workflow has waited for hours.",
        text="The oldest workflow in ml/night on prod has waited for 4h 16m 0s, and its work has not begun.",
    ),
    Silent(
        alert="QueueOldestWaiting",
        story="the oldest of the night starts within minutes after the fourth hour",
        series={OLDEST: "0+60x245 0x40"},
        at=("245m", "250m", "270m"),
    ),
)

NOT_PICKING_UP: tuple[Case, ...] = (
    Fires(
        alert="ControllerNotPickingUp",
        severity="critical",
        story="the controller is gone, and workflows go on to arrive",
        series={
            SUBMITTED: "0+1x100",
            STARTED: "0+1x40 40x60",
            depth("unseen"): "0x40 0+1x39 0x20",
        },
        interval="15s",
        silent_at=("9m", "11m30s", "13m30s", "21m"),
        fires_at=("14m30s",),
        labels={"cluster": "prod"},
        summary="No controller takes up new workflows.",
        text=(
            "17 new workflows on prod have not been processed by any controller, and none has started for 3 minutes."
        ),
    ),
    Silent(
        alert="ControllerNotPickingUp",
        story="a change of the leader of 32 s, after which the backlog of it is worked off",
        series={
            SUBMITTED: "0+8x100",
            STARTED: "0+4x20 84 84 84 88+4x77",
            depth("unseen"): "0x20 8 16 24 20 16 12 8 4 0x72",
        },
        interval="15s",
        at=("5m30s", "6m", "7m", "8m", "10m"),
    ),
    Silent(
        alert="ControllerNotPickingUp",
        story="a busy controller always has some that arrived just now",
        series={SUBMITTED: "0+50x100", STARTED: "0+50x100", depth("unseen"): "9x100"},
        interval="15s",
        at=("10m", "20m"),
    ),
    Silent(
        alert="ControllerNotPickingUp",
        story="workflows with a wrong instance id stay for a day, and nothing else arrives",
        series={SUBMITTED: "0 12x300", STARTED: "0x301", depth("unseen"): "0 12x300"},
        at=("120m", "290m"),
    ),
    Silent(
        alert="ControllerNotPickingUp",
        story="the collector restarts, and its series are absent for a minute",
        series={SUBMITTED: "0+4x40 _x4 176+4x40", STARTED: "0+4x40 _x4 176+4x40", depth("unseen"): "2x40 _x4 2x40"},
        interval="15s",
        at=("10m30s", "11m", "12m", "15m"),
    ),
)

CASES: tuple[Case, ...] = (
    *PREDICTED,
    *OLDEST_WAITING,
    *NOT_PICKING_UP,
    Silent(
        alert="QueueBacklog",
        story="a deep and old queue that falls under its depth before the hold is over",
        series={depth("lock"): "150x9 90x2 150x9 90x20", OLDEST: "3000x40"},
        at=("9m", "15m", "20m", "30m"),
    ),
)
