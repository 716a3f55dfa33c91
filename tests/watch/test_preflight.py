"""
What `lynceus check` asks about the optional: rights that are read by name, and kinds the facts do without.
"""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from collector.checked import Check
from collector.kube.connection import ClusterAddress, Connection
from collector.watch import preflight
from collector.watch.kinds import lease_path
from collector.watch.preflight import REVIEWS, WHO_AM_I, check_cluster, who_we_are
from collector.watch.role import Grantee
from tests.watch.server import Answer, ApiServer, Exchange, body, kubeconfig, raw
from tests.watch.steps import CRON_WORKFLOWS, EVENTS, page, refusal

ReceivedRequest = dict[str, str]


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer().serving() as serving:
        serving.otherwise["/version"] = body(b'{"gitVersion":"v1.35.0"}')
        yield serving


@pytest.fixture
def address(server: ApiServer, tmp_path: Path) -> ClusterAddress:
    return kubeconfig(tmp_path, server.url, user={"token": "t"})


def allowing(granted: Callable[[ReceivedRequest], bool]) -> Answer:
    async def answer(exchange: Exchange) -> None:
        attributes = json.loads(exchange.request.body)["spec"]["resourceAttributes"]
        await exchange.body(json.dumps({"status": {"allowed": granted(attributes)}}).encode(), 201)

    return answer


def at(path: str, answer: Answer) -> Answer:
    """One answer at this path, an empty list at any other."""

    async def choose(exchange: Exchange) -> None:
        await (answer if exchange.request.path == path else body(page(version=1)))(exchange)

    return choose


async def rows_of(address: ClusterAddress) -> dict[str, Check]:
    async with Connection(address) as connection:
        rows = await check_cluster(connection, (CRON_WORKFLOWS, EVENTS), "argo")
    return {row.subject.removeprefix("cluster prod").removeprefix(": "): row for row in rows}


async def test_each_thing_read_by_name_has_a_row(server: ApiServer, address: ClusterAddress) -> None:
    """All of them optional; the reviews name the verb, the namespace and the very object."""
    reviews: list[ReceivedRequest] = []

    def granted(review: ReceivedRequest) -> bool:
        reviews.append(review)
        return True

    server.otherwise[REVIEWS] = allowing(granted)
    rows = await rows_of(address)

    assert list(rows) == [
        "",
        "Argo Workflows",
        "cronworkflows.argoproj.io",
        "events",
        "configmaps workflow-controller-configmap in argo",
        "leases.coordination.k8s.io workflow-controller in argo",
        "pods.metrics.k8s.io in argo",
        "pods/proxy in argo",
    ]
    assert [name for name, row in rows.items() if not row.ok] == ["Argo Workflows"]
    assert [row.needed for row in rows.values()] == [True, *[False] * 7]
    get = {"verb": "get", "namespace": "argo"}
    assert get | {"resource": "configmaps", "name": "workflow-controller-configmap"} in reviews
    assert get | {"group": "metrics.k8s.io", "resource": "pods"} in reviews
    assert get | {"resource": "pods", "subresource": "proxy"} in reviews


async def test_a_missing_right_names_its_use_and_its_rule(server: ApiServer, address: ClusterAddress) -> None:
    """The collector runs without it; a refused object is not requested."""
    server.otherwise[REVIEWS] = allowing(lambda review: review["resource"] != "leases")
    row = (await rows_of(address))["leases.coordination.k8s.io workflow-controller in argo"]

    assert (row.ok, row.needed) == (False, False)
    assert row.detail == "no right to get it; without it: no information about which controller leads"
    assert row.remedy.startswith("add to a Role of the collector in namespace argo: ")
    assert 'resources: ["leases"], resourceNames: ["workflow-controller"]' in row.remedy
    assert lease_path("argo") not in [request.path for request in server.requests]


async def test_a_lease_that_does_not_exist_needs_no_remedy(server: ApiServer, address: ClusterAddress) -> None:
    """The Helm chart's single replica has no leader election."""
    server.otherwise |= {
        REVIEWS: allowing(lambda _: True),
        "list": at(lease_path("argo"), body(refusal(404, "NotFound"), 404)),
    }
    row = (await rows_of(address))["leases.coordination.k8s.io workflow-controller in argo"]

    assert row.ok
    assert (
        row.detail == "the right is granted, but the object does not exist: no information about which controller leads"
    )
    assert not row.remedy


