"""A real Prometheus scrapes the collector and judges the generated rules; a real Alertmanager gets what fires."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from collector.demo.fleet import run_fleet
from collector.settings.model import ClusterSettings
from tests.ports import free_port
from tests.processes import ROOT
from tests.running import Running, a_service, running

pytestmark = pytest.mark.live


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
def alertmanager(folder: Path, port: int) -> Iterator[None]:
    """Alertmanager without a real receiver."""
    config = folder / "alertmanager.yaml"
    config.write_text(
        yaml.safe_dump({"route": {"receiver": "none"}, "receivers": [{"name": "none"}]}), encoding="utf-8"
    )
    with daemon(
        "prometheus-alertmanager", f"--config.file={config}", f"--storage.path={folder / 'am'}", "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{port}", log=folder / "alertmanager.log",
    ):  # fmt: skip
        yield


@contextmanager
def prometheus(folder: Path, port: int, target: str, alerts_port: int) -> Iterator[None]:
    """Prometheus with the checked-in rules, scraping each second."""
    config = folder / "prometheus.yaml"
    config.write_text(yaml.safe_dump({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ROOT / "alerts" / "generated" / "*.rules.yaml")],
        "scrape_configs": [{"job_name": "lynceus", "static_configs": [{"targets": [target]}]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alerts_port}"]}]}]},
    }), encoding="utf-8")  # fmt: skip
    with daemon(
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}", log=folder / "prometheus.log",
    ):  # fmt: skip
        yield


@asynccontextmanager
async def watched_fleet(folder: Path) -> AsyncIterator[Running]:
    """A collector on a fleet of two clusters."""
    stop, up = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        run_fleet(folder / "fleet", 2, 1, lambda path, names: up.set_result((path, names)), stop)
    )
    path, names = await up
    clusters = [ClusterSettings(name=name, kubeconfig=str(path), context=name) for name in names]
    try:
        async with running(a_service(folder, *clusters)) as collector:
            yield collector
    finally:
        stop.set()
        await task


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


async def test_a_page_reaches_alertmanager_and_figures_reach_prometheus(tmp_path: Path) -> None:
    """The Watchdog fires through a real Prometheus into a real Alertmanager, and queue depth is there to be graphed."""
    prometheus_port, alerts_port = free_port(), free_port()
    async with watched_fleet(tmp_path) as collector:
        await collector.until(lambda: all(c.ready for c in collector.runtime.view().clusters))
        target = collector.runtime.settings.http.listen
        with alertmanager(tmp_path, alerts_port), prometheus(tmp_path, prometheus_port, target, alerts_port):
            query = f"http://127.0.0.1:{prometheus_port}/api/v1/query?query="
            up = await ask(query + "sum(lynceus_cluster_up)", lambda a: a["data"]["result"])
            depth = await ask(query + "sum(lynceus_queue_depth)>0", lambda a: a["data"]["result"])
            alerts = await ask(
                f"http://127.0.0.1:{alerts_port}/api/v2/alerts",
                lambda a: {"Watchdog"} & {x["labels"]["alertname"] for x in a},  # the fleet's OOM kill may come first
            )
            rules = await ask(
                f"http://127.0.0.1:{prometheus_port}/api/v1/rules",
                lambda a: [r for g in a["data"]["groups"] for r in g["rules"] if r.get("lastError")] or ["none"],
            )

    assert up[0]["value"][1] == "2"
    assert int(depth[0]["value"][1]) > 0
    assert alerts == {"Watchdog"}
    assert rules == ["none"]
