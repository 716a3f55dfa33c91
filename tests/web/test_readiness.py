"""When the collector is ready, and the problems it reports otherwise."""

import msgspec
import pytest

from collector.core.access_health import AccessHealth
from collector.core.facts.watches import WatchGap
from collector.core.live_view import AloneCause, Clock, LiveView, ReplicaHealth, ShardHolder, StoreHealth
from collector.web.api_models import Problem
from collector.web.readiness import BEHIND_MS, BEHIND_ROWS, GAP_SHOWN_MS, VIEW_STALE_MS, readiness
from tests.web.fleet import HOUR, NOW, SECOND, a_cluster, a_store, a_view, a_watch


def the_problem(view: LiveView, now: int = NOW) -> Problem:
    """The only problem of a view."""
    [problem] = readiness(view, now).problems
    return problem


def test_a_fleet_that_is_watched_and_stored_is_ready() -> None:
    """All clusters ready, store reachable and not behind: no problem is made up."""
    answer = readiness(a_view(), NOW)

    assert answer.ready
    assert answer.problems == []


def test_an_empty_fleet_is_ready() -> None:
    """With nothing to watch there is nothing to wait for."""
    assert readiness(a_view(clusters=[], queues=[]), NOW).ready


@pytest.mark.parametrize("state", ["starting", "listing", "retrying", "refused"])
def test_a_watch_that_does_not_watch_names_cluster_kind_and_remedy(state: str) -> None:
    """The answer names the watch, the cluster, the reason and the remedy."""
    broken = a_watch("prod-hz", "pods", state=state, synced=False, detail="403 Forbidden")
    view = a_view(clusters=[a_cluster("prod-hz", ready=False, watches=[a_watch("prod-hz"), broken])])

    problem = the_problem(view)

    assert not readiness(view, NOW).ready
    assert (problem.subject, problem.cluster, problem.kind) == ("watch", "prod-hz", "pods")
    assert problem.reason == "403 Forbidden"
    assert problem.remedy
    assert problem.blocking


def test_a_watch_without_words_is_described_by_its_state() -> None:
    """An empty reason would not help a reader."""
    unsynced = a_view(clusters=[a_cluster("c", ready=False, watches=[a_watch("c", synced=False)])])
    retrying = a_view(clusters=[a_cluster("c", ready=False, watches=[a_watch("c", state="retrying")])])

    assert the_problem(unsynced).reason == "the first list is not complete"
    assert the_problem(retrying).reason == "the watch is retrying"


def test_a_missing_optional_right_is_reported_and_does_not_block() -> None:
    """A cluster that is ready without a kind stays ready, and its operator learns what is missing."""
    events = a_watch("prod-hz", "events", state="refused", synced=False, detail="403 Forbidden", needed=False)
    view = a_view(clusters=[a_cluster("prod-hz", watches=[a_watch("prod-hz"), events])])

    assert readiness(view, NOW).ready
    assert (the_problem(view).blocking, the_problem(view).optional) == (False, True)


def test_an_optional_kind_that_a_cluster_does_not_serve_is_no_problem() -> None:
    """No right can be granted on a kind that is not served."""
    absent = a_watch("prod-hz", "cronworkflows", state="absent", synced=False, needed=False)

    assert readiness(a_view(clusters=[a_cluster("prod-hz", watches=[absent])]), NOW).problems == []


def test_an_optional_right_is_not_what_keeps_a_cluster_from_being_ready() -> None:
    """Its watches' own problems are listed too, and only they block."""
    events = a_watch("c", "events", state="refused", synced=False, needed=False)
    view = a_view(clusters=[a_cluster("c", ready=False, detail="the uid has changed", watches=[events])])

    problems = readiness(view, NOW).problems

    assert [(p.subject, p.blocking) for p in problems] == [("watch", False), ("cluster", True)]


def test_a_watch_that_reopens_is_no_problem() -> None:
    """Servers end watches every few minutes; while its cluster is ready, this is not a problem."""
    view = a_view(clusters=[a_cluster("prod-hz", watches=[a_watch("prod-hz", state="retrying", detail="EOF")])])

    assert readiness(view, NOW).problems == []


def test_a_cluster_that_cannot_be_watched_shows_the_reason() -> None:
    """Before any watch exists, the cluster's own detail is the reason."""
    view = a_view(clusters=[a_cluster("prod-hz", ready=False, detail="certificate has expired", watches=[])])

    problem = the_problem(view)

    assert (problem.subject, problem.cluster, problem.reason) == ("cluster", "prod-hz", "certificate has expired")


def test_an_unreachable_store_is_a_problem_and_reassures() -> None:
    """Rows wait in the spool in the meantime; the remedy says that nothing is lost."""
    problem = the_problem(a_view(store=a_store(reachable=False, detail="connection refused")))

    assert (problem.subject, problem.reason) == ("store", "connection refused")
    assert "nothing is lost" in problem.remedy


