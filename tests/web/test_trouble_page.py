"""Flows, limits, locks, stuck and cron workflows, and controllers on the live page, in a real browser."""

import pytest
from selenium.webdriver import Chrome, Keys

from collector.core.live_view import QueueFlow
from collector.core.workflow.stuck import REMEDIES
from tests.web.browser import Page
from tests.web.fleet import (
    GIB,
    HOSTILE,
    MINUTE,
    NOW,
    a_cluster,
    a_controller,
    a_cron,
    a_flow,
    a_lock,
    a_stuck,
    a_view,
    a_watch,
    some_slots,
    waiting,
)
from tests.web.opened import NEVER_MS, Fleet, page_of


def test_a_queue_shows_whether_it_drains(page: Page) -> None:
    """The state is shown as text; "not draining" is a state, not a missing figure."""
    flows = dict(zip(page.texts("#queue-rows .c-queue"), page.texts("#queue-rows .c-flow"), strict=True))

    assert flows["perception / nightly-training"] == "not draining\n40 in, 0 began"
    assert flows["autonomy / replay"] == "drains in 4 min\n120 in, 1,065 began"
    assert flows["maps / tiles"] == "growing\n610 in, 420 began"
    assert flows["autonomy / regression"] == "drains in 4 h\n0 in, 3 began"
    assert flows["ci"] == "drains in < 1 min\n44 in, 47 began"
    assert flows["ingest"] == "–"


def test_after_a_restart_a_queue_is_being_measured(page: Page, fleet: Fleet) -> None:
    """No alarm is shown that a minute later would be wrong."""
    flow = QueueFlow(
        cluster="prod-hz",
        namespace="perception",
        queue="nightly",
        depth=492,
        window_s=20.0,
        arrivals=3,
        starts=0,
        drain_s=None,
        state="not_draining",
    )
    fleet.view = a_view(flows=[flow])

    page.shows("#queue-rows .c-flow", "measuring")


def test_slots_say_what_fills_them(page: Page) -> None:
    """Workflows that occupy a slot without running count too; a limit that could not be read is unknown."""
    rows = page.texts("#slots li")

    assert rows[0].split("\n") == [
        "perception",
        "prod-hz",
        "2,390 of 2,500",
        "includes 80 waiting for a lock, 4 suspended; 1,476 throttled",
        "96 %",
    ]
    assert rows[2].startswith("whole installation\nprod-sh\n1,503 of 2,000")
    assert "limit not known" in rows[4]
    assert len(rows) == 5


def test_locks_say_who_holds_them(page: Page) -> None:
    """With the limit if it is known, the longest wait, and holders that cannot go on by themselves."""
    mutex, semaphore, database = page.texts("#locks li")

    assert mutex.split("\n") == [
        "Mutex/replay-map",
        "prod-sh · autonomy",
        "141 wait",
        "mutex, 1 of 1 held; no holder runs; held by autonomy/regression-9d/step-3",
        "1 h 24 m",
    ]
    assert (
        "8 of 8 held; 2 holders run nothing; held by perception/train-7f2, perception/train-8c1 and 6 more" in semaphore
    )
    assert semaphore.startswith("locks/gpu-a100\nprod-hz · perception")
    assert "semaphore, limit not known, no holder known" in database


def test_stuck_workflows_show_cause_message_and_advice(page: Page) -> None:
    """The figure at the top leads there."""
    rows = page.texts("#stuck li")

    assert page.text("#total-stuck") == "12 of them stuck"
    assert page.run("return document.querySelector(document.getElementById('total-stuck').hash).id") == "stuck-section"
    assert rows[0].startswith("replay-0090\nprod-sh · autonomy\nno pod task result\n")
    assert "exceeded quota: compute" in rows[1]
    assert REMEDIES["quota"] in rows[1]
    assert rows[0].endswith("3 h 00 m")
    assert len(rows) == 5


