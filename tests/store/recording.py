"""
A server in front of a real store that keeps every statement with its settings, and answers some of them itself.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import lz4.frame
import urllib3

from tests.store.running import Running

_lz4: Any = lz4.frame


@dataclass(frozen=True)
class Statement:
    """One statement as it arrived."""

    sql: str
    settings: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What the recorder answers instead of the store: an error if there is a code."""

    text: str = ""
    code: int = 0


@dataclass
class Recorder:
    """What has been sent, and what is answered instead of the store."""

    url: str = ""
    statements: list[Statement] = field(default_factory=list)
    instead: Callable[[Statement], Answer | None] = lambda _: None

    def of(self, *words: str) -> list[Statement]:
        """The statements that begin with one of these words."""
        return [one for one in self.statements if one.sql.lstrip().startswith(words)]


class _Door(ThreadingHTTPServer):
    """Listens in front of a store."""

    daemon_threads = True

    def __init__(self, recorder: Recorder, behind: str):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.recorder, self.behind = recorder, behind


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Door

    def do_POST(self) -> None:
        body = self._body()
        settings = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        plain = _lz4.decompress(body) if self.headers.get("Content-Encoding") == "lz4" else body
        sent = Statement(settings.get("query") or plain.decode(errors="replace"), settings)
        self.server.recorder.statements.append(sent)
        if answer := self.server.recorder.instead(sent):
            code = {"X-ClickHouse-Exception-Code": str(answer.code)} if answer.code else {}
            self._send(500 if answer.code else 200, code, answer.text.encode())
            return
        headers = {k: v for k, v in self.headers.items() if k not in ("Host", "Content-Length", "Transfer-Encoding")}
        url = self.server.behind + self.path
        reply = urllib3.request("POST", url, body=body, headers=headers, retries=False, decode_content=False)
        kept = {k: v for k, v in reply.headers.items() if k.startswith(("X-", "Content-Type", "Content-Encoding"))}
        self._send(reply.status, kept, reply.data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def recording(running: Running) -> Iterator[Recorder]:
    """Runs the recorder during the block."""
    recorder = Recorder()
    with _Door(recorder, running.url) as door:
        threading.Thread(target=door.serve_forever, args=(0.05,), daemon=True).start()
        recorder.url = f"http://127.0.0.1:{door.server_port}"
        try:
            yield recorder
        finally:
            door.shutdown()
