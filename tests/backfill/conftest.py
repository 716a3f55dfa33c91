"""The engine of tests/repricing; each test finds the tables empty that it is about."""

from collections.abc import Iterator

import pytest

from collector.store.clickhouse import Store
from tests.billing.conftest import engine
from tests.store.running import Running

__all__ = ["engine"]

TABLES = ("workflow_run", "step_run", "pod_run", "pod_cost", "watch_gap", "backfill")


@pytest.fixture
def store(engine: Running) -> Iterator[Store]:
    writer = engine.writer()
    for table in TABLES:
        writer.command(f"TRUNCATE TABLE lynceus.{table}")
    yield writer
    writer.close()
