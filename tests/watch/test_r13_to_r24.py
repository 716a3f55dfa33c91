"""
The 24 rules that a list and watch client must keep, each as a scripted case against the protocol alone.

R13 to R24: time, pressure, credentials, identity and bad bytes.
"""

import json
from random import Random

from collector.catalog.counters import Counters
from collector.core.facts.watches import Quarantine, WatchGap
from collector.watch.backoff import Backoff
from collector.watch.kinds import resources
from collector.watch.requests import Refresh
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
    fallbacks,
    listed,
    modified,
    next_request,
    observed,
    of_type,
    page,
    positions,
    refusal,
    reopen,
    request_at_once,
    restarts,
    status,
    v,
    watching,
)


def test_r13_watches_end_at_random_within_five_to_ten_minutes() -> None:
    """Watches that end together would reconnect together."""
    timeouts = {next_request(a_watch(resume=Stored("5"), seed=seed)).timeout_s for seed in range(50)}

    assert len(timeouts) > 30
    assert min(timeouts) >= 300
    assert max(timeouts) <= 600


def test_r13_a_short_watch_without_news_is_a_failure() -> None:
    """A server that ends each watch at once would otherwise receive hundreds of requests a second."""
    watch = watching(version=100)
    watch.ended("closed", NOON + SECOND)

    assert a_pause(watch).cause == "short"
    assert next_request(watch).params["resourceVersion"] == "100"


def test_r13_a_watch_that_ends_in_time_or_brought_news_is_opened_again_at_once() -> None:
    """The ordinary end of a watch is not a failure."""
    watch = watching(version=100)
    watch.ended("closed", NOON + 300 * SECOND)
    assert request_at_once(watch).verb == "watch"

    watch = watching(version=100)
    watch.feed(bookmark(101), NOON)
    watch.ended("closed", NOON + SECOND)
    assert request_at_once(watch).verb == "watch"


def test_r14_under_back_pressure_the_watch_stops_cleanly_and_resumes() -> None:
    """A slow reader is cut off in the middle of events; a stop by the watch itself costs no list, no pause and no half line."""
    watch = watching(version=100)
    watch.feed(added("a", 101) + added("b", 102)[:40], NOON)
    watch.ended("back_pressure", NOON + SECOND)
    request = request_at_once(watch)
    watch.opened(200, JSON, NOON)
    out = watch.feed(added("b", 102), NOON)

    assert (request.verb, request.params["resourceVersion"]) == ("watch", "101")
    assert changes_of(out) == [("added", "b", 102)]
    assert not of_type(out, WatchGap)


def test_r15_what_was_seen_is_not_seen_again() -> None:
    """After any resume the same uid and version come again, and so may older ones."""
    watch = watching(an_object("a", 90), version=100)
    first = watch.feed(modified("a", 110) + added("b", 111) + deleted("b", 112), NOON)
    watch.ended("closed", NOON + 60 * SECOND)
    reopen(watch)
    again = watch.feed(modified("a", 105) + modified("a", 110) + added("b", 111) + deleted("b", 112), NOON)

    assert len(changes_of(first)) == 3
    assert again == []


def test_r15_a_list_emits_only_changes() -> None:
    """A relist of 200,000 objects with one change is one observation."""
    watch = watching(an_object("a", 90), an_object("b", 95), version=100)
    watch.feed(event("ERROR", status(410)), NOON)
    next_request(watch)

    assert changes_of(watch.answered(200, JSON, page(an_object("a", 90), an_object("b", 130), version=140), NOON)) == [
        ("listed", "b", 130)
    ]


def test_r16_a_uid_replaced_under_its_name_is_two_objects() -> None:
    """By a relist the old uid vanishes and the new one is listed; in a stream nothing is merged by name either."""
    watch = watching(an_object("old", 10, "nightly"), version=100)
    watch.feed(event("ERROR", status(410)), NOON)
    next_request(watch)
    out = watch.answered(200, JSON, page(an_object("new", 150, "nightly"), version=200), NOON)

    assert changes_of(out) == [("listed", "new", 150), ("vanished", "old", 200)]


