"""
What `lynceus check` asks about the optional: rights that are read by name, and kinds the facts do without.
"""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from collector.kube.connection import ClusterAddress, Connection
from collector.watch.kinds import lease_path
from collector.watch.preflight import REVIEWS, Check, check_cluster
from tests.watch.server import Answer, ApiServer, Exchange, body, kubeconfig, raw
from tests.watch.steps import CRON_WORKFLOWS, EVENTS, page, refusal

Asked = dict[str, str]


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer().serving() as serving:
        serving.otherwise["/version"] = body(b'{"gitVersion":"v1.35.0"}')
        yield serving


@pytest.fixture
def address(server: ApiServer, tmp_path: Path) -> ClusterAddress:
    return kubeconfig(tmp_path, server.url, user={"token": "t"})


def allowing(granted: Callable[[Asked], bool]) -> Answer:
    async def answer(exchange: Exchange) -> None:
        asked = json.loads(exchange.asked.body)["spec"]["resourceAttributes"]
        await exchange.body(json.dumps({"status": {"allowed": granted(asked)}}).encode(), 201)

    return answer


def at(path: str, answer: Answer) -> Answer:
    """This answer there, an empty list anywhere else."""

    async def choose(exchange: Exchange) -> None:
        await (answer if exchange.asked.path == path else body(page(version=1)))(exchange)

    return choose


async def rows_of(address: ClusterAddress) -> dict[str, Check]:
    async with Connection(address) as connection:
        rows = await check_cluster(connection, (CRON_WORKFLOWS, EVENTS), "argo")
    return {row.subject.removeprefix("cluster prod").removeprefix(": "): row for row in rows}


async def test_each_thing_read_by_name_has_a_row(server: ApiServer, address: ClusterAddress) -> None:
    """All of them optional; the reviews name the verb, the namespace and the very object."""
    asked: list[Asked] = []

    def granted(review: Asked) -> bool:
        asked.append(review)
        return True

    server.otherwise[REVIEWS] = allowing(granted)
    rows = await rows_of(address)

    assert list(rows) == [
        "",
        "cronworkflows.argoproj.io",
        "events",
        "configmaps workflow-controller-configmap in argo",
        "leases.coordination.k8s.io workflow-controller in argo",
        "pods.metrics.k8s.io in argo",
        "pods/proxy in argo",
    ]
    assert all(row.ok for row in rows.values())
    assert [row.needed for row in rows.values()] == [True, *[False] * 6]
    get = {"verb": "get", "namespace": "argo"}
    assert get | {"resource": "configmaps", "name": "workflow-controller-configmap"} in asked
    assert get | {"group": "metrics.k8s.io", "resource": "pods"} in asked
    assert get | {"resource": "pods", "subresource": "proxy"} in asked


async def test_a_right_that_is_missing_says_what_is_lost_and_how_to_grant_it(
    server: ApiServer, address: ClusterAddress
) -> None:
    """The collector runs without it; nothing is asked for that is known to be refused."""
    server.otherwise[REVIEWS] = allowing(lambda review: review["resource"] != "leases")
    row = (await rows_of(address))["leases.coordination.k8s.io workflow-controller in argo"]

    assert (row.ok, row.needed) == (False, False)
    assert row.detail == "no right to get it; without it: no information about which controller leads"
    assert row.remedy.startswith("add to a Role of the collector in namespace argo: ")
    assert 'resources: ["leases"], resourceNames: ["workflow-controller"]' in row.remedy
    assert lease_path("argo") not in [asked.path for asked in server.asked]


async def test_a_lease_that_does_not_exist_needs_no_remedy(server: ApiServer, address: ClusterAddress) -> None:
    """The Helm chart's single replica elects nobody."""
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
async def test_what_cannot_be_asked_is_a_row(
    server: ApiServer, address: ClusterAddress, answer: Answer, words: str
) -> None:
    """Never an exception."""
    server.otherwise |= {REVIEWS: allowing(lambda _: True), "list": at(lease_path("argo"), answer)}
    row = (await rows_of(address))["leases.coordination.k8s.io workflow-controller in argo"]

    assert (row.ok, row.needed) == (False, False)
    assert words in row.detail


async def test_an_optional_kind_that_is_not_served_needs_no_remedy(server: ApiServer, address: ClusterAddress) -> None:
    """Leaving the cluster out would be poor advice."""
    server.otherwise |= {
        REVIEWS: allowing(lambda _: True),
        "fence": at(CRON_WORKFLOWS.path, body(refusal(404, "NotFound"), 404)),
    }
    row = (await rows_of(address))["cronworkflows.argoproj.io"]

    assert (row.ok, row.needed, row.remedy) == (False, False, "")
    assert "does not serve it; without it: no missed and skipped cron runs" in row.detail
