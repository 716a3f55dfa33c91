"""The waits of attempts and pods as intervals, and which of these are known."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.core.facts.workflows import WorkflowRun
from collector.core.history.waits import attempt_waits, began_at, pod_waits
from collector.core.model import BEFORE_WORK, REASONS
from tests.builders import NOON, SECOND, a_pod_run
from tests.reports.stored import a_run


def waits(run: WorkflowRun) -> list[tuple[str, int, int, bool, bool]]:
    """Reason, begin and end after noon in ms, whether before work, whether exact."""
    return [(w.reason, w.start - NOON, w.end - NOON, w.before_work, w.exact) for w in attempt_waits(run)]


def test_one_reason_before_work_ends_when_work_begins() -> None:
    """Both ends are known; what it waited for is the row's."""
    run = a_run(lock_ms=1500, running_ms=98_500, picked_up_at=NOON + 1500, waited_on={"lock": "team/gpu"})

    assert waits(run) == [("lock", 0, 1500, True, True)]
    assert [wait.on for wait in attempt_waits(run)] == ["team/gpu"]


def test_several_reasons_before_work_are_in_the_usual_order() -> None:
    """When one followed the other is not known."""
    run = a_run(unseen_ms=100, throttled_ms=900, running_ms=99_000, picked_up_at=NOON + 1000)

    assert waits(run) == [("unseen", 0, 100, True, False), ("throttled", 100, 1000, True, False)]


def test_waits_after_work_begin_stand_around_the_running_time() -> None:
    """Pods start before containers run, and the controller advances between steps; the interval is not known."""
    run = a_run(starting_ms=5000, running_ms=90_000, advancing_ms=5000)

    assert waits(run) == [("starting", 0, 5000, False, False), ("advancing", 95_000, 100_000, False, False)]


def test_a_volume_may_hold_on_both_sides() -> None:
    """As long before work as no other reason held; the rest after it."""
    run = a_run(unseen_ms=100, volume_ms=2000, running_ms=97_900, picked_up_at=NOON + 600)

    assert waits(run) == [
        ("unseen", 0, 100, True, False),
        ("volume", 100, 600, True, False),
        ("volume", 600, 2100, False, False),
    ]


def test_a_wait_that_never_ended_ends_with_the_attempt() -> None:
    """Terminated in the queue: all of its life is one wait."""
    run = a_run(throttled_ms=100_000, picked_up_at=None, outcome="cancelled")

    assert waits(run) == [("throttled", 0, 100_000, True, True)]


def test_an_attempt_begins_with_its_submission() -> None:
    """By the object's own whole second, unless our clock saw it before; a retry begins with its first sight."""
    assert began_at(a_run(created_at=NOON - 300)) == NOON - 300
    assert began_at(a_run(first_seen_at=NOON - 5)) == NOON - 5
    assert began_at(a_run(lock_ms=3000, picked_up_at=NOON + 1000)) == NOON - 2000
    retried = a_run(attempt=2, created_at=NOON - 3_600_000, started_at=NOON, first_seen_at=NOON - 400)
    assert began_at(retried) == NOON - 400
    assert began_at(a_run(attempt=2, started_at=None)) == NOON


@given(
    st.fixed_dictionaries({f"{name}_ms": st.integers(0, 10**9) for name in REASONS}),
    st.booleans(),
    st.integers(0, 10**9),
)
def test_each_wait_is_as_long_as_in_the_row(spent: dict[str, Any], begun: bool, queued: int) -> None:
    """Lengths are right even where intervals are not: they are what people compare."""
    run = a_run(**spent, picked_up_at=NOON + queued if begun else None)
    found = [*attempt_waits(run)]

    for name in REASONS:
        if name != "running" and (begun or name in BEFORE_WORK):
            assert sum(w.end - w.start for w in found if w.reason == name) == spent[f"{name}_ms"]
    assert all(w.end > w.start for w in found)


def test_a_pod_waits_for_a_node_and_then_for_its_start() -> None:
    """By its own conditions, in whole seconds."""
    pod = a_pod_run(scheduled_at=NOON + 4 * SECOND, main_started_at=NOON + 10 * SECOND)

    assert [(w.reason, w.start, w.end, w.exact) for w in pod_waits(pod)] == [
        ("unschedulable", NOON, NOON + 4 * SECOND, True),
        ("starting", NOON + 4 * SECOND, NOON + 10 * SECOND, True),
    ]


def test_a_pod_that_could_not_get_its_image_waited_for_it() -> None:
    """The kubelet's reason or the last event says so; the pod never ran."""
    pod = a_pod_run(main_started_at=None, reason="ImagePullBackOff")

    assert [(w.reason, w.end) for w in pod_waits(pod)] == [("image", NOON + 70 * SECOND)]
    with_event = a_pod_run(hint='Failed: Failed to pull image "busybox:nope"')
    assert [w.reason for w in pod_waits(with_event)] == ["image"]


def test_a_pod_that_never_had_a_node_waited_to_its_end() -> None:
    """It was deleted while it was pending. One with a node but without the condition was placed at once."""
    never = a_pod_run(scheduled_at=None, node_name="", main_started_at=None)

    assert [(w.reason, w.end) for w in pod_waits(never)] == [("unschedulable", NOON + 70 * SECOND)]
    assert [w.reason for w in pod_waits(a_pod_run(scheduled_at=None))] == ["starting"]
    assert [*pod_waits(a_pod_run(main_started_at=NOON))] == []
