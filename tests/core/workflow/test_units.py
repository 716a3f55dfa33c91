"""The numbers of what a workflow made, by annotations."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from collector.core.cluster.effects import Ended
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Observation
from collector.core.workflow import rows, units
from collector.core.workflow.description import restored
from tests.builders import MINUTE, NOON, RULES, SECOND, a_workflow, an_observation
from tests.core.observed import a_cluster, feed, only
from tests.core.workflow.test_lifecycle import done, lived, saw

FRAMES = "example.com/frames"
COUNTED = replace(RULES, units={"km": "sim/km", "frames": FRAMES})


@pytest.mark.parametrize(
    ("text", "number"),
    [("1200", "1200"), ("0", "0"), ("0.5", "0.5"), (" 7\n", "7"), ("000001", "1"), ("9" * 15 + "." + "9" * 9,) * 2],
)
def test_a_decimal_number_is_kept_exactly(text: str, number: str) -> None:
    """To nine places, as it was written."""
    assert units.numbers(units.stated({"frames": FRAMES}, {FRAMES: text})) == {"frames": Decimal(number)}


@pytest.mark.parametrize(
    "text",
    ["-1", "+1", "1e9", "NaN", "Infinity", "1,200", "1_000", "１２", "12 frames", "0x10", ".5", "5.", "1" * 16,
     "1." + "1" * 10, "9" * 300_000],
)  # fmt: skip
def test_any_other_text_is_not_a_number(text: str) -> None:
    """The row says that the units are unknown, which differs from 0."""
    kept = units.stated({"frames": FRAMES}, {FRAMES: text})

    assert kept is not None
    assert units.numbers(kept) == {}
    assert units.unreadable(kept)
    assert len(kept["frames"]) <= units.TEXT_LIMIT


def a_row(*sights: Observation, **more: Any) -> WorkflowRun:
    state = lived(*sights, **more)
    return rows.run_of("c1", state, state.attempt, state.version)


def test_a_run_has_the_number_that_was_last_stated() -> None:
    """A step states it while the workflow runs; without the setting nothing is kept."""
    life = (
        saw(0),
        saw(SECOND, "Running", annotations={FRAMES: "10"}),
        saw(MINUTE, annotations={FRAMES: "1200.5"}, **done()),
    )

    assert a_row(*life, rules=COUNTED).made == {"frames": Decimal("1200.5")}
    assert a_row(*life).made == {}
    assert a_row(*life[:2], saw(MINUTE, **done()), rules=COUNTED).made == {}


def test_each_unit_has_its_own_number() -> None:
    """One that is not a number leaves the others; the column `units` of earlier releases goes on with the first."""
    both = a_row(saw(0), saw(MINUTE, annotations={FRAMES: "10", "sim/km": "2.5"}, **done()), rules=COUNTED)
    one = a_row(saw(0), saw(MINUTE, annotations={FRAMES: "10", "sim/km": "far"}, **done()), rules=COUNTED)
    none = a_row(saw(0), saw(MINUTE, annotations={FRAMES: "", "sim/km": " "}, **done()), rules=COUNTED)

    assert (both.made, both.units) == ({"km": Decimal("2.5"), "frames": Decimal(10)}, Decimal("2.5"))
    assert (one.made, one.units) == ({"frames": Decimal(10)}, Decimal(10))
    assert (none.made, none.units) == ({}, None)


def test_a_number_that_an_earlier_release_saved_is_kept() -> None:
    """Until the workflow is observed again; that release knew one unit, without a name."""
    state = lived(saw(0), saw(MINUTE, **done()))
    state.units = "7"
    state = restored(state, COUNTED)

    assert rows.run_of("c1", state, state.attempt, 1).made == {"units": Decimal(7)}
    assert state.units == ""


def ended(when: int, text: str | None, change: Any = "modified") -> Observation:
    """A sight of the ended workflow with this annotation."""
    annotations = {} if text is None else {FRAMES: text}
    reported = a_workflow("w1", phase="Succeeded", started=NOON, finished=NOON + MINUTE, annotations=annotations)
    return an_observation(reported, change, when=NOON + when)


def test_a_number_that_comes_after_the_end_writes_the_row_again() -> None:
    """Results are often counted later; the newer row goes above the one before, and the end is counted once."""
    cluster = a_cluster(rules=COUNTED)
    effects = feed(cluster, ended(MINUTE, None, "added"), ended(2 * MINUTE, "1200"), ended(3 * MINUTE, "1200"))

    written = only(WorkflowRun, effects)
    assert [row.made for row in written] == [{}, {"frames": Decimal(1200)}]
    assert written[1].version > written[0].version
    assert len(only(Ended, effects)) == 1


@pytest.mark.parametrize(("text", "counted"), [("many", True), ("5", False), (None, False)])
def test_a_text_that_is_not_a_number_is_counted(text: str | None, counted: bool) -> None:
    """By a counter of such ends; a workflow without the annotation has no units."""
    (end,) = only(Ended, feed(a_cluster(rules=COUNTED), ended(MINUTE, text, "added")))

    assert end.unreadable_units is counted
