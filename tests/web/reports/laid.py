"""
The demo on a small past, as a newcomer starts it: its pages, its store, and commands about both.
"""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from collector.cli.demo import COLLECTOR, past_settings
from collector.past.bill import SETTINGS
from collector.past.lay import Draws, lay_past
from tests.ports import free_ports
from tests.processes import lynceus, of_this_machine, started, until
from tests.web.serving import get

SMALL = Draws(share=0.06)
PATIENCE_S = 60


class Demo(NamedTuple):
    """A demo that runs."""

    folder: Path
    port: int

    @property
    def address(self) -> str:
        """Of its pages."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, *command: str) -> Any:
        """What a command answers as JSON."""
        of = ("--url", f"http://127.0.0.1:{self.port + 1}", "--format", "json")
        ran = subprocess.run(lynceus(*command, *of), capture_output=True, text=True, check=False, timeout=100)
        assert ran.returncode == 0, f"{command}: {ran.stderr}"
        return json.loads(ran.stdout)


@contextmanager
def demo(folder: Path, draws: Draws = SMALL) -> Iterator[Demo]:
    """The demo, once all its clusters are watched."""
    data = folder / "demo"
    if not (data / COLLECTOR).exists():
        asyncio.run(lay_past(past_settings, data, COLLECTOR, draws))
    port, _ = free_ports(2)
    with started("demo", "--port", str(port), "--data", str(data), log=folder / "log") as process:
        shown = Demo(data, port)
        until(lambda: _is_ready(shown), of_this_machine(PATIENCE_S), "the demo is ready", process)
        yield shown


def _is_ready(shown: Demo) -> bool:
    try:
        return get(f"{shown.address}/readyz").status == 200
    except OSError:
        return False


__all__ = ["SETTINGS", "Demo", "demo"]
