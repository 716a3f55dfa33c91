"""
Dashboards drawn in Chromium from their JSON and the answers of real sources, and what was seen of them.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.dashboards.look.packages import HERE, renderer

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Base addresses of the two data sources."""

    prometheus: str
    clickhouse: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One dashboard to draw, and how; what is not given is as the dashboard has it."""

    file: Path
    out: Path | None = None
    theme: str = "dark"
    since: str | None = None
    until: str | None = None
    now_s: int = field(default_factory=lambda: int(time.time()))
    width: int = 1600
    largest: int | None = None
    """Bytes that the picture may have; it is scaled down until it has no more."""
    scrape_s: int = 15
    opened: bool = False
    """Whether closed rows are opened, as a viewer would with a click."""
    variables: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def job(self, number: int) -> str:
        """As the renderer reads it: one line."""
        job = {
            "number": number,
            "file": str(self.file.resolve()),
            "out": str(self.out.resolve()) if self.out else None,
            "theme": self.theme,
            "from": self.since,
            "to": self.until,
            "now": self.now_s * 1000,
            "width": self.width,
            "largest": self.largest,
            "scrapeMs": self.scrape_s * 1000,
            "open": self.opened,
            "vars": {name: list(values) for name, values in self.variables.items()},
        }
        return json.dumps({key: value for key, value in job.items() if value is not None})


class Renderer:
    """A running renderer; its pictures are taken one after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._number = 0

    def draw(self, wish: Wish) -> Json:
        """What was seen: panels, variables, annotations and findings, as server/look.ts and page/report.ts have them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._number += 1
        self._process.stdin.write(wish.job(self._number) + "\n")
        self._process.stdin.flush()
        seen: Json = {}
        while seen.get("number") != self._number:  # the answer of a job that a test did not wait for is dropped
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError(f"the renderer ended with {self._process.wait()}; its words are above")
            seen = json.loads(line)
        if "failed" in seen:
            raise RuntimeError(f"{wish.file.name} could not be drawn: {seen['failed']}\n{seen['complaints']}")
        return seen


@contextmanager
def rendering(sources: Sources) -> Iterator[Renderer]:
    """A renderer for as long as the block lasts: one server and one Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("chromium is not installed; run: apt-get install chromium")
    bundle = renderer()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        setup = {
            "sources": asdict(sources),
            "html": str(HERE / "page" / "index.html"),
            "bundle": str(bundle),
            "packages": str(bundle.parent / "node_modules"),
            "chromium": chromium,
            "profile": profile,
        }
        command = ["node", str(bundle / "look.mjs"), json.dumps(setup)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            yield Renderer(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()  # the end of its input ends the browser, and then itself
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()
