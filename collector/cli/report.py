"""`lynceus report` and `lynceus sql`: questions to the store."""

import functools
from collections.abc import Callable
from datetime import date
from typing import Annotated, Literal

import typer

from collector import connect
from collector.cli.console import out, write_answer
from collector.cli.options import Config, OutputFormat, Url, folder_of, parse_span
from collector.clock import now_ms
from collector.reports import cost, queue, shared_costs, steps, success
from collector.reports.render import print_report
from collector.reports.report import Query, Report, ReportError, Span, columns_by
from collector.settings.load import load_settings

Kind = Literal["cost", "queue", "success", "steps"]

GROUPED: dict[str, Callable[[Query, Span, str], Report]] = {"queue": queue.queue, "success": success.success}
DEFAULT_BY = {"cost": "department", "queue": "cluster,queue", "success": "cluster,namespace"}
FIRST_DAY = date(1970, 1, 1)
"""The earliest day of a ClickHouse Date."""


def report(
    kind: Annotated[Kind, typer.Argument(help="What to report.", show_default=False)],
    begin: Annotated[
        str, typer.Option("--from", help="First day, like 2026-11-01.", show_default="the first of this month")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="Day after the last day.", show_default="tomorrow")] = "",
    by: Annotated[
        str,
        typer.Option(
            help="Columns to group by, like department,project.",
            show_default="; ".join(f"{kind}: {columns}" for kind, columns in DEFAULT_BY.items()),
        ),
    ] = "",
    output_format: OutputFormat = "table",
    run: Annotated[
        int, typer.Option(min=0, help="Pricing run to report (cost only).", show_default="the active run of each month")
    ] = 0,
    workflow: Annotated[
        str,
        typer.Option(help="Workflow by name or uid (steps only). Without --from: of any day.", show_default=False),
    ] = "",
    config: Config = None,
    url: Url = "",
) -> None:
    """Print a report of a period: cost, queue waits or success rates, or the steps of one workflow."""
    _check_options(kind, workflow, run)
    settings = load_settings(config)
    span = parse_span(begin, end, settings.billing_timezone, earliest=FIRST_DAY if workflow else None)
    query = connect.reader(settings, url)
    if kind == "steps":
        made = steps.steps(query, workflow, span)
    elif kind == "cost":
        columns_by(by, cost.COLUMNS)  # wrong use is an error before the store is asked
        books = connect.books(settings, folder_of(config))
        shared = functools.partial(shared_costs.shared_costs, query, span, books, now_ms(), run=run)
        made = cost.cost(query, span, by or DEFAULT_BY[kind], run, shared)
    else:
        made = GROUPED[kind](query, span, by or DEFAULT_BY[kind])
    print_report(made, output_format, out)


def _check_options(kind: Kind, workflow: str, run: int) -> None:
    if bool(workflow) != (kind == "steps"):
        raise ReportError("`report steps` needs --workflow NAME, and other reports do not take it")
    if run and kind != "cost":
        raise ReportError("--run N goes with `report cost` only")


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT, SHOW, DESCRIBE or EXPLAIN.")],
    output_format: Annotated[
        str, typer.Option("--format", help="Any ClickHouse output format, like JSONEachRow or CSV.")
    ] = "PrettyCompact",
    config: Config = None,
    url: Url = "",
) -> None:
    """Query the store in SQL, read-only. Tables are those of the database lynceus."""
    store = connect.reading_store(load_settings(config), url)
    with connect.store_failures():
        answer = store.query_bytes(query, output_format)
    write_answer(answer)