def test_all_can_be_shown_by_keyboard_and_few_again(page: Page) -> None:
    """A long list opens on demand, with a button that shows whether it is open."""
    button = page.chrome.find_element("css selector", "[data-more=stuck]")
    button.send_keys(Keys.ENTER)
    opened = (len(page.texts("#stuck li")), button.get_attribute("aria-expanded"), button.text)
    button.send_keys(Keys.SPACE)

    assert opened == (12, "true", "show fewer")
    assert (len(page.texts("#stuck li")), button.get_attribute("aria-expanded")) == (5, "false")
    assert button.text == "show all 12"


def test_crons_that_missed_or_cannot_be_judged_are_shown(chrome: Chrome, fleet: Fleet) -> None:
    """Skipped runs and cron workflows without problems are shown on demand."""
    with page_of(chrome, fleet, NEVER_MS) as page:
        missed, unread = page.texts("#crons li")
        page.chrome.find_element("css selector", "[data-more=crons]").click()
        rest = page.texts("#crons li")[2:]

    assert "3 runs missed" in missed
    assert "due in 3 m 5" in missed or "due in 4 m 00 s" in missed
    assert "21 m 0" in missed
    assert "minute 61 is out of range" in unread
    assert "no run yet" in unread
    assert "2 skipped by its concurrency policy; 1 running now" in rest[0]
    assert "suspended" in rest[1]
    assert rest[2].startswith("nightly-training")


def test_what_is_due_comes_nearer_between_answers_and_passes(chrome: Chrome, fleet: Fleet) -> None:
    """The time until a run shrinks between two requests."""
    fleet.view = a_view(crons=[a_cron(missed=1, next_at=NOW + 2000)])
    with page_of(chrome, fleet, NEVER_MS) as page:
        page.shows("#crons .when", "due < 1 s ago")


def test_controllers_stand_in_their_clusters_card(page: Page) -> None:
    """The leader, its memory against the limit, and a crash loop are shown."""
    hz, sh, fra, osaka, staging = page.texts("#clusters .card")

    assert "leader ready\n30 % of 4.0 GiB" in hz
    assert "standby ready\n5 % of 4.0 GiB" in hz
    assert "92 % of 4.0 GiB" in sh
    assert page.run("return document.querySelectorAll('.controllers .near').length") == 1
    assert "controller ready\n1.2 GiB, no limit" in fra
    assert "controller not seen" not in fra
    assert "controller in a crash loop, 14 restarts" in osaka
    assert "controller not seen" in staging


def test_a_controller_that_is_not_ready_and_of_unknown_memory(page: Page, fleet: Fleet) -> None:
    """Unknown is a dash, never 0."""
    fleet.view = a_view(
        controllers=[a_controller(ready=False, memory_bytes=None, memory_limit_bytes=0, detail="its metrics: 403")]
    )

    page.shows(".controllers", "leader not ready\n–")
    assert page.run("return document.querySelector('.controllers li').title").endswith(": its metrics: 403")


def test_a_replica_that_is_down_is_no_standby(page: Page, fleet: Fleet) -> None:
    """Whether it will lead is not known."""
    fleet.view = a_view(controllers=[a_controller(ready=False, leader=False)])

    page.shows(".controllers", "controller not ready")


def test_a_calm_evening_is_one_quiet_line(page: Page, fleet: Fleet) -> None:
    """Empty sections are hidden."""
    idle = a_lock(waiting=0, held=1, oldest_since=None)
    fleet.view = a_view(locks=[idle], crons=[a_cron()], slots=[some_slots(limit=0)])

    page.shows("#quiet", "No workflow is stuck.")
    assert page.text("#quiet") == (
        "No workflow is stuck. 1 lock held, no workflow waits for one. No parallelism limit is known. "
        "1 cron workflow, none missed a run."
    )
    for section in ("stuck", "crons", "slots", "locks"):
        assert not page.chrome.find_element("id", f"{section}-section").is_displayed(), section
    assert page.text("#begun-meaning") == "work began, no main container"


