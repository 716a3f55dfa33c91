"""
The 24 rules that a list and watch client must keep, each as a scripted case against the protocol alone.

R1 to R12: the requests, where a watch resumes, and when a version is given up.
"""

from typing import get_args

from collector.catalog.counters import Counters
from collector.catalog.metrics import DECODE_FALLBACKS, WATCH_RESTARTS
from collector.core.facts.watches import Quarantine, WatchGap
from collector.core.messages import Position, Synced
from collector.watch.api_errors import Cause
from collector.watch.protocol import Watch
from collector.watch.requests import PAGE_SIZE
from tests.watch.steps import (
    JSON,
    NOON,
    SECOND,
    Stored,
    a_pause,
    a_watch,
    added,
    an_object,
    bookmark,
    changes_of,
    deleted,
    event,
    listed,
    modified,
    next_request,
    next_side_request,
    observed,
    of_type,
    page,
    positions,
    refusal,
    reopen,
    restarts,
    status,
    v,
    watching,
)


def test_r01_a_list_leaves_the_version_unset() -> None:
    """Only an unset version is read from a quorum; `0` may show the past, and a version beside a token is refused."""
    watch = a_watch()
    first = next_request(watch)
    watch.answered(200, JSON, page(an_object("a", 1), version=100, token="t1"), NOON)
    second = next_request(watch)

    assert first.params == {"limit": str(PAGE_SIZE)}
    assert second.params == {"limit": str(PAGE_SIZE), "continue": "t1"}


def test_r02_no_version_match_is_ever_sent() -> None:
    """`resourceVersionMatch` is for lists at a version, and the watch makes none: not at first, not later, not for a fence."""
    watch = watching(an_object("a", 1))
    watch.ended("closed", NOON + 60 * SECOND)
    requests = [reopen(watch), next_side_request(watch)]
    watch.feed(event("ERROR", status(410, "Expired")), NOON)
    requests.append(next_request(watch))

    assert [request.verb for request in requests] == ["watch", "fence", "list"]
    assert not any("resourceVersionMatch" in request.params for request in requests)


def test_r03_the_first_list_after_a_restart_is_not_at_the_stored_version() -> None:
    """The stored version may be newer than a lagging server's cache; a list at it, or at 0, would show deleted pods again."""
    watch = a_watch(resume=Stored("500", known={"a": v(480)}))
    reopen(watch)
    watch.feed(event("ERROR", status(410, "Expired", "too old")), NOON)
    again = next_request(watch)
    watch.answered(200, JSON, page(an_object("a", 480), version=900), NOON)
    behind = next_request(watch)

    assert (again.verb, again.params) == ("list", {"limit": "500"})
    assert (behind.verb, behind.params["resourceVersion"]) == ("watch", "900")


def test_r04_a_watch_always_starts_from_a_version() -> None:
    """Without a version a watch begins with unordered ADDED events, and no watch can resume from their versions."""
    requests = []
    for resume in (None, Stored("500"), Stored("0"), Stored("")):
        watch = a_watch(resume=resume)
        while (request := next_request(watch)).verb == "list":
            watch.answered(200, JSON, page(version=100), NOON)
        requests.append(request.params["resourceVersion"])

    assert requests == ["100", "500", "100", "100"]


def test_r05_versions_are_numbers_within_one_epoch() -> None:
    """1000 is newer than 999; a version that is not a number is set aside; going back begins an epoch."""
    watch = watching(an_object("a", 900), version=998)
    out = watch.feed(modified("a", 999) + modified("a", 1000), NOON)
    nonsense = watch.feed(event("ADDED", an_object("b", "abc")), NOON)
    watch.feed(event("ERROR", status(410)), NOON)
    next_request(watch)
    restored = watch.answered(200, JSON, page(an_object("a", 50), version=60), NOON)

    assert [version for _, _, version in changes_of(out)] == [999, 1000]
    assert of_type(nonsense, Quarantine)[0].reason == "no_version"
    assert observed(restored)[0].version == v(50, epoch=1) > v(1000)
    assert of_type(restored, Position)[0].epoch == 1


def test_r06_only_an_empty_token_ends_a_list() -> None:
    """A page may be empty and yet not the last; a token that comes twice would go on for ever, so it is an error."""
    watch = a_watch()
    next_request(watch)
    watch.answered(200, JSON, page(version=100, token="t1"), NOON)
    next_request(watch)
    half = watch.answered(200, JSON, page(an_object("a", 1), version=100, token="t2"), NOON)
    next_request(watch)
    whole = watch.answered(200, JSON, page(an_object("b", 2), version=100), NOON)

    assert not of_type(half, Synced)
    assert of_type(whole, Synced) == [Synced("workflows", "100")]


