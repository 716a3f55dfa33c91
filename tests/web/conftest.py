"""The browser, one for all pages of a module, and the page as it is usually opened."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.web.browser import Page, chromium
from tests.web.opened import Fleet, page_of


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def page(chrome: Chrome, fleet: Fleet) -> Iterator[Page]:
    with page_of(chrome, fleet) as opened:
        yield opened
