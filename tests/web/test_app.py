"""The HTTP server's app, over a real connection."""

import gzip
import re
import urllib.request
from collections.abc import Iterator, Mapping, Sequence

import pytest

from collector.access.scope import Scope
from collector.core.live_view import LiveView
from collector.exposition.prometheus import Scrapes
from collector.web.app import create_app
from collector.web.money import Money
from tests.web.fleet import HOSTILE, MINUTE, NOW, a_view, some_counters, some_money, waiting
from tests.web.full_fleet import a_full_fleet
from tests.web.serving import get, serving


class Fleet:
    """The app's sources; tests change them while it serves."""

    def __init__(self) -> None:
        self.view: LiveView = a_view()
        self.counters = some_counters()

    def live(self) -> LiveView:
        return self.view

    async def money(self, scope: Scope) -> Money:
        return some_money()

    async def metrics(self, accept: str, encoding: str, names: Sequence[str]) -> tuple[bytes, Mapping[str, str]]:
        return await Scrapes(lambda: self.view, self.counters).answer(accept, encoding, names)


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def address(fleet: Fleet) -> Iterator[str]:
    app = create_app(
        live=fleet.live, counters=fleet.counters, metrics=fleet.metrics, money=fleet.money, now=lambda: NOW
    )
    with serving(app) as at:
        yield at


def test_health_is_the_process_alone(fleet: Fleet, address: str) -> None:
    """A cluster or store in trouble must not lead to a restart of the collector."""
    fleet.view = a_full_fleet()

    assert (get(f"{address}/healthz").status, get(f"{address}/healthz").json()) == (200, {"status": "ok"})


def test_readiness_is_200_or_503_with_reasons(fleet: Fleet, address: str) -> None:
    """The status is for machines, the problems are for people."""
    ready = get(f"{address}/readyz")
    fleet.view = a_full_fleet()
    not_ready = get(f"{address}/readyz")

    assert (ready.status, ready.json()) == (200, {"ready": True, "problems": [], "replica": ""})
    assert not_ready.status == 503
    assert not_ready.json()["problems"][0]["cluster"] == "edge-osaka"
    assert not_ready.json()["problems"][0]["remedy"]


def test_metrics_are_those_of_the_exposition(fleet: Fleet, address: str) -> None:
    """One content type, in one piece, in the requested format."""
    plain = get(f"{address}/metrics")
    openmetrics = get(f"{address}/metrics", accept="application/openmetrics-text; version=1.0.0")

    assert plain.headers.get_all("content-type") == ["text/plain; version=0.0.4; charset=utf-8"]
    assert b'lynceus_queue_depth{cluster="prod-hz"' in plain.body
    assert openmetrics.headers.get_all("content-type") == ["application/openmetrics-text; version=1.0.0; charset=utf-8"]
    assert openmetrics.body.endswith(b"# EOF\n")


def test_a_scraper_gets_what_its_headers_and_its_query_ask_for(address: str) -> None:
    """Gzip only with a wish for it, some metrics if they are named, and for HEAD the same without a body."""
    plain, small = get(f"{address}/metrics"), get(f"{address}/metrics", **{"accept-encoding": "gzip"})
    named = get(f"{address}/metrics?name[]=lynceus_queue_depth&name[]=lynceus_cluster_up")
    request = urllib.request.Request(f"{address}/metrics", headers={"accept-encoding": "gzip"}, method="HEAD")
    with urllib.request.urlopen(request, timeout=10) as head:
        body = head.read()

    assert plain.headers["content-encoding"] is None
    assert gzip.decompress(small.body).startswith(b"# HELP lynceus_queue_depth")
    assert {line.split()[2] for line in named.body.decode().splitlines() if line.startswith("# TYPE")} == {
        "lynceus_queue_depth",
        "lynceus_cluster_up",
    }
    assert (head.status, body) == (200, b"")
    assert (head.headers["content-type"], head.headers["content-encoding"]) == (plain.headers["content-type"], "gzip")


