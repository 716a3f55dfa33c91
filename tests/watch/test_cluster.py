"""
All watches of one cluster together, and what `lynceus check` asks of it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from collector.catalog.counters import Counters
from collector.checked import Check
from collector.core.messages import Outcome, Synced
from collector.core.objects.kubernetes import ADMISSION_KINDS, Kind
from collector.core.objects.owner_kinds import OWNER_KINDS, OWNER_NAMES
from collector.kube.connection import ClusterAddress, Connection
from collector.watch.kinds import resources
from collector.watch.preflight import REVIEWS, check_cluster
from collector.watch.protocol import Watch
from collector.watch.reflector import Patience, watch_cluster
from tests.watch.server import (
    QUICK,
    Answer,
    ApiServer,
    Exchange,
    Impatient,
    always_room,
    body,
    eventually,
    kubeconfig,
    silence,
)
from tests.watch.steps import of_type, page, refusal


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer().serving() as serving:
        yield serving


@pytest.fixture
def address(server: ApiServer, tmp_path: Path) -> ClusterAddress:
    return kubeconfig(tmp_path, server.url, user={"token": "t"})


@asynccontextmanager
async def a_cluster(
    address: ClusterAddress, emitted: list[Outcome], patience: Patience = QUICK
) -> AsyncIterator[dict[Kind, Watch]]:
    """All kinds of a cluster, watched until the block ends."""
    watches = {r.kind: Watch("prod", r, dice=Impatient(1), counters=Counters()) for r in resources()}
    async with Connection(address) as connection:
        running = watch_cluster(
            connection, list(watches.values()), sink=emitted.extend, room=always_room, patience=patience
        )
        task = asyncio.create_task(running)
        try:
            yield watches
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=5)
            assert task.cancelled()


def kinds_of(server: ApiServer, verb: str) -> list[str]:
    return [request.path.rsplit("/", 1)[1] for request in server.of(verb)]


async def test_namespaces_then_nodes_then_workflows_and_pods(server: ApiServer, address: ClusterAddress) -> None:
    """Labels of namespaces and nodes are known before the first pod needs them."""
    emitted: list[Outcome] = []
    held = asyncio.Event()

    async def after(exchange: Exchange) -> None:
        await held.wait()
        await exchange.body(page(version=100))

    server.script("list", after)
    async with a_cluster(address, emitted) as watches:
        await eventually(lambda: server.answering["list"])
        states = {kind: watch.health().state for kind, watch in watches.items()}
        held.set()
        await eventually(lambda: all(watch.streaming for watch in watches.values()))

    assert states == {kind: "listing" if kind == "namespaces" else "starting" for kind in watches}
    synced = [outcome.kind for outcome in of_type(emitted, Synced)]
    assert synced[0] == "namespaces"
    owners = {"nodes", *OWNER_NAMES, *ADMISSION_KINDS}
    assert set(synced[1 : len(owners) + 1]) == owners
    assert set(synced[len(owners) + 1 : -1]) == {"workflows", "pods", "cronworkflows"}
    assert synced[-1] == "events"
    assert kinds_of(server, "list")[:2] == ["namespaces", "nodes"]


def one_kind(kind: str, answer: Answer, otherwise: Answer) -> Answer:
    """One answer for one kind, another for all other kinds."""

    async def choose(exchange: Exchange) -> None:
        await (answer if exchange.request.path.endswith(kind) else otherwise)(exchange)

    return choose


@pytest.mark.parametrize("answer", [body(refusal(403, "Forbidden"), 403), silence], ids=["refused", "silent"])
async def test_a_kind_that_cannot_be_read_does_not_keep_the_others_from_starting(
    server: ApiServer, address: ClusterAddress, answer: Answer
) -> None:
    """Without namespaces there is no attribution by their labels, but there are still queues and costs."""
    server.otherwise["list"] = one_kind("namespaces", answer, body(page(version=100)))
    emitted: list[Outcome] = []
    patience = replace(QUICK, stage_s=0.2, answer_s=0.1)
    async with a_cluster(address, emitted, patience) as watches:
        await eventually(lambda: watches["pods"].streaming and watches["workflows"].streaming)

        assert not watches["namespaces"].synced


async def test_one_list_at_a_time_and_fences_beside_it(server: ApiServer, address: ClusterAddress) -> None:
    """A list costs a server a hundred times a watch; a fence costs one object and does not wait for lists."""
    most = 0
    held = asyncio.Event()

    async def slowly(exchange: Exchange) -> None:
        nonlocal most
        most = max(most, server.answering["list"])
        if exchange.request.path.endswith(("workflows", "pods")):
            await held.wait()
        await exchange.body(page(version=100))

    server.otherwise["list"] = slowly
    emitted: list[Outcome] = []
    async with a_cluster(address, emitted) as watches:
        await eventually(lambda: server.answering["list"] and {"namespaces", "nodes"} <= set(kinds_of(server, "fence")))
        held.set()
        await eventually(lambda: all(watch.streaming for watch in watches.values()))

    assert most == 1


async def test_only_metadata_is_requested_of_owners_of_pods(server: ApiServer, address: ClusterAddress) -> None:
    """Specs of foreign Jobs may hold anything; lists and watches omit them if the server supports that."""
    async with a_cluster(address, []) as watches:
        await eventually(lambda: all(watch.streaming for watch in watches.values()))
    partial = "application/json;as=PartialObjectMetadata{};v=v1;g=meta.k8s.io,application/json"
    wanted = [{a.headers["Accept"] for a in server.of(verb) if a.path.endswith("jobs")} for verb in ("list", "watch")]
    whole = {a.headers["Accept"] for a in server.of("list") if a.path.endswith("pods")}

    assert wanted == [{partial.format("List")}, {partial.format("")}]
    assert whole == {"application/json"}


async def test_a_failure_of_the_sink_is_not_swallowed(address: ClusterAddress) -> None:
    """The pipeline must not raise; if it does, all watches of the cluster stop instead of losing outcomes."""

    def fails(_: list[Outcome]) -> None:
        raise RuntimeError("a bug")

    watches = [Watch("prod", r, dice=Impatient(1), counters=Counters()) for r in resources()]
    async with Connection(address) as connection:
        with pytest.raises(ExceptionGroup, match="TaskGroup"):
            await watch_cluster(connection, watches, sink=fails, room=always_room)


def reviewing(allowed: Callable[[dict[str, str]], bool]) -> Answer:
    """An authorizer that answers access reviews by this rule."""

    async def answer(exchange: Exchange) -> None:
        attributes = json.loads(exchange.request.body)["spec"]["resourceAttributes"]
        await exchange.body(json.dumps({"status": {"allowed": allowed(attributes)}}).encode(), 201)

    return answer


async def checked(address: ClusterAddress) -> list[Check]:
    async with Connection(address) as connection:
        return await check_cluster(connection, resources())


async def test_a_cluster_that_is_well_has_a_row_for_itself_and_for_each_kind(
    server: ApiServer, address: ClusterAddress
) -> None:
    """Address, version, and both rights on each kind are checked through the collector's own connection."""
    server.otherwise |= {"/version": body(b'{"gitVersion":"v1.35.0"}'), REVIEWS: reviewing(lambda _: True)}
    rows = await checked(address)

    assert [(row.ok, row.subject) for row in rows] == [
        (True, "cluster prod"),
        (True, "cluster prod: namespaces"),
        (True, "cluster prod: nodes"),
        *((True, f"cluster prod: {row.plural}.{row.group}") for row in OWNER_KINDS),
        (True, "cluster prod: queueunits.scheduling.x-k8s.io"),
        (True, "cluster prod: queues.scheduling.x-k8s.io"),
        (True, "cluster prod: workloads.kueue.x-k8s.io"),
        (True, "cluster prod: localqueues.kueue.x-k8s.io"),
        (True, "cluster prod: clusterqueues.kueue.x-k8s.io"),
        (True, "cluster prod: podgroups.scheduling.volcano.sh"),
        (True, "cluster prod: workflows.argoproj.io"),
        (True, "cluster prod: pods"),
        (True, "cluster prod: cronworkflows.argoproj.io"),
        (True, "cluster prod: events"),
    ]
    assert rows[0].detail == "Kubernetes v1.35.0"


