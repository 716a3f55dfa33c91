"""
The pictures of README, made from the demo: `make screenshots`, or `python -m tests.screenshots --minutes 8`.

Runs the demo and Debian's Prometheus, then opens the live page and the fleet dashboard in Chromium. The dashboard is drawn
from the generated JSON and the answers to its own queries; Grafana is not needed.
"""

import argparse
import base64
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml
from selenium.webdriver import Chrome

from tests.ports import free_port, free_ports
from tests.processes import ROOT, lynceus
from tests.screenshots.board import page
from tests.screenshots.sources import Sources
from tests.web.browser import Page, chromium

PICTURES = ROOT / "docs" / "pictures"
LARGEST = 200 * 1024
"""A page with pictures must stay quick to read, and each picture stays in the history for good."""
SECTIONS = ("Now", "Queues", "Outcomes")


@contextmanager
def child(folder: Path, command: Sequence[str]) -> Iterator[None]:
    """A process for as long as the block lasts."""
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def demo(folder: Path, port: int) -> Iterator[None]:
    """The demo; its store takes the port after the page's."""
    with child(folder, lynceus("demo", "--port", str(port), "--data", str(folder / "data"))):
        yield


@contextmanager
def prometheus(folder: Path, port: int, target: str, scrape_s: int) -> Iterator[None]:
    """Debian's Prometheus, scraping the collector."""
    jobs = [{"job_name": "lynceus", "scrape_interval": f"{scrape_s}s", "static_configs": [{"targets": [target]}]}]
    config = folder / "prometheus.yaml"
    config.write_text(yaml.safe_dump({"scrape_configs": jobs}), encoding="utf-8")
    options = (f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}")
    with child(folder, ["prometheus", *options, f"--web.listen-address=127.0.0.1:{port}"]):
        yield


def shoot(chrome: Chrome, name: str, *, width: int, height: int, scale: float) -> None:
    """Writes what the browser shows as a picture; fails if the picture is too large."""
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": scale}
    answer = chrome.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "png", "clip": clip, "captureBeyondViewport": True}
    )
    picture = base64.b64decode(answer["data"])
    if len(picture) > LARGEST:
        raise SystemExit(f"{name}: {len(picture)} bytes are more than {LARGEST}; lower its scale or its height")
    (PICTURES / name).write_bytes(picture)


def shoot_live_page(chrome: Chrome, address: str) -> None:
    """The live page as a visitor sees it first."""
    live = Page(chrome, address)
    live.emulate(1280)
    live.shows("#pulse", "live")
    time.sleep(3)
    height = int(live.run("return document.documentElement.scrollHeight"))
    shoot(chrome, "live-page.png", width=1280, height=min(height, 1100), scale=0.8)


def shoot_board(chrome: Chrome, sources: Sources, folder: Path) -> None:
    """The first sections of the fleet dashboard."""
    board = json.loads((ROOT / "dashboards" / "generated" / "fleet.json").read_text(encoding="utf-8"))
    drawn = folder / "fleet.html"
    drawn.write_text(page(board, sources, SECTIONS), encoding="utf-8")
    shown = Page(chrome, drawn.as_uri())
    shown.emulate(1600)
    height = int(shown.run("return document.body.offsetHeight"))
    shoot(chrome, "fleet-dashboard.png", width=1600, height=height, scale=0.64)


def main() -> None:
    """Runs everything, waits, and takes the pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description="Make the pictures of README.")
    parser.add_argument("--minutes", type=float, default=8, help="how long the demo runs before the pictures")
    minutes = parser.parse_args().minutes
    PICTURES.mkdir(exist_ok=True)
    (port, _), prometheus_port, began = free_ports(2), free_port(), int(time.time())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with demo(folder, port), prometheus(folder, prometheus_port, f"127.0.0.1:{port}", 5):
            time.sleep(minutes * 60)
            sources = Sources(
                prometheus=f"http://127.0.0.1:{prometheus_port}",
                clickhouse=f"http://127.0.0.1:{port + 1}",
                from_s=began,
                to_s=int(time.time()),
            )
            with chromium(folder / "profile") as chrome:
                shoot_live_page(chrome, f"http://127.0.0.1:{port}")
                shoot_board(chrome, sources, folder)


if __name__ == "__main__":
    main()
