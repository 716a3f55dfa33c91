"""
SQL that several reports share: periods, and whole subqueries that stand after FROM.

Values are bound parameters (`Span.parameters`); only names and conditions declared in the code are part of the text.
"""

from collections.abc import Sequence
from typing import Any

from collector.catalog.schema import DATABASE
from collector.reports.report import Span

BEGIN, END = "toDateTime64({begin:Date}, 3, {zone:String})", "toDateTime64({end:Date}, 3, {zone:String})"
"""The ends of a period as instants."""
IN_PERIOD = "day >= {begin:Date} AND day < {end:Date}"
"""Condition: the billing day is in the period."""
CREATED = f"created_at >= {BEGIN} AND created_at < {END}"
"""Condition: the row's object was created in the period."""
FINISHED = f"finished_at >= {BEGIN} AND finished_at < {END}"
"""Condition: the attempt finished in the period."""
CREATED_ATTEMPTS = f"(SELECT * FROM workflow_run FINAL WHERE {CREATED})"
FINISHED_ATTEMPTS = f"(SELECT * FROM workflow_run FINAL WHERE {FINISHED})"


def charges(run: int, where: str = "1") -> str:
    """Returns the subquery of a period's charges: those of a pricing run, or of the bill (run 0)."""
    if run:
        return f"(SELECT * FROM {DATABASE}.pod_cost FINAL WHERE {OF_RUN} AND {IN_PERIOD} AND {where})"
    return f"(SELECT * FROM {DATABASE}.cost_current WHERE {IN_PERIOD} AND {where})"


OF_RUN = "run = {run:UInt32}"
"""Condition: the row belongs to the pricing run."""


def parameters(span: Span, run: int = 0, **more: Any) -> dict[str, Any]:
    """Returns the parameters of a query over a period, of a pricing run or of the bill (run 0)."""
    return {**span.parameters(), **({"run": run} if run else {}), **more}


def column_list(columns: Sequence[str]) -> str:
    """Returns columns as they stand before others in a SELECT or ORDER BY, each followed by a comma."""
    return "".join(f"`{column}`, " for column in columns)


def limit(rows: int) -> str:
    """Returns LIMIT, or nothing for all rows (0); the number is this program's own."""
    return f" LIMIT {rows:d}" if rows else ""


def group_by(columns: Sequence[str], order: str) -> str:
    """Returns GROUP BY with ORDER BY, ties in the order of the columns; nothing for the sum over all rows."""
    keys = column_list(columns).rstrip(", ")
    return f"GROUP BY {keys} ORDER BY {order}, {keys}" if keys else ""
