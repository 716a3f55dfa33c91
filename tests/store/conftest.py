"""One running store for the tests of this folder, migrated, and a connection of each kind to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from collector.store.spool.spool import Spool, open_spool
from tests.store.running import Running, start
from tests.store.spool.spooled import NOW


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A store with today's schema; tests share it and leave its tables empty or to themselves."""
    store = start(tmp_path_factory.mktemp("store"))
    writer = store.writer()
    migrate(writer)
    writer.close()
    yield store
    assert store.stop() == 0


@pytest.fixture
def writer(running: Running) -> Iterator[Store]:
    store = running.writer()
    yield store
    store.close()


@pytest.fixture
def reader(running: Running) -> Iterator[Store]:
    store = running.reader()
    yield store
    store.close()


@pytest.fixture
def spool_file(tmp_path: Path) -> Path:
    return tmp_path / "spool.sqlite"


@pytest.fixture
def spool(spool_file: Path) -> Iterator[Spool]:
    """An empty spool."""
    opened = open_spool(spool_file, 1 << 30, NOW)
    yield opened
    opened.close()
