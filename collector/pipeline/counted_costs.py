"""
What the counters of money hold: a pod's cost at its end, and by cost class once its attempt has ended.

A pod keeps how much of its cost each counter holds, so that later evidence adds the difference. A counter cannot fall: a
correction downwards, another class and another department show in tables only.
"""

from decimal import Decimal

from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.core.cost import charge as billing
from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.meters import total
from collector.core.facts.bills import PodCost
from collector.core.pod.state import PodState
from collector.core.units import ZERO
from collector.core.workflow.state import WorkflowState


def count(counters: Counters, pod: PodState, workflow: WorkflowState | None, charges: list[PodCost]) -> None:
    """Adds to the counters what they lack of a finished pod's charges."""
    first, charge = not pod.is_counted, charges[0]
    if first and (doubt := billing.doubt_of(charge)):
        counters.add(metrics.UNPRICED_PODS, cluster=charge.cluster, reason=doubt)
    if charge.cost is None:
        if first:
            counters.add(metrics.UNPRICED_PODS, cluster=charge.cluster, reason=charge.rule)
            pod.count_unpriced()
        return
    cost = total(c.cost or ZERO for c in charges)
    if (more := pod.count_cost(cost)) > 0:
        _count_pod(counters, more, charge, has_workflow=workflow is not None)
    if workflow is not None and _has_ended(pod, workflow) and (more := pod.count_attempt_cost(cost)) > 0:
        _count_attempt(counters, more, charge)


def _count_pod(counters: Counters, more: Decimal, charge: PodCost, *, has_workflow: bool) -> None:
    cluster, currency = charge.cluster, charge.currency
    counters.add(
        metrics.COST, more, cluster=cluster, namespace=charge.namespace, product=charge.product, currency=currency
    )
    # A pod may be seen before its workflow, which names the department.
    if has_workflow and charge.department == UNALLOCATED:
        counters.add(metrics.UNALLOCATED_COST, more, cluster=cluster, currency=currency)


def _count_attempt(counters: Counters, more: Decimal, charge: PodCost) -> None:
    labels = {"cluster": charge.cluster, "namespace": charge.namespace}
    counters.add(metrics.ATTEMPT_COST, more, **labels, **{"class": charge.class_}, currency=charge.currency)


def _has_ended(pod: PodState, workflow: WorkflowState) -> bool:
    """Whether a pod's attempt has ended: its cost class is final then, but for a later `argo retry`."""
    return pod.run.attempt < workflow.attempt.number or workflow.attempt.finished
