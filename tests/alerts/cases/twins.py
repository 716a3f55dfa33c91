"""Cases of alerts/twins.py, on series as Argo 3.5, 3.6 and 4 and kube-state-metrics expose them."""

from tests.promtool.cases import Case, Fires, Silent

POD_LABELS = (
    'cluster="prod", namespace="argo", pod="argo-workflows-workflow-controller-7d9-x2x", container="controller"'
)
POD = {
    "cluster": "prod",
    "namespace": "argo",
    "pod": "argo-workflows-workflow-controller-7d9-x2x",
    "container": "controller",
}
POD_NAME = "argo/argo-workflows-workflow-controller-7d9-x2x on prod"
RESTARTS = f"kube_pod_container_status_restarts_total{{{POD_LABELS}}}"
OOM = f'kube_pod_container_status_last_terminated_reason{{{POD_LABELS}, reason="OOMKilled"}}'
ERROR = OOM.replace("OOMKilled", "Error")
BACK_OFF = f'kube_pod_container_status_waiting_reason{{{POD_LABELS}, reason="CrashLoopBackOff"}}'
INGRESS = POD_LABELS.replace("argo-workflows-workflow-controller-7d9-x2x", "ingress-nginx-controller-1")

JOB = {"cluster": "prod", "job": "argo"}
LEADS_A, LEADS_B = (f'argo_workflows_is_leader{{cluster="prod", job="argo", instance="{name}"}}' for name in ("a", "b"))
UP_A, UP_B = (f'up{{cluster="prod", job="argo", instance="{name}"}}' for name in ("a", "b"))
ARGO = "the Argo controller argo on prod"


def _argo(metric: str, /, **labels: str) -> str:
    shown = ", ".join(f'{key}="{value}"' for key, value in {**JOB, **labels}.items())
    return f"argo_workflows_{metric}{{{shown}}}"


PODS: tuple[Case, ...] = (
    Fires(
        alert="ArgoControllerOOMKilled",
        severity="critical",
        story="two kills ten minutes apart are one page; the first",
        series={RESTARTS: "0x9 1x9 2x40", OOM: "0x9 1x60"},
        silent_at=("9m", "50m"),
        fires_at=("10m", "15m", "19m30s"),
        labels=POD,
        summary="An Argo controller restarted after an OOM kill.",
        text=f"{POD_NAME} restarted 1 time(s) in 15 minutes, the last time after an OOM kill.",
    ),
    Fires(
        alert="ArgoControllerOOMKilled",
        severity="critical",
        story="two kills ten minutes apart are one page; the second",
        series={RESTARTS: "0x9 1x9 2x40", OOM: "0x9 1x60"},
        fires_at=("20m", "20m30s", "23m"),
        labels=POD,
        summary="An Argo controller restarted after an OOM kill.",
        text=f"{POD_NAME} restarted 2 time(s) in 15 minutes, the last time after an OOM kill.",
    ),
    Silent(
        alert="ArgoControllerOOMKilled",
        story="an OOM kill of long ago, a restart by an error, and the OOM kill of another container named controller",
        series={
            RESTARTS: "5x20 6x40",
            OOM: "1x20 stale",
            ERROR: "_x20 1x40",
            f"kube_pod_container_status_restarts_total{{{INGRESS}}}": "0x9 1x50",
            f'kube_pod_container_status_last_terminated_reason{{{INGRESS}, reason="OOMKilled"}}': "0x9 1x50",
        },
        at=("10m", "15m", "22m", "30m"),
    ),
    Fires(
        alert="ArgoControllerCrashLooping",
        severity="critical",
        story="back-off that ends for a moment each few minutes",
        series={BACK_OFF: "_x10 1x3 stale _x1 1x3 stale _x1 1x20 stale"},
        silent_at=("10m", "19m", "55m"),
        fires_at=("22m", "40m"),
        labels=POD,
        summary="The kubelet delays the restart of an Argo controller.",
        text=f"{POD_NAME} has been in CrashLoopBackOff for more than 10 minutes.",
    ),
    Silent(
        alert="ArgoControllerCrashLooping",
        story="a single back-off of a minute, and another pod's loop",
        series={
            BACK_OFF: "_x10 1 1 stale",
            f'kube_pod_container_status_waiting_reason{{{INGRESS}, reason="CrashLoopBackOff"}}': "1x60",
        },
        at=("11m", "15m", "18m", "25m", "50m"),
    ),
)

