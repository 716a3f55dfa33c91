"""
`lynceus store`: serves chdb, the ClickHouse engine as a library, over ClickHouse's own HTTP protocol.

Unmodified clients (clickhouse-connect, clickhouse-go and with it Grafana) thus need no second code path, and a heavy query
or a crash of the engine cannot take the collector down. `engine.py` decides what a statement may do. `child.py` is the
collector's side; the collector must never import this module, since it loads the engine.
"""

import asyncio
import errno
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path

import msgspec
from aiohttp import web

from collector import logs
from collector.access.tokens import TokenFiles
from collector.catalog.schema import WRITER
from collector.store.embedded.access import LOOPBACK, Authenticator, OwnUser, RefusedRequestError
from collector.store.embedded.compression import UnreadableBodyError
from collector.store.embedded.connections import BACKLOG, OpenConnections, limit
from collector.store.embedded.engine import Engine, StorePathError
from collector.store.embedded.handle import Answer, EngineError
from collector.store.embedded.http import HttpServer, connection_of, failure, ok, send
from collector.store.embedded.options import READERS_STUCK, StoreOptions
from collector.store.embedded.read_only import READONLY, RefusedStatementError
from collector.store.embedded.request import read_statement
from collector.store.embedded.run_folder import SOCKET
from collector.store.embedded.token import TokenFileError, read_or_make_token

STOP_WITHIN_S = 1.8
LOOK_AT_TOKENS_S = 2.0
"""Between two looks at the files of tokens: one that is withdrawn is refused after that time."""

MAX_BEING_SENT = 512 << 20
"""Bytes of answers that wait for their clients, beside one answer of any size."""
SMALL_ANSWER = 1 << 20
"""Bytes of an answer that is sent whatever others wait for: the number of connections bounds these."""

_BAD_REQUEST = 36
_MEMORY_LIMIT_EXCEEDED = 241


