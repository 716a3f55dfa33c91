"""What the pipeline shows: samples of the queues, and the live view."""

from decimal import Decimal

import pytest

from collector.core.facts.workflows import QueueSample
from collector.core.live_view import WatchHealth, WatchState
from collector.core.model import Instant
from collector.pipeline.pipeline import Pipeline
from tests.builders import (
    HOUR,
    MINUTE,
    NOON,
    POSTPONED,
    SECOND,
    a_pod,
    a_vanishing,
    a_workflow,
    an_observation,
)
from tests.flow import (
    BEGUN,
    ENDED_POD,
    HEALTHY,
    STARTED_POD,
    SUBMITTED,
    a_pipeline,
    drained,
    identity,
    only,
)
from tests.slices import whole

# Queue samples.


def samples(flow: Pipeline, now: Instant) -> list[tuple[str, int, int, Instant]]:
    whole(flow.sample_queues(now, flow.clusters))
    commit = flow.drain(now)
    found = only(QueueSample, commit.facts if commit else ())
    return [(s.reason, s.depth, s.oldest_age_ms, s.at) for s in found]


def test_a_queue_is_sampled_on_change_once_empty_and_every_five_minutes() -> None:
    """On the grid of 15 s; what does not change costs a row in five minutes only."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED])
    first = samples(flow, NOON + 15 * SECOND + 200)
    same = samples(flow, NOON + 30 * SECOND)
    still = samples(flow, NOON + 5 * MINUTE + 15 * SECOND)
    flow.take("c1", [an_observation(a_workflow("w2"), "added")])
    more = samples(flow, NOON + 5 * MINUTE + 30 * SECOND)
    flow.take("c1", [BEGUN, an_observation(a_workflow("w2", phase="Running"))])
    empty = samples(flow, NOON + 5 * MINUTE + 45 * SECOND)
    after = samples(flow, NOON + HOUR)

    assert first == [("unseen", 1, 15 * SECOND, NOON + 15 * SECOND)]
    assert same == []
    assert still == [("unseen", 1, 5 * MINUTE + 15 * SECOND, NOON + 5 * MINUTE + 15 * SECOND)]
    assert more == [("unseen", 2, 5 * MINUTE + 30 * SECOND, NOON + 5 * MINUTE + 30 * SECOND)]
    assert empty == [("unseen", 0, 0, NOON + 5 * MINUTE + 45 * SECOND)]
    assert after == []


def test_a_late_sample_bears_its_own_instant() -> None:
    """A depth of :37 was not that of :30, and the age is that of :37 too; the next samples are on the grid again."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED])
    late = samples(flow, NOON + 37 * SECOND + 1)
    flow.take("c1", [an_observation(a_workflow("w2"), "added")])
    next_ = samples(flow, NOON + 45 * SECOND + 3)
    resampled = samples(flow, NOON + 5 * MINUTE + 45 * SECOND)

    assert late == [("unseen", 1, 37 * SECOND + 1, NOON + 37 * SECOND + 1)]
    assert next_ == [("unseen", 2, 45 * SECOND, NOON + 45 * SECOND)]
    assert resampled == [("unseen", 2, 5 * MINUTE + 45 * SECOND, NOON + 5 * MINUTE + 45 * SECOND)]


def test_five_minutes_after_a_late_sample_the_queue_is_sampled_again() -> None:
    """Not a quarter of a minute later; nor hours later if the clock was set back."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED])

    assert [at for _, _, _, at in samples(flow, NOON + 2 * SECOND)] == [NOON + 2 * SECOND]
    assert [at for _, _, _, at in samples(flow, NOON + 5 * MINUTE)] == [NOON + 5 * MINUTE]
    assert [at for _, _, _, at in samples(flow, NOON - HOUR)] == [NOON - HOUR]


def test_a_queue_that_is_not_watched_is_not_sampled() -> None:
    """Neither as it was when the watch broke off, nor as empty."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED])
    samples(flow, NOON + 15 * SECOND)
    flow.take("c1", [BEGUN])
    whole(flow.sample_queues(NOON + 30 * SECOND, ()))
    blind = only(QueueSample, drained(flow).facts)

    assert blind == []
    assert samples(flow, NOON + 45 * SECOND) == [("unseen", 0, 0, NOON + 45 * SECOND)]


def test_a_change_of_reason_empties_one_queue_and_fills_another() -> None:
    """Depth is counted by reason."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED])
    samples(flow, NOON + 15 * SECOND)
    flow.take("c1", [an_observation(a_workflow(phase="Pending", message=POSTPONED))])

    assert {(reason, depth) for reason, depth, _, _ in samples(flow, NOON + 30 * SECOND)} == {
        ("unseen", 0),
        ("throttled", 1),
    }


def test_a_workflow_made_ahead_of_our_clock_has_waited_for_nothing() -> None:
    """Two clocks are never subtracted below zero."""
    flow = a_pipeline()
    flow.take("c1", [an_observation(a_workflow(created=NOON + HOUR), "added")])

    assert samples(flow, NOON) == [("unseen", 1, 0, NOON)]


def test_what_has_begun_is_in_no_queue() -> None:
    """Depth is what waits for work to begin."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, an_observation(a_pod())])

    assert samples(flow, NOON) == []


