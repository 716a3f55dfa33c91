"""
`lynceus report`: what was spent, how long workflows waited, how they ended, and where one of them spent its time.

Each kind of report is a command with options of its own; those that several share are in options.py.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from collector import connect
from collector.cli.compare import Compare
from collector.cli.console import out
from collector.cli.deferred import deferred
from collector.cli.options import Begin, By, Config, End, Exact, OutputFormat, TokenFile, Top, Url, Where, WholeMonth
from collector.core.cost.budget import BUDGET_COLUMNS
from collector.language.language import language
from collector.reports import anomalies, cost, queue
from collector.reports.cost_columns import COLUMNS as COST_COLUMNS
from collector.reports.month_workflows import SORTS as WORKFLOW_SORTS
from collector.reports.questions import (
    AskedPeriod,
    ask_anomalies,
    ask_budgets,
    ask_comparison,
    ask_cost,
    ask_forecast,
    ask_queue,
    ask_shared,
    ask_steps,
    ask_success,
    ask_unallocated,
    ask_units,
    ask_workflows,
)
from collector.reports.render import print_report
from collector.reports.unit_costs import refuse_beside_unit
from collector.settings.attribution import annotations_of
from collector.settings.budgets import budgets_of
from collector.settings.load import load_settings
from collector.web.reports.anomaly_sentence import anomaly_sentence

ThisMonth = Annotated[str, typer.Option("--month", help="Month, like 2026-11.", show_default="this month")]

app = typer.Typer(
    cls=deferred(
        {
            "savings": "savings:report_savings",
            "snapshot": "snapshot:report_snapshot",
            "send": "report_send:report_send",
            "deliveries": "report_send:report_deliveries",
        }
    ),
    no_args_is_help=True,
    help="Reports of a period: what was spent, how long workflows waited, how they ended.",
)


def _more(columns: Iterable[str], examples: Iterable[str], options: str = "--by and --where") -> str:
    """What stands below the options of a report: its columns, and examples."""
    shown = "\n\n".join(f"lynceus report {example}" for example in examples)
    return f"Columns of {options}: {', '.join(columns)}.\n\nExamples:\n\n{shown}"


@app.command(
    "cost",
    epilog=_more(
        COST_COLUMNS,
        (
            "cost --month 2026-10",
            "cost --where department=maps --by template --sort waste --top 10",
            "cost --by week,department --from 2026-09-01",
            "cost --where queue=nightly --where outcome!=succeeded --by workflow,step",
            "cost --where department= --by creator,namespace",
            "cost --unit km --by template --month 2026-10",
            "cost --month 2026-10 --compare before --by template --top 10",
        ),
    ),
)
def report_cost(
    begin: Begin = "",
    end: End = "",
    month: WholeMonth = "",
    by: By = "department",
    where: Where = None,
    top: Top = 0,
    sort: Annotated[
        str, typer.Option(help=f"Largest first: {', '.join(cost.SORTS)}; or one of the columns of --by.")
    ] = "cost",
    run: Annotated[
        int, typer.Option(min=0, help="Pricing run to report.", show_default="the active run of each month")
    ] = 0,
    unit: Annotated[
        str, typer.Option(help="Instead: what one unit cost, such as km, by --by and month.", show_default=False)
    ] = "",
    compared: Compare = "",
    exact: Exact = False,
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Print what is to pay for a period, shared costs included, and what it was spent on."""
    settings = load_settings(config)
    period = AskedPeriod(begin=begin, end=end, month=month, zone=settings.billing_timezone)
    filters = where or ()
    if unit:
        refuse_beside_unit(other=bool(run or top or compared or sort != "cost"))
        question = ask_units(period, filters, by=by, unit=unit, units=annotations_of(settings.attribution.units))
    elif compared:
        question = ask_comparison(period, filters, by=by, compared=compared, run=run, top=top)
    else:
        question = ask_cost(period, filters, by=by, run=run, sort=sort, top=top)
    made = question(connect.reader(settings, url, token_file))
    print_report(made, output_format, out, exact=exact)


