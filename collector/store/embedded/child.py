"""
The collector's side of the embedded store: starts `lynceus store` as a child process and keeps it running.

The child ends when its standard input closes, so it cannot outlive a collector killed by -9 and hold the path.
Nothing here imports the engine, and nothing here talks SQL.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
READY_WITHIN_S = 120.0
"""An engine with many parts, on a busy machine, takes its time to open them; to give up on it would not make it faster."""
STEADY_AFTER_S = 60.0
"""A child that ran this long was well; the next pause starts small again."""

_ROOT = Path(__file__).resolve().parents[3]


class StoreDidNotStartError(Exception):
    """The child ended or did not answer in time; the text is what it said."""


class StoreKilledError(StoreDidNotStartError):
    """Somebody ended the child before it answered, as the kernel does when memory is short: that may pass."""


@dataclass(frozen=True, slots=True)
class StoreChild:
    """A running store."""

    process: asyncio.subprocess.Process
    url: str
    _talk: asyncio.Task[None]

    async def wait(self) -> int:
        """The exit code, once it has ended."""
        code = await self.process.wait()
        await asyncio.shield(self._talk)
        return code

    async def stop(self) -> None:
        """End it: politely, then not."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        await _exit_code(self.process)
        await self.wait()


async def start_child(
    path: Path,
    listen: str,
    token_file: Path,
    *,
    reader_token_file: Path | None = None,
    ready_within_s: float = READY_WITHIN_S,
) -> StoreChild:
    """Start a store and return when it answers /ping."""
    process = await _spawn(path, listen, token_file, reader_token_file)
    said: list[str] = []
    talk = asyncio.create_task(_listen_to(process, said))
    try:
        async with asyncio.timeout(ready_within_s):
            url = await _ready_url(process)
            await _answers(url)
    except (TimeoutError, aiohttp.ClientError, EOFError) as error:
        code = await _exit_code(process)
        await talk
        raise _not_started(path, said, code, ready_within_s) from error
    except asyncio.CancelledError:
        _kill(process)
        raise
    return StoreChild(process, url, talk)


async def _exit_code(process: asyncio.subprocess.Process, within_s: float = 3.0) -> int | None:
    """How a child ended that is about to; None: it had to be made to."""
    try:
        return await asyncio.wait_for(process.wait(), within_s)
    except TimeoutError:
        _kill(process)
        await process.wait()
        return None


def _not_started(path: Path, said: list[str], code: int | None, within_s: float) -> StoreDidNotStartError:
    """Why, by its last words, or else by how it ended; None: it was still there."""
    how = f"it did not answer within {within_s:g} s" if code is None else f"it ended with exit code {code}"
    kind = StoreKilledError if code is not None and code < 0 else StoreDidNotStartError
    return kind(f"the embedded store at {path} did not start: {said[-1] if said else how}")


async def _spawn(
    path: Path, listen: str, token_file: Path, reader_token_file: Path | None
) -> asyncio.subprocess.Process:
    command = [
        sys.executable, "-m", "collector.store.embedded.server", "--path", str(path), "--listen", listen,
        "--token-file", str(token_file), "--until-stdin-closes",
    ]  # fmt: skip
    if reader_token_file is not None:
        command += ["--reader-token-file", str(reader_token_file)]
    pipe = asyncio.subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    # In a session of its own: a terminal's Ctrl-C goes to all of one, and the last rows need a store that still takes them.
    return await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
    )


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


async def _ready_url(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    while line := await process.stdout.readline():
        word, _, url = line.decode(errors="replace").strip().partition(" ")
        if word == "ready":
            return url
    raise EOFError


async def _answers(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/ping") as response:
        response.raise_for_status()


async def _listen_to(process: asyncio.subprocess.Process, said: list[str]) -> None:
    """Log what the child says, and keep the last line: it tells why it ended."""
    assert process.stderr is not None  # noqa: S101 - it was asked for
    async for line in process.stderr:
        text = line.decode(errors="replace").strip()
        if text:
            said[:] = [text]
            log.warning("embedded store says", extra={"line": text})


async def supervise(
    path: Path,
    listen: str,
    token_file: Path,
    *,
    stop: asyncio.Event,
    on_ready: Callable[[str], None],
    reader_token_file: Path | None = None,
) -> None:
    """
    Keep a store running until `stop`; `on_ready` is told its address each time.

    The first start raises what will not pass by itself: a path, a port, a schema. One that was killed is started again.
    """
    loop, pause = asyncio.get_running_loop().time, FIRST_PAUSE_S
    child = await _started(path, listen, token_file, reader_token_file, forgives=StoreKilledError)
    while not stop.is_set():
        if child is not None:
            on_ready(child.url)
            began = loop()
            code = await _ended(child, stop)
            if code is None:
                return
            pause = FIRST_PAUSE_S if loop() - began > STEADY_AFTER_S else pause
            log.warning("embedded store ended, starting it again", extra={"exit_code": code, "pause_s": pause})
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)
        child = None if stop.is_set() else await _started(path, listen, token_file, reader_token_file)


async def _started(
    path: Path,
    listen: str,
    token_file: Path,
    reader_token_file: Path | None,
    *,
    forgives: type[StoreDidNotStartError] = StoreDidNotStartError,
) -> StoreChild | None:
    """A running store; None where it did not start for a reason that is forgiven."""
    try:
        return await start_child(path, listen, token_file, reader_token_file=reader_token_file)
    except forgives as error:
        log.error("embedded store cannot be started", extra={"reason": str(error)})
        return None


async def _ended(child: StoreChild, stop: asyncio.Event) -> int | None:
    """The exit code of a child that ended by itself; None when it was stopped because we stop."""
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
