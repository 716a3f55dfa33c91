"""
Alerts about queues that are old or do not drain.

Both are silent for a cluster that is not fully watched: its depth is out of date, and ClusterUnreachable pages for it.
"""

import json
import re
from collections.abc import Iterator

import msgspec

from alerts.numbers import Number
from alerts.rules import Alert, Group, Recording, Severity
from collector.catalog import metrics as catalog

QUEUE = "cluster, namespace, queue"
LABELS = ("cluster", "namespace", "queue")
DEPTH = f"cluster_namespace_queue:{catalog.QUEUE_DEPTH.name}:sum"
UNATTENDED = f"cluster_namespace_queue:{catalog.QUEUE_DEPTH.name}:sum_unattended"
RUNNING = f"cluster:{catalog.WORKFLOWS.name}:sum_running"
WATCHED = f"and on (cluster) max by (cluster) ({catalog.CLUSTER_UP.name}) == 1"
WHERE = "{{ $labels.namespace }}/{{ $labels.queue }} on {{ $labels.cluster }}"
COUNT = '{{ $value | printf "%.0f" }}'


class OwnDepth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A queue with a usual depth of its own."""

    queue: str
    depth: int
    reason: str


class QueueThresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of queues."""

    backlog_depth: Number
    backlog_own_depth: list[OwnDepth]
    backlog_age_s: Number
    backlog_hold_m: Number
    not_draining_window_m: Number
    not_draining_warning_m: Number
    not_draining_critical_m: Number
    not_draining_demand_m: Number


def build(queue: QueueThresholds) -> Group:
    """The group lynceus-queue."""
    not_draining = (
        _not_draining(queue, "warning", queue.not_draining_warning_m),
        _not_draining(queue, "critical", queue.not_draining_critical_m),
    )
    return Group(name="lynceus-queue", interval="30s", rules=(*_recordings(), *_backlogs(queue), *not_draining))


def _recordings() -> Iterator[Recording]:
    # Two replicas may watch a cluster for a moment while they hand it over: the same depth must not be counted twice.
    once = f"max by ({', '.join(catalog.QUEUE_DEPTH.labels)})"
    depth = catalog.QUEUE_DEPTH.name
    yield Recording(record=DEPTH, expr=f"sum by ({QUEUE}) ({once} ({depth}))")
    # Parallelism and locks delay workflows by design, while others run; these two reasons are faults.
    yield Recording(record=UNATTENDED, expr=f'sum by ({QUEUE}) ({once} ({depth}{{reason=~"unseen|volume"}}))')
    running = f'max by ({", ".join(catalog.WORKFLOWS.labels)}) ({catalog.WORKFLOWS.name}{{reason="running"}})'
    yield Recording(record=RUNNING, expr=f"sum by (cluster) ({running})")


def _backlogs(queue: QueueThresholds) -> Iterator[Alert]:
    """One rule for most queues, and one for each queue with a depth of its own."""
    own = queue.backlog_own_depth
    others = f"{{queue!~{_quoted('|'.join(re.escape(one.queue) for one in own))}}}" if own else ""
    yield _backlog(queue, others, queue.backlog_depth.value)
    for one in own:
        yield _backlog(queue, f"{{queue={_quoted(one.queue)}}}", one.depth)


def _quoted(text: str) -> str:
    """A PromQL string; for names of queues its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _backlog(queue: QueueThresholds, selector: str, depth: int) -> Alert:
    age_s = queue.backlog_age_s.value
    hold = f"{queue.backlog_hold_m.value}m"
    expr = (
        f"{DEPTH}{selector} > {depth}",
        f"and on ({QUEUE}) max by ({QUEUE}) ({catalog.QUEUE_OLDEST_AGE.name}) > {age_s}",
        WATCHED,
    )
    return Alert(
        name="QueueBacklog",
        expr="\n".join(expr),
        severity="critical",
        summary="A queue is deep and old.",
        description=f"{COUNT} workflows wait in {WHERE}, and the oldest has waited for more than {_minutes(age_s)}.",
        hold=hold,
        keep_firing=hold,
        labels=LABELS,
    )


def _not_draining(queue: QueueThresholds, severity: Severity, hold: Number) -> Alert:
    window, demand = f"{queue.not_draining_window_m.value}m", f"{queue.not_draining_demand_m.value}m"
    expr = (
        "(",
        f"  # more than arrived in {window}: the controller has not processed some of them for that long",
        f"  {UNATTENDED} > on ({QUEUE}) {_increase(catalog.SUBMITTED, window)}",
        "  or",
        "  # delayed by a limit or a lock, and nothing runs that could free it",
        f"  ({DEPTH} > 0 unless on (cluster) {RUNNING} > 0)",
        ")",
        f"unless on ({QUEUE}) {_increase(catalog.STARTED, window)} > 0",
        f"and on ({QUEUE}) {_increase(catalog.SUBMITTED, demand)} > 0",
        WATCHED,
    )
    idle = hold.value + queue.not_draining_window_m.value
    return Alert(
        name="QueueNotDraining",
        expr="\n".join(expr),
        severity=severity,
        summary="A queue is not draining.",
        description=f"{COUNT} workflows wait in {WHERE}, no limit or lock explains it, none has started for {idle} minutes.",
        hold=f"{hold.value}m",
        labels=LABELS,
    )


def _increase(metric: catalog.Metric, window: str) -> str:
    return f"sum by ({QUEUE}) (increase({metric.name}[{window}]))"


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} minutes" if seconds % 60 == 0 else f"{seconds} seconds"
