"""The trace that Argo 4.1 and later itself makes of a workflow."""

import pytest

from collector.core.workflow.description import TRACE_ID
from tests.builders import MINUTE, SECOND
from tests.core.workflow.test_lifecycle import done, saw
from tests.core.workflow.test_units import a_row

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_run_has_the_trace_that_argo_makes_of_it() -> None:
    """The controller annotates the workflow at its first pass; a later object without the annotation changes nothing."""
    life = (saw(0), saw(SECOND, "Running", annotations={TRACE_ID: TRACE}), saw(MINUTE, **done()))

    assert a_row(*life).trace_id == TRACE
    assert a_row(saw(0), saw(MINUTE, annotations={"title": "t"}, **done())).trace_id == ""


@pytest.mark.parametrize("text", ["", "0" * 32, TRACE.upper(), TRACE + "0", TRACE[1:], f"{TRACE}\n", "x" * 300_000])
def test_what_is_no_trace_id_is_not_kept(text: str) -> None:
    """A receiver would refuse the whole request for one such id."""
    assert a_row(saw(0), saw(MINUTE, annotations={TRACE_ID: text}, **done())).trace_id == ""
