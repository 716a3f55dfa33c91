"""
The commands. Each reads its settings, asks for a wired part, and prints; no logic lives here.

Exit codes: 0 well, 1 a run-time failure, 2 wrong use or settings. A user sees one sentence with a remedy, never a trace.
"""

import asyncio
import functools
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from collector import __version__, connect
from collector.backfill import command as backfilling
from collector.billing import commands
from collector.billing.runs import RepricingError
from collector.cli import check as checks
from collector.cli import demo as showcase
from collector.cli import progress, store
from collector.clock import now_ms
from collector.core.cost.billing_days import day_of
from collector.prices import book
from collector.prices.quote import quote
from collector.reports import cost, price_list, queue, render, shared_costs, steps, success
from collector.reports import report as shape
from collector.service import run as service
from collector.settings.load import load_settings
from collector.settings.model import SettingsError

app = typer.Typer(
    name="lynceus",
    help="Why each Argo workflow waits, what it cost, and who pays: for fleets of clusters.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
prices_app = typer.Typer(no_args_is_help=True, help="Ask the price books, and check them.")
app.add_typer(prices_app, name="prices")

period_app = typer.Typer(no_args_is_help=True, help="Months: list, lock, unlock, and correct what came after a lock.")
app.add_typer(period_app, name="period")
app.add_typer(store.app, name="store")
app.command("export")(store.export)

# A pipe has no width: 80 columns would fold every name in it.
out = Console(width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, highlight=False)

REPORTS: dict[str, Callable[[shape.Query, shape.Span, str], shape.Report]] = {
    "cost": cost.cost,
    "queue": queue.queue,
    "success": success.success,
}
STEPS = "steps"
FIRST_DAY = date(1970, 1, 1)
"""The earliest that a ClickHouse Date can be."""
DEFAULT_BY = {"cost": "department", "queue": "cluster,queue", "success": "cluster,namespace"}

Config = Annotated[Path | None, typer.Option("--config", help="Settings file (YAML). Left out: defaults.")]
Url = Annotated[
    str, typer.Option("--url", help="Store to ask, like http://host:8123/lynceus. Left out: the settings'.")
]

Month = Annotated[str, typer.Argument(help="Like 2026-10.")]


@app.command()
def run(config: Config = None) -> None:
    """Watch the clusters and serve pages, metrics and the store."""
    asyncio.run(service.run(load_settings(config), folder=_folder(config)))


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port of the pages; the store takes the one after it.")] = 8470,
    data: Annotated[Path, typer.Option(help="Where the demo keeps its data; a second start goes on from it.")] = Path(
        "lynceus-demo"
    ),
    clusters: Annotated[int, typer.Option(min=1, max=9, help="Clusters in the fleet.")] = 3,
    seed: Annotated[int, typer.Option(help="Another seed, another fleet.")] = 1,
    seconds: Annotated[int, typer.Option("--for", min=0, help="End by itself after so many seconds; 0: never.")] = 0,
) -> None:
    """Run a miniature fleet with everything that watches it, in one process tree."""
    asyncio.run(showcase.demo(port=port, data=data, clusters=clusters, seed=seed, seconds=seconds, say=out.print))


@app.command()
def check(config: Config = None) -> None:
    """Check settings, price books, clusters, rights and store: one line each, exit 2 if anything needed fails."""
    failed = False
    for row in asyncio.run(checks.check(load_settings(config), _folder(config))):
        failed = failed or (row.needed and not row.ok)
        mark = "[green]ok[/]" if row.ok else "[red]failed[/]" if row.needed else "[yellow]without[/]"
        out.print(f"{mark:20} {row.subject}: {row.detail}", highlight=False, soft_wrap=True)
        if row.remedy and not row.ok:
            out.print(f"       remedy: {row.remedy}", highlight=False, soft_wrap=True, markup=False)
    raise typer.Exit(2 if failed else 0)


@app.command()
def migrate(
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL, run nothing.")] = False,
) -> None:
    """Bring the store's tables up to date."""
    for line in store.migrate(load_settings(config), dry_run):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command()
