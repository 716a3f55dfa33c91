"""Cases of alerts/controller.py about memory, work queues, errors and the API server."""

from tests.promtool.cases import Case, Fires, Silent

MEMORY = 'lynceus_controller_memory_bytes{cluster="prod", pod="a"}'
LIMIT = 'lynceus_controller_memory_limit_bytes{cluster="prod", pod="a"}'
POD = {"cluster": "prod", "pod": "a"}
PREDICTED = "An Argo controller is about to be OOM-killed."

PREDICTION: tuple[Case, ...] = (
    Fires(
        alert="ControllerOOMPredicted",
        severity="warning",
        story="memory grows by 6 % of the limit a minute, and a pause of the growth does not end it",
        # 20, 26, 32 … 98: the kill would follow at 24m.
        series={MEMORY: "20x10 26+6x6 62x3", LIMIT: "100x60"},
        silent_at=("10m", "16m"),
        fires_at=("18m30s", "19m"),
        labels=POD,
        summary=PREDICTED,
        text="a on prod uses 62 % of its memory limit, and at the present pace reaches the limit within 15 minutes.",
    ),
    Silent(
        alert="ControllerOOMPredicted",
        story="a restart: memory drops from near the limit, grows by the list at the start, and stays",
        interval="15s",
        series={MEMORY: "95x60 10+6x8 60x100", LIMIT: "100x200"},
        at=("15m45s", "17m", "18m", "19m", "20m", "21m", "22m", "25m", "30m"),
    ),
    Silent(
        alert="ControllerOOMPredicted",
        story="the first minutes of a pod, whose list fills more than half of its memory",
        interval="15s",
        series={MEMORY: "5+6x10 66x100", LIMIT: "100x200"},
        at=("2m", "2m30s", "3m", "4m", "5m", "6m", "8m", "10m"),
    ),
    Silent(
        alert="ControllerOOMPredicted",
        story="growth far from the limit, slow growth, and a saw of garbage collections above half of it",
        series={
            MEMORY: "1+1x40",
            LIMIT: "100x60",
            'lynceus_controller_memory_bytes{cluster="prod", pod="b"}': "60 63 66 60 63 66 60 63 66 60 63 66 60 63 66 60",
            'lynceus_controller_memory_limit_bytes{cluster="prod", pod="b"}': "100x60",
            'lynceus_controller_memory_bytes{cluster="prod", pod="slow"}': "52+1x30 82x30",
            'lynceus_controller_memory_limit_bytes{cluster="prod", pod="slow"}': "100x60",
        },
        at=("5m", "7m", "8m30s", "10m", "12m", "14m", "15m", "25m", "40m"),
    ),
    Silent(
        alert="ControllerOOMPredicted",
        story="a controller without a limit",
        series={MEMORY: "20+6x60"},
        at=("10m", "20m"),
    ),
)

HIGH: tuple[Case, ...] = (
    Fires(
        alert="ControllerMemoryHigh",
        severity="warning",
        story="a slow creep above nine tenths",
        series={MEMORY: "85x10 92x20 80x10", LIMIT: "100x60"},
        silent_at=("10m", "15m", "32m"),
        fires_at=("17m", "30m"),
        labels=POD,
        summary="An Argo controller is close to its memory limit.",
        text="a on prod uses 92 % of its memory limit, for more than 5 minutes. At 100 % it is killed.",
    ),
    Silent(
        alert="ControllerMemoryHigh",
        story="short peaks, and a restart of the collector between them",
        series={MEMORY: "95x3 70x2 95x3 stale _x2 95x3 70x10", LIMIT: "100x60"},
        at=("3m", "10m", "15m", "18m", "20m"),
    ),
)

DEPTH = 'lynceus_controller_work_queue_depth{cluster="prod", pod="a", work_queue="workflow_queue"}'
CLEANUP = 'lynceus_controller_work_queue_depth{cluster="prod", pod="a", work_queue="pod_cleanup_queue"}'
WORK_QUEUES: tuple[Case, ...] = (
    Fires(
        alert="ControllerWorkQueueDeep",
        severity="warning",
        story="more keys arrive than are processed, and a standby has none",
        series={DEPTH: "0x10 100+100x19 2000x10", DEPTH.replace('"a"', '"b"'): "0x60"},
        silent_at=("20m", "30m"),
        fires_at=("32m", "39m"),
        labels={"cluster": "prod", "work_queue": "workflow_queue"},
        summary="An Argo controller does not keep up.",
        text=(
            "2000 keys wait in workflow_queue of the Argo controller on prod, and their number grows. Workflows advance late."
        ),
    ),
    Silent(
        alert="ControllerWorkQueueDeep",
        story="a restart: all workflows at once, processed within minutes; and a deep queue that shrinks",
        series={DEPTH: "0x10 5000-500x10 0x10 _x3 5000-50x40"},
        at=("12m", "15m", "21m", "40m", "50m", "60m"),
    ),
    Silent(
        alert="ControllerWorkQueueDeep",
        story="a clean-up that is behind, which has its own alert",
        series={CLEANUP: "0+100x60"},
        at=("30m", "60m"),
    ),
    Fires(
        alert="ControllerCleanupBehind",
        severity="warning",
        story="pods are not removed as fast as they end",
        series={CLEANUP: "0x10 800x30 0x10"},
        silent_at=("10m", "25m", "42m"),
        fires_at=("27m", "40m"),
        labels={"cluster": "prod", "work_queue": "pod_cleanup_queue"},
        summary="An Argo controller does not remove what is finished.",
        text=(
            "800 keys wait in pod_cleanup_queue of the Argo controller on prod, for more than 15 minutes. "
            "Finished pods and workflows stay, and the controller holds them in memory."
        ),
    ),
    Silent(
        alert="ControllerCleanupBehind",
        story="the end of a large workflow, and a deep queue of workflows",
        series={CLEANUP: "0x10 8000x10 0x30", DEPTH: "9000x60"},
        at=("20m", "30m", "50m"),
    ),
)

