"""
Alerts about how workflows go on and end: failures of users, stuck, late ends, retries, reclaimed machines.
"""

from alerts.numbers import Numbers
from alerts.promql import increase, observed, once, quantile, total
from alerts.rules import Alert, Builder, Recording, Severity
from alerts.text import COUNT, DURATION, NAMESPACE, PERCENT
from collector.catalog import metrics as catalog

BY_NAMESPACE = "cluster, namespace"
BEGUN = f"cluster:{catalog.WORKFLOWS.name}:sum"
ADVANCING = f"cluster:{catalog.WORKFLOWS.name}:sum_advancing"
ENDED = 'outcome=~"succeeded|failed|platform"'

RECORDINGS: tuple[Recording, ...] = (
    Recording(record=BEGUN, expr=total(catalog.WORKFLOWS, catalog.WORKFLOWS.name, "cluster"), interval_s=30),
    Recording(
        record=ADVANCING,
        expr=total(catalog.WORKFLOWS, f'{catalog.WORKFLOWS.name}{{reason="advancing"}}', "cluster"),
        interval_s=30,
    ),
)


def steps_not_advancing(numbers: Numbers) -> Alert:
    """A controller that is overloaded, or that gets no results of tasks, leaves workflows between two steps."""
    advancing, window = numbers.of(ADVANCING), numbers.span("kills")
    kills = increase(catalog.CONTROLLER_OOM_KILLS, numbers.of(catalog.CONTROLLER_OOM_KILLS), window, "cluster")
    expr = (
        f"{advancing} > {numbers['workflows']}",
        # A large fleet always has some between two steps.
        f"and {advancing} > {numbers.share('share')} * {numbers.of(BEGUN)}",
        f"unless on (cluster) {kills} > 0",
    )
    return Alert(
        name="StepsNotAdvancing",
        expr="\n".join(expr),
        severity="warning",
        summary="Workflows wait for the controller between two steps.",
        description=(
            f"{COUNT} workflows on {{{{ $labels.cluster }}}} are between two steps, and no pod of them exists: "
            "the controller does not keep up."
        ),
        hold=numbers.span("hold"),
        labels=("cluster",),
        needs_watch=True,
    )


def user_failure_burst(numbers: Numbers) -> Alert:
    """For the team of the namespace: its own code, input or image fails, not the platform."""
    window = numbers.span("window")
    failed = increase(catalog.FINISHED, numbers.of(catalog.FINISHED, 'outcome="failed"'), window, BY_NAMESPACE)
    ended = increase(catalog.FINISHED, numbers.of(catalog.FINISHED, ENDED), window, BY_NAMESPACE)
    return Alert(
        name="UserFailureBurst",
        expr=f"{failed} / {ended} > {numbers.share('failed')}\nand {ended} >= {numbers['runs']}",
        severity="warning",
        summary="Most workflows of a namespace fail through their own code.",
        description=(
            f"{PERCENT} of the workflows in {NAMESPACE} failed in the last {numbers.words('window')}, "
            "not through the platform."
        ),
        hold=numbers.span("hold"),
        labels=("cluster", "namespace"),
    )


def workflows_stuck(numbers: Numbers) -> tuple[Alert, ...]:
    """A stuck workflow holds a slot, and often pods that are paid for."""
    return _stuck(numbers, "warning", "few"), _stuck(numbers, "critical", "many")


def _stuck(numbers: Numbers, severity: Severity, least: str) -> Alert:
    stuck = once(catalog.STUCK, numbers.of(catalog.STUCK))
    return Alert(
        name="WorkflowsStuck",
        expr=f"sum by (cluster, cause) ({stuck}) > {numbers[least]}",
        severity=severity,
        summary="Workflows have begun and do not move.",
        description=(
            f"{COUNT} workflows on {{{{ $labels.cluster }}}} have begun and do not move; "
            "the likely cause is {{ $labels.cause }}."
        ),
        hold=numbers.span("hold"),
        labels=("cluster", "cause"),
        needs_watch=True,
    )


def completion_delay_high(numbers: Numbers) -> Alert:
    """All containers have ended, and the workflow is still not finished: what depends on it waits (argo#13671)."""
    metric, window = catalog.COMPLETION_DELAY, numbers.span("window")
    series = numbers.of(metric)
    expr = (
        f"{quantile(0.95, metric, series, window, 'cluster')} > {numbers.seconds('p95')}",
        f"and {observed(metric, series, window, 'cluster')} >= {numbers['workflows']}",
    )
    return Alert(
        name="CompletionDelayHigh",
        expr="\n".join(expr),
        severity="warning",
        summary="Workflows finish long after their last container.",
        description=(
            f"One workflow of twenty on {{{{ $labels.cluster }}}} finishes more than {DURATION} after its last container."
        ),
        hold=numbers.span("hold"),
        labels=("cluster",),
        needs_watch=True,
    )


def retry_storm(numbers: Numbers) -> Alert:
    """Each retry is work that is paid for twice."""
    window = numbers.span("window")
    retried = increase(catalog.RETRIES, numbers.of(catalog.RETRIES), window, BY_NAMESPACE)
    finished = increase(catalog.FINISHED, numbers.of(catalog.FINISHED), window, BY_NAMESPACE)
    return Alert(
        name="RetryStorm",
        expr=f"{retried} > {numbers['per_run']} * {finished}\nand {retried} >= {numbers['retries']}",
        severity="warning",
        summary="Steps are retried more often than workflows finish.",
        description=(
            f"{COUNT} tries of steps in {NAMESPACE} were repeated in the last {numbers.words('window')}, "
            f"more than {numbers.words('per_run')} the workflows that finished."
        ),
        hold=numbers.span("hold"),
        labels=("cluster", "namespace"),
    )


def spot_reclaim_storm(numbers: Numbers) -> Alert:
    """While the cloud takes spot machines back in numbers, on demand is cheaper than work that is lost."""
    window = numbers.span("window")
    reclaimed = increase(
        catalog.PLATFORM_FAILURES, numbers.of(catalog.PLATFORM_FAILURES, 'reason="spot_reclaimed"'), window, "cluster"
    )
    ended = increase(catalog.FINISHED, numbers.of(catalog.FINISHED, ENDED), window, "cluster")
    return Alert(
        name="SpotReclaimStorm",
        expr=f"{reclaimed} > {numbers['workflows']}\nand {reclaimed} > {numbers.share('share')} * {ended}",
        severity="warning",
        summary="The cloud takes many spot machines back.",
        description=(
            f"{COUNT} workflows on {{{{ $labels.cluster }}}} failed in the last {numbers.words('window')}, "
            "because the cloud took their spot machines back."
        ),
        labels=("cluster",),
    )


BUILDERS: tuple[Builder, ...] = (
    steps_not_advancing,
    user_failure_burst,
    workflows_stuck,
    completion_delay_high,
    retry_storm,
    spot_reclaim_storm,
)