class Server:
    """Answers HTTP requests by running their statements."""

    def __init__(self, engine: Engine, authenticator: Authenticator | OwnUser):
        self._engine = engine
        self._authenticator = authenticator
        self._being_sent = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request."""
        connection = connection_of(request)
        connection.busy()
        try:
            return await self._answer_or_fail(request)
        finally:
            connection.idle()

    async def _answer_or_fail(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            self._authenticator.refuse_pages(request)
            if request.path == "/ping":
                return ok()
            answer = await self._run(request)
            return ok() if answer is None else await self._send(request, answer)
        except RefusedRequestError as refused:
            return failure(str(refused), refused.code, refused.status, close=True, headers=refused.headers)
        except RefusedStatementError as refused:
            return failure(f"{refused}. (READONLY)", READONLY)
        except EngineError as error:
            return failure(str(error), error.code)
        except UnreadableBodyError as error:
            return failure(str(error), _BAD_REQUEST)

    async def _run(self, request: web.BaseRequest) -> Answer | None:
        """Runs the request's statement; None when the request has none."""
        role, visitor = self._authenticator.caller(request)
        if request.method not in {"GET", "POST"}:
            raise RefusedRequestError(_BAD_REQUEST, "GET or POST", HTTPStatus.METHOD_NOT_ALLOWED)
        statement = await read_statement(request, role)
        if statement is None:
            return None
        # As in ClickHouse, a GET never changes anything, for any user.
        if role == WRITER and request.method == "POST":
            return await self._engine.write(statement)
        if statement.data is not None:
            raise RefusedStatementError("a reader may not INSERT")
        own = isinstance(self._authenticator, OwnUser)
        by = "this user" if own else f"{visitor.name or role} from {request.remote}"
        return await self._engine.read(statement, by, own=own or role == WRITER, scope=visitor.scope)

    async def _send(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        """Sends an answer, unless clients that do not take theirs have too much of the store's memory already."""
        size = len(answer.body)
        if size > SMALL_ANSWER and self._being_sent and self._being_sent + size > MAX_BEING_SENT:
            raise EngineError("other large answers are being sent; try again later", _MEMORY_LIMIT_EXCEEDED)
        self._being_sent += size
        try:
            return await send(request, _headers(answer), answer.body)
        finally:
            self._being_sent -= size


def _headers(answer: Answer) -> dict[str, str]:
    summary = {
        "read_rows": str(answer.read_rows),
        "read_bytes": str(answer.read_bytes),
        "written_rows": str(answer.written_rows),
        "written_bytes": str(answer.written_bytes),
        "elapsed_ns": str(int(answer.elapsed_s * 1e9)),
    }
    return {
        "X-ClickHouse-Timezone": "UTC",
        "X-ClickHouse-Server-Display-Name": "lynceus-embedded",
        "X-ClickHouse-Summary": json.dumps(summary, separators=(",", ":")),
        **({"X-ClickHouse-Format": answer.output_format} if answer.output_format else {}),
    }


def serve_store(options: StoreOptions) -> int:
    """Serves the store in this process until a signal stops it; returns the exit code."""
    os.umask(0o077)  # the engine's files too are this user's alone
    # A collector's child: the collector makes a line of its own of each of ours.
    logs.to_stderr("warning", "bare" if options.until_stdin_closes else "auto")
    try:
        asyncio.run(serve(options))
    except (StorePathError, TokenFileError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def serve(options: StoreOptions) -> None:
    """Serves until SIGTERM, SIGINT or, if so chosen, the end of standard input; prints `ready URL` on standard output."""
    host, _, port = options.listen.rpartition(":")
    authenticator = _authenticator(options, host)
    end = _end_for_supervisor if options.until_stdin_closes else partial(_start_again, Path.cwd())
    report = _report_readers if options.until_stdin_closes else _log_readers
    engine = Engine(Path(options.path), report, end, options.patience_s)
    try:
        async with _served_to_own_user(engine):
            following = asyncio.create_task(_follow(authenticator.tokens), name="tokens")
            try:
                await _serve_engine(Server(engine, authenticator), options, host, int(port))
            finally:
                following.cancel()
    finally:
        await asyncio.to_thread(engine.close)


@asynccontextmanager
async def _served_to_own_user(engine: Engine) -> AsyncIterator[None]:
    """Serves the socket in the working folder, with connections of its own."""
    answering = HttpServer(Server(engine, OwnUser()).answer, OpenConnections(limit()))
    runner = web.ServerRunner(answering, shutdown_timeout=1.0)
    await runner.setup()
    await web.UnixSite(runner, SOCKET).start()
    os.chmod(SOCKET, 0o600)
    try:
        yield
    finally:
        await runner.cleanup()


async def _serve_engine(server: Server, options: StoreOptions, host: str, port: int) -> None:
    answering = HttpServer(server.answer, OpenConnections(limit()))
    runner = web.ServerRunner(answering, shutdown_timeout=1.0)
    await runner.setup()
    await _listen(runner, host, port)
    stop = _stop_event(options.until_stdin_closes)
    sys.stdout.write(f"ready http://{host}:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()


def _report_readers(problem: str) -> None:
    """Reports to the collector, which reads our standard output."""
    sys.stdout.write(f"readers {problem}\n")
    sys.stdout.flush()


def _log_readers(problem: str) -> None:
    sys.stderr.write(f"readers: {problem or 'none is stuck'}\n")
    sys.stderr.flush()


def _end_for_supervisor() -> None:
    os._exit(READERS_STUCK)


def _start_again(folder: Path) -> None:
    """Becomes a new process of the same command: nothing else would start it again."""
    os.chdir(folder)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command


async def _listen(runner: web.ServerRunner, host: str, port: int) -> None:
    """Listens on the address; OSError names it and where to choose another one."""
    try:
        await web.TCPSite(runner, host.strip("[]"), port, backlog=BACKLOG).start()
    except OSError as error:
        why = "is taken by another process" if error.errno == errno.EADDRINUSE else f"cannot listen: {error.strerror}"
        remedy = "choose another one: embedded.listen in the settings, --listen of `lynceus store`"
        raise OSError(f"{host}:{port} {why}; {remedy}") from error


async def _follow(tokens: TokenFiles) -> None:
    """Reads the files of tokens again and again, and reports what is wrong with them when that changes."""
    reported: tuple[str, ...] = ()
    while True:
        await asyncio.to_thread(tokens.look)
        if tokens.problems != reported:
            reported = tokens.problems
            sys.stderr.write(f"tokens: {'; '.join(reported) or 'all files can be used again'}\n")
            sys.stderr.flush()
        await asyncio.sleep(LOOK_AT_TOKENS_S)


def _authenticator(options: StoreOptions, host: str) -> Authenticator:
    loopback = host in LOOPBACK
    if options.reader_token_file is None and not options.token_files and not loopback:
        raise StorePathError(
            f"{host}: readers need a token where other hosts can reach the store; set access.token_files in the settings, "
            "or --tokens or --reader-token-file of `lynceus store`"
        )
    tokens = TokenFiles([Path(file).absolute() for file in options.token_files])  # the process will change its folder
    tokens.look()
    reader_token = read_or_make_token(Path(options.reader_token_file)) if options.reader_token_file else None
    writer_token = read_or_make_token(Path(options.writer_token_file)) if options.writer_token_file else None
    return Authenticator(writer_token, reader_token, loopback, tokens, asks=bool(options.token_files))


def _stop_event(until_stdin_closes: bool) -> asyncio.Event:
    """An event that is set when the process must end; it ends soon after that even if a query still runs."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def end() -> None:
        # A running query cannot be interrupted, and acknowledged rows are safe: an abrupt exit loses nothing.
        timer = threading.Timer(STOP_WITHIN_S, os._exit, (0,))
        timer.daemon = True
        timer.start()
        loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    if until_stdin_closes:
        threading.Thread(target=_when_stdin_closes, args=(end,), daemon=True).start()
    return stop


def _when_stdin_closes(end: Callable[[], None]) -> None:
    """Waits for the end of standard input: the collector holds its other end and never writes."""
    while os.read(0, 4096):
        pass
    end()


if __name__ == "__main__":
    # A collector's child: its options come as one JSON text, so that `lynceus store` has the only parser. Started through
    # the command it would load the whole collector first, and take twice as long.
    sys.exit(serve_store(msgspec.json.decode(sys.argv[1], type=StoreOptions)))