PANICS = 'lynceus_controller_errors_total{cluster="prod", cause="OperationPanic"}'
CRONS = 'lynceus_controller_errors_total{cluster="prod", cause="CronWorkflowSubmissionError"}'
ERRORS = "An Argo controller counts errors."
OF_ERRORS: tuple[Case, ...] = (
    Fires(
        alert="ControllerErrors",
        severity="warning",
        story="a single panic",
        series={PANICS: "0x10 1x60", CRONS: "0x80"},
        silent_at=("10m", "45m"),
        fires_at=("11m", "25m", "39m"),
        labels={"cluster": "prod", "cause": "OperationPanic"},
        summary=ERRORS,
        text="The Argo controller on prod counted 1 error(s) of cause OperationPanic in 15 minutes. Its log has them.",
    ),
    Fires(
        alert="ControllerErrors",
        severity="warning",
        story="many cron workflows that cannot be submitted",
        series={CRONS: "0x20 10+10x30"},
        silent_at=("20m", "25m"),
        fires_at=("40m", "50m"),
        labels={"cluster": "prod", "cause": "CronWorkflowSubmissionError"},
        summary=ERRORS,
        text=(
            "The Argo controller on prod counted 150 error(s) of cause CronWorkflowSubmissionError in 15 minutes. "
            "Its log has them."
        ),
    ),
    Silent(
        alert="ControllerErrors",
        story="one broken cron workflow, once a minute; a panic of long ago, and a collector that restarts with its total",
        series={CRONS: "0+1x60", PANICS: "3x10 _x2 3x60"},
        at=("9m", "14m", "30m", "60m"),
    ),
    Silent(
        alert="ControllerErrors",
        story="totals that Prometheus sees for the first time",
        series={PANICS: "_x10 4x30", CRONS: "_x10 500x30"},
        at=("11m", "15m", "30m"),
    ),
)

FINE = 'lynceus_controller_api_requests_total{cluster="prod", code="200"}'
REFUSED = 'lynceus_controller_api_requests_total{cluster="prod", code="429"}'
WAIT = 'lynceus_controller_api_wait_seconds_total{cluster="prod"}'
THROTTLED = "Requests of an Argo controller are throttled."
API: tuple[Case, ...] = (
    Fires(
        alert="ControllerAPIThrottled",
        severity="warning",
        story="one request in ten is refused",
        series={FINE: "0+90x60", REFUSED: "0x10 10+10x50", WAIT: "0x60"},
        silent_at=("10m", "30m"),
        fires_at=("40m", "60m"),
        labels={"cluster": "prod", "limit": "api-server"},
        summary=THROTTLED,
        text=(
            "The API server refuses 10 % of the requests of the Argo controller on prod with status 429. "
            "Workflows advance late."
        ),
    ),
    Fires(
        alert="ControllerAPIThrottled",
        severity="warning",
        story="the controller's own limit makes each request wait for two seconds",
        series={FINE: "0+100x60", REFUSED: "0x60", WAIT: "0x10 200+200x50"},
        silent_at=("10m", "30m"),
        fires_at=("45m", "60m"),
        labels={"cluster": "prod", "limit": "client"},
        summary=THROTTLED,
        text=(
            "Requests of the Argo controller on prod wait 2.0 s on average for its own limit, --qps and --burst. "
            "Workflows advance late."
        ),
    ),
    Silent(
        alert="ControllerAPIThrottled",
        story="a burst of ten minutes",
        series={FINE: "0+90x60", REFUSED: "0x10 10+10x10 110x40", WAIT: "0x10 200+200x10 2200x40"},
        at=("15m", "20m", "30m", "37m", "60m"),
    ),
    Silent(
        alert="ControllerAPIThrottled",
        story="few requests, half of them refused; a release that does not count its waits",
        series={FINE: "0+1x60", REFUSED: "0+1x60"},
        at=("30m", "60m"),
    ),
)

CASES: tuple[Case, ...] = (*PREDICTION, *HIGH, *WORK_QUEUES, *OF_ERRORS, *API)
