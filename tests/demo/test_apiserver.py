"""The demo's API server keeps the promises of list and watch that a collector builds on. Simulated time, real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from collector.demo.apiserver import BUFFERED_CHUNKS, METRICS, REVIEWS, SNAPSHOTS, ApiServer, Watcher
from collector.demo.installation import REPLICAS
from collector.demo.load import ClusterLoad
from collector.demo.objects import EVENTS, KINDS, PODS, WORKFLOWS
from collector.demo.store import FleetError, ObjectStore
from tests.demo.simulated import NOON, Obj, batches, cluster

TOKEN = "right"
WF = WORKFLOWS.path
ARGO = "/api/v1/namespaces/argo"
COORDINATION = "/apis/coordination.k8s.io/v1/namespaces/argo"


class Rig:
    """One cluster behind HTTP, moved by hand."""

    def __init__(self, folder: Path, window: int = 4000) -> None:
        self.store = ObjectStore(folder / "it.sqlite", window)
        self.load = ClusterLoad(cluster("prod-hz"), 1, self.store.saved())
        self.server = ApiServer(self.store, TOKEN, self.load)
        self._life = batches(self.load, 3600, NOON)
        self.client: TestClient[Any, Any]

    def live(self, seconds: float) -> None:
        """Lets so much simulated time pass."""
        begin = None
        for now, batch in self._life:
            self.store.commit(batch)
            self.server.publish(batch.writes)
            begin = now if begin is None else begin
            if now >= begin + seconds:
                return

    async def get(self, path: str, **query: object) -> ClientResponse:
        """A request with the right token."""
        parameters = {name.rstrip("_"): str(value) for name, value in query.items()}
        return await self.client.get(path, params=parameters, headers={"Authorization": f"Bearer {TOKEN}"})

    async def json(self, path: str, **query: object) -> Obj:
        """The body of an answer."""
        found: Obj = await (await self.get(path, **query)).json()
        return found

    async def watch(self, path: str, version: object, seconds: float = 0, **query: object) -> list[Obj]:
        """All events of a watch that is open for so much simulated time."""
        # The headers come when the watch has joined: what happens from here on must be in it.
        answer = await self.get(path, watch=1, resourceVersion=version, **query)
        if not query:
            self.live(seconds)
            self.server.close()
        return [json.loads(line) for line in (await answer.read()).splitlines()]


@asynccontextmanager
async def rig(folder: Path, window: int = 4000, seconds: float = 20) -> AsyncIterator[Rig]:
    """A rig whose cluster has lived for some seconds."""
    made = Rig(folder, window)
    made.live(seconds)
    async with TestClient(TestServer(made.server.app(), handler_cancellation=True)) as made.client:
        yield made
        made.server.close()
    made.store.close()


def keys(items: list[Obj]) -> list[tuple[str, str]]:
    """The uid and the version of each object."""
    return [(item["metadata"]["uid"], item["metadata"]["resourceVersion"]) for item in items]


async def test_pages_show_one_instant(tmp_path: Path) -> None:
    """All pages carry the version of the first, and together they are the list of that instant, whatever happens since."""
    async with rig(tmp_path) as served:
        whole = await served.json(WF)
        page = await served.json(WF, limit=5)
        items, versions = page["items"], {page["metadata"]["resourceVersion"]}
        while page["metadata"].get("continue"):
            served.live(5)
            page = await served.json(WF, limit=5, continue_=page["metadata"]["continue"])
            items += page["items"]
            versions.add(page["metadata"]["resourceVersion"])

    assert len(items) > 10
    assert keys(items) == keys(whole["items"])
    assert versions == {whole["metadata"]["resourceVersion"]}


async def test_a_page_can_be_requested_twice(tmp_path: Path) -> None:
    """A client that lost the answer asks again with the same token."""
    async with rig(tmp_path) as served:
        token = (await served.json(WF, limit=3))["metadata"]["continue"]
        first, again = [await served.json(WF, limit=3, continue_=token) for _ in range(2)]

    assert first == again


async def test_an_old_page_is_gone(tmp_path: Path) -> None:
    """Snapshots are kept for the newest lists only; an older token is answered with 410 and no new token."""
    async with rig(tmp_path) as served:
        token = (await served.json(WF, limit=3))["metadata"]["continue"]
        for _ in range(SNAPSHOTS):
            served.live(1)
            await served.json(WF, limit=3)
        gone = await served.get(WF, limit=3, continue_=token)
        status = await gone.json()

    assert (gone.status, status["reason"]) == (410, "Expired")
    assert "continue" not in status["metadata"]


@pytest.mark.parametrize("kind", [WORKFLOWS, PODS], ids=["workflows", "pods"])
async def test_a_watch_from_a_list_misses_nothing_and_repeats_nothing(tmp_path: Path, kind: Any) -> None:
    """List + events = the next list, each event is newer than the one before, and none is missing."""
    async with rig(tmp_path) as served:
        before = await served.json(kind.path)
        served.live(10)
        events = await served.watch(kind.path, before["metadata"]["resourceVersion"], seconds=20)
        after = await served.json(kind.path)

    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    state = {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in before["items"]}
    for event in events:
        meta = event["object"]["metadata"]
        known = state.pop(meta["uid"], None)
        assert (known is None) == (event["type"] == "ADDED")
        if event["type"] != "DELETED":
            state[meta["uid"]] = meta["resourceVersion"]
    assert len(events) > 50
    assert versions == sorted(set(versions))
    assert state == dict(keys(after["items"]))


async def test_a_watch_ends_with_a_bookmark(tmp_path: Path) -> None:
    """At the end of timeoutSeconds a bookmark gives the newest version, so that a quiet kind can resume."""
    async with rig(tmp_path) as served:
        version = (await served.json("/api/v1/nodes"))["metadata"]["resourceVersion"]
        served.live(3)
        events = await served.watch("/api/v1/nodes", version, timeoutSeconds=1, allowWatchBookmarks="true")
        newest = served.store.version

    assert [event["type"] for event in events] == ["BOOKMARK"]
    assert events[0]["object"]["kind"] == "Node"
    assert events[0]["object"]["metadata"] == {"resourceVersion": str(newest)}
    assert newest > int(version)


async def test_a_watch_without_a_version_begins_with_all_there_is(tmp_path: Path) -> None:
    """Unset and 0 give a synthetic ADDED for each object."""
    async with rig(tmp_path) as served:
        listed = await served.json("/api/v1/namespaces")
        for version in ("", "0"):
            events = await served.watch("/api/v1/namespaces", version)

            assert keys([event["object"] for event in events]) == keys(listed["items"])
            assert {event["type"] for event in events} == {"ADDED"}


async def test_410_in_the_stream_then_as_an_answer(tmp_path: Path) -> None:
    """A version that left the window is refused inside a 200; one that is compacted is refused with HTTP 410."""
    async with rig(tmp_path, window=100) as served:
        oldest, compacted = served.store.oldest, served.store.compacted
        stream = await served.get(PODS.path, watch="true", resourceVersion=oldest - 1)
        event = json.loads(await stream.read())
        refused = await served.get(PODS.path, watch="true", resourceVersion=compacted - 1)
        status = await refused.json()
        kept = await served.watch(PODS.path, oldest)

    assert (stream.status, event["type"], event["object"]["code"]) == (200, "ERROR", 410)
    assert (refused.status, status["code"], status["reason"]) == (410, 410, "Expired")
    assert kept


@pytest.mark.parametrize(
    ("path", "query", "code", "reason"),
    [
        (WF, {"continue_": "nonsense"}, 400, "BadRequest"),
        (WF, {"continue_": "e30=", "resourceVersion": "5"}, 400, "BadRequest"),
        (WF, {"limit": "many"}, 400, "BadRequest"),
        (WF, {"labelSelector": "a=b"}, 400, "BadRequest"),
        (WF, {"resourceVersion": "99999999"}, 504, "Timeout"),
        (WF, {"watch": "1", "resourceVersion": "99999999"}, 504, "Timeout"),
        (WF, {"resourceVersion": "1", "resourceVersionMatch": "Exact"}, 410, "Expired"),
        (WF, {"watch": "1", "sendInitialEvents": "true"}, 422, "Invalid"),
        (WF, {"fieldSelector": "status.phase=Failed"}, 400, "BadRequest"),
        (EVENTS.path, {"fieldSelector": "type"}, 400, "BadRequest"),
        ("/api/v1/namespaces/nowhere", {}, 404, "NotFound"),
        ("/api/v1/resourcequotas", {}, 404, "NotFound"),
        (f"{ARGO}/configmaps/nothing", {}, 404, "NotFound"),
        (f"{COORDINATION}/leases/nothing", {}, 404, "NotFound"),
        (f"{METRICS}/namespaces/argo/pods/missing", {}, 404, "NotFound"),
        (f"{ARGO}/pods/https:missing:9090/proxy/metrics", {}, 404, "NotFound"),
    ],
)
async def test_refusals_are_statuses(tmp_path: Path, path: str, query: dict[str, str], code: int, reason: str) -> None:
    """Every refusal is a Status with the right code and reason."""
    async with rig(tmp_path, seconds=1) as served:
        answer = await served.get(path, **query)
        status = await answer.json()

    assert (answer.status, status["kind"], status["code"], status["reason"]) == (code, "Status", code, reason)


async def test_a_path_of_no_group_is_a_plain_404(tmp_path: Path) -> None:
    """kube-apiserver answers what no API group registered in plain text, without a Status."""
    async with rig(tmp_path, seconds=1) as served:
        answer = await served.get("/apis/ray.io/v1/rayjobs")
        text = await answer.text()

    assert (answer.status, answer.content_type, text) == (404, "text/plain", "404 page not found\n")


async def test_a_field_selector_leaves_the_others_on_the_server(tmp_path: Path) -> None:
    """List and watch agree: with `type!=Normal` only warnings come, and none of them is missing."""
    wanted = {"fieldSelector": "type!=Normal"}
    async with rig(tmp_path) as served:
        everything = await served.json(EVENTS.path)
        warnings = await served.json(EVENTS.path, **wanted)
        page = await served.json(EVENTS.path, limit=1, **wanted)
        answer = await served.get(EVENTS.path, watch=1, **wanted)
        served.server.close()
        watched = [json.loads(line) for line in (await answer.read()).splitlines()]

    kept = [item for item in everything["items"] if item["type"] == "Warning"]
    assert 0 < len(kept) < len(everything["items"])
    assert keys(warnings["items"]) == keys(kept) == keys([event["object"] for event in watched])
    assert page["metadata"]["remainingItemCount"] == len(kept) - 1


async def test_a_watch_with_a_selector_goes_on_with_it(tmp_path: Path) -> None:
    """What happens after a watch began passes the same selector."""
    async with rig(tmp_path) as served:
        answer = await served.get(
            EVENTS.path, watch=1, resourceVersion=served.store.version, fieldSelector="type!=Normal"
        )
        served.live(60)
        served.server.close()
        kinds = {json.loads(line)["object"]["type"] for line in (await answer.read()).splitlines()}

    assert kinds == {"Warning"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (f"{ARGO}/configmaps/workflow-controller-configmap", "ConfigMap"),
        (f"{COORDINATION}/leases/workflow-controller", "Lease"),
        (f"{METRICS}/namespaces/argo/pods/{REPLICAS[0]}", "PodMetrics"),
        (METRICS, "APIResourceList"),
    ],
)
async def test_a_single_object_is_served_by_name(tmp_path: Path, path: str, kind: str) -> None:
    """The controller's settings, its Lease and its memory are answered as one object each."""
    async with rig(tmp_path, seconds=1) as served:
        found = await served.json(path)

    assert found["kind"] == kind


