"""The SQL that runbooks give to the person on call."""

import re
from pathlib import Path

import pytest

from collector.store.clickhouse import Store

RUNBOOKS = Path(__file__).parents[2] / "alerts" / "runbooks"
QUERIES = [
    (path.stem, query)
    for path in sorted(RUNBOOKS.glob("*.md"))
    for query in re.findall(r"```sql\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
]


@pytest.mark.parametrize(("name", "query"), QUERIES, ids=[name for name, _ in QUERIES])
def test_a_query_of_a_runbook_can_be_pasted(name: str, query: str, reader: Store) -> None:
    """Its tables and columns exist; only the quoted names of a cluster or a workflow are to be replaced."""
    reader.query_rows(query)
