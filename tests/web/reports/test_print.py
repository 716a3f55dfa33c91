"""Pages of bills on paper."""

import base64
import re

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait

from tests.web.browser import Page
from tests.web.reports.crawled import Crawled
from tests.web.reports.pictures import READ

pytestmark = [pytest.mark.seen, pytest.mark.timeout(900)]


@pytest.mark.parametrize("tag", ["en", "zh-CN"])
@pytest.mark.parametrize("path", ["/reports", "/reports/perception"])
def test_a_bill_prints_on_two_pages(chrome: Chrome, crawled: Crawled, path: str, tag: str) -> None:
    """A4, with all that takes long to read."""
    page = Page(chrome, f"{crawled.demo.address}{path}?month={crawled.month}&why=true&lang={tag}")
    WebDriverWait(chrome, 60, 0.2).until(lambda _: page.run(READ))

    pdf = base64.b64decode(chrome.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])

    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 2
    assert re.search(rb"/MediaBox\s*\[0 0 59\d\.?\d* 84\d", pdf)