async def test_a_controllers_own_metrics_come_through_the_proxy(tmp_path: Path) -> None:
    """The leader answers over TLS alone, a standby with nothing, and without a listener the server reports that."""
    async with rig(tmp_path, seconds=1) as served:
        path = f"{ARGO}/pods/{{}}:{{}}:9090/proxy/metrics"
        leader, standby, plain = [
            await served.get(path.format(scheme, name))
            for scheme, name in (("https", REPLICAS[0]), ("https", REPLICAS[1]), ("http", REPLICAS[0]))
        ]
        metrics, nothing = await leader.text(), await standby.text()
        served.live(63)
        alive = [(await served.get(path.format("https", name))).status for name in REPLICAS]

    assert "argo_workflows_is_leader 1" in metrics
    assert (leader.status, standby.status, plain.status, nothing) == (200, 200, 400, "")
    assert alive == [503, 200]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
async def test_a_wrong_token_is_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    """401 with a Status, before anything else is looked at."""
    async with rig(tmp_path, seconds=1) as served:
        answer = await served.client.get("/api/v1/pods", headers=headers)
        status = await answer.json()

    assert (answer.status, status["reason"]) == (401, "Unauthorized")


async def test_rights_are_always_granted(tmp_path: Path) -> None:
    """A self subject access review comes back as it was sent, allowed."""
    request = {"kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}
    async with rig(tmp_path, seconds=1) as served:
        answer = await served.client.post(REVIEWS, json=request, headers={"Authorization": f"Bearer {TOKEN}"})
        review = await answer.json()

    assert (answer.status, review) == (201, {**request, "status": {"allowed": True}})


async def test_a_list_has_the_kind_of_its_items(tmp_path: Path) -> None:
    """Items of built-in kinds omit their kind, those of custom resources repeat it, as by a real server."""
    async with rig(tmp_path) as served:
        lists = {plural: await served.json(kind.path) for plural, kind in KINDS.items()}
        system = await served.json("/api/v1/namespaces/kube-system")
        version = await served.json("/version")

    assert {plural: found["kind"] for plural, found in lists.items()} == {
        plural: f"{kind.name}List" for plural, kind in KINDS.items()
    }
    assert all("kind" not in item for item in lists["pods"]["items"])
    assert all(item["kind"] == "Workflow" for item in lists["workflows"]["items"])
    assert system["metadata"]["uid"]
    assert version["minor"] == "35"


def test_a_reader_that_falls_behind_is_cut_off() -> None:
    """A watcher's buffer is bounded: one that is full ends the watch instead of growing."""

    async def fall_behind() -> tuple[bool, bytes | None]:
        watcher = Watcher(PODS, b"")
        kept = [watcher.push(b"x") for _ in range(BUFFERED_CHUNKS + 1)]
        return all(kept[:-1]) and not kept[-1], await watcher.next(1)

    assert asyncio.run(fall_behind()) == (True, None)


def test_the_file_stays_small(tmp_path: Path) -> None:
    """History is trimmed to its window at each commit."""
    served = Rig(tmp_path, window=50)
    served.live(60)
    kept, version = served.store.history_size(), served.store.version
    served.store.close()

    assert version > 500
    assert kept == 50


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    """Private records of another format are not guessed at; the message says what to do."""
    store = ObjectStore(tmp_path / "it.sqlite")
    store._db.execute("PRAGMA user_version = 99")
    store.close()

    with pytest.raises(FleetError, match="remove it"):
        ObjectStore(tmp_path / "it.sqlite")
