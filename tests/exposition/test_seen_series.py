"""Gauges that count: 0 for what was seen within a day, and nothing for what is not known."""

import pytest

from collector.catalog.counters import Counters
from collector.catalog.metrics import SUBMITTED
from collector.catalog.metrics.metric import MAX_SERIES
from collector.core.live_view import LiveView
from collector.exposition.prometheus import render
from collector.exposition.seen_series import SeenSeries
from tests.builders import DAY, MINUTE
from tests.exposition.test_prometheus import samples
from tests.web.fleet import NOW, a_cluster, a_lock, a_view, waiting

NIGHT = ("prod-hz", "ns", "night")
DOWN = a_cluster("prod-hz", ready=False, detail="workflows: refused")


def a_scrape(*rows: object, at: int = NOW, **changes: object) -> LiveView:
    """What a scrape finds in a cluster that is watched."""
    return a_view(**{"at": at, "clusters": [a_cluster("prod-hz")], "queues": [*rows], **changes})


def shown(
    seen: SeenSeries, view: LiveView, name: str, counters: Counters | None = None
) -> dict[tuple[str, ...], float]:
    """The samples of one gauge, labels in the order of their names."""
    counters = counters or Counters()
    return samples(render(seen.with_zeros(view, counters), counters), f"lynceus_{name}")


def test_a_queue_that_is_empty_has_a_depth_of_0_for_each_reason() -> None:
    """The oldest age is 0; a reason that was never seen has no series."""
    seen = SeenSeries()
    for reason in ("unseen", "throttled"):
        shown(seen, a_scrape(waiting(NIGHT, reason, 3, MINUTE)), "queue_depth")

    assert shown(seen, a_scrape(), "queue_depth") == {(*NIGHT, "unseen"): 0, (*NIGHT, "throttled"): 0}
    assert shown(seen, a_scrape(at=NOW + MINUTE), "queue_oldest_age_seconds") == {NIGHT: 0}


def test_a_queue_that_is_not_empty_has_its_own_figures() -> None:
    """Zeros of its other reasons change neither the depth nor the age."""
    seen = SeenSeries()
    shown(seen, a_scrape(waiting(NIGHT, "lock", 3, MINUTE)), "queue_depth")
    view = a_scrape(waiting(NIGHT, "throttled", 5, MINUTE))

    assert shown(seen, view, "queue_depth") == {(*NIGHT, "throttled"): 5, (*NIGHT, "unseen"): 0, (*NIGHT, "lock"): 0}
    assert shown(seen, view, "queue_oldest_age_seconds") == {NIGHT: 60}


def test_a_queue_is_empty_when_all_its_workflows_run() -> None:
    """They were picked up between two scrapes: a depth of 0 is known."""
    view = a_scrape(waiting(NIGHT, "running", 2, MINUTE, begun=True))

    assert shown(SeenSeries(), view, "queue_depth") == {(*NIGHT, "unseen"): 0}


def test_what_counts_workflows_pods_and_locks_falls_to_0() -> None:
    """And not out of the answer; the limit of a free lock is still known."""
    seen = SeenSeries()
    busy = a_scrape(
        waiting(NIGHT, "running", 2, MINUTE, begun=True),
        locks=[a_lock(name="ns/Mutex/m", kind="mutex", limit=1)],
        stuck_counts={("prod-hz", "ns", "image"): 2},
        pods={("prod-hz", "ns", "pending"): 7},
    )
    shown(seen, busy, "pods")
    lock = ("prod-hz", "ns/Mutex/m", "mutex")

    assert shown(seen, busy, "pods") == {("prod-hz", "ns", "pending"): 7}
    assert shown(seen, a_scrape(), "workflows") == {("prod-hz", "ns", "running"): 0}
    assert shown(seen, a_scrape(), "lock_held") == shown(seen, a_scrape(), "lock_waiting") == {lock: 0}
    assert shown(seen, a_scrape(), "lock_limit") == {lock: 1}
    assert shown(seen, a_scrape(), "workflows_stuck") == {("image", "prod-hz", "ns"): 0}
    assert shown(seen, a_scrape(), "pods") == {("prod-hz", "ns", "pending"): 0}


