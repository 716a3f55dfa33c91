"""What the counters say of the Argo controller's Lease and of its own counters."""

from decimal import Decimal

from collector.catalog import metrics
from collector.core.messages import ControllerCounters, ControllerMetrics, Lease, Reading, ReadingKind
from tests.builders import NOON
from tests.flow import a_pipeline, controller, counted


def a_reading(kind: ReadingKind, value: ControllerMetrics | Lease, at: int) -> Reading:
    return Reading(kind, "ctl" if kind == "metrics" else "", at, value)


def test_a_new_leader_is_counted_once() -> None:
    """The first holder that is seen does not count, and neither does a holder that is read again."""
    flow = a_pipeline()
    from_the_start = flow.counters.series[metrics.CONTROLLER_LEADER_CHANGES.name].copy()
    for at, holder in enumerate(("a", "a", "b", "b", "a")):
        flow.take("c1", [a_reading("lease", Lease("workflow-controller", holder, NOON, 15, NOON + at), NOON + at)])

    assert from_the_start == {("c1",): 0}
    assert counted(flow, metrics.CONTROLLER_LEADER_CHANGES) == {("c1",): 2}


def test_a_controllers_own_counters_go_on_in_ours() -> None:
    """From its first reading on, over a restart of it; before it nothing is known, and nothing stands at 0."""
    flow = a_pipeline()
    flow.take("c1", [controller()])
    own = (metrics.CONTROLLER_ERRORS, metrics.CONTROLLER_API_REQUESTS, metrics.CONTROLLER_API_WAIT)
    before = [flow.counters.series.get(metric.name) for metric in own]
    for at, (start, panics, wait_s) in enumerate(((1.0, 5, 1.5), (1.0, 7, 2.0), (2.0, 4, 0.25))):
        read = ControllerCounters(start, {"OperationPanic": panics}, {"200": panics}, wait_s)
        flow.take("c1", [a_reading("metrics", ControllerMetrics(counters=read), NOON + at)])
    errors, requests, waits = (flow.counters.series[metric.name] for metric in own)

    assert before == [None, None, None]
    assert errors == {
        ("c1", "OperationPanic"): 2 + 4, ("c1", "CronWorkflowSubmissionError"): 0, ("c1", "CronWorkflowSpecError"): 0
    }  # fmt: skip
    assert requests == {("c1", "429"): 0, ("c1", "200"): 2 + 4}
    assert waits == {("c1",): Decimal("0.75")}
