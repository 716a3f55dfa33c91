"""
What servers and proxies can send instead of a list or an event, and that it costs no neighbour its observation.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from collector.catalog.counters import Counters
from collector.core.facts.watches import Quarantine
from collector.core.messages import Synced
from collector.watch.frames import Frames, without_depths
from collector.watch.kinds import LABELLED_PODS, Resource
from collector.watch.requests import LARGE_PAGE_BYTES
from tests.watch.steps import (
    JSON,
    NODES,
    NOON,
    PODS,
    SECOND,
    a_pause,
    a_watch,
    added,
    an_object,
    changes_of,
    event,
    fallbacks,
    listed,
    modified,
    next_request,
    next_side_request,
    observed,
    of_type,
    page,
    refusal,
    reopen,
    restarts,
    watching,
)

DEEP = "[" * 5000 + "]" * 5000


def deep(line: bytes) -> bytes:
    """Adds a field as deep as Argo's open schemas allow."""
    return line.replace(b'"kind": "Workflow"', b'"spec": {"arguments": ' + DEEP.encode() + b"}", 1)


def test_a_list_without_items_is_no_empty_list() -> None:
    """A Table, a Status or a bare object in place of a list would make all known objects vanish."""
    wrong = [
        {"kind": "Table", "metadata": {"resourceVersion": "200"}, "rows": []},
        {"kind": "Status", "metadata": {}, "status": "Failure"},
        {"kind": "WorkflowList", "metadata": {}, "items": []},
        {"kind": "WorkflowList", "metadata": {"resourceVersion": "abc"}, "items": []},
        [],
        "x",
    ]
    for body in wrong:
        watch = watching(an_object("a", 10), version=100)
        watch.feed(event("ERROR", {"code": 410}), NOON)
        next_request(watch)

        assert watch.answered(200, JSON, json.dumps(body).encode(), NOON) == []
        assert watch.health().objects == 1
        assert a_pause(watch).cause == "unusable"


def test_null_items_are_an_empty_list() -> None:
    """Go often writes an empty list as null."""
    watch = a_watch()
    next_request(watch)
    out = watch.answered(200, JSON, b'{"metadata":{"resourceVersion":"7"},"items":null}', NOON)

    assert of_type(out, Synced) == [Synced("workflows", "7")]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (None, "not_an_object"),
        ("hunter2", "not_an_object"),
        ({"metadata": {"resourceVersion": "5"}, "spec": "hunter2"}, "no_uid"),
        ({"metadata": {"uid": "x", "name": "n"}, "spec": "hunter2"}, "no_version"),
        ({"metadata": None}, "no_uid"),
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_bad_item_of_a_list_is_set_aside_alone(item: Any, reason: str, at: int) -> None:
    """First, in the middle or last: the others are observed, the list is complete, its contents are not stored."""
    items = [an_object("a", 1), an_object("b", 2)]
    items.insert(at, item)
    watch = a_watch()
    next_request(watch)
    out = watch.answered(200, JSON, page(*items, version=100), NOON)

    assert [uid for _, uid, _ in changes_of(out)] == ["a", "b"]
    assert [q.reason for q in of_type(out, Quarantine)] == [reason]
    assert of_type(out, Synced)
    assert "hunter2" not in repr(out)


def test_an_item_that_only_the_second_try_reads_is_counted() -> None:
    """It is repaired, observed, and counted in lynceus_decode_fallbacks_total."""
    counters = Counters()
    watch = a_watch(counters=counters)
    next_request(watch)
    odd = an_object("a", 1, status={"phase": 7})
    out = watch.answered(200, JSON, page(odd, an_object("b", 2), version=100), NOON)

    assert len(changes_of(out)) == 2
    assert fallbacks(counters) == 1


@pytest.mark.parametrize("spoil", [deep, lambda b: b.replace(b'"ci"', b'"c\xff"', 1)], ids=["deep", "no UTF-8"])
def test_an_object_that_no_decoder_walks_is_still_observed(spoil: Callable[[bytes], bytes]) -> None:
    """An object nested 5,000 deep, or with bytes that are not UTF-8, may be stored; it must not stop a fleet."""
    stream = spoil(added("a", 101)) + added("b", 102)
    out = watching(version=100).feed(stream, NOON)
    watch = a_watch()
    next_request(watch)
    listing = watch.answered(200, JSON, spoil(page(an_object("a", 1), an_object("b", 2), version=100)), NOON)

    assert changes_of(out) == [("added", "a", 101), ("added", "b", 102)]
    assert [uid for _, uid, _ in changes_of(listing)] == ["a", "b"]


def test_half_a_surrogate_pair_is_legal_json_and_repaired() -> None:
    """JSON allows half a surrogate, UTF-8 does not: the object is kept, the character becomes a question mark."""
    line = added("a", 101).replace(b'"name": "a"', b'"name": "\\ud800"')
    out = watching(version=100).feed(line, NOON)

    assert observed(out)[0].object.metadata.name == "?"


def test_depth_is_cut_without_recursion_or_loss_of_the_rest() -> None:
    """Braces in strings do not count as depth, escaped quotes do not end a string, an unclosed string costs linear time."""
    assert json.loads(without_depths(b'{"a":"[[{\\"","b":' + DEEP.encode() + b',"c":[1]}'))["c"] == [1]
    assert without_depths(b'{"a":[1,{"b":2}]}') == b'{"a":[1,{"b":2}]}'
    assert without_depths(b'"' + b'\\"' * 200_000) == b'"' + b'\\"' * 200_000


