"""The door before pages, API and metrics, over real connections: who is let in where, and that nothing is read before."""

import base64
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route

from collector.access.scope import ALL as EVERYTHING
from collector.access.scope import of_departments
from collector.web.door import is_public
from collector.web.reports.api_table import REPORTS
from tests.web.doors import ALL, MAPS, METRICS, OVER, WRONG, an_app, an_entrance, ask, bearing
from tests.web.history import Store, a_workflow
from tests.web.serving import serving

PAGE = {"accept": "text/html,application/xhtml+xml"}
TOKENS = {"none": "", "wrong": WRONG, "ended": OVER, "metrics": METRICS, "department": MAPS, "all": ALL}
PUBLIC = dict.fromkeys(TOKENS, True)
ROWS = dict.fromkeys(TOKENS, False) | {"department": True, "all": True}
ONLY_ALL = dict.fromkeys(TOKENS, False) | {"all": True}
FIGURES = dict.fromkeys(TOKENS, False) | {"metrics": True, "all": True}

WHO_MAY = {
    "/": ROWS,
    "/api/v1/live": ROWS,
    "/api/v1/openapi.json": ROWS,
    "/workflows": ROWS,
    "/workflows/{uid}": ROWS,
    "/api/v1/workflows/{uid}": ROWS,
    "/queues/{cluster}/{namespace}/{queue}": ROWS,
    "/api/v1/queues/{cluster}/{namespace}/{queue}": ROWS,
    "/templates/{template}": ROWS,
    "/api/v1/templates/{template}": ROWS,
    "/reports": ROWS,
    "/reports/{department}": ROWS,
    "/api/v1/reports/month": ROWS,
    **{f"/api/v1/reports/{one.name}": ONLY_ALL if one.of_all else ROWS for one in REPORTS},
    "/reports/unallocated": ROWS,
    "/reports/{department}/shared": ROWS,
    "/reports/{department}/workflows": ROWS,
    "/reports/{department}/snapshot": ROWS,
    "/metrics": FIGURES,
    "/healthz": PUBLIC,
    "/readyz": PUBLIC,
    "/sign-in": PUBLIC,
    "/sign-out": PUBLIC,
    "/static": PUBLIC,
    "/static/colours.css": PUBLIC,
    "/static/messages-en.js": PUBLIC,
    "/static/messages-zh-CN.js": PUBLIC,
}
"""Who may read each path of the app. A new path has to be named here."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return an_app(an_entrance(tmp_path_factory.mktemp("tokens")), Store(a_workflow()))


@pytest.fixture(scope="module")
def address(app: FastAPI) -> Iterator[str]:
    with serving(app) as at:
        yield at


def paths(app: FastAPI) -> dict[str, set[str]]:
    """The methods of each path."""
    found: dict[str, set[str]] = {}
    for route in app.routes:
        assert isinstance(route, APIRoute | Route | Mount)
        methods = {"GET"} if isinstance(route, Mount) else route.methods or set()
        found.setdefault(route.path, set()).update(methods)
    return found


def filled(path: str) -> str:
    """A path with something in the place of each parameter."""
    if path == "/static":
        return "/static/live.js"
    names = {"uid": "w1", "cluster": "prod-hz", "namespace": "perception", "queue": "nightly", "template": "train"}
    names["department"] = "maps"
    return path.format_map(names)


def test_every_path_is_declared(app: FastAPI) -> None:
    """So that a new one cannot be forgotten."""
    assert set(paths(app)) == set(WHO_MAY)
    for path, who in WHO_MAY.items():
        assert is_public(filled(path)) == (who is PUBLIC)


@pytest.mark.parametrize("path", WHO_MAY)
@pytest.mark.parametrize("kind", TOKENS)
def test_each_token_opens_what_it_may(app: FastAPI, address: str, path: str, kind: str) -> None:
    """By every method that a path knows: 401 without a token that counts, 403 with one for other things."""
    for method in paths(app)[path]:
        answer = ask(address, method, filled(path), bearing(TOKENS[kind]))

        if (method, path) == ("POST", "/sign-in"):
            assert "<form" in answer.body.decode()  # the page itself says that there was no token
        elif WHO_MAY[path][kind]:
            assert answer.status not in (401, 403), (method, answer.body)
        elif kind in ("metrics", "department"):
            assert answer.status == 403
            assert method == "HEAD" or answer.json()["remedy"]
        else:
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == 'Bearer realm="lynceus"'


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("GET", "/workflows/w1?attempt=nonsense&rows=-1"),
        ("GET", f"/workflows/{'x' * 5000}"),
        ("GET", "/api/v1/queues/%00/%ff/..?period=%"),
        ("POST", "/workflows"),
        ("BREW", "/"),
        ("GET", "/staticfile"),
        ("GET", "/sign-in/"),
        ("GET", "//static/live.js"),
    ],
)
def test_nothing_is_parsed_before_the_door(address: str, method: str, path: str) -> None:
    """Every request without a token gets the same answer, whatever it asks for."""
    usual, answer = ask(address, "GET", "/"), ask(address, method, path)

    assert (answer.status, answer.body) == (401, usual.body)
    assert {*answer.headers.items()} - {*usual.headers.items()} <= {("date", answer.headers["date"])}


def test_a_body_is_not_read_before_the_door(address: str) -> None:
    """The answer comes while the client has sent the head and nothing of 10 MB."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=20) as client:
        client.sendall(b"POST /api/v1/live HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n\r\n")
        answer = client.recv(65536)

    assert answer.startswith(b"HTTP/1.1 401 ")