def test_r17_a_deletion_carries_the_last_state_at_its_own_version() -> None:
    """How a pod ended is often known from its DELETED event alone."""
    watch = watching(an_object("a", 10), version=100)
    (gone,) = observed(watch.feed(deleted("a", 140, status={"phase": "Failed"}), NOON))

    assert (gone.change, gone.version, gone.object.status.phase) == ("deleted", v(140), "Failed")
    assert watch.health().objects == 0


def test_r17_the_deletion_of_an_unobserved_object_is_emitted_too() -> None:
    """A pod that was created and deleted between two streams still cost money."""
    watch = watching(version=100)

    assert changes_of(watch.feed(deleted("a", 140), NOON)) == [("deleted", "a", 140)]


def test_r17_leaving_a_selector_is_a_deletion_at_a_version_already_known() -> None:
    """A server sends DELETED with the version of the change that took the label away."""
    watch = watching(an_object("a", 100), version=100)

    assert changes_of(watch.feed(deleted("a", 100) + deleted("a", 100), NOON)) == [("deleted", "a", 100)]


def test_r18_too_many_requests_waits_as_requested_and_keeps_the_version() -> None:
    """A list costs the server a hundred times a watch: one that asks for fewer requests must not be listed."""
    for code in (429, 500, 503):
        counters = Counters()
        watch = listed(version=100, counters=counters)
        for _ in range(20):
            next_request(watch)
            watch.answered(code, {"Retry-After": "7"}, b"Too many requests", NOON)
            assert a_pause(watch).seconds >= 7
        assert next_request(watch).params["resourceVersion"] == "100"
        assert restarts(counters) == {("throttled" if code == 429 else "server"): 20}


def test_r18_retry_after_may_be_a_date_and_has_a_bound() -> None:
    """Seconds or a date; nonsense is ignored, and an hour is shortened."""
    date = "Sun, 22 Nov 2026 12:00:20 GMT"
    waits = []
    for header in (date, "soon", "86400"):
        watch = listed(version=100)
        next_request(watch)
        watch.answered(429, {"Retry-After": header}, b"", NOON)
        waits.append(a_pause(watch).seconds)

    assert 20 <= waits[0] <= 22
    assert waits[1] <= 0.8
    assert 600 <= waits[2] <= 660


def test_r18_a_list_that_is_slowed_down_goes_on_with_its_page() -> None:
    """The token is still good after a 429: what was read is not read again."""
    watch = a_watch()
    next_request(watch)
    watch.answered(200, JSON, page(an_object("a", 1), version=100, token="t1"), NOON)
    next_request(watch)
    watch.answered(429, {}, b"", NOON)

    assert next_request(watch).params["continue"] == "t1"


def test_r19_waits_double_from_under_a_second_to_half_a_minute_with_full_jitter() -> None:
    """The ceiling doubles from 0.8 s to 30 s, and each wait is anywhere below it."""
    ceilings = [max(_delays(seed)[n] for seed in range(300)) for n in range(8)]

    for ceiling, bound in zip(ceilings, (0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30), strict=True):
        assert bound * 0.9 <= ceiling <= bound
    assert min(_delays(seed)[7] for seed in range(300)) < 1


def _delays(seed: int) -> list[float]:
    backoff = Backoff(Random(seed))
    return [backoff.delay_s(NOON) for _ in range(8)]


def test_r19_two_healthy_minutes_make_the_next_failure_the_first() -> None:
    """A rare failure must not wait for half a minute because of earlier failures."""
    backoff = Backoff(Random(1), failures=9)
    backoff.healthy(NOON)
    soon = Backoff(Random(1), failures=9, healthy_since=NOON).delay_s(NOON + 119 * SECOND)

    assert backoff.delay_s(NOON + 120 * SECOND) <= 0.8 < soon


