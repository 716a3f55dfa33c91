"""
`lynceus store`: serves chdb, the ClickHouse engine as a library, over ClickHouse's own HTTP protocol.

So that unmodified clients (clickhouse-connect, clickhouse-go and with it Grafana) need no second code path, and a heavy
query or a crash of the engine cannot take the collector down. What a statement may do is decided in `engine.py`, not
here. `child.py` is the other side, in the collector, which must never import this module: it loads the engine.
"""

import argparse
import asyncio
import base64
import binascii
import errno
import hmac
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from aiohttp import BodyPartReader, web

from collector.catalog.schema import DATABASE
from collector.store.embedded.compression import UnreadableBodyError, decompressed
from collector.store.embedded.engine import Answer, Engine, EngineError, Statement, StorePathError
from collector.store.embedded.read_only import READONLY, RefusedStatementError
from collector.store.embedded.token import TokenFileError, read_or_make_token

WRITER = "lynceus"
READER = "default"

READER_BODY = 1 << 20
WRITER_BODY = 256 << 20
"""Bytes of a request's body, before and after decompression."""

STOP_WITHIN_S = 1.8

_NOT_SETTINGS = frozenset({
    "add_http_cors_header", "buffer_size", "client_protocol_version", "compress", "database", "decompress",
    "default_format", "enable_http_compression", "http_headers_progress_interval_ms", "password", "query", "query_id",
    "quota_key", "role", "send_progress_in_http_headers", "session_check", "session_id", "session_timeout", "user",
    "wait_end_of_query",
})  # fmt: skip
"""Query parameters that speak to the HTTP interface. No session is kept: its names are read and forgotten."""

_INSERT_HEAD = re.compile(rb"\s*INSERT\s.*?\bFORMAT\s+(\w+)[ \t]*(?:\r?\n|$)", re.IGNORECASE | re.DOTALL)
_HEAD_BYTES = 1 << 16

_REQUIRED_PASSWORD = 194
_AUTHENTICATION_FAILED = 516
_BAD_REQUEST = 36
_TOO_LARGE = 307
_UNSUPPORTED = 48