def report(
    kind: Annotated[str, typer.Argument(help="cost, queue, success or steps.")],
    begin: Annotated[str, typer.Option("--from", help="First day, inclusive. Left out: the first of this month.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last day, exclusive. Left out: tomorrow.")] = "",
    by: Annotated[str, typer.Option(help="Columns to group by, like department,project.")] = "",
    form: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
    run: Annotated[int, typer.Option(min=0, help="For cost: of this pricing run; left out: of the bill.")] = 0,
    workflow: Annotated[str, typer.Option(help="Name or uid; for steps, of whichever day without --from.")] = "",
    config: Config = None,
    url: Url = "",
) -> None:
    """Print a report of a period, or of one workflow's steps."""
    if kind not in (*REPORTS, STEPS):
        raise shape.ReportError(f"{kind}: no such report; there are {', '.join((*REPORTS, STEPS))}")
    if bool(workflow) != (kind == STEPS):
        raise shape.ReportError("--workflow NAME goes with `report steps`, and only with it")
    if run and kind != "cost":
        raise shape.ReportError("--run N goes with `report cost`, and only with it")
    if form not in ("table", "csv", "json"):
        raise shape.ReportError(f"--format {form}: no such format; there are table, csv, json")
    chosen = load_settings(config)
    span = _span(begin, end, chosen.billing_timezone, FIRST_DAY if workflow else None)
    query = connect.reader(chosen, url)
    if workflow:
        made = steps.steps(query, workflow, span)
    elif kind == "cost":
        shape.columns_by(by or DEFAULT_BY[kind], cost.COLUMNS)  # wrong use is told before anything is asked
        books, now = connect.books(chosen, _folder(config)), now_ms()
        fees = functools.partial(shared_costs.shared_costs, query, span, books, now, run)
        made = cost.cost(query, span, by or DEFAULT_BY[kind], run, fees)
    else:
        made = REPORTS[kind](query, span, by or DEFAULT_BY[kind])
    render.print_report(made, form, out)


@app.command()
def reprice(
    begin: Annotated[str, typer.Option("--from", help="A day of the first month, as in 2026-11-01.")],
    end: Annotated[str, typer.Option("--to", help="The day after the last; its month is priced as a whole.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compute and compare, write nothing.")] = False,
    form: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
    config: Config = None,
) -> None:
    """Price months again with the books and rules in force, from what is stored, and make that the bill."""
    price_list.one_of("--format", form, ("table", "csv", "json"))
    chosen = load_settings(config)
    span = _span(begin, end, chosen.billing_timezone, None)
    with progress.shown("pods priced", err) as (say, count):
        made = commands.reprice(chosen, _folder(config), span, dry_run=dry_run, say=say, progress=count)
    render.print_report(made, form, out)


@app.command()
def backfill(
    begin: Annotated[str, typer.Option("--from", help="First day on which workflows ended, as in 2026-11-01.")],
    end: Annotated[str, typer.Option("--to", help="The day after the last.")],
    cluster: Annotated[str, typer.Option(help="Only this one; left out: all that name an archive.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare, fetch and write nothing.")] = False,
    form: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
    config: Config = None,
) -> None:
    """Take workflows that nobody watched from Argo's archive; after a gap a running collector does so by itself."""
    price_list.one_of("--format", form, ("table", "csv", "json"))
    chosen = load_settings(config)
    span = _span(begin, end, chosen.billing_timezone, None)
    with progress.shown("hours asked about", err) as (_, count):
        made = backfilling.backfill_span(chosen, _folder(config), span, cluster, dry_run=dry_run, progress=count)
    render.print_report(made, form, out)
    if any(row[-1] for row in made.rows) or len(made.notes) > dry_run:
        raise typer.Exit(1)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT, SHOW, DESCRIBE or EXPLAIN.")],
    form: Annotated[str, typer.Option("--format", help="Any ClickHouse output format.")] = "PrettyCompact",
    config: Config = None,
    url: Url = "",
) -> None:
    """Ask the store in SQL, read-only; tables are those of the database lynceus."""
    sys.stdout.buffer.write(store.ask(load_settings(config), url, query, form))


@prices_app.command("quote")
def prices_quote(
    product: Annotated[str, typer.Option(help="Like alibaba-eci.")],
    seconds: Annotated[int, typer.Option(min=0, max=10**10, help="Seconds from the bill's beginning to its end.")],
    spec: Annotated[str, typer.Option(help="As on the annotation, like 2-4Gi or '0.25vCPU 0.5GB'.")] = "",
    instance_type: Annotated[str, typer.Option(help="Machine type instead of a spec, like ecs.c6.large.")] = "",
    cpu: Annotated[str, typer.Option(help="vCPU requested; sized as the product does.")] = "",
    memory_gib: Annotated[str, typer.Option(help="GiB requested.")] = "",
    region: Annotated[str, typer.Option(help="Like cn-hangzhou; left out: the product's default.")] = "",
    zone: Annotated[str, typer.Option(help="Like cn-hangzhou-i; spot prices are a zone's.")] = "",
    purchase: Annotated[str, typer.Option(help="on_demand, spot, best_effort or reserved.")] = "on_demand",
    price_class: Annotated[
        str, typer.Option("--class", help="Like general-purpose; left out: the product's default.")
    ] = "",
    ephemeral_gib: Annotated[str, typer.Option(help="Temporary storage in all; a free part is taken off.")] = "0",
    gpu: Annotated[str, typer.Option(help="GPUs, where they are billed beside vCPU and memory.")] = "0",
    at: Annotated[str, typer.Option(help="Day or time of the prices; left out: now.")] = "",
    currency: Annotated[str, typer.Option(help="Like CNY; left out: the settings'.")] = "",
    form: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
    config: Config = None,
) -> None:
    """What a spec costs for some seconds."""
    price_list.one_of("--format", form, ("table", "json"))
    asked = price_list.ask(
        product=product, seconds=seconds, spec=spec, instance_type=instance_type, cpu=cpu, memory_gib=memory_gib,
        region=region, zone=zone, purchase=purchase, price_class=price_class, ephemeral_gib=ephemeral_gib, gpu=gpu,
    )  # fmt: skip
    books = connect.books_with(load_settings(config), _folder(config), product, price_list.currency(currency))
    price_list.print_quote(quote(books, asked, price_list.moment(at, datetime.now(UTC))), form, out)