def test_a_lock_has_one_series_when_its_kind_becomes_known() -> None:
    """A lock in a database that is not held may be either; once it is held, Argo names the kind."""
    seen = SeenSeries()
    shown(seen, a_scrape(locks=[a_lock(kind="database")]), "lock_held")

    assert {key[-1] for key in shown(seen, a_scrape(locks=[a_lock(kind="mutex")]), "lock_held")} == {"mutex"}


def test_of_a_cluster_that_is_not_watched_nothing_is_0() -> None:
    """Its queues may be full; once it is watched again the zeros are back."""
    seen = SeenSeries()
    shown(seen, a_scrape(waiting(NIGHT, "unseen", 3, MINUTE)), "queue_depth")

    assert shown(seen, a_scrape(clusters=[DOWN]), "queue_depth") == {}
    assert shown(seen, a_scrape(clusters=[]), "queue_depth") == {}
    assert shown(seen, a_scrape(), "queue_depth") == {(*NIGHT, "unseen"): 0}


def test_a_queue_is_forgotten_a_day_after_it_was_seen() -> None:
    """A queue of one experiment would stay for ever."""
    seen = SeenSeries()
    shown(seen, a_scrape(waiting(NIGHT, "lock", 3, MINUTE)), "queue_depth")
    shown(seen, a_scrape(waiting(NIGHT, "unseen", 3, MINUTE), at=NOW + DAY), "queue_depth")

    assert len(shown(seen, a_scrape(at=NOW + 2 * DAY), "queue_depth")) == 2
    assert shown(seen, a_scrape(at=NOW + 2 * DAY + 1), "queue_depth") == {}


def test_after_a_restart_the_counters_name_the_queues() -> None:
    """Why its workflows waited is not in a counter: each reason before work gets its 0. A counter at 0 was no workflow."""
    seen, counters = SeenSeries(), Counters()
    counters.add(SUBMITTED, 5, cluster="prod-hz", namespace="ns", queue="night")
    counters.add(SUBMITTED, 5, cluster="prod-hz", namespace="_other", queue="_other")
    counters.add(SUBMITTED, 5, cluster="gone", namespace="ns", queue="night")
    counters.initialise(SUBMITTED, cluster="prod-hz", namespace="ns", queue="never")
    counters.series[SUBMITTED.name]["prod-hz", "old"] = 5
    starting = a_scrape(clusters=[DOWN])

    assert shown(seen, starting, "queue_depth", counters) == {}
    assert set(shown(seen, a_scrape(), "queue_depth", counters)) == {
        (*NIGHT, reason) for reason in ("unseen", "queued", "throttled", "lock", "volume")
    }
    assert shown(seen, a_scrape(at=NOW + 2 * DAY), "queue_depth", counters) == {}


def test_a_bomb_of_queues_is_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were seen last stay."""
    monkeypatch.setitem(MAX_SERIES, "gauge", 2)
    seen = SeenSeries()
    for queue in ("a", "b", "c"):
        shown(seen, a_scrape(waiting(("prod-hz", "ns", queue), "unseen", 1, MINUTE)), "queue_depth")

    assert {key[2] for key in shown(seen, a_scrape(), "queue_depth")} == {"b", "c"}


def test_zeros_take_the_place_of_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full family shows what waits, and is not overfull because of queues that are empty."""
    monkeypatch.setitem(MAX_SERIES, "gauge", 3)
    seen, queues = SeenSeries(), [("prod-hz", "ns", queue) for queue in "abc"]
    shown(seen, a_scrape(waiting(NIGHT, "lock", 1, MINUTE)), "queue_depth")
    full = a_scrape(*(waiting(queue, "unseen", 1, MINUTE) for queue in queues))

    assert shown(seen, full, "queue_depth") == {(*queue, "unseen"): 1 for queue in queues}


def test_the_view_of_the_page_is_not_changed() -> None:
    """Zeros are for scrapes: a queue without workflows has no row on the page."""
    seen = SeenSeries()
    shown(seen, a_scrape(waiting(NIGHT, "unseen", 3, MINUTE)), "queue_depth")
    view = a_scrape()
    seen.with_zeros(view, Counters())

    assert (view.queues, view.locks, view.pods, view.stuck_counts) == ([], [], {}, {})
