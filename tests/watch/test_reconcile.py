"""A list compared with the watch, over sockets: a missed change is found, repaired and reported, and nothing else is."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from collector.core.facts.watches import Reconciled
from collector.core.objects import kubernetes
from collector.core.objects.kubernetes import Kind
from collector.kube.connection import ClusterAddress
from collector.watch import reconcile
from collector.watch.reconcile import Reconciler, reconcile_for_ever
from tests.watch.server import ApiServer, Exchange, Impatient, Run, body, eventually, kubeconfig, running
from tests.watch.steps import added, an_object, bookmark, changes_of, deleted, event, modified, of_type, page
from tests.watch.steps import status as status_object


@dataclass
class Collection:
    """The true objects, for list and get; its watch may differ from them."""

    version: int = 100
    objects: dict[str, int] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    """Omitted from the next list."""
    pieces: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    before_list: list[bytes] = field(default_factory=list)
    """Lines of the watch while a list is running."""
    headers: list[str] = field(default_factory=list)

    async def read(self, exchange: Exchange) -> None:
        *_, last = exchange.request.path.split("/")
        if last == "workflows":
            self.headers.append(exchange.request.headers.get("Accept", ""))
            shown = [an_object(uid, at) for uid, at in self.objects.items() if uid not in self.forgotten]
            self.forgotten = set()
            answer = page(*shown, version=self.version)
            while self.before_list:
                self.pieces.put_nowait(self.before_list.pop(0))
            await exchange.body(answer)
        elif last in self.objects:
            await exchange.body(json.dumps(an_object(last, self.objects[last])).encode())
        else:
            await exchange.body(json.dumps(status_object(404, "NotFound")).encode(), 404)

    async def watch(self, exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        while True:
            await exchange.chunks(await self.pieces.get())

    def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.pieces.put_nowait(piece)


@pytest.fixture
def there() -> Collection:
    return Collection(objects={"a": 90, "b": 91})


@pytest.fixture
async def server(there: Collection) -> AsyncIterator[ApiServer]:
    serving = ApiServer()
    serving.otherwise |= {"list": there.read, "watch": there.watch}
    async with serving.serving() as up:
        yield up


@pytest.fixture
def address(server: ApiServer, tmp_path: Path) -> ClusterAddress:
    return kubeconfig(tmp_path, server.url, user={"token": "t"})


def everything(_kind: Kind, _meta: kubernetes.Meta) -> bool:
    return True


@asynccontextmanager
async def reconciling(address: ClusterAddress, **more: Any) -> AsyncIterator[tuple[Run, Reconciler]]:
    """A watch that has listed and streams, and its reconciler."""
    async with running(address) as run:
        await eventually(lambda: run.watch.streaming and run.watch.side_request() is None)
        known: dict[str, Any] = {"is_relevant": everything, "catch_up_s": 1.0} | more
        yield run, Reconciler(run.connection, run.watch, run.emitted.extend, asyncio.Lock(), **known)


def figures(report: Reconciled | None) -> tuple[int, ...]:
    assert report is not None
    return report.objects, report.missing, report.stale, report.phantom, report.repaired


async def test_a_complete_watch_has_no_differences(there: Collection, address: ClusterAddress) -> None:
    """The row shows it; only metadata was requested, with the version unset."""
    async with reconciling(address) as (run, reconciler):
        report = await reconciler.reconcile()

    assert figures(report) == (2, 0, 0, 0, 0)
    assert of_type(run.emitted, Reconciled) == [report]
    assert "PartialObjectMetadataList" in there.headers[1]
    assert len(there.headers) == 2


async def test_changes_that_the_watch_missed_are_found_and_repaired(there: Collection, address: ClusterAddress) -> None:
    """A missed object, one with a missed change, one with a missed deletion; then nothing differs."""
    async with reconciling(address) as (run, reconciler):
        before = len(run.emitted)
        there.objects, there.version = {"a": 110, "c": 105}, 120
        there.say(bookmark(120))
        report = await reconciler.reconcile()
        again = await reconciler.reconcile()

    assert figures(report) == (2, 1, 1, 1, 3)
    assert sorted(changes_of(run.emitted[before:])) == [
        ("listed", "a", 110),
        ("listed", "c", 105),
        ("vanished", "b", 120),
    ]
    assert figures(again) == (2, 0, 0, 0, 0)


async def test_a_page_that_is_too_large_is_requested_with_fewer_objects(
    there: Collection, server: ApiServer, address: ClusterAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its limit is that of the watch's own lists; the comparison goes on."""
    async with reconciling(address) as (_, reconciler):
        server.script("list", body(b" " * 4096), body(b"{" * 4096))
        monkeypatch.setattr(reconcile, "LARGEST_PAGE_BYTES", 4095)
        report = await reconciler.reconcile()

    assert figures(report) == (2, 0, 0, 0, 0)
    assert [request.params["limit"] for request in server.of("list")[1:]] == ["500", "125", "31"]


