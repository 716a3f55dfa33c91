"""`lynceus prices`: quotes from the price books, and checks of them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from collector import connect
from collector.billing import bill_commands
from collector.billing.bill_learn import LearnTerms
from collector.cli import price_import
from collector.cli.console import out, print_line
from collector.cli.options import Config, OutputFormat, TokenFile, Url, folder_of
from collector.core.model import Instant
from collector.prices import book
from collector.prices.quote import QuoteRequest, quote
from collector.prices.schema import CURRENCIES, parse_instant
from collector.reports import price_list
from collector.reports.periods import parse_month
from collector.reports.render import print_report
from collector.reports.report import ReportError
from collector.reports.savings_question import parse_amount
from collector.settings.load import load_settings

Purchase = Literal["on_demand", "spot", "best_effort", "reserved"]

app = typer.Typer(no_args_is_help=True, help="Ask the price books, and check them.")


@app.command("quote")
def print_quote(
    product: Annotated[str, typer.Option(help="Product, like alibaba-eci.")],
    seconds: Annotated[int, typer.Option(min=0, max=10**10, help="Billed time in seconds.")],
    spec: Annotated[str, typer.Option(help="Size as in the pod's annotation, like 2-4Gi or '0.25vCPU 0.5GB'.")] = "",
    instance_type: Annotated[str, typer.Option(help="Machine type instead of a spec, like ecs.c6.large.")] = "",
    cpu: Annotated[str, typer.Option(help="Requested vCPU, rounded up as the product does, like 2 or 250m.")] = "",
    memory_gib: Annotated[str, typer.Option(help="Requested memory in GiB.")] = "",
    region: Annotated[str, typer.Option(help="Like cn-hangzhou.", show_default="the product's default")] = "",
    zone: Annotated[str, typer.Option(help="Like cn-hangzhou-i; spot prices differ by zone.")] = "",
    purchase: Annotated[Purchase, typer.Option(help="How the capacity is bought.")] = "on_demand",
    price_class: Annotated[
        str, typer.Option("--class", help="Price class, like general-purpose.", show_default="the product's default")
    ] = "",
    ephemeral_gib: Annotated[str, typer.Option(help="Temporary storage in GiB; the free part is subtracted.")] = "0",
    gpu: Annotated[str, typer.Option(help="GPUs, for products that bill them separately.")] = "0",
    at: Annotated[str, typer.Option(help="Day or time of the prices, like 2026-11-01.", show_default="now")] = "",
    currency: Annotated[str, typer.Option(help="Like CNY.", show_default="the currency of the settings")] = "",
    output_format: Annotated[Literal["table", "json"], typer.Option("--format", help="Output format.")] = "table",
    config: Config = None,
) -> None:
    """Print what a size costs for a number of seconds."""
    if sum(map(bool, (spec, instance_type, cpu or memory_gib))) != 1:
        raise ReportError("give exactly one of --spec, --instance-type, or --cpu with --memory-gib")
    request = QuoteRequest(
        product=product,
        seconds=seconds,
        spec=spec,
        instance_type=instance_type,
        vcpu=parse_amount(cpu, "--cpu"),
        memory_gib=parse_amount(memory_gib, "--memory-gib"),
        region=region,
        zone=zone,
        purchase=purchase,
        price_class=price_class,
        ephemeral_gib=parse_amount(ephemeral_gib, "--ephemeral-gib"),
        gpu=parse_amount(gpu, "--gpu"),
    )
    books = connect.books_with(load_settings(config), folder_of(config), product, known_currency(currency))
    price_list.print_quote(quote(books, request, instant_of(at, datetime.now(UTC))), output_format, out)


@app.command("check")
def check_books(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Price books to check.", show_default="all shipped books")
    ] = None,
) -> None:
    """Validate price books, and compute the example bills (oracles) that they contain."""
    names = [str(file) for file in files or ()] or book.shipped_ids()
    for name in names:
        print_line(price_list.book_summary(name, book.read(name, Path(), names)))


@app.command("list")
def list_books(
    rows: Annotated[bool, typer.Option("--rows", help="List each price: dates, source, and what confirms it.")] = False,
    output_format: OutputFormat = "table",
    config: Config = None,
) -> None:
    """List the price books in force: versions, products, currencies, dates and sources."""
    books = connect.books(load_settings(config), folder_of(config))
    print_report((price_list.list_prices if rows else price_list.list_books)(books), output_format, out)


app.command("import", epilog=price_import.WHERE)(price_import.import_prices)


@app.command("learn")
def learn_prices(
    month: Annotated[str, typer.Option("--month", help="Month of an imported bill, like 2026-10.")],
    out_file: Annotated[Path, typer.Option("--out", help="Price book to write, ending in .yaml.")],
    product: Annotated[
        str, typer.Option(help="Product, like alibaba-acs.", show_default="the only one on the bill")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Also prices of pods that the books have a price for.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Write prices that an imported bill states, such as those of GPU types, to a book that extends the shipped one."""
    settings = load_settings(config)
    terms = LearnTerms(product=product, every=every, force=force, zone=ZoneInfo(settings.billing_timezone))
    print_report(
        bill_commands.learn_prices(settings, url, parse_month(month), terms, out_file, token_file=token_file),
        output_format,
        out,
    )


def known_currency(currency: str) -> str:
    """The currency of --currency, which may be empty; ReportError for an unknown one."""
    if currency and currency not in CURRENCIES:
        raise ReportError(f"--currency {currency}: unknown, expected one of {', '.join(sorted(CURRENCIES))}")
    return currency


def instant_of(day: str, now: datetime) -> Instant:
    """The instant of --at; empty is `now`."""
    try:
        return parse_instant(day) if day else int(now.timestamp() * 1000)
    except ValueError as error:
        raise ReportError(f"--at {error}") from None
