"""
Alerts about queues: old and deep, not draining, forgotten.
"""

from alerts.numbers import Numbers
from alerts.promql import increase, total
from alerts.rules import Alert, Builder, Recording, Severity
from collector.catalog import metrics as catalog

QUEUE = "cluster, namespace, queue"
LABELS = ("cluster", "namespace", "queue")
DEPTH = f"cluster_namespace_queue:{catalog.QUEUE_DEPTH.name}:sum"
UNATTENDED = f"cluster_namespace_queue:{catalog.QUEUE_DEPTH.name}:sum_unattended"
RUNNING = f"cluster:{catalog.WORKFLOWS.name}:sum_running"
WHERE = "{{ $labels.namespace }}/{{ $labels.queue }} on {{ $labels.cluster }}"
COUNT = '{{ $value | printf "%.0f" }}'

RECORDINGS = (
    Recording(record=DEPTH, expr=total(catalog.QUEUE_DEPTH, catalog.QUEUE_DEPTH.name, QUEUE)),
    # Parallelism and locks delay workflows by design, while others run; these two reasons are faults.
    Recording(
        record=UNATTENDED,
        expr=total(catalog.QUEUE_DEPTH, f'{catalog.QUEUE_DEPTH.name}{{reason=~"unseen|volume"}}', QUEUE),
    ),
    Recording(
        record=RUNNING, expr=total(catalog.WORKFLOWS, f'{catalog.WORKFLOWS.name}{{reason="running"}}', "cluster")
    ),
)


def queue_backlog(numbers: Numbers) -> Alert:
    """People wait, for long, and many of them."""
    expr = (
        f"{numbers.of(DEPTH)} > {numbers['depth']}",
        f"and on ({QUEUE}) max by ({QUEUE}) ({catalog.QUEUE_OLDEST_AGE.name}) > {numbers.seconds('age')}",
    )
    return Alert(
        name="QueueBacklog",
        expr="\n".join(expr),
        severity="critical",
        summary="A queue is deep and old.",
        description=f"{COUNT} workflows wait in {WHERE}, and the oldest has waited for more than {numbers.words('age')}.",
        hold=numbers.span("hold"),
        keep_firing=numbers.span("keep"),
        labels=LABELS,
        needs_watch=True,
    )


def queue_not_draining(numbers: Numbers) -> tuple[Alert, ...]:
    """Nothing starts, although no limit or lock explains it."""
    return _not_draining(numbers, "warning"), _not_draining(numbers, "critical")


def _not_draining(numbers: Numbers, severity: Severity) -> Alert:
    window = numbers.span("window")
    arrived = increase(catalog.SUBMITTED, catalog.SUBMITTED.name, window, QUEUE)
    lately = increase(catalog.SUBMITTED, catalog.SUBMITTED.name, numbers.span("demand"), QUEUE)
    expr = (
        "(",
        f"  # more than arrived in {window}: the controller has not processed some of them for that long",
        f"  {numbers.of(UNATTENDED)} > on ({QUEUE}) {arrived}",
        "  or",
        "  # delayed by a limit or a lock, and nothing runs that could free it",
        f"  ({numbers.of(DEPTH)} > 0 unless on (cluster) {RUNNING} > 0)",
        ")",
        f"unless on ({QUEUE}) {increase(catalog.STARTED, catalog.STARTED.name, window, QUEUE)} > 0",
        f"and on ({QUEUE}) {lately} > 0",
    )
    return Alert(
        name="QueueNotDraining",
        expr="\n".join(expr),
        severity=severity,
        summary="A queue is not draining.",
        description=(
            f"{COUNT} workflows wait in {WHERE}, no limit or lock explains it, none has started for "
            f"{numbers[severity] + numbers['window']:g} minutes."
        ),
        hold=numbers.span(severity),
        labels=LABELS,
        needs_watch=True,
    )


BUILDERS: tuple[Builder, ...] = (queue_backlog, queue_not_draining)
