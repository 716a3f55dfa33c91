"""Answers that are too large: one cluster's list takes neither the collector nor its neighbours down."""

import asyncio
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from collector.watch import requests
from collector.watch.api_errors import Trouble
from collector.watch.pages import LENIENT_BYTES, LENIENT_OBJECTS, LONGEST_TOKEN, MOST_OBJECTS, MOST_VALUES, Pages
from tests.processes import ROOT
from tests.watch.server import ApiServer, Exchange, body, stream
from tests.watch.steps import JSON, NOON, a_pause, a_watch, added, an_object, next_request, page

MEMORY_MIB = 1200
"""What a process may take beyond what it has taken at its start."""


def bomb(head: bytes, filler: bytes, tail: bytes) -> bytes:
    """A small gzip body that unpacks to a list of more than a gigabyte: one packed block, again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)

    def packed(data: bytes) -> bytes:
        return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)

    begin, block = packed(head), packed(filler * (2**20 // len(filler)))
    return begin + block * 1500 + packed(tail)


HEAD = b'{"kind":"WorkflowList","metadata":{"resourceVersion":"100"},"items":['
ONE = json.dumps(an_object("a", 1)).encode()
BOMBS = {
    "spaces": (HEAD, b" ", ONE + b"]}"),
    "empty objects": (HEAD, b"{},", ONE + b"]}"),
    "items without a uid": (HEAD, b'{"metadata":{"name":"a"}},', ONE + b"]}"),
    "steps": (HEAD + b'{"metadata":{"name":"a","uid":"a","resourceVersion":"1"},"status":{"nodes":{',
              b'"a":{},', b'"b":{}}}}]}'),
    "unknown lists": (HEAD + b'{"metadata":{"name":"a","uid":"a","resourceVersion":"1"},"x":[', b"[],", b"1]}]}"),
    "an object that is not JSON": (HEAD, b"{},", b"NaN]}"),
    "no end": (HEAD, b"{},", b""),
}  # fmt: skip


async def endless(exchange: Exchange) -> None:
    """A list of objects that never ends, not packed."""
    await exchange.head(Transfer_Encoding="chunked")
    await exchange.chunks(HEAD)
    while True:
        await exchange.chunks((ONE + b",") * 5000)


@pytest.mark.parametrize("kind", [*BOMBS, "endless"])
async def test_a_list_that_is_too_large_harms_no_neighbour(tmp_path: Path, kind: str) -> None:
    """A process with little memory gives the list up, with cluster, limit and remedy, and goes on with its neighbour."""
    answer = endless if kind == "endless" else body(bomb(*BOMBS[kind]), Content_Encoding="gzip")
    hostile, good = ApiServer(), ApiServer()
    hostile.otherwise |= {"list": answer, "fence": answer}
    good.otherwise["list"] = body(page(an_object("a", 1), an_object("b", 2), version=100))
    good.script("watch", stream(added("c", 101)))
    async with hostile.serving(), good.serving():
        command = (sys.executable, "-m", "tests.watch.under_limit", str(MEMORY_MIB), tmp_path, hostile.url, good.url)
        child = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await asyncio.wait_for(child.communicate(), 60)

    assert child.returncode == 0, err.decode()
    seen = json.loads(out)
    assert seen["detail"].startswith("cluster hostile: a page of its list is larger than ")
    assert "delete it, or look for a proxy" in seen["detail"]
    assert seen["objects"] == 3


def read(data: bytes) -> Any:
    return Pages("workflows").decode(200, JSON, data)


@pytest.mark.parametrize(
    ("items", "limit"),
    [
        (b"{}," * (MOST_OBJECTS + 1) + ONE, f"{MOST_OBJECTS} objects"),
        (b'{"metadata":1},' * LENIENT_OBJECTS + ONE, f"{LENIENT_OBJECTS} objects for one with unreadable objects"),
        (b'{"metadata":1,"x":"' + b"y" * LENIENT_BYTES + b'"}', "16 MiB for one with unreadable objects"),
        (b'{"x":[' + b"{}" * (MOST_VALUES // 2) + b"]}", "16 MiB for one with unreadable objects"),
        (b'{"x":[' + b"99999," * MOST_VALUES + b"1]}", f"{MOST_VALUES} values"),
    ],
)
def test_a_page_is_limited_in_what_it_takes_to_read_it(items: bytes, limit: str) -> None:
    """A few bytes may become a large object in memory, and a page that needs repair is read slowly."""
    trouble = read(HEAD + items + b"]}")

    assert isinstance(trouble, Trouble)
    assert (trouble.cause, trouble.detail) == ("oversized", f"a page of its list is larger than {limit}")


def test_a_continue_token_is_limited() -> None:
    """It would be repeated in the next request's URL."""
    assert read(page(version=100, token="t" * LONGEST_TOKEN)).token
    assert read(page(version=100, token="t" * (LONGEST_TOKEN + 1))).cause == "unusable"


def test_a_page_of_large_workflows_is_read() -> None:
    """500 workflows with 200 steps each, as real lists have them."""
    nodes = {f"wf-{i}": {"id": f"wf-{i}", "type": "Pod", "phase": "Succeeded", "children": ["x"]} for i in range(200)}
    data = page(*(an_object(str(i), i + 1, status={"nodes": nodes}) for i in range(500)), version=900)

    assert len(read(data).objects) == 500


def test_a_page_that_is_too_large_is_requested_again_with_fewer_objects() -> None:
    """At once, down to one object; then after a pause. Later pages grow again."""
    watch, limits = a_watch(), list[str]()
    for _ in range(5):
        limits.append(next_request(watch).params["limit"])
        watch.broke("oversized", "a page of its list is larger than 64 MiB", NOON)
    paused, waiting = a_pause(watch), watch.health().detail
    for version in range(3):
        limits.append(next_request(watch).params["limit"])
        watch.answered(200, JSON, page(an_object(f"o{version}", version + 1), version=100, token=f"t{version}"), NOON)

    assert limits == ["500", "125", "31", "7", "1", "1", "2", "4"]
    assert paused.cause == "oversized"
    assert waiting.startswith("cluster prod: a page of its list is larger than 64 MiB; a single object was asked for")


def test_a_list_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may make up objects for ever; each would be remembered."""
    monkeypatch.setattr(requests, "MAX_OBJECTS", 3)
    watch = a_watch()
    for i in range(2):
        next_request(watch)
        watch.answered(200, JSON, page(an_object(f"a{i}", 1), an_object(f"b{i}", 2), version=100, token=f"t{i}"), NOON)

    assert a_pause(watch).cause == "list_loop"
    assert "does not end within 3 objects" in watch.health().detail
