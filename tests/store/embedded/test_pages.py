"""Web pages and the embedded store: nothing that a page of another origin sends is run, and no answer can be embedded."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait

from tests.store.running import Running, ask
from tests.web.browser import PATIENCE_S, Page, chromium

LEAK = "SELECT 'leak(\"all of it\")' FORMAT TSVRaw"

KINDS = {"script", "module", "silent", "img", "link", "iframe", "post", "form", "cors", "keepalive", "ping", "submit"}

PAGE = """<!doctype html><link rel="icon" href="data:,"><title>evil</title><body><script>
const stolen = [], waits = [], store = STORE, query = QUERY;
function leak(text) { stolen.push(text); }
function loaded(tag, attributes) {
  waits.push(new Promise(done => {
    const made = Object.assign(document.createElement(tag), attributes);
    made.onload = made.onerror = done;
    document.body.append(made);
  }));
}
loaded("script", {src: query + "&of=script"});
loaded("script", {src: query + "&of=module", type: "module"});
loaded("script", {src: query + "&of=silent", referrerPolicy: "no-referrer"});
loaded("img", {src: query + "&of=img"});
loaded("link", {href: query + "&of=link", rel: "stylesheet"});
loaded("iframe", {src: query + "&of=iframe"});
const body = new FormData(); body.append("query", "SELECT 1");
const post = more => fetch(store + more.of, {method: "POST", mode: "no-cors", body: "SELECT 1", ...more}).catch(() => 0);
waits.push(post({of: "?of=post"}), post({of: "?of=form", body}), post({of: "?of=cors", mode: "cors"}));
waits.push(post({of: "?of=keepalive", keepalive: true}), post({of: "ping?of=ping", method: "GET", body: undefined}));
const target = Object.assign(document.createElement("iframe"), {name: "target"});
document.body.append(target);
const form = Object.assign(document.createElement("form"), {
  action: store + "?of=submit", method: "post", enctype: "text/plain", target: "target"});
form.append(Object.assign(document.createElement("input"), {name: "SELECT 1 --", value: "x"}));
document.body.append(form); form.submit();
Promise.all(waits).then(() => { document.title = "done"; });
</script>"""


@contextmanager
def serving(page: str) -> Iterator[str]:
    """A page on a port of its own, as another tool of the same machine has one; its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_page_of_another_port_gets_nothing_and_runs_nothing(name: str, running: Running, tmp_path: Path) -> None:
    """Scripts, styles, frames, forms and fetches of a real browser: each is refused, whatever it would have read."""
    store = f"http://{name}:{urlsplit(running.url).port}/"
    page = PAGE.replace("STORE", json.dumps(store)).replace("QUERY", json.dumps(f"{store}?query={quote(LEAK)}"))
    statuses: dict[str, int] = {}
    with serving(page) as address, chromium(tmp_path / "profile") as chrome:
        evil, wait = Page(chrome, address), WebDriverWait(chrome, PATIENCE_S, 0.05)

        def all_answered(_: Chrome) -> bool:
            statuses.update((path.rpartition("of=")[2], status) for path, status in evil.statuses(store))
            return statuses.keys() >= KINDS

        wait.until(lambda _: evil.run("return document.title") == "done")
        wait.until(all_answered)

        assert evil.run("return stolen") == []
    assert set(statuses.values()) == {403}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "Cross-Site"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "same-origin, cross-site"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://attacker.example"},
        {"Origin": "\xff"},
        {"Host": "attacker.example", "Origin": "http://attacker.example", "Sec-Fetch-Site": "same-origin"},
        {"Host": "0.0.0.0"},
        {"Host": "[::1"},
        {"Host": "127.0.0.1.attacker.example"},
        {"Host": "127.0.0.1:80:80"},
        {"Host": "\xff"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/", "/ping", "/?user=lynceus", "/any"])
def test_a_foreign_head_is_refused_before_its_body(headers: dict[str, str], path: str, running: Running) -> None:
    """The body is not waited for, and the writer's token does not help: no client of ours is a page."""
    sent = {"Host": "127.0.0.1", "X-ClickHouse-User": "lynceus", "X-ClickHouse-Key": running.token(), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    with socket.create_connection(("127.0.0.1", urlsplit(running.url).port or 0), timeout=10) as client:
        client.sendall(f"POST {path} HTTP/1.1\r\n{head}Content-Length: 100\r\n\r\n".encode("latin-1"))
        answer = client.recv(1 << 16).decode()

    assert answer.startswith("HTTP/1.1 403 ")
    assert "connection: close" in answer.lower()


def test_a_foreign_address_in_the_request_line_is_refused(running: Running) -> None:
    """As a proxy would send it: the address counts beside the Host header."""
    with socket.create_connection(("127.0.0.1", urlsplit(running.url).port or 0), timeout=10) as client:
        client.sendall(b"GET http://attacker.example/?query=SELECT+1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 403 ")


def test_a_second_host_is_refused(running: Running) -> None:
    """Which of two a reader of the head believes is anybody's guess."""
    with socket.create_connection(("127.0.0.1", urlsplit(running.url).port or 0), timeout=10) as client:
        client.sendall(b"GET /?query=SELECT+1 HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: attacker.example\r\n\r\n")
        assert client.recv(1 << 16).split()[1] in {b"400", b"403"}


@pytest.mark.parametrize(
    ("statement", "status", "headers"),
    [
        ("SELECT 1", 200, {}),
        ("SELECT 1", 200, {"Sec-Fetch-Site": "none"}),
        ("SELECT 1", 200, {"Sec-Fetch-Site": "same-origin"}),
        ("SELECT 1", 403, {"Sec-Fetch-Site": "cross-site"}),
        ("SELECT 1", 403, {"X-ClickHouse-User": "stranger"}),
        ("SELECT nothing", 500, {}),
        ("DROP TABLE x", 500, {}),
        ("", 200, {}),
        ("x" * (2 << 20), 413, {}),
    ],
)
def test_no_page_may_embed_run_or_show_an_answer(
    statement: str, status: int, headers: dict[str, str], running: Running
) -> None:
    """Of answers and errors alike: who asks chooses their text."""
    reply = ask(running, statement, headers=headers)

    assert reply.status == status
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert reply.headers["Content-Disposition"] == "attachment"
    assert "Access-Control-Allow-Origin" not in reply.headers


def test_its_own_origin_may_ask(running: Running) -> None:
    """A page that the store itself served, or a client that names it so."""
    assert ask(running, "SELECT 1", headers={"Origin": running.url}).text == "1\n"
