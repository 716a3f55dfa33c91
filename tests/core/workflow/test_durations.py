"""How long an attempt worked: from the begin of work to its end; an attempt that did not work has no duration."""

from collector.core.cluster.effects import Clamped, Ended
from collector.core.messages import Observation
from tests.builders import HOUR, MINUTE, NOON, SECOND, a_pod, a_step, a_workflow, an_observation
from tests.core.observed import a_cluster, feed, finished, only, running, submitted

TEMPLATE = {"workflows.argoproj.io/workflow-template": "nightly"}


def durations(*seen: Observation) -> list[int | None]:
    """The durations of the attempts that ended."""
    return [end.duration_ms for end in only(Ended, feed(a_cluster(), *seen))]


def test_the_duration_is_from_the_begin_of_work_to_the_end() -> None:
    """By the controller's clock on both sides: it began a second after noon, ended two minutes after it."""
    assert durations(submitted(), running(when=NOON + 9 * SECOND), finished(when=NOON + HOUR)) == [119 * SECOND]


def test_an_attempt_that_never_began_has_no_duration() -> None:
    """0 would be the fastest run of its template."""
    failed = a_workflow(phase="Failed", started=NOON, finished=NOON, nodes={"w1": a_step("Failed")})

    assert durations(submitted(), an_observation(failed, when=NOON + SECOND)) == [None]


def test_an_end_that_was_not_seen_gives_no_duration() -> None:
    """A workflow that vanished in a gap ended some time in it."""
    gone = an_observation(a_workflow(), "vanished", when=NOON + HOUR)

    assert durations(submitted(), running(), gone) == [None]


def test_without_a_start_of_its_own_work_began_with_the_first_pod() -> None:
    """A deleted workflow whose pod was seen before its status."""
    pod = an_observation(a_pod(), "added", when=NOON + SECOND)
    deleted = an_observation(a_workflow(), "deleted", when=NOON + MINUTE)

    assert durations(submitted(), pod, deleted) == [59 * SECOND]


def test_a_start_after_the_end_is_a_clamped_duration() -> None:
    """Two controllers with two clocks wrote them."""
    begun = an_observation(a_workflow(phase="Running", started=NOON + HOUR), when=NOON + SECOND)
    effects = feed(a_cluster(), submitted(), begun, finished(started=NOON + HOUR))

    assert [end.duration_ms for end in only(Ended, effects)] == [0]
    assert Clamped("duration") in effects


def test_the_template_is_the_one_of_the_rows() -> None:
    """And a workflow without a template has none: its own name is a new one each time."""
    named = a_workflow(phase="Succeeded", started=NOON, finished=NOON + MINUTE, labels=TEMPLATE)
    ends = [only(Ended, feed(a_cluster(), an_observation(w))) for w in (named, a_workflow(phase="Succeeded"))]

    assert [[end.template for end in of_one] for of_one in ends] == [["nightly"], [""]]