LEADER: tuple[Case, ...] = (
    Fires(
        alert="ArgoNoLeader",
        severity="critical",
        story="the leader is gone, and the standby, which exposes nothing, does not take over",
        series={LEADS_A: "1x20 stale _x29 1x10", UP_A: "1x20 stale _x29 1x10", UP_B: "1x60"},
        silent_at=("20m", "22m30s", "51m"),
        fires_at=("24m", "49m"),
        labels=JOB,
        summary="No Argo controller says that it leads.",
        text=f"No pod of {ARGO} has exposed is_leader 1 for 2 minutes. Nothing starts there.",
    ),
    Fires(
        alert="ArgoNoLeader",
        severity="critical",
        story="a single replica does not answer any more",
        series={LEADS_A: "1x20 stale", UP_A: "1x20 0x40"},
        silent_at=("20m",),
        fires_at=("24m", "59m"),
        labels=JOB,
        summary="No Argo controller says that it leads.",
        text=f"No pod of {ARGO} has exposed is_leader 1 for 2 minutes. Nothing starts there.",
    ),
    Silent(
        alert="ArgoNoLeader",
        story="a failover that scrapes show for a minute",
        interval="30s",
        series={LEADS_A: "1x20 stale", LEADS_B: "_x23 1x60", UP_A: "1x20 0x60", UP_B: "1x80"},
        at=("10m30s", "11m", "11m30s", "12m", "15m", "30m"),
    ),
    Silent(
        alert="ArgoNoLeader",
        story="a scrape that was renamed, and a controller whose series Prometheus has never had",
        series={LEADS_A: "1x20 stale", UP_A: "1x20 stale", UP_A.replace('"argo"', '"new"'): "1x60"},
        at=("21m", "25m", "50m"),
    ),
)

PANIC = _argo("error_count", cause="OperationPanic", instance="a")
WORK: tuple[Case, ...] = (
    Fires(
        alert="ArgoErrors",
        severity="warning",
        story="a second panic",
        series={PANIC: "1x30 2x60", UP_A: "1x100"},
        silent_at=("29m", "70m"),
        fires_at=("31m", "45m", "59m"),
        labels={**JOB, "cause": "OperationPanic"},
        summary="An Argo controller exposes errors.",
        text=f"1 error(s) of cause OperationPanic in 15 minutes, of {ARGO}. Its log has them.",
    ),
    Fires(
        alert="ArgoErrors",
        severity="warning",
        story="the first panic, whose series appears at 1",
        series={PANIC: "_x40 1x60", UP_A: "1x100"},
        silent_at=("39m", "90m"),
        fires_at=("40m", "55m", "60m"),
        labels={**JOB, "cause": "OperationPanic"},
        summary="An Argo controller exposes errors.",
        text=f"1 error(s) of cause OperationPanic in 15 minutes, of {ARGO}. Its log has them.",
    ),
    Fires(
        alert="ArgoErrors",
        severity="warning",
        story="ten cron workflows that cannot be submitted, each minute",
        series={_argo("error_count", cause="CronWorkflowSubmissionError", instance="a"): "0+10x60", UP_A: "1x60"},
        silent_at=("5m",),
        fires_at=("20m", "60m"),
        labels={**JOB, "cause": "CronWorkflowSubmissionError"},
        summary="An Argo controller exposes errors.",
        text=f"150 error(s) of cause CronWorkflowSubmissionError in 15 minutes, of {ARGO}. Its log has them.",
    ),
    Silent(
        alert="ArgoErrors",
        story="the first half hour of Prometheus, a missed scrape, and one broken cron workflow",
        series={
            PANIC: "3x40 stale _x2 3x60",
            UP_A: "1x40 0 0 0 1x60",
            _argo("error_count", cause="CronWorkflowSpecError", instance="a"): "0+1x100",
        },
        at=("1m", "10m", "16m", "30m", "44m", "56m", "59m", "75m"),
    ),
    Fires(
        alert="ArgoWorkQueueDeep",
        severity="warning",
        story="more keys arrive than are processed",
        series={_argo("queue_depth_gauge", queue_name="workflow_queue"): "0x10 100+100x19 2000x10"},
        silent_at=("20m", "30m"),
        fires_at=("32m", "39m"),
        labels={**JOB, "queue_name": "workflow_queue"},
        summary="A work queue of an Argo controller grows.",
        text=f"2000 keys wait in workflow_queue of {ARGO}, and their number grows.",
    ),
    Fires(
        alert="ArgoWorkQueueDeep",
        severity="warning",
        story="the same with the names of Argo 3.5",
        series={_argo("queue_depth_count", queue_name="workflow_queue"): "0x10 100+100x19 2000x10"},
        fires_at=("32m", "39m"),
        labels={**JOB, "queue_name": "workflow_queue"},
        summary="A work queue of an Argo controller grows.",
        text=f"2000 keys wait in workflow_queue of {ARGO}, and their number grows.",
    ),
    Silent(
        alert="ArgoWorkQueueDeep",
        story="a restart, a deep queue that shrinks, and a clean-up",
        series={
            _argo("queue_depth_gauge", queue_name="workflow_queue"): "0x10 5000-500x10 0x10 _x3 5000-50x40",
            _argo("queue_depth_gauge", queue_name="pod_cleanup_queue"): "0+200x80",
        },
        at=("12m", "15m", "21m", "40m", "60m"),
    ),
)


