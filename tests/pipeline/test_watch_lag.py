"""How late the ends of workflows and pods arrive: live ones only, and by one clock."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from collector.catalog import metrics
from collector.core.messages import Observation
from collector.pipeline.pipeline import STALE_SKEWS, Pipeline
from tests.builders import HOUR, MINUTE, NOON, a_pod, a_vanishing, a_workflow, an_observation, ended_pod
from tests.flow import BEGUN, DONE, ENDED_POD, STARTED_POD, SUBMITTED, WHOLE, a_pipeline
from tests.pipeline.test_clock_steps import Clocks


def lags(flow: Pipeline) -> list[tuple[float, int]]:
    """Sum and number of the observed lags of each cluster."""
    found = flow.counters.histograms.get(metrics.WATCH_LAG.name, {})
    return [(round(b.sum, 3), sum(b.counts)) for b in found.values()]


def watched(life: Sequence[Observation], skew_ms: int = 0) -> Pipeline:
    """A pipeline that knows the cluster's clock, after these sights."""
    flow = a_pipeline()
    flow.set_skews({"c1": skew_ms})
    flow.take("c1", [*life])
    return flow


def test_both_ends_are_observed_once() -> None:
    """The pod's after a second, the workflow's after a second; later sights of the same ends say nothing of the watch."""
    again = [replace(one, at=one.at + HOUR, version=one.version + 1) for one in (ENDED_POD, DONE)]

    assert lags(watched([SUBMITTED, BEGUN, STARTED_POD, ENDED_POD, DONE, *again])) == [(2, 2)]


@pytest.mark.parametrize(("skew_ms", "total"), [(300, 2.6), (-700, 0.6), (-5000, 0), (HOUR, 2 * 3600 + 2)])
def test_the_lag_is_by_the_clusters_clock(skew_ms: int, total: float) -> None:
    """An arrival is moved by as much as the cluster's clock is ahead; a lag is never negative."""
    assert lags(watched([SUBMITTED, BEGUN, STARTED_POD, ENDED_POD, DONE], skew_ms)) == [(total, 2)]


def test_nothing_is_observed_while_the_clusters_clock_is_unknown() -> None:
    """A difference of two clocks is not a lag."""
    flow = a_pipeline()
    flow.take("c1", WHOLE)

    assert lags(flow) == []


@pytest.mark.parametrize(
    "life",
    [
        [replace(one, live=False, change="listed") for one in (SUBMITTED, STARTED_POD, ENDED_POD, DONE)],
        [SUBMITTED, STARTED_POD, *(replace(one, live=False) for one in (ENDED_POD, DONE))],
        [
            SUBMITTED,
            STARTED_POD,
            a_vanishing("pods", "p1", when=NOON + HOUR),
            a_vanishing("workflows", "w1", when=NOON + HOUR),
        ],
        [ENDED_POD, DONE],
        [SUBMITTED, an_observation(a_pod(), "added"), an_observation(a_pod(), "deleted", when=NOON + MINUTE)],
        [SUBMITTED, an_observation(a_workflow(), "deleted", when=NOON + MINUTE)],
    ],
    ids=["listed", "replayed", "vanished", "first sights", "pod without an end", "workflow without an end"],
)
def test_other_ends_say_nothing_of_the_watch(life: list[Observation]) -> None:
    """What a list or a replay shows is old, what is first seen after its end may be, and a guessed end is the arrival."""
    assert lags(watched(life)) == []


def test_after_a_step_of_our_clock_the_skews_are_measured_again() -> None:
    """They were measured by the clock as it was before."""
    clocks, flow = Clocks(), a_pipeline()
    flow._clock = clocks.steps()
    flow.set_skews({"c1": 0})
    flow.take("c1", [SUBMITTED, BEGUN, STARTED_POD])
    clocks.set_ms = HOUR
    flow.take("c1", [replace(ENDED_POD, at=ENDED_POD.at + HOUR)])
    for _ in range(STALE_SKEWS):
        flow.set_skews({"c1": 0})
    flow.take("c1", [an_observation(ended_pod("p2"), "added")])
    before = lags(flow)
    flow.set_skews({"c1": -HOUR})
    flow.take("c1", [replace(DONE, at=DONE.at + HOUR)])

    assert (before, lags(flow)) == ([], [(1, 1)])