def test_frames_split_anywhere_are_the_same_lines() -> None:
    """However the bytes are split, the same lines result; blank lines and carriage returns are ignored."""
    whole = b'{"a":1}\n\n{"b":2}\r\n{"c":3}\n'
    for size in range(1, len(whole)):
        frames = Frames()
        out = b"".join(frames.take(whole[i : i + size])[0] for i in range(0, len(whole), size))

        assert out == whole
        assert not frames.size


def test_empty_lines_keep_a_stream_alive_and_say_nothing() -> None:
    """Some proxies send newlines to keep the connection alive."""
    watch = watching(version=100)

    assert watch.feed(b"\n\n  \n", NOON + SECOND) == []
    assert watch.health().last_event_at == NOON + SECOND


def test_large_pages_are_requested_in_smaller_parts() -> None:
    """A page of 500 workflows of 1 MB is half a gigabyte; the pages after such a page shrink."""
    watch = a_watch()
    next_request(watch)
    padding = an_object("a", 1, spec={"x": "y" * LARGE_PAGE_BYTES})
    watch.answered(200, JSON, page(padding, version=100, token="t1"), NOON)

    assert next_request(watch).params == {"limit": "250", "continue": "t1"}


def test_a_missing_right_to_watch_is_named_and_tried_once_a_minute() -> None:
    """The detail names verb, resource and cluster; after some quick tries, more requests would only fill the audit log."""
    watch = listed(version=100, resource=NODES)
    for tried in range(5):
        next_request(watch)
        watch.answered(403, JSON, refusal(403, "Forbidden", "nodes is forbidden"), NOON)
        pause = a_pause(watch)

        assert pause.seconds < 4 if tried < 3 else 60 <= pause.seconds <= 66
        assert watch.health().state == "refused"
        assert watch.health().detail.startswith("no right to watch nodes in cluster prod; ")
    reopen(watch)
    assert watch.health().state == "watching"
    assert watch.health().detail == ""


def test_a_proxy_that_forbids_is_not_a_missing_right() -> None:
    """A 403 with a web page comes from a proxy in front of the cluster."""
    watch = a_watch()
    next_request(watch)
    watch.answered(403, {"Content-Type": "text/html"}, b"<h1>Blocked by policy</h1>", NOON)

    assert watch.health().state == "retrying"
    assert '403 with text/html: "<h1>Blocked by policy</h1>"' in watch.health().detail


def test_a_kind_that_is_not_served_is_named() -> None:
    """A cluster without Argo answers 404, and so does one whose API server has just started."""
    watch = a_watch()
    next_request(watch)
    watch.answered(404, JSON, refusal(404, "NotFound"), NOON)

    assert watch.health().detail.startswith("cluster prod does not serve workflows.argoproj.io; ")


def test_a_refused_version_is_tried_again_then_listed() -> None:
    """A server that refuses the version (400) must not receive it for ever."""
    watch = listed(version=100)
    verbs = []
    for _ in range(5):
        next_request(watch)
        watch.answered(400, JSON, refusal(400, "BadRequest"), NOON)
        verbs.append(next_request(watch).verb)

    assert verbs == ["watch"] * 4 + ["list"]


def test_json_by_any_content_type_is_believed_and_nothing_else() -> None:
    """`application/json;stream=watch`, none at all: read on; protobuf, HTML, text: no."""
    for kind, believed in [
        ("application/json", True),
        ("application/json;stream=watch", True),
        ("text/html", False),
        ("application/vnd.kubernetes.protobuf", False),
    ]:
        watch = listed(version=100)
        next_request(watch)
        assert watch.opened(200, {"Content-Type": kind}, NOON) is believed
    watch = listed(version=100)
    next_request(watch)
    assert watch.opened(200, {}, NOON)


def test_labelled_pods_are_requested_by_selector() -> None:
    """All three requests have the selector; otherwise the fence would be that of another collection."""
    watch = watching(version=100, resource=LABELLED_PODS)
    watch.ended("closed", NOON + 60 * SECOND)
    requests = [next_request(a_watch(LABELLED_PODS)), reopen(watch), next_side_request(watch)]

    assert {request.params["labelSelector"] for request in requests} == {"workflows.argoproj.io/workflow"}
    assert {request.path for request in requests} == {"/api/v1/pods"}
    assert "labelSelector" not in next_request(a_watch(PODS)).params


def test_health_follows_the_watch() -> None:
    """starting, listing, watching, retrying, and back; `detail` has the reason."""
    watch = a_watch()
    states = [watch.health().state]
    next_request(watch)
    states.append(watch.health().state)
    watch.answered(200, JSON, page(an_object("a", 1), version=100), NOON)
    reopen(watch)
    watch.feed(modified("a", 101), NOON + SECOND)
    states.append(watch.health().state)
    watch.broke("cut", "the stream broke off", NOON + SECOND)
    health = watch.health()

    assert [*states, health.state] == ["starting", "listing", "watching", "retrying"]
    assert (health.detail, health.synced, health.objects) == ("the stream broke off", True, 1)
    assert health.last_event_at == NOON + SECOND


def test_a_server_that_changes_its_mind_about_everything_is_survived() -> None:
    """Any status with any body at any step leads to outcomes or none, never to an exception, and there is a next step."""
    bodies = [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"<html>",
        b"\xff\xfe",
        refusal(500),
        DEEP.encode(),
        page(version=1, token="t"),
    ]
    counters = Counters()
    watch = a_watch(Resource(kind="pods", group="", version="v1", needed=True, stage=0, feeds=""), counters=counters)
    for code in (100, 200, 204, 301, 400, 401, 403, 404, 406, 409, 410, 415, 422, 429, 500, 502, 504, 599):
        for body in bodies:
            for headers in ({}, JSON, {"Content-Type": "text/html"}, {"Retry-After": "x"}):
                watch.answered(code, headers, body, NOON)
                next_request(watch)

    assert sum(restarts(counters).values()) > 500