async def test_a_right_that_is_missing_is_a_row_with_the_rule_to_add(
    server: ApiServer, address: ClusterAddress
) -> None:
    """The row names the denied verb, the consequence and the exact rule."""
    reviews = reviewing(lambda review: (review["resource"], review["verb"]) != ("nodes", "watch"))
    server.otherwise |= {"/version": body(b'{"gitVersion":"v1.35.0"}'), REVIEWS: reviews}
    (bad,) = [row for row in await checked(address) if not row.ok]

    assert bad.subject == "cluster prod: nodes"
    assert "no right to watch it in all namespaces" in bad.detail
    assert "instance type" in bad.detail
    assert 'apiGroups: [""], resources: ["nodes"], verbs: ["list", "watch"]' in bad.remedy


async def test_a_cluster_without_argo_is_reported(server: ApiServer, address: ClusterAddress) -> None:
    """Rights can be granted on a kind that the cluster does not serve."""
    fence = one_kind("/workflows", body(refusal(404, "NotFound"), 404), body(page(version=1)))
    server.otherwise |= {"/version": body(b'{"gitVersion":"v1"}'), REVIEWS: reviewing(lambda _: True), "fence": fence}
    (bad,) = [row for row in await checked(address) if not row.ok]

    assert "does not serve it" in bad.detail
    assert "install Argo Workflows" in bad.remedy


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (body(b"<html>Sign in", Content_Type="text/html"), 'not a Kubernetes API server: 200 "<html>Sign in"'),
        (body(b"{}", 503), "not a Kubernetes API server: 503"),
        (body(refusal(401), 401), "does not accept the credentials"),
    ],
)
async def test_something_else_behind_the_address_is_one_row(
    server: ApiServer, address: ClusterAddress, answer: Answer, words: str
) -> None:
    """No further check runs against something else; refused credentials were renewed once before."""
    server.otherwise["/version"] = answer
    (row,) = await checked(address)

    assert not row.ok
    assert words in row.detail
    assert row.remedy


async def nobody(tmp_path: Path) -> ClusterAddress:
    server = ApiServer()
    async with server.serving():
        return kubeconfig(tmp_path, server.url)


async def no_file(tmp_path: Path) -> ClusterAddress:
    return ClusterAddress("prod", kubeconfig=tmp_path / "gone")


@pytest.mark.parametrize(("where", "words"), [(nobody, "does not answer: "), (no_file, "cannot read")])
async def test_a_cluster_that_cannot_be_reached_is_one_row(
    tmp_path: Path, where: Callable[[Path], Awaitable[ClusterAddress]], words: str
) -> None:
    """The row has reason and remedy; there is no exception."""
    (row,) = await checked(await where(tmp_path))

    assert not row.ok
    assert words in row.detail
    assert row.remedy
