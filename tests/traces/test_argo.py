"""Where spans stand in a trace that Argo itself makes."""

import pytest
from msgspec.structs import replace

from collector.traces import argo
from collector.traces.attempt_spans import spans
from collector.traces.span import SpanId
from tests.builders import NOON
from tests.reports.stored import a_run
from tests.traces.attempts import a_tree, an_attempt

TRACE, SPAN = "cf3cb0594b4a923e1ce4aa1d46c81ef8", 0xEB1E7054E728B670
"""By the rule of Argo's deterministic.go, computed by a Go program: nightly-x7k2p in team, created at NOON."""
TRACED = a_run(name="nightly-x7k2p", created_at=NOON, trace_id=TRACE)


def test_our_spans_stand_below_argos_span_of_the_workflow() -> None:
    """The parent's id follows from the same rule as the trace's, which the annotation confirms."""
    made = spans(replace(a_tree(), run=TRACED), 5000)

    assert made[0].parent == SpanId(int(TRACE, 16), SPAN)
    assert {span.place.trace_id for span in made} == {int(TRACE, 16)}
    assert made[0].place != made[0].parent


@pytest.mark.parametrize(
    "run",
    [
        replace(TRACED, trace_id="0af7651916cd43dd8448eb211c80319c"),  # the workflow continues its caller's trace
        replace(TRACED, name="other"),
        replace(TRACED, created_at=NOON + 1000),
    ],
)
def test_a_parent_that_is_not_known_is_not_invented(run: object) -> None:
    """A parent that does not exist looks like a broken trace; without one our spans are still in Argo's trace."""
    made = spans(an_attempt(run), 5000)  # type: ignore[arg-type]  # parametrised

    assert made[0].parent is None
    assert f"{made[0].place.trace_id:032x}" == run.trace_id  # type: ignore[attr-defined]


def test_without_argos_trace_there_is_no_parent() -> None:
    """The trace is ours."""
    assert argo.parent(replace(TRACED, trace_id="")) is None
