"""One running store for the tests of this folder, migrated, and a connection of each kind to it."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from collector.store.spool.spool import Spool, open_spool
from tests.store.running import ROOT, Running, start
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


@pytest.fixture(scope="session")
def goclient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/store/goclient, built; its modules come from the Go module proxy the first time."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go here: clickhouse-go, and with it Grafana's plugin, was not run against the store")
    program = tmp_path_factory.mktemp("go") / "goclient"
    subprocess.run([go, "build", "-o", program, "."], cwd=ROOT / "tests/store/goclient", check=True, timeout=280)
    return program
