"""A receiver of traces on a port of its own: it decodes what it gets as the protocol's own request."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Receiving:
    """What a receiver got, and how it answers."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """Status of the next answers; then 200."""
    rejects: int = 0
    """Spans that an answer of 200 says it did not take."""
    hangs: threading.Event = field(default_factory=threading.Event)
    """While it is set no request is answered."""
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    """Of the requests that were answered with 200."""
    headers: list[dict[str, str]] = field(default_factory=list)
    tried: int = 0

    @property
    def spans(self) -> list[Span]:
        """All spans that were taken."""
        return [
            s for r in self.requests for about in r.resource_spans for scope in about.scope_spans for s in scope.spans
        ]

    @property
    def resources(self) -> list[dict[str, str]]:
        return [as_dict(about.resource.attributes) for r in self.requests for about in r.resource_spans]


def as_dict(attributes: Any) -> dict[str, Any]:
    """Attributes by name."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def _decoded(text: bytes) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(text)  # type: ignore[no-untyped-call, no-any-return]


class Server(ThreadingHTTPServer):
    """Holds the state that each of its requests changes."""

    daemon_threads = True

    def __init__(self, port: int, state: Receiving) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.state, self.ended = state, threading.Event()

    def handle_error(self, *_: Any) -> None:
        """A client that gave up is expected."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request as the state says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the answer's body waits 40 ms for the client's acknowledgement of its head
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        state = self.server.state
        state.tried += 1
        while state.hangs.is_set() and not self.server.ended.wait(0.02):
            pass
        status = state.answers.pop(0) if state.answers else 200
        answer = ExportTraceServiceResponse()
        if status == 200 and self.path == "/v1/traces":
            text = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
            answer.partial_success.rejected_spans = state.rejects
            state.headers.append({key.lower(): value for key, value in self.headers.items()})
            state.requests.append(_decoded(text))
        content: bytes = answer.SerializeToString()  # type: ignore[no-untyped-call]
        self.send_response(status if self.path == "/v1/traces" else 404)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiving]:
    """A receiver for as long as the block lasts."""
    state = Receiving()
    server = Server(port, state)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    try:
        yield state
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