@pytest.mark.parametrize(
    "store",
    [
        a_store(spooled_rows=5, last_insert_at=NOW - BEHIND_MS - 1),
        a_store(spooled_rows=5, last_insert_at=None),
        a_store(spooled_rows=BEHIND_ROWS + 1),
    ],
)
def test_a_store_that_falls_behind_blocks(store: StoreHealth) -> None:
    """Rows that wait too long, or too many of them, make every reader see the past."""
    problem = the_problem(a_view(store=store))

    assert problem.subject == "store"
    assert problem.reason.startswith("behind: ")
    assert problem.blocking


@pytest.mark.parametrize(
    "store",
    [
        a_store(spooled_rows=0, last_insert_at=NOW - 100 * BEHIND_MS),
        a_store(spooled_rows=0, last_insert_at=None),
        a_store(spooled_rows=BEHIND_ROWS, last_insert_at=NOW - BEHIND_MS),
    ],
)
def test_a_store_with_nothing_to_do_is_not_behind(store: StoreHealth) -> None:
    """An idle fleet inserts nothing for hours, and rows in flight do not count as lag."""
    assert readiness(a_view(store=store), NOW).ready


def test_a_view_that_is_no_longer_drawn_is_a_problem() -> None:
    """A hanging loop answers with an old view; that must be visible."""
    problem = the_problem(a_view(store=a_store(last_insert_at=None)), NOW + VIEW_STALE_MS + SECOND)

    assert problem.subject == "collector"
    assert "31 s old" in problem.reason


def test_a_gap_of_the_last_day_is_reported_and_does_not_block() -> None:
    """Everything works again, but that time is not complete."""
    gap = WatchGap(
        cluster="c",
        kind="pods",
        from_at=NOW - 90 * SECOND,
        version=1,
        to_at=NOW - SECOND,
        cause="gone",
        objects_unknown=3,
    )
    view = a_view(clusters=[a_cluster("c", gaps=[gap])])
    problem = the_problem(view)

    assert (problem.cluster, problem.kind, problem.blocking, problem.optional) == ("c", "pods", False, True)
    assert problem.reason.startswith("data is incomplete from ")
    assert problem.reason.endswith(" UTC: gone; 3 objects ended unobserved")
    assert readiness(a_view(clusters=[a_cluster("c", gaps=[gap])]), NOW).ready
    old = msgspec.structs.replace(gap, to_at=NOW - GAP_SHOWN_MS)
    assert readiness(a_view(clusters=[a_cluster("c", gaps=[old])]), NOW).problems == []


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        ("store_password", "store.password_file"),
        ("store_read_only", "SELECT, INSERT"),
        ("store_disk_full", "free space on the store's disk"),
        ("store_replicas", "store.insert_quorum"),
        ("store_servers", "system.replication_queue"),
        ("store_overloaded", "more memory"),
        ("store_hangs", "the store's process"),
        ("store_refuses", "the store's own log"),
        ("store_unreachable", "store.url"),
        ("store_starts", "store.url"),
        ("spool_fails", "the disk of data_dir"),
    ],
)
def test_each_refusal_of_the_store_has_its_own_remedy(cause: str, remedy: str) -> None:
    """A person who is paged learns what to do, and that nothing is lost in the meantime."""
    problem = the_problem(a_view(store=a_store(reachable=False, detail="Code: 1", cause=cause)))

    assert (problem.cause, problem.reason, problem.blocking) == (cause, "Code: 1", True)
    assert remedy in problem.remedy
    assert "nothing is lost" in problem.remedy


@pytest.mark.parametrize(
    ("readers", "cause", "blocking"),
    [("stuck a query is past its limit", "readers_stuck", True), ("busy 3 queries have waited", "readers_wait", False)],
)
def test_readers_that_are_not_answered_are_a_problem(readers: str, cause: str, blocking: bool) -> None:
    """Rows go in meanwhile, but neither pages nor reports show them; queries that only wait do not block."""
    problem = the_problem(a_view(store=a_store(readers=readers)))

    assert (problem.subject, problem.cause, problem.blocking) == ("store", cause, blocking)
    assert problem.reason.endswith(readers.partition(" ")[2])
    assert "nothing is lost" in problem.remedy


