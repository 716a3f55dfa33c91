"""
SQL over the charges of months that several modules of this folder share.

The functions return whole subqueries and statements; values are bound, with the parameters of `run_month`.
"""

from typing import Any

from collector.catalog.bills import POD_COST
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import month_after

POINTERS = ("period", "pricing_run")
"""The tables by which collectors choose the runs that they write under: what is written to them must be on every replica."""
PRICED_FROM = ("pod_run", "workflow_run", "workflow_live", "pod_cost")
"""The tables that are read to price pods."""
BILL = ("pod_cost", "commitment_hour", "statement_line", "month_statement")
"""The tables that hold a bill."""

IN_MONTH = "day >= toDate({month:UInt16}) AND day < toDate({after:UInt16})"
"""Condition: the billing day is in the month."""
OF_RUN_MONTH = f"run = {{run:UInt32}} AND {IN_MONTH}"
"""Condition: the charge belongs to the pricing run and the month."""


def run_month(run: int, month: int, **more: Any) -> dict[str, Any]:
    """Returns the parameters of a query over a month's charges under a pricing run."""
    return {"run": run, "month": month, "after": month_after(month), **more}


def charges(where: str = "1") -> str:
    """Returns the subquery of a month's charges under a pricing run."""
    return f"(SELECT * FROM {DATABASE}.pod_cost FINAL WHERE {OF_RUN_MONTH} AND {where})"


def copy_charges(where: str = "1") -> str:
    """Returns the statement that copies a month's charges from one pricing run to another, {to_run:UInt32}."""
    names = [f"`{column.name}`" for column in POD_COST.stored]
    selected = ", ".join("{to_run:UInt32}" if name == "`run`" else name for name in names)
    return f"INSERT INTO {DATABASE}.pod_cost ({', '.join(names)}) SELECT {selected} FROM {charges(where)}"