# The live view.


def watch(kind: str = "pods", *, synced: bool = True, detail: str = "", state: WatchState = "watching") -> WatchHealth:
    return WatchHealth("c1", kind, state, detail, synced=synced, last_event_at=NOON, objects=3)


@pytest.mark.parametrize(
    ("watches", "ready", "detail"),
    [
        ([watch()], True, ""),
        ([], False, "not started"),
        ([watch(), watch("workflows", synced=False, state="listing")], False, "workflows: listing"),
        ([watch(detail="connection refused", state="retrying")], False, "pods: connection refused"),
    ],
)
def test_a_cluster_is_ready_when_all_its_watches_are(watches: list[WatchHealth], ready: bool, detail: str) -> None:
    """Else it says which is not, and why."""
    (health,) = a_pipeline().view(NOON, {"c1": watches}, HEALTHY).clusters

    assert (health.name, health.ready, health.detail, health.watches) == ("c1", ready, detail, watches)


def test_a_refused_cluster_is_not_ready_with_the_reason() -> None:
    """Whatever its watches say."""
    flow = a_pipeline()
    flow.take("c1", identity("uid-1"))
    flow.take("c1", identity("uid-2"))
    (health,) = flow.view(NOON, {"c1": [watch()]}, HEALTHY).clusters

    assert (health.ready, health.detail) == (False, flow.identities.refused["c1"])


def test_the_view_shows_every_living_workflow() -> None:
    """By cluster, queue and reason."""
    flow = a_pipeline("c1", "c2")
    flow.take("c1", [SUBMITTED])
    flow.take("c2", [SUBMITTED, BEGUN])
    view = flow.view(NOON, {}, HEALTHY)

    assert [(w.cluster, w.reason, w.begun) for w in view.queues] == [
        ("c1", "unseen", False),
        ("c2", "advancing", True),
    ]
    assert (view.at, view.store) == (NOON, HEALTHY)


def test_a_vanished_workflow_leaves_the_view() -> None:
    """Its end is unknown, but it certainly does not wait any more."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, a_vanishing("workflows", "w1")])

    assert flow.view(NOON, {}, HEALTHY).queues == []


def test_the_view_has_the_hourly_cost_of_running_pods() -> None:
    """As of the last tick; a pod that has ended is gone from it at the next."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, BEGUN, STARTED_POD])
    whole(flow.tick(NOON + MINUTE, ()))
    [burning] = flow.view(NOON + MINUTE, {}, HEALTHY).burning
    assert (burning.cluster, burning.product, burning.per_hour) == ("c1", "alibaba-eci", Decimal("0.069264"))

    flow.take("c1", [ENDED_POD])
    whole(flow.tick(NOON + 2 * MINUTE, ()))
    assert flow.view(NOON + 2 * MINUTE, {}, HEALTHY).burning == []


def test_the_ages_of_the_price_books_are_shown_and_follow_the_hour() -> None:
    """They are read off all rows once an hour, since a look every two seconds shows the same."""
    flow = a_pipeline()
    first, same, later = (flow.view(at, {}, HEALTHY).books for at in (NOON, NOON + MINUTE, NOON + HOUR))

    assert [age.name for age in first] == [age.name for age in later]
    assert {age.name for age in first} == set(flow.books.names())
    assert same is first
    assert later is not first


def test_pods_are_counted_by_the_tick() -> None:
    """Not at each look: a cluster may have a hundred thousand. A deleted pod is none."""
    flow = a_pipeline()
    flow.take("c1", [SUBMITTED, BEGUN, STARTED_POD, an_observation(a_pod("p2", phase="Pending"), "added")])
    before = flow.view(NOON, {}, HEALTHY).pods
    whole(flow.tick(NOON, ()))
    both = flow.view(NOON, {}, HEALTHY).pods
    flow.take("c1", [a_vanishing("pods", "p1")])
    whole(flow.tick(NOON, ()))

    assert before == {}
    assert both == {("c1", "team", "running"): 1, ("c1", "team", "pending"): 1}
    assert flow.view(NOON, {}, HEALTHY).pods == {("c1", "team", "pending"): 1}


def test_pods_of_a_refused_cluster_are_not_known() -> None:
    """Another cluster answers under its name: nothing of it is shown."""
    flow = a_pipeline()
    flow.take("c1", [*identity("one"), SUBMITTED, BEGUN, STARTED_POD])
    whole(flow.tick(NOON, ()))
    flow.take("c1", identity("another"))

    assert flow.view(NOON, {}, HEALTHY).pods == {}