@pytest.mark.parametrize(
    ("answer", "words"), [(body(b"", 500), "is answered with 500"), (raw(b""), "the check failed: ")]
)
async def test_a_failed_check_is_a_row(server: ApiServer, address: ClusterAddress, answer: Answer, words: str) -> None:
    """Never an exception."""
    server.otherwise |= {REVIEWS: allowing(lambda _: True), "list": at(lease_path("argo"), answer)}
    row = (await rows_of(address))["leases.coordination.k8s.io workflow-controller in argo"]

    assert (row.ok, row.needed) == (False, False)
    assert words in row.detail


async def test_an_optional_kind_that_is_not_served_needs_no_remedy(server: ApiServer, address: ClusterAddress) -> None:
    """To remove the cluster would be bad advice."""
    server.otherwise |= {
        REVIEWS: allowing(lambda _: True),
        "fence": at(CRON_WORKFLOWS.path, body(refusal(404, "NotFound"), 404)),
    }
    row = (await rows_of(address))["cronworkflows.argoproj.io"]

    assert (row.ok, row.needed, row.remedy) == (False, False, "")
    assert "does not serve it; without it: no missed and skipped cron runs" in row.detail


def controllers(*images: str, containers: str = "workflow-controller") -> Answer:
    """Pods with a controller's label; each other label selects none."""
    pods = [{"status": {"containerStatuses": [{"name": containers, "image": image}]}} for image in images]

    async def answer(exchange: Exchange) -> None:
        chosen = exchange.request.params.get("labelSelector") == "app=workflow-controller"
        await exchange.body(json.dumps({"items": pods if chosen else None}).encode())

    return answer


@pytest.mark.parametrize(
    ("answer", "ok", "words"),
    [
        (controllers("quay.io/argoproj/workflow-controller:v3.7.2"), True, "v3.7.2, in namespace argo (quay.io/"),
        (controllers("r.io/a/c@sha256:1f2e"), True, "unknown version, in namespace argo (r.io/a/c@sha256:1f2e)"),
        (controllers("r.io/proxy:v1", containers="sidecar"), False, "no controller runs in namespace argo"),
        (body(refusal(403, "Forbidden"), 403), False, "its controller cannot be listed"),
        (body(b"<html>"), False, "its controller cannot be listed"),
        (raw(b""), False, "the check failed: "),
    ],
)
async def test_argos_version_is_shown(
    server: ApiServer, address: ClusterAddress, answer: Answer, ok: bool, words: str
) -> None:
    """By the image of its controller; without one the namespace may be wrong. Never needed."""
    server.otherwise |= {REVIEWS: allowing(lambda _: True), "list": at("/api/v1/namespaces/argo/pods", answer)}
    row = (await rows_of(address))["Argo Workflows"]

    assert (row.ok, row.needed) == (ok, False)
    assert words in row.detail


async def test_a_clock_that_is_off_is_shown(server: ApiServer, address: ClusterAddress) -> None:
    """Latencies are differences of two clocks; a server whose answers have no date has no row."""
    server.otherwise[REVIEWS] = allowing(lambda _: True)
    async with Connection(address) as connection:
        unknown = (await check_cluster(connection, ()))[1:]
        connection.skew_ms = 0
        right = [row.detail for row in (await check_cluster(connection, ()))[1:]]
        connection.skew_ms = -95_000
        behind = preflight._clock(connection)

    assert right == ["within 30 s of ours"]
    assert [(row.ok, row.detail) for row in behind] == [(False, "95 s behind ours; without it: no exact latencies")]
    assert unknown == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (body(b'{"status":{"userInfo":{"username":"system:serviceaccount:mon:lynx"}}}', 201), Grantee("lynx", "mon")),
        (body(b'{"status":{"userInfo":{"username":"jo@example.com"}}}', 201), Grantee("jo@example.com")),
        (body(refusal(404, "NotFound"), 404), None),
        (body(b"<html>", 200), None),
    ],
)
async def test_the_server_names_our_identity(
    server: ApiServer, address: ClusterAddress, answer: Answer, expected: Grantee | None
) -> None:
    """The role is bound to the identity that is used, whatever the manifests call it."""
    server.otherwise[WHO_AM_I] = answer
    async with Connection(address) as connection:
        assert await who_we_are(connection) == expected
