"""`lynceus report savings`: what a fixed pool of nodes would have cost and how long pods would have waited on it."""

from decimal import Decimal
from fractions import Fraction
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from collector import connect
from collector.cli.console import out
from collector.cli.options import (
    Begin,
    Config,
    End,
    OutputFormat,
    TokenFile,
    Url,
    Where,
    WholeMonth,
    folder_of,
    parse_period,
)
from collector.cli.prices import parse_amount
from collector.clock import now_ms
from collector.core.cost.billing_days import date_of, day_of, midnight, month_after, month_of
from collector.core.model import Instant
from collector.core.savings.pool import PoolNode, PoolWindow
from collector.core.units import HOUR_MS
from collector.prices.lookup import Books
from collector.prices.pool_nodes import NodeWish, Per, PoolNodeError, pool_node
from collector.prices.schema import parse_money
from collector.reports import savings
from collector.reports.filters import parse_filters
from collector.reports.past_pods import CHOSEN_BY, selection
from collector.reports.render import print_report
from collector.reports.report import ReportError, Span
from collector.settings.load import load_settings

EXAMPLES = f"""Columns of --where: {", ".join(CHOSEN_BY)}.

Examples:

lynceus report savings --month 2026-10 --node-type ecs.c6.large --node-price 0.06

lynceus report savings --where department=maps --node-size 31-60Gi --node-price 250 --per month --wait 300"""


def report_savings(
    begin: Begin = "",
    end: End = "",
    month: WholeMonth = "",
    where: Where = None,
    node_type: Annotated[
        str, typer.Option(help="The pool's node, like ecs.c6.large.", show_default="the first of `nodes` in `prices`")
    ] = "",
    node_size: Annotated[
        str,
        typer.Option(
            help="What one node has for pods, like 2-4Gi.", show_default="by the price books, or the type's name"
        ),
    ] = "",
    node_gpus: Annotated[str, typer.Option(help="GPUs of one node.", show_default="by the price books")] = "",
    node_price: Annotated[
        str, typer.Option(help="Price of one node, in the currency of the bill.", show_default="by the price books")
    ] = "",
    per: Annotated[Per, typer.Option(help="What --node-price is for.")] = "hour",
    wait: Annotated[int, typer.Option(min=0, help="Seconds that 19 of 20 pods may wait at most.")] = 60,
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Print what a fixed pool of nodes would have cost and how long pods would have waited; what spot and sizes cost."""
    settings = load_settings(config)
    span = parse_period(begin, end, month, settings.billing_timezone)
    window = window_of(span, now_ms())
    wish = NodeWish(node_type, node_size, parse_amount(node_gpus, "--node-gpus"), _money(node_price), per)
    books = connect.books(settings, folder_of(config))
    node = _node(books, wish, span, window)
    filters = parse_filters(where or (), CHOSEN_BY)
    question = savings.PoolQuestion(node, wait * 1000, filters)
    query, chosen = connect.reader(settings, url, token_file), selection(window, settings.currency, filters)
    made = savings.savings(query, span, chosen, question, books)
    print_report(made, output_format, out)


def window_of(span: Span, now: Instant) -> PoolWindow:
    """The time of a period that has passed."""
    zone = ZoneInfo(span.zone)
    begin, end = (midnight(day, zone) for day in (span.begin, span.end))
    if begin >= now:
        raise ReportError(f"{span} has not begun; choose a month that has with --month, or days with --from and --to")
    return PoolWindow(begin, min(end, now))


def _node(books: Books, wish: NodeWish, span: Span, window: PoolWindow) -> PoolNode:
    try:
        return pool_node(books, wish, window.begin, _hours_of_month(span))
    except PoolNodeError as error:
        raise ReportError(str(error)) from None


def _hours_of_month(span: Span) -> Fraction:
    """Hours of the month in which a period begins."""
    first, zone = month_of(day_of(span.begin)), ZoneInfo(span.zone)
    begin, end = (midnight(date_of(month), zone) for month in (first, month_after(first)))
    return Fraction(end - begin, HOUR_MS)


def _money(price: str) -> Decimal | None:
    try:
        return parse_money(price) if price else None
    except ValueError as error:
        raise ReportError(f"--node-price: {error}") from None