@prices_app.command("check")
def prices_check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Books to check; left out: those that are shipped.")
    ] = None,
) -> None:
    """Validate price books and run the oracles inside them."""
    names = [str(file) for file in files or ()] or book.shipped_ids()
    for name in names:
        out.print(
            price_list.checked(name, book.read(name, Path(), names)), highlight=False, markup=False, soft_wrap=True
        )


@prices_app.command("list")
def prices_list(
    form: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
    config: Config = None,
) -> None:
    """The books in force: versions, products, currencies, dates and sources."""
    price_list.one_of("--format", form, ("table", "csv", "json"))
    render.print_report(price_list.listing(connect.books(load_settings(config), _folder(config))), form, out)


@period_app.command("list")
def period_list(
    form: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table", config: Config = None
) -> None:
    """Each month's state, active run and sums; of a locked one whether it still is as it was locked."""
    price_list.one_of("--format", form, ("table", "csv", "json"))
    render.print_report(commands.months(load_settings(config)), form, out)


@period_app.command("lock")
def period_lock(month: Month, config: Config = None) -> None:
    """Lock a month that has ended: its charges never change again."""
    out.print(commands.lock(load_settings(config), _month(month), err.print), highlight=False, soft_wrap=True)


@period_app.command("unlock")
def period_unlock(
    month: Month,
    yes_really: Annotated[
        bool, typer.Option("--yes-really", help="The bill of this month may have been paid.")
    ] = False,
    config: Config = None,
) -> None:
    """Open a locked month again; refused when corrections of it are booked."""
    if not yes_really:
        raise RepricingError(f"{month}: a locked month may have been billed; say --yes-really to open it")
    out.print(commands.unlock(load_settings(config), _month(month), err.print), highlight=False, soft_wrap=True)


@period_app.command("reconcile")
def period_reconcile(
    month: Month,
    billed: Annotated[list[str], typer.Option(help="What the provider billed: AMOUNT, or PRODUCT=AMOUNT, repeatable.")],
    tolerance: Annotated[str, typer.Option(help="Percent of the bill; a larger difference is told.")] = "1",
    form: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
    config: Config = None,
) -> None:
    """Put the provider's bill of a month that has ended on record beside ours, and tell the difference."""
    price_list.one_of("--format", form, ("table", "csv", "json"))
    amounts = dict(price_list.billed("--billed", text) for text in billed)
    within = price_list.billed("--tolerance", tolerance)[1]
    made = commands.reconcile(load_settings(config), _folder(config), _month(month), amounts, within)
    render.print_report(made, form, out)


@period_app.command("correct")
def period_correct(config: Config = None) -> None:
    """Book what arrived late for locked months in the open one; a running collector does so each hour."""
    out.print(commands.correct(load_settings(config)), highlight=False)


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__, highlight=False)


def _folder(config: Path | None) -> Path:
    """What relative paths in a settings file are relative to."""
    return config.parent if config else Path()


def _span(begin: str, end: str, zone: str, earliest: date | None) -> shape.Span:
    """The asked period; left out, this month up to and with today."""
    today = datetime.now(ZoneInfo(zone)).date()
    first, last = _day(begin, "--from", earliest or today.replace(day=1)), _day(end, "--to", today + timedelta(days=1))
    if last <= first:
        raise shape.ReportError(f"--to {last} is not after --from {first}; --to is exclusive")
    return shape.Span(first, last, zone)


def _month(text: str) -> int:
    """The first day of a month."""
    try:
        return day_of(date.fromisoformat(f"{text}-01"))
    except ValueError:
        raise shape.ReportError(f"{text}: no month; write it like 2026-10") from None


def _day(text: str, option: str, otherwise: date) -> date:
    try:
        return date.fromisoformat(text) if text else otherwise
    except ValueError:
        raise shape.ReportError(f"{option} {text}: no day; write it like 2026-11-01") from None


def _fail(code: int, error: object) -> Any:
    err.print(f"lynceus: {error}", markup=False, soft_wrap=True)
    sys.exit(code)


def main() -> None:
    """The console script: turns the errors a user can mend into one sentence."""
    try:
        app()
    except (SettingsError, book.BookError, shape.ReportError, RepricingError) as error:
        _fail(2, error)
    except connect.Failure as error:
        _fail(1, error)
    except KeyboardInterrupt:
        sys.exit(130)
