"""
The steps of a finished attempt as rows, and the path of those that made it as long as it was.

A step is one entry of status.nodes, groups included; what it cost is told by its pod. Argo's own times are whole seconds
of the controller's and the kubelets' clocks, so two steps that touch may seem to overlap by one.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from collector.core.facts.workflows import StepRun
from collector.core.model import Instant, WaitReason
from collector.core.objects import kubernetes
from collector.core.objects.lenient import INT32
from collector.core.objects.status_nodes import (
    FINISHED,
    GROUPS,
    MESSAGE_LIMIT,
    UNRUN,
    Graph,
    Node,
    build_graph,
    has_pod,
    is_memoized,
    template_of,
)
from collector.core.queue.waiting import Reason
from collector.core.workflow.outcome import retried_away

GRAIN_MS = 1000
"""How much later than its successor's start a step may seem to end: both are cut to whole seconds."""
_EXIT_CODE = re.compile(r"-?[0-9]{1,10}", re.ASCII)


class Owner(msgspec.Struct, frozen=True):
    """The attempt of a workflow that steps belong to."""

    cluster: str
    namespace: str
    workflow_created_at: Instant
    workflow_uid: str
    workflow_name: str
    attempt: int
    started_at: Instant | None
    finished_at: Instant | None


class StepHold(msgspec.Struct, array_like=True, gc=False):
    """What a step without a pod waited for, by the arrival clock."""

    reason: WaitReason | Literal[""]
    on: str
    since: Instant
    """Begin of the wait; 0: the step no longer waits."""
    spent_ms: int


NOT_HELD = StepHold("", "", 0, 0)
HOLDS_LIMIT = 1000
"""Held steps of one workflow whose times are kept."""


def timed(holds: Mapping[str, StepHold], held: Mapping[str, Reason], at: Instant) -> dict[str, StepHold]:
    """The time that each step is held, by node id, from the sight that says so to the one that does not."""
    out = dict(holds)
    for key, hold in holds.items():
        if hold.since and key not in held:
            out[key] = StepHold(hold.reason, hold.on, 0, hold.spent_ms + max(0, at - hold.since))
    for key, reason in held.items():
        before = out.get(key)
        if before is None and len(out) >= HOLDS_LIMIT:
            break
        if before is None or not before.since:
            out[key] = StepHold(reason.name, reason.on, at, before.spent_ms if before else 0)
    return out


class Span(msgspec.Struct, frozen=True, order=True, gc=False):
    """When a step without steps of its own worked. Orders by its end; of those that end in one second the longest is last."""

    finish: Instant
    length: int
    key: str
    start: Instant


def step_runs(
    owner: Owner,
    nodes: Mapping[str, Node],
    pods: Mapping[str, str],
    holds: Mapping[str, StepHold],
    version: int,
    how: Graph | None = None,
) -> list[StepRun]:
    """One row for each finished step of an attempt, with its pod's uid and what it waited for by node id."""
    how = how or build_graph(nodes)
    path = critical_path(nodes, owner.started_at, owner.finished_at, how)
    away = retried_away(nodes, how) if how.tries else ()
    numbers = {key: number for tries in how.tries.values() for number, key in enumerate(tries, 1)}
    instant, hooks = kubernetes.parse_time, how.hooks
    rows: list[StepRun] = []
    for key, node in nodes.items():
        if node.phase not in FINISHED or (node.type in GROUPS and _is_frame(owner, key, node)):
            continue
        if owner.attempt > 1 and _kept(owner, node):
            continue
        hold = holds.get(key, NOT_HELD)
        # Written out here, once: a workflow's end makes thousands of these.
        rows.append(StepRun(
            cluster=owner.cluster, namespace=owner.namespace, workflow_created_at=owner.workflow_created_at,
            workflow_uid=owner.workflow_uid, attempt=owner.attempt, node_id=key, version=version,
            workflow_name=owner.workflow_name, step=(node.displayName or key)[:MESSAGE_LIMIT],
            template=template_of(node), type=node.type or "", phase=node.phase, started_at=instant(node.startedAt),
            finished_at=instant(node.finishedAt), pod_uid=pods.get(key, "") if has_pod(node) else "",
            message=(node.message or "")[:MESSAGE_LIMIT], boundary_id=node.boundaryID or "",
            try_number=numbers.get(key, 1), retried=key in away, hook=key in hooks, memoized=is_memoized(node),
            exit_code=exit_code(node) if node.outputs else None, critical=key in path, critical_ms=path.get(key, 0),
            waiting_reason=hold.reason, waiting_on=hold.on[:MESSAGE_LIMIT], waiting_ms=hold.spent_ms,
        ))  # fmt: skip
    return rows


def _is_frame(owner: Owner, key: str, node: Node) -> bool:
    """Whether a group is no step of its own: Argo's groups of parallel steps, and the root, which is the workflow."""
    return node.type in ("StepGroup", "TaskGroup") or (key == owner.workflow_name and node.type != "Retry")


