"""What a table and a view are, as data. No SQL statement is composed here."""

from dataclasses import dataclass

from collector.catalog.columns import INSERTED_AT, Column
from collector.core.model import Fact

DATABASE = "lynceus"


@dataclass(frozen=True, slots=True)
class Table:
    """One table: whose facts it keeps, and under which key they replace one another."""

    name: str
    fact: type[Fact]
    meaning: str
    order_by: tuple[str, ...]
    columns: tuple[Column, ...]
    engine: str = "ReplacingMergeTree"
    engine_args: tuple[str, ...] = ("version",)
    partition: str = ""
    ttl: str = ""
    bloom: tuple[str, ...] = ()
    """Columns with a bloom-filter skip index: uids somebody asks for without knowing the rest of the key."""
    shard_by: tuple[str, ...] = ("cluster",)
    """Columns of the key by which a sharded store keeps rows together; none: every server has all rows."""
    ranges: tuple[str, ...] = ()
    """Columns with a minmax skip index: those by which rollup.py finds what is new."""

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns an insert names; the store fills the others."""
        return tuple(column for column in self.columns if column is not INSERTED_AT)


@dataclass(frozen=True, slots=True)
class View:
    """A named query with the columns of a table."""

    name: str
    of: Table
    meaning: str
