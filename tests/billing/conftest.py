"""One running store for the tests of this folder, migrated; each test finds its tables empty."""

from collections.abc import Iterator

import pytest

from collector.catalog.rollups import HOUSEKEEPING, ROLLUPS
from collector.catalog.tables import TABLES
from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from tests.store.running import Running, start


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The engine as users run it."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    writer.close()
    yield running
    running.stop()


@pytest.fixture
def store(engine: Running) -> Iterator[Store]:
    writer = engine.writer()
    for name in [table.name for tables in (TABLES, ROLLUPS, HOUSEKEEPING) for table in tables]:
        writer.command(f"TRUNCATE TABLE lynceus.{name}")
    yield writer
    writer.close()