def _waits(fast: str, slow: str) -> dict[str, str]:
    """A histogram of two bounds: requests that wait for up to 10 ms, and those that wait for up to 5 s."""
    name = "client_rate_limiter_latency"
    return {
        _argo(f"{name}_bucket", le="0.01"): fast,
        _argo(f"{name}_bucket", le="1"): fast,
        _argo(f"{name}_bucket", le="5"): slow,
        _argo(f"{name}_bucket", le="+Inf"): slow,
        _argo(f"{name}_count"): slow,
    }


LOAD: tuple[Case, ...] = (
    Fires(
        alert="ArgoClientRateLimited",
        severity="warning",
        story="one request in ten waits for seconds",
        series=_waits("0+90x60", "0+100x60"),
        silent_at=("10m",),
        fires_at=("20m", "60m"),
        labels=JOB,
        summary="An Argo controller waits for its own limit on requests.",
        text=f"1 % of the requests of {ARGO} wait 4.6 s or longer for --qps and --burst.",
    ),
    Silent(
        alert="ArgoClientRateLimited",
        story="fast requests, and a release without the series",
        series=_waits("0+100x60", "0+100x60"),
        at=("20m", "60m"),
    ),
    Silent(
        alert="ArgoClientRateLimited",
        story="few requests that all wait",
        series=_waits("0x60", "0+2x60"),
        at=("20m", "60m"),
    ),
    Fires(
        alert="ArgoPodsPending",
        severity="warning",
        story="forty pods for an hour, with the names of Argo 3.6",
        series={
            _argo("pods_gauge", phase="Pending"): "5x10 40x60 3x20",
            _argo("pods_gauge", phase="Running"): "900x90",
        },
        silent_at=("10m", "39m", "72m"),
        fires_at=("42m", "70m"),
        labels=JOB,
        summary="Many pods of workflows are pending.",
        text=f"40 pods of workflows of {ARGO} are pending; for 30 minutes there have been more than 20.",
    ),
    Fires(
        alert="ArgoPodsPending",
        severity="warning",
        story="the same with the names of Argo 3.5",
        series={_argo("pods_count", status="Pending"): "40x60"},
        fires_at=("32m", "60m"),
        labels=JOB,
        summary="Many pods of workflows are pending.",
        text=f"40 pods of workflows of {ARGO} are pending; for 30 minutes there have been more than 20.",
    ),
    Silent(
        alert="ArgoPodsPending",
        story="a burst of twenty minutes, and many that run",
        series={
            _argo("pods_gauge", phase="Pending"): "0x10 500x20 5x60",
            _argo("pods_gauge", phase="Running"): "900x90",
        },
        at=("20m", "30m", "45m", "80m"),
    ),
    Fires(
        alert="ArgoWorkflowFailures",
        severity="warning",
        story="two of five that end have failed, in two namespaces; entries into other phases do not count",
        series={
            _argo("total_count", phase="Pending", exported_namespace="ml"): "0+5x90",
            _argo("total_count", phase="Running", exported_namespace="ml"): "0+5x90",
            _argo("total_count", phase="Succeeded", exported_namespace="ml"): "0+3x90",
            _argo("total_count", phase="Failed", exported_namespace="ml"): "0+1x90",
            _argo("total_count", phase="Error", exported_namespace="etl"): "0+1x90",
        },
        silent_at=("3m",),
        fires_at=("70m", "90m"),
        labels=JOB,
        summary="Many workflows fail.",
        text=f"40 % of the workflows of {ARGO} that ended in 1 hour failed.",
    ),
    Silent(
        alert="ArgoWorkflowFailures",
        story="a fifth that fails, a restart of the controller, and a cluster with few workflows",
        series={
            _argo("total_count", phase="Succeeded", exported_namespace="ml"): "1000+4x30 0+4x60",
            _argo("total_count", phase="Failed", exported_namespace="ml"): "900+1x30 0+1x60",
            'argo_workflows_total_count{cluster="few", job="argo", phase="Failed"}': "0x30 5x60",
        },
        at=("20m", "33m", "45m", "90m"),
    ),
    Fires(
        alert="ArgoCronConcurrencySkips",
        severity="warning",
        story="every second run of an hourly cron workflow is skipped",
        interval="10m",
        evaluated="5m",
        series={
            _argo(
                "cronworkflows_concurrencypolicy_triggered",
                name="sync",
                exported_namespace="ml",
                concurrency_policy="Forbid",
            ): "0x12 1x6 2x6 3x60"
        },
        silent_at=("3h50m", "9h"),
        fires_at=("4h30m", "7h"),
        labels={**JOB, "name": "sync"},
        summary="A cron workflow skips runs.",
        text=(f"sync of {ARGO} skipped 3 runs in 6 hours, since the one before still ran (concurrencyPolicy Forbid)."),
    ),
    Silent(
        alert="ArgoCronConcurrencySkips",
        story="two skips, a policy that replaces runs, and an old total after a restart of Prometheus",
        interval="10m",
        evaluated="5m",
        series={
            _argo("cronworkflows_concurrencypolicy_triggered", name="a", concurrency_policy="Forbid"): "0x6 1x6 2x60",
            _argo("cronworkflows_concurrencypolicy_triggered", name="b", concurrency_policy="Replace"): "0+1x70",
            _argo("cronworkflows_concurrencypolicy_triggered", name="c", concurrency_policy="Forbid"): "_x6 9x60",
        },
        at=("1h", "2h30m", "5h", "10h"),
    ),
)

