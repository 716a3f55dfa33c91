"""The live page in a real browser, against a real server with a fleet that tests change."""

import re

import msgspec
import pytest
from selenium.webdriver import Chrome

from collector.catalog.colours import REASONS
from collector.core.live_view import ReplicaHealth, ShardHolder
from collector.core.model import BEFORE_WORK
from tests.web.browser import Page
from tests.web.fleet import (
    HOSTILE,
    HOUR,
    MINUTE,
    a_cluster,
    a_store,
    a_view,
    a_watch,
    some_money,
    waiting,
)
from tests.web.opened import NEVER_MS, Fleet, page_of


def rows(page: Page) -> list[str]:
    """The queues table, one text for each row."""
    return page.texts("#queue-rows tr")


def test_the_figures_are_those_of_the_fleet(page: Page) -> None:
    """Totals, clusters, queues, reasons and money are on the page as the API gives them."""
    assert page.text("#total-waiting") == "3,806"
    assert page.text("#total-running") == "3,913"
    assert page.text("#total-begun") == "283"
    assert page.text("#total-oldest").startswith("1 d 03 h")
    assert page.text("#total-oldest-in") == "staging · sandbox"
    assert page.texts("#total-spent .amount") == ["18,450.10\nCNY, accruing", "12,649.41\nUSD, accruing"]
    assert page.texts(".legend .count") == ["655", "0", "2,829", "261", "61"]
    assert len(page.texts("#clusters .card")) == 5
    assert len(rows(page)) == 10
    assert page.run("return document.title") == "3,806 waiting · Lynceus"


def test_a_queue_shows_where_how_many_why_and_how_long(page: Page) -> None:
    """One row answers four questions: how many wait, since when, why, and whether the queue moves."""
    first = rows(page)[0]

    assert all(words in first for words in ("prod-hz", "perception / nightly-training", "1,492", "2 h 14 m"))
    assert "1,412 throttled" in first
    assert "80 lock" in first


def test_a_bar_is_as_long_as_the_queue_is_deep_and_parted_as_its_reasons_are(page: Page) -> None:
    """Lengths can be compared down the column, and parts with their legend."""
    track, bar, first, second = page.run(
        """const bar = document.querySelector("#queue-rows tr:nth-child(3) .bar");
        return [bar.parentElement, bar, ...bar.children].map((node) => node.getBoundingClientRect().width)"""
    )[:4]

    assert bar / track == pytest.approx(824 / 1492, abs=0.02)
    assert first / second == pytest.approx(733 / 51, rel=0.1)


def test_a_reason_has_one_colour_in_bars_and_legend(page: Page) -> None:
    """That of the catalogue; locks and volumes have a pattern as well, for who does not see the colour."""
    shown = page.run(
        """return [...document.querySelectorAll("#fleet-bar > span, .legend .swatch")].map((node) => {
          const { backgroundColor: colour, backgroundImage: pattern } = getComputedStyle(node);
          return [node.className.match(/r-(\\w+)/)[1], colour, pattern.includes("gradient")];
        })"""
    )

    assert {reason: (_hex(colour), patterned) for reason, colour, patterned in shown} == {
        reason: (REASONS[reason], reason in ("lock", "volume")) for reason in BEFORE_WORK
    }


def _hex(rgb: str) -> str:
    return "#" + "".join(f"{int(channel):02x}" for channel in re.findall(r"\d+", rgb)[:3])


def test_a_cluster_in_trouble_shows_the_reason_and_the_remedy(page: Page) -> None:
    """The card has the reason, the list of problems the remedy, and its figures are marked as incomplete."""
    [card] = page.texts("#clusters .card.bad")

    assert "edge-osaka" in card
    assert "not ready" in card
    assert "the token may not list pods" in card
    assert "figures are incomplete" in card
    assert "grant get, list and watch" in page.text("#problems")
    assert page.text("#pulse") == "live, 1 problem"


