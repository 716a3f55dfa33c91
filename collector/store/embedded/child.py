"""
Starts the embedded store as a child process of the collector and keeps it running.

The child ends when its standard input closes, so it cannot outlive a collector killed by -9 and hold the path.
This module never imports the engine and never sends SQL.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from collector.store.embedded.options import READERS_STUCK, StoreOptions

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
READY_WITHIN_S = 120.0
"""An engine with many parts opens them slowly on a busy machine; giving up earlier would not make it faster."""
STEADY_AFTER_S = 60.0
"""A child that ran this long was healthy; the next pause starts small again."""

_ROOT = Path(__file__).resolve().parents[3]


class StoreDidNotStartError(Exception):
    """The child ended or did not answer in time; the text is its last message."""


class StoreKilledError(StoreDidNotStartError):
    """A signal killed the child before it answered, as the kernel does when memory is short; a retry may succeed."""


@dataclass(frozen=True, slots=True)
class StoreChild:
    """A running store."""

    process: asyncio.subprocess.Process
    url: str
    _pipe_readers: tuple[asyncio.Task[None], ...]

    async def wait(self) -> int:
        """Waits for its end; returns the exit code."""
        code = await self.process.wait()
        await asyncio.shield(asyncio.gather(*self._pipe_readers))
        return code

    async def stop(self) -> None:
        """Ends the store by closing its input, then by force; also a caller that is cancelled meanwhile waits for it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        ending = asyncio.create_task(_exit_code(self.process))
        try:
            await asyncio.shield(ending)
        finally:
            await ending
            await self.wait()


async def start_child(
    path: Path,
    listen: str,
    token_file: Path | None = None,
    *,
    reader_token_file: Path | None = None,
    token_files: Sequence[Path] = (),
    ready_within_s: float = READY_WITHIN_S,
    on_readers: Callable[[str], None] = lambda _problem: None,
) -> StoreChild:
    """Starts a store and returns when it answers /ping. `on_readers` is called with each problem of readers."""
    options = StoreOptions(
        path=str(path),
        listen=listen,
        writer_token_file=str(token_file) if token_file else None,
        reader_token_file=str(reader_token_file) if reader_token_file else None,
        token_files=tuple(map(str, token_files)),
        until_stdin_closes=True,
    )
    process = await _spawn(options)
    last_message: list[str] = []
    log_reader = asyncio.create_task(_log_messages(process, last_message))
    try:
        async with asyncio.timeout(ready_within_s):
            url = await _ready_url(process)
            await _answers(url)
    except (TimeoutError, aiohttp.ClientError, EOFError) as error:
        code = await _exit_code(process)
        await log_reader
        raise _start_error(path, last_message, code, ready_within_s) from error
    except asyncio.CancelledError:
        # Waited for, so that nothing of it is left when the loop ends.
        _kill(process)
        await process.wait()
        await log_reader
        raise
    return StoreChild(process, url, (log_reader, asyncio.create_task(_follow_readers(process, on_readers))))


async def _exit_code(process: asyncio.subprocess.Process, within_s: float = 3.0) -> int | None:
    """The exit code of a child that is about to end; None when it had to be killed."""
    try:
        return await asyncio.wait_for(process.wait(), within_s)
    except TimeoutError:
        _kill(process)
        await process.wait()
        return None


def _start_error(path: Path, last_message: list[str], code: int | None, within_s: float) -> StoreDidNotStartError:
    """The error with the child's last message, or else with how it ended; code None: it was still running."""
    end = f"it did not answer within {within_s:g} s" if code is None else f"it ended with exit code {code}"
    kind = StoreKilledError if code is not None and code < 0 else StoreDidNotStartError
    return kind(f"the embedded store at {path} did not start: {last_message[-1] if last_message else end}")


async def _spawn(options: StoreOptions) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "collector.store.embedded.server", msgspec.json.encode(options).decode()]
    pipe = asyncio.subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    # In a session of its own: a terminal's Ctrl-C reaches every process of a session, and the last rows need the store.
    return await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
    )


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


async def _ready_url(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None  # noqa: S101 - a pipe, as spawned
    while line := await process.stdout.readline():
        word, _, url = line.decode(errors="replace").strip().partition(" ")
        if word == "ready":
            return url
    raise EOFError


async def _answers(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/ping") as response:
        response.raise_for_status()


async def _log_messages(process: asyncio.subprocess.Process, last_message: list[str]) -> None:
    """Logs the child's messages, and keeps the last one: the reason why it ended."""
    assert process.stderr is not None  # noqa: S101 - a pipe, as spawned
    async for line in process.stderr:
        text = line.decode(errors="replace").strip()
        if text:
            last_message[:] = [text]
            log.warning("message of the embedded store", extra={"line": text})


async def _follow_readers(process: asyncio.subprocess.Process, on_readers: Callable[[str], None]) -> None:
    """Passes on what the child reports of its readers' queries: nothing, `busy …` or `stuck …`."""
    assert process.stdout is not None  # noqa: S101 - a pipe, as spawned
    async for line in process.stdout:
        word, _, problem = line.decode(errors="replace").strip().partition(" ")
        if word == "readers":
            on_readers(problem)


async def supervise(
    path: Path,
    listen: str,
    token_file: Path | None = None,
    *,
    stop: asyncio.Event,
    on_ready: Callable[[str], None],
    on_readers: Callable[[str], None] = lambda _problem: None,
    reader_token_file: Path | None = None,
    token_files: Sequence[Path] = (),
) -> None:
    """
    Keeps a store running until `stop`; each start calls `on_ready` with its address.

    `on_readers` is called with each problem of readers, also while the store starts again because of it.

    The first start raises errors that a retry cannot fix: a path, a port, a schema. A killed store is started again.
    """
    loop, pause = asyncio.get_running_loop().time, FIRST_PAUSE_S
    more = {"reader_token_file": reader_token_file, "token_files": token_files, "on_readers": on_readers}
    start = partial(_start_or_log, path, listen, token_file, more=more)
    child = await start(retried=StoreKilledError)
    while not stop.is_set():
        if child is not None:
            on_readers("")
            on_ready(child.url)
            began = loop()
            code = await _wait_for_end(child, stop)
            if code is None:
                return
            # What a reader asked for says nothing against the store: it comes back at once.
            is_healthy = loop() - began > STEADY_AFTER_S or code == READERS_STUCK
            pause = FIRST_PAUSE_S if is_healthy else pause
            log.warning("embedded store ended, starting it again", extra={"exit_code": code, "pause_s": pause})
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)
        child = None if stop.is_set() else await start(retried=StoreDidNotStartError)


async def _start_or_log(
    path: Path,
    listen: str,
    token_file: Path | None,
    *,
    more: Mapping[str, Any],
    retried: type[StoreDidNotStartError],
) -> StoreChild | None:
    """Starts a store; None when it failed with an error that is retried."""
    try:
        return await start_child(path, listen, token_file, **more)
    except retried as error:
        log.error("embedded store did not start, retrying", extra={"reason": str(error)})
        return None


async def _wait_for_end(child: StoreChild, stop: asyncio.Event) -> int | None:
    """Waits for the end of a child; its exit code, or None when it was stopped because of `stop`."""
    waits = [asyncio.create_task(child.wait()), asyncio.create_task(stop.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if child.process.returncode is not None:
            return child.process.returncode
    finally:
        for wait in waits:
            wait.cancel()
        if child.process.returncode is None:
            await child.stop()
    return None
