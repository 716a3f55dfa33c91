"""
Starts what the bench measures: the server and each client, every one a process of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import Figures

ROOT = Path(__file__).resolve().parent.parent.parent
GO_SOURCE = Path(__file__).parent / "goclient"
GO_BINARY = ROOT / ".cache" / "bench" / "goclient"
GIVE_UP_S = 900

KUBERNETES, GO, REFLECTOR, PIPELINE, LIST = "kubernetes.watch", "client-go", "reflector", "pipeline", "list"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and what it sends."""

    server: str
    events: int
    listed: int
    mean_bytes: int
    last_version: str


@contextmanager
def serving(kind: str, *, objects: int = 0, listed: int = 0, pace: int = 0) -> Iterator[Server]:
    """A server for as long as the block lasts."""
    options = ["--kind", kind, "--objects", str(objects), "--listed", str(listed), "--pace", str(pace)]
    command = [sys.executable, "-m", "tests.bench.server", *options]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Server(**json.loads(process.stdout.readline()))
        process.stdin.close()


def run(case: str, server: Server, kind: str) -> Figures:
    """One client against the server, from its first event to its last."""
    arguments = [server.server, kind, str(server.listed if case == LIST else server.events)]
    commands = {
        KUBERNETES: [sys.executable, "-m", "tests.bench.kubernetes_watch"],
        GO: [str(GO_BINARY)],
    }
    command = commands.get(case, [sys.executable, "-m", "tests.bench.collector_watch", case])
    done = subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env={**os.environ, "GOMAXPROCS": "1"},
        check=True,
        stdout=subprocess.PIPE,
        timeout=GIVE_UP_S,
        text=True,
    )
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def build_go() -> str:
    """Build the Go client; why it cannot be measured, or nothing."""
    if shutil.which("go") is None:
        return "go is not installed"
    GO_BINARY.parent.mkdir(parents=True, exist_ok=True)
    built = subprocess.run(
        ["go", "build", "-o", str(GO_BINARY), "."], cwd=GO_SOURCE, capture_output=True, text=True, check=False
    )
    return "" if built.returncode == 0 else f"go build failed: {built.stderr.strip()[-300:]}"
