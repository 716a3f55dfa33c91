"""When a cron workflow last succeeded, and how often it is due."""

from typing import Any

import msgspec
import pytest

from collector.core.argo.cron import CronState
from collector.core.cluster.state import Cluster
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.pipeline import argo_schedule
from tests.builders import DAY, HOUR, MINUTE, NOON, RULES, SECOND, a_step, a_workflow, an_observation, iso
from tests.core.argo.crons import Watched, a_cron, name_of, restarted, sight, watched
from tests.core.observed import feed


def success(world: Watched, due_at: Instant, name: str = "") -> None:
    world.crons.record_success("team", "nightly", iso(due_at), name or f"nightly-{due_at // SECOND}")


def test_the_due_time_of_the_last_success_is_kept() -> None:
    """Runs may end in another order than they were due in."""
    world = watched()
    before = world.view().succeeded_at
    for minute in (2, 3, 1):
        success(world, NOON + minute * MINUTE)

    assert (before, world.view().succeeded_at) == (None, NOON + 3 * MINUTE)


def test_a_manual_run_is_no_success_of_the_schedule() -> None:
    """`argo submit --from` copies label and annotation, under a name of its own."""
    world = watched()
    success(world, NOON + MINUTE, "nightly-by-hand")
    world.crons.record_success("team", "nightly", None, name_of(1))
    world.crons.record_success("team", "other", iso(NOON), f"other-{NOON // SECOND}")

    assert world.view().succeeded_at is None


def test_a_success_survives_a_restart_and_a_state_without_it_is_read() -> None:
    """The release before saved two fields less."""
    world = watched()
    success(world, NOON + MINUTE)
    saved = msgspec.msgpack.decode(msgspec.msgpack.encode(world.crons.state_of("team/nightly")))
    older = msgspec.msgpack.decode(msgspec.msgpack.encode(saved[:-2]), type=CronState)

    assert Watched(restarted(world.crons)).view().succeeded_at == NOON + MINUTE
    assert older.succeeded_at is None
    assert ("cronworkflows", "team/nightly") in world.crons.changes.drain()


def run(phase: str = "Succeeded", **labels: str) -> kubernetes.Workflow:
    """A workflow of the cron that was due a minute after noon."""
    due_at = NOON + MINUTE
    return a_workflow(
        "w1",
        name=name_of(1),
        created=due_at,
        phase=phase,
        started=due_at,
        finished=due_at + MINUTE,
        nodes={"w1": a_step(phase)},
        labels={"workflows.argoproj.io/cron-workflow": "nightly", **labels},
        annotations={"workflows.argoproj.io/scheduled-time": iso(due_at)},
    )


@pytest.mark.parametrize(("phase", "succeeded_at"), [("Succeeded", NOON + MINUTE), ("Failed", None), ("Running", None)])
@pytest.mark.parametrize("change", ["listed", "modified"])
@pytest.mark.parametrize("first", ["cron", "run"])
def test_the_outcome_of_a_run_is_taken_from_its_workflow(
    phase: str, succeeded_at: Instant | None, change: Any, first: str
) -> None:
    """Also from a list, and whichever of the two is observed first."""
    cluster = Cluster("c1", RULES, argo_schedule)
    ended, cron = an_observation(run(phase), change, when=NOON + 3 * MINUTE), sight(a_cron(), NOON, "listed")
    feed(cluster, *((cron, ended) if first == "cron" else (ended, cron)))
    (view,) = cluster.crons.view()

    assert view.succeeded_at == succeeded_at


def period_of(*due: str, until: Instant = NOON, **spec: Any) -> float | None:
    """The period in hours of a cron that is watched from Sunday noon to an instant."""
    world = watched(a_cron(list(due), **spec))
    world.tick(until)
    period_ms = world.view().period_ms
    return None if period_ms is None else period_ms / HOUR


@pytest.mark.parametrize(
    ("due", "hours"),
    [(["0 * * * *"], 1), (["0 0 * * *"], 24), (["0 0 * * *", "0 6 * * *"], 18), (["0 0 1 * *"], 31 * 24)],
)
def test_the_period_is_the_time_between_two_due_times(due: list[str], hours: float) -> None:
    """The longest one, with several schedules."""
    assert period_of(*due, until=NOON + 2 * DAY) == hours


def test_a_pause_of_the_schedule_counts_until_three_runs_later() -> None:
    """Else a cron of workdays would count as failing each Monday: its last success is three days old."""
    workdays = "0 6 * * 1-5"
    days = [period_of(workdays, until=NOON + n * DAY) for n in range(13)]

    assert min(h for h in days if h) == 24
    assert max(h for h in days if h) == 72


@pytest.mark.parametrize(
    ("due", "spec"),
    [("0 0 * * *", {"suspend": True}), ("@every 1h", {}), ("never", {}), ("0 0 30 2 *", {})],
)
def test_what_is_not_due_has_no_period(due: str, spec: dict[str, Any]) -> None:
    """Nor has a schedule that cannot be read."""
    assert period_of(due, **spec) is None


def test_a_schedule_that_is_due_once_more_has_no_period() -> None:
    """There is one due time, and nothing to measure."""
    world = watched()

    class Once:
        def due(self, *_: object, **__: object) -> list[Instant]:
            return []

        def next_due(self, _schedule: str, _timezone: str, after: Instant) -> Instant | None:
            return NOON + DAY if after < NOON + DAY else None

    world.crons.calendar = Once()
    world.see(a_cron(), NOON + SECOND)

    assert (world.view().next_at, world.view().period_ms) == (NOON + DAY, None)