def test_live_json_has_ages_in_milliseconds_and_money_as_text(fleet: Fleet, address: str) -> None:
    """Amounts are strings with every digit; ages are numbers."""
    live = get(f"{address}/api/v1/live").json()

    assert live["totals"]["oldest_age_ms"] == 134 * MINUTE
    assert live["money"]["totals"][1]["currency"] == "USD"
    assert live["money"]["totals"][1]["cost"] == "12649.410789012345678901"


def test_hostile_names_are_data_in_json(fleet: Fleet, address: str) -> None:
    """Names are returned unchanged."""
    fleet.view = a_view(queues=[waiting((HOSTILE, HOSTILE, HOSTILE), "unseen", 1, MINUTE)])

    [queue] = get(f"{address}/api/v1/live").json()["queues"]

    assert (queue["cluster"], queue["namespace"], queue["queue"]) == (HOSTILE, HOSTILE, HOSTILE)


def test_the_page_holds_no_name_and_no_inline_code(fleet: Fleet, address: str) -> None:
    """The page is always the same: names arrive as JSON, code and style as files."""
    fleet.view = a_view(queues=[waiting((HOSTILE, HOSTILE, HOSTILE), "unseen", 1, MINUTE)])

    page = get(f"{address}/").body.decode()

    assert "onerror" not in page
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|javascript:", page)
    assert not re.search(r"(src|href)=\"(?!/|#)", page)


@pytest.mark.parametrize("path", ["/", "/api/v1/live", "/metrics", "/readyz", "/static/live.js", "/nowhere", "/docs"])
def test_every_answer_carries_the_guarding_headers(address: str, path: str) -> None:
    """Errors and static files included: there is no page to put a foreign script on."""
    headers = get(f"{address}{path}").headers

    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "script-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_what_is_of_this_moment_is_not_kept(address: str) -> None:
    """A cached answer would show an old fleet; files may be cached and revalidated."""
    assert get(f"{address}/api/v1/live").headers["cache-control"] == "no-store"
    assert get(f"{address}/static/live.js").headers["cache-control"] == "no-cache"
    assert get(f"{address}/static/live.js").headers["etag"]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/static/../app.py", "/static/%2e%2e/app.py"])
def test_what_must_not_be_served_is_not(address: str, path: str) -> None:
    """No documentation page that loads scripts from a CDN, and no file beside the static ones."""
    assert get(f"{address}{path}").status == 404


def test_the_api_describes_itself(address: str) -> None:
    """The OpenAPI document names every route for machines, with the meaning of its fields."""
    document = get(f"{address}/api/v1/openapi.json").json()

    assert set(document["paths"]) == {"/api/v1/live", "/metrics", "/healthz", "/readyz"}
    depth = document["components"]["schemas"]["Queue"]["properties"]["depth"]
    assert depth["description"] == "Workflows whose work has not begun."


def test_a_server_without_money_shows_none(fleet: Fleet) -> None:
    """A server that hides amounts has no section for them."""
    app = create_app(live=fleet.live, counters=fleet.counters, metrics=fleet.metrics, now=lambda: NOW)
    with serving(app) as address:
        page, live = get(f"{address}/").body, get(f"{address}/api/v1/live").json()

    assert live["money"] is None
    assert b"Money today" not in page


def test_only_our_own_names_are_answered_on_loopback(fleet: Fleet) -> None:
    """A web page whose host name resolves to 127.0.0.1 must not read the fleet through a visitor's browser."""
    app = create_app(live=fleet.live, counters=fleet.counters, metrics=fleet.metrics, hosts=("127.0.0.1", "localhost"))
    with serving(app) as at:
        ours = get(f"{at}/api/v1/live")
        theirs = get(f"{at}/api/v1/live", Host="evil.example")

    assert (ours.status, theirs.status) == (200, 400)
