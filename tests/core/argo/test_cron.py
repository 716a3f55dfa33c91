"""Cron workflows: what became of each time they were due."""

from typing import Any

import msgspec
import pytest

from collector.core.argo.cron import DELETED_KEPT_MS, GRACE_MS
from collector.core.facts.workflows import CronRun
from collector.core.model import Instant
from collector.core.objects import kubernetes
from tests.builders import DAY, HOUR, MINUTE, NOON, SECOND, iso
from tests.core.argo.crons import Watched, a_cron, name_of, restarted, sight, watched


def test_a_due_time_that_led_to_a_workflow_is_started() -> None:
    """The workflow has the due time in its annotation and its name."""
    world = watched()
    world.run(NOON + MINUTE, at=NOON + MINUTE + 2 * SECOND)
    world.tick(NOON + MINUTE + 5 * SECOND)

    (row,) = world.rows
    assert row == CronRun(
        cluster="c1", namespace="team", cron="nightly", due_at=NOON + MINUTE, version=4, outcome="started", reason="",
        workflow_name=name_of(1), started_at=NOON + MINUTE + 2 * SECOND, schedule="* * * * *",
        concurrency_policy="Allow",
    )  # fmt: skip


def test_nothing_is_emitted_again() -> None:
    """Neither by the same workflow, nor by its cron's status, nor by time."""
    world = watched()
    world.run(NOON + MINUTE)
    world.run(NOON + MINUTE)
    world.see(a_cron(last=NOON + MINUTE, active=1), NOON + MINUTE + 2 * SECOND)
    world.see(a_cron(last=NOON + MINUTE, active=1), NOON + MINUTE + 2 * SECOND)
    world.run(NOON + MINUTE)
    world.tick(NOON + 150 * SECOND, NOON)

    assert world.emitted() == [("1", "started", name_of(1))]


def test_the_status_of_a_cron_shows_started_runs() -> None:
    """If its workflow is not observed yet; the name follows with the workflow."""
    world = watched()
    world.see(a_cron(last=NOON + MINUTE), NOON + MINUTE + SECOND)
    world.run(NOON + MINUTE)

    assert world.emitted() == [("1", "started", ""), ("1", "started", name_of(1))]
    assert [row.version for row in world.rows] == [3, 4]
    assert world.rows[0].started_at is None


def test_the_message_of_a_failed_submission_is_kept() -> None:
    """A missed run has the reason, and so does the cron, until one of its runs is created."""
    cron, well = a_cron("0 * * * *"), a_cron("0 * * * *")
    failed = {"type": "SubmissionError", "status": "True", "message": 'workflowtemplates "gone"\nnot found'}
    other = {"type": "SubmissionError", "status": "False", "message": "once"}
    assert cron.status is not None
    assert well.status is not None
    cron.status.conditions = [kubernetes.Condition(**other), kubernetes.Condition(**failed)]
    well.status.conditions = [kubernetes.Condition(**other)]
    world = watched(cron)
    world.tick(NOON + 62 * MINUTE)
    problem = world.view().problem
    world.run(NOON + 60 * MINUTE)
    world.see(well, NOON + 63 * MINUTE)

    missed, started = world.rows
    assert (missed.outcome, missed.reason) == ("missed", "submission_error")
    assert missed.message == problem == 'workflowtemplates "gone" not found'
    assert (started.outcome, started.reason, started.message) == ("started", "", "")
    assert world.view().problem == ""


def test_a_due_time_without_a_run_is_missed_after_the_grace() -> None:
    """Not before: a workflow may be seen late."""
    world = watched(a_cron("0 13 * * *"))
    world.tick(NOON + HOUR + GRACE_MS - 1, NOON + HOUR)

    assert world.rows == []

    world.tick(NOON + HOUR + GRACE_MS)

    assert world.emitted() == [("60", "missed", "")]
    assert (world.view().missed, world.view().skipped, world.view().last_at) == (1, 0, None)


