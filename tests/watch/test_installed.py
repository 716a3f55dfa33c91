"""A kind that is not installed costs one request of a cluster in ten minutes, whatever form the server answers in."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collector.core.objects.kubernetes import ADMISSION_KINDS
from collector.core.objects.owner_kinds import OWNER_NAMES
from collector.kube.address import ClusterAddress
from collector.kube.connection import Connection
from collector.watch.installed import installed
from collector.watch.kinds import BY_KIND, RESOURCES, Resource, resources
from tests.ports import free_port
from tests.watch.server import Answer, ApiServer, body, discovery, kubeconfig


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer().serving() as serving:
        yield serving


@pytest.fixture
def address(server: ApiServer, tmp_path: Path) -> ClusterAddress:
    return kubeconfig(tmp_path, server.url, user={"token": "t"})


OWN = [row for row in RESOURCES if not row.is_foreign]
CUSTOM = "/apis/kubeflow.org/v2beta1"


async def rows_of(address: ClusterAddress) -> list[Resource]:
    """What the collector would watch."""
    async with Connection(address) as connection:
        return await installed(connection, resources())


def foreign(rows: list[Resource]) -> dict[str, str]:
    """The kinds of other projects and their versions."""
    assert [row for row in rows if not row.is_foreign] == OWN
    return {row.kind: row.version for row in rows if row.is_foreign}


def test_kinds_of_other_projects_are_those_of_owners_and_queue_managers() -> None:
    """Kubernetes' core and Argo are everywhere, or the cluster is not worth watching."""
    assert {row.kind for row in RESOURCES if row.is_foreign} == {*OWNER_NAMES, *ADMISSION_KINDS}


async def test_what_is_installed_is_watched_at_the_version_that_is_served(
    server: ApiServer, address: ClusterAddress
) -> None:
    """One request; the same plural of another group, and the same kind at no known version, are not the kind."""
    jobs, ray, mpi = (BY_KIND[name] for name in (OWNER_NAMES[0], OWNER_NAMES[2], OWNER_NAMES[11]))
    old = {
        "metadata": {"name": "ray.io"},
        "versions": [{"version": "v1alpha1", "resources": [{"resource": ray.plural}]}],
    }
    unknown = {
        "metadata": {"name": mpi.group},
        "versions": [{"version": "v3", "resources": [{"resource": mpi.plural}]}],
    }
    answer = json.loads(discovery([jobs]))
    answer["items"] += [old, unknown]
    server.otherwise["/apis"] = body(json.dumps(answer).encode())

    assert foreign(await rows_of(address)) == {"jobs": "v1", "rayclusters": "v1alpha1"}
    assert len(server.requests) == 1
    assert "as=APIGroupDiscoveryList" in server.requests[0].headers["Accept"]


async def test_an_older_server_names_the_kinds_of_each_version_of_the_groups_that_it_has(
    server: ApiServer, address: ClusterAddress
) -> None:
    """And for no other group."""
    versions = [{"groupVersion": "kubeflow.org/v2beta1", "version": "v2beta1"}]
    groups = [{"name": "apps", "versions": [{"version": "v1"}]}, {"name": "kubeflow.org", "versions": versions}]
    server.otherwise["/apis"] = body(json.dumps({"kind": "APIGroupList", "groups": groups}).encode())
    server.script("list", body(json.dumps({"resources": [{"name": "mpijobs"}, {"name": "mpijobs/status"}]}).encode()))

    assert foreign(await rows_of(address)) == {"mpijobs": "v2beta1"}
    assert [request.path for request in server.requests] == ["/apis", CUSTOM]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (body(b"no", 403), None),
        (body(b"<html>"), None),
        (body(b'{"groups":[{"name":"kubeflow.org","versions":[{"version":"v1"}]}]}'), body(b"no", 500)),
    ],
    ids=["refused", "no JSON", "the second request fails"],
)
async def test_each_kind_is_tried_where_discovery_fails(
    server: ApiServer, address: ClusterAddress, first: Answer, second: Answer | None
) -> None:
    """Then each kind's own list shows whether it is there."""
    server.otherwise["/apis"] = first
    if second is not None:
        server.script("list", second)

    assert await rows_of(address) == [*resources()]


async def test_each_kind_is_tried_where_the_server_is_away(tmp_path: Path) -> None:
    """The watches wait for its return themselves."""
    address = kubeconfig(tmp_path, f"http://127.0.0.1:{free_port()}", user={"token": "t"})

    assert await rows_of(address) == [*resources()]
