"""`lynceus prices import`: official price lists as a price book."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from collector.cli.console import report_step
from collector.prices.book_yaml import read_file
from collector.prices.official.alibaba_answers import QueriedSize
from collector.prices.official.as_book import HEADER, Imported, Wanted, import_lists
from collector.prices.official.downloads import DOWNLOADS
from collector.prices.official.files import read_lists
from collector.prices.official.listed import PriceList
from collector.prices.official.spot_series import END, with_prices
from collector.reports.periods import parse_day
from collector.reports.report import ReportError

MOST_REGIONS = 8
"""Regions that the summary names."""
WHERE = "Where the lists are. " + "\n\n".join(
    f"{product}: {download.source} ({download.note})" for product, download in DOWNLOADS.items()
)


def import_prices(
    files: Annotated[list[Path], typer.Argument(help="Files of one product, like all pages of an answer.")],
    region: Annotated[
        list[str] | None, typer.Option(help="Region to import; may be repeated.", show_default="all of the files")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Price book to write, like aws-prices.yaml.", show_default="standard output")
    ] = None,
    begin: Annotated[
        str, typer.Option("--from", help="First day of the prices, like 2026-11-01.", show_default="as the list says")
    ] = "",
    read: Annotated[
        str, typer.Option(help="Day on which the files were downloaded.", show_default="when they were last changed")
    ] = "",
    spec: Annotated[
        str, typer.Option(help="Size of Alibaba's answer, like 2-4Gi, if the file's name does not state it.")
    ] = "",
) -> None:
    """Make a price book of official price lists that you downloaded: of AWS, Azure, Google or Alibaba Cloud."""
    lists = read_lists(files, QueriedSize(region[0] if region and len(region) == 1 else "", spec))
    changed = min(datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in files)
    at = f"{parse_day(read, '--read')}" if read else f"{changed:%Y-%m-%dT%H:%M:%SZ}"
    spot = [price for listed in lists for price in listed.spot]
    wanted = Wanted(
        book_id=out.stem if out else f"{lists[0].product}-list",
        read=at[: len("2026-11-01")],
        begin=f"{parse_day(begin, '--from')}" if begin else "",
        regions=frozenset(region or ()),
        series=f"{out.stem}{END}" if out and spot else "",
    )
    imported = import_lists(lists, wanted)
    if out is None:
        typer.echo(imported.text, nl=False)
    else:
        series = out.with_name(wanted.series or "none")
        _write(out, imported.text, {series: with_prices(series, spot, at)} if spot else {})
    for line in summary(imported, lists, out):
        report_step(line)


def _write(path: Path, text: str, beside: dict[Path, str]) -> None:
    """Write a book and the files beside it, but not over a file that is not an imported book."""
    if path.suffix not in (".yaml", ".yml"):
        raise ReportError(f"--out {path}: a price book is a file that ends in .yaml")
    if path.exists() and not read_file(path).startswith(HEADER.encode()):
        raise ReportError(f"--out {path}: exists, and is not an imported book; give another name, or remove it")
    for file, content in ({path: text} | beside).items():
        try:
            file.write_text(content, encoding="utf-8")
        except OSError as error:
            raise ReportError(f"--out {file}: cannot be written: {error.strerror}") from None


def summary(imported: Imported, lists: Sequence[PriceList], out: Path | None) -> list[str]:
    """What was imported and what was not, line by line."""
    product, regions = lists[0].product, imported.regions
    shown = ", ".join(regions[:MOST_REGIONS]) + (", ..." if len(regions) > MOST_REGIONS else "")
    begin = min(row["from"] for row in imported.rows)
    counted = f"{_count(len(imported.rows), 'row')} of prices and {_count(imported.fees, 'fee')}"
    lines = [f"{product}: {counted}, {_count(len(regions), 'region')} ({shown}), from {begin}", *imported.notes]
    spot = sum(len(listed.spot) for listed in lists)
    if spot and out is None:
        lines.append(f"not imported: {_count(spot, 'spot price')}, which need a file: give --out")
    elif spot:
        lines.append(f"{_count(spot, 'spot price')} added to {out.stem if out else ''}{END}, each used for a day")
    if out:
        lines.append(f"bills are in {imported.currency}; name it in the settings: prices: [{product}, {out}]")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