class _RefusedRequestError(Exception):
    """What the client is told instead of an answer."""

    def __init__(self, code: int, text: str, status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR):
        super().__init__(f"Code: {code}. DB::Exception: {text}")
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Who may come in."""

    writer_token: str
    reader_token: str | None
    """None: readers need none; only where the store listens on loopback."""
    loopback: bool

    def role(self, request: web.Request) -> str:
        """WRITER or READER; raises for everybody else."""
        # A web page must not reach the open reader by a name it made point to 127.0.0.1.
        if self.loopback and (request.url.host or "") not in {"127.0.0.1", "localhost", "::1"}:
            raise _RefusedRequestError(_AUTHENTICATION_FAILED, "unknown Host; use 127.0.0.1", HTTPStatus.FORBIDDEN)
        user, key = _credentials(request)
        if user == WRITER and hmac.compare_digest(key.encode(), self.writer_token.encode()):
            return WRITER
        if user in {READER, ""} and (
            self.reader_token is None or hmac.compare_digest(key.encode(), self.reader_token.encode())
        ):
            return READER
        raise _RefusedRequestError(
            _AUTHENTICATION_FAILED,
            f"{user or READER}: Authentication failed: password is incorrect, or there is no user with such name. "
            "(AUTHENTICATION_FAILED)",
            HTTPStatus.FORBIDDEN,
        )


def _credentials(request: web.Request) -> tuple[str, str]:
    user, key = request.headers.get("X-ClickHouse-User"), request.headers.get("X-ClickHouse-Key")
    if user is not None or key is not None:
        return user or READER, key or ""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise _RefusedRequestError(
                _REQUIRED_PASSWORD, "the Authorization header is not readable", HTTPStatus.FORBIDDEN
            ) from None
        return name, password
    return request.query.get("user", READER), request.query.get("password", "")


class Server:
    """Requests in, answers out."""

    def __init__(self, engine: Engine, doors: Authenticator):
        self._engine = engine
        self._doors = doors

    def application(self) -> web.Application:
        """What aiohttp serves."""
        application = web.Application(client_max_size=WRITER_BODY)
        application.router.add_get("/ping", self._ping)
        application.router.add_route("*", "/{any:.*}", self._answer)
        return application

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            answer = await self._run(request)
        except _RefusedRequestError as refused:
            return _failure(str(refused), refused.code, refused.status)
        except RefusedStatementError as refused:
            return _failure(f"Code: {READONLY}. DB::Exception: {refused}. (READONLY)", READONLY)
        except EngineError as error:
            return _failure(str(error), error.code)
        except UnreadableBodyError as error:
            return _failure(f"Code: {_BAD_REQUEST}. DB::Exception: {error}", _BAD_REQUEST)
        return _response(answer) if answer else web.Response(text="Ok.\n")

    async def _run(self, request: web.Request) -> Answer | None:
        """What came of the request; None when it asked nothing."""
        role = self._doors.role(request)
        if request.method not in {"GET", "POST"}:
            raise _RefusedRequestError(_BAD_REQUEST, "GET or POST", HTTPStatus.METHOD_NOT_ALLOWED)
        ask = await _read_ask(request, READER_BODY if role == READER else WRITER_BODY)
        if ask is None:
            return None
        # As in ClickHouse, GET never changes anything, whoever asks.
        if role == WRITER and request.method == "POST":
            return await self._engine.write(ask)
        if ask.data is not None:
            raise RefusedStatementError("a reader may not INSERT")
        return await self._engine.read(ask)


async def _read_ask(request: web.Request, most: int) -> Statement | None:
    """The request as one statement; None when it brought none."""
    options = dict(request.query)
    if options.get("compress", "0") != "0" or options.get("decompress", "0") != "0":
        raise _RefusedRequestError(
            _UNSUPPORTED, "ClickHouse's own block compression (compress=1) is not spoken here; use none, lz4 or gzip"
        )
    body = b""
    if request.content_type == "multipart/form-data":
        options |= await _form_fields(request, most)
    else:
        body = await _body(request, most)
    statement, data_format, data = _split(options.get("query", ""), body)
    if not statement.strip():
        return None
    return Statement(
        statement=statement,
        parameters={name[len("param_") :]: text for name, text in options.items() if name.startswith("param_")},
        settings={
            name: text for name, text in options.items() if name not in _NOT_SETTINGS and not name.startswith("param_")
        },
        database=_database(options, request.headers),
        output_format=options.get("default_format") or request.headers.get("X-ClickHouse-Format") or "TabSeparated",
        revision=_number(options.get("client_protocol_version", "0")),
        data=data,
        data_format=data_format,
    )


def _database(options: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """`default`, which clients name without being asked, looks into files in this engine; ours stands in for it."""
    asked = options.get("database") or headers.get("X-ClickHouse-Database") or DATABASE
    return DATABASE if asked == "default" else asked


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _split(query: str, body: bytes) -> tuple[str, str, bytes | None]:
    """(statement, format of the data that follows it, that data), from the two places a statement can stand in."""
    whole = query.encode() + b"\n" + body if query else body
    head = _INSERT_HEAD.match(whole[:_HEAD_BYTES])
    if head is None or head.group(1).lower() == b"values":
        return _decoded(whole), "", None
    statement = _decoded(head.group(0))
    return statement[: statement.upper().rindex("FORMAT")], head.group(1).decode(), whole[head.end() :]


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise _RefusedRequestError(
            _BAD_REQUEST, "a statement must be UTF-8, data must follow INSERT … FORMAT f"
        ) from None


async def _body(request: web.Request, most: int) -> bytes:
    chunks = bytearray()
    async for chunk in request.content.iter_any():
        chunks += chunk
        if len(chunks) > most:
            raise _RefusedRequestError(_TOO_LARGE, f"a body may have {most} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    encoding = request.headers.get("Content-Encoding", "")
    if not encoding:
        return bytes(chunks)
    return await asyncio.to_thread(decompressed, bytes(chunks), encoding, most)


async def _form_fields(request: web.Request, most: int) -> dict[str, str]:
    """The fields of a form, which clickhouse-connect sends instead of long query parameters."""
    fields: dict[str, str] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.filename is not None or part.name is None:
            raise _RefusedRequestError(_UNSUPPORTED, "external tables are not taken here")
        fields[part.name] = (await part.read()).decode()
        if sum(map(len, fields.values())) > most:
            raise _RefusedRequestError(_TOO_LARGE, f"a form may have {most} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return fields


def _response(answer: Answer) -> web.Response:
    headers = {
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
        headers={"X-ClickHouse-Exception-Code": str(code), "X-ClickHouse-Timezone": "UTC"},
    )


async def serve(
    path: Path,
    listen: str,
    writer_token_file: Path,
    *,
    reader_token_file: Path | None = None,
    until_stdin_closes: bool = False,
) -> None:
    """Serve until SIGTERM, SIGINT or, if so told, the end of standard input; says `ready URL` on standard output."""
    host, _, port = listen.rpartition(":")
    doors = _doors(host, writer_token_file, reader_token_file)
    engine = Engine(path)
    runner = web.AppRunner(
        Server(engine, doors).application(),
        access_log=None,
        auto_decompress=False,
        shutdown_timeout=1.0,
        handler_cancellation=True,  # a client that goes away takes its query with it
        max_line_size=READER_BODY,  # drivers put parameters into the address
    )
    await runner.setup()
    await _listening(runner, host, int(port))
    stop = _stop_event(until_stdin_closes)
    sys.stdout.write(f"ready http://{host}:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()
    await asyncio.to_thread(engine.close)


async def _listening(runner: web.AppRunner, host: str, port: int) -> None:
    """Take the address; OSError says which one, and what names another."""
    try:
        await web.TCPSite(runner, host.strip("[]"), port).start()
    except OSError as error:
        why = "is taken by another process" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
        remedy = "choose another one: embedded.listen in the settings, --listen of `lynceus store`"
        raise OSError(f"{host}:{port} {why}; {remedy}") from error


def _doors(host: str, writer_token_file: Path, reader_token_file: Path | None) -> Authenticator:
    loopback = host in {"127.0.0.1", "localhost", "[::1]"}
    if reader_token_file is None and not loopback:
        raise StorePathError(f"{host}: readers need a token where others can reach the store; give --reader-token-file")
    reader_token = read_or_make_token(reader_token_file) if reader_token_file else None
    return Authenticator(read_or_make_token(writer_token_file), reader_token, loopback)


def _stop_event(until_stdin_closes: bool) -> asyncio.Event:
    """An event that is set when it is time to go; the process ends soon after it even if a query runs on."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def go() -> None:
        # A query under way cannot be called back, and what is acknowledged is safe: leaving abruptly loses nothing.
        timer = threading.Timer(STOP_WITHIN_S, os._exit, (0,))
        timer.daemon = True
        timer.start()
        loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, go)
    if until_stdin_closes:
        threading.Thread(target=_when_stdin_closes, args=(go,), daemon=True).start()
    return stop


def _when_stdin_closes(go: Callable[[], None]) -> None:
    """The collector holds the other end and never writes: the end of it is the end of the collector."""
    while os.read(0, 4096):
        pass
    go()


def main(arguments: list[str] | None = None) -> int:
    """`lynceus store`; the exit code."""
    parser = argparse.ArgumentParser(prog="lynceus store", description="Serve the embedded store.")
    parser.add_argument("--path", type=Path, required=True, help="the store's folder")
    parser.add_argument("--listen", default="127.0.0.1:8471", help="address and port; port 0: any that is free")
    parser.add_argument("--token-file", type=Path, help="the writer's token; beside the store's folder if not given")
    parser.add_argument("--reader-token-file", type=Path, help="readers must show this token")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input does")
    chosen = parser.parse_args(arguments)
    token_file = chosen.token_file or chosen.path.with_name(chosen.path.name + ".token")
    try:
        asyncio.run(
            serve(
                chosen.path, chosen.listen, token_file,
                reader_token_file=chosen.reader_token_file, until_stdin_closes=chosen.until_stdin_closes,
            )
        )  # fmt: skip
    except (StorePathError, TokenFileError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
