"""A workflow from its first sight to its end: when work began, what each millisecond was spent on, how each attempt ended."""

from typing import Any

import pytest

from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Change, Observation
from collector.core.model import Instant
from collector.core.objects.status_nodes import MESSAGE_LIMIT
from collector.core.queue import waiting
from collector.core.rules import AttributionRule, Rules
from collector.core.workflow import lifecycle as workflow_lifecycle
from collector.core.workflow import rows as workflow_rows
from collector.core.workflow.description import describe
from collector.core.workflow.state import Attempt, WorkflowState
from tests.builders import DAY, HOUR, MINUTE, NOON, POSTPONED, SECOND, a_step, a_workflow, an_observation

LOCKED: dict[str, Any] = {"message": "Waiting for team/Mutex/m lock. Lock status: 0/1"}
RULES = Rules(department=(AttributionRule("workflow_label", "department"),))


def lived(*seen: Observation, rules: Rules = RULES) -> WorkflowState:
    """The state of a workflow after these observations."""
    workflow_state = workflow_lifecycle.new_workflow(seen[0], rules, {})
    for one in seen:
        describe(workflow_state, one.object, rules, {})  # type: ignore[arg-type]
        workflow_lifecycle.observe(workflow_state, one)
    return workflow_state


def saw(
    after_ms: int, phase: str | None = None, change: Change = "modified", live: bool | None = None, **more: Any
) -> Observation:
    """A sight of the workflow so long after noon."""
    return an_observation(a_workflow(phase=phase, **more), change, when=NOON + after_ms, live=live)


def run_of(*seen: Observation) -> WorkflowRun:
    workflow_state = lived(*seen)
    return workflow_rows.run_of("c1", workflow_state, workflow_state.attempt, workflow_state.version)


def spent(workflow_state: WorkflowState) -> dict[str, int]:
    """What was spent, without the zeros."""
    return {name: ms for name, ms in workflow_rows.spent_ms(workflow_state.attempt).items() if ms}


def done(
    phase: str = "Succeeded", started: Instant = NOON + SECOND, finished: Instant = NOON + MINUTE, **more: Any
) -> dict[str, Any]:
    """The last sight of a workflow that ended a minute after noon."""
    return {"phase": phase, "started": started, "finished": finished, "nodes": {"w1": a_step(phase)}, **more}


# Waiting.


def test_each_millisecond_is_spent_on_one_reason() -> None:
    """The account is closed at every change of reason, so the columns sum to the attempt's length."""
    workflow_state = lived(
        saw(0),
        saw(100, "Pending", message=POSTPONED),
        saw(5_100, "Pending", **LOCKED),
        saw(9_100, "Running", started=NOON + 9 * SECOND),
        saw(60_100, **done()),
    )

    assert spent(workflow_state) == {"unseen_ms": 100, "throttled_ms": 5000, "lock_ms": 4000, "advancing_ms": 51_000}


def test_time_never_runs_backwards() -> None:
    """Arrival and object clocks may disagree; what is spent is never taken back."""
    workflow_state = lived(saw(5000), saw(1000, "Running", started=NOON), saw(6000, **done()))

    assert spent(workflow_state) == {"advancing_ms": 1000}


def test_a_workflow_listed_while_it_waits_has_waited_so_since_its_creation() -> None:
    """What it waits for now it has most likely waited for all along."""
    workflow_state = lived(
        saw(HOUR, "Pending", "listed", message=POSTPONED), saw(HOUR + 1000, "Running", started=NOON + HOUR)
    )

    assert spent(workflow_state) == {"throttled_ms": HOUR + 1000}
    assert not workflow_state.attempt.complete


def test_a_workflow_listed_while_it_runs_queued_until_it_started() -> None:
    """Its changes since then were missed; that is not time in a queue."""
    running = saw(HOUR, "Running", "listed", started=NOON + MINUTE)
    workflow_state = lived(running, saw(HOUR + MINUTE, **done(started=NOON + MINUTE, finished=NOON + HOUR + MINUTE)))

    assert spent(workflow_state) == {"unseen_ms": MINUTE, "running_ms": HOUR - MINUTE, "advancing_ms": MINUTE}


