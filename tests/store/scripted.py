"""
A store without a server: it keeps the statements and answers queries from a script, for what no single engine can show.
"""

from collections.abc import Callable, Mapping
from typing import Any

from collector.store.clickhouse import Store

Rows = list[tuple[Any, ...]]


class Scripted(Store):
    """Answers each query by the first text of `script` that is part of it; a list of answers is used up to its last."""

    def __init__(self, script: Mapping[str, Rows | Callable[[dict[str, Any]], Rows]]):
        self.script = script
        self.statements: list[str] = []
        self.settings: list[dict[str, Any]] = []
        self.answers: list[list[str]] = []
        """What each server answers to a statement on all of them."""

    def query_rows(self, sql: str, parameters: dict[str, Any] | None = None) -> Rows:
        for part, rows in self.script.items():
            if part in sql:
                return rows(parameters or {}) if callable(rows) else rows
        raise AssertionError(f"no answer for {sql}")

    def command(
        self, sql: str, parameters: dict[str, Any] | None = None, settings: dict[str, Any] | None = None
    ) -> None:
        self.statements.append(sql)

    def run_on_cluster(self, sql: str, settings: dict[str, Any]) -> list[list[str]]:
        self.statements.append(sql)
        self.settings.append(settings)
        return self.answers
