"""What a visitor of some departments sees of this moment, without a store; tests/service/test_tenants.py has the real one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from collector.access.scope import Scope, of_departments
from collector.core.facts.watches import WatchGap
from collector.core.history.queue import StoredQueue
from collector.core.live_view import LiveView
from collector.web.department import department_now
from collector.web.money import Money, Spent, UnknownMoney
from collector.web.pages import NO_ANSWER
from tests.web.doors import MAPS, an_app, an_entrance, ask, bearing
from tests.web.fleet import HOUR, MINUTE, NOW, a_cluster, a_view
from tests.web.full_fleet import a_full_fleet
from tests.web.history import Store
from tests.web.serving import get, serving

TWO = of_departments(["maps", "navigation"])
GAP = WatchGap(
    cluster="prod-hz",
    kind="pods",
    from_at=NOW - HOUR,
    version=1,
    to_at=NOW - MINUTE,
    cause="expired",
    objects_unknown=3,
)


class Fleet:
    """What the app knows; tests change it."""

    def __init__(self) -> None:
        self.view: LiveView = a_full_fleet()
        self.spent: Money | None = None
        self.scopes: list[Scope] = []

    def live(self) -> LiveView:
        return self.view

    async def money(self, scope: Scope) -> Money:
        self.scopes.append(scope)
        if self.spent is None:
            raise ConnectionError("a row of finance could not be read")
        return self.spent


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def address(fleet: Fleet, store: Store, tmp_path: Path) -> Iterator[str]:
    with serving(an_app(an_entrance(tmp_path), store, live=fleet.live, money=fleet.money)) as at:
        yield at


def page(address: str, path: str = "/") -> str:
    return ask(address, "GET", path, bearing(MAPS)).body.decode()


def test_clusters_are_shown_with_what_was_not_seen() -> None:
    """Their names and whether figures of them are complete; why not is for those who run them."""
    old = replace(GAP, from_at=NOW - 50 * HOUR, to_at=NOW - 49 * HOUR)
    clusters = [a_cluster("prod-hz", gaps=[GAP, old]), a_cluster("prod-sh", ready=False, detail="secret-host refuses")]
    found = department_now(a_view(clusters=clusters), TWO, None, NOW)

    assert [(one.name, one.ready, len(one.gaps)) for one in found.clusters] == [
        ("prod-hz", True, 1),
        ("prod-sh", False, 0),
    ]
    assert (found.departments, found.money) == (["maps", "navigation"], None)
    assert "secret-host" not in found.model_dump_json()
    assert "expired" not in found.model_dump_json()


def test_why_money_is_unknown_is_not_shown(fleet: Fleet, address: str) -> None:
    """The store's own words may quote what it was reading."""
    found = department_now(a_view(), TWO, UnknownMoney("finance"), NOW)

    assert found.money is not None
    assert (found.money.known, found.money.detail) == (False, NO_ANSWER)
    assert "Not known: the store could not be read." in page(address)
    assert "finance" not in page(address)


def test_the_page_has_the_money_of_the_departments(fleet: Fleet, address: str) -> None:
    """Read for their scope; no line claims that nothing is unallocated."""
    fleet.spent = Money(day="2026-11-22", at=NOW, spent=())
    assert "No cost yet on 2026-11-22." in page(address)
    assert {*fleet.scopes} == {of_departments(["maps"])}


def test_the_page_notes_what_is_not_final(fleet: Fleet, address: str) -> None:
    """As the live page does."""
    spent = Spent(department="maps", currency="CNY", cost=None, accruing=True, unpriced_pods=1)
    fleet.spent = Money(day="2026-11-22", at=NOW, spent=(spent,))
    fleet.view = a_view(clusters=[a_cluster("prod-hz", gaps=[GAP]), a_cluster("prod-sh", ready=False)])
    found = page(address)

    assert "still running, 1 pod without a price" in found
    assert "no price known" in found
    assert "pods not seen from" in found
    assert "not everything is seen at present" in found
    assert "unallocated" not in found


def test_a_server_without_money_store_and_clusters_has_a_page(tmp_path: Path) -> None:
    """With what there is."""
    entrance = an_entrance(tmp_path)
    with serving(an_app(entrance, live=lambda: a_view(clusters=[]), money=None, history=None)) as at:
        found = page(at)

    assert "No cluster is watched." in found
    assert "Money today" not in found
    assert 'class="search"' not in found


def test_a_queue_has_no_depth_of_others(store: Store, address: str) -> None:
    """It says so, and does not claim that nothing waits."""
    store.of_queue = lambda steps: StoredQueue(steps=steps)
    found = page(address, "/queues/prod-hz/perception/nightly")

    assert "nightly on prod-hz: of yours, in the last 6 hours nothing arrived." in found
    assert "How many wait is counted for all departments together, and is not shown." in found
    assert "492" not in found


@pytest.mark.parametrize("path", ["/workflows/w1", "/api/v1/workflows/w1"])
def test_an_error_of_the_store_is_not_quoted(store: Store, address: str, path: str) -> None:
    """Its error may quote a row."""
    store.failure = ConnectionError("a row of finance could not be read")
    answer = ask(address, "GET", path, bearing(MAPS))

    assert answer.status == 503
    assert NO_ANSWER in answer.body.decode()
    assert "finance" not in answer.body.decode()


def test_the_page_needs_no_script(address: str) -> None:
    """And holds none."""
    assert "<script" not in page(address)
    assert get(f"{address}/static/pages.css").status == 200