def test_a_workflow_listed_after_its_end_queued_until_it_started() -> None:
    """Its columns sum to its length, by its own clock."""
    workflow_state = lived(saw(DAY, change="listed", **done(started=NOON + MINUTE, finished=NOON + HOUR)))

    assert spent(workflow_state) == {"unseen_ms": MINUTE, "running_ms": HOUR - MINUTE}


def test_a_workflow_that_waits_for_a_volume_has_not_begun() -> None:
    """Its startedAt may be set all the same."""
    message = "Waiting for a PVC to be created. x"
    waits = saw(HOUR, "Pending", "listed", started=NOON + MINUTE, message=message)
    workflow_state = lived(waits)
    later = lived(waits, saw(HOUR + SECOND, "Running", started=NOON + MINUTE))

    assert (workflow_state.attempt.reason, workflow_state.attempt.reason_on, workflow_state.attempt.picked_up_at) == (
        "volume",
        "",
        None,
    )
    assert spent(later) == {"volume_ms": HOUR + SECOND}


@pytest.mark.parametrize("spec", [{"suspend": True}, {}])
def test_a_suspended_workflow_has_begun(spec: dict[str, Any]) -> None:
    """By its spec or by a Suspend step; it occupies a slot of the throttle."""
    nodes = {"s": a_step("Running", kind="Suspend")} if not spec else {}
    workflow_state = lived(saw(0), saw(100, "Running", started=NOON, spec=spec, nodes=nodes))

    assert (workflow_state.attempt.reason, workflow_state.attempt.picked_up_at) == ("suspended", NOON + 100)


def test_a_step_that_waits_for_a_lock_states_which() -> None:
    """The workflow runs by its phase."""
    nodes = {"a": a_step("Pending", synchronizationStatus={"waiting": "team/Mutex/m"})}
    workflow_state = lived(saw(0), saw(100, "Running", started=NOON, nodes=nodes))

    assert (workflow_state.attempt.reason, workflow_state.attempt.reason_on) == ("step_lock", "team/Mutex/m")


def test_a_reason_that_stays_keeps_its_beginning_and_renews_what_it_waits_on() -> None:
    """The lock may change, the wait goes on."""
    first, second = (f"Waiting for team/Mutex/{name} lock. Lock status: 0/1" for name in "ab")
    workflow_state = lived(saw(0), saw(100, "Pending", message=first), saw(200, "Pending", message=second))

    assert (workflow_state.attempt.reason_since, workflow_state.attempt.reason_on) == (NOON + 100, "team/Mutex/b")
    assert workflow_state.attempt.reason_words == "limit 1, held by 1"


# Queue latency.


def test_latency_is_from_first_seen_to_begun_on_our_clock() -> None:
    """Objects have whole seconds; an idle controller takes 43 ms."""
    run = run_of(saw(500), saw(543, "Running", started=NOON), saw(MINUTE, **done()))

    assert (run.queue_latency_ms, run.latency_source) == (43, "watch")


def test_latency_of_what_was_not_seen_live_is_the_objects() -> None:
    """Whole seconds, and the source says so."""
    run = run_of(
        saw(HOUR, "Running", "listed", started=NOON + 7 * SECOND), saw(HOUR, **done(started=NOON + 7 * SECOND))
    )

    assert (run.queue_latency_ms, run.latency_source) == (7000, "object")


def test_work_that_began_in_a_break_has_the_objects_latency() -> None:
    """One end live is not enough."""
    run = run_of(saw(0), saw(HOUR, "Running", "listed", started=NOON + 9 * SECOND), saw(HOUR, **done()))

    assert (run.queue_latency_ms, run.latency_source) == (SECOND, "object")


def test_a_replayed_change_is_not_live() -> None:
    """After a resume the server replays the past; that is not a gap, and has no instants by the arrival clock."""
    run = run_of(saw(HOUR, change="added", live=False), saw(HOUR, "Running", live=False, started=NOON + SECOND))

    assert (run.queue_latency_ms, run.latency_source, run.complete) == (SECOND, "object", True)