def test_r19_a_refused_connection_keeps_the_version() -> None:
    """A server that restarts keeps its history; there is nothing to list."""
    watch = listed(version=100)
    for _ in range(12):
        next_request(watch)
        watch.broke("connection", "Connect call failed", NOON)

    assert watch.health().state == "retrying"
    assert "Connect call failed" in watch.health().detail
    assert next_request(watch).params["resourceVersion"] == "100"


def test_r20_refused_credentials_are_renewed_once_and_then_waited_for() -> None:
    """A token may have expired; if the new one is refused too, the watch waits, and then starts over."""
    watch = listed(version=100)
    steps = []
    for _ in range(4):
        next_request(watch)
        watch.answered(401, JSON, refusal(401, "Unauthorized"), NOON)
        steps.append(watch.step())

    assert [type(step).__name__ for step in steps] == ["Refresh", "Pause", "Refresh", "Pause"]
    assert next_request(watch).params["resourceVersion"] == "100"


def test_r20_accepted_credentials_may_be_renewed_again() -> None:
    """Each expiry has its own renewal."""
    watch = listed(version=100)
    for _ in range(3):
        next_request(watch)
        watch.answered(401, JSON, refusal(401), NOON)
        assert isinstance(watch.step(), Refresh)
        reopen(watch)
        watch.ended("closed", NOON + 400 * SECOND)


def test_r21_after_a_failover_no_two_watches_come_back_together() -> None:
    """All watches break at one instant; a new leader answers 500 for a while, and nothing is listed because of it."""
    waits = set()
    for seed in range(20):
        watch = watching(version=100, seed=seed)
        watch.broke("cut", "connection reset by peer", NOON)
        waits.add(round(a_pause(watch).seconds, 3))
        next_request(watch)
        watch.answered(500, JSON, refusal(500, "InternalError", "etcdserver: leader changed"), NOON)
        assert next_request(watch).verb == "watch"

    assert len(waits) > 15


def test_r22_a_line_may_come_in_any_pieces() -> None:
    """Chunks end anywhere, in the middle of a character too; U+0085 and U+2028 end no line."""
    text = "caf\u00e9 \u0085 \u2028 \U0001f600"
    line = json.dumps({"type": "ADDED", "object": an_object("a", 101, text)}, ensure_ascii=False).encode() + b"\n"
    watch = watching(version=100)
    out = [o for cut in range(len(line)) for o in watch.feed(line[cut : cut + 1], NOON)]

    assert changes_of(out) == [("added", "a", 101)]
    assert observed(out)[0].object.metadata.name == text


def test_r22_half_a_line_at_the_end_is_dropped_and_comes_again() -> None:
    """A stream that breaks off resumes from the last whole event."""
    watch = watching(version=100)
    watch.feed(added("a", 101) + added("b", 102)[:-30], NOON)
    watch.ended("closed", NOON + 60 * SECOND)
    request = reopen(watch)

    assert request.params["resourceVersion"] == "101"
    assert changes_of(watch.feed(added("b", 102), NOON)) == [("added", "b", 102)]


def test_r22_an_unknown_event_type_is_set_aside_and_passed() -> None:
    """A newer server may send unknown event types; they must not be received again for ever."""
    watch = watching(version=100)
    out = watch.feed(event("PATCHED", an_object("a", 101)) + added("b", 102), NOON)

    assert [q.reason for q in of_type(out, Quarantine)] == ["event_type"]
    assert changes_of(out) == [("added", "b", 102)]
    assert positions(out) == ["102"]


