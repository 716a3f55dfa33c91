"""
A collector on a simulated fleet: first sync, lag, CPU, memory, holds of the event loop, and whether anything was lost.

    python -m tests.bench.fleet --clusters 20 --running 40000 --pending 200000 --pods 60000 --events 1000 --seconds 1200

`lynceus run` with an embedded store is a process of its own, and so are the API servers; all share the machine. Lag is the time
from sending the event that ends a workflow to the first answer of /metrics that counts it. A few families are scraped every
0.25 s, which is in the lag and in the CPU, and all of them every 15 s; `--scrape 5` shows the CPU almost without. Shares of a
core are those of the steady state, after the first sync. With a fault on the first cluster the run has three parts, before,
during and after it, and the lags of the other clusters are compared.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from collector.catalog import metrics
from collector.store.clickhouse import Store, connect
from tests.bench import fleet_server
from tests.bench.fleet_objects import PODS, WORKFLOWS, uid
from tests.bench.fleet_scrape import EVERY_S, Scrape, Scraper, holds, lags_s, p99_of_parts, quantile, scraping
from tests.bench.measure import cpu_s_of
from tests.ports import free_ports
from tests.processes import ROOT, Command, descendants, started, until

TABLES = {WORKFLOWS: "workflow_run", PODS: "pod_run"}
SYNC_S, SETTLE_S = 900, 120
"""How long a first sync may take, and how long no end may be counted and no row arrive before the rest is lost."""
TARGETS = {
    "first sync, s": 150,
    "lag p99, s": 2.0,
    "collector, share of a core": 0.7,
    "collector, peak MiB": 1024,
    "CPU s per 100,000 events, store included": 20,
    "lost": 0,
}
"""At full size, on an otherwise idle machine."""


@dataclass(frozen=True, slots=True)
class Size:
    """The fleet, and for how long it is watched."""

    clusters: int = 20
    running: int = 40_000
    pending: int = 200_000
    pods: int = 60_000
    events: float = 1_000
    seconds: float = 1_200
    scrape: float = EVERY_S
    fault: str = ""


@dataclass(slots=True)
class Result:
    """What was measured."""

    rows: dict[str, float]
    compared: int
    """Ends whose row was looked for in the store."""
    lost: list[str]
    """Uids of those without one."""
    parts: dict[str, float] = field(default_factory=dict)
    """With a fault: p99 of the lag of the clusters without it, before, during and after."""


class Servers:
    """The API servers' process."""

    def __init__(self, size: Size, folder: Path) -> None:
        sizes = {"clusters": size.clusters, "running": size.running, "pending": size.pending, "pods": size.pods}
        arguments = [f"--{name}={number}" for name, number in sizes.items()]
        command = [sys.executable, "-m", fleet_server.__name__, f"--folder={folder}", f"--events={size.events}"]
        self._folder, pipe = folder, subprocess.PIPE
        self.process = subprocess.Popen([*command, *arguments], stdin=pipe, stdout=pipe, cwd=ROOT)
        self.names: list[str] = self._line()

    def order(self, *words: str) -> None:
        """Gives an order, and waits until it is carried out."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(words).encode() + b"\n")
        self.process.stdin.flush()
        self._line()

    def truth(self) -> dict[str, Any]:
        """What was sent, once it has stopped."""
        sent: dict[str, Any] = json.loads((self._folder / "truth.json").read_text(encoding="ascii"))
        return sent

    def _line(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@contextmanager
def servers(size: Size, folder: Path) -> Iterator[Servers]:
    """The servers, for as long as the block lasts."""
    made = Servers(size, folder)
    try:
        yield made
    finally:
        made.process.communicate()


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds of the collector and of its store so far."""

    collector: float
    store: float
    at: float

    @staticmethod
    def of(command: Command) -> "Spent":
        """Read now."""
        store = sum(cpu_s_of(pid) for pid in descendants(command.pid))
        return Spent(cpu_s_of(command.pid), store, time.monotonic())


