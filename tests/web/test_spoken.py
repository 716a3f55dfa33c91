"""Pages have the language that their reader chose; programs get English."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.web.browser import Page
from tests.web.doors import ALL, an_app, an_entrance, ask, bearing
from tests.web.full_fleet import a_full_fleet
from tests.web.history import Store, a_workflow
from tests.web.opened import Fleet, page_of
from tests.web.serving import Answer, serving

CHINESE = {"accept-language": "zh-CN,zh;q=0.9,en;q=0.5"}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with serving(an_app(an_entrance(tmp_path), Store(a_workflow()))) as at:
        yield at


def answer(address: str, path: str, **headers: str) -> Answer:
    return ask(address, "GET", path, bearing(ALL) | headers)


def test_a_page_has_the_language_of_the_browser_until_a_person_chooses(address: str) -> None:
    """A choice in the address outweighs it, and is kept in a cookie."""
    first = answer(address, "/workflows", **CHINESE)
    chosen = answer(address, "/workflows?lang=en", **CHINESE)
    kept = answer(address, "/workflows", cookie=chosen.headers["set-cookie"].split(";")[0], **CHINESE)

    assert ['lang="zh-CN"' in page.body.decode()[:99] for page in (first, chosen, kept)] == [True, False, False]
    assert "请输入名称" in first.body.decode()
    assert "Enter a name" in kept.body.decode()
    assert chosen.headers["set-cookie"].startswith("lang=en; Path=/")


def test_a_page_for_what_is_not_there_has_it_too(address: str) -> None:
    """With its remedy."""
    page = answer(address, "/workflows/none", **CHINESE).body.decode()

    assert "存储中没有工作流 none。" in page
    assert "The store" not in page


@pytest.mark.parametrize("path", ["/api/v1/workflows/none", "/api/v1/workflows/w1", "/api/v1/live", "/readyz"])
def test_programs_get_english(address: str, path: str) -> None:
    """Whatever language their library asks for: sentences of the API stay as they are."""
    texts = answer(address, path, **CHINESE).body.decode()

    assert texts == answer(address, path).body.decode()
    assert texts.isascii()


def test_the_live_page_asks_for_its_sentences(address: str) -> None:
    """Remedies are made by the server; what a server of others answered is as it is."""
    [english] = answer(address, "/api/v1/live").json()["problems"]
    [chinese] = answer(address, "/api/v1/live?sentences=zh-CN").json()["problems"]

    assert english["remedy"].startswith("grant get, list and watch")
    assert chinese["remedy"].startswith("请授予该类资源的")
    assert english["reason"] == chinese["reason"]
    assert answer(address, "/api/v1/live?sentences=de").status == 422


def test_scripts_speak_the_language_of_the_page(chrome: Chrome) -> None:
    """Ages, counts, reasons and the title; every figure is the same."""
    fleet = Fleet()
    fleet.view = a_full_fleet()
    with page_of(chrome, fleet) as page:
        page.chrome.get(f"{page.run('return location.origin')}/?lang=zh-CN")
        page.shows("#pulse", "实时，1 个问题")
        shown = [page.text(css) for css in ("#total-waiting", "#total-queues", "#queue-rows tr .why li")]
        title, oldest = page.run("return document.title"), page.text("#total-oldest")
        opened = Page(page.chrome, f"{page.run('return location.origin')}/?lang=en")
        opened.shows("#pulse", "live, 1 problem")

    assert shown == ["3,806", "分布在 10 个队列", "1,412 并行受限"]
    assert title == "3,806 个等待 · Lynceus"
    assert oldest.startswith("1 天 03 小时")
