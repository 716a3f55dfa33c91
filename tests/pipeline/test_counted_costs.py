"""The counters of money: cost by class once an attempt has ended, and what no department pays."""

from decimal import Decimal
from typing import Any

import pytest

from collector.catalog import metrics
from collector.core.facts.bills import PodCost
from collector.core.messages import Observation
from collector.core.objects import kubernetes
from collector.pipeline import checkpoints
from collector.pipeline.pipeline import Pipeline
from tests.builders import DAY, HOUR, MINUTE, NOON, SECOND, a_step, a_workflow, an_observation, ended_pod, running_pod
from tests.flow import BEGUN, DONE, ENDED_POD, FAILED, STARTED_POD, SUBMITTED, WHOLE, a_pipeline, counted, drained, only
from tests.slices import whole

COST = Decimal("0.0013468")
"""Of the pod of WHOLE."""
FAILED_POD = an_observation(ended_pod(phase="Failed", exit_code=1), when=NOON + 71 * SECOND)
OWNED = {"department": "research"}


def by_class(flow: Pipeline) -> dict[str, Decimal | int]:
    """Counted cost of finished attempts by class."""
    found = counted(flow, metrics.ATTEMPT_COST)
    assert {(cluster, namespace, currency) for cluster, namespace, _, currency in found} <= {("c1", "team", "USD")}
    return {labels[2]: value for labels, value in found.items()}


def retried(when: int = NOON + 10 * MINUTE) -> Observation:
    """`argo retry` took the workflow up again."""
    return an_observation(a_workflow(phase="Running", started=when, nodes={}), when=when)


def test_a_pods_cost_has_a_class_when_its_attempt_has_ended() -> None:
    """Until then it is `useful` by default, and may become waste."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, BEGUN, STARTED_POD, ENDED_POD])
    before = by_class(flow)
    flow.take("c1", [FAILED])

    assert (before, by_class(flow)) == ({}, {"failed": COST})


@pytest.mark.parametrize("again", [[], [DONE], [ENDED_POD, DONE, ENDED_POD]])
def test_a_pod_is_counted_once(again: list[Observation]) -> None:
    """However often it or its workflow is seen."""
    flow = a_pipeline()
    flow.take("c1", [*WHOLE, *again])

    assert by_class(flow) == {"useful": COST}


def test_a_pod_that_ends_after_its_attempt_is_counted_at_its_own_end() -> None:
    """Both watches are independent, and a daemon outlives its workflow."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, BEGUN, STARTED_POD, DONE])
    before = by_class(flow)
    flow.take("c1", [ENDED_POD])

    assert (before, by_class(flow)) == ({}, {"useful": COST})


def test_the_rest_is_counted_when_more_is_known() -> None:
    """The end was rewritten by two seconds; a rewrite downwards takes nothing back."""
    flow = a_pipeline()
    ends = [ended_pod(ended=NOON + seconds * SECOND) for seconds in (72, 60)]
    flow.take("c1", [*WHOLE, *(an_observation(pod, when=NOON + 80 * SECOND + i) for i, pod in enumerate(ends))])
    costs = [charge.cost for charge in only(PodCost, drained(flow).facts)]

    assert by_class(flow) == {"useful": max(cost or 0 for cost in costs)}
    assert costs[-1] != max(cost or 0 for cost in costs)


def test_a_retry_counts_nothing_again() -> None:
    """The failed attempt's pod becomes `retried` in the tables; the counter keeps what it was."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, BEGUN, STARTED_POD, FAILED_POD, FAILED, retried()])
    end = NOON + 20 * MINUTE
    done = a_workflow(phase="Succeeded", started=NOON + 10 * MINUTE, finished=end, nodes={"w1": a_step()})
    flow.take("c1", [an_observation(done, when=end)])
    classes = {charge.class_ for charge in only(PodCost, drained(flow).facts)}

    assert "retried" in classes
    assert by_class(flow) == {"failed": COST}


def test_a_pod_of_a_former_attempt_is_counted_though_the_next_one_runs() -> None:
    """Its end was observed after `argo retry`."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, BEGUN, STARTED_POD, FAILED, retried(), FAILED_POD])

    assert by_class(flow) == {"retried": COST}


def test_what_was_counted_survives_a_restart() -> None:
    """The pod's saved state has it; else a correction after a restart would count the whole again."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, BEGUN, STARTED_POD, ENDED_POD, FAILED])
    later = a_pipeline(counters=flow.counters)
    for upsert in drained(flow).upserts:
        checkpoints.adopt(later.clusters["c1"], upsert.kind, upsert.state)
    longer = an_observation(ended_pod(ended=NOON + 72 * SECOND), when=NOON + HOUR)
    later.take("c1", [longer])
    costs = [charge.cost for charge in only(PodCost, drained(later).facts)]

    assert by_class(later) == {"failed": costs[-1]}
    assert costs[-1] != COST


def test_pods_of_the_past_are_not_counted() -> None:
    """What ended before the first start is in no counter."""
    flow = a_pipeline()
    seen = (a_workflow(phase="Succeeded", started=NOON, finished=NOON + MINUTE), ended_pod())
    flow.take("c1", [an_observation(one, "listed", when=NOON + DAY) for one in seen])

    assert (by_class(flow), unallocated(flow)) == ({}, {})


def test_a_pod_without_a_price_counts_in_no_class() -> None:
    """Unknown is never 0, and never waste."""
    flow = a_pipeline()
    spot = {"k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo"}
    flow.take("c1", [SUBMITTED, BEGUN, an_observation(ended_pod(annotations=spot), when=NOON + MINUTE), DONE])

    assert (by_class(flow), unallocated(flow)) == ({}, {})


def unallocated(flow: Pipeline) -> dict[tuple[str, ...], Decimal | int]:
    return counted(flow, metrics.UNALLOCATED_COST)


def workflow(**more: Any) -> kubernetes.Workflow:
    return a_workflow(phase="Running", started=NOON, **more)


def test_what_no_department_pays_is_counted_at_the_end_of_the_pod() -> None:
    """As the whole cost is, so that the share of the two is right at any time."""
    flow = a_pipeline()
    flow.take("c1", [an_observation(workflow(), "added", when=NOON), ENDED_POD, DONE])

    assert unallocated(flow) == {("c1", "USD"): COST}


def test_what_a_department_pays_is_not_unallocated() -> None:
    """Nor is a pod that was seen before its workflow: that names the department."""
    flow = a_pipeline()
    owned = an_observation(workflow(labels=OWNED), "added", when=NOON + HOUR)
    flow.take("c1", [ENDED_POD, owned])
    other = a_pipeline()
    other.take("c1", [owned, STARTED_POD, ENDED_POD])

    assert (unallocated(flow), unallocated(other)) == ({}, {})


def test_the_counter_of_each_cluster_begins_at_0() -> None:
    """Else the first pod that no department pays would be no increase."""
    assert a_pipeline("c1", "c2").counters.series[metrics.UNALLOCATED_COST.name] == {("c1", "USD"): 0, ("c2", "USD"): 0}


def test_a_running_pod_is_counted_nowhere() -> None:
    """Its cost accrues in the tables; the counters take it at its end."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, BEGUN, an_observation(running_pod(), when=NOON + SECOND), DONE])
    whole(flow.accrue(NOON + HOUR))

    assert (by_class(flow), unallocated(flow)) == ({}, {})