def test_the_guarding_headers_are_on_refusals_too(address: str) -> None:
    """The door stands behind them."""
    for answer in (
        ask(address, "GET", "/"),
        ask(address, "GET", "/", PAGE),
        ask(address, "GET", "/metrics", bearing(MAPS)),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
    refused = ask(address, "GET", "/", {"transfer-encoding": "chunked", "content-length": "0"})
    assert refused.status == 400


def basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (basic("", ALL), 200),
        (basic("prometheus", ALL), 200),
        (basic(ALL, ""), 401),
        (basic("x", WRONG), 401),
        ({"authorization": f"BEARER  {ALL} "}, 200),
        ({"authorization": "Basic %%%"}, 401),
        ({"authorization": f"Digest {ALL}"}, 401),
        ({"authorization": ALL}, 401),
        ({"authorization": "Bearer " + "x" * 3000}, 401),
        ({"cookie": f"lynceus_token={ALL}"}, 200),
        ({"cookie": f"a=b; lynceus_token={ALL}; c"}, 200),
        ({"cookie": f"not_lynceus_token={ALL}"}, 401),
        ({"cookie": f"lynceus_token={ALL}", "authorization": "Bearer x"}, 401),
        ([("authorization", f"Bearer {ALL}"), ("authorization", f"Bearer {ALL}")], 401),
    ],
)
def test_a_token_is_found_where_programs_send_it(
    address: str, headers: dict[str, str] | list[tuple[str, str]], status: int
) -> None:
    """As Bearer, as the password of Basic, or in the cookie; what is unclear has no token."""
    assert ask(address, "GET", "/api/v1/live", headers).status == status


def test_a_browser_is_led_to_the_sign_in_page_and_back(address: str) -> None:
    """Only who wants a page: a script of it gets 401."""
    answer = ask(address, "GET", "/queues/a%2Fb/c/d?period=1h", PAGE)

    assert answer.status == 303
    assert answer.headers["location"] == "/sign-in?to=/queues/a%252Fb/c/d%3Fperiod%3D1h"
    assert ask(address, "GET", "/" + "x" * 3000, PAGE).headers["location"] == "/sign-in?to=/"
    assert ask(address, "POST", "/", PAGE).status == 401
    assert ask(address, "GET", "/api/v1/live", {"accept": "*/*"}).status == 401


def test_where_people_cannot_sign_in_they_are_not_led_there(tmp_path: Path) -> None:
    """Only a proxy signs in there."""
    with serving(an_app(an_entrance(tmp_path, signs_in=False))) as at:
        assert ask(at, "GET", "/", PAGE).status == 401
        assert ask(at, "GET", "/sign-in", PAGE).status == 404


def test_readiness_names_nothing_to_strangers(address: str) -> None:
    """Probes have no token: they get the status. Problems name clusters and paths."""
    shown = {kind: ask(address, "GET", "/readyz", bearing(token)) for kind, token in TOKENS.items()}

    assert {answer.status for answer in shown.values()} == {503}
    assert {kind for kind, answer in shown.items() if answer.json() == {"ready": False}} == {
        "none",
        "wrong",
        "ended",
        "department",
    }
    assert shown["metrics"].json()["problems"]
    assert shown["all"].json()["problems"]


def test_the_store_is_read_for_the_visitor_s_scope(tmp_path: Path) -> None:
    """And for no other one."""
    store = Store(a_workflow())
    with serving(an_app(an_entrance(tmp_path), store)) as at:
        for path in filter(lambda path: "{" in path or path == "/workflows", WHO_MAY):
            ask(at, "GET", f"{filled(path)}?name=w", bearing(MAPS))
        assert {*store.scopes} == {of_departments(["maps"])}
        store.scopes.clear()
        ask(at, "GET", "/workflows/w1", bearing(ALL))
        assert {*store.scopes} == {EVERYTHING}
