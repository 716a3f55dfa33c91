"""
A real Prometheus and a real Alertmanager beside the collector, and the pager that gets what they send.
"""

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from tests.ports import free_port


@dataclass(frozen=True, slots=True)
class Notice:
    """One state of one alert, as the pager got it for the first time."""

    at: float
    status: str
    """`firing` or `resolved`."""
    labels: dict[str, str]
    starts_at: str

    @property
    def name(self) -> str:
        return self.labels["alertname"]

    @property
    def severity(self) -> str:
        return self.labels["severity"]


@dataclass(slots=True)
class Pager:
    """Every state of every alert that arrived; Alertmanager repeats what it sent before, which is not noted again."""

    url: str
    notices: list[Notice] = field(default_factory=list)
    _known: set[tuple[str, str, str]] = field(default_factory=set)

    def take(self, body: dict[str, Any]) -> None:
        """Notes what is new in a webhook's body."""
        for alert in body["alerts"]:
            key = (alert["fingerprint"], alert["startsAt"], alert["status"])
            if key not in self._known:
                self._known.add(key)
                self.notices.append(Notice(time.time(), alert["status"], alert["labels"], alert["startsAt"]))

    def of(self, name: str, **labels: str) -> list[Notice]:
        """The notices of an alert with these labels, in the order in which they arrived."""
        wanted = {"alertname": name, **labels}
        return [notice for notice in self.notices if wanted.items() <= notice.labels.items()]

    def statuses(self, name: str, **labels: str) -> list[str]:
        """`firing` and `resolved` in their order."""
        return [notice.status for notice in self.of(name, **labels)]

    async def until(self, name: str, status: str, *, within_s: float, number: int = 1, **labels: str) -> Notice:
        """Waits until an alert arrived in a state for the n-th time."""
        ends = time.monotonic() + within_s
        while len(found := [notice for notice in self.of(name, **labels) if notice.status == status]) < number:
            assert time.monotonic() < ends, f"{name} {labels} not {status} within {within_s:g} s; {self.summary()}"
            await asyncio.sleep(0.1)
        return found[number - 1]

    def summary(self) -> str:
        """All notices, one line each."""
        return "\n".join(
            f"{notice.at:.1f} {notice.status} {notice.name} {notice.labels.get('cluster', '')}"
            for notice in self.notices
        )


@asynccontextmanager
async def pager() -> AsyncIterator[Pager]:
    """A webhook that takes what Alertmanager sends."""
    port = free_port()
    found = Pager(f"http://127.0.0.1:{port}/")

    async def take(request: web.Request) -> web.Response:
        found.take(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield found
    finally:
        await runner.cleanup()


@contextmanager
def daemon(*command: str, log: Path) -> Iterator[None]:
    """A server of Debian's, ended with the block."""
    assert shutil.which(command[0]), f"{command[0]} is missing: make system installs it"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            yield
        finally:
            process.kill()
            process.wait()


@contextmanager
def alertmanager(folder: Path, port: int, config: str) -> Iterator[None]:
    """Alertmanager with this configuration."""
    file = folder / "alertmanager.yaml"
    file.write_text(config, encoding="utf-8")
    with daemon(
        "prometheus-alertmanager",
        f"--config.file={file}",
        f"--storage.path={folder / 'am'}",
        "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{port}",
        log=folder / "alertmanager.log",
    ):
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """What Prometheus reads, and how often."""

    targets: Sequence[str]
    every_s: int
    rules: Path
    """Folder with *.rules.yaml."""


@contextmanager
def prometheus(folder: Path, port: int, scrape: Scrape, alerts_port: int | None = None) -> Iterator[None]:
    """Prometheus; groups of rules have intervals of their own. Without a port its alerts go nowhere."""
    config = folder / "prometheus.yaml"
    receivers = [] if alerts_port is None else [{"static_configs": [{"targets": [f"127.0.0.1:{alerts_port}"]}]}]
    config.write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": f"{scrape.every_s}s", "evaluation_interval": "10s"},
                "rule_files": [str(scrape.rules / "*.rules.yaml")],
                "scrape_configs": [{"job_name": "lynceus", "static_configs": [{"targets": list(scrape.targets)}]}],
                "alerting": {"alertmanagers": receivers},
            }
        ),
        encoding="utf-8",
    )
    with daemon(
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        log=folder / "prometheus.log",
    ):
        yield


async def ask(url: str, found: Any, within_s: float = 90) -> Any:
    """The answer of an HTTP API, as soon as `found` makes something true of it."""
    async with aiohttp.ClientSession() as session:
        ends = asyncio.get_running_loop().time() + within_s
        while True:
            answer = None
            try:
                async with session.get(url) as response:
                    answer = await response.json()
            except (aiohttp.ClientError, ValueError):
                pass
            if answer is not None and (value := found(answer)):
                return value
            assert asyncio.get_running_loop().time() < ends, f"{url}: {answer}"
            await asyncio.sleep(0.2)
