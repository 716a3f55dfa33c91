"""The history of a queue on rows that the real engine holds, each counted by hand."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from collector.core.facts.watches import WatchGap
from collector.core.facts.workflows import QueueSample
from collector.core.history.queue import (
    DepthInStep,
    QueueLatencies,
    QueuePlace,
    QueueStep,
    StepsOfTime,
    StoredQueue,
    UnseenDepth,
)
from collector.core.model import Fact
from collector.reports.queue_history import HOLD_MS, read_queue
from collector.reports.report import Query
from tests.builders import MINUTE, NOON, SECOND, version
from tests.reports.engine import holding
from tests.reports.stored import a_live_row, a_run

PLACE = QueuePlace("c1", "team", "nightly")
STEPS = StepsOfTime(NOON, NOON + 20 * MINUTE, MINUTE)


def a_sample(at: int, reason: str, depth: int, **changes: Any) -> QueueSample:
    known = {"cluster": "c1", "namespace": "team", "queue": "nightly", "version": version(100), "oldest_age_ms": 0}
    return QueueSample(**known | {"at": at, "reason": reason, "depth": depth} | changes)  # type: ignore[arg-type]


ROWS: list[Fact] = [
    a_sample(NOON, "throttled", 4),
    a_sample(NOON + 30 * SECOND, "throttled", 8),
    a_sample(NOON + 30 * SECOND, "lock", 2),
    a_sample(NOON + MINUTE, "lock", 0),
    a_sample(NOON + MINUTE, "throttled", 0),
    a_sample(NOON, "throttled", 99, queue="other"),
    a_sample(NOON + 3 * MINUTE, "unseen", 1),
    WatchGap(cluster="c1", kind="workflows", from_at=NOON + 15 * MINUTE, version=1, to_at=NOON + 17 * MINUTE,
             cause="expired", objects_unknown=0),
    WatchGap(cluster="c2", kind="workflows", from_at=NOON, version=1, to_at=NOON + MINUTE, cause="x", objects_unknown=0),
    a_run("w1", picked_up_at=NOON + 2 * SECOND, queue_latency_ms=2000),
    a_run("w2", picked_up_at=NOON + 90 * SECOND, queue_latency_ms=90_000, outcome="failed", finished_at=NOON + 95 * SECOND),
    a_run("w3", created_at=NOON - MINUTE, picked_up_at=None, queue_latency_ms=None, finished_at=NOON + 5 * MINUTE,
          outcome="cancelled", template="other"),
    msgspec.structs.replace(a_live_row("l1", "throttled", ""), created_at=NOON + MINUTE),
    msgspec.structs.replace(a_live_row("l2", "starting", ""), created_at=NOON + MINUTE, throttled_ms=5000),
]  # fmt: skip


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """Questions to the engine that holds those rows."""
    with holding(tmp_path_factory.mktemp("engine"), ROWS) as query:
        yield query


@pytest.fixture(scope="module")
def stored(ask: Query) -> StoredQueue:
    found = read_queue(ask, PLACE, STEPS)
    assert found
    return found


def test_depths_are_averages_and_peaks_of_one_queue(stored: StoredQueue) -> None:
    """Half a minute of 4 and half of 8 + 2; the peak of the sum is that of one instant."""
    assert [depth for depth in stored.depths if depth.at == NOON] == [
        DepthInStep(NOON, "", 7.0, 10),
        DepthInStep(NOON, "lock", 1.0, 2),
        DepthInStep(NOON, "throttled", 6.0, 8),
    ]
    assert not [depth for depth in stored.depths if depth.at == NOON + MINUTE]


def test_a_depth_that_is_not_repeated_was_not_seen(stored: StoredQueue) -> None:
    """The sampler repeats it each five minutes; after that the queue is neither like that nor empty."""
    unseen = {(one.begin, one.end, one.cause) for one in stored.unseen}

    assert unseen == {
        (NOON + 3 * MINUTE + HOLD_MS, NOON + 20 * MINUTE, ""),
        (NOON + 15 * MINUTE, NOON + 17 * MINUTE, "expired"),
    }
    assert max(depth.at for depth in stored.depths) == NOON + 8 * MINUTE


def test_arrivals_starts_and_ends_stand_in_their_steps(stored: StoredQueue) -> None:
    """Workflows that have not finished count too: one began 5 s after its submission."""
    assert stored.flow[NOON] == QueueStep(2, 1, QueueLatencies(2000, 2000, 2000), {})
    assert stored.flow[NOON + MINUTE] == QueueStep(
        2, 2, QueueLatencies(90_000, 90_000, 90_000), {"succeeded": 1, "failed": 1}
    )
    assert stored.whole == QueueStep(
        4, 3, QueueLatencies(5000, 90_000, 90_000), {"succeeded": 1, "failed": 1, "cancelled": 1}
    )


def test_what_waits_and_the_templates(stored: StoredQueue) -> None:
    """Only what has not begun waits; a template counts by its ends in the period."""
    assert [one.uid for one in stored.waiting] == ["l1"]
    assert [(one.template, one.runs, one.succeeded, one.waiting) for one in stored.templates] == [
        ("train", 2, 1, 1),
        ("other", 1, 0, 0),
    ]


def test_a_queue_without_any_row_is_not_known(ask: Query) -> None:
    """A page about it would show zeros for what never was."""
    assert read_queue(ask, QueuePlace("c1", "team", "nothing"), STEPS) is None


def test_nothing_in_the_period_is_nothing(ask: Query) -> None:
    """Not NaN from a quantile over no row."""
    earlier = StepsOfTime(NOON - 90 * 24 * 60 * MINUTE, NOON - 89 * 24 * 60 * MINUTE, MINUTE)
    found = read_queue(ask, PLACE, earlier)

    assert found
    assert (found.whole, found.flow, found.depths) == (QueueStep(), {}, [])


def test_the_workflows_of_some_departments_have_no_depths(ask: Query, stored: StoredQueue) -> None:
    """Samples count all departments together; what one of them knows of is not known to another by them."""
    found = read_queue(ask, PLACE, STEPS, of_all=False)

    assert found is not None
    assert (found.depths, found.unseen) == ([], [UnseenDepth(STEPS.begin, STEPS.end, "")])
    assert (found.whole, found.flow, found.waiting) == (stored.whole, stored.flow, stored.waiting)
    assert read_queue(ask, QueuePlace("c1", "team", "other"), STEPS) is not None
    assert read_queue(ask, QueuePlace("c1", "team", "other"), STEPS, of_all=False) is None