def _kept(owner: Owner, node: Node) -> bool:
    """Whether a step is an earlier attempt's: `argo retry` keeps what went well, with its old times."""
    ended = kubernetes.parse_time(node.finishedAt)
    return bool(ended and owner.started_at and ended < owner.started_at)


def exit_code(node: Node) -> int | None:
    """Of the main container, as text in Argo's outputs; a Retry node repeats its last try's, which is not its own."""
    text = (node.outputs and node.outputs.exitCode) or ""
    code = int(text) if text and node.type not in GROUPS and _EXIT_CODE.fullmatch(text) else None
    return code if code is not None and -INT32 <= code < INT32 else None


def critical_path(
    nodes: Mapping[str, Node], started_at: Instant | None, finished_at: Instant | None, how: Graph | None = None
) -> dict[str, int]:
    """
    The steps that made an attempt as long as it was, last first, each with the milliseconds of its own work.

    Walks back from the step that ended last, of those that nothing followed, always to a step that it waited for by the
    graph: of what it follows directly, or else of what its group follows, the one that ended last by the time it began.
    By the graph and not by time alone, since of a thousand parallel steps some other one always ended just before. Where
    nothing had ended (a daemon that is up lets others begin) the one that began last. A hook of the workflow has no place
    in the graph and follows what ended last before it. A part ends where the next one begins, so parts never overlap and
    sum to the attempt's length at most; what is missing to it the controller, queues and locks took between steps.
    """
    how = how or build_graph(nodes)
    walk = _Walk(nodes, how, started_at or 0)
    parts: dict[str, int] = {}
    until, span = finished_at, walk.last()
    while span is not None:
        finish = span.finish if until is None else min(span.finish, until)
        if nodes[span.key].phase not in UNRUN and nodes[span.key].type not in GROUPS:
            parts[span.key] = max(0, finish - max(span.start, walk.since))
        until, span = span.start if until is None else min(until, span.start), walk.before(span)
    return parts


class _Walk:
    """The way back through the steps of an attempt; each place in the graph is left once, so that it ends."""

    def __init__(self, nodes: Mapping[str, Node], how: Graph, since: Instant) -> None:
        self.how = how
        self.since = since
        spans = sorted(span for key, node in nodes.items() if (span := _span(key, node, how)) and span.finish >= since)
        self.spans = [span for span in spans if span.key not in how.hooks]
        self.ends = [s for s in spans if s.key not in how.followed and not nodes[s.key].daemoned]
        self.last_in = _last_in(nodes, spans, how)
        self.left: set[str] = set()

    def last(self) -> Span | None:
        """The step that ended last, of those that nothing waited for."""
        return self.ends[-1] if self.ends else None

    def before(self, span: Span) -> Span | None:
        """The step that this one waited for; None: it was the first, or it cannot be told."""
        place: str | None = span.key
        while place is not None and place not in self.left:
            self.left.add(place)
            if sources := self.how.before.get(place):
                return self._latest([self.last_in[key] for key in sources if key in self.last_in], span)
            top, place = place, self.how.holder.get(place)
        if place is not None or top not in self.how.hooks:
            return None
        ended = bisect_right(self.spans, span.start + GRAIN_MS, key=_finish)
        return self._latest(self.spans[max(0, ended - 1) : ended], span)

    def _latest(self, sources: Sequence[Span], span: Span) -> Span | None:
        began = [s for s in sources if s.start <= span.start]
        ended = [s for s in began if s.finish <= span.start + GRAIN_MS]
        return max(ended) if ended else max(began, key=_start, default=None)


def _start(span: Span) -> tuple[Instant, str]:
    return span.start, span.key


def _finish(span: Span) -> Instant:
    return span.finish


def _span(key: str, node: Node, how: Graph) -> Span | None:
    """When a step worked; None for what is part of another: containers, and groups with something in them."""
    if node.phase not in FINISHED or node.type == "Container" or (node.type in GROUPS and key in how.held):
        return None
    start, finish = kubernetes.parse_time(node.startedAt), kubernetes.parse_time(node.finishedAt)
    if start is None or finish is None:
        return None
    return Span(max(start, finish), max(0, finish - start), key, start)


def _last_in(nodes: Mapping[str, Node], spans: Sequence[Span], how: Graph) -> dict[str, Span]:
    """For each node the step in it that ended last; for a step itself, for a container its pod."""
    last = {span.key: span for span in spans}
    for span in reversed(spans):
        outer = how.holder.get(span.key)
        while outer is not None and outer not in last:
            last[outer] = span
            outer = how.holder.get(outer)
    containers = {key: how.holder.get(key, "") for key, node in nodes.items() if node.type == "Container"}
    return last | {key: last[pod] for key, pod in containers.items() if pod in last}
