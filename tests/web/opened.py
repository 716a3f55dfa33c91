"""
The live page, open in a browser, against a server with a fleet that tests change.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from selenium.webdriver import Chrome

from collector.access.scope import Scope
from collector.core.live_view import LiveView
from collector.exposition.prometheus import Scrapes
from collector.language.language import LANGUAGES, Language
from collector.web.app import create_app
from collector.web.money import Money
from tests.web.browser import Page
from tests.web.fleet import NOW, some_counters, some_money
from tests.web.full_fleet import a_full_fleet
from tests.web.serving import serving

QUICK_MS = 100
NEVER_MS = 3_600_000


class Fleet:
    """What the page shows; tests change it while it is open."""

    def __init__(self) -> None:
        self.view: LiveView = a_full_fleet()
        self.spent: Money | None = some_money()
        self.answers = True
        self.counters = some_counters()

    def live(self) -> LiveView:
        if not self.answers:
            raise RuntimeError("the collector is in trouble")
        return self.view

    async def money(self, scope: Scope) -> Money:
        if self.spent is None:
            raise ConnectionError("clickhouse:8123 refused the connection")
        return self.spent

    async def metrics(self, accept: str, encoding: str, names: Sequence[str]) -> tuple[bytes, Mapping[str, str]]:
        return await Scrapes(lambda: self.view, self.counters).answer(accept, encoding, names)


@contextmanager
def page_of(
    chrome: Chrome, fleet: Fleet, poll_ms: int = QUICK_MS, *, languages: Mapping[str, Language] = LANGUAGES
) -> Iterator[Page]:
    """The page, drawn once; blank again afterwards, so that no poll outlives its server."""
    app = create_app(
        live=fleet.live,
        counters=fleet.counters,
        metrics=fleet.metrics,
        money=fleet.money,
        now=lambda: NOW,
        poll_ms=poll_ms,
        languages=languages,
    )
    with serving(app) as address:
        page = Page(chrome, address)
        page.emulate(1440)
        page.shows("#pulse", "live")
        yield page
        chrome.get("about:blank")