def test_incidents_of_controllers_are_shown(page: Page) -> None:
    """Two kills differ from none and from a controller that was never observed."""
    cards = page.texts("#clusters .card")

    assert "controller: 0 OOM kills" in cards[0]
    assert "controller: 2 OOM kills" in cards[1]
    assert "controller not seen" in cards[4]


def test_workflows_that_began_and_do_not_run_are_shown_by_reason(page: Page) -> None:
    """Each with its count, its meaning and the longest time."""
    quota = next(text for text in page.texts("#begun li") if text.startswith("quota"))

    assert quota.split("\n") == [
        "quota",
        "64",
        "a resource quota or an elastic quota is used up",
        "47 m 00 s",
    ]


def test_money_is_shown_by_department_with_unallocated_always(page: Page) -> None:
    """Unallocated is shown even if it is 0; the smallest amount is not rounded to 0."""
    cny, usd = page.texts("#money > div")

    assert cny.split("\n")[0] == "18,450.10 CNY accruing"
    assert "maps\n< 0.01\n< 1 %" in cny
    assert "unallocated\n0.00\n0 %" in cny
    assert "perception\naccruing, 3 pods without a price\n3,411.20\n27 %" in usd
    assert "unallocated" in usd


def test_the_cost_of_running_pods_is_shown_per_hour(page: Page) -> None:
    """The sum of all clusters, and the number of pods without a price."""
    assert page.texts("#money-running") == ["running now: 499.90 USD per hour, 7,500 pods, 3 of them without a price"]


def test_watches_and_store_are_shown(page: Page) -> None:
    """The footer shows whether the figures above are complete and up to date."""
    table = page.text("#watches")

    assert "1,204 objects" in table
    assert "refused" in table
    assert "1,840 rows in the spool (64 KiB)" in page.text("#store")


def test_the_page_follows_the_fleet(page: Page, fleet: Fleet) -> None:
    """Without a reload, new figures and queues appear, and ended ones disappear."""
    fleet.view = a_view(queues=[waiting(("prod-hz", "maps", "fresh"), "lock", 7, HOUR)])

    page.shows("#total-waiting", "7")
    assert len(rows(page)) == 1
    assert "maps / fresh" in rows(page)[0]
    assert "7 lock" in rows(page)[0]
    assert page.texts("#clusters h3") == ["prod-hz\nready"]
    assert not page.chrome.find_element("id", "problems").is_displayed()


def test_ages_tick_between_answers(chrome: Chrome, fleet: Fleet) -> None:
    """A wait grows between two requests."""
    fleet.view = a_view(queues=[waiting(("prod-hz", "maps", "fresh"), "lock", 7, 30_000)])
    with page_of(chrome, fleet, NEVER_MS) as page:
        before = int(page.text("#queue-rows .c-oldest").removesuffix(" s"))

        page.shows("#queue-rows .c-oldest", f"{before + 2} s")


def test_a_silent_server_makes_the_page_stale_and_it_recovers(page: Page, fleet: Fleet) -> None:
    """The page shows since when it has no answer, stops counting, and continues with the next answer."""
    fleet.answers = False
    page.shows("#pulse", "stale since ")
    assert re.search(r"stale since \d\d:\d\d:\d\d", page.text("#pulse"))
    assert page.run("return document.body.classList.contains('stale')")
    assert page.text("#total-waiting") == "3,806"

    fleet.answers = True
    page.shows("#pulse", "live")
    assert not page.run("return document.body.classList.contains('stale')")


def test_unknown_money_is_unknown(chrome: Chrome, fleet: Fleet) -> None:
    """Without an answer of the store, the reason is shown, and no figure that could be read as 0."""
    fleet.spent = None
    with page_of(chrome, fleet) as page:
        assert page.text("#total-spent") == "unknown"
        assert "clickhouse:8123 refused the connection" in page.text("#money-unknown")
        assert page.text("#money") == ""