@pytest.mark.parametrize(("deadline", "judged"), [(30, 90), (0, 60), (-5, 60), (7200, 3660)])
def test_the_starting_deadline_lengthens_the_grace(deadline: int, judged: int) -> None:
    """Argo may still start the run until then; a deadline of hours is not waited for."""
    world = watched(a_cron("0 13 * * *", startingDeadlineSeconds=deadline))
    world.tick(NOON + HOUR + judged * SECOND - 1, NOON + HOUR)

    assert world.rows == []

    world.tick(NOON + HOUR + judged * SECOND)

    assert world.emitted() == [("60", "missed", "")]


@pytest.mark.parametrize(("skipped", "reason"), [({}, ""), ({"when": "{{= false }}"}, "when")])
def test_a_late_run_corrects_an_emitted_row(skipped: dict[str, Any], reason: str) -> None:
    """A controller that was down makes up for its latest missed run."""
    world = watched(a_cron("0 13 * * *", **skipped))
    world.tick(NOON + HOUR + 5 * MINUTE, NOON + HOUR)
    world.run(NOON + HOUR, at=NOON + HOUR + 6 * MINUTE)

    assert world.emitted()[0] == ("60", "skipped" if reason else "missed", reason)
    assert world.final() == [("60", "started", name_of(60))]
    assert world.rows[-1].started_at == NOON + HOUR + 6 * MINUTE
    assert (world.view().missed, world.view().skipped) == (0, 0)


def test_forbid_with_an_active_run_skips() -> None:
    """Argo leaves lastScheduledTime where it is."""
    world = watched(a_cron("*/2 * * * *", concurrencyPolicy="Forbid", active=1))
    world.tick(NOON + 3 * MINUTE, NOON)
    world.see(a_cron("*/2 * * * *", concurrencyPolicy="Forbid"), NOON + 3 * MINUTE)
    world.tick(NOON + 6 * MINUTE, NOON + 3 * MINUTE)

    assert world.emitted() == [("2", "skipped", "forbid"), ("4", "missed", "")]
    assert (world.view().missed, world.view().skipped, world.view().active) == (1, 1, 0)


def test_the_state_when_it_fell_due_decides() -> None:
    """An active run that ends a second after the due time forbade it all the same; one that begins did not."""
    world = watched(a_cron("*/2 * * * *", concurrencyPolicy="Forbid", active=1))
    world.see(a_cron("*/2 * * * *", concurrencyPolicy="Forbid"), NOON + 2 * MINUTE + SECOND)
    world.see(a_cron("*/2 * * * *", concurrencyPolicy="Forbid", active=1), NOON + 4 * MINUTE + SECOND)
    world.tick(NOON + 5 * MINUTE + 10 * SECOND, NOON + 4 * MINUTE + SECOND)

    assert world.final() == [("2", "skipped", "forbid"), ("4", "missed", "")]


@pytest.mark.parametrize("policy", ["Allow", "Replace", "", None])
def test_other_policies_forbid_nothing(policy: str | None) -> None:
    """Replace ends the previous run; the new run counts as started."""
    world = watched(a_cron("*/2 * * * *", concurrencyPolicy=policy, active=1))
    world.tick(NOON + 3 * MINUTE, NOON)

    assert world.emitted() == [("2", "missed", "")]
    assert world.rows[0].concurrency_policy == (policy or "Allow")


@pytest.mark.parametrize("off", [{"suspend": True}, {"phase": "Stopped"}])
def test_nothing_is_due_while_it_is_off(off: dict[str, Any]) -> None:
    """A year of suspension gives no rows."""
    world = watched(a_cron(**off))
    world.tick(NOON + HOUR, NOON)

    assert world.rows == []
    assert world.view().next_at is None

    world.see(a_cron(), NOON + HOUR + SECOND)

    assert world.view().next_at == NOON + HOUR + MINUTE

    world.tick(NOON + HOUR + 2 * MINUTE, NOON + HOUR)

    assert world.emitted() == [("61", "missed", "")]


