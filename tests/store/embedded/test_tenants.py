"""
A department finds out nothing about another one, whatever it writes into a statement.

The proof is a difference that is not there: each statement has the same answer, to the byte, as from a store that never had
the rows of others.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.store.embedded.tenant_statements import ORACLES, OTHERS, PLACES, READS
from tests.store.embedded.tenants import COSTS, TENANTS, Stores, canary
from tests.store.running import Reply, ask

AT = {"cost_daily": "toDateTime(day)", "workflow_hourly": "hour"}
VALUE = {"pod_cost": "toInt64(assumeNotNull(cost))", "cost_daily": "toInt64(pods)", "workflow_hourly": "toInt64(runs)"}
TEXT = {"pod_cost": "product", "cost_daily": "product", "workflow_hourly": "template"}
PARAMETERS: dict[str, Any] = {"param_x": "lynceus.pod_cost", "param_y": TENANTS[1]}


def statements(table: str) -> list[str]:
    """All statements about a table, with the names of its columns."""
    places = [(place, oracle) for place in PLACES for oracle in ORACLES if place == PLACES[0] or oracle in ORACLES[:3]]
    words = {
        "@table": f"lynceus.{table}",
        "@name": table,
        "@at": AT.get(table, "created_at"),
        "@value": VALUE.get(table, "toInt64(attempt)"),
        "@text": TEXT.get(table, "template"),
    }
    return [replaced(text, words) for text in [*(p.replace("@oracle", o) for p, o in places), *READS]]


def about(statement: str, tenant: str, other: str) -> str:
    """A statement of a tenant about another one."""
    words = {"@foreign": quoted(other), "@own": quoted(tenant), "@canary": canary(other), "@cost": str(COSTS[other])}
    return replaced(statement, words)


def replaced(text: str, words: Mapping[str, str]) -> str:
    """A text with values in the place of words."""
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def quoted(text: str) -> str:
    return "'" + text.replace("'", "\\'") + "'"


def shown(reply: Reply) -> tuple[int, list[bytes], dict[str, str]]:
    """What an answer shows: rows in any order, since without ORDER BY the engine promises none."""
    headers = {name: value for name, value in reply.headers.items() if name not in {"Date", "Content-Length"}}
    return reply.status, sorted(reply.body.splitlines()), headers


def difference(stores: Stores, text: str, tenant: str) -> str:
    """The statement if its answer shows others: another answer than without them, or a canary; else an empty text."""
    others = [name for name in TENANTS if name != tenant]
    statement, key = about(text, tenant, others[0]), stores.tokens[tenant]
    whole = ask(stores.whole, statement, user="default", key=key, **PARAMETERS)
    alone = ask(stores.own[tenant], statement, user="default", key=key, **PARAMETERS)
    leaked = any(canary(name) in f"{whole.text} {whole.headers}" and canary(name) not in statement for name in others)
    if shown(whole) == shown(alone) and not leaked:
        return ""
    return f"{statement}\n  whole: {whole.status} {whole.text[:300]}\n  alone: {alone.status} {alone.text[:300]}"


def differences(stores: Stores, texts: Iterable[str], tenant: str) -> list[str]:
    """The statements whose answers show others."""
    with ThreadPoolExecutor(4) as threads:
        return [*filter(None, threads.map(lambda text: difference(stores, text, tenant), texts))]


@pytest.mark.parametrize(
    ("table", "tenant"),
    [*(("pod_cost", tenant) for tenant in TENANTS), ("workflow_run", "alpha"), ("cost_daily", "bravo")],
)
def test_a_statement_about_a_table_shows_nothing_of_others(stores: Stores, table: str, tenant: str) -> None:
    """Whatever it is: conditions that fail, places of rows, joins, formats, settings."""
    assert differences(stores, statements(table), tenant) == []


@pytest.mark.parametrize("tenant", TENANTS)
def test_a_statement_about_anything_shows_nothing_of_others(stores: Stores, tenant: str) -> None:
    """Tables without departments, the engine's own tables, and everything but SELECT."""
    assert differences(stores, OTHERS, tenant) == []
