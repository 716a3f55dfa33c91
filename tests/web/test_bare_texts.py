"""No page has a text outside the catalogues: each is drawn in a language that marks what it translates."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from selenium.webdriver import Chrome

from collector.access.scope import Scope
from collector.core.facts.watches import WatchGap
from collector.core.history.queue import StoredQueue
from collector.core.history.template import StoredTemplate
from collector.core.history.workflow import NamedWorkflow, StoredWorkflow
from collector.web.money import Money
from collector.web.queue_history import steps_until
from collector.web.template_history import template_steps
from tests.builders import NOON
from tests.language.marked import IN_MARKS, bare_texts
from tests.reports.stored import a_live_row
from tests.web import test_queue_page, test_template_page, test_workflow_page
from tests.web.doors import ALL, MAPS, an_app, an_entrance, ask, bearing, no_money
from tests.web.fleet import HOUR, MINUTE, NOW, a_cluster, a_view, some_money
from tests.web.full_fleet import a_full_fleet
from tests.web.history import Store
from tests.web.opened import Fleet, page_of
from tests.web.serving import serving

FOUND = NamedWorkflow(
    uid="u1",
    cluster="prod-hz",
    namespace="perception",
    name="train-9",
    template="train",
    created_at=NOON,
    state="throttled",
    live=True,
)
GAP = WatchGap(
    cluster="prod-hz", kind="pods", from_at=NOW - HOUR, version=1, to_at=NOW - MINUTE, cause="gone", objects_unknown=3
)


@pytest.fixture
def store() -> Store:
    return Store(test_workflow_page.a_failed_workflow())


@pytest.fixture
def address(store: Store, tmp_path: Path) -> Iterator[str]:
    with serving(an_app(an_entrance(tmp_path), store, languages=IN_MARKS)) as at:
        yield at


def page(address: str, path: str, token: str = ALL) -> str:
    return ask(address, "GET", path, bearing(token)).body.decode()


def test_the_page_of_a_workflow_that_ended(address: str, store: Store) -> None:
    """Steps, pods, costs, other runs and attempts included."""
    html = page(address, "/workflows/w1")

    assert "⟦" in html
    assert bare_texts(html, store.workflows, "operator") == []


def test_the_page_of_a_workflow_that_is_live(address: str, store: Store) -> None:
    """It waits, and nothing of it was charged."""
    live = a_live_row("w1", "throttled", "")
    store.workflows = (StoredWorkflow(shown=live, live_attempt=1),)

    assert bare_texts(page(address, "/workflows/w1"), live, "operator") == []


def test_the_page_of_a_queue(address: str, store: Store) -> None:
    """With and without what is of all departments, and without anything."""
    store.of_queue = test_queue_page.a_queue
    stored = test_queue_page.a_queue(steps_until(NOW, "6h"))
    at, view = f"/{test_queue_page.AT}", a_full_fleet()

    assert bare_texts(page(address, at), stored, view, "nightly", "operator") == []
    assert bare_texts(page(address, at, MAPS), stored, view, "nightly", "maps-lead") == []
    store.of_queue = lambda steps: StoredQueue(steps=steps)
    assert bare_texts(page(address, at), view, "nightly", "operator") == []


def test_the_page_of_a_template(address: str, store: Store) -> None:
    """With a change, failures and costs, and without a run."""
    steps = template_steps(NOW, "7d")
    store.of_template = test_template_page.a_template
    html = page(address, "/templates/train")
    nothing = test_template_page.NOTHING
    empty = StoredTemplate(steps=steps, period=nothing, this_week=nothing, last_week=nothing)
    store.of_template = lambda _: empty

    assert bare_texts(html, test_template_page.a_template(steps), "train", "operator") == []
    assert bare_texts(page(address, "/templates/train"), "train", "operator") == []


def test_the_search_for_workflows(address: str, store: Store) -> None:
    """With results, without any, and without a name."""
    store.found = [FOUND, replace(FOUND, uid="u2", name="train-8", state="failed", live=False)]
    html = page(address, "/workflows?name=tr")
    store.found = []

    assert bare_texts(html, FOUND, "train-8", "tr", "operator") == []
    assert bare_texts(page(address, "/workflows?name=tr"), "tr", "operator") == []
    assert bare_texts(page(address, "/workflows"), "operator") == []


def test_what_a_department_sees_of_this_moment(tmp_path: Path) -> None:
    """With money, and while the store does not answer."""
    view = a_view(clusters=[a_cluster("prod-hz", gaps=[GAP]), a_cluster("prod-sh", ready=False)])

    async def no_answer(_: Scope) -> Money:
        raise ConnectionError("refused")

    for money in (no_money, no_answer):
        app = an_app(an_entrance(tmp_path), live=lambda: view, money=money, languages=IN_MARKS)
        with serving(app) as address:
            assert (
                bare_texts(
                    page(address, "/", MAPS), some_money(), view.clusters, "maps", "maps-lead", alike=["platform"]
                )
                == []
            )


@pytest.mark.parametrize(
    "path", ["/workflows/none", "/workflows/none?attempt=3", "/templates/none", "/queues/a1/b2/none"]
)
def test_what_is_not_there(address: str, path: str) -> None:
    """With its remedy."""
    html = page(address, path)

    assert bare_texts(html, "none", "a1", "b2", "operator") == []
    assert "⟦Not found⟧" in html


def test_a_store_that_does_not_answer(address: str, store: Store) -> None:
    """The store's own words are as they are, and not for a department."""
    store.failure = ConnectionError("refused")

    assert bare_texts(page(address, "/workflows/w1"), "operator") == []
    assert bare_texts(page(address, "/workflows/w1", MAPS), "maps-lead") == []


def test_signing_in(address: str) -> None:
    """The page, as somebody who has signed in, and with each problem."""
    problem = ask(address, "POST", "/sign-in", {"content-type": "application/x-www-form-urlencoded"}, b"token=wrong")

    assert bare_texts(ask(address, "GET", "/sign-in").body.decode()) == []
    assert bare_texts(page(address, "/sign-in"), "operator") == []
    assert bare_texts(problem.body.decode()) == []


def test_the_live_page(chrome: Chrome) -> None:
    """What the scripts draw, with every problem, limit and standstill; and once the server is silent."""
    fleet = Fleet()
    with page_of(chrome, fleet, languages=IN_MARKS) as opened:
        opened.shows("#clusters", "prod-hz")
        drawn = opened.run("return document.documentElement.outerHTML")
        fleet.answers = False
        opened.shows("#pulse", "stale")
        stale = opened.run("return document.getElementById('pulse').outerHTML")

    assert drawn.count("⟦") > 200
    parts = [lock.name.split("/") for lock in fleet.view.locks]
    assert bare_texts(drawn, fleet.view, fleet.spent, parts, alike=["platform"]) == []
    assert bare_texts(stale) == []


def test_the_live_page_of_an_empty_fleet(chrome: Chrome) -> None:
    """Nothing waits, nothing is watched, and today's money is not known."""
    fleet = Fleet()
    fleet.view, fleet.spent = a_view(clusters=[], queues=[]), None
    with page_of(chrome, fleet, languages=IN_MARKS) as opened:
        opened.shows("#no-clusters", "No cluster")
        drawn = opened.run("return document.documentElement.outerHTML")

    assert bare_texts(drawn) == []