def test_a_full_spool_is_reported_even_if_the_store_works() -> None:
    """The watches are paused: what the pages show is old."""
    problem = the_problem(a_view(store=a_store(spool_detail="the disk has 0 bytes left")))

    assert (problem.subject, problem.cause, problem.blocking) == ("collector", "spool_full", True)
    assert "the disk has 0 bytes left" in problem.reason
    assert "spool.max_bytes" in problem.remedy


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        (Clock("cluster", "prod-hz", 7_200_000), "API server of prod-hz is 7200 s ahead of ours"),
        (Clock("store", "", -7_200_000), "clock of the store is 7200 s behind ours"),
    ],
)
def test_a_clock_two_hours_off_is_reported_and_does_not_block(clock: Clock, words: str) -> None:
    """Facts use the cluster's own instants; the live view uses the collector's clock."""
    view = a_view(clocks=[clock])

    assert words in the_problem(view).reason
    assert readiness(view, NOW).ready


def test_clocks_a_second_apart_are_no_problem() -> None:
    """A Date header has whole seconds, and a page of a list is seconds on its way."""
    assert readiness(a_view(clocks=[Clock("store", "", 900)]), NOW).problems == []


STANDBY = [ShardHolder(0, False, "b")]


def test_a_standby_is_ready_and_names_the_holder() -> None:
    """Nothing is wrong: a rolling upgrade waits for it to be ready."""
    answer = readiness(a_view(clusters=[], queues=[], replica=ReplicaHealth("a", "", "", STANDBY)), NOW)

    assert (answer.ready, answer.problems) == (True, [])
    assert answer.replica == "standby; shard 0 is held by b"


@pytest.mark.parametrize(
    ("alone", "shards", "optional"),
    [("refused", 1, True), ("refused", 2, False), ("outside", 2, False), ("store", 2, False), ("off", 2, False)],
)
def test_single_mode_is_reported_and_does_not_block(alone: AloneCause, shards: int, optional: bool) -> None:
    """Nothing is lost; with several shards each replica does the work of all."""
    replica = ReplicaHealth("a", alone, "of some reason", [ShardHolder(i, True, "") for i in range(shards)])
    problem = the_problem(a_view(replica=replica))

    assert (problem.cause, problem.blocking, problem.optional) == ("single_mode", False, optional)
    assert "of some reason" in problem.reason
    assert problem.remedy


def test_a_laptop_has_no_problem_with_replicas() -> None:
    """One shard and no cluster: that is the usual way to try it."""
    alone = ReplicaHealth("a", "outside", "it runs outside a cluster", [ShardHolder(0, True, "")])
    answer = readiness(a_view(replica=alone), NOW)

    assert answer.problems == []
    assert answer.replica.startswith("single: ")


@pytest.mark.parametrize("held", [True, False])
def test_a_replica_that_cannot_take_over_is_not_ready(held: bool) -> None:
    """A holder whose last renewal failed still watches."""
    problem = the_problem(a_view(replica=ReplicaHealth("a", "", "no answer", [ShardHolder(0, held, "a")])))

    assert (problem.cause, problem.blocking) == ("lease_fails", not held)


def test_a_log_with_missing_entries_is_reported_and_does_not_block() -> None:
    """Who must prove who saw what learns that the proof has a hole."""
    view = a_view(audit_dropped=3)

    problem = the_problem(view)
    assert readiness(view, NOW).ready
    assert (problem.subject, problem.cause) == ("store", "audit_incomplete")
    assert "lacks 3 entries" in problem.reason


@pytest.mark.parametrize(
    ("access", "cause", "words"),
    [
        (AccessHealth(open_to_all=True), "open", "everyone who reaches the pages"),
        (AccessHealth(problems=("t.yaml: cannot be read",)), "tokens", "t.yaml: cannot be read"),
        (AccessHealth(ends={"ci-bot": NOW + 13 * 24 * HOUR}), "token_ends", "the token ci-bot ends on 20"),
        (AccessHealth(ends={"ci-bot": NOW - 24 * HOUR}), "token_ends", "the token ci-bot ended on 20"),
    ],
)
def test_a_door_that_needs_care_is_reported_and_does_not_block(access: AccessHealth, cause: str, words: str) -> None:
    """The collector does its work; who runs it has something to do."""
    problem = the_problem(a_view(access=access))

    assert (problem.cause, problem.subject, problem.blocking) == (cause, "collector", False)
    assert problem.reason.startswith(words)
    assert problem.remedy


def test_a_token_that_lasts_is_no_problem() -> None:
    """Two weeks are enough to make a new one."""
    assert readiness(a_view(access=AccessHealth(ends={"ci": NOW + 15 * 24 * HOUR})), NOW).problems == []


def test_a_user_of_the_store_who_reads_rows_of_others_blocks() -> None:
    """The Service sends no reader to a collector whose store shows departments each other's money."""
    view = a_view(access=AccessHealth(leaks=("maps reads lynceus.pod_run on http://a",)))

    problem = the_problem(view)
    assert (problem.subject, problem.cause, problem.blocking) == ("store", "store_leak", True)
    assert "lynceus generate users" in problem.remedy
