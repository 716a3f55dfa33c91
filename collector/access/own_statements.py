"""
Which statements of this program a department's question may not run: those that name what is of all departments.

Rows are filtered by table_filters.py and linked_tables.py. What no filter hides are tables without departments, and columns
that show others. Reports leave out such parts when they are refused, as for a department's own account at the store. These
statements are this program's own, so their words are enough; those of visitors are parsed (store/embedded/restricted.py).
"""

import re

from collector.access.linked_tables import LINKED
from collector.access.shared_tables import CLOSED, HIDDEN, SHARED, VIEWS
from collector.catalog.tables import TABLES

_WORD = re.compile(r"[A-Za-z_]\w*")


def _partly_hidden() -> dict[str, frozenset[str]]:
    """The columns of tables and views, read in part, that are about others."""
    tables = {table.name: table.columns for table in TABLES}
    shared = {
        name: frozenset(column.name for column in tables[name]) - {*SHARED[name]} for name in SHARED if name in tables
    }
    own = {name: frozenset(columns) for name, columns in HIDDEN.items()}
    return {**shared, **own, **{view.name: own[view.of.name] for view in VIEWS if view.of.name in own}}


_PARTLY = _partly_hidden()
_ALL_COLUMNS = re.compile(rf"\*\s+FROM\s+(?:\w+\.)?({'|'.join(_PARTLY)})\b", re.IGNORECASE)


def what_is_of_all(statement: str, *, linked: bool) -> str:
    """
    Returns the table or column of a statement that a department may not read; empty: it may read all of them.

    `linked`: rows of LINKED tables are filtered by what they belong to.
    """
    words = set(_WORD.findall(statement))
    closed = words & CLOSED.keys() - (LINKED.keys() if linked else set())
    hidden = {f"{table}.{column}" for table in words & _PARTLY.keys() for column in words & _PARTLY[table]}
    return min(closed | hidden | {*_ALL_COLUMNS.findall(statement)}, default="")
