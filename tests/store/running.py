"""
A real embedded store for tests: the process that users run, started, asked and ended from here.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3

from collector.store.clickhouse import Store, connect
from collector.store.embedded.options import StoreOptions
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Running:
    """A store that has printed `ready`."""

    process: subprocess.Popen[str]
    url: str
    path: Path
    token_file: Path

    @property
    def address(self) -> str:
        return urlsplit(self.url).netloc

    def token(self) -> str:
        """The writer's token."""
        return self.token_file.read_text(encoding="ascii")

    def writer(self) -> Store:
        return connect(self.url, "lynceus", self.token_file)

    def reader(self) -> Store:
        return connect(self.url)

    def stop(self) -> int:
        """End it as the collector does: by closing its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.reap()

    def reap(self) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        return code


def spawn(
    path: Path,
    token_file: Path,
    listen: str = "127.0.0.1:0",
    reader_token_file: Path | None = None,
    *,
    token_files: Sequence[Path] = (),
) -> subprocess.Popen[str]:
    """The store's process as a collector starts it, whether it will run or not."""
    options = StoreOptions(
        path=str(path),
        listen=listen,
        writer_token_file=str(token_file),
        reader_token_file=str(reader_token_file) if reader_token_file else None,
        token_files=tuple(map(str, token_files)),
        until_stdin_closes=True,
    )
    return piped("-W", "error", "-m", "collector.store.embedded.server", msgspec.json.encode(options).decode())


def piped(*arguments: str, cwd: Path = ROOT) -> subprocess.Popen[str]:
    """A Python process whose input and output are ours."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )


def start(
    folder: Path,
    listen: str = "127.0.0.1:0",
    reader_token_file: Path | None = None,
    *,
    token_files: Sequence[Path] = (),
) -> Running:
    """A running store in a folder."""
    path, token_file = folder / "store", folder / "store.token"
    return ready(spawn(path, token_file, listen, reader_token_file, token_files=token_files), path, token_file)


def ready(process: subprocess.Popen[str], path: Path, token_file: Path) -> Running:
    """The store of a process, once it says `ready`."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("ready "):
        _, message = process.communicate(timeout=10)
        raise AssertionError(f"the store did not start: {line}{message}")
    return Running(process, line.split()[1], path, token_file)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the store answered to one raw request."""

    status: int
    text: str
    body: bytes
    headers: dict[str, str]


def ask(
    store: Running,
    statement: str | bytes,
    *,
    user: str = "",
    key: str = "",
    method: str = "POST",
    headers: dict[str, str] | None = None,
    **query: Any,
) -> Reply:
    """One raw request, so that no client's own caution stands between a test and the store."""
    sent = dict(headers or {})
    if user:
        sent |= {"X-ClickHouse-User": user, "X-ClickHouse-Key": key}
    with urllib3.HTTPConnectionPool(store.address.split(":")[0], int(store.address.split(":")[1])) as pool:
        reply = pool.request(
            method,
            f"/?{urlencode(query)}" if query else "/",
            body=statement.encode() if isinstance(statement, str) else statement,
            headers=sent,
            retries=False,
            timeout=30,
        )
        return Reply(reply.status, reply.data.decode(errors="replace"), reply.data, dict(reply.headers))


def free_address() -> str:
    """An address that no process listens on."""
    return f"127.0.0.1:{free_port()}"


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
