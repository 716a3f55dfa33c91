"""
An API server that only sends: pre-encoded lists and watches, one HTTP chunk an event, as fast as the client reads or at a pace.

Runs as its own process, so that none of its work is in a client's figures; ends when its standard input closes.
Not a fake for tests of behaviour: it knows no errors, no selectors and no writes.
"""

import argparse
import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.bench.fixtures import FIRST_VERSION, list_items, watch_events

EVENTS_A_SEND = 32
EVENTS_A_BOOKMARK = 10_000

HOLD_S = 0.5
"""A stream waits so long for a fence to be asked for, so that a client which asks can judge every event live."""

KINDS = {
    "workflows": {
        "path": "/apis/argoproj.io/v1alpha1/workflows",
        "kind": "Workflow",
        "apiVersion": "argoproj.io/v1alpha1",
    },
    "pods": {"path": "/api/v1/pods", "kind": "Pod", "apiVersion": "v1"},
}


def chunk(line: bytes) -> bytes:
    """A line as one HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(line), line)


class Sender(ThreadingHTTPServer):
    """The collection of one kind: the objects of a list, and the events of a watch after it."""

    daemon_threads = True

    def __init__(self, kind: str, objects: int, listed: int, pace: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.names = KINDS[kind]
        self.items = list(list_items(kind, listed))
        self.chunks = [chunk(line) for line in watch_events(kind, objects)]
        self.version = FIRST_VERSION
        """The newest version that a stream has sent, for the fence. A list always shows the beginning."""
        self.fenced = threading.Event()
        self.pace = pace
        """Events a second, each in a packet of its own; 0: as fast as the client reads."""

    def about(self) -> dict[str, Any]:
        """The line printed at the start: where it listens and what it sends."""
        sizes = [len(c) - 8 for c in self.chunks] or [len(item) for item in self.items]
        return {
            "server": f"http://127.0.0.1:{self.server_port}", "events": len(self.chunks), "listed": len(self.items),
            "mean_bytes": round(sum(sizes) / max(1, len(sizes))), "last_version": str(FIRST_VERSION + len(self.chunks)),
        }  # fmt: skip

    def bookmark(self, version: int, *, initial: bool = False) -> bytes:
        """A bookmark's chunk."""
        marks = {"annotations": {"k8s.io/initial-events-end": "true"}} if initial else {}
        names = {"kind": self.names["kind"], "apiVersion": self.names["apiVersion"]}
        event = {"type": "BOOKMARK", "object": {**names, "metadata": {"resourceVersion": str(version), **marks}}}
        return chunk(json.dumps(event).encode() + b"\n")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Sender

    def do_GET(self) -> None:
        """Answer a list, a fence or a watch."""
        url = urlsplit(self.path)
        parameters = dict(parse_qsl(url.query))
        if url.path != self.server.names["path"]:
            self._answer(404, b'{"kind":"Status","code":404}')
        elif parameters.get("watch", "").lower() in ("1", "true"):
            self._stream(parameters)
        else:
            self._list(int(parameters.get("limit", "0")), int(parameters.get("continue") or "0"))

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _list(self, limit: int, begin: int) -> None:
        items, names = self.server.items, self.server.names
        end = begin + limit if limit and begin + limit < len(items) else len(items)
        more = {"continue": str(end), "remainingItemCount": len(items) - end} if end < len(items) else {}
        version = self.server.version if limit == 1 else FIRST_VERSION
        meta = json.dumps({"resourceVersion": str(version), **more})
        head = f'{{"apiVersion":"{names["apiVersion"]}","kind":"{names["kind"]}List","metadata":{meta},"items":['
        self._answer(200, head.encode() + b",".join(items[begin:end]) + b"]}")
        if limit == 1:
            self.server.fenced.set()

    def _stream(self, parameters: dict[str, str]) -> None:
        server = self.server
        version = max(FIRST_VERSION, int(parameters.get("resourceVersion") or "0"))
        server.version = version
        server.fenced.clear()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if parameters.get("sendInitialEvents") == "true":
            self.wfile.write(server.bookmark(version, initial=True))
        server.fenced.wait(HOLD_S)
        try:
            self._send_events(version, bookmarks=parameters.get("allowWatchBookmarks") == "true")
            self.connection.recv(1)  # returns when the client has gone
        except OSError:
            return

    def _send_events(self, version: int, *, bookmarks: bool) -> None:
        chunks, pace = self.server.chunks, self.server.pace
        first, step, began = version - FIRST_VERSION, 1 if pace else EVENTS_A_SEND, time.monotonic()
        for begin in range(first, len(chunks), step):
            if pace:
                time.sleep(max(0.0, began + (begin - first) / pace - time.monotonic()))
            sent = chunks[begin : begin + step]
            self.server.version = FIRST_VERSION + begin + len(sent)
            self.wfile.write(b"".join(sent))
            if bookmarks and begin % EVENTS_A_BOOKMARK < step:
                self.wfile.write(self.server.bookmark(self.server.version))


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(prog="tests.bench.server")
    parser.add_argument("--kind", choices=KINDS, default="workflows")
    parser.add_argument("--objects", type=int, default=0, help="objects whose events a watch sends")
    parser.add_argument("--listed", type=int, default=0, help="objects that a list shows")
    parser.add_argument("--pace", type=int, default=0, help="events a second; 0: as fast as the client reads")
    parameters = parser.parse_args()
    server = Sender(parameters.kind, parameters.objects, parameters.listed, parameters.pace)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(json.dumps(server.about()) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
