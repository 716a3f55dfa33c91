"""Movement of queues over the last five minutes."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from collector.core.live_view import QueueFlow, Waiting
from collector.core.model import Instant, WaitReason
from collector.core.queue.flow import SLOT_MS, SLOTS, Flows
from tests.builders import HOUR, MINUTE, NOON, SECOND

WINDOW_MS = SLOTS * SLOT_MS


def depth(count: int, queue: str = "q", begun: bool = False, reason: WaitReason = "throttled") -> Waiting:
    return Waiting(cluster="c1", namespace="team", queue=queue, reason=reason, count=count, since=NOON, begun=begun)


def moved(arrivals: int = 0, starts: int = 0, at: Instant = NOON, since: Instant = NOON - HOUR) -> Flows:
    """Flows that have counted since an hour ago."""
    flows = Flows()
    flows.flow("c1", [], since)
    for _ in range(arrivals):
        flows.count_arrival("team", "q", at)
    for _ in range(starts):
        flows.count_start("team", "q", at)
    return flows


def state(flows: Flows, waiting: int, now: Instant = NOON) -> tuple[str, float | None]:
    (flow,) = flows.flow("c1", [depth(waiting)], now)
    return flow.state, flow.drain_s


def test_a_queue_drains_at_the_rate_of_its_starts() -> None:
    """NOON begins a slot, so the window has 285 s before it and 9 s of it: 100 wait, 10 of them start in each 294 s."""
    assert moved(starts=10).flow("c1", [depth(60), depth(40, reason="lock")], NOON + 9 * SECOND) == [
        QueueFlow(
            cluster="c1",
            namespace="team",
            queue="q",
            depth=100,
            window_s=294.0,
            arrivals=0,
            starts=10,
            drain_s=2940.0,
            state="draining",
        ),
    ]


def test_each_state_has_its_name() -> None:
    """A growing queue has a drain time too: it would drain if nothing more arrived."""
    assert state(moved(starts=5, arrivals=5), 57) == ("draining", 57 * 57.0)
    assert state(moved(starts=5, arrivals=6), 57) == ("growing", 57 * 57.0)
    assert state(moved(arrivals=6), 57) == ("not_draining", None)
    assert state(moved(), 57) == ("not_draining", None)
    assert state(moved(starts=5), 0) == ("empty", None)


def test_only_workflows_that_have_not_begun_count_as_depth() -> None:
    """A workflow that waits for a volume in the middle of its work is not in a queue."""
    (flow,) = moved().flow("c1", [depth(3), depth(4, begun=True)], NOON)

    assert flow.depth == 3
    assert moved().flow("c1", [depth(4, begun=True)], NOON) == []


def test_rates_are_over_what_was_seen() -> None:
    """Ten seconds after the first sight two of twenty have started: the rest takes a hundred more."""
    flows = moved(starts=2, since=NOON)
    (flow,) = flows.flow("c1", [depth(20)], NOON + 10 * SECOND)

    assert (flow.window_s, flow.drain_s) == (10.0, 100.0)


def test_the_first_moment_is_a_second_long() -> None:
    """No drain time is known; it must not look as if the queue emptied immediately."""
    assert Flows().flow("c1", [depth(5)], NOON)[0].window_s == 0
    assert state(moved(starts=1, since=NOON), 5) == ("draining", 5.0)


def test_a_queue_that_is_quiet_for_the_window_is_forgotten() -> None:
    """Queues come and go with departments."""
    flows = moved(arrivals=1)
    last, after = (flows.flow("c1", [], NOON + ms) for ms in (WINDOW_MS - 1, WINDOW_MS))
    flows.count_arrival("team", "other", NOON + WINDOW_MS)

    assert ([flow.queue for flow in last], after) == (["q"], [])
    assert [flow.queue for flow in flows.flow("c1", [], NOON + WINDOW_MS)] == ["other"]


def test_a_clock_that_is_set_back_begins_anew() -> None:
    """Counts of a future clock do not count now; the window is never negative."""
    flows = moved(starts=3, since=NOON)
    (now,) = flows.flow("c1", [depth(5)], NOON - HOUR)
    flows.count_start("team", "q", NOON - HOUR + MINUTE)
    (later,) = flows.flow("c1", [depth(5)], NOON - HOUR + MINUTE)

    (again,) = flows.flow("c1", [depth(5)], NOON)

    assert (now.starts, now.window_s, later.starts, later.window_s) == (0, 0.0, 1, 60.0)
    assert again.starts == 0


def test_the_number_of_queues_is_bounded() -> None:
    """An uncounted queue has no row while its slot is in the window, since it would look like not draining."""
    flows = Flows(queues_limit=1)
    for queue in ("q", "r"):
        flows.count_start("team", queue, NOON)
    rows = [depth(1, "q"), depth(1, "r")]
    early, late = (flows.flow("c1", rows, NOON + ms) for ms in (MINUTE, WINDOW_MS))

    assert [(flow.queue, flow.starts) for flow in early] == [("q", 1)]
    assert [(flow.queue, flow.state) for flow in late] == [("q", "not_draining"), ("r", "not_draining")]


SLOTTED = st.lists(st.integers(0, WINDOW_MS - 2 * MINUTE), min_size=1, max_size=20)


@given(SLOTTED, st.integers(1, 5), st.integers(0, 3))
def test_a_burst_that_is_over_does_not_make_a_queue_grow(burst: list[int], each: int, starts: int) -> None:
    """From a minute and a slot after its last arrival on a queue that starts anything drains, however many arrived."""
    flows = moved(since=NOON - HOUR)
    for after in burst:
        for _ in range(each):
            flows.count_arrival("team", "q", NOON + after)
    now = NOON + max(burst) + MINUTE + SLOT_MS
    for _ in range(starts):
        flows.count_start("team", "q", now)

    assert state(flows, 100, now)[0] == ("draining" if starts else "not_draining")


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 5))
def test_a_queue_grows_as_long_as_more_comes_than_starts(slots: int, more: int, starts: int) -> None:
    """With the same surplus in each slot it grows from the first to the last; with none it never does."""
    for surplus, word in ((more, "growing"), (0, "draining")):
        flows = moved(since=NOON - HOUR)
        for at in range(NOON, NOON + slots * SLOT_MS, SLOT_MS):
            for _ in range(starts):
                flows.count_start("team", "q", at)
            for _ in range(starts + surplus):
                flows.count_arrival("team", "q", at)

        assert state(flows, 100, NOON + (slots - 1) * SLOT_MS)[0] == word


EVENTS = st.lists(st.tuples(st.integers(0, 3 * WINDOW_MS), st.sampled_from("qr"), st.booleans()), max_size=40)


@given(EVENTS, st.integers(0, WINDOW_MS))
def test_the_window_contains_the_events_of_five_minutes(events: list[tuple[int, str, bool]], more: int) -> None:
    """Whatever the pauses: exactly the slots that touch the last five minutes, the present one included."""
    flows = Flows()
    for after, queue, starts in sorted(events):
        (flows.count_start if starts else flows.count_arrival)("team", queue, NOON + after)
    now = NOON + max((after for after, _, _ in events), default=0) + more
    first = now // SLOT_MS - SLOTS + 1
    expected = Counter((queue, starts) for after, queue, starts in events if (NOON + after) // SLOT_MS >= first)
    found = {flow.queue: (flow.arrivals, flow.starts) for flow in flows.flow("c1", [], now)}

    queues = {queue for queue, _ in expected}
    assert found == {queue: (expected[queue, False], expected[queue, True]) for queue in queues}
