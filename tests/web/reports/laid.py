"""
The demo on a small past, as a newcomer starts it: its pages, its store, and commands about both.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from collector.cli.demo import COLLECTOR, past_settings
from collector.past.bill import SETTINGS
from collector.past.lay import Draws, lay_past
from tests.commands import run_command
from tests.ports import free_ports
from tests.processes import of_this_machine, started, until
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
        ran = run_command(*command, *of)
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
        until(
            lambda: _status(f"{shown.address}/readyz") == 200, of_this_machine(PATIENCE_S), "the demo is ready", process
        )
        yield shown


@contextmanager
def still(folder: Path, draws: Draws = SMALL) -> Iterator[Demo]:
    """A collector on the same past whose only cluster is absent, so that nothing but time changes a figure."""
    data = folder / "demo"
    asyncio.run(lay_past(past_settings, data, COLLECTOR, draws))
    port, store = free_ports(2)
    (folder / "kube.yaml").write_text("apiVersion: v1\nkind: Config\n", encoding="utf-8")
    settings = yaml.safe_load((data / SETTINGS).read_text(encoding="utf-8")) | {
        "clusters": [{"name": "absent", "kubeconfig": str(folder / "kube.yaml")}],
        "http": {"listen": f"127.0.0.1:{port}"},
        "embedded": {"listen": f"127.0.0.1:{store}"},
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with started("run", "--config", str(path), log=folder / "log") as process:
        shown = Demo(data, port)
        until(
            lambda: _status(f"{shown.address}/reports") == 200, of_this_machine(PATIENCE_S), "bills are shown", process
        )
        yield shown


def _status(address: str) -> int:
    try:
        return get(address).status
    except OSError:
        return 0
