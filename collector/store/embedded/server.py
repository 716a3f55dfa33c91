"""
`lynceus store`: serves chdb, the ClickHouse engine as a library, over ClickHouse's own HTTP protocol.

Unmodified clients (clickhouse-connect, clickhouse-go and with it Grafana) thus need no second code path, and a heavy query
or a crash of the engine cannot take the collector down. `engine.py` decides what a statement may do. `child.py` is the
collector's side; the collector must never import this module, since it loads the engine.
"""

import asyncio
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import msgspec
from aiohttp import web

from collector.catalog.schema import WRITER
from collector.store.embedded.access import ANSWER_HEADERS, LOOPBACK, READER, Authenticator, RefusedRequestError
from collector.store.embedded.compression import UnreadableBodyError
from collector.store.embedded.engine import Engine, StorePathError
from collector.store.embedded.handle import Answer, EngineError
from collector.store.embedded.options import StoreOptions
from collector.store.embedded.read_only import READONLY, RefusedStatementError
from collector.store.embedded.request import READER_BODY, WRITER_BODY, read_statement
from collector.store.embedded.token import TokenFileError, read_or_make_token

STOP_WITHIN_S = 1.8
LINGER_S = 2.0
"""How long the rest of a refused body is read and dropped, so that its sender gets to read why."""

_BAD_REQUEST = 36


class Server:
    """Answers HTTP requests by running their statements."""

    def __init__(self, engine: Engine, authenticator: Authenticator):
        self._engine = engine
        self._authenticator = authenticator

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answers one request."""
        try:
            self._authenticator.refuse_pages(request)
            if request.path == "/ping":
                return web.Response(text="Ok.\n", headers=ANSWER_HEADERS)
            answer = await self._run(request)
        except RefusedRequestError as refused:
            response = _failure(str(refused), refused.code, refused.status)
            response.force_close()  # what is left of its body is not read
            return response
        except RefusedStatementError as refused:
            return _failure(f"Code: {READONLY}. DB::Exception: {refused}. (READONLY)", READONLY)
        except EngineError as error:
            return _failure(str(error), error.code)
        except UnreadableBodyError as error:
            return _failure(f"Code: {_BAD_REQUEST}. DB::Exception: {error}", _BAD_REQUEST)
        return _response(answer) if answer else web.Response(text="Ok.\n", headers=ANSWER_HEADERS)

    async def _run(self, request: web.BaseRequest) -> Answer | None:
        """Runs the request's statement; None when the request has none."""
        role = self._authenticator.role(request)
        if request.method not in {"GET", "POST"}:
            raise RefusedRequestError(_BAD_REQUEST, "GET or POST", HTTPStatus.METHOD_NOT_ALLOWED)
        statement = await read_statement(request, READER_BODY if role == READER else WRITER_BODY)
        if statement is None:
            return None
        # As in ClickHouse, a GET never changes anything, for any user.
        if role == WRITER and request.method == "POST":
            return await self._engine.write(statement)
        if statement.data is not None:
            raise RefusedStatementError("a reader may not INSERT")
        return await self._engine.read(statement)


def _response(answer: Answer) -> web.Response:
    headers = ANSWER_HEADERS | {
        "X-ClickHouse-Timezone": "UTC",
        "X-ClickHouse-Server-Display-Name": "lynceus-embedded",
        "X-ClickHouse-Summary": (
            f'{{"read_rows":"{answer.read_rows}","read_bytes":"{answer.read_bytes}",'
            f'"written_rows":"{answer.written_rows}","written_bytes":"{answer.written_bytes}",'
            f'"elapsed_ns":"{int(answer.elapsed_s * 1e9)}"}}'
        ),
    }
    if answer.output_format:
        headers["X-ClickHouse-Format"] = answer.output_format
    return web.Response(body=answer.body, headers=headers, content_type="application/octet-stream")


def _failure(text: str, code: int, status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR) -> web.Response:
    return web.Response(
        text=text + "\n",
        status=status,
        headers=ANSWER_HEADERS | {"X-ClickHouse-Exception-Code": str(code), "X-ClickHouse-Timezone": "UTC"},
    )


def serve_store(options: StoreOptions) -> int:
    """Serves the store in this process until a signal stops it; returns the exit code."""
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
    engine = Engine(Path(options.path))
    answering = web.Server(
        Server(engine, authenticator).answer,
        access_log=None,
        auto_decompress=False,
        lingering_time=LINGER_S,
        handler_cancellation=True,  # a client that goes away takes its query with it
        max_line_size=READER_BODY,  # drivers put parameters into the address
    )
    runner = web.ServerRunner(answering, shutdown_timeout=1.0)
    await runner.setup()
    await _listen(runner, host, int(port))
    stop = _stop_event(options.until_stdin_closes)
    sys.stdout.write(f"ready http://{host}:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()
    await asyncio.to_thread(engine.close)


async def _listen(runner: web.ServerRunner, host: str, port: int) -> None:
    """Listens on the address; OSError names it and where to choose another one."""
    try:
        await web.TCPSite(runner, host.strip("[]"), port).start()
    except OSError as error:
        why = "is taken by another process" if error.errno == errno.EADDRINUSE else f"cannot listen: {error.strerror}"
        remedy = "choose another one: embedded.listen in the settings, --listen of `lynceus store`"
        raise OSError(f"{host}:{port} {why}; {remedy}") from error


def _authenticator(options: StoreOptions, host: str) -> Authenticator:
    loopback = host in LOOPBACK
    if options.reader_token_file is None and not loopback:
        raise StorePathError(
            f"{host}: readers need a token where other hosts can reach the store; set embedded.reader_token_file in the "
            "settings, or --reader-token-file of `lynceus store`"
        )
    reader_token = read_or_make_token(Path(options.reader_token_file)) if options.reader_token_file else None
    return Authenticator(read_or_make_token(Path(options.writer_token_file)), reader_token, loopback)


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