def peak_mib(pid: int) -> float:
    """The most resident memory that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def measure(size: Size, folder: Path) -> Result:
    """One run."""
    http, store = (f"127.0.0.1:{port}" for port in free_ports(2))
    histogram = metrics.LOOP_HOLD.name
    with servers(size, folder) as fleet:
        config = _settings(folder, fleet.names, http, store)
        began = time.time()
        log = folder / "collector.log"
        with (
            started("run", "--config", str(config), log=log) as command,
            scraping(http, histogram, size.scrape) as scraper,
        ):
            until(lambda: scraper.last.up == size.clusters, SYNC_S, "all clusters are up", command)
            synced = scraper.last
            begun, spent = synced, Spent.of(command)
            marks = _events(fleet, size)
            ended, sent = scraper.last, Spent.of(command)
            truth = fleet.truth()
            ends = {name: [ms / 1000 for _, ms in sent["finished"][WORKFLOWS]] for name, sent in truth.items()}
            _settle(scraper, begun, ends)
            settled = Spent.of(command)
            compared, lost = _compared(connect(f"http://{store}"), truth)
            events = sum(sum(sent["sent"].values()) for sent in truth.values())
            rows = {
                "first sync, s": synced.at - began,
                **_lag_rows(scraper, ends, begun),
                **_cost_rows((spent, sent, settled), events),
                "collector, peak MiB": peak_mib(command.pid),
                "store, peak MiB": sum(peak_mib(pid) for pid in descendants(command.pid)),
                **{f"loop in the first sync, {k}": v for k, v in holds(Scrape(), synced).items()},
                **{f"loop, {k}": v for k, v in holds(begun, ended).items()},
                "/metrics, KiB": scraper.whole_bytes / 1024,
                "events sent": events,
                "compared": compared,
                "lost": len(lost),
            }
            lags = lags_s(scraper.scrapes, ends, begun)
            parts = p99_of_parts(ends, lags, marks, fleet.names[0]) if size.fault else {}
        return Result(rows, compared, lost, parts)


def _settings(folder: Path, names: list[str], http: str, store: str) -> Path:
    settings = {
        "clusters": [{"name": n, "kubeconfig": str(folder / "kubeconfig.json"), "context": n} for n in names],
        "data_dir": str(folder / "data"),
        "http": {"listen": http},
        "embedded": {"listen": store},
    }
    path = folder / "lynceus.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="ascii")
    return path


def _events(fleet: Servers, size: Size) -> list[float]:
    """Sends events for the time of the run; when the parts began and ended."""
    marks = [time.time()]
    fleet.order("go")
    for order in (("fault", size.fault), ("end", "fault")) if size.fault else ():
        time.sleep(size.seconds / 3)
        fleet.order(*order)
        marks.append(time.time())
    time.sleep(size.seconds / len(marks))
    fleet.order("stop")
    return [*marks, time.time()]


def _settle(scraper: Scraper, begun: Scrape, ends: dict[str, list[float]]) -> None:
    """Waits until the last ends are counted; what never is, shows as lost."""
    expected = sum(map(len, ends.values())) + sum(begun.finished.values())
    counted, due = 0, time.monotonic() + SETTLE_S
    while counted < expected and time.monotonic() < due:
        if counted != (counted := sum(scraper.last.finished.values())):
            due = time.monotonic() + SETTLE_S
        time.sleep(0.1)


def _compared(store: Store, truth: dict[str, Any]) -> tuple[int, list[str]]:
    """How many ends were sent, and the uids of those whose row does not come."""
    left, due = 0, time.monotonic() + SETTLE_S
    sent = {
        kind: {uid(kind, number) for part in truth.values() for number, _ in part["finished"][kind]} for kind in TABLES
    }
    missing = dict(sent)
    while any(missing.values()) and time.monotonic() < due:
        for kind, table in TABLES.items():
            over = f"SELECT DISTINCT uid FROM lynceus.{table} WHERE finished_at IS NOT NULL"
            missing[kind] = sent[kind] - {row[0] for row in store.query_rows(over)}
        if left != (left := sum(map(len, missing.values()))):
            due = time.monotonic() + SETTLE_S
        time.sleep(0.2)
    return sum(map(len, sent.values())), sorted(uid for uids in missing.values() for uid in uids)


def _lag_rows(scraper: Scraper, ends: dict[str, list[float]], begun: Scrape) -> dict[str, float]:
    lags = [lag for of_cluster in lags_s(scraper.scrapes, ends, begun).values() for lag in of_cluster]
    return {
        "lag p50, s": quantile(lags, 0.5),
        "lag p99, s": quantile(lags, 0.99),
        "lag, longest, s": max(lags, default=0),
    }


def _cost_rows(spent: tuple[Spent, Spent, Spent], events: int) -> dict[str, float]:
    """Shares of a core while events were sent, and CPU until the last of them was counted."""
    begun, sent, settled = spent
    seconds, collector, store = sent.at - begun.at, settled.collector - begun.collector, settled.store - begun.store
    return {
        "collector, share of a core": (sent.collector - begun.collector) / seconds,
        "store, share of a core": (sent.store - begun.store) / seconds,
        "CPU s per 100,000 events": collector / events * 100_000,
        "CPU s per 100,000 events, store included": (collector + store) / events * 100_000,
        "counted after the last event, s": settled.at - sent.at,
    }


def show(size: Size, result: Result) -> None:
    """A table."""
    table = Table(title=f"{size}, load of the machine {os.getloadavg()[0]:.1f}", title_justify="left")
    for name in ("figure", "value", "target at full size"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    for name, value in result.rows.items():
        table.add_row(name, f"{value:,.3f}".rstrip("0").rstrip("."), f"{TARGETS.get(name, '')}")
    for part, p99 in result.parts.items():
        table.add_row(f"lag p99 of the other clusters {part} the fault, s", f"{p99:.3f}")
    Console(width=140, highlight=False).print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=__doc__)
    whole = Size()
    for name in ("clusters", "running", "pending", "pods"):
        parser.add_argument(f"--{name}", type=int, default=getattr(whole, name))
    parser.add_argument("--events", type=float, default=whole.events, help="a second, of all clusters together")
    parser.add_argument("--seconds", type=float, default=whole.seconds, help="of the steady state")
    parser.add_argument("--scrape", type=float, default=whole.scrape, help="seconds between two scrapes")
    parser.add_argument("--fault", choices=fleet_server.FAULTS, default="", help="of the first cluster")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    arguments = vars(parser.parse_args())
    target = arguments.pop("json")
    size = Size(**arguments)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(size, Path(folder))
    show(size, result)
    if target:
        target.write_text(json.dumps({**result.rows, **result.parts}), encoding="ascii")


if __name__ == "__main__":
    main()
