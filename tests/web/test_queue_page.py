"""The page and the JSON of a queue's history, over a real connection and in a browser."""

from collections.abc import Iterator
from html import unescape

import pytest
from selenium.webdriver import Chrome

from collector.catalog.counters import Counters
from collector.core.history.queue import (
    DepthInStep,
    LongWaiting,
    QueueLatencies,
    QueueStep,
    QueueTemplate,
    StepsOfTime,
    StoredQueue,
    UnseenDepth,
)
from collector.core.live_view import LiveView, LockUse, SlotUse
from collector.web.app import create_app
from collector.web.queue_history import PERIODS, steps_until
from tests.web.browser import Page
from tests.web.fleet import HOSTILE, HOUR, MINUTE, NOW, a_flow, a_view
from tests.web.history import Store
from tests.web.serving import get, serving
from tests.web.test_pages import no_metrics

PLACE = ("prod-hz", "perception", "nightly")
AT = "queues/prod-hz/perception/nightly"


WAITING = [
    LongWaiting(
        "u1",
        HOSTILE,
        "train",
        created_at=NOW - HOUR,
        reason="throttled",
        reason_since=NOW - MINUTE,
        on="",
        words="too many are running",
    ),
    LongWaiting(
        "u2",
        "b",
        "",
        created_at=NOW - MINUTE,
        reason="lock",
        reason_since=NOW - MINUTE,
        on="team/Mutex/gpu",
        words="",
    ),
]


def a_queue(steps: StepsOfTime) -> StoredQueue:
    """Two steps with something in them, a gap, and a workflow whose name is markup."""
    first, second = steps.starts[0], steps.starts[1]
    began = QueueStep(9, 4, QueueLatencies(12_000, 60_000, 90_000), {"succeeded": 3, "failed": 1})
    return StoredQueue(
        steps=steps,
        unseen=[
            UnseenDepth(steps.starts[2], steps.starts[4], "expired"),
            UnseenDepth(steps.starts[6], steps.starts[7], ""),
        ],
        depths=[
            DepthInStep(first, "", 7.5, 12),
            DepthInStep(first, "lock", 0.5, 2),
            DepthInStep(first, "throttled", 7.0, 11),
            DepthInStep(second, "", 40.0, 41),
            DepthInStep(second, "throttled", 40.0, 41),
        ],
        flow={first: began},
        whole=began,
        waiting=WAITING,
        templates=[
            QueueTemplate("train", 1000, 999, waiting=2, latency_p95=60_000),
            QueueTemplate("", 0, 0, waiting=1, latency_p95=None),
        ],
    )


class Fleet:
    """What the app knows; tests change it."""

    def __init__(self) -> None:
        self.view = a_view(
            flows=[a_flow(PLACE, 492, 60, 40)],
            slots=[
                SlotUse("prod-hz", "", 10, source="configmap", running=8, suspended=1, lock_waiting=1, throttled=412),
                SlotUse("prod-sh", "", 1, source="configmap", running=1, suspended=0, lock_waiting=0, throttled=9),
            ],
            locks=[
                LockUse(
                    "prod-hz",
                    "perception/Mutex/gpu",
                    "mutex",
                    limit=1,
                    held=1,
                    waiting=80,
                    oldest_since=NOW - MINUTE,
                    holders=("perception/w",),
                )
            ],
        )
        self.store = Store()
        self.store.of_queue = a_queue

    def live(self) -> LiveView:
        return self.view


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def address(fleet: Fleet) -> Iterator[str]:
    app = create_app(live=fleet.live, counters=Counters(), metrics=no_metrics, history=fleet.store.of, now=lambda: NOW)
    with serving(app) as served:
        yield served


def text(address: str) -> str:
    return unescape(get(address).body.decode())


def test_one_sentence_has_depth_reason_and_flow(address: str) -> None:
    """Before any chart."""
    assert (
        "nightly on prod-hz: 492 wait, 412 for parallelism, the oldest for 2 h 14 m; growing: 12/min arrive, 8.0/min start; "
        "in the last 6 hours 4 began, half of them within 12 s, 95 % within 1 m 00 s." in text(f"{address}/{AT}")
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"queues": []}, "nothing waits; in the last hour 4 began"),
        ({"flows": [a_flow(PLACE, 492, 60, 0)]}, "not draining: 12/min arrive, 0/min start"),
        ({"flows": [a_flow(PLACE, 492, 20, 41)]}, "drains in 1 h 00 m: 4.0/min arrive, 8.2/min start"),
        ({"flows": []}, "the oldest for 2 h 14 m; in the last hour"),
    ],
    ids=["empty", "stands", "drains", "not counted"],
)
def test_the_sentence_has_how_a_queue_moves(address: str, fleet: Fleet, change: dict[str, object], words: str) -> None:
    """A queue that stands differs from one that drains, and from one without any count."""
    fleet.view = a_view(**{"flows": [a_flow(PLACE, 492, 60, 40)], **change})

    assert words in get(f"{address}/api/v1/{AT}?period=1h").json()["sentence"]