def test_without_clusters_nothing_is_reported_as_good(page: Page, fleet: Fleet) -> None:
    """Nothing was observed."""
    fleet.view = a_view(clusters=[], queues=[])

    page.shows("#no-clusters", "No cluster is watched yet")
    assert not page.chrome.find_element("id", "quiet").is_displayed()


def test_a_right_that_was_left_out_is_no_alarm(page: Page, fleet: Fleet) -> None:
    """It is shown only among the watches; figures that do not need the kind are complete."""
    refused = a_watch("prod-hz", "events", state="refused", synced=False, needed=False, detail="403 Forbidden")
    absent = a_watch("prod-hz", "cronworkflows", state="absent", synced=False, needed=False)
    fleet.view = a_view(clusters=[a_cluster("prod-hz", watches=[a_watch("prod-hz"), refused, absent])])

    page.shows("#watches", "not served")
    assert "refused" in page.text("#watches")
    assert page.texts("#watches .bad") == page.texts("#clusters .incomplete") == []
    assert not page.chrome.find_element("id", "problems").is_displayed()
    assert page.text("#pulse") == "live"


def test_a_slot_and_a_lock_of_one_row_each_have_no_button(page: Page, fleet: Fleet) -> None:
    """Nothing more is there to be shown."""
    fleet.view = a_view(slots=[some_slots()], locks=[a_lock()])

    page.shows("#total-waiting", "492")
    buttons = page.chrome.find_elements("css selector", "[data-more]")
    assert [button for button in buttons if button.is_displayed()] == []


def test_hostile_names_are_text_here_too(chrome: Chrome, fleet: Fleet) -> None:
    """Names of locks, holders, messages, schedules and pods are foreign input."""
    fleet.view = a_view(
        clusters=[a_cluster(HOSTILE)],
        queues=[waiting((HOSTILE, HOSTILE, HOSTILE), "lock", 5, MINUTE)],
        flows=[a_flow((HOSTILE, HOSTILE, HOSTILE), 5, 1, 1)],
        slots=[some_slots(cluster=HOSTILE, namespace=HOSTILE, source=HOSTILE)],
        locks=[a_lock(cluster=HOSTILE, name=HOSTILE, kind=HOSTILE, holders=(HOSTILE,))],
        stuck=[a_stuck(cluster=HOSTILE, name=HOSTILE, cause=HOSTILE, words=HOSTILE)],
        crons=[a_cron(cluster=HOSTILE, name=HOSTILE, schedule=HOSTILE, timezone=HOSTILE, problem=HOSTILE)],
        controllers=[a_controller(HOSTILE, pod=HOSTILE, detail=HOSTILE)],
    )
    with page_of(chrome, fleet) as page:
        for css in ("#slots", "#locks", "#stuck", "#crons"):
            assert "<img src=x onerror=alert(1)>" in page.text(css), css
        assert page.run("return document.querySelectorAll('main img').length") == 0
        assert page.console() == []


@pytest.mark.parametrize("width", [400, 1280, 1920])
def test_very_long_names_fit_here_too(chrome: Chrome, fleet: Fleet, width: int) -> None:
    """The page never scrolls sideways."""
    name = "a-very-long-name-that-goes-on-" * 8
    fleet.view = a_view(
        slots=[some_slots(namespace=name)],
        locks=[a_lock(name=f"{name}/ConfigMap/{name}/{name}", holders=(name, name))],
        stuck=[a_stuck(name=name, namespace=name, words=name)],
        crons=[a_cron(name=name, schedule=name, missed=10**9)],
        controllers=[a_controller(memory_bytes=4000 * GIB)],
    )
    with page_of(chrome, fleet) as page:
        page.emulate(width)

        assert page.run("return document.documentElement.scrollWidth") <= width