def test_a_watch_has_each_of_its_counters_at_0() -> None:
    """The first refusal of a server is an increase."""
    counters = Counters()
    a_watch(counters=counters)

    assert counters.series[DECODE_FALLBACKS.name] == {("prod", "workflows"): 0}
    assert counters.series[WATCH_RESTARTS.name] == {("prod", "workflows", cause): 0 for cause in get_args(Cause)}


def test_r06_a_token_that_comes_twice_begins_the_list_again() -> None:
    """A list with a repeated token is aborted, and starts from its first page after a pause."""
    counters = Counters()
    watch = a_watch(counters=counters)
    for _ in range(2):
        next_request(watch)
        watch.answered(200, JSON, page(version=100, token="same"), NOON)

    assert restarts(counters) == {"list_loop": 1}
    assert a_pause(watch).cause == "list_loop"
    assert "continue" not in next_request(watch).params


def test_r06_an_expired_token_begins_the_list_again_even_if_a_new_one_is_offered() -> None:
    """The token that comes with a 410 leads to another snapshot: what vanished between the two would never be noticed."""
    watch = a_watch()
    next_request(watch)
    watch.answered(200, JSON, page(an_object("a", 1), version=100, token="t1"), NOON)
    next_request(watch)
    offer = page(version=120, token="inconsistent")
    watch.answered(410, JSON, refusal(410, "Expired")[:-1] + b"," + offer[1:], NOON)
    again = next_request(watch)
    out = watch.answered(200, JSON, page(an_object("b", 110), version=120), NOON)

    assert again.params == {"limit": "500"}
    assert changes_of(out) == [("listed", "b", 110), ("vanished", "a", 120)]


def test_r06_what_a_long_list_lacks_was_gone_when_its_first_page_arrived() -> None:
    """All pages show what existed then; a pod that is gone must not be billed for the minutes that later pages take."""
    watch = watching(an_object("a", 10), version=100)
    watch.feed(event("ERROR", status(410)), NOON)
    next_request(watch)
    watch.answered(200, JSON, page(an_object("b", 110), version=120, token="t1"), NOON + 10 * SECOND)
    next_request(watch)
    out = watch.answered(200, JSON, page(an_object("c", 111), version=120), NOON + 70 * SECOND)

    assert [(o.uid, o.at) for o in observed(out)] == [("c", NOON + 70 * SECOND), ("a", NOON + 10 * SECOND)]
    assert of_type(out, WatchGap)[0].to_at == NOON + 70 * SECOND


def test_r07_a_relist_is_paged_and_unset_like_the_first() -> None:
    """A paged list at a version other than 0 bypasses the server's cache and reads etcd; an unset one need not."""
    watch = watching()
    watch.feed(event("ERROR", status(410)), NOON)
    watch.step()

    assert next_request(watch).params == {"limit": "500"}


def test_r08_bookmarks_are_requested_and_move_the_position() -> None:
    """Without bookmarks a quiet kind falls out of etcd's window, and each reconnection is a full list."""
    watch = listed(version=100)
    request = reopen(watch)
    out = watch.feed(bookmark(5000), NOON)
    watch.ended("closed", NOON + 60 * SECOND)

    assert request.params["allowWatchBookmarks"] == "true"
    assert positions(out) == ["5000"]
    assert next_request(watch).params["resourceVersion"] == "5000"


def test_r08_a_bookmark_without_a_version_is_harmless() -> None:
    """A bookmark guarantees only its version; without a version it is ignored."""
    watch = watching(version=100)

    assert watch.feed(event("BOOKMARK", {"metadata": {}}), NOON) == []
    assert watch.streaming


def test_r09_the_end_of_initial_events_is_an_ordinary_bookmark() -> None:
    """A watch follows a list, so a mark of the end of initial events only carries a version."""
    watch = watching(version=100)
    out = watch.feed(bookmark(130, {"k8s.io/initial-events-end": "true"}) + added("a", 131), NOON)

    assert positions(out) == ["131"]
    assert changes_of(out) == [("added", "a", 131)]


def gone_by_status(watch: Watch) -> None:
    watch.ended("closed", NOON + 60 * SECOND)
    next_request(watch)
    assert not watch.opened(410, JSON, NOON)
    watch.answered(410, JSON, refusal(410, "Expired", "too old resource version"), NOON + 60 * SECOND)


def gone_in_the_stream(watch: Watch) -> None:
    watch.feed(event("ERROR", status(410, "Gone")), NOON + 60 * SECOND)


def gone_by_reason_alone(watch: Watch) -> None:
    watch.feed(event("ERROR", {"kind": "Status", "reason": "Expired"}), NOON + 60 * SECOND)