def test_r22_an_object_without_identity_is_set_aside_and_its_neighbours_observed() -> None:
    """First, in the middle or last: the position moves past it, and its contents are nowhere kept."""
    secret = {"env": [{"name": "TOKEN", "value": "hunter2"}]}
    bad = [
        event("ADDED", an_object("", 103, spec=secret)),
        event("ADDED", an_object("c", "", spec=secret)),
        event("ADDED", ["hunter2"]),
        event("ADDED", None),
        event("ADDED", {"metadata": {"uid": "d", "resourceVersion": "9" * 30}, "spec": secret}),
    ]
    for line in bad:
        for lines in ([line, added("a", 104)], [added("a", 104), line], [added("a", 104), line, added("b", 105)]):
            out = watching(version=100).feed(b"".join(lines), NOON)

            assert len(of_type(out, Quarantine)) == 1
            assert len(changes_of(out)) == len(lines) - 1
            assert positions(out)[0] in ("104", "105")
            assert "hunter2" not in repr(out)


def test_r22_an_object_that_the_typed_decoder_refuses_is_repaired_and_counted() -> None:
    """A field of the wrong type is dropped; the object and its change are kept."""
    counters = Counters()
    watch = watching(an_object("a", 10), version=100, counters=counters)
    odd = an_object("a", 101, status={"phase": "Running", "startedAt": 7})
    out = watch.feed(modified("b", 100) + event("MODIFIED", odd) + deleted("a", 102, status="gone"), NOON)

    assert changes_of(out) == [("modified", "a", 101), ("deleted", "a", 102)]
    assert observed(out)[0].object.status.phase == "Running"
    assert fallbacks(counters) == 2


def test_r22_a_line_that_is_not_json_is_requested_again_then_set_aside() -> None:
    """Bytes may be damaged in transit; after three times at the same version, only a list gets past them."""
    watch = watching(version=100)
    for _ in range(2):
        out = watch.feed(added("a", 101) + b'{"type":"ADDED", hunter2\n', NOON)
        assert not of_type(out, Quarantine)
        assert reopen(watch).params["resourceVersion"] == "101"
    out = watch.feed(b'{"type":"ADDED", hunter2\n', NOON)

    assert [q.reason for q in of_type(out, Quarantine)] == ["not_json"]
    assert next_request(watch).verb == "list"
    assert "hunter2" not in repr(out) + watch.health().detail


def test_r22_a_line_of_many_megabytes_is_taken_and_a_larger_one_skipped() -> None:
    """16 MiB are ten times what etcd takes; a larger line is counted and skipped."""
    watch = watching(version=100)
    large = added("a", 101, status={"message": "x" * 6 * 2**20})
    monstrous = added("b", 102, status={"message": "x" * 17 * 2**20})
    stream = large + monstrous + added("c", 103)
    out, held = [], 0
    for start in range(0, len(stream), 2**18):
        out += watch.feed(stream[start : start + 2**18], NOON)
        held = max(held, watch._frames.size)

    assert changes_of(out) == [("added", "a", 101), ("added", "c", 103)]
    assert [(q.reason, json.loads(q.sample)["bytes"]) for q in of_type(out, Quarantine)] == [
        ("oversized", len(monstrous) - 1)
    ]
    assert held <= 16 * 2**20


def test_r23_a_list_that_fails_as_a_whole_makes_nothing_vanish() -> None:
    """One object that etcd cannot decode fails the whole list; known objects stay known, and the reason is reported."""
    watch = watching(an_object("a", 10), version=100)
    watch.feed(event("ERROR", status(410)), NOON)
    for _ in range(3):
        next_request(watch)
        out = watch.answered(500, JSON, refusal(500, "StorageReadError", "unable to decode pods/ci/x"), NOON)
        assert out == []

    health = watch.health()
    assert (health.objects, health.state) == (1, "retrying")
    assert "unable to decode pods/ci/x" in health.detail
    assert next_request(watch).verb == "list"


def test_r24_no_fact_stands_on_the_events_kind() -> None:
    """Events exist for an hour and are updated in place: a hint, never the only evidence of a cost."""
    assert "events" not in {resource.kind for resource in resources() if resource.needed}
