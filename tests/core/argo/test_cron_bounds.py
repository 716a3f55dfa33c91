"""Cron workflows that are written wrongly, or meant to harm: a problem in the view, bounded state, and no missed run."""

from typing import Any

import pytest

from collector.core.argo.cron import DELETED_KEPT_MS, DUE_AT_MOST, HELD_AT_MOST, REMEMBERED, UNSEEN_AT_MOST
from collector.core.objects import kubernetes
from tests.builders import DAY, HOUR, MINUTE, NOON, SECOND, decoded
from tests.core.argo.crons import Watched, a_cron, name_of, watched


@pytest.mark.parametrize("cron", [a_cron(), a_cron(["*/2 * * * *", "1/2 * * * *"])])
def test_a_long_break_costs_no_more_than_a_bounded_number_of_rows(cron: kubernetes.CronWorkflow) -> None:
    """The first hundred due times are looked at, the rest is passed over; the break itself is a watch gap."""
    world = watched(cron)
    world.tick(NOON + 30 * SECOND)
    world.tick(NOON + DAY)
    world.tick(NOON + DAY + 30 * SECOND)

    assert [row.due_at for row in world.rows] == [NOON + i * MINUTE for i in range(1, DUE_AT_MOST + 1)]
    assert world.view().missed == DUE_AT_MOST
    assert world.view().next_at == NOON + DAY + MINUTE


def test_only_the_newest_due_times_are_remembered() -> None:
    """State stays small; a run of a forgotten due time is still emitted, with the higher version."""
    world = watched()
    world.tick(NOON + 3 * HOUR, NOON)
    (state,) = world.crons.states.values()
    world.run(NOON + MINUTE)

    assert len([run for run in state.runs.values() if run.version]) <= REMEMBERED + 1
    assert len(world.rows) == 180
    assert world.final()[0] == ("1", "started", name_of(1))


def test_a_hostile_status_fills_no_memory() -> None:
    """A status may name any time as its last run."""
    world = watched()
    for i in range(HELD_AT_MOST + 50):
        world.see(a_cron(last=NOON + DAY + i * HOUR), NOON + SECOND + i * SECOND)
    (state,) = world.crons.states.values()

    assert len(state.runs) <= HELD_AT_MOST
    assert state.last_at == NOON + DAY + (HELD_AT_MOST + 49) * HOUR


def test_several_schedules_are_due_together_once() -> None:
    """Argo 3.6 and later have a list; two of them may name one minute."""
    world = watched(a_cron(["*/4 * * * *", "*/6 * * * *", "*/4 * * * *"]))
    world.tick(NOON + 14 * MINUTE, NOON)

    assert [due for due, _, _ in world.emitted()] == ["4", "6", "8", "12"]
    assert world.view().schedule == "*/4 * * * *; */6 * * * *"
    assert world.view().next_at == NOON + 16 * MINUTE


def test_the_one_schedule_of_older_argo_is_read() -> None:
    """Up to 3.7 there is `schedule`; the zone counts for it as for the others."""
    world = watched(a_cron([], schedule="0 21 * * *", timezone="Asia/Tokyo"))

    assert world.view().next_at == NOON + DAY
    assert (world.view().timezone, world.view().problem) == ("Asia/Tokyo", "")


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        (a_cron([]), "schedule '' has 0 fields"),
        (a_cron("every day"), "schedule 'every day' has 2 fields"),
        (a_cron(["* * * * *", "61 * * * *"]), "invalid minute '61'"),
        (a_cron(timezone="Mars/Base"), "unknown time zone 'Mars/Base'"),
        (a_cron("@every 5m"), "no due time can be calculated"),
        (a_cron("0 0 30 2 *"), "no due time can be calculated"),
        (a_cron("1" * 5000), "has 1024 characters"),
    ],
)
def test_a_schedule_that_cannot_be_followed_is_a_problem_and_never_missed(
    cron: kubernetes.CronWorkflow, problem: str
) -> None:
    """Argo runs none of these either; `@every` cannot be calculated."""
    world = watched(cron)
    world.tick(NOON + HOUR, NOON)

    assert world.rows == []
    assert world.view().next_at is None
    assert problem in world.view().problem


def test_a_run_of_an_unforeseeable_schedule_is_a_row() -> None:
    """`@every` has no due times to miss, but what it started is known."""
    world = watched(a_cron("@every 5m"))
    world.run(NOON + 17 * SECOND)
    world.tick(NOON + HOUR, NOON)

    assert [row.outcome for row in world.rows] == ["started"]


def test_both_kinds_of_schedule_are_a_problem() -> None:
    """Argo 4 follows the list, 3.6 and 3.7 refuse to run: then it is missed, and the problem says why."""
    world = watched(a_cron("*/2 * * * *", schedule="0 0 1 1 *"))
    world.tick(NOON + 3 * MINUTE, NOON)

    assert world.emitted() == [("2", "missed", "")]
    assert "remove schedule" in world.view().problem


def test_a_thousand_schedules_are_a_problem_and_bounded() -> None:
    """The work of one cron must not stop the others'."""
    world = watched(a_cron([f"{i % 60} {i // 60} * * *" for i in range(1000)]))

    assert world.view().problem == "of 1000 schedules only the first 100 are followed"
    assert len(world.view().schedule) == 256


@pytest.mark.parametrize("raw", [{}, {"spec": None, "status": None}, {"spec": {}, "status": {"active": None}}])
def test_an_empty_cron_raises_no_error(raw: dict[str, Any]) -> None:
    """Anything may be null or missing."""
    world = Watched()
    world.see(decoded({"metadata": {"uid": "u1"}, **raw}, kubernetes.CronWorkflow), NOON, "added")
    world.tick(NOON + MINUTE)

    assert world.view().problem.startswith("schedule ''")


def test_unknown_crons_fill_no_memory() -> None:
    """Anybody may put the label on a workflow, and the right to watch crons may be missing."""
    world = Watched()
    for i in range(UNSEEN_AT_MOST + 10):
        world.run(NOON, cron=f"cron{i}")

    assert len(world.crons.unseen) == UNSEEN_AT_MOST
    assert world.rows == []

    world.tick(NOON + SECOND + DELETED_KEPT_MS + 1)

    assert not world.crons.unseen
