"""
The steps of a finished attempt as rows, and its critical path: the steps that decided its length.

A step is one entry of status.nodes, groups included; its cost is that of its pod. Argo's own times are whole seconds by
the clocks of the controller and the kubelets, so two consecutive steps may seem to overlap by a second.
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
    GRAIN_MS,
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

_EXIT_CODE = re.compile(r"-?[0-9]{1,10}", re.ASCII)


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt of a workflow that owns the steps."""

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
    """Times of held steps by node id: from the first observation that shows the hold to the first that does not."""
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


class StepSpan(msgspec.Struct, frozen=True, order=True, gc=False):
    """The working time of a step without steps inside. Sorted by end; of spans that end in one second the longest is last."""

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
    made: Mapping[str, Instant] | None = None,
) -> list[StepRun]:
    """One row for each finished step of an attempt; by node id `pods` has uids, `holds` waits, `made` creations of pods."""
    how = how or build_graph(nodes)
    waited = {
        key: until for key in nodes if (until := _waited_until(nodes[key], holds.get(key), (made or {}).get(key)))
    }
    path = critical_path(nodes, owner.started_at, owner.finished_at, how, waited=waited)
    away = retried_away(nodes, how) if how.tries else ()
    numbers = {key: number for tries in how.tries.values() for number, key in enumerate(tries, 1)}
    instant, hooks = kubernetes.parse_time, how.hooks
    rows: list[StepRun] = []
    for key, node in nodes.items():
        if node.phase not in FINISHED or (node.type in GROUPS and _is_frame(owner, key, node)):
            continue
        if owner.attempt > 1 and _is_former(owner, node):
            continue
        hold = holds.get(key, NOT_HELD)
        # Constructed in place: the end of one workflow makes thousands of these.
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
    """Whether a group is only a frame: Argo's groups of parallel steps, and the root, which is the workflow."""
    return node.type in ("StepGroup", "TaskGroup") or (key == owner.workflow_name and node.type != "Retry")


def _is_former(owner: Owner, node: Node) -> bool:
    """Whether a step belongs to an earlier attempt: `argo retry` keeps succeeded steps with their old times."""
    ended = kubernetes.parse_time(node.finishedAt)
    return bool(ended and owner.started_at and ended < owner.started_at)


def exit_code(node: Node) -> int | None:
    """The exit code of the main container, from Argo's outputs; a Retry node only repeats the code of its last try."""
    text = (node.outputs and node.outputs.exitCode) or ""
    code = int(text) if text and node.type not in GROUPS and _EXIT_CODE.fullmatch(text) else None
    return code if code is not None and -INT32 <= code < INT32 else None


def _waited_until(node: Node, hold: StepHold | None, made_at: Instant | None) -> Instant | None:
    """When a step ceased to wait for a lock or a quota, by what was seen of it and by its pod; None: it did not wait.

    Its record begins with the wait. A wait for a person is what a step of type Suspend does."""
    started_at = kubernetes.parse_time(node.startedAt)
    if started_at is None or node.type == "Suspend":
        return None
    held_until = started_at + hold.spent_ms if hold else started_at
    # A controller makes the pod in the pass that records its step; both instants are whole seconds.
    until = max(held_until, made_at if made_at and made_at > started_at + GRAIN_MS else 0)
    return until if until > started_at else None


def critical_path(
    nodes: Mapping[str, Node],
    started_at: Instant | None,
    finished_at: Instant | None,
    how: Graph | None = None,
    *,
    waited: Mapping[str, Instant] | None = None,
) -> dict[str, int]:
    """
    The steps that decided the length of an attempt, the last one first, each with the milliseconds of its own work.

    Walks back from the last step that no other step followed. Each move goes to a step that the present one waited for in
    the graph: of the steps that it follows directly, or else of those that its group follows, the one that ended last
    before it began. The graph decides and not time alone, since of a thousand parallel steps another one always ended just
    before. If none had ended (a running daemon lets others begin), the one that began last is taken. A hook of the workflow
    has no place in the graph and follows the step that ended last before it. A part ends where the next begins, so parts
    never overlap and sum to the attempt's length at most. The controller, queues and locks took the rest, between steps or
    before a step's work began (`waited`).
    """
    how = how or build_graph(nodes)
    walk = _Walk(nodes, how, started_at or 0)
    parts: dict[str, int] = {}
    until, span = finished_at, walk.last()
    while span is not None:
        finish = span.finish if until is None else min(span.finish, until)
        if nodes[span.key].phase not in UNRUN and nodes[span.key].type not in GROUPS:
            parts[span.key] = max(0, finish - max((waited or {}).get(span.key, span.start), walk.since))
        until, span = span.start if until is None else min(until, span.start), walk.before(span)
    return parts


class _Walk:
    """The way back through the steps of an attempt; it leaves each place in the graph once, so it ends."""

    def __init__(self, nodes: Mapping[str, Node], how: Graph, since: Instant) -> None:
        self.how = how
        self.since = since
        spans = sorted(span for key, node in nodes.items() if (span := _span(key, node, how)) and span.finish >= since)
        self.spans = [span for span in spans if span.key not in how.hooks]
        self.ends = [s for s in spans if s.key not in how.followed and not nodes[s.key].daemoned]
        self.last_in = _last_in(nodes, spans, how)
        self.left: set[str] = set()

    def last(self) -> StepSpan | None:
        """The step that ended last, of the steps that no other step followed."""
        return self.ends[-1] if self.ends else None

    def before(self, span: StepSpan) -> StepSpan | None:
        """The step that this one waited for; None: it was the first, or the graph does not show it."""
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

    def _latest(self, sources: Sequence[StepSpan], span: StepSpan) -> StepSpan | None:
        began = [s for s in sources if s.start <= span.start]
        ended = [s for s in began if s.finish <= span.start + GRAIN_MS]
        return max(ended) if ended else max(began, key=_start, default=None)


def _start(span: StepSpan) -> tuple[Instant, str]:
    return span.start, span.key


def _finish(span: StepSpan) -> Instant:
    return span.finish


def _span(key: str, node: Node, how: Graph) -> StepSpan | None:
    """The working time of a step; None for parts of others: containers, and groups with steps inside."""
    if node.phase not in FINISHED or node.type == "Container" or (node.type in GROUPS and key in how.held):
        return None
    start, finish = kubernetes.parse_time(node.startedAt), kubernetes.parse_time(node.finishedAt)
    if start is None or finish is None:
        return None
    return StepSpan(max(start, finish), max(0, finish - start), key, start)


def _last_in(nodes: Mapping[str, Node], spans: Sequence[StepSpan], how: Graph) -> dict[str, StepSpan]:
    """For each node the step inside that ended last; for a step the step itself, for a container its pod."""
    last = {span.key: span for span in spans}
    for span in reversed(spans):
        outer = how.holder.get(span.key)
        while outer is not None and outer not in last:
            last[outer] = span
            outer = how.holder.get(outer)
    containers = {key: how.holder.get(key, "") for key, node in nodes.items() if node.type == "Container"}
    return last | {key: last[pod] for key, pod in containers.items() if pod in last}
