"""`lynceus report savings`: what a fixed pool of nodes would have cost and how long pods would have waited on it."""

from typing import Annotated

import typer

from collector import connect
from collector.cli.console import out
from collector.cli.options import Begin, Config, End, OutputFormat, TokenFile, Url, Where, WholeMonth, folder_of
from collector.clock import now_ms
from collector.prices.pool_nodes import Per
from collector.reports.past_pods import CHOSEN_BY
from collector.reports.questions import AskedPeriod
from collector.reports.render import print_report
from collector.reports.savings_question import AskedNode, SavingsTerms, ask_savings
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
    period = AskedPeriod(begin=begin, end=end, month=month, zone=settings.billing_timezone)
    node = AskedNode(node_type, node_size, node_gpus, node_price, per)
    terms = SavingsTerms(connect.books(settings, folder_of(config)), settings.currency, now_ms())
    question = ask_savings(period, where or (), node, wait_s=wait, terms=terms)
    print_report(question(connect.reader(settings, url, token_file)), output_format, out)
