"""Commands about the provider's bill: opens settings and store for the other modules; every failure is one sentence."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from collector import connect
from collector.billing import bill_import, bill_learn, bill_show
from collector.billing.bill_learn import LearnTerms
from collector.bills.mapping import read_mapping
from collector.bills.read import BillReading
from collector.clock import now_ms
from collector.reports.report import Report
from collector.settings.model import Settings
from collector.store.clickhouse import Store

IMPORT_S = 600
"""Time that one insert, deletion or comparison may take."""


class HowToRead(NamedTuple):
    """What a bill's files do not say themselves."""

    mapping: Path | None
    account: str
    invoiced: bool


def import_files(
    settings: Settings,
    files: Sequence[Path],
    how: HowToRead,
    *,
    accept_bad: bool,
    is_final: bool,
    progress: Callable[[int], object],
) -> Report:
    """Imports files as the bills of their months."""
    form = read_mapping(how.mapping) if how.mapping else None
    reading = BillReading(load=now_ms(), mapping=form, account=how.account, invoiced=how.invoiced)
    store = connect.writing_store(settings, IMPORT_S)
    with connect.store_failures():
        return bill_import.import_bill(
            store, files, reading, accept_bad=accept_bad, is_final=is_final, progress=progress
        )


def show(settings: Settings, url: str, month: int, token_file: Path | None = None) -> Report:
    """Reports a month's imported bills beside its charges; any reader of the store may."""
    with connect.store_failures():
        return bill_show.show(_reading(settings, url, token_file), month, settings.bill.rules)


def learn_prices(
    settings: Settings, url: str, month: int, terms: LearnTerms, out: Path, *, token_file: Path | None = None
) -> Report:
    """Writes prices that a month's imported bill states to a price book; any reader of the store may."""
    with connect.store_failures():
        return bill_learn.learn(_reading(settings, url, token_file), month, terms, out)


def _reading(settings: Settings, url: str, token_file: Path | None) -> Store:
    return connect.reading_store(settings, url, sequential=True, timeout_s=IMPORT_S, token_file=token_file)
