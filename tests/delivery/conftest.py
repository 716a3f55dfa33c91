"""What several tests of deliveries need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from tests.kube.certificates import make
from tests.store.running import Running, start


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Authority, certificate and key of a server on this machine."""
    folder = tmp_path_factory.mktemp("certificates")
    make(folder)
    return folder / "ca.crt", folder / "server.crt", folder / "server.key"


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The embedded store, migrated."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    writer.close()
    yield running
    running.stop()


@pytest.fixture
def store(engine: Running) -> Iterator[Store]:
    """A connection to it; no message was sent."""
    writer = engine.writer()
    writer.command("TRUNCATE TABLE lynceus.delivery")
    yield writer
    writer.close()
