"""
Alerts about queues: deep and old, soon deep, not draining, forgotten, not picked up.
"""

from alerts.numbers import Numbers
from alerts.promql import increase, total
from alerts.rules import Alert, Builder, Recording, Severity
from alerts.text import COUNT, DURATION
from alerts.text import QUEUE as WHERE
from collector.catalog import metrics as catalog

QUEUE = "cluster, namespace, queue"
LABELS = ("cluster", "namespace", "queue")
DEPTH = f"cluster_namespace_queue:{catalog.QUEUE_DEPTH.name}:sum"
UNATTENDED = f"cluster_namespace_queue:{catalog.QUEUE_DEPTH.name}:sum_unattended"
RUNNING = f"cluster:{catalog.WORKFLOWS.name}:sum_running"
UNSEEN = f"cluster:{catalog.QUEUE_DEPTH.name}:sum_unseen"

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
    Recording(
        record=UNSEEN, expr=total(catalog.QUEUE_DEPTH, f'{catalog.QUEUE_DEPTH.name}{{reason="unseen"}}', "cluster")
    ),
)


def queue_backlog(numbers: Numbers) -> Alert:
    """People wait, for long, and many of them."""
    expr = (
        f"{numbers.of(DEPTH)} > {numbers['depth']}",
        f"and on ({QUEUE}) max by ({QUEUE}) ({numbers.of(catalog.QUEUE_OLDEST_AGE)}) > {numbers.seconds('age')}",
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


def queue_backlog_predicted(numbers: Numbers) -> Alert:
    """A ticket before people wait: QueueBacklog pages once the queue is that deep."""
    depth = numbers.of(DEPTH)
    expr = (
        f"predict_linear({depth}[{numbers.span('window')}], {numbers.seconds('horizon')}) > {numbers['depth']}",
        f"and deriv({depth}[{numbers.span('recent')}]) > 0",
        f"and {depth} > {numbers['depth']} * {numbers.share('already')}",
        f"and {depth} <= {numbers['depth']}",
        # A line through a minute of data foretells anything.
        f"and {depth} offset {numbers.span('history')} >= 0",
    )
    return Alert(
        name="QueueBacklogPredicted",
        expr="\n".join(expr),
        severity="warning",
        summary="A queue will soon be deep.",
        description=(
            f"At the pace of the last {numbers.words('window')}, {COUNT} workflows will wait in {WHERE} "
            f"in {numbers.words('horizon')}."
        ),
        hold=numbers.span("hold"),
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


def queue_oldest_waiting(numbers: Numbers) -> Alert:
    """The lone workflow that every limit on depth or demand overlooks."""
    oldest = numbers.of(catalog.QUEUE_OLDEST_AGE)
    return Alert(
        name="QueueOldestWaiting",
        expr=f"max by ({QUEUE}) ({oldest}) > {numbers.seconds('age')}",
        severity="warning",
        summary="A workflow has waited for hours.",
        description=f"The oldest workflow in {WHERE} has waited for {DURATION}, and its work has not begun.",
        hold=numbers.span("hold"),
        labels=LABELS,
        needs_watch=True,
    )


def controller_not_picking_up(numbers: Numbers) -> Alert:
    """The first sign that no controller works: new workflows keep no status."""
    unseen, window = numbers.of(UNSEEN), numbers.span("window")
    submitted, started = numbers.of(catalog.SUBMITTED), numbers.of(catalog.STARTED)
    expr = (
        f"{unseen} > {numbers['unseen']}",
        # Each workflow is unseen for a moment: more than arrived in the window means that some are for longer.
        f"unless on (cluster) {increase(catalog.SUBMITTED, submitted, window, 'cluster')} >= {unseen}",
        # Where something starts, a controller works; QueueNotDraining finds the queues that it leaves.
        f"unless on (cluster) {increase(catalog.STARTED, started, window, 'cluster')} > 0",
        f"and on (cluster) {increase(catalog.SUBMITTED, submitted, numbers.span('demand'), 'cluster')} > 0",
    )
    return Alert(
        name="ControllerNotPickingUp",
        expr="\n".join(expr),
        severity="critical",
        summary="No controller takes up new workflows.",
        description=(
            f"{COUNT} new workflows on {{{{ $labels.cluster }}}} have not been processed by any controller, "
            f"and none has started for {numbers['window'] + numbers['hold']:g} minutes."
        ),
        hold=numbers.span("hold"),
        labels=("cluster",),
        needs_watch=True,
    )


BUILDERS: tuple[Builder, ...] = (
    queue_backlog,
    queue_backlog_predicted,
    queue_not_draining,
    queue_oldest_waiting,
    controller_not_picking_up,
)