@pytest.mark.parametrize(
    "last",
    [
        saw(100, "Failed", started=NOON, finished=NOON, message="invalid spec: no such template"),
        saw(100, "Error", started=NOON, finished=NOON, message="invalid spec: x", nodes={"w1": a_step("Failed")}),
        saw(100, "Failed", started=NOON, finished=NOON, message="Stopped with strategy 'Terminate'"),
        saw(100, "Pending", "deleted", message=POSTPONED),
    ],
)
def test_what_never_began_has_no_latency(last: Observation) -> None:
    """Invalid and terminated-while-pending workflows get a startedAt without having started."""
    run = run_of(saw(0), last)

    assert (run.queue_latency_ms, run.latency_source, run.picked_up_at) == (None, "", None)


def test_what_was_terminated_while_pending_may_end_succeeded() -> None:
    """Before Argo 4.1.2 it did: nothing ran, and nothing succeeded."""
    last = saw(100, "Succeeded", started=NOON, finished=NOON, spec={"shutdown": "Terminate"})
    run = run_of(saw(0), saw(50, "Pending", message=POSTPONED), last)

    assert (run.outcome, run.reason, run.queue_latency_ms) == ("cancelled", "terminate", None)


def test_what_succeeded_before_it_could_be_stopped_has_succeeded() -> None:
    """Its steps say so."""
    run = run_of(saw(0), saw(MINUTE, **done(), spec={"shutdown": "Stop"}))

    assert run.outcome == "succeeded"


def test_a_workflow_that_succeeds_without_a_step_has_begun() -> None:
    """Everything in it was skipped."""
    run = run_of(saw(0), saw(100, "Succeeded", started=NOON, finished=NOON))

    assert run.latency_source == "object"


def test_a_start_before_its_creation_is_no_negative_wait() -> None:
    """Two clocks: the controller's and the server's."""
    run = run_of(saw(HOUR, change="listed", **done(started=NOON - MINUTE)))

    assert run.queue_latency_ms == 0


def test_work_that_began_without_a_start_has_no_latency() -> None:
    """A pod is evidence, but has no instant of the workflow."""
    workflow_state = lived(saw(HOUR, change="listed"))
    workflow_lifecycle.pick_up(workflow_state, NOON + HOUR, live=True)

    assert workflow_rows.queue_latency(workflow_state, workflow_state.attempt) == workflow_rows.NONE


# Ends.


def test_an_end_is_the_objects_own_instant() -> None:
    """finished_at is a column others subtract; the arrival is not."""
    run = run_of(saw(0), saw(MINUTE + 300, **done()))

    assert (run.finished_at, run.outcome, run.phase) == (NOON + MINUTE, "succeeded", "Succeeded")


def test_an_end_without_an_instant_is_when_we_saw_it() -> None:
    """finishedAt may be missing on a Succeeded workflow (#12888)."""
    run = run_of(saw(0), saw(MINUTE, "Succeeded", started=NOON, nodes={"w1": a_step()}))

    assert run.finished_at == NOON + MINUTE


def test_retries_are_counted_from_the_steps() -> None:
    """And steps that were tried again are known by id."""
    nodes = {"r": a_step("Succeeded", kind="Retry", children=["a", "b"]), "a": a_step("Failed"), "b": a_step()}
    workflow_state = lived(saw(0), saw(MINUTE, **done(nodes=nodes)))

    assert (workflow_state.attempt.retries, workflow_state.retried_nodes) == (1, frozenset("a"))


def test_a_packed_workflow_has_steps() -> None:
    """They cannot be read here; that there are some is sure."""
    workflow_state = lived(saw(0), saw(MINUTE, "Failed", started=NOON, finished=NOON + MINUTE, compressedNodes="H4sI"))

    assert (workflow_state.attempt.has_nodes, workflow_state.attempt.picked_up_at) == (True, NOON)


def test_a_long_message_is_cut() -> None:
    """Messages hold whole stack traces."""
    run = run_of(saw(0), saw(MINUTE, **done("Failed", message="x" * 10_000)))

    assert len(run.message) == MESSAGE_LIMIT


def test_a_workflow_that_ended_before_it_vanished_ended_as_it_did() -> None:
    """Only what lived ends unknown."""
    workflow_state = lived(saw(0), saw(MINUTE, **done()))
    workflow_lifecycle.mark_vanished(workflow_state, NOON + HOUR, workflow_state.version + 1)

    assert (workflow_state.attempt.outcome, workflow_state.deleted) == ("succeeded", True)


