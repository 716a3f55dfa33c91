"""Finished attempts as the store gives them."""

from decimal import Decimal
from typing import Any

from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import StepRun, WorkflowRun
from collector.traces.attempt import Cost, StoredAttempt
from collector.traces.span import TraceSpan
from tests.builders import NOON, SECOND, a_pod_run
from tests.reports.stored import a_run, a_step_run


def an_attempt(
    run: WorkflowRun | None = None, steps: tuple[StepRun, ...] = (), pods: tuple[PodRun, ...] = (), **more: Any
) -> StoredAttempt:
    """An attempt that cost 1.5 USD, with these steps and pods."""
    values = {"costs": [Cost(Decimal("1.5"), "USD")], "pod_costs": {}, "step_count": len(steps), **more}
    return StoredAttempt(run=run or a_run(), steps=steps, pods=pods, **values)


def a_tree() -> StoredAttempt:
    """A DAG with a step that needed two tries and a step whose pod waited for a node: 10 spans."""
    steps = (
        a_step_run("dag", type="DAG", finished_at=NOON + 90 * SECOND),
        a_step_run("retry", step="flaky", type="Retry", boundary_id="dag", finished_at=NOON + 60 * SECOND),
        a_step_run("try0", step="flaky(0)", boundary_id="dag", phase="Failed", message="OOMKilled (exit code 137)"),
        a_step_run("try1", step="flaky(1)", boundary_id="dag", started_at=NOON + 30 * SECOND, critical=True),
        a_step_run("shard", step='shard(7:{"n":7})', boundary_id="dag", pod_uid="p1", exit_code=0),
    )
    pod = a_pod_run(scheduled_at=NOON + 4 * SECOND, node_id="shard")
    return an_attempt(
        a_run(name="w-x7k2p", template="", lock_ms=2000, running_ms=98_000, picked_up_at=NOON + 2000),
        steps,
        (pod,),
        pod_costs={"p1": Cost(Decimal("0.0200"), "USD")},
    )


def by_name(made: list[TraceSpan]) -> dict[str, TraceSpan]:
    """Spans by name; the last one of a name."""
    return {span.name: span for span in made}
