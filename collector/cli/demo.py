"""
The demo: a miniature fleet as a child process, the collector on it, and a few lines of what was seen.
"""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import msgspec

from collector.catalog import metrics
from collector.connect import Failure
from collector.reports import report
from collector.service.run import run
from collector.service.runtime import Runtime
from collector.settings.model import ClusterSettings, EmbeddedSettings, HttpSettings, Settings

ACCRUE_S = 10
"""A visitor wants to see money move; a real collector accrues each hour."""
DEFAULT_STORE_PORT = 8471
PRICES = Path(__file__).parents[1] / "demo" / "demo-prices.yaml"
"""What the shipped books have no price of: the fleet's instance types, and a guess at its spot market."""


async def demo(*, port: int, data: Path, clusters: int, seed: int, seconds: int, say: Callable[..., object]) -> None:
    """The miniature fleet as a child process, and the collector on it; ends after `seconds` or when told to."""
    say("Starting a fleet of API servers, the store and the collector …", highlight=False)
    stop, began = asyncio.Event(), time.monotonic()
    async with _fleet(data / "fleet", clusters, seed) as fleet:
        settings = _demo_settings(data, port, fleet)
        if seconds:
            asyncio.get_running_loop().call_later(seconds, stop.set)

        def ready(_: Runtime) -> None:
            say(f"Live page      http://127.0.0.1:{port}", highlight=False)
            store = "" if port + 1 == DEFAULT_STORE_PORT else f" --url http://127.0.0.1:{port + 1}"
            say(f"Ask            lynceus report cost{store} · lynceus sql 'SHOW TABLES'{store}", highlight=False)
            say(f"Ready in {time.monotonic() - began:.1f} s; data in {data}; Ctrl-C ends it.", highlight=False)

        # What goes well is shown on the page; a newcomer's terminal keeps the lines that say where it is.
        parts = await run(settings, Path(), stop=stop, accrue_s=ACCRUE_S, ready=ready, log_level=logging.WARNING)
    for line in summary(parts, time.monotonic() - began):
        say(line, highlight=False)


class Fleet(msgspec.Struct):
    """How to reach the demo's clusters."""

    kubeconfig: str
    contexts: list[str]


@asynccontextmanager
async def _fleet(data: Path, clusters: int, seed: int) -> AsyncIterator[Fleet]:
    """The fleet's process; it ends when its standard input closes, so it cannot outlive us."""
    command = ["-m", "collector.demo.fleet", "--data", str(data), "--clusters", str(clusters), "--seed", str(seed)]
    pipe = asyncio.subprocess.PIPE
    # In a session of its own: Ctrl-C is ours to pass on, after the watches have ended.
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )
    assert process.stdin is not None  # noqa: S101 - asked for above
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    try:
        line = await process.stdout.readline()
        if not line:
            raise Failure(f"the fleet did not start: {(await process.stderr.read()).decode(errors='replace').strip()}")
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
        data_dir=str(data / "collector"),
        http=HttpSettings(listen=f"127.0.0.1:{port}"),
        embedded=EmbeddedSettings(listen=f"127.0.0.1:{port + 1}"),
        prices=(*Settings().prices, "plain-node", str(PRICES)),
    )


def summary(parts: Runtime, seconds: float) -> list[str]:
    """What was seen, in a few lines."""
    counters, view = parts.counters, parts.view()
    ended = counters.by_label(metrics.FINISHED, "outcome")
    cost = sum(counters.values(metrics.COST))
    waiting = sum(w.count for w in view.queues if not w.begun)
    events = sum(counters.values(metrics.WATCH_EVENTS))
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(ended.items(), key=lambda e: -e[1]))
    return [
        f"Ran {seconds:.0f} s over {len(parts.addresses)} clusters: {events} objects observed.",
        f"Finished: {outcomes or 'nothing yet'}; waiting now: {waiting}.",
        f"Priced: {report.amount(Decimal(cost))} {parts.settings.currency}; rows not yet stored: {view.store.spooled_rows}.",
    ]
