"""Stuck workflows, cron workflows and controllers, as /api/v1/live gives them."""

import pytest

from collector.catalog.counters import Counters
from collector.core.live_view import LiveView
from collector.core.workflow.stuck import REMEDIES
from collector.web.api_models import Live
from collector.web.live import live_now
from collector.web.trouble import CRONS_SHOWN, STUCK_SHOWN
from tests.web.fleet import GIB, HOUR, MINUTE, NOW, SECOND, a_cluster, a_controller, a_cron, a_stuck, a_view
from tests.web.full_fleet import a_full_fleet


def live(view: LiveView) -> Live:
    """The answer for a view."""
    return live_now(view, Counters(), None, NOW)


def test_the_longest_stuck_comes_first_with_what_to_do() -> None:
    """The message is the scheduler's, the advice is the collector's."""
    shown = live(a_full_fleet())

    assert [one.name for one in shown.stuck[:2]] == ["replay-0090", "sweep-2231"]
    assert shown.stuck[0].age_ms == 3 * HOUR
    assert shown.stuck[1].words.endswith("exceeded quota: compute, requested: limits.cpu=16")
    assert shown.stuck[1].advice == REMEDIES["quota"]
    assert shown.totals.stuck == len(shown.stuck) == 12


def test_a_cause_without_advice_is_shown_nonetheless() -> None:
    """A newer core may know a cause that the page does not."""
    [one] = live(a_view(stuck=[a_stuck(cause="new", since=NOW + SECOND)])).stuck

    assert (one.cause, one.advice, one.age_ms) == ("new", "", 0)


def test_stuck_workflows_are_bounded() -> None:
    """The oldest are shown, all are counted."""
    stuck = [a_stuck(name=f"w{i}", since=NOW - i) for i in range(STUCK_SHOWN + 5)]
    shown = live(a_view(stuck=stuck, stuck_counts={("a", "n", "quota"): 700, ("b", "n", "image"): 1}))

    assert (len(shown.stuck), shown.totals.stuck) == (STUCK_SHOWN, 701)
    assert shown.stuck[0].name == f"w{STUCK_SHOWN + 4}"


def test_crons_come_with_those_first_that_somebody_should_look_at() -> None:
    """Missed runs first, then problems, then skipped runs, then the others."""
    shown = live(a_full_fleet()).crons

    assert [cron.name for cron in shown] == ["every-5-min", "cleanup", "refresh", "rebuild", "nightly-training"]


@pytest.mark.parametrize(
    ("changes", "last", "due"),
    [
        ({}, 9 * HOUR, 15 * HOUR),
        ({"last_at": None, "next_at": None}, None, None),
        ({"suspended": True}, 9 * HOUR, None),
        ({"next_at": NOW - MINUTE}, 9 * HOUR, -MINUTE),
    ],
)
def test_a_cron_shows_its_last_and_next_run_from_now(
    changes: dict[str, object], last: int | None, due: int | None
) -> None:
    """Times are relative to the server's clock; a suspended cron workflow is never due."""
    [cron] = live(a_view(crons=[a_cron(**changes)])).crons

    assert (cron.last_age_ms, cron.due_in_ms) == (last, due)


def test_crons_are_bounded() -> None:
    """All are counted."""
    shown = live(a_view(crons=[a_cron(name=f"c{i}") for i in range(CRONS_SHOWN + 1)]))

    assert (len(shown.crons), shown.totals.crons) == (CRONS_SHOWN, CRONS_SHOWN + 1)


def test_controllers_stand_with_their_cluster_the_leader_first() -> None:
    """The share of the limit is known only with a limit and a known memory use."""
    view = a_view(
        clusters=[a_cluster("a"), a_cluster("b"), a_cluster("c")],
        controllers=[
            a_controller("a", pod="x", leader=False),
            a_controller("a", pod="y", memory_bytes=3 * GIB),
            a_controller("b", memory_limit_bytes=0),
            a_controller("c", memory_bytes=None),
        ],
    )

    a, b, c = (cluster.controllers for cluster in live(view).clusters)

    assert [(one.pod, one.memory_share) for one in a] == [("y", 0.75), ("x", pytest.approx(0.3, abs=0.01))]
    assert [(one.memory_limit_bytes, one.memory_share) for one in b] == [(None, None)]
    assert [(one.memory_bytes, one.memory_share) for one in c] == [(None, None)]
