"""
`lynceus demo`: a simulated fleet as a child process, the collector on it, and a summary of what was observed.
"""

import asyncio
import errno
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from collector.catalog import metrics
from collector.cli.console import print_line
from collector.connect import ExternalError
from collector.past.bill import RULES, budgets_of, rules_of
from collector.past.lay import Draws, lay_past
from collector.past.prices import books_of
from collector.past.story import BUDGETS
from collector.reports import report
from collector.service.run import run
from collector.service.runtime import Runtime
from collector.settings.bill import BillSettings
from collector.settings.model import ClusterSettings, EmbeddedSettings, HttpSettings, LogSettings, Settings

ACCRUE_S = 10
"""A visitor wants to see costs grow; a real collector updates running pods each hour."""
DEFAULT_STORE_PORT = 8471
COLLECTOR = "collector"
"""The collector's data, below the demo's folder."""
PRICES = Path(__file__).parents[1] / "demo" / "demo-prices.yaml"
"""Prices that the shipped books lack: the fleet's instance types, and an example spot market."""


def demo(
    port: Annotated[
        int, typer.Option(min=1, max=65534, help="Port of the live page; the store listens on the next port.")
    ] = 8470,
    data: Annotated[Path, typer.Option(help="Folder of the demo's data; a second start continues from it.")] = Path(
        "lynceus-demo"
    ),
    clusters: Annotated[
        int, typer.Option(min=1, max=50, help="Number of simulated clusters; 20 take a third of a core and 0.8 GiB.")
    ] = 3,
    seed: Annotated[int, typer.Option(help="Random seed of the simulated fleet.")] = 1,
    past: Annotated[
        bool,
        typer.Option(
            help="Begin an empty folder with finished workflows: a locked month, a reconciled one, an open one, this one."
        ),
    ] = True,
    seconds: Annotated[
        int, typer.Option("--for", min=0, help="Stop after this many seconds (0: run until Ctrl-C).")
    ] = 0,
) -> None:
    """Run a simulated fleet and a collector that watches it, without a cluster."""
    asyncio.run(_run(port=port, data=data, clusters=clusters, seed=seed, seconds=seconds, past=past))


async def _run(*, port: int, data: Path, clusters: int, seed: int, seconds: int, past: bool) -> None:
    """Runs the fleet and the collector until Ctrl-C, or for some seconds."""
    _refuse_taken_ports(port)
    if past and not (data / COLLECTOR).exists():
        print_line("Laying down three months of finished workflows (--no-past: none) …")
        began = time.monotonic()
        laid = await lay_past(past_settings, data, COLLECTOR, Draws(seed=seed))
        print_line(f"The past: {laid}, in {time.monotonic() - began:.1f} s.")
    print_line("Starting a fleet of API servers, the store and the collector …")
    stop, began = asyncio.Event(), time.monotonic()
    async with _fleet(data / "fleet", clusters, seed) as fleet:
        settings = _demo_settings(data, port, fleet)
        if seconds:
            asyncio.get_running_loop().call_later(seconds, stop.set)

        def print_addresses(_: Runtime) -> None:
            print_line(f"Live page      http://127.0.0.1:{port}")
            print_line(f"Bills          http://127.0.0.1:{port}/reports")
            store = "" if port + 1 == DEFAULT_STORE_PORT else f" --url http://127.0.0.1:{port + 1}"
            print_line(f"Ask            lynceus report cost{store} · lynceus sql 'SHOW TABLES'{store}")
            print_line(f"Ready in {time.monotonic() - began:.1f} s; data in {data}; stop with Ctrl-C.")

        runtime = await run(settings, Path(), stop=stop, accrue_s=ACCRUE_S, ready=print_addresses)
    for line in summary(runtime, time.monotonic() - began):
        print_line(line)


def _refuse_taken_ports(port: int) -> None:
    """Raises ExternalError with the demo's own remedy; the parts would name settings, which the demo has none of."""
    for number, listener in ((port, "the live page"), (port + 1, "the store")):
        try:
            socket.create_server(("127.0.0.1", number)).close()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ExternalError(
                    f"127.0.0.1:{number} is taken, where {listener} of the demo listens; choose two free ports with "
                    "--port, like --port 18470, or stop the other program"
                ) from None


class Fleet(msgspec.Struct):
    """How to reach the demo's clusters."""

    kubeconfig: str
    contexts: list[str]


@asynccontextmanager
async def _fleet(data: Path, clusters: int, seed: int) -> AsyncIterator[Fleet]:
    """The fleet's process; it ends when its standard input closes, so it cannot outlive the demo."""
    command = ["-m", "collector.demo.fleet", "--data", str(data), "--clusters", str(clusters), "--seed", str(seed)]
    pipe = asyncio.subprocess.PIPE
    # In a session of its own: Ctrl-C must not reach the fleet before the watches have ended.
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )
    assert process.stdin is not None  # noqa: S101 - a pipe, as above
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    try:
        line = await process.stdout.readline()
        if not line:
            raise ExternalError(
                f"the fleet did not start: {(await process.stderr.read()).decode(errors='replace').strip()}"
            )
        yield msgspec.json.decode(line, type=Fleet)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 2)
        except TimeoutError:
            process.kill()


def _demo_settings(data: Path, port: int, fleet: Fleet) -> Settings:
    return Settings(
        clusters=tuple(ClusterSettings(name=n, kubeconfig=fleet.kubeconfig, context=n) for n in fleet.contexts),
        data_dir=str(data / COLLECTOR),
        http=HttpSettings(listen=f"127.0.0.1:{port}"),
        embedded=EmbeddedSettings(listen=f"127.0.0.1:{port + 1}"),
        # The page shows what works: a newcomer's terminal keeps the lines with the addresses.
        log=LogSettings(level="warning"),
        prices=_prices(data),
        bill=BillSettings(rules_of(data)),
        budgets=budgets_of(data),
    )


def past_settings(data_dir: Path, data: Path) -> Settings:
    """The settings under which the past is laid down, in a folder of its own."""
    return Settings(data_dir=str(data_dir), prices=_prices(data), bill=BillSettings(RULES), budgets=BUDGETS)


def _prices(data: Path) -> tuple[str, ...]:
    """The price books: those that the past has, else the fleet's."""
    return (*Settings().prices, "plain-node", *(books_of(data) or (str(PRICES),)))


def summary(runtime: Runtime, seconds: float) -> list[str]:
    """What was observed, in a few lines."""
    counters, view = runtime.counters, runtime.view()
    finished = Counter(counters.by_label(metrics.FINISHED, "outcome"))
    cost = sum(counters.values(metrics.COST))
    waiting = sum(queue.count for queue in view.queues if not queue.begun)
    events = sum(counters.values(metrics.WATCH_EVENTS))
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in finished.most_common())
    currency, unsent = runtime.settings.currency, view.store.spooled_rows
    return [
        f"Ran {seconds:.0f} s over {len(runtime.pipeline.clusters)} clusters: {events} objects observed.",
        f"Finished: {outcomes or 'nothing yet'}; waiting now: {waiting}.",
        f"Priced: {report.amount(Decimal(cost))} {currency}; rows not yet stored: {unsent}.",
    ]