@pytest.mark.parametrize(
    ("whole", "words"),
    [
        (QueueStep(), "in the last 24 hours nothing arrived."),
        (QueueStep(arrivals=2), "in the last 24 hours nothing began."),
        (QueueStep(arrivals=2, starts=2), "in the last 24 hours 2 began."),
    ],
    ids=["nothing", "arrivals", "no latency"],
)
def test_the_sentence_claims_nothing_about_what_is_not_known(
    address: str, fleet: Fleet, whole: QueueStep, words: str
) -> None:
    """No wait is known where nothing began."""
    fleet.store.of_queue = lambda steps: StoredQueue(steps=steps, whole=whole)

    assert get(f"{address}/api/v1/{AT}?period=24h").json()["sentence"].endswith(words)


def test_unseen_differs_from_empty_in_all_steps(address: str) -> None:
    """0 where nothing waited, null where nothing was seen."""
    found = get(f"{address}/api/v1/{AT}").json()
    steps = found["steps"]

    assert len(steps) == len(steps_until(NOW, "6h").starts)
    assert [step["waiting"] for step in steps[:6]] == [7.5, 40.0, None, None, 0.0, 0.0]
    assert steps[0]["reasons"] == {"throttled": 7.0, "lock": 0.5}
    assert (steps[0]["starts"], steps[1]["starts"]) == (4, 0)
    assert [one["cluster"] for one in found["slots"]] == ["prod-hz"]
    assert [one["name"] for one in found["locks"]] == ["perception/Mutex/gpu"]
    assert found["waiting"][0]["age_ms"] == HOUR
    assert found["now"]["depth"] == 492


@pytest.mark.parametrize("period", PERIODS)
def test_each_period_has_a_page(address: str, period: str) -> None:
    """The chosen one is marked; the others are links."""
    page = text(f"{address}/{AT}?period={period}")

    assert f'?period={period}" aria-current="page"' in page
    assert page.count("aria-current") == 1
    assert 55 <= len(steps_until(NOW, period).starts) <= 100


def test_every_name_leads_somewhere(address: str) -> None:
    """Workflows to their page, templates to theirs with the place kept."""
    page = text(f"{address}/{AT}")

    assert 'href="/workflows/u1"' in page
    assert 'href="/templates/train?cluster=prod-hz&namespace=perception"' in page
    assert "99.9 %" in page
    assert "team/Mutex/gpu" in page
    assert HOSTILE not in get(f"{address}/{AT}").body.decode()


def test_a_queue_that_only_the_live_view_knows_is_shown(address: str, fleet: Fleet) -> None:
    """It began to fill a moment ago."""
    fleet.store.of_queue = None

    assert "Nothing waits in the store yet; the live view counts 492." in text(f"{address}/{AT}")


def test_a_queue_that_nobody_knows_is_not_there(address: str, fleet: Fleet) -> None:
    """404 with a remedy."""
    fleet.store.of_queue = None
    page = get(f"{address}/queues/prod-hz/perception/nothing")

    assert page.status == 404
    assert "There is no queue nothing in namespace perception of cluster prod-hz." in unescape(page.body.decode())


def test_an_idle_queue_is_a_page_of_words(address: str, fleet: Fleet) -> None:
    """Empty charts have words, and no table without rows."""
    fleet.view = a_view(queues=[])
    fleet.store.of_queue = lambda steps: StoredQueue(steps=steps)
    page = text(f"{address}/{AT}")

    assert "Nothing waited in what was seen of this time." in page
    assert "Nothing waits." in page
    assert "Nothing waited, arrived, began or ended." in page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_can_be_read_everywhere(chrome: Chrome, address: str, width: int, scheme: str) -> None:
    """Contrast of texts and marks, nothing wider than the screen, every chart with a name and a table, no refused style."""
    page = Page(chrome, f"{address}/{AT}")
    page.emulate(width, scheme)

    assert page.faint_texts() == []
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.run("return [...document.querySelectorAll('svg[role=img]')].every((one) => one.ariaLabel)")
    assert page.run("return getComputedStyle(document.querySelector('.mark.r-throttled')).fill") == "rgb(51, 106, 182)"
    assert page.run("return [...document.querySelectorAll('th')].every((th) => th.scope)")
    assert page.console() == []
