"""
The reflector against a real socket: silence, resets, cuts and slow bytes, as networks and servers give them.
"""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from collector.core.facts.watches import WatchGap
from collector.kube.connection import ClusterAddress, _socket
from collector.watch import protocol, reflector
from tests.watch.server import QUICK, ApiServer, Exchange, body, eventually, kubeconfig, raw, running, silence, stream
from tests.watch.steps import (
    WORKFLOWS,
    added,
    an_object,
    bookmark,
    changes_of,
    event,
    modified,
    observed,
    of_type,
    page,
    refusal,
    restarts,
)
from tests.watch.steps import status as status_object


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer().serving() as serving:
        yield serving


@pytest.fixture
def address(server: ApiServer, tmp_path: Path) -> ClusterAddress:
    return kubeconfig(tmp_path, server.url, user={"token": "t-secret"})


async def test_a_list_then_a_watch_then_its_events(server: ApiServer, address: ClusterAddress) -> None:
    """All of it over a socket: pages, the stream after them, and the fence that makes changes live."""
    server.script("list", body(page(an_object("a", 1), version=100, token="t")), body(page(version=100)))
    go = asyncio.Event()

    async def after_the_fence(exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        await go.wait()
        await exchange.chunks(added("b", 101))
        await silence(exchange)

    server.script("fence", body(page(version=100)))
    server.script("watch", after_the_fence)
    async with running(address) as run:
        await eventually(lambda: run.watch.side_request() is None and run.watch.streaming)
        go.set()
        await eventually(lambda: len(changes_of(run.emitted)) == 2)

    assert changes_of(run.emitted) == [("listed", "a", 1), ("added", "b", 101)]
    assert [o.live for o in observed(run.emitted)] == [False, True]
    assert server.of("list")[1].params["continue"] == "t"
    assert server.of("watch")[0].headers["Authorization"] == "Bearer t-secret"


async def test_a_half_open_socket_ends_by_the_idle_deadline(server: ApiServer, address: ClusterAddress) -> None:
    """A dead peer does not end the stream: only the idle deadline detects it, and the version is kept."""
    server.script("watch", stream(added("a", 101)))
    async with running(address, patience=replace(QUICK, idle_s=0.2)) as run:
        await eventually(lambda: len(server.of("watch")) >= 2)

    assert server.of("watch")[1].params["resourceVersion"] == "101"
    assert restarts(run.counters)["idle"] >= 1
    assert len(server.of("list")) == 1


async def test_a_server_that_never_ends_its_watch_is_left_at_the_deadline(
    server: ApiServer, address: ClusterAddress
) -> None:
    """A server that continues far beyond the requested end is not trusted; events alone do not keep a stream open."""

    async def chatter(exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        for version in range(101, 100_000):
            await exchange.chunks(bookmark(version))
            await asyncio.sleep(0.01)

    server.script("watch", chatter)
    async with running(address, patience=replace(QUICK, grace_s=0.2), watch_s=(0, 0)) as run:
        await eventually(lambda: len(server.of("watch")) >= 2)

    assert restarts(run.counters)["deadline"] == 1
    assert int(server.of("watch")[1].params["resourceVersion"]) > 101


async def test_a_slow_server_loses_no_event(server: ApiServer, address: ClusterAddress) -> None:
    """A slow stream of single bytes is read like any other."""

    async def drip(exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        for byte in added("a", 101) + modified("a", 102):
            await exchange.chunks(bytes([byte]))
        await silence(exchange)

    server.script("watch", drip)
    async with running(address) as run:
        await eventually(lambda: len(changes_of(run.emitted)) == 2)

    assert changes_of(run.emitted) == [("added", "a", 101), ("modified", "a", 102)]
    assert len(server.of("watch")) == 1


@pytest.mark.parametrize("then", ["end", "reset"])
@pytest.mark.parametrize("cut", [20, -12])
async def test_a_stream_cut_in_an_event_resumes_before_it(
    server: ApiServer, address: ClusterAddress, then: str, cut: int
) -> None:
    """After a cut within an event or a character, the half is dropped, and the server sends the event again."""
    whole = json.dumps({"type": "ADDED", "object": an_object("b", 102, "caf\u00e9\u00e9\u00e9")}, ensure_ascii=False)
    line = whole.encode() + b"\n"
    cut = line.rindex(b"\xc3") + 1 if cut < 0 else cut
    first_arrived = asyncio.Event()

    async def breaks_off(exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        await exchange.chunks(added("a", 101), line[:cut])
        # A reset overtakes what was sent before it.
        await first_arrived.wait()
        exchange.writer.transport.abort() if then == "reset" else await exchange.send(b"0\r\n\r\n")

    server.script("watch", breaks_off, stream(line))
    async with running(address) as run:
        await eventually(lambda: changes_of(run.emitted))
        first_arrived.set()
        await eventually(lambda: len(changes_of(run.emitted)) == 2)

    assert server.of("watch")[1].params["resourceVersion"] == "101"
    assert observed(run.emitted)[-1].object.metadata.name == "caf\u00e9\u00e9\u00e9"
    assert not of_type(run.emitted, WatchGap)


async def test_a_body_that_is_shorter_than_promised_is_no_list(server: ApiServer, address: ClusterAddress) -> None:
    """Half a page must not make the other half vanish."""
    half = page(an_object("a", 1), an_object("b", 2), version=100)[:120]
    server.script(
        "list", raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n" + half)
    )
    server.script("list", body(page(an_object("a", 1), an_object("b", 2), version=100)))
    async with running(address) as run:
        await eventually(lambda: run.watch.synced)

    assert changes_of(run.emitted) == [("listed", "a", 1), ("listed", "b", 2)]
    assert restarts(run.counters)["connection"] == 1


async def test_a_line_of_six_megabytes_passes(server: ApiServer, address: ClusterAddress) -> None:
    """aiohttp's own line reader gives up at 64 KiB to 2 MiB; a workflow of a thousand steps is larger."""
    line = added("a", 101, status={"message": "x" * 6 * 2**20})
    server.script("watch", stream(*(line[i : i + 50_000] for i in range(0, len(line), 50_000)), modified("a", 102)))
    async with running(address) as run:
        await eventually(lambda: len(changes_of(run.emitted)) == 2)

    (large, _) = observed(run.emitted)
    assert len(large.object.status.message) == 6 * 2**20


async def test_too_many_requests_is_waited_for_and_never_listed(server: ApiServer, address: ClusterAddress) -> None:
    """The second watch starts when the server asked for it, at the version of the first, without a list."""
    server.script("watch", body(b"Too many requests", 429, Retry_After="1", Content_Type="text/plain"))
    async with running(address) as run:
        await eventually(lambda: len(server.of("watch")) == 2 and run.watch.streaming)

    first, second = server.of("watch")
    assert second.at - first.at >= 1
    assert second.params["resourceVersion"] == "100"
    assert len(server.of("list")) == 1


async def test_a_refused_connection_is_tried_again_at_the_same_version(tmp_path: Path) -> None:
    """The watch reconnects to a restarted server without a list."""
    server = ApiServer()
    server.script("watch", stream(added("a", 101)))
    async with AsyncExitStack() as stack:
        async with server.serving():
            run = await stack.enter_async_context(running(kubeconfig(tmp_path, server.url)))
            await eventually(lambda: changes_of(run.emitted))
        await eventually(lambda: restarts(run.counters).get("connection", 0) >= 3)
        assert run.watch.health().state == "retrying"
        assert "Connect call failed" in run.watch.health().detail
        await stack.enter_async_context(server.serving())
        await eventually(lambda: len(server.of("watch")) == 2)

    assert len(server.of("list")) == 1
    assert server.of("watch")[1].params["resourceVersion"] == "101"


@pytest.mark.parametrize("verb", ["list", "watch"])
async def test_a_server_that_accepts_and_never_answers_is_given_up(
    server: ApiServer, address: ClusterAddress, verb: str
) -> None:
    """Behind a load balancer without a server, each request ends by its own deadline."""
    server.script(verb, silence, silence)
    patience = replace(QUICK, answer_s=0.1, idle_s=0.1)
    async with running(address, patience=patience) as run:
        await eventually(lambda: len(server.of(verb)) >= 3)

    assert restarts(run.counters)["deadline"] >= 2


async def test_a_missing_right_is_named_exactly(server: ApiServer, address: ClusterAddress) -> None:
    """The operator reads the verb, the resource and the cluster, and the state shows that waiting does not help."""
    message = 'workflows.argoproj.io is forbidden: User "lynceus" cannot list resource "workflows" in API group'
    server.otherwise["list"] = body(refusal(403, "Forbidden", message), 403)
    async with running(address) as run:
        await eventually(lambda: run.watch.health().state == "refused")
        detail = run.watch.health().detail

    assert "no right to list workflows.argoproj.io in cluster prod" in detail
    assert message in detail
    assert len(server.requests) == 1


async def test_html_is_quoted_with_its_type_and_tried_again(
    server: ApiServer, address: ClusterAddress, caplog: pytest.LogCaptureFixture
) -> None:
    """A login page or a proxy's error is not an API server's answer; the operator sees its beginning."""
    html = b"<html><head><title>Sign in to\tExample Corp</title>" + b"x" * 5000
    server.script("list", body(html, Content_Type="text/html; charset=utf-8"))
    server.script("watch", body(html, Content_Type="text/html"))
    async with running(address) as run:
        await eventually(lambda: run.watch.streaming)

    details = [vars(record)["detail"] for record in caplog.records if record.levelno == logging.WARNING]
    assert '200 with text/html; charset=utf-8: "<html><head><title>Sign in to Example Corp</title>xxxxx' in details[0]
    assert max(map(len, details)) < 160
    assert restarts(run.counters) == {"unusable": 2}
    assert len(server.of("list")) == 2


async def test_the_end_of_a_failure_is_logged_once(
    server: ApiServer, address: ClusterAddress, caplog: pytest.LogCaptureFixture
) -> None:
    """A watch that ends as planned is opened again without a line."""
    caplog.set_level(logging.INFO, logger=reflector.__name__)
    server.script(
        "watch", body(refusal(500), 500), stream(added("a", 101), then="end"), stream(added("b", 102), then="end")
    )
    async with running(address, watch_s=(0, 0)):
        await eventually(lambda: len(server.of("watch")) >= 4)

    assert [entry.message for entry in caplog.records] == [
        "a watch failed and will be retried",
        "a watch is open again",
    ]
    assert {vars(entry)["resource"] for entry in caplog.records} == {"workflows"}


async def test_an_optional_kind_that_is_not_served_is_logged_once_without_a_warning(
    server: ApiServer, address: ClusterAddress, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most clusters have no Ray and no Spark; a request every ten minutes must not fill the log."""
    monkeypatch.setattr(protocol, "ABSENT_S", 0.0)
    caplog.set_level(logging.INFO, logger=reflector.__name__)
    for _ in range(3):
        server.script("list", body(refusal(404), 404))
    async with running(address, resource=replace(WORKFLOWS, needed=False)) as run:
        await eventually(lambda: len(server.of("list")) >= 4)

    (record,) = [entry for entry in caplog.records if vars(entry).get("cause") == "missing"]
    assert record.levelno == logging.INFO
    assert "does not serve" in vars(record)["detail"]
    assert restarts(run.counters)["missing"] == 3


async def test_that_a_needed_kind_is_not_served_is_a_warning_each_time(
    server: ApiServer, address: ClusterAddress, caplog: pytest.LogCaptureFixture
) -> None:
    """A cluster without workflows was probably configured by mistake."""
    for _ in range(2):
        server.script("list", body(refusal(404), 404))
    async with running(address):
        await eventually(lambda: len(server.of("list")) >= 3)

    levels = [entry.levelno for entry in caplog.records if vars(entry).get("cause") == "missing"]
    assert levels == [logging.WARNING] * 2


async def test_a_redirect_is_not_followed(server: ApiServer, address: ClusterAddress) -> None:
    """A redirect could send the token to another host."""
    server.script("list", body(b"", 302, Location=f"{server.url}/elsewhere"))
    async with running(address) as run:
        await eventually(lambda: run.watch.streaming)

    assert {request.path for request in server.requests} == {"/apis/argoproj.io/v1alpha1/workflows"}


async def test_an_expired_version_over_a_socket_is_a_gap(server: ApiServer, address: ClusterAddress) -> None:
    """A 410 in a stream with status 200 leads to a list and a gap row, and the watch continues after it."""
    server.script("watch", stream(event("ERROR", status_object(410, "Expired")), then="end"))
    server.script("list", body(page(an_object("a", 90), version=100)), body(page(version=200)))
    async with running(address) as run:
        await eventually(lambda: len(server.of("watch")) == 2)

    assert changes_of(run.emitted) == [("listed", "a", 90), ("vanished", "a", 200)]
    assert [gap.objects_unknown for gap in of_type(run.emitted, WatchGap)] == [1]
    assert server.of("watch")[1].params["resourceVersion"] == "200"


async def test_without_room_the_connection_is_closed_and_resumed_later(
    server: ApiServer, address: ClusterAddress
) -> None:
    """If the pipeline is behind, the stream is closed, and later resumed at its position."""
    space, more = asyncio.Event(), asyncio.Event()
    space.set()

    async def goes_on(exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        await exchange.chunks(added("a", 101))
        await more.wait()
        await exchange.chunks(added("b", 102))
        await silence(exchange)

    server.script("watch", goes_on, stream(added("c", 103)))
    async with running(address, room=space) as run:
        await eventually(lambda: changes_of(run.emitted))
        space.clear()
        more.set()
        await eventually(lambda: restarts(run.counters).get("back_pressure") and not server.answering["watch"])
        assert len(server.of("watch")) == 1
        space.set()
        await eventually(lambda: len(changes_of(run.emitted)) == 3)

    assert server.of("watch")[1].params["resourceVersion"] == "102"
    assert len(server.of("list")) == 1


async def test_cancelling_leaves_no_connection_open(server: ApiServer, address: ClusterAddress) -> None:
    """A stop ends the stream and the request beside it at once."""
    server.script("fence", silence)
    async with running(address):
        await eventually(lambda: server.of("fence"))

    await eventually(lambda: server.open == 0)


async def test_until_the_fence_is_read_nothing_is_live(server: ApiServer, address: ClusterAddress) -> None:
    """The request is repeated, and events until then count as a replay."""
    server.script("fence", body(b"", 500), body(page(version=101)))
    server.script("watch", stream(added("a", 101)))
    async with running(address) as run:
        await eventually(lambda: len(server.of("fence")) == 2 and run.watch.side_request() is None)

    assert [o.live for o in observed(run.emitted)] == [False]


async def test_a_restored_etcd_is_noticed_by_the_fence(server: ApiServer, address: ClusterAddress) -> None:
    """A watch ahead of its server would hang until the versions catch up; the fence reveals it at once."""

    async def restored_by_the_second_watch(exchange: Exchange) -> None:
        await exchange.body(page(version=900 if len(server.of("watch")) < 2 else 50))

    server.otherwise["fence"] = restored_by_the_second_watch
    server.script("watch", stream(added("a", 900), then="end"))
    server.script("list", body(page(version=100)), body(page(an_object("a", 40), version=50)))
    async with running(address, patience=replace(QUICK, idle_s=60)) as run:
        await eventually(lambda: len(server.of("watch")) == 3)

    assert changes_of(run.emitted)[-1] == ("listed", "a", 40)
    assert restarts(run.counters)["went_back"] == 1
    assert server.of("watch")[2].params["resourceVersion"] == "50"


def test_sockets_are_made_to_notice_death() -> None:
    """Keepalive probes after 20 s of silence, so that a peer behind a dead line is found within a minute."""
    made = _socket((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 0)))
    with made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 20
