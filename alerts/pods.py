"""
Alerts about pods that cannot start: no quota, no machine, no image, no node, no volume, or all of it slow.
"""

from alerts.numbers import Numbers
from alerts.promql import observed, once, quantile
from alerts.rules import Alert, Builder, Recording, Severity
from alerts.text import COUNT, DURATION, NAMESPACE
from collector.catalog import metrics as catalog

BEGUN = f"cluster_namespace_reason:{catalog.WORKFLOWS.name}:max"
LABELS = ("cluster", "namespace")

RECORDINGS: tuple[Recording, ...] = (
    Recording(record=BEGUN, expr=once(catalog.WORKFLOWS, catalog.WORKFLOWS.name), interval_s=10),
)


def quota_exhausted(numbers: Numbers) -> Alert:
    """The owner of the quota can raise it; until then the namespace runs no more than it allows."""
    return _held_by(
        numbers,
        name="QuotaExhausted",
        reason="quota",
        summary="A resource quota is used up.",
        why="because a resource quota is used up",
    )


def pods_unschedulable(numbers: Numbers) -> Alert:
    """No node fits: the cluster is full, or the pods ask for what no node has."""
    return _held_by(
        numbers,
        name="PodsUnschedulable",
        reason="unschedulable",
        summary="No node takes the pods of workflows.",
        why="because no node takes their pods",
    )


def _held_by(numbers: Numbers, *, name: str, reason: str, summary: str, why: str) -> Alert:
    return Alert(
        name=name,
        expr=f"""sum by (cluster, namespace) ({_begun(numbers, reason)}) > {numbers["workflows"]}""",
        severity="warning",
        summary=summary,
        description=f"{COUNT} workflows in {NAMESPACE} do not go on, {why}.",
        hold=numbers.span("hold"),
        labels=LABELS,
        needs_watch=True,
    )


def out_of_stock(numbers: Numbers) -> tuple[Alert, ...]:
    """The cloud has no machine left: other zones, sizes or purchase options may have."""
    return _out_of_stock(numbers, "warning", "few"), _out_of_stock(numbers, "critical", "many")


def _out_of_stock(numbers: Numbers, severity: Severity, least: str) -> Alert:
    return Alert(
        name="OutOfStock",
        expr=f"sum by (cluster) ({_begun(numbers, 'stock')}) > {numbers[least]}",
        severity=severity,
        summary="The cloud has no machines left for workflows.",
        description=f"{COUNT} workflows on {{{{ $labels.cluster }}}} do not go on, because the cloud is out of stock.",
        hold=numbers.span("hold"),
        labels=("cluster",),
        needs_watch=True,
    )


def image_pull_failing(numbers: Numbers) -> tuple[Alert, ...]:
    """Many at once mean the registry, which concerns everybody; a few mean a wrong name, which concerns its owner."""
    return (
        _image_pull_failing(numbers, "warning", "few", ""),
        _image_pull_failing(numbers, "critical", "many", " So many at once mean the registry or the way to it."),
    )


def _image_pull_failing(numbers: Numbers, severity: Severity, least: str, meaning: str) -> Alert:
    return Alert(
        name="ImagePullFailing",
        expr=f"sum by (cluster) ({_begun(numbers, 'image')}) > {numbers[least]}",
        severity=severity,
        summary="Images cannot be pulled.",
        description=(
            f"{COUNT} workflows on {{{{ $labels.cluster }}}} do not go on, because images cannot be pulled.{meaning}"
        ),
        hold=numbers.span("hold"),
        labels=("cluster",),
        needs_watch=True,
    )


def volumes_unbound(numbers: Numbers) -> Alert:
    """A claim that is not bound holds a workflow before its work begins or after; both count."""
    waiting = once(catalog.QUEUE_DEPTH, numbers.of(catalog.QUEUE_DEPTH, 'reason="volume"'))
    return Alert(
        name="VolumesUnbound",
        expr=f"sum by (cluster, namespace) ({_begun(numbers, 'volume')} or {waiting}) > {numbers['workflows']}",
        severity="warning",
        summary="Volume claims are not bound.",
        description=f"{COUNT} workflows in {NAMESPACE} wait for a volume.",
        hold=numbers.span("hold"),
        labels=LABELS,
        needs_watch=True,
    )


def pod_start_slow(numbers: Numbers) -> Alert:
    """A cloud that is slow is paid for while it is, and nothing fails that would show it."""
    metric, window = catalog.POD_START_LATENCY, numbers.span("window")
    series = numbers.of(metric)
    expr = (
        f"{quantile(0.95, metric, series, window, 'cluster, namespace')} > {numbers.seconds('p95')}",
        f"and {observed(metric, series, window, 'cluster, namespace')} >= {numbers['pods']}",
    )
    return Alert(
        name="PodStartSlow",
        expr="\n".join(expr),
        severity="warning",
        summary="Pods start slowly.",
        description=f"One pod of twenty in {NAMESPACE} takes more than {DURATION} to start.",
        hold=numbers.span("hold"),
        labels=LABELS,
        needs_watch=True,
    )


def _begun(numbers: Numbers, reason: str) -> str:
    """Workflows whose work has begun and that wait for a reason, by cluster and namespace."""
    return numbers.of(BEGUN, f'reason="{reason}"')


BUILDERS: tuple[Builder, ...] = (
    quota_exhausted,
    out_of_stock,
    image_pull_failing,
    pods_unschedulable,
    volumes_unbound,
    pod_start_slow,
)
