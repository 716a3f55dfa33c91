"""
A store of three departments, with a canary in every text of every table, and the same store without the rows of others.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from collector.access.scope import of_departments
from collector.access.shared_tables import SHARED
from collector.access.tokens import TokenEntry, hash_of, make_token, write_tokens
from collector.catalog.columns import Column
from collector.catalog.rollups import ROLLUP_STATE, ROLLUPS
from collector.catalog.tables import TABLES
from collector.store.schema.migrate import migrate
from tests.store.running import Running, ask, start

TENANTS = ("alpha", "bravo", "x' OR '1'='1")
"""Departments. The last one's name is an attack."""
COSTS = {"alpha": 1, "bravo": 10, "x' OR '1'='1": 100}
"""Each tenant's amounts and counts, by which an error can be raised for the rows of one of them."""
ROWS = 40
"""Rows of each tenant in each table."""
STORED: tuple[Any, ...] = (*TABLES, *ROLLUPS, ROLLUP_STATE)
EVERYBODY = "everybody"
"""Who has the rows of the tables without departments whose columns may be read in part."""


def canary(tenant: str) -> str:
    """What stands in each text of a tenant's rows."""
    return f"canary-{COSTS.get(tenant, 7)}-"


def rows_of(columns: Sequence[Column], table: str, tenant: str) -> Iterator[dict[str, Any]]:
    """The rows of a tenant in a table: all keys differ, and what belongs together has the same uid."""
    for number in range(ROWS):
        yield {column.name: value for column in columns if (value := _value(column, table, tenant, number)) is not None}


def _value(column: Column, table: str, tenant: str, number: int) -> Any:
    kind, mark, amount = column.type, canary(tenant), COSTS.get(tenant, 7)
    if column.name == "department":
        return tenant
    if column.name == "currency":
        return "USD"
    if column.name == "cluster":
        return f"{mark}cluster"
    if column.name in {"uid", "workflow_uid"} and table in {"workflow_run", "workflow_live", "step_run", "pod_cost"}:
        return f"{mark}w{number}"
    if column.name in {"pod_uid", "uid"} and table in {"pod_cost", "pod_run"}:
        return f"{mark}p{number}"
    if column.name in {"run", "active_run", "late_run"}:
        return 1
    if column.name == "state" and table == "period":
        return "locked"
    if "Aggregate" in kind:
        return None
    if "Tuple" in kind:
        return [{"meter": mark, "quantity": amount, "unit": mark, "unit_price": amount, "cost": amount}]
    if "String" in kind:
        text = f"{mark}{table}-{column.name}-{number}"
        return {"A": [text], "M": {text: amount if "Decimal" in kind else text}}.get(kind[0], text)
    if "Date" in kind:
        day = f"2026-11-{1 + number % 28:02}"
        return day if kind == "Date" else f"{day} 10:{amount % 60:02}:{number:02}"
    if "Int" in kind or "Decimal" in kind or kind == "Bool":
        return None if "Array" in kind else (1 if kind in {"Bool", "UInt8"} else amount)
    return None


def fill(store: Running, tenants: Sequence[str]) -> None:
    """Makes the tables and inserts the rows of some tenants, all in one part, so that they share granules."""
    writer = store.writer()
    migrate(writer)
    writer.close()
    for table in STORED:
        of = (EVERYBODY,) if table.name in SHARED else tenants
        rows = [row for tenant in of for row in rows_of(table.columns, table.name, tenant)]
        if table.name == "statement_line":
            rows = [row | {"month": "2026-11-01"} for row in rows]
        if table.name in {"workflow_live"}:
            rows = [row | {"is_deleted": 0} for row in rows]
        body = f"INSERT INTO lynceus.{table.name} FORMAT JSONEachRow\n" + "\n".join(map(json.dumps, rows))
        reply = ask(store, body, user="lynceus", key=store.token())
        assert reply.status == 200, f"{table.name}: {reply.text}"


def tokens_of(tenants: Sequence[str]) -> Mapping[str, str]:
    """A new token of each tenant."""
    return {tenant: make_token() for tenant in tenants}


def entries(tokens: Mapping[str, str]) -> list[TokenEntry]:
    """The entries of a file with them."""
    return [
        TokenEntry(f"tenant-{COSTS.get(name, 7)}", hash_of(token), departments=of_departments([name]).departments)
        for name, token in tokens.items()
    ]


def serve(folder: Path, tenants: Sequence[str], tokens: Mapping[str, str]) -> Running:
    """A running store with the rows of some tenants, which all tokens open."""
    file = folder / "tokens.yaml"
    file.write_bytes(write_tokens(entries(tokens)))
    store = start(folder, token_files=[file])
    fill(store, tenants)
    return store


class Stores(NamedTuple):
    """The store of all tenants, and for each tenant one that has the rows of this tenant alone."""

    whole: Running
    own: Mapping[str, Running]
    tokens: Mapping[str, str]