def test_a_day_without_charges_is_not_unknown(chrome: Chrome, fleet: Fleet) -> None:
    """The store answered that there is no cost yet."""
    fleet.spent = msgspec.structs.replace(some_money(), spent=())
    with page_of(chrome, fleet) as page:
        assert "nothing charged yet" in page.text("#total-spent")
        assert "No cost yet today" in page.text("#no-money")
        assert not page.chrome.find_element("id", "money-unknown").is_displayed()


def test_a_standby_names_the_replica_that_watches(page: Page, fleet: Fleet) -> None:
    """It has nothing to show, and nothing is missing in its settings."""
    fleet.view = a_view(clusters=[], queues=[], replica=ReplicaHealth("a", "", "", [ShardHolder(0, False, "b")]))
    page.shows("#replica", "standby; shard 0 is held by b")
    assert not page.chrome.find_element("id", "no-clusters").is_displayed()


def test_an_empty_fleet_explains_itself(page: Page, fleet: Fleet) -> None:
    """A first start shows what to do, and a calm evening shows calm."""
    fleet.view = a_view(clusters=[], queues=[])
    page.shows("#no-clusters", "No cluster is watched yet")
    assert page.text("#no-queues") == "No cluster is watched here yet, so no queue is known."

    fleet.view = a_view(queues=[])
    page.shows("#no-queues", "No workflow is waiting.")
    assert not page.chrome.find_element("id", "replica").is_displayed()
    assert page.text("#total-oldest") == "none"
    assert not page.chrome.find_element("id", "queues").is_displayed()
    assert not page.chrome.find_element("id", "begun-section").is_displayed()


def test_hostile_names_are_shown_as_text(chrome: Chrome, fleet: Fleet) -> None:
    """Any name of a cluster, queue, department or error is only text on the page, and never runs."""
    view = a_view(
        clusters=[a_cluster(HOSTILE, ready=False, detail=HOSTILE, watches=[a_watch(HOSTILE, HOSTILE, state=HOSTILE)])],
        queues=[
            waiting((HOSTILE, HOSTILE, "q" + HOSTILE), HOSTILE, 5, MINUTE),
            waiting((HOSTILE, HOSTILE, "q" + HOSTILE), "quota", 5, MINUTE, begun=True),
        ],
        store=a_store(reachable=False, detail=HOSTILE),
    )
    first = some_money().spent[0]
    spent = msgspec.structs.replace(first, department=HOSTILE, currency=HOSTILE)
    fleet.view, fleet.spent = view, msgspec.structs.replace(some_money(), spent=(spent,), detail=HOSTILE)
    with page_of(chrome, fleet) as page:
        # `<` and what follows would be gone from any text that was read as markup.
        for css in ("#queue-rows", "#clusters", "#problems", "#watches", "#store", "#money", "#money-unknown"):
            assert "<img src=x onerror=alert(1)>" in page.text(css), css
        assert page.run("return document.querySelectorAll('main img, footer img').length") == 0
        assert page.console() == []


def test_sixty_queues_and_very_long_names_fit(chrome: Chrome, fleet: Fleet) -> None:
    """Names break or are cut, with their whole in a tooltip; the page never scrolls sideways."""
    name = "a-very-long-name-that-goes-on-" * 8
    queues = [waiting((f"{name}{i % 3}", f"{name}{i}", f"{name}{i}"), "lock", i + 1, i * MINUTE) for i in range(60)]
    fleet.view = a_view(clusters=[a_cluster(f"{name}{i}") for i in range(3)], queues=queues)
    with page_of(chrome, fleet) as page:
        assert len(rows(page)) == 20
        page.chrome.find_element("css selector", "[data-more=queues]").click()
        assert len(rows(page)) == 60
        for width in (400, 768, 1440, 2560):
            page.emulate(width)
            assert page.run("return document.documentElement.scrollWidth") <= width
        assert name in page.run("return document.querySelector('#queue-rows .c-cluster').title")


