"""
The spans of a finished attempt: the attempt, its waits, its steps by their tree, their pods, and the waits of the pods.

Names and attributes are those of OpenTelemetry's semantic conventions where there are some (`cicd.*`, `k8s.*`), and `lynceus.*`
for the rest. https://opentelemetry.io/docs/specs/semconv/cicd/cicd-spans/
"""

import re
from collections.abc import Iterator, Mapping

from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import StepRun, WorkflowRun
from collector.core.history.waits import Wait, attempt_waits, began_at, pod_waits
from collector.core.objects.status_nodes import FAILED
from collector.traces import argo
from collector.traces.attempt import Cost, StoredAttempt, Tree, chosen
from collector.traces.span import Attribute, SpanId, TraceSpan, span_id, trace_id

POD = "pod"
TEXT_LIMIT = 500
"""Characters of an attribute or a message that are exported."""
RESULTS = {
    "succeeded": "success",
    "failed": "failure",
    "platform": "error",
    "cancelled": "cancellation",
    "invalid": "error",
}
"""`cicd.pipeline.result` by outcome. An attempt whose end was not seen has none."""
TIMEOUTS = ("deadline", "deadline_waiting")
STEP_RESULTS = {"Succeeded": "success", "Failed": "failure", "Error": "error", "Skipped": "skip", "Omitted": "skip"}
_GENERATED = re.compile(r"(.*\w)-[bcdfghjklmnpqrstvwxz2456789]{5}", re.ASCII)
"""The end that Kubernetes gives to a generated name (SimpleNameGenerator of k8s.io/apiserver)."""
_OF_LOOP = re.compile(r"\(\d+(?::.*)?\)", re.DOTALL)
"""The part of a step's name that distinguishes the iterations of a loop, and the tries."""


def spans(attempt: StoredAttempt, limit: int) -> list[TraceSpan]:
    """The spans of an attempt, `limit` at most: the attempt and its waits always, then steps with their pods by weight."""
    return _Tracing(attempt).spans(limit)


class _Tracing:
    """The making of one trace: which ids its spans have, and what stands below what."""

    def __init__(self, attempt: StoredAttempt) -> None:
        run = attempt.run
        self.attempt, self.run = attempt, run
        self.trace = int(run.trace_id, 16) if run.trace_id else trace_id(run.uid)
        self.root = self._place("attempt", "")
        self.tree = Tree(attempt.steps)
        self.pods = {pod.uid: pod for pod in attempt.pods}

    def _place(self, kind: str, key: str, number: int = 0) -> SpanId:
        return SpanId(self.trace, span_id(self.run.uid, str(number or self.run.attempt), kind, key))

    def spans(self, limit: int) -> list[TraceSpan]:
        steps, run = self.attempt.steps, self.run
        below = [self._wait(wait, self.root, "") for wait in attempt_waits(run)]
        own = {step.node_id: [*self._step_spans(step)] for step in steps}
        room = limit - 1 - len(below)
        taken = [*chosen(steps, {key: len(each) for key, each in own.items()}, room)]
        below += [span for step in taken for span in own[step.node_id]]
        of_steps = {step.pod_uid for step in steps}
        lone = [
            span for pod in self.attempt.pods if pod.uid not in of_steps for span in self._pod_spans(pod, self.root)
        ]
        below += lone[: max(0, limit - 1 - len(below))]
        pods = sum(span.name == POD for span in below)
        left_out: dict[str, Attribute] = {
            "lynceus.steps.left_out": self.attempt.step_count - len(taken),
            "lynceus.pods.left_out": max(0, run.pods - pods),
        }
        return [self._attempt_span(below, left_out), *below]

    def _attempt_span(self, below: list[TraceSpan], left_out: Mapping[str, Attribute]) -> TraceSpan:
        run, start = self.run, began_at(self.run)
        former = (self._place("attempt", "", run.attempt - 1),) if run.attempt > 1 else ()
        return TraceSpan(
            name=f"RUN {pipeline(run)}",
            place=self.root,
            parent=argo.parent(run),
            kind="server",
            start=start,
            end=max((span.end for span in below), default=start) if run.finished_at is None else run.finished_at,
            attributes={**_attempt_attributes(run), **left_out, **_total(self.attempt)},
            failed=run.outcome in ("failed", "platform", "invalid"),
            message=run.message[:TEXT_LIMIT],
            links=former,
        )

    def _wait(self, wait: Wait, parent: SpanId, key: str) -> TraceSpan:
        about: dict[str, Attribute] = {"lynceus.wait.reason": wait.reason, "lynceus.wait.exact": wait.exact}
        if wait.on:
            about["lynceus.wait.on"] = wait.on[:TEXT_LIMIT]
        if not key:
            about["lynceus.wait.before_work"] = wait.before_work
        kind = f"wait {'before' if wait.before_work else 'after'} {wait.reason}"
        return TraceSpan(
            name=f"wait: {wait.reason}",
            place=self._place(kind, key),
            parent=parent,
            start=wait.start,
            end=max(wait.start, wait.end),
            attributes=about,
        )

    def _step_spans(self, step: StepRun) -> Iterator[TraceSpan]:
        place, holder = self._place("step", step.node_id), self.tree.holder(step)
        start = step.started_at or step.finished_at or self.run.started_at or self.run.created_at
        yield TraceSpan(
            name=_OF_LOOP.sub("", step.step)[:TEXT_LIMIT] or step.type,
            place=place,
            parent=self._place("step", holder) if holder else self.root,
            start=start,
            end=max(start, step.finished_at or start),
            attributes=_step_attributes(step),
            failed=step.phase in FAILED,
            message=step.message[:TEXT_LIMIT],
        )
        if step.waiting_ms:
            wait = Wait(
                reason=step.waiting_reason or "step_lock",
                on=step.waiting_on,
                start=start,
                end=start + step.waiting_ms,
                exact=False,
            )
            yield self._wait(wait, place, step.node_id)
        if (pod := self.pods.get(step.pod_uid)) is not None:
            yield from self._pod_spans(pod, place)

    def _pod_spans(self, pod: PodRun, parent: SpanId) -> Iterator[TraceSpan]:
        place = self._place("pod", pod.uid)
        yield TraceSpan(
            name=POD,
            place=place,
            parent=parent,
            start=pod.created_at,
            end=max(pod.created_at, pod.finished_at or pod.created_at),
            attributes=_pod_attributes(pod) | _cost(self.attempt.pod_costs.get(pod.uid)),
            failed=pod.phase == "Failed",
            message=pod.reason[:TEXT_LIMIT],
        )
        for wait in pod_waits(pod):
            yield self._wait(wait, place, pod.uid)


