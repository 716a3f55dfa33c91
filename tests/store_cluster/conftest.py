"""Two servers for the tests of this folder, which are all marked `store_cluster`, and one server to compare them with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from tests.store.running import Running, start
from tests.store_cluster.filled import fill, owned_facts, users_of_departments
from tests.store_cluster.servers import PlayedStore, TwoShards

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.store_cluster)


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoShards]:
    """Both servers with today's schema."""
    with TwoShards(tmp_path_factory.mktemp("shards")) as shards:
        store = shards.played()
        migrate(store, "prod")
        store.close()
        yield shards


@pytest.fixture(scope="session")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoShards]:
    """Two other servers, with users and rows of three departments in each table whose rows belong to one."""
    folder = tmp_path_factory.mktemp("owned")
    with TwoShards(folder, users_of_departments(folder)) as shards:
        store = shards.played()
        migrate(store, "prod")
        fill(store, owned_facts())
        store.close()
        yield shards


@pytest.fixture
def sharded(shards: TwoShards) -> Iterator[PlayedStore]:
    """A writer of the cluster, through its first server."""
    store = shards.played()
    yield store
    store.close()


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server with the same schema."""
    running = start(tmp_path_factory.mktemp("alone"))
    writer = running.writer()
    migrate(writer)
    writer.close()
    yield running
    running.stop()


@pytest.fixture
def single(alone: Running) -> Iterator[Store]:
    store = alone.writer()
    yield store
    store.close()