def test_an_attempt_that_has_not_ended_has_no_outcome_to_correct() -> None:
    """A pod that failed decides nothing before its workflow ended."""
    attempt = Attempt()

    workflow_lifecycle.refine_outcome(attempt, None)

    assert (attempt.outcome, attempt.outcome_reason) == ("", "")


# Attempts.


def test_another_start_is_another_attempt() -> None:
    """`argo retry` keeps the uid; up to 3.7 it goes straight to Running."""
    again = saw(HOUR, "Running", started=NOON + HOUR)
    workflow_state = lived(
        saw(0), saw(100, "Running", started=NOON), saw(MINUTE, **done("Failed", started=NOON)), again
    )

    assert (
        workflow_state.attempt.number,
        workflow_state.attempt.finished,
        workflow_state.attempt.picked_up_at,
        spent(workflow_state),
    ) == (
        2,
        False,
        NOON + HOUR,
        {},
    )


def test_an_attempt_after_the_first_has_no_latency_unless_its_reopening_was_seen() -> None:
    """creationTimestamp is the first attempt's."""
    first = saw(MINUTE, **done("Failed", started=NOON))
    again = saw(HOUR, "Running", "listed", started=NOON + HOUR - MINUTE)
    run = run_of(saw(0), first, again, saw(2 * HOUR, **done(started=NOON + HOUR - MINUTE)))

    assert (run.attempt, run.queue_latency_ms, run.latency_source, run.complete) == (2, None, "", False)


def test_an_attempt_seen_from_its_reopening_is_complete_though_the_first_was_not() -> None:
    """Whether something was missed is recorded for each attempt."""
    workflow_state = lived(saw(MINUTE, change="listed", **done("Failed")), saw(HOUR, started=NOON + HOUR))

    assert (workflow_state.attempt.number, workflow_state.attempt.complete, workflow_state.attempt.reason) == (
        2,
        True,
        "unseen",
    )


def test_a_reopened_workflow_has_waited_since_then() -> None:
    """Not since its creation days ago: that would page."""
    workflow_state = lived(saw(MINUTE, **done("Failed")), saw(DAY, started=NOON + DAY))

    assert (workflow_state.attempt.reason, waiting.waited_since(workflow_state.created_at, workflow_state.attempt)) == (
        "unseen",
        NOON + DAY,
    )


# Who it is.


def test_a_workflow_is_described_by_its_newest_version() -> None:
    """Labels, priority and template may be edited while it waits."""
    rules = Rules(queue_label="queue", department=RULES.department)
    labels = {"queue": "night", "department": "maps", "private": "x", "workflows.argoproj.io/creator": "wei"}
    spec = {"priority": 7, "workflowTemplateRef": {"name": "train"}, "serviceAccountName": "robot"}
    workflow_state = lived(saw(0), saw(100, labels=labels, spec=spec), rules=rules)

    assert (
        workflow_state.queue,
        workflow_state.department,
        workflow_state.creator,
        workflow_state.priority,
        workflow_state.template,
    ) == (
        "night",
        "maps",
        "wei",
        7,
        "train",
    )
    assert workflow_state.labels == {k: v for k, v in labels.items() if k != "private"}


@pytest.mark.parametrize("label", ["workflow-template", "cluster-workflow-template", "cron-workflow"])
def test_a_label_names_the_template_where_the_spec_does_not(label: str) -> None:
    """The controller sets the first from 4.1 on only."""
    workflow_state = lived(saw(0, labels={f"workflows.argoproj.io/{label}": "nightly"}))

    assert workflow_state.template == "nightly"


def test_an_object_without_anything_is_a_workflow() -> None:
    """Created when it was first seen, in no namespace."""
    empty = an_observation(a_workflow(), "added", when=NOON + 5)
    empty.object.metadata.creationTimestamp = None  # type: ignore[attr-defined]
    empty.object.spec = empty.object.status = None  # type: ignore[attr-defined]

    assert lived(empty).created_at == NOON + 5