async def test_what_happens_during_the_list_is_no_difference(there: Collection, address: ClusterAddress) -> None:
    """Created, changed or deleted after the list's version, and observed before the comparison."""
    there.objects |= {"c": 92}
    async with reconciling(address) as (_, reconciler):
        there.before_list = [modified("a", 130), deleted("b", 131), added("d", 132)]
        report = await reconciler.reconcile()

    assert figures(report) == (3, 0, 0, 0, 0)


async def test_a_list_that_omits_an_object_is_repeated(there: Collection, address: ClusterAddress) -> None:
    """An object ends only if two lists lack it."""
    async with reconciling(address) as (run, reconciler):
        there.forgotten = {"b"}
        report = await reconciler.reconcile()

    assert figures(report) == (1, 0, 0, 0, 0)
    assert len(there.headers) == 3
    assert [change for change, *_ in changes_of(run.emitted)] == ["listed", "listed"]


async def test_pods_of_others_are_not_missed(there: Collection, address: ClusterAddress) -> None:
    """They are watched, but unknown after a restart; they are neither counted nor fetched."""
    async with reconciling(address, is_relevant=lambda _, meta: meta.name != "x") as (run, reconciler):
        there.objects |= {"x": 99}
        report = await reconciler.reconcile()

    assert figures(report) == (3, 0, 0, 0, 0)
    assert "x" not in run.watch.ledger.known


async def test_nothing_is_concluded_before_the_watch_has_come_as_far(
    there: Collection, address: ClusterAddress
) -> None:
    """It may still observe the changes that are missing."""
    async with reconciling(address, catch_up_s=0.1) as (run, reconciler):
        there.objects, there.version = {"a": 110}, 120
        report = await reconciler.reconcile()

    assert report is None
    assert run.watch.ledger.departed is None


async def test_nothing_is_concluded_when_the_watch_lists_itself(there: Collection, address: ClusterAddress) -> None:
    """The watch's own list repairs the difference."""
    async with reconciling(address) as (run, reconciler):
        there.version = 120
        there.before_list = [event("ERROR", status_object(410, "Expired"))]
        report = await reconciler.reconcile()
        await eventually(lambda: run.watch.listings == 2)

    assert report is None


async def test_an_object_that_ends_before_it_is_fetched_is_left_to_the_watch(
    there: Collection, address: ClusterAddress
) -> None:
    """The report counts the difference, and no repair."""
    async with reconciling(address) as (_, reconciler):
        there.version = 120
        there.say(bookmark(120))
        there.objects |= {"gone": 110}
        reconciler.is_relevant = lambda *_: there.objects.pop("gone") > 0
        report = await reconciler.reconcile()

    assert figures(report) == (3, 1, 0, 0, 0)


async def test_a_refused_list_comes_to_nothing(server: ApiServer, address: ClusterAddress) -> None:
    """The right may be missing or the server busy: the next try is much later."""

    async def busy(exchange: Exchange) -> None:
        await exchange.body(b"Too many requests", 429)

    async with reconciling(address) as (_, reconciler):
        server.script("list", busy)
        refused = await reconciler.reconcile()
        after = await reconciler.reconcile()

    assert refused is None
    assert figures(after) == (2, 0, 0, 0, 0)


async def test_it_comes_round_and_soon_after_a_list(
    there: Collection, address: ClusterAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs at its interval, and earlier after a list of the watch itself."""
    monkeypatch.setattr(reconcile, "AFTER_LIST_S", 0.05)
    async with running(address) as run:
        await eventually(lambda: run.watch.streaming)
        going = reconcile_for_ever(
            run.connection, [run.watch], sink=run.emitted.extend, lists=asyncio.Lock(), is_relevant=everything, every_s=3600,
            dice=Impatient(1),
        )  # fmt: skip
        task = asyncio.create_task(going)
        there.say(event("ERROR", status_object(410, "Expired")))
        await eventually(lambda: of_type(run.emitted, Reconciled))
        task.cancel()
        await asyncio.wait([task])

    assert [figures(report) for report in of_type(run.emitted, Reconciled)] == [(2, 0, 0, 0, 0)]