def test_r10_an_expired_version_is_a_gap_and_a_list_compared_by_uid() -> None:
    """In all its forms: the version is dropped, the list shows what vanished, and the gap is a row."""
    for shape in (gone_by_status, gone_in_the_stream, gone_by_reason_alone):
        watch = watching(an_object("a", 10), an_object("b", 20), version=100)
        shape(watch)
        request = next_request(watch)
        out = watch.answered(200, JSON, page(an_object("b", 20), an_object("c", 150), version=200), NOON + 90 * SECOND)

        assert request.verb == "list"
        assert changes_of(out) == [("listed", "c", 150), ("vanished", "a", 200)]
        (gap,) = of_type(out, WatchGap)
        assert (gap.from_at, gap.to_at, gap.cause, gap.objects_unknown) == (NOON, NOON + 90 * SECOND, "gone", 1)
        assert next_request(watch).params["resourceVersion"] == "200"


def test_r10_a_gap_after_a_restart_begins_at_the_stored_instant() -> None:
    """The time without a watch is in the gap, from the last durable position."""
    watch = a_watch(resume=Stored("500", known={"a": v(480)}), resumed_at=NOON - 3600 * SECOND)
    reopen(watch)
    watch.feed(event("ERROR", status(410)), NOON)
    next_request(watch)
    out = watch.answered(200, JSON, page(version=900), NOON)

    assert of_type(out, WatchGap)[0].from_at == NOON - 3600 * SECOND
    assert changes_of(out) == [("vanished", "a", 900)]


def test_r10_lists_do_not_chase_one_another_when_every_version_is_expired() -> None:
    """A server that lists well and expires each watch must not be listed in a loop: the waits grow."""
    watch = watching()
    ceilings = []
    for _ in range(8):
        watch.feed(event("ERROR", status(410)), NOON)
        ceilings.append(a_pause(watch).seconds)
        next_request(watch)
        watch.answered(200, JSON, page(version=100), NOON)
        reopen(watch)

    assert max(ceilings[4:]) > 5


def test_r11_a_version_too_large_for_a_lagging_server_is_waited_for_then_dropped() -> None:
    """After a failover: back off as requested, then list with the version unset; in both forms."""
    cause = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}
    body = refusal(504, "Timeout", "Too large resource version: 100, current: 90", retryAfterSeconds=4, **cause)
    watch = listed(an_object("a", 10), version=100)
    next_request(watch)
    watch.answered(504, JSON, body, NOON)

    assert a_pause(watch).seconds >= 4
    assert next_request(watch).params == {"limit": "500"}

    watch = watching(version=100)
    watch.feed(event("ERROR", status(504, "Timeout", "x", **cause)), NOON)

    assert next_request(watch).verb == "list"


def test_r12_an_internal_error_in_the_stream_is_tried_again_then_listed() -> None:
    """It resumes five times, since most errors pass; then it lists. Reason and message may be absent."""
    watch = watching(version=100)
    verbs = []
    for _ in range(5):
        watch.feed(event("ERROR", {"kind": "Status", "code": 500}), NOON)
        request = next_request(watch)
        verbs.append(request.verb)
        watch.opened(200, JSON, NOON)

    assert verbs == ["watch"] * 4 + ["list"]


def test_r12_progress_makes_the_count_of_internal_errors_start_again() -> None:
    """Errors with progress between them do not add up."""
    watch = watching(version=100)
    for version in range(101, 112):
        watch.feed(modified("a", version), NOON)
        watch.feed(event("ERROR", status(500)), NOON)
        assert reopen(watch).params["resourceVersion"] == str(version)


def test_r12_a_corrupt_object_removed_from_etcd_means_a_list() -> None:
    """The watch does not name the object, so only a list reveals it."""
    watch = watching(an_object("a", 10), version=100)
    watch.feed(event("ERROR", status(500, "StorageReadError", "corrupt object has been deleted")), NOON)
    request = next_request(watch)
    out = watch.answered(200, JSON, page(version=120), NOON)

    assert request.verb == "list"
    assert changes_of(out) == [("vanished", "a", 120)]
    assert of_type(out, WatchGap)[0].cause == "corrupt"


def test_r12_an_error_that_is_no_status_is_an_internal_error() -> None:
    """An ERROR event holds whatever a proxy or an old server puts into it."""
    for about in (None, "boom", {}, {"code": "500"}, {"metadata": {"name": "x"}}):
        watch = watching(version=100)
        watch.feed(event("ERROR", about), NOON)

        assert a_pause(watch).cause == "stream_error"
        assert next_request(watch).params["resourceVersion"] == "100"


def test_a_deletion_is_not_observed_twice_in_a_relist() -> None:
    """An object that the stream deleted is not emitted again as vanished."""
    watch = watching(an_object("a", 10), version=100)
    watch.feed(deleted("a", 110), NOON)
    watch.feed(event("ERROR", status(410)), NOON)
    next_request(watch)

    assert changes_of(watch.answered(200, JSON, page(version=120), NOON)) == []
