"""Parallelism slots, locks and flows, as /api/v1/live gives them."""

from collector.catalog.counters import Counters
from collector.core.live_view import LiveView, QueueFlow
from collector.web.api_models import Live
from collector.web.limits import LOCKS_SHOWN
from collector.web.live import live_now
from tests.web.fleet import HOUR, MINUTE, NOW, a_flow, a_lock, a_view, some_slots, waiting
from tests.web.full_fleet import a_full_fleet


def live(view: LiveView) -> Live:
    """The answer for a view."""
    return live_now(view, Counters(), None, NOW)


def test_a_queue_shows_how_it_moves() -> None:
    """Arrivals, starts, and the time until all waiting workflows have begun: 64 at 80 in 5 minutes are 4 minutes."""
    queues = [waiting(("c", "n", "q"), "throttled", 64, MINUTE), waiting(("c", "n", "quiet"), "unseen", 1, MINUTE)]
    view = a_view(queues=queues, flows=[a_flow(("c", "n", "q"), 64, 22, 80)])

    flows = {queue.queue: queue.flow for queue in live(view).queues}

    assert flows["quiet"] is None
    assert flows["q"] is not None
    assert flows["q"].model_dump() == {
        "state": "draining",
        "arrivals": 22,
        "starts": 80,
        "window_ms": 5 * MINUTE,
        "drain_ms": 4 * MINUTE,
    }


def test_growing_and_not_draining_are_answers_of_their_own() -> None:
    """A growing queue still drains for the workflows that wait now; a queue without starts does not."""
    queues = [waiting(("c", "n", name), "throttled", 300, MINUTE) for name in ("grows", "hangs")]
    flows = [a_flow(("c", "n", "grows"), 300, 200, 100), a_flow(("c", "n", "hangs"), 300, 5, 0)]

    flow_of = {q.queue: q.flow for q in live(a_view(queues=queues, flows=flows)).queues}

    assert [(f.state, f.drain_ms) for f in flow_of.values() if f] == [("growing", 15 * MINUTE), ("not_draining", None)]


def test_after_a_restart_no_queue_is_called_stuck_at_once() -> None:
    """Ten seconds without a start are too few to judge a queue."""
    view = a_view(
        queues=[waiting(("c", "n", "q"), "throttled", 64, MINUTE)],
        flows=[
            QueueFlow(
                cluster="c",
                namespace="n",
                queue="q",
                depth=64,
                window_s=10.0,
                arrivals=0,
                starts=0,
                drain_s=None,
                state="not_draining",
            )
        ],
    )

    [queue] = live(view).queues

    assert queue.flow is not None
    assert queue.flow.state == "unsettled"


def test_slots_are_shown_where_there_is_a_limit_the_fullest_first() -> None:
    """Workflows that wait for a lock or a person fill a slot as running ones do; an unlimited cluster is not shown."""
    shown = live(a_full_fleet()).slots

    assert [(s.cluster, s.namespace, s.used, s.limit) for s in shown] == [
        ("prod-hz", "perception", 2390, 2500),
        ("prod-hz", "maps", 540, 600),
        ("prod-sh", "", 1503, 2000),
        ("prod-hz", "", 2930, 5000),
        ("prod-fra", "", 536, None),
    ]
    assert shown[0].share == 2390 / 2500
    assert shown[-1].share is None


def test_a_limit_that_could_not_be_read_is_one_row_and_only_while_it_throttles() -> None:
    """A known limit of the cluster explains the throttling; without throttling the limit is not needed."""
    view = a_view(
        slots=[
            some_slots(cluster="a", namespace="", limit=None, throttled=0),
            some_slots(cluster="b", namespace="", limit=None, throttled=9),
            some_slots(cluster="b", namespace="maps", limit=10, throttled=9),
            some_slots(cluster="c", namespace="maps", limit=None, throttled=9),
            some_slots(cluster="c", namespace="", limit=None, throttled=9),
        ]
    )

    assert [(s.cluster, s.namespace, s.limit) for s in live(view).slots] == [("b", "maps", 10), ("c", "", None)]


def test_a_limit_that_was_lowered_is_more_than_full() -> None:
    """A lowered limit does not stop running workflows."""
    [row] = live(a_view(slots=[some_slots(limit=1195)])).slots

    assert row.share == 2


def test_locks_that_somebody_waits_for_come_first_and_others_not_at_all() -> None:
    """A held lock without waiters delays no workflow; it is only counted."""
    shown = live(a_full_fleet())

    assert [(lock.name, lock.waiting) for lock in shown.locks] == [
        ("autonomy/Mutex/replay-map", 141),
        ("perception/ConfigMap/locks/gpu-a100", 80),
        ("simulation/Database/licence", 51),
    ]
    assert shown.totals.locks == 4
    assert shown.locks[1].oldest_age_ms == 39 * MINUTE
    assert [(lock.idle, lock.held_age_ms) for lock in shown.locks] == [(1, 3 * HOUR), (2, 3 * HOUR), (0, None)]
    assert shown.locks[1].holders == ["perception/train-7f2", "perception/train-8c1"]


def test_locks_are_bounded() -> None:
    """A mutex for every workflow must not make the page endless; the total says how many there are."""
    shown = live(a_view(locks=[a_lock(name=f"n/Mutex/{i}", oldest_since=None) for i in range(LOCKS_SHOWN + 1)]))

    assert (len(shown.locks), shown.totals.locks) == (LOCKS_SHOWN, LOCKS_SHOWN + 1)
    assert shown.locks[0].oldest_age_ms is None
