"""
The steps and pods of an attempt as page and API show them: each step's waits by reason and its running part.

A pod's own conditions give its waits, in whole seconds; a wait without a pod is known by its length and begins with the step.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import StepRun, WorkflowRun
from collector.core.history import waits
from collector.core.history.workflow import PodCharge, StoredWorkflow
from collector.core.model import Instant
from collector.web.api_workflow import WaitingPart, WorkflowPod, WorkflowStep
from collector.web.money import plain, total


def steps_of(stored: StoredWorkflow) -> list[WorkflowStep]:
    """The steps by their start."""
    pods = {pod.uid: pod for pod in stored.pods}
    deciding = stored.shown.deciding_node if isinstance(stored.shown, WorkflowRun) else ""
    steps = [_step(step, pods.get(step.pod_uid), deciding) for step in stored.steps]
    return sorted(steps, key=lambda step: (step.started_at or step.finished_at or 0, step.node_id))


def _step(step: StepRun, pod: PodRun | None, deciding: str) -> WorkflowStep:
    waited = [*_waits(step, pod)]
    running_from, running_to = _running(step, pod, waited)
    return WorkflowStep.of(
        step,
        decided=bool(deciding) and step.node_id == deciding,
        length_ms=_between(step.started_at, step.finished_at),
        waits=waited,
        waited_ms=sum(wait.end_at - wait.start_at for wait in waited),
        running_from=running_from,
        running_ms=_between(running_from, running_to),
    )


def _waits(step: StepRun, pod: PodRun | None) -> Iterator[WaitingPart]:
    if step.waiting_ms and step.started_at is not None:
        yield WaitingPart(
            reason=step.waiting_reason or "step_lock",
            start_at=step.started_at,
            end_at=step.started_at + step.waiting_ms,
            on=step.waiting_on,
        )
    for wait in waits.pod_waits(pod) if pod else ():
        yield WaitingPart(reason=wait.reason, start_at=wait.start, end_at=wait.end, on=wait.on)


def _running(step: StepRun, pod: PodRun | None, waited: Sequence[WaitingPart]) -> tuple[Instant | None, Instant | None]:
    """When the main container ran; of a step whose pod was not seen, the part in which it did not wait."""
    if pod is not None:
        return pod.main_started_at, pod.finished_at or step.finished_at
    if step.type == "Suspend" or step.memoized:
        return None, None
    return (waited[-1].end_at if waited else step.started_at), step.finished_at


def _between(begin: Instant | None, end: Instant | None) -> int | None:
    return None if begin is None or end is None else max(0, end - begin)


def pods_of(stored: StoredWorkflow) -> list[WorkflowPod]:
    """The pods: failed ones first, then the dearest, those without a price last."""
    names = {step.node_id: step.step for step in stored.steps}
    charges: dict[str, list[PodCharge]] = defaultdict(list)
    for charge in stored.charges:
        charges[charge.pod_uid].append(charge)
    shown = [
        (_pod(pod, names.get(pod.node_id, pod.step), charges[pod.uid]), _cost(charges[pod.uid])) for pod in stored.pods
    ]
    shown.sort(key=lambda pair: (pair[0].phase != "Failed", pair[1] is None, -(pair[1] or 0), pair[0].name))
    return [pod for pod, _ in shown]


def _cost(charges: Sequence[PodCharge]) -> Decimal | None:
    """What a pod cost; None: no price is known, or there are two currencies, which are never added."""
    return total(charge.cost for charge in charges) if len(charges) == 1 else None


def _pod(pod: PodRun, step: str, charges: Sequence[PodCharge]) -> WorkflowPod:
    first = charges[0] if charges else None
    single = first if len(charges) == 1 else None
    return WorkflowPod.of(
        pod,
        step=step,
        node=pod.node_name,
        product=first.product if first else "",
        purchase=first.purchase if first else "",
        instance_type=first.instance_type if first else "",
        currency=single.currency if single else "",
        cost=plain(single.cost) if single else None,
        cost_pending=plain(single.cost_pending) if single else None,
        billed_seconds=first.billed_seconds if first else None,
        price_rule=first.rule if first else "",
    )
