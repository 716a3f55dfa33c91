"""The page of a workflow in a browser: readable in both themes, as narrow as a telephone, by keyboard, and without a script."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from collector.catalog.counters import Counters
from collector.core.history.workflow import OtherAttempt, StoredWorkflow
from collector.web.app import create_app
from tests.builders import NOON, SECOND, a_pod_run
from tests.reports.stored import a_step_run
from tests.web.browser import Page
from tests.web.fleet import HOSTILE, NOW, a_view
from tests.web.history import Store, a_charge, a_class_cost, a_workflow, another
from tests.web.serving import serving

LONG = "a-very-long-name-that-goes-on-" * 8


def a_failed_workflow() -> StoredWorkflow:
    """Steps that waited, failed and were tried again, with names that are hard to draw."""
    shown = replace(a_workflow().shown, name=LONG, outcome="failed", reason="exit_1", message=HOSTILE)
    return a_workflow(
        shown=replace(shown, deciding_node="fit", deciding_step="fit"),
        attempts=[OtherAttempt(1, "failed", "oom", NOON, NOON), OtherAttempt(2, "failed", "", NOON, NOON)],
        steps=[
            a_step_run("load", step=LONG, critical=True, critical_ms=20_000, waiting_reason="quota", waiting_ms=9000),
            a_step_run(
                "fit", critical=True, phase="Failed", started_at=NOON + 30 * SECOND, message=HOSTILE, exit_code=1
            ),
        ],
        step_count=2,
        pods=[a_pod_run(node_id="fit", hint=f"FailedScheduling: {LONG}", phase="Failed", reason="oom")],
        pod_count=1,
        costs=[a_class_cost("1"), a_class_cost(None, "", unpriced_pods=1)],
        charges=[a_charge("p1", None)],
        others=[another("w1", 100, "failed"), *(another(f"r{n}", 40 + n) for n in range(29))],
    )


@pytest.fixture
def page(chrome: Chrome) -> Iterator[Page]:
    store = Store(a_failed_workflow())

    async def metrics(*_: object) -> tuple[bytes, dict[str, str]]:
        return b"", {}

    app = create_app(live=a_view, counters=Counters(), metrics=metrics, history=store.of, now=lambda: NOW)
    with serving(app) as address:
        opened = Page(chrome, f"{address}/workflows/w1")
        opened.emulate(1280)
        yield opened
        chrome.get("about:blank")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_text_can_be_read_and_fits(page: Page, scheme: str, width: int) -> None:
    """WCAG 2 AA contrast in both themes; names of any length break, so nothing scrolls sideways."""
    page.emulate(width, scheme)

    assert page.faint_texts() == []
    assert page.run("return document.documentElement.scrollWidth") <= width


def test_nothing_of_others_is_markup_and_the_console_is_silent(page: Page) -> None:
    """No style or script is refused by the policy, since the page has none of its own."""
    assert page.run("return document.querySelectorAll('main img, script').length") == 0
    assert HOSTILE[:12] in page.text("main")
    assert page.console() == []


def test_a_keyboard_reaches_what_a_mouse_reaches(page: Page) -> None:
    """The first stop skips to the content; bars that lead somewhere have a link with words too; headings skip no level."""
    page.chrome.switch_to.active_element.send_keys(Keys.TAB)
    first = page.run("return document.activeElement.textContent")
    by_mouse = page.run("return [...document.querySelectorAll('svg a')].map((a) => a.getAttribute('href'))")
    by_words = page.run("return [...document.querySelectorAll('details a')].map((a) => a.getAttribute('href'))")
    levels = page.run("return [...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))")

    assert first == "Skip to the content"
    assert len(by_mouse) == 30
    assert set(by_mouse) <= set(by_words)
    assert levels == [1, *[2] * (len(levels) - 1)]


def test_charts_are_hidden_from_who_hears_the_page_and_tables_are_not(page: Page) -> None:
    """The same figures stand as text; every column and row has a header, and a critical step is named so."""
    assert page.run("return [...document.querySelectorAll('main svg')].every((svg) => svg.getAttribute('aria-hidden'))")
    assert page.run("return [...document.querySelectorAll('main thead th')].every((th) => th.scope === 'col')")
    assert page.run("return [...document.querySelectorAll('main tbody tr')].every((tr) => tr.querySelector('th'))")
    assert "critical path:" in page.run("return document.querySelector('.critical-mark').textContent")
    assert page.run("return document.querySelector('.search input').getAttribute('aria-label')")


def test_a_deciding_step_is_one_link_away(page: Page) -> None:
    """The message of a failed workflow leads to the step."""
    page.chrome.find_element("css selector", ".words a").click()

    assert page.run("return document.querySelector(':target').id") == "s-fit"
