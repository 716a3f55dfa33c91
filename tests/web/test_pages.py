"""The frame of the pages: what a reader sees of what is not there, and of a store without an answer."""

import asyncio
from collections.abc import Iterator
from html import unescape

import pytest
from msgspec.structs import replace

from collector.catalog.counters import Counters
from collector.core.history.workflow import (
    NamedWorkflow,
    OtherAttempt,
    StoredWorkflow,
)
from collector.core.queue.managers.queues import QueuePosition
from collector.web.app import create_app
from collector.web.history import NameSought, NoAnswerError, answered
from tests.builders import NOON, a_pod_run
from tests.reports.stored import a_live_row, a_step_run
from tests.web.fleet import HOSTILE, NOW, a_view
from tests.web.history import Store, a_charge, a_class_cost, a_workflow, another
from tests.web.serving import Answer, get, serving


async def no_metrics(*_: object) -> tuple[bytes, dict[str, str]]:
    return b"", {}


def a_place(cluster: str, uid: str) -> QueuePosition | None:
    """One workflow is held."""
    return QueuePosition("kueue", "team-a", 3, 12) if (cluster, uid) == ("c1", "l1") else None


@pytest.fixture
def store() -> Store:
    return Store(a_workflow())


@pytest.fixture
def address(store: Store) -> Iterator[str]:
    app = create_app(
        live=a_view, counters=Counters(), metrics=no_metrics, history=store.of, places=a_place, now=lambda: NOW
    )
    with serving(app) as served:
        yield served


def text(answer: Answer) -> str:
    return unescape(answer.body.decode())


def test_what_is_not_there_has_a_remedy(address: str) -> None:
    """404 as a page, and as JSON below /api/, both with a remedy."""
    page, api = get(f"{address}/workflows/nope"), get(f"{address}/api/v1/workflows/nope")

    assert (page.status, api.status) == (404, 404)
    assert page.headers["content-type"].startswith("text/html")
    assert "The store does not know workflow nope." in text(page)
    assert "Look it up in Argo by its uid" in text(page)
    assert api.json()["detail"] == "The store does not know workflow nope"
    assert "retention" in api.json()["remedy"]


def test_an_attempt_that_is_not_there_is_named(address: str) -> None:
    """The workflow is known, and the page must not say otherwise."""
    assert "attempt 7 of workflow w1" in text(get(f"{address}/workflows/w1?attempt=7"))


def test_a_silent_store_is_a_page_of_its_own(address: str, store: Store) -> None:
    """503 with the reason and the remedy; secrets in the reason are taken out."""
    store.failure = ConnectionError("http://me:secret@clickhouse:8123 refused the connection\nwith a trace")

    page, api = get(f"{address}/workflows/w1"), get(f"{address}/api/v1/workflows/w1")

    assert (page.status, api.status) == (503, 503)
    assert "the store could not be read: http://…@clickhouse:8123 refused the connection." in text(page)
    assert "trace" not in text(page)
    assert "/readyz" in text(page)
    assert api.json()["remedy"].startswith("Reload")


async def test_a_page_waits_for_a_few_seconds_only() -> None:
    """A reader would otherwise look at a blank page for a minute."""
    with pytest.raises(NoAnswerError, match=r"did not answer within 0\.01 s"):
        await answered(asyncio.sleep(60), patience_s=0.01)


def test_names_of_others_are_text(address: str) -> None:
    """What a request names stands in the page as it is, never as markup."""
    quoted = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    page = get(f"{address}/workflows/{quoted}")

    assert page.status == 404
    assert b"<img src=x" not in page.body
    assert b"&lt;img src=x onerror=alert(1)&gt;" in page.body
    assert HOSTILE[:10] not in page.body.decode()


def test_pages_have_the_strict_policy(address: str) -> None:
    """No inline script and no inline style, so nothing in a name could run."""
    page = get(f"{address}/workflows/w1")

    assert page.status == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert b" style=" not in page.body
    assert b"<script" not in page.body


def named(uid: str, name: str) -> NamedWorkflow:
    return NamedWorkflow(
        uid=uid, cluster="c1", namespace="team", name=name, template="train", created_at=NOON, state="lock", live=True
    )


