"""
The real engine that holds some facts, for tests of what is read from it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from collector.core.model import Fact
from collector.reports.report import Query
from collector.store.schema.migrate import migrate
from tests.billing.stored import write_all
from tests.store.running import start


@contextmanager
def holding(folder: Path, facts: Sequence[Fact]) -> Iterator[Query]:
    """Questions to an engine of today's schema that holds these facts, for as long as the block lasts."""
    running = start(folder)
    writer = running.writer()
    migrate(writer)
    write_all(writer, facts)
    writer.close()
    reader = running.reader()
    yield lambda sql, parameters: reader.query_rows(sql, dict(parameters))
    reader.close()
    running.stop()
