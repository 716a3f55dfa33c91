"""
A demo fleet and Debian's Prometheus on it with our recording rules, for pictures and tests of dashboards.
"""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.dashboards.look.drawing import Sources
from tests.live.monitoring import Scrape, prometheus
from tests.ports import free_port, free_ports
from tests.processes import ROOT, Command, started, until

SCRAPE_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A running demo: its process, its live page, and where dashboards get their figures."""

    process: Command
    page: str
    sources: Sources

    def value(self, promql: str) -> float | None:
        """The first value of a query, or None where there is none yet."""
        address = f"{self.sources.prometheus}/api/v1/query?{urllib.parse.urlencode({'query': promql})}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                result = json.load(answer)["data"]["result"]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None
        return float(result[0]["value"][1]) if result else None

    def rows(self, sql: str) -> list[list[str]]:
        """The rows of a query of the store, as texts."""
        return stored_rows(self.sources, sql)

    def until(self, holds: Callable[[], object], within_s: float, what: str) -> None:
        """Waits until something holds of the fleet."""
        until(holds, within_s, what, of=self.process)


def stored_rows(sources: Sources, sql: str) -> list[list[str]]:
    """The rows of a query of a store, as texts."""
    request = urllib.request.Request(f"{sources.clickhouse}/?default_format=TSV", data=sql.encode())
    with urllib.request.urlopen(request, timeout=30) as answer:
        return [line.split("\t") for line in answer.read().decode().splitlines()]


def examples(sources: Sources) -> dict[str, dict[str, list[str]]]:
    """What a viewer chose, by the file of the dashboard: a workflow and a template that have something to show."""
    found = stored_rows(
        sources,
        "SELECT uid, template FROM lynceus.workflow_run FINAL WHERE outcome = 'succeeded' ORDER BY pods DESC, uid LIMIT 1",
    )
    if not found:
        return {}
    [(uid, template)] = found
    return {"workflow": {"uid": [uid]}, "template": {"template": [template]}}


@contextmanager
def fleet(folder: Path) -> Iterator[Fleet]:
    """A demo and a Prometheus that scrapes it, for as long as the block lasts."""
    (port, _), prometheus_port = free_ports(2), free_port()
    scrape = Scrape(targets=[f"127.0.0.1:{port}"], every_s=SCRAPE_S, rules=ROOT / "alerts" / "generated")
    command = ("demo", "--port", str(port), "--data", str(folder / "data"), "--no-past")
    with (
        started(*command, log=folder / "demo.log") as process,
        prometheus(folder, prometheus_port, scrape),
    ):
        running = Fleet(
            process=process,
            page=f"http://127.0.0.1:{port}",
            sources=Sources(
                prometheus=f"http://127.0.0.1:{prometheus_port}", clickhouse=f"http://127.0.0.1:{port + 1}"
            ),
        )
        running.until(lambda: running.value("up"), 120, "Prometheus scrapes the demo")
        yield running


def ran(fleet: Fleet, seconds: float) -> bool:
    """Whether the demo was scraped for so long."""
    seen = fleet.value(f"count_over_time(up[{max(60, int(seconds) * 2)}s])")
    return seen is not None and seen * SCRAPE_S >= seconds


def wait(fleet: Fleet, seconds: float) -> None:
    """Waits until the demo has run for a while."""
    began = time.monotonic()
    fleet.until(
        lambda: time.monotonic() - began >= 1 and ran(fleet, seconds), seconds + 120, "the demo ran for a while"
    )
