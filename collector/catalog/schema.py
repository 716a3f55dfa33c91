"""What a table and a view are, as data, and who writes them. No SQL statement is composed here."""

from dataclasses import dataclass

from collector.catalog.columns import INSERTED_AT, Column
from collector.core.model import Fact

DATABASE = "lynceus"
WRITER = "lynceus"
"""User of the embedded store that may write."""
RECORD = "schema_migrations"
"""The table of applied migrations, which the migration program itself creates."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: the facts that it stores, and the key under which a newer fact replaces an older fact."""

    name: str
    fact: type[Fact]
    comment: str
    """What one row is; stored with the table."""
    order_by: tuple[str, ...]
    columns: tuple[Column, ...]
    engine: str = "ReplacingMergeTree"
    engine_args: tuple[str, ...] = ("version",)
    partition: str = ""
    ttl: str = ""
    bloom: tuple[str, ...] = ()
    """Columns with a bloom-filter skip index: uids that queries select without the rest of the key."""
    shard_by: tuple[str, ...] = ("cluster",)
    """Columns of the key that choose a row's shard in a cluster of servers; none: every server has all rows."""
    ranges: tuple[str, ...] = ()
    """Columns with a minmax skip index: rollup.py finds new rows by them."""

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that an insert names; the store fills the others."""
        return tuple(column for column in self.columns if column is not INSERTED_AT)


@dataclass(frozen=True, slots=True)
class View:
    """A named query with the columns of a table."""

    name: str
    of: Table
    comment: str