@app.command(
    "queue",
    epilog=_more(
        queue.COLUMNS,
        (
            "queue --month 2026-10 --by queue",
            "queue --where department=maps --by template --top 10",
            "queue --where queue=nightly --by reason",
            "queue --by creator --from 2026-11-01 --to 2026-11-08",
            "queue --where outcome!=succeeded --by template",
        ),
    ),
)
def report_queue(
    begin: Begin = "",
    end: End = "",
    month: WholeMonth = "",
    by: By = "cluster,queue",
    where: Where = None,
    top: Top = 0,
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Print how long workflows waited before they started, and for what."""
    settings = load_settings(config)
    period = AskedPeriod(begin=begin, end=end, month=month, zone=settings.billing_timezone)
    question = ask_queue(period, where or (), by=by, top=top)
    print_report(question(connect.reader(settings, url, token_file)), output_format, out)


@app.command(
    "success",
    epilog=_more(
        queue.COLUMNS,
        (
            "success --month 2026-10 --by department",
            "success --where template=train --by template_version",
            "success --where department=maps --by template --top 10",
            "success --where cluster=east --by queue",
            "success --by creator --format csv",
        ),
    ),
)
def report_success(
    begin: Begin = "",
    end: End = "",
    month: WholeMonth = "",
    by: By = "cluster,namespace",
    where: Where = None,
    top: Top = 0,
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Print how workflows ended, the success rates, and the most frequent causes of failure."""
    settings = load_settings(config)
    period = AskedPeriod(begin=begin, end=end, month=month, zone=settings.billing_timezone)
    question = ask_success(period, where or (), by=by, top=top)
    print_report(question(connect.reader(settings, url, token_file)), output_format, out)


@app.command(
    "anomalies",
    epilog=_more(
        anomalies.FILTERS,
        (
            "anomalies --month 2026-10",
            "anomalies --where department=maps",
            "anomalies --from 2026-11-01 --to 2026-11-08 --top 5",
            "anomalies --where template=train --top 0",
            "anomalies --month 2026-10 --format csv",
        ),
        options="--where",
    ),
)
def report_anomalies(
    begin: Begin = "",
    end: End = "",
    month: WholeMonth = "",
    where: Where = None,
    top: Annotated[int, typer.Option(min=0, help="Only so many, the most excess first; 0: all.")] = anomalies.MOST,
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Print runs, versions and days that cost far more than usual, and why."""
    settings = load_settings(config)
    period = AskedPeriod(begin=begin, end=end, month=month, zone=settings.billing_timezone)
    in_words = partial(anomaly_sentence, language=language("en"))
    question = ask_anomalies(period, where or (), top=top, sentence=in_words)
    print_report(question(connect.reader(settings, url, token_file)), output_format, out)


@app.command("steps")
def report_steps(
    workflow: Annotated[str, typer.Option(help="Workflow by name or uid.")],
    begin: Annotated[str, typer.Option("--from", help="First day.", show_default="any day")] = "",
    end: End = "",
    month: WholeMonth = "",
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Print the critical path and the slowest steps of one workflow."""
    settings = load_settings(config)
    question = ask_steps(AskedPeriod(begin=begin, end=end, month=month, zone=settings.billing_timezone), workflow)
    print_report(question(connect.reader(settings, url, token_file)), output_format, out)


@app.command(
    "forecast",
    epilog=_more(
        BUDGET_COLUMNS,
        (
            "forecast",
            "forecast --by department",
            "forecast --where department=maps --by template",
            "forecast --where product=alibaba-eci --format json",
            "forecast --month 2026-10 --by department",
        ),
    ),
)
def report_forecast(
    month: ThisMonth = "",
    by: Annotated[str, typer.Option(help="Columns to group by, separated by commas.", show_default=False)] = "",
    where: Where = None,
    exact: Exact = False,
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Print what a month will cost: to date, likely, and from low to high in four of five cases."""
    settings = load_settings(config)
    question = ask_forecast(month, where or (), by=by, now=datetime.now(ZoneInfo(settings.billing_timezone)))
    print_report(question(connect.reader(settings, url, token_file)), output_format, out, exact=exact)


@app.command("budgets")
def report_budgets(
    month: ThisMonth = "",
    exact: Exact = False,
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Print how far a month has gone towards each budget of the settings, and what is likely."""
    settings = load_settings(config)
    budgets = budgets_of(settings.budgets, settings.currency)
    question = ask_budgets(month, budgets, now=datetime.now(ZoneInfo(settings.billing_timezone)))
    print_report(question(connect.reader(settings, url, token_file)), output_format, out, exact=exact)


@app.command(
    "workflows",
    epilog=_more(
        COST_COLUMNS,
        (
            "workflows --month 2026-10 --where department=maps --top 20",
            "workflows --where template=train --sort waste",
        ),
        options="--where",
    ),
)
def report_workflows(
    begin: Begin = "",
    end: End = "",
    month: WholeMonth = "",
    where: Where = None,
    top: Top = 0,
    sort: Annotated[str, typer.Option(help=f"Largest first: {', '.join(WORKFLOW_SORTS)}.")] = "cost",
    exact: Exact = False,
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Print what each workflow cost, the dearest first, and how it ended."""
    settings = load_settings(config)
    period = AskedPeriod(begin=begin, end=end, month=month, zone=settings.billing_timezone)
    question = ask_workflows(period, where or (), sort=sort, top=top)
    print_report(question(connect.reader(settings, url, token_file)), output_format, out, exact=exact)


@app.command("shared")
def report_shared(
    department: Annotated[str, typer.Option(help="Who pays; unallocated: what no department pays.")],
    month: ThisMonth = "",
    exact: Exact = False,
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Print what a department pays of shared costs, and by which weight."""
    settings = load_settings(config)
    question = ask_shared(month, department, now=datetime.now(ZoneInfo(settings.billing_timezone)))
    print_report(question(connect.reader(settings, url, token_file)), output_format, out, exact=exact)


@app.command("unallocated")
def report_unallocated(
    begin: Begin = "",
    end: End = "",
    month: WholeMonth = "",
    exact: Exact = False,
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Print what belongs to no department, whose it probably is, and the rule that would allocate it."""
    settings = load_settings(config)
    question = ask_unallocated(AskedPeriod(begin=begin, end=end, month=month, zone=settings.billing_timezone))
    print_report(question(connect.reader(settings, url, token_file)), output_format, out, exact=exact)
