"""Every page of the demo before axe-core: both languages, both themes, on a desk and on a telephone."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from selenium.webdriver import Chrome

from tests.web.axe.rules import violations
from tests.web.browser import Page
from tests.web.doors import an_app, an_entrance
from tests.web.history import Store, a_workflow
from tests.web.reports.laid import Demo, demo
from tests.web.serving import get, serving

pytestmark = [pytest.mark.seen, pytest.mark.timeout(600)]

LOOKS = [(width, scheme, tag) for tag in ("en", "zh-CN") for scheme in ("light", "dark") for width in (1280, 390)]
PLACES = {
    "live": "/",
    "bills": "/reports",
    "bill of a department": "/reports/perception",
    "workflows of a department": "/reports/perception/workflows",
    "shared costs of a department": "/reports/perception/shared",
    "unallocated": "/reports/unallocated",
    "search": "/workflows?name=lane",
    "queue": "/queues/prod-hz/perception/perception?period=7d",
    "template": "/templates/lane-detect?period=30d",
    "no such page": "/workflows/nowhere",
}
A_WORKFLOW = "SELECT uid FROM workflow_run WHERE pods > 1 AND outcome = 'failed' ORDER BY created_at DESC LIMIT 1"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("axe")) as running:
        yield running


def broken_rules(chrome: Chrome, address: str) -> dict[str, list[str]]:
    """What the page at an address violates, by the look in which it does."""
    found = {}
    for width, scheme, tag in LOOKS:
        page = Page(chrome, f"{address}{'&' if '?' in address else '?'}lang={tag}")
        page.emulate(width, scheme)
        assert page.run("return document.documentElement.lang") == tag
        if broken := violations(page):
            found[f"{width} px, {scheme}, {tag}"] = broken
    return found


@pytest.mark.parametrize("place", PLACES)
def test_a_page_breaks_no_rule(chrome: Chrome, shown: Demo, place: str) -> None:
    """WCAG 2.2 AA and axe's own advice."""
    assert broken_rules(chrome, f"{shown.address}{PLACES[place]}") == {}


def test_the_page_of_a_workflow_breaks_no_rule(chrome: Chrome, shown: Demo) -> None:
    """One of several pods that failed, so that every part of the page is there."""
    uid = get(f"http://127.0.0.1:{shown.port + 1}/?query={quote(A_WORKFLOW)}").body.decode().strip()

    assert re.fullmatch(r"[0-9a-f-]{36}", uid)
    assert broken_rules(chrome, f"{shown.address}/workflows/{uid}") == {}


def test_the_sign_in_page_breaks_no_rule(chrome: Chrome, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The demo needs no token, so this one is of an app with tokens."""
    app = an_app(an_entrance(tmp_path_factory.mktemp("tokens")), Store(a_workflow()))
    with serving(app) as address:
        assert broken_rules(chrome, f"{address}/sign-in") == {}


def test_the_judge_sees_what_is_broken(chrome: Chrome, shown: Demo) -> None:
    """Otherwise the rules above would hold for any page."""
    page = Page(chrome, f"{shown.address}/workflows")
    page.run("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=/static/lynceus.svg><input>')")

    assert [rule.split(":")[0] for rule in violations(page)] == ["image-alt", "label"]