USED = 'kube_resourcequota{cluster="prod", namespace="ml", resourcequota="gpu", resource="pods", type="used"}'
HARD = USED.replace('"used"', '"hard"')
OWNED = 'kube_pod_owner{cluster="prod", namespace="ml", pod="train-1", owner_kind="Workflow"}'
QUOTA: tuple[Case, ...] = (
    Fires(
        alert="ArgoQuotaFull",
        severity="warning",
        story="a quota that is full, although the last pod of a workflow has just ended",
        series={USED: "10x10 50x40 20x30", HARD: "50x80", OWNED: "1x20 stale"},
        silent_at=("10m", "25m", "52m"),
        fires_at=("27m", "50m"),
        labels={"cluster": "prod", "namespace": "ml", "resourcequota": "gpu", "resource": "pods"},
        summary="A quota of a namespace with workflows is used up.",
        text="100 % of pods of the quota ml/gpu on prod are used, for 15 minutes. Pods of workflows are refused.",
    ),
    Silent(
        alert="ArgoQuotaFull",
        story="a namespace without workflows, a quota of 0, and a peak of ten minutes",
        series={
            USED.replace('"ml"', '"web"'): "50x60",
            HARD.replace('"ml"', '"web"'): "50x60",
            USED.replace('"gpu"', '"none"'): "3x60",
            HARD.replace('"gpu"', '"none"'): "0x60",
            USED: "10x10 50x10 20x40",
            HARD: "50x60",
            OWNED: "1x60",
            OWNED.replace('"ml"', '"web"').replace("Workflow", "ReplicaSet"): "1x60",
        },
        at=("15m", "20m", "30m", "60m"),
    ),
)

CASES: tuple[Case, ...] = (*PODS, *LEADER, *WORK, *LOAD, *QUOTA)
