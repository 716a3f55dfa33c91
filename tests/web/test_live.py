"""The figures of the live page, as /api/v1/live gives them."""

from collector.catalog.counters import Counters
from collector.core.live_view import LiveView
from collector.web.api_models import Live
from collector.web.live import live_now
from collector.web.money import Money, UnknownMoney
from tests.web.fleet import (
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    a_cluster,
    a_store,
    a_view,
    a_watch,
    some_counters,
    some_money,
    waiting,
)
from tests.web.full_fleet import a_full_fleet


def live(
    view: LiveView | None = None, counters: Counters | None = None, money: Money | UnknownMoney | None = None
) -> Live:
    """The answer for a view, some of it as it usually is."""
    return live_now(view or a_view(), counters or Counters(), money, NOW)


def test_totals_separate_waiting_running_and_begun() -> None:
    """The model decides which workflows have begun and which wait, not the page."""
    totals = live().totals

    assert (totals.waiting, totals.running, totals.begun, totals.queues) == (492, 500, 31, 1)


def test_the_oldest_wait_shows_its_place() -> None:
    """The most important figure is shown with its place."""
    totals = live(a_full_fleet()).totals

    assert totals.oldest_age_ms == 27 * HOUR
    assert totals.oldest_in is not None
    assert (totals.oldest_in.cluster, totals.oldest_in.queue) == ("staging", "sandbox")


def test_parts_sum_to_the_whole() -> None:
    """Reasons, queues and clusters each add up to the fleet's waiting."""
    full = live(a_full_fleet())

    assert sum(group.workflows for group in full.totals.reasons) == full.totals.waiting
    assert sum(queue.depth for queue in full.queues) == full.totals.waiting
    assert sum(cluster.waiting for cluster in full.clusters) == full.totals.waiting
    assert sum(cluster.running for cluster in full.clusters) == full.totals.running
    assert sum(cluster.begun for cluster in full.clusters) == full.totals.begun
    assert sum(group.workflows for group in full.begun) == full.totals.begun


def test_an_empty_fleet_has_no_oldest_wait() -> None:
    """An empty fleet has no oldest wait; it is not 0."""
    totals = live(a_view(queues=[])).totals

    assert (totals.waiting, totals.oldest_age_ms, totals.oldest_in) == (0, None, None)


def test_queues_come_with_the_longest_wait_first() -> None:
    """The order does not depend on the order of the view's rows."""
    queues = live(a_full_fleet()).queues
    ages = [queue.oldest_age_ms for queue in queues]

    assert ages == sorted(ages, reverse=True)
    assert len(queues) == 10


def test_reasons_come_in_the_models_order() -> None:
    """A bar whose colours changed places at every poll could not be read."""
    view = a_view(
        queues=[waiting(("c", "n", "q"), reason, 1, MINUTE) for reason in ("volume", "lock", "new", "unseen")]
    )

    assert [group.reason for group in live(view).queues[0].reasons] == ["unseen", "lock", "volume", "new"]


def test_begun_shows_where_it_has_lasted_longest() -> None:
    """There is one line for each reason, with the place of the longest wait."""
    view = a_view(
        queues=[
            waiting(("c", "n", "young"), "quota", 1, MINUTE, begun=True),
            waiting(("c", "n", "old"), "quota", 2, HOUR, begun=True),
        ]
    )

    [quota] = live(view).begun

    assert (quota.workflows, quota.oldest_age_ms, quota.oldest_in.queue) == (3, HOUR, "old")


def test_an_object_from_the_future_has_waited_no_time() -> None:
    """Clocks of API servers run ahead of ours; no age is negative."""
    assert live(a_view(queues=[waiting(("c", "n", "q"), "unseen", 1, -MINUTE)])).queues[0].oldest_age_ms == 0


def test_incidents_are_counted_by_cluster_and_unknown_where_no_controller_was_seen() -> None:
    """A cluster whose controller was never observed has an unknown number of kills, not 0."""
    view = a_view(clusters=[a_cluster("prod-hz"), a_cluster("prod-sh"), a_cluster("dark")])

    found = {c.name: (c.controller_oom_kills, c.controller_restarts) for c in live(view, some_counters()).clusters}

    assert found == {"prod-hz": (0, 0), "prod-sh": (2, 3), "dark": (None, None)}


def test_instants_become_ages() -> None:
    """A browser counts on from an age without a correct clock."""
    watch = a_watch("c", last_event_at=NOW - 5 * SECOND)
    view = a_view(clusters=[a_cluster("c", watches=[watch])], store=a_store(last_insert_at=NOW - 7 * SECOND))

    shown = live(view)

    assert shown.clusters[0].watches[0].last_event_age_ms == 5 * SECOND
    assert shown.store.last_insert_age_ms == 7 * SECOND
    assert live(a_view(store=a_store(last_insert_at=None))).store.last_insert_age_ms is None


def test_money_is_absent_unknown_or_known() -> None:
    """A server that shows no money, a store that does not answer and an answer are three things."""
    assert live(money=None).money is None
    assert [m.known for m in (live(money=UnknownMoney("x")).money, live(money=some_money()).money) if m] == [
        False,
        True,
    ]


def test_problems_are_those_of_readiness() -> None:
    """The page and /readyz cannot disagree."""
    shown = live(a_full_fleet())

    assert not shown.ready
    assert [(p.cluster, p.kind) for p in shown.problems] == [("edge-osaka", "pods")]
