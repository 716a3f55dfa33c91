"""Cases of alerts/pods.py."""

from dataclasses import replace

from tests.promtool.cases import Case, Fires, Silent

NAMESPACE = {"cluster": "prod", "namespace": "ml"}
CLUSTER = {"cluster": "prod"}


def begun(reason: str, namespace: str = "ml") -> str:
    """The series of workflows that have begun and wait for a reason."""
    return f'lynceus_workflows{{cluster="prod", namespace="{namespace}", reason="{reason}"}}'


def started(of: str, le: str = "") -> str:
    """A series of the histogram of pod starts."""
    bound = f', le="{le}"' if le else ""
    return f'lynceus_pod_start_latency_seconds_{of}{{cluster="prod", namespace="ml"{bound}}}'


def cases_of_reason(alert: str, reason: str, summary: str, why: str) -> tuple[Case, ...]:
    """Cases that alerts about one reason share."""
    return (
        Fires(
            alert=alert,
            severity="warning",
            story=f"three workflows with the reason {reason} for a quarter of an hour",
            series={begun(reason): "0x10 3x40 0x20"},
            silent_at=("9m", "25m", "52m"),
            fires_at=("27m", "49m"),
            labels=NAMESPACE,
            summary=summary,
            text=f"3 workflows in namespace ml on prod do not go on, {why}.",
        ),
        Silent(
            alert=alert,
            story="few, many for minutes, and others that run",
            series={
                begun(reason): "2x90",
                begun(reason, "web"): "50x10 0x10 50x10 1x60",
                begun("running"): "90x90",
            },
            at=("9m", "29m", "60m", "80m"),
        ),
        Silent(
            alert=alert,
            story="the collector restarts, its series are absent for minutes, and so is the cause in the end",
            series={begun(reason): "9x10 _x7 0x40"},
            at=("10m", "16m", "17m", "30m"),
        ),
    )


FEW_MACHINES = Fires(
    alert="OutOfStock",
    severity="warning",
    story="workflows of two namespaces get no machine",
    series={begun("stock"): "0x5 1x40 0x20", begun("stock", "web"): "0x5 2x40 0x20"},
    silent_at=("4m", "20m", "47m"),
    fires_at=("22m", "44m"),
    labels=CLUSTER,
    summary="The cloud has no machines left for workflows.",
    text="3 workflows on prod do not go on, because the cloud is out of stock.",
)
STOCK: tuple[Case, ...] = (
    FEW_MACHINES,
    Fires(
        alert="OutOfStock",
        severity="critical",
        story="so many get no machine that a person must act now",
        series={begun("stock"): "60x40"},
        fires_at=("20m",),
        silent_at=("14m",),
        labels=CLUSTER,
        summary="The cloud has no machines left for workflows.",
        text="60 workflows on prod do not go on, because the cloud is out of stock.",
        along=(replace(FEW_MACHINES, text="60 workflows on prod do not go on, because the cloud is out of stock."),),
    ),
    Silent(
        alert="OutOfStock",
        story="a peak empties the stock for minutes, and a quota is another matter",
        series={begun("stock"): "0x5 90x10 0x60", begun("quota"): "90x75"},
        at=("10m", "15m", "40m", "70m"),
    ),
)
ONE_IMAGE = Fires(
    alert="ImagePullFailing",
    severity="warning",
    story="one owner wrote a wrong name",
    series={begun("image"): "0x5 1x30 0x10"},
    silent_at=("4m", "14m", "37m"),
    fires_at=("16m", "34m"),
    labels=CLUSTER,
    summary="Images cannot be pulled.",
    text="1 workflows on prod do not go on, because images cannot be pulled.",
)
IMAGES: tuple[Case, ...] = (
    ONE_IMAGE,
    Fires(
        alert="ImagePullFailing",
        severity="critical",
        story="the registry is down",
        series={begun("image"): "0x5 4x30 0x10", begun("image", "web"): "0x5 3x30 0x10"},
        silent_at=("4m", "14m", "37m"),
        fires_at=("16m", "34m"),
        labels=CLUSTER,
        summary="Images cannot be pulled.",
        text=(
            "7 workflows on prod do not go on, because images cannot be pulled. "
            "So many at once mean the registry or the way to it."
        ),
        along=(replace(ONE_IMAGE, text="7 workflows on prod do not go on, because images cannot be pulled."),),
    ),
    Silent(
        alert="ImagePullFailing",
        story="the registry was down for minutes",
        series={begun("image"): "0x5 40x8 0x40"},
        at=("12m", "13m", "30m", "50m"),
    ),
)

VOLUMES: tuple[Case, ...] = (
    Fires(
        alert="VolumesUnbound",
        severity="warning",
        story="one workflow waits for its claim before its work begins, one after",
        series={
            begun("volume"): "0x5 1x30 0x10",
            'lynceus_queue_depth{cluster="prod", namespace="ml", queue="q", reason="volume"}': "0x5 1x30 0x10",
        },
        silent_at=("4m", "19m", "37m"),
        fires_at=("22m", "34m"),
        labels=NAMESPACE,
        summary="Volume claims are not bound.",
        text="2 workflows in namespace ml on prod wait for a volume.",
    ),
    Silent(
        alert="VolumesUnbound",
        story="claims that are bound within minutes",
        series={begun("volume"): "9x10 0 9x10 0 9x10 0x30"},
        at=("9m", "20m", "31m", "60m"),
    ),
)

STARTS: tuple[Case, ...] = (
    Fires(
        alert="PodStartSlow",
        severity="warning",
        story="one pod of ten takes five to ten minutes",
        series={
            started("bucket", "300.0"): "0+9x80",
            started("bucket", "600.0"): "0+10x80",
            started("bucket", "+Inf"): "0+10x80",
            started("count"): "0+10x80",
        },
        silent_at=("1m", "14m"),
        fires_at=("40m",),
        labels=NAMESPACE,
        summary="Pods start slowly.",
        text="One pod of twenty in namespace ml on prod takes more than 7m 30s to start.",
    ),
    Silent(
        alert="PodStartSlow",
        story="all pods are slow, but there are too few of them to say so",
        series={
            started("bucket", "300.0"): "0x80",
            started("bucket", "600.0"): "0+0.5x80",
            started("bucket", "+Inf"): "0+0.5x80",
            started("count"): "0+0.5x80",
        },
        at=("40m", "75m"),
    ),
    Silent(
        alert="PodStartSlow",
        story="the collector restarts, and its histogram begins at 0 again",
        series={
            started("bucket", "300.0"): "0+10x40 _ _ 0+10x40",
            started("bucket", "600.0"): "0+10x40 _ _ 0+10x40",
            started("bucket", "+Inf"): "0+10x40 _ _ 0+10x40",
            started("count"): "0+10x40 _ _ 0+10x40",
        },
        at=("42m", "60m", "80m"),
    ),
)

CASES: tuple[Case, ...] = (
    *cases_of_reason("QuotaExhausted", "quota", "A resource quota is used up.", "because a resource quota is used up"),
    *cases_of_reason(
        "PodsUnschedulable",
        "unschedulable",
        "No node takes the pods of workflows.",
        "because no node takes their pods",
    ),
    *STOCK,
    *IMAGES,
    *VOLUMES,
    *STARTS,
)
