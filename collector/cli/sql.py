"""`lynceus sql`: any question to the store."""

import re
from typing import Annotated

import typer

from collector import connect
from collector.cli.console import write_answer
from collector.cli.options import Config, TokenFile, Url
from collector.settings.load import load_settings

OWN_FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)


def split_format(query: str) -> tuple[str, str]:
    """Returns a query without its own `FORMAT name` at the end, and that format: the store gets it in another way."""
    found = OWN_FORMAT.search(query)
    return (query[: found.start()], found[1]) if found else (query.rstrip().removesuffix(";"), "")


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT, SHOW, DESCRIBE or EXPLAIN.")],
    output_format: Annotated[
        str,
        typer.Option(
            "--format",
            help="Any ClickHouse output format, like JSONEachRow or CSV; or `FORMAT CSV` at its end.",
        ),
    ] = "PrettyCompact",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Query the store in SQL, read-only. Tables are those of the database lynceus."""
    store = connect.reading_store(load_settings(config), url, token_file=token_file)
    query, own_format = split_format(query)
    with connect.store_failures():
        answer = store.query_bytes(query, own_format or output_format)
    write_answer(answer)