def test_queues_can_be_sorted_and_filtered(page: Page) -> None:
    """The deepest first, the oldest first on demand, and any part of a name narrows them down."""
    depths = page.texts("#queue-rows .c-depth")
    page.chrome.find_element("css selector", "[data-sort=oldest_age_ms] button").click()
    oldest_first = page.texts("#queue-rows .c-queue")
    page.chrome.find_element("id", "filter").send_keys("MAPS/ti")

    assert depths[:3] == ["1,492", "852", "824"]
    assert oldest_first[:2] == ["sandbox", "perception / nightly-training"]
    assert page.texts("#queue-rows .c-queue") == ["maps / tiles"]
    assert page.text("#queues-shown") == "1 of 10"
    assert page.run("return document.querySelector('[aria-sort=descending]').dataset.sort") == "oldest_age_ms"


def test_only_our_own_server_gets_requests_and_the_console_is_silent(page: Page, fleet: Fleet) -> None:
    """No font, script, picture or beacon from elsewhere, no policy violation, no error."""
    fleet.view = a_view()
    page.shows("#total-waiting", "492")
    requests = page.requests()
    origin = page.run("return location.origin")

    assert {f"{origin}/static/live.css", f"{origin}/static/draw.js", f"{origin}/api/v1/live?sentences=en"} <= requests
    assert [address for address in requests if not address.startswith(f"{origin}/")] == []
    assert page.console() == []


def test_the_policy_holds_in_the_browser(page: Page) -> None:
    """An inline script is refused, whatever its origin."""
    page.run(
        """const script = document.createElement("script");
        script.textContent = "document.title = 'pwned'";
        document.body.append(script);"""
    )

    assert page.run("return document.title") != "pwned"
    assert any("Content Security Policy" in message for message in page.console())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1440])
def test_every_text_can_be_read(page: Page, scheme: str, width: int) -> None:
    """WCAG 2 AA contrast in both themes, on a telephone and on a desk."""
    page.emulate(width, scheme)

    assert page.faint_texts() == []


def test_the_judge_of_contrast_sees_faint_text(page: Page) -> None:
    """Otherwise the rule above would hold for any page."""
    page.run("document.getElementById('scope').style.color = '#bbb'")

    assert [text.split(" ", 1)[1] for text in page.faint_texts()] == ["5 clusters"]


def test_the_judge_of_contrast_sees_faint_marks(page: Page) -> None:
    """Parts of bars, swatches and shapes of a chart are judged, by their fill or their ground."""
    page.run(
        """document.documentElement.style.setProperty("--r-throttled", "#bbd");
        document.querySelector("main").insertAdjacentHTML(
          "beforeend", '<svg width="9" height="9"><rect class="r-lock" width="9" height="9" fill="#eee"/></svg>')"""
    )

    assert {text.split(" ", 1)[1] for text in page.faint_texts()} == {"r-throttled", "r-lock"}


def test_the_page_can_be_used_without_seeing_it(page: Page) -> None:
    """Totals are spoken politely, tables have headers, every control has a name, headings do not skip a level."""
    assert page.run("return document.querySelector('[aria-live=polite]').textContent") == (
        "3,806 waiting, 3,913 running, 283 begun and not running."
    )
    assert page.run("return [...document.querySelectorAll('table thead th')].every((th) => th.scope === 'col')")
    assert page.run("return [...document.querySelectorAll('#watch-rows th')].every((th) => th.scope === 'row')")
    assert page.run("return document.querySelector('#filter').labels.length") == 1
    assert page.run("return document.documentElement.lang") == "en"


def test_without_script_the_page_shows_where_the_figures_are(page: Page) -> None:
    """A reader without JavaScript sees where the same figures are."""
    assert "/api/v1/live" in page.run("return document.querySelector('noscript').textContent")