def pipeline(run: WorkflowRun) -> str:
    """What ran: the template or the cron, else the name without the end that Kubernetes generated."""
    generated = _GENERATED.fullmatch(run.name)
    return run.template or (generated[1] if generated else run.name)


def _attempt_attributes(run: WorkflowRun) -> dict[str, Attribute]:
    result = "timeout" if run.reason in TIMEOUTS else RESULTS.get(run.outcome, "")
    fault = run.reason or "_OTHER" if result in ("failure", "error", "timeout") else ""
    return _present(
        {
            "cicd.pipeline.name": pipeline(run),
            "cicd.pipeline.action.name": "RUN",
            "cicd.pipeline.run.id": run.uid,
            "cicd.pipeline.result": result,
            "error.type": fault,
            "k8s.namespace.name": run.namespace,
            "lynceus.workflow": run.name,
            "lynceus.attempt": run.attempt,
            "lynceus.outcome": run.outcome,
            "lynceus.reason": run.reason,
            "lynceus.queue": run.queue,
            "lynceus.template": run.template,
            "lynceus.template_version": run.template_version,
            "lynceus.department": run.department,
            "lynceus.project": run.project,
            "lynceus.creator": run.creator,
            "lynceus.complete": run.complete,
            "lynceus.pods": run.pods,
            "lynceus.retries": run.retries,
        }
    )


def _step_attributes(step: StepRun) -> dict[str, Attribute]:
    result = STEP_RESULTS.get(step.phase, "")
    return _present(
        {
            "cicd.pipeline.task.name": step.template or _OF_LOOP.sub("", step.step),
            "cicd.pipeline.task.run.id": step.node_id,
            "cicd.pipeline.task.run.result": result,
            "error.type": "_OTHER" if result in ("failure", "error") else "",
            "lynceus.step": step.step,
            "lynceus.step.type": step.type,
            "lynceus.step.phase": step.phase,
            "lynceus.step.critical": step.critical,
            "lynceus.step.critical_ms": step.critical_ms if step.critical else "",
            "lynceus.step.try": step.try_number,
            "lynceus.step.exit_code": "" if step.exit_code is None else step.exit_code,
        }
    )


def _pod_attributes(pod: PodRun) -> dict[str, Attribute]:
    return _present(
        {
            "k8s.pod.name": pod.name,
            "k8s.pod.uid": pod.uid,
            "k8s.namespace.name": pod.namespace,
            "k8s.node.name": pod.node_name,
            "cloud.region": pod.region,
            "cloud.availability_zone": pod.zone,
            "lynceus.pod.phase": pod.phase,
            "lynceus.pod.reason": pod.reason,
            "lynceus.pod.disruption": pod.disruption,
            "lynceus.pod.exit_code": "" if pod.exit_code is None else pod.exit_code,
        }
    )


def _total(attempt: StoredAttempt) -> dict[str, Attribute]:
    """The cost of an attempt; amounts of two currencies are not added."""
    known = [cost for cost in attempt.costs if cost.amount is not None]
    about = _cost(known[0]) if len(known) == 1 else {}
    whole = len(known) == len(attempt.costs) <= 1 and bool(known or not attempt.run.pods)
    return about | {"lynceus.cost.complete": whole}


def _cost(cost: Cost | None) -> dict[str, Attribute]:
    """A cost as a number, for queries over traces, and exactly, as text: a sum of floats is not money."""
    if cost is None or cost.amount is None:
        return {}
    exact = f"{cost.amount:f}"
    return {
        "lynceus.cost": float(cost.amount),
        "lynceus.cost.exact": exact.rstrip("0").rstrip(".") if "." in exact else exact,
        "lynceus.currency": cost.currency,
    }


def _present(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """Attributes without those that have no value, texts no longer than the limit."""
    texts = {key: value[:TEXT_LIMIT] if isinstance(value, str) else value for key, value in attributes.items()}
    return {key: value for key, value in texts.items() if value != ""}