@pytest.mark.parametrize(("off", "reason"), [({"suspend": True}, "suspended"), ({"phase": "Stopped"}, "stopped")])
def test_open_due_times_of_a_suspended_cron_are_skipped(off: dict[str, Any], reason: str) -> None:
    """A suspension observed shortly after a due time is not a miss. A row with a reason or a run keeps it."""
    world = watched()
    world.run(NOON + MINUTE)
    world.see(a_cron(when="x"), NOON + MINUTE + SECOND)
    world.see(a_cron(), NOON + 2 * MINUTE + SECOND)
    world.tick(NOON + 3 * MINUTE)
    world.see(a_cron(**off), NOON + 3 * MINUTE + SECOND)
    world.tick(NOON + 9 * MINUTE, NOON + 3 * MINUTE)

    assert world.final() == [("1", "started", name_of(1)), ("2", "skipped", "when"), ("3", "skipped", reason)]


def test_the_past_of_a_listed_cron_is_not_judged() -> None:
    """Due times before our first observation are not judged; the last run is known nevertheless."""
    world = Watched()
    world.run(NOON - HOUR)
    world.see(a_cron("0 * * * *", created=NOON - DAY, last=NOON), NOON + 30 * MINUTE, "listed")
    world.run(NOON - 2 * HOUR)
    world.tick(NOON + 45 * MINUTE, NOON + 30 * MINUTE)

    assert world.rows == []
    assert (world.view().last_at, world.view().next_at) == (NOON, NOON + HOUR)


def test_a_cron_made_while_a_watch_lagged_is_judged_from_its_beginning() -> None:
    """It was added, so its creation is its first instant, however late it is observed."""
    world = Watched()
    world.see(a_cron("0 13 * * *"), NOON + HOUR + SECOND, "added")
    world.tick(NOON + HOUR + GRACE_MS, NOON + HOUR)

    assert world.emitted() == [("60", "missed", "")]


def test_a_run_may_be_observed_before_its_cron() -> None:
    """Kinds are watched on connections of their own."""
    world = Watched()
    world.run(NOON + MINUTE)
    world.see(a_cron("*/5 * * * *"), NOON + 30 * SECOND, "added")

    assert world.rows == []

    world.tick(NOON + MINUTE)

    assert world.emitted() == [("1", "started", name_of(1))]
    assert world.rows[0].schedule == "*/5 * * * *"


@pytest.mark.parametrize(
    ("scheduled", "name"),
    [(NOON + MINUTE, "nightly-abcde"), (NOON + MINUTE, name_of(2)), (None, name_of(1)), (NOON, "nightly-")],
)
def test_a_run_by_hand_is_no_due_time(scheduled: Instant | None, name: str) -> None:
    """`argo submit --from` and resubmit give label and annotation, but not the name."""
    world = watched()

    assert world.crons.record_run("team", "nightly", iso(scheduled), name, NOON + MINUTE) == []
    assert world.crons.record_run("team", "nightly", "yesterday", name, NOON + MINUTE) == []
    assert world.view().last_at is None


def test_an_unobserved_due_time_before_a_run_is_not_judged() -> None:
    """After a break the workflows in between may be gone; what followed the last run surely did not start."""
    world = watched(a_cron("*/10 * * * *"))
    world.tick(NOON + 30 * SECOND)
    world.see(a_cron("*/10 * * * *", last=NOON + 30 * MINUTE), NOON + 55 * MINUTE, "listed")
    world.tick(NOON + 55 * MINUTE)

    assert world.final() == [("30", "started", ""), ("40", "missed", ""), ("50", "missed", "")]


@pytest.mark.parametrize("change", ["deleted", "vanished"])
def test_nothing_is_due_after_the_end(change: Any) -> None:
    """Open due times never start; rows emitted before the deletion stay."""
    world = watched()
    world.tick(NOON + 2 * MINUTE, NOON)
    gone = sight(a_cron(), NOON + 150 * SECOND, change)
    for _ in range(2):
        world.rows += world.crons.observe(msgspec.structs.replace(gone, object=None))
    world.tick(NOON + HOUR, NOON + 150 * SECOND)

    assert world.emitted() == [("1", "missed", "")]
    assert world.crons.view() == []


