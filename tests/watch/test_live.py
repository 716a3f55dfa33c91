"""
Which changes are live: those whose arrival on our clock means something, because they happened while we watched.
"""

from collector.core.messages import Outcome, Position, Synced
from collector.watch.requests import Pause, Request
from tests.watch.steps import (
    JSON,
    NOON,
    SECOND,
    Stored,
    a_watch,
    added,
    an_object,
    bookmark,
    listed,
    modified,
    observed,
    of_type,
    page,
    positions,
    refusal,
    reopen,
    watching,
)


def live(outcomes: list[Outcome]) -> list[bool]:
    return [o.live for o in observed(outcomes)]


def test_a_listed_object_is_never_live() -> None:
    """A list shows the present state, not when it began."""
    watch = a_watch()
    watch.step()

    assert live(watch.answered(200, JSON, page(an_object("a", 99), version=100), NOON)) == [False]


def test_only_changes_above_the_fence_are_live() -> None:
    """Events up to the version of the fence happened before the stream was opened."""
    watch = watching(version=100, fence=110)

    assert live(watch.feed(added("a", 110) + modified("a", 111), NOON)) == [False, True]


def test_nothing_is_live_before_the_fence_is_known() -> None:
    """An unknown fence is above all versions."""
    watch = listed(version=100)
    reopen(watch)
    before = watch.feed(added("a", 101), NOON)
    watch.side_request()
    watch.side_request_answered(200, JSON, page(version=101), NOON)

    assert live(before) == [False]
    assert live(watch.feed(modified("a", 102), NOON)) == [True]


def test_each_opening_has_a_fence_of_its_own() -> None:
    """After a minute without a stream the server replays that minute; the fence from before would call it live."""
    watch = watching(version=100, fence=100)
    watch.ended("closed", NOON + 60 * SECOND)
    reopen(watch)

    assert live(watch.feed(added("a", 150), NOON)) == [False]


def test_a_fence_that_cannot_be_read_is_requested_again() -> None:
    """After any failure of the request; the stream continues."""
    for code, body in ((500, b""), (403, refusal(403)), (200, b"<html>"), (200, page(version="x")), (429, b"")):
        watch = listed(version=100)
        reopen(watch)
        watch.side_request()
        assert watch.side_request_answered(code, JSON, body, NOON) == []
        pause, again = watch.side_request(), watch.side_request()

        assert watch.streaming
        assert isinstance(pause, Pause)
        assert isinstance(again, Request)
        assert live(watch.feed(added("a", 150), NOON)) == [False]


def test_an_event_that_overtakes_the_fence_does_not_make_it_old() -> None:
    """The answer is as old as the request: a newer event may arrive first; that does not mean a restored etcd."""
    watch = listed(version=100)
    reopen(watch)
    watch.side_request()
    watch.feed(added("a", 180), NOON)
    watch.side_request_answered(200, JSON, page(version=150), NOON)

    assert watch.streaming
    assert live(watch.feed(modified("a", 181), NOON)) == [True]


def test_a_fence_below_an_observed_version_is_a_restored_etcd() -> None:
    """A watch from a version that is yet to come would be silent until that version; so the stream ends and a list begins."""
    watch = watching(an_object("a", 90), version=100)
    watch.ended("closed", NOON + 60 * SECOND)
    reopen(watch)
    watch.side_request()
    watch.side_request_answered(200, JSON, page(version=70), NOON)
    assert not watch.streaming
    watch.step()
    watch.step()
    out = watch.answered(200, JSON, page(an_object("a", 60), version=120), NOON)

    assert [o.epoch for o in of_type(out, Position)] == [1]
    assert [o.version >> 56 for o in observed(out)] == [1]


def test_an_object_older_than_known_is_a_restored_etcd() -> None:
    """A restored etcd may be beyond the position at a restart; an object with an older version reveals it."""
    watch = watching(an_object("a", 90), an_object("b", 95), version=100)
    watch.broke("cut", "", NOON)
    watch.step()
    watch.step()
    watch.answered(410, JSON, refusal(410), NOON)
    watch.step()
    watch.step()
    restored = page(an_object("b", 95), an_object("a", 40), version=300)
    watch.answered(200, JSON, restored, NOON)
    watch.step()
    watch.step()
    out = watch.answered(200, JSON, restored, NOON)

    assert [(o.uid, o.version >> 56) for o in observed(out)] == [("b", 1), ("a", 1)]


def test_a_resumed_watch_is_synced_when_its_fence_is_known() -> None:
    """It does not list: the restored objects existed at its position. Replayed events are not live."""
    watch = a_watch(resume=Stored("500", epoch=2, known={"a": 2 << 56 | 400 << 8}))
    reopen(watch)
    replayed = watch.feed(modified("a", 501), NOON)
    watch.side_request()
    out = watch.side_request_answered(200, JSON, page(version=600), NOON)

    assert live(replayed) == [False]
    assert observed(replayed)[0].version == 2 << 56 | 501 << 8
    assert of_type(out, Synced) == [Synced("workflows", "501")]
    assert watch.health().synced


def test_a_position_is_emitted_for_each_chunk_that_moved_it() -> None:
    """The spool stores it with the facts of the chunk; a bookmark moves it too."""
    watch = watching(version=100)

    assert positions(watch.feed(added("a", 101) + modified("a", 102), NOON)) == ["102"]
    assert positions(watch.feed(added("b", 103)[:10], NOON)) == []
    assert positions(watch.feed(added("b", 103)[10:] + bookmark(140), NOON)) == ["140"]
