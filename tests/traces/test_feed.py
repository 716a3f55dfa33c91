"""The queue of attempts that wait for their export: what it takes, what it drops, and that it counts."""

from typing import Any

import pytest
from msgspec.structs import replace

from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.settings.traces import TraceSettings
from collector.traces.feed import LATER_MS, OLD_MS, Feed, is_sampled
from tests.builders import NOON, SECOND, a_pod_run
from tests.reports.stored import a_run, a_step_run

ENDED = NOON + 100 * SECOND


def a_feed(**chosen: Any) -> Feed:
    return Feed(TraceSettings(endpoint="http://t:4318/v1/traces", **chosen), Counters())


def dropped(feed: Feed) -> dict[tuple[str, ...], Any]:
    return dict(feed.counters.series.get(metrics.TRACES_DROPPED.name, {}))


def uids(feed: Feed, now: int, most: int = 100) -> list[str]:
    return [key.uid for key in feed.take(now, most, now)]


def test_an_attempt_waits_for_its_last_pods_and_charges() -> None:
    """Only ended attempts are taken, the oldest first, after the delay."""
    feed = a_feed(delay_seconds=30)
    feed.offer([a_run("w1"), a_step_run("s"), a_pod_run(), a_run("w2")], ENDED)

    assert uids(feed, ENDED + 29_999) == []
    assert uids(feed, ENDED + 30_000, most=1) == ["w1"]
    assert uids(feed, ENDED + 30_000) == ["w2"]
    assert (len(feed), dropped(feed)) == (0, {})


def test_a_later_row_of_an_attempt_is_no_second_trace() -> None:
    """Its version is what the store must have; the delay does not begin again."""
    feed = a_feed(delay_seconds=30)
    feed.offer([a_run(version=7)], ENDED)
    feed.offer([a_run(version=9), a_run(version=8), a_run(attempt=2)], ENDED + 20_000)

    assert [
        (key.attempt, waiting.version) for key, waiting in feed.take(ENDED + 30_000, 9, ENDED + 30_000).items()
    ] == [(1, 9)]


def test_what_does_not_fit_is_dropped_and_counted() -> None:
    """Memory is bounded; what waits already is kept."""
    feed = a_feed(queue=2)
    feed.offer([a_run(f"w{i}") for i in range(5)], ENDED)

    assert len(feed) == 2
    assert dropped(feed) == {("queue_full",): 3}


def test_what_is_old_is_dropped_and_counted() -> None:
    """A first list shows the ends of weeks, and a receiver may have been away for hours."""
    feed = a_feed(delay_seconds=0)
    feed.offer([a_run("old")], ENDED + OLD_MS + 1)
    feed.offer([a_run("waited")], ENDED)

    assert uids(feed, ENDED + OLD_MS + 1) == []
    assert dropped(feed) == {("old",): 2}


def test_a_row_that_the_store_does_not_have_yet_is_awaited() -> None:
    """After a pause, behind the others."""
    feed = a_feed(delay_seconds=0)
    feed.offer([a_run("w1"), a_run("w2")], ENDED)
    feed.later(feed.take(ENDED, 1, ENDED), ENDED)

    assert uids(feed, ENDED + LATER_MS - 1) == ["w2"]
    assert uids(feed, ENDED + LATER_MS) == ["w1"]


@pytest.mark.parametrize(
    ("chosen", "run", "taken"),
    [
        ({"clusters": ("c1",)}, {}, True),
        ({"clusters": ("c2",)}, {}, False),
        ({"namespaces": ("team",)}, {}, True),
        ({"namespaces": ("other",)}, {}, False),
        ({"succeeded_ratio": 0.0}, {}, False),
        ({"succeeded_ratio": 0.0}, {"outcome": "failed"}, True),
        ({"succeeded_ratio": 0.0}, {"outcome": "cancelled"}, True),
    ],
)
def test_the_settings_choose(chosen: dict[str, Any], run: dict[str, Any], taken: bool) -> None:
    """What is not chosen is not dropped either."""
    feed = a_feed(delay_seconds=0, **chosen)
    feed.offer([replace(a_run(), **run)], ENDED)

    assert (len(feed) == 1, dropped(feed)) == (taken, {})


def test_a_share_is_the_same_workflows_everywhere() -> None:
    """By the uid alone; 1 is all, 0 is none, and half is about half."""
    names = [f"uid-{i}" for i in range(2000)]

    assert all(is_sampled(name, 1.0) for name in names)
    assert not any(is_sampled(name, 0.0) for name in names)
    assert 900 < sum(is_sampled(name, 0.5) for name in names) < 1100
    assert {n for n in names if is_sampled(n, 0.1)} <= {n for n in names if is_sampled(n, 0.5)}