def test_a_run_is_emitted_even_after_its_cron_is_deleted() -> None:
    """As long as one stream may lag behind another; then both are forgotten."""
    world = watched()
    world.see(a_cron(), NOON + 90 * SECOND, "deleted")
    world.run(NOON + MINUTE)
    world.crons.changes.drain()
    world.tick(NOON + 90 * SECOND + DELETED_KEPT_MS)

    assert world.emitted() == [("1", "started", name_of(1))]
    assert not world.crons.changes

    world.tick(NOON + 90 * SECOND + DELETED_KEPT_MS + 1)

    assert world.crons.changes.drain() == [("cronworkflows", "team/nightly")]
    assert world.crons.state_of("team/nightly") is None


def test_a_cron_under_the_name_of_another_goes_on_from_its_own_beginning() -> None:
    """Between the two nothing is due, whether the deletion of the first was observed or not."""
    for ended in (True, False):
        world = watched(a_cron("*/10 * * * *"))
        world.tick(NOON + 5 * MINUTE)
        if ended:
            world.see(a_cron("*/10 * * * *"), NOON + 9 * MINUTE, "deleted")
        world.see(a_cron("*/20 * * * *", uid="u2", created=NOON + 15 * MINUTE), NOON + 15 * MINUTE, "added")
        world.see(a_cron("* * * * *"), NOON + 9 * MINUTE)  # an old sight of the first
        world.see(a_cron("* * * * *"), NOON + 16 * MINUTE, "deleted")  # and of its end
        world.tick(NOON + 45 * MINUTE, NOON + 15 * MINUTE)

        expected = [("20", "missed", ""), ("40", "missed", "")]
        assert world.final() == (expected if ended else [("10", "missed", ""), *expected])
        assert world.view().schedule == "*/20 * * * *"


def test_one_name_in_two_namespaces_is_two_crons() -> None:
    """Each has its own due times and runs."""
    world = watched(a_cron("*/2 * * * *"))
    world.see(a_cron("*/2 * * * *", uid="u2", namespace="other"), NOON, "added")
    world.run(NOON + 2 * MINUTE)
    world.tick(NOON + 3 * MINUTE, NOON)

    outcomes = {(row.namespace, row.outcome) for row in world.rows}
    assert outcomes == {("team", "started"), ("other", "missed")}


def test_all_that_changes_state_is_marked_for_the_checkpoint() -> None:
    """A tick without changes is not checkpointed: most crons are idle most of the time."""
    world = watched(a_cron("*/5 * * * *"))

    def marked() -> bool:
        return bool(world.crons.changes.drain())

    assert marked()

    world.tick(NOON + MINUTE)
    assert not marked()

    world.tick(NOON + 5 * MINUTE)
    assert marked()

    world.tick(NOON + 5 * MINUTE + 30 * SECOND)
    assert not marked()

    world.tick(NOON + 6 * MINUTE)
    assert marked()

    world.run(NOON + 5 * MINUTE)
    assert marked()


def test_a_break_between_two_collectors_leaves_the_due_times_in_order() -> None:
    """It goes on from the last instant that was judged."""
    world = watched(a_cron("*/2 * * * *"))
    world.tick(NOON + 3 * MINUTE, NOON)
    world.crons = restarted(world.crons)
    world.tick(NOON + 7 * MINUTE, NOON + 4 * MINUTE)

    assert world.emitted() == [("2", "missed", ""), ("4", "missed", ""), ("6", "missed", "")]

    world.rows += world.crons.observe(
        msgspec.structs.replace(sight(a_cron(), NOON + 8 * MINUTE, "deleted"), object=None)
    )

    assert world.crons.view() == []
