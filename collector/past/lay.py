"""
Lays down the past of a demo in its store, before the collector of the demo starts.
"""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from collector import connect
from collector.billing import commands
from collector.billing.rows import write_facts
from collector.billing.shared import StatementTerms
from collector.clock import now_ms
from collector.core.cost.billing_days import date_of, month_after
from collector.demo.scenario import SimulatedCluster
from collector.demo.scenario import clusters as fleet
from collector.past.bill import import_file, write_bill, write_settings
from collector.past.calendar import PastDays, calendar, eras
from collector.past.copies import PatternCopy, copies
from collector.past.months import close_months, open_months, plain_nodes, watched
from collector.past.patterns import Pattern, make_pattern
from collector.past.prices import write_prices
from collector.past.rows import roll_up_days, write_copies
from collector.past.story import HABITS
from collector.past.walk import PatternPlace
from collector.prices import book
from collector.prices.lookup import Books
from collector.settings.derived import make_data_dir, rules_version
from collector.settings.model import Settings
from collector.store.clickhouse import Store
from collector.store.embedded.child import start_child
from collector.store.schema.migrate import migrate
from collector.store.worker import Worker

CLUSTERS = 3
"""Of the fleet; further ones are copies, which have no past."""
STATEMENT_S = 120
UNFINISHED = "unfinished"
LOCAL = "127.0.0.1:0"
"""Any free port: the store is reached by its socket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """How much is drawn, and from which chance."""

    seed: int = 1
    share: float = 1.0
    """Of the runs of each day; less makes a smaller store, for tests."""
    patterns: int = 20
    """Of each template in each of its eras."""


@dataclass(frozen=True, slots=True)
class DrawnPast:
    """What is to be written."""

    clusters: Mapping[str, SimulatedCluster]
    days: PastDays
    patterns: list[Pattern]
    copies: list[PatternCopy]

    @property
    def pods(self) -> int:
        """How many pods all copies have."""
        pods = {pattern.number: len(pattern.pods) for pattern in self.patterns}
        return sum(pods[copy.pattern] for copy in self.copies)


async def lay_past(settings_of: Callable[[Path, Path], Settings], data: Path, collector: str, draws: Draws) -> str:
    """
    Lays down the past in a demo's folder, which has no store yet; returns a sentence about it.

    The store is made in a folder of its own and moved when it is complete: an interrupted start begins again.
    `settings_of` gets that folder, and the demo's, in which the price books are.
    """
    unfinished = data / UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    past = await _lay(settings_of, unfinished, data, draws)
    write_settings(data, settings_of(data / collector, data))
    unfinished.rename(data / collector)
    return f"{past.pods:,} pods of {len(past.copies):,} workflows since {date_of(past.days.begin):%B %Y}"


async def _lay(settings_of: Callable[[Path, Path], Settings], folder: Path, data: Path, draws: Draws) -> DrawnPast:
    days, clusters = calendar(datetime.now(UTC)), {cluster.name: cluster for cluster in fleet(CLUSTERS)}
    write_prices(data, days)
    settings = settings_of(folder, data)
    books, store, worker = connect.books(settings, Path()), connect.writing_store(settings, STATEMENT_S), Worker("past")
    child = await start_child(make_data_dir(settings) / "store", LOCAL)
    try:
        # Meanwhile the store makes its tables.
        drawing = asyncio.create_task(asyncio.to_thread(draw, clusters, days, books, draws))
        await worker.run(migrate, store)
        past = DrawnPast(clusters, days, *await drawing)
        await worker.run(_write, store, settings, past, books=books, folder=data)
    finally:
        worker.close()
        store.close()
        await child.stop()
    return past


def _write(store: Store, settings: Settings, past: DrawnPast, *, books: Books, folder: Path) -> None:
    """Writes all rows, the provider's bill of the month before the last below a folder, and closes the first months."""
    now, days = now_ms(), past.days
    write_copies(store, past.patterns, past.copies)
    write_facts(store, plain_nodes(past.clusters, days))
    write_facts(store, watched(past.clusters, days))
    rules = f"{book.digest(books)}-{rules_version(settings)}"
    run, months = open_months(days, books.names(), rules, now)
    write_facts(store, [run])
    write_facts(store, months)
    roll_up_days(store, [(month, month_after(month)) for month in days.all_months])
    terms = StatementTerms(books=books, zone=ZoneInfo(settings.billing_timezone), rules=rules, bill=settings.bill.rules)
    import_file(store, write_bill(store, days.months[1], folder), now)
    close_months(store, days, terms, commands.today(settings), now)


def draw(
    clusters: Mapping[str, SimulatedCluster], days: PastDays, books: Books, draws: Draws
) -> tuple[list[Pattern], list[PatternCopy]]:
    """Draws the patterns of all templates, and their copies."""
    zone, numbers = ZoneInfo("UTC"), count(1)
    patterns, drawn = list[Pattern](), list[PatternCopy]()
    for habit in HABITS:
        # A source of chance of its own: a change of one template leaves the others as they were.
        source = f"{draws.seed} {habit.recipe.name}"
        stretches = []
        for era in eras(habit, days):
            place = PatternPlace(habit, clusters[habit.cluster], era)
            # The same chance in each era: what differs between eras is what was planted.
            chances = (Random(f"{source} {number}") for number in range(draws.patterns))
            made = [make_pattern(place, next(numbers), chance, books, zone) for chance in chances]
            stretches.append((era, made))
            patterns += made
        drawn += copies(replace(habit, runs=habit.runs * draws.share), days, stretches, Random(source))
    return patterns, drawn
