"""
An API server that knows Leases only, over TLS: versions, conflicts, and faults on demand.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from collector.kube.lease_requests import HOST
from tests.kube import certificates

PREFIX = "/apis/coordination.k8s.io/v1/namespaces/"


class LeaseApi:
    """Its Leases by path, and what it does instead of answering."""

    def __init__(self, folder: Path) -> None:
        self.leases: dict[str, dict[str, Any]] = {}
        self.status = 0
        """Answered to every request, if it is not 0."""
        self.hangs = threading.Event()
        self.hangs.set()
        """Cleared: requests wait."""
        self.requests: list[tuple[str, str, str]] = []
        """Method, path and authorization."""
        self._version, self._lock = 0, threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        made = certificates.make(folder)
        self._server.socket = made.server().wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.account = folder / "account"
        self.account.mkdir()
        (self.account / "ca.crt").write_bytes(made.authority.read_bytes())
        (self.account / "token").write_text("first")
        (self.account / "namespace").write_text("lynceus")

    @property
    def environment(self) -> dict[str, str]:
        """What a pod's environment says of its API server."""
        return {HOST: "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self._server.server_port)}

    def holder(self, name: str) -> str:
        """Who holds a Lease in the namespace lynceus."""
        found = self.leases.get(f"{PREFIX}lynceus/leases/{name}")
        return str(found["spec"].get("holderIdentity") or "") if found else ""

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and body."""
        self.hangs.wait()
        with self._lock:
            if self.status:
                return self.status, {"kind": "Status"}
            place = path if method != "POST" else f"{path}/{body['metadata']['name']}"
            known = self.leases.get(place)
            if method == "GET" and known:
                return 200, known
            if method == "POST" and not known and path.startswith(PREFIX):
                return 201, self._keep(place, body)
            if method == "PUT" and known:
                sent = body["metadata"].get("resourceVersion", "")
                return (200, self._keep(place, body)) if sent == known["metadata"]["resourceVersion"] else (409, {})
            return (409, {}) if known else (404, {})

    def _keep(self, place: str, body: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        body["metadata"]["resourceVersion"] = str(self._version)
        body["spec"]["ofALaterRelease"] = 1
        self.leases[place] = body
        return body

    @contextmanager
    def serving(self) -> Iterator["LeaseApi"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.hangs.set()
            self._server.shutdown()
            self._server.server_close()


def _handler(api: LeaseApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size) or b"{}")
            api.requests.append((self.command, self.path, self.headers.get("Authorization", "")))
            status, content = api.answer(self.command, self.path, body)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = _answer

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    return Handler