def test_a_search_leads_to_the_only_workflow(address: str, store: Store) -> None:
    """By a whole name, by its beginning, or by its uid; a link names the place too."""
    store.found = [named("w1", "train-x"), named("u2", "train-xy")]
    exact = get(f"{address}/workflows?name=train-x")
    place = get(f"{address}/workflows?name=train-x&cluster=c1&namespace=team")
    store.found = [named("w1", "train-x")]
    begins = get(f"{address}/workflows?name=%20trai%20")

    assert all("<h1>w1</h1>" in text(answer) for answer in (exact, place, begins))
    assert store.questions[0] == (NameSought("train-x", "", "", ["prod-hz"]),)
    assert NameSought("train-x", "c1", "team", ["prod-hz"]) in [question[0] for question in store.questions]
    assert NameSought("trai", "", "", ["prod-hz"]) in [question[0] for question in store.questions]


def test_a_search_lists_what_it_may_mean(address: str, store: Store) -> None:
    """The reader chooses; names of others are text."""
    store.found = [named("w1", "train-x"), named("a/b", HOSTILE)]
    page = get(f"{address}/workflows?name=tra")

    assert page.status == 200
    assert b'href="/workflows/a%2Fb"' in page.body
    assert b"<img src=x" not in page.body
    assert "lock" in text(page)


def test_a_search_for_nothing_asks_nothing(address: str, store: Store) -> None:
    """And says what to enter, or what was not found."""
    empty, none = get(f"{address}/workflows?name=%20"), get(f"{address}/workflows?name=zzz")

    assert "Enter a name" in text(empty)
    assert "No workflow of the last 30 days" in text(none)
    assert len(store.questions) == 1


def a_failed_workflow() -> StoredWorkflow:
    """One with every part that a page may have."""
    shown = replace(
        a_workflow().shown,
        outcome="failed",
        reason="exit_1",
        message="boom",
        deciding_step="fit",
        deciding_node="fit",
        pods=2,
        complete=False,
        trace_id="ab" * 16,
        priority=5,
        creator="ann",
    )
    return a_workflow(
        shown=shown,
        attempts=[OtherAttempt(1, "failed", "exit_1", NOON, NOON), OtherAttempt(2, "succeeded", "", NOON, NOON)],
        steps=[a_step_run("fit", critical=True, phase="Failed", exit_code=3, message="m"), a_step_run("side")],
        step_count=5000,
        pods=[a_pod_run(node_id="fit", hint="FailedScheduling: no node"), a_pod_run(uid="p2", node_id="gone")],
        pod_count=2,
        costs=[a_class_cost(None, money_class="failed", unpriced_pods=2, accruing=True)],
        charges=[a_charge("p1", None)],
        others=[another("w1", 100, "failed"), replace(another("w0", 90), attempt=2)],
    )


def test_a_workflow_page_has_every_part(address: str, store: Store) -> None:
    """Attempts, the message, the gap, times, other runs, steps, money and pods; what is critical is also a word."""
    store.workflows = (a_failed_workflow(),)

    page = text(get(f"{address}/workflows/w1?rows=1"))

    for part in (
        "failed: exit 1",
        "boom",
        "attempt 2: succeeded",
        "A gap or a restart",
        "From submission to end",
        "no price known",
        "a rule",
        "FailedScheduling: no node",
        "critical path:",
        "1 of 5,000",
        "show 2",
        "of 2: failed ones first",
        "alibaba-eci",
        "ababab",
        "decided the outcome",
        "exit code 3",
        "attempt 2",
        "accruing",
    ):
        assert part in page, part
    assert "not charged" in text(get(f"{address}/workflows/w1"))


def test_a_live_workflow_page_names_what_is_not_known_yet(address: str, store: Store) -> None:
    """Steps come at its end; so far nothing was charged."""
    row = replace(
        a_live_row("l1", "lock", "team/Mutex/gpu"), waiting_words="limit 1, held by 1: team/other", progress="1/9"
    )
    store.workflows = (StoredWorkflow(shown=row, live_attempt=1),)

    page = text(get(f"{address}/workflows/l1"))

    assert "waiting: lock" in page
    assert "limit 1, held by 1: team/other" in page
    assert "Steps are recorded when the workflow finishes" in page
    assert "Nothing was charged yet" in page
    assert "position 3 of 12 in the queue team-a of kueue" in page
    assert get(f"{address}/api/v1/workflows/l1").json()["place"]["position"] == 3
    assert "1/9" in page


def test_the_json_has_the_figures_of_the_page(address: str) -> None:
    """The same sentence and the same times."""
    found = get(f"{address}/api/v1/workflows/w1").json()

    assert found["sentence"] in text(get(f"{address}/workflows/w1"))
    assert sum(part["ms"] for part in found["times"]) == found["length_ms"]
